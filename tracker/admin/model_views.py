"""The tables: coins, which can be named and hidden, and ticks, quotes and candles to look at.

A year has a million rows. So rows are not counted, only indexed columns are sorted and
searched, and a query ends after `QUERY_TIMEOUT_S`: while SQLite reads, the web stands still.
The store does the writing, in one transaction that begins as a writer.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, ClassVar, cast

from flask import Flask, flash
from flask_admin import Admin
from flask_admin.contrib.sqla import ModelView
from markupsafe import Markup
from sqlalchemy import Connection, and_, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session, scoped_session, sessionmaker
from wtforms import BooleanField, Form, StringField
from wtforms.validators import Length, Optional, ValidationError

from tracker.admin.audit_log import note
from tracker.config import Settings
from tracker.errors import StoreError
from tracker.services import services
from tracker.storage.models import CandleRow, CoinRow, QuoteRow, TickRow
from tracker.times import DAY_MS, iso

QUERY_TIMEOUT_S = 1.5
STEPS = 5000
"""SQLite instructions between two looks at the clock: well below a millisecond."""
MAX_PAGE = 500
"""The last page that can be reached: rows that are skipped are read, too."""


class Sessions(scoped_session[Session]):
    """One session per thread or greenlet, on the engine that the web has already.

    Flask-Admin accepts only what has a `session`.
    """

    @property
    def session(self) -> Sessions:
        """Return itself."""
        return self


def register(app: Flask, admin: Admin) -> None:
    """Add the views of all tables to *admin*; candles are those of the settings' market."""
    sessions = Sessions(sessionmaker(services(app).backend.engine))
    settings = services(app).settings
    admin.add_view(Coins(CoinRow, sessions, name="Coins", endpoint="coins"))
    admin.add_view(Ticks(TickRow, sessions, name="Ticks", endpoint="ticks"))
    admin.add_view(Quotes(QuoteRow, sessions, name="Quotes", endpoint="quotes"))
    admin.add_view(
        Candles(CandleRow, sessions, name="Candles", endpoint="candles", settings=settings)
    )

    @app.teardown_appcontext
    def end_session(_: BaseException | None) -> None:
        sessions.remove()


def _moment(view: Any, context: Any, row: Any, name: str) -> str:
    """Return the column's unix milliseconds as a time in UTC."""
    at = getattr(row, name)
    return "" if at is None else _in_one_line(iso(at))


def _in_one_line(text: str) -> Markup:
    return Markup('<span class="text-nowrap">{}</span>').format(text)


class Table(ModelView):  # type: ignore[misc]
    """A table to look at: newest first, page by page, searched by `found`."""

    can_create = can_edit = can_delete = can_view_details = can_export = False
    can_set_page_size = True
    page_size = 50
    page_size_options: ClassVar[tuple[int, ...]] = (20, 50, 100)
    simple_list_pager = True
    column_display_pk = True
    column_display_actions = False
    named_filter_urls = False
    list_template = "admin/table.html"
    about = ""
    """Shown above the table."""
    finds = "a coin's id"
    """What can be searched, shown in the empty field."""

    def scaffold_form(self) -> type[Form]:
        """Return a form without fields: there is nothing to be changed."""
        return cast(type[Form], self.form_base_class)

    def init_search(self) -> bool:
        """Say that there is a search."""
        return True

    def search_placeholder(self) -> str:
        """Return what the empty field of the search says."""
        return self.finds

    def found(self, term: str) -> Any:
        """Return the condition that *term* stands for."""
        return self.model.coin_id == term.strip().lower()

    def _apply_search(
        self, query: Any, count_query: Any, joins: Any, count_joins: Any, search: str
    ) -> Any:
        return query.filter(self.found(search)), count_query, joins, count_joins

    def get_list(self, page: int | None, *args: Any, **options: Any) -> Any:
        """Return the rows of a page; none, and why, when that takes too long."""
        page = min(max(page or 0, 0), MAX_PAGE)
        try:
            with _limited(self.session.connection()):
                return super().get_list(page, *args, **options)
        except DBAPIError:
            self.session.rollback()
            flash(f"That took longer than {QUERY_TIMEOUT_S} s. Search for less.", "warning")
            return None, []


class Coins(Table):
    """Coins, which can be renamed and hidden."""

    can_edit = True
    column_display_actions = True
    column_list = ("id", "symbol", "name", "display_name", "hidden")
    column_sortable_list = ("id", "symbol", "name", "hidden")
    column_default_sort = "id"
    finds = "id, symbol or name"
    edit_template = "admin/coin.html"
    about = (
        "A display name and hiding hold from the next tick on, for the page, the stream, the API "
        "and what is stored alike. A hidden coin's past stays and can be read by its id; "
        "no other coin takes its place."
    )

    def scaffold_form(self) -> type[Form]:
        """Return the form of what can be changed."""

        class Changes(self.form_base_class):  # type: ignore[misc, name-defined]
            display_name = StringField(
                "Display name",
                [Optional(), Length(max=200), _printable],
                filters=[lambda given: given.strip() if given else None],
                description="Shown in place of the source's name. Empty: the source's.",
            )
            hidden = BooleanField("Hidden", description="In no tick from the next one on.")

        return Changes

    def found(self, term: str) -> Any:
        """Return the condition that id, symbol or a name has *term* in it."""
        return (
            CoinRow.id.icontains(term, autoescape=True)
            | CoinRow.symbol.icontains(term, autoescape=True)
            | CoinRow.name.icontains(term, autoescape=True)
            | CoinRow.display_name.icontains(term, autoescape=True)
        )

    def update_model(self, form: Any, model: CoinRow) -> bool:
        """Have the store write what the form says."""
        id, name, hidden = model.id, form.display_name.data or None, bool(form.hidden.data)
        before = (model.display_name, model.hidden)
        self.session.rollback()  # its read transaction would block the writer
        try:
            services().backend.store.show_coin(id, display_name=name, hidden=hidden)
        except StoreError as error:
            flash(str(error), "error")
            return False
        note(
            "coin %s: display name %r → %r, hidden %s → %s", id, before[0], name, before[1], hidden
        )
        return True


class Ticks(Table):
    """Ticks, the newest first."""

    column_list = ("id", "at", "source", "currency")
    column_sortable_list = ("id",)
    column_default_sort = ("id", True)
    column_formatters: ClassVar[dict[str, Any]] = {
        "at": lambda view, context, row, name: _in_one_line(iso(row.id))
    }
    about = "The newest first."
    finds = "an id, or 2026-11-23"

    def found(self, term: str) -> Any:
        """Return the condition of an id or a day."""
        return _id_or_day(TickRow.id, term)


class Quotes(Table):
    """Quotes, those of the newest tick first."""

    column_list = (
        "tick_id", "at", "position", "coin_id", "rank", "price", "direction", "change_24h",
        "market_cap", "updated_at",
    )  # fmt: skip
    column_sortable_list = ("tick_id", "coin_id")
    column_default_sort: ClassVar[list[tuple[str, bool]]] = [("tick_id", True), ("position", False)]
    column_formatters: ClassVar[dict[str, Any]] = {
        "at": lambda view, context, row, name: _in_one_line(iso(row.tick_id)),
        "updated_at": _moment,
    }
    about = "Those of the newest tick first."
    finds = "a coin, a tick, or 2026-11-23"

    def found(self, term: str) -> Any:
        """Return the condition of a coin, a tick or a day."""
        if re.match(r"[0-9]{4}", term.strip()):
            return _id_or_day(QuoteRow.tick_id, term)
        return super().found(term)


class Candles(Table):
    """Candles of the settings' market, by coin, the newest hour first."""

    column_list = ("coin_id", "hour", "open", "high", "low", "close")
    column_sortable_list: ClassVar[dict[str, Any]] = {"coin_id": ("coin_id", "hour")}
    column_default_sort: ClassVar[list[tuple[str, bool]]] = [("coin_id", True), ("hour", True)]
    column_formatters: ClassVar[dict[str, Any]] = {"hour": _moment}

    def __init__(self, *args: Any, settings: Settings, **options: Any) -> None:
        self._market = (settings.source, settings.currency)
        self.about = f"Of {settings.source} in {settings.currency}, by coin, the newest hour first."
        super().__init__(*args, **options)

    def get_query(self) -> Any:
        """Return the query of the market's candles."""
        source, currency = self._market
        return (
            super()
            .get_query()
            .filter(and_(CandleRow.source == source, CandleRow.currency == currency))
        )


def _id_or_day(column: Any, term: str) -> Any:
    """Return the condition that *column*, unix milliseconds, is the id or in the day *term*."""
    term = term.strip()
    if re.fullmatch(r"[0-9]{1,15}", term):
        return column == int(term)
    try:
        begin = int(datetime.fromisoformat(term[:10]).replace(tzinfo=UTC).timestamp() * 1000)
    except ValueError:
        return column == -1
    return column.between(begin, begin + DAY_MS - 1)


def _printable(form: Form, field: StringField) -> None:
    if field.data and not field.data.isprintable():
        raise ValidationError("A name in printable characters.")


@contextmanager
def _limited(connection: Connection) -> Iterator[None]:
    """Let queries on *connection* take `QUERY_TIMEOUT_S` at most. Raises `DBAPIError`."""
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"SET LOCAL statement_timeout = {int(QUERY_TIMEOUT_S * 1000)}"))
        yield
        return
    ends_at = time.monotonic() + QUERY_TIMEOUT_S
    driver: Any = connection.connection.driver_connection
    driver.set_progress_handler(lambda: time.monotonic() > ends_at, STEPS)
    try:
        yield
    finally:
        driver.set_progress_handler(None, 0)
