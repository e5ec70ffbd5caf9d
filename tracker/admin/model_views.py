"""The tables: coins, which can be named and hidden, and ticks, quotes and candles to look at.

A year has a million rows. So rows are not counted, only indexed columns are sorted and
searched, and a query ends after `QUERY_TIMEOUT_S`: while SQLite reads, the web stands still.
The store does the writing, in one transaction that begins as a writer.
"""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, ClassVar

from flask import Flask, flash
from flask_admin import Admin
from flask_admin.contrib.sqla import ModelView
from flask_admin.form import BaseForm
from markupsafe import Markup
from sqlalchemy import Connection, or_, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import scoped_session, sessionmaker
from wtforms import BooleanField, Form, StringField
from wtforms.validators import Length, Optional, ValidationError

from tracker.admin.auth import audit
from tracker.errors import StoreError
from tracker.services import services
from tracker.storage.damage import is_time
from tracker.storage.models import CandleRow, CoinRow, QuoteRow, TickRow
from tracker.times import DAY_MS, iso

QUERY_TIMEOUT_S = 1.5
STEPS = 5000
"""SQLite instructions between two looks at the clock: well below a millisecond."""
MAX_PAGE = 500
"""The last page that can be reached: rows that are skipped are read, too."""


def register(app: Flask, admin: Admin) -> None:
    """Add the views of all tables to *admin*, on the engine that the web has already."""
    sessions: Any = scoped_session(sessionmaker(services(app).backend.engine))
    sessions.session = sessions  # Flask-Admin accepts only what has a `session`
    rows = {Coins: CoinRow, Ticks: TickRow, Quotes: QuoteRow, Candles: CandleRow}
    for view, row in rows.items():
        name = view.__name__
        admin.add_view(view(row, sessions, name=name, endpoint=name.lower()))

    @app.teardown_appcontext
    def end_session(_: BaseException | None) -> None:
        sessions.remove()


def _moment(column: str) -> Callable[..., str]:
    """Return a formatter that shows a row's *column*, unix milliseconds, as a time in UTC."""

    def show(view: Any, context: Any, row: Any, name: str) -> str:
        at = getattr(row, column)
        shown = "" if at is None else iso(at) if is_time(at) else repr(at)
        return Markup('<span class="text-nowrap">{}</span>').format(shown) if shown else ""

    return show


class Table(ModelView):  # type: ignore[misc]
    """A table to look at: newest first, page by page, searched by `found`."""

    can_create = can_edit = can_delete = can_view_details = can_export = False
    column_display_actions = named_filter_urls = False
    column_display_pk = can_set_page_size = simple_list_pager = True
    page_size = 50
    page_size_options: ClassVar[tuple[int, ...]] = (20, 50, 100)
    list_template = "admin/table.html"
    form = BaseForm
    about: Any = ""
    """Shown above the table."""
    finds = "a coin's id"
    """What can be searched, shown in the empty field."""

    def init_search(self) -> bool:
        """Say that there is a search."""
        return True

    def search_placeholder(self) -> str:
        """Return what the empty field of the search says."""
        return self.finds

    def found(self, term: str) -> Any:
        """Return the condition that *term* stands for."""
        return self.model.coin_id == term.lower()

    def _apply_search(
        self, query: Any, count_query: Any, joins: Any, count_joins: Any, search: str
    ) -> Any:
        return query.filter(self.found(search.strip())), count_query, joins, count_joins

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


def _printable(form: Form, field: StringField) -> None:
    if field.data and not field.data.isprintable():
        raise ValidationError("A name in printable characters.")


class CoinForm(BaseForm):  # type: ignore[misc]
    """What can be changed of a coin."""

    display_name = StringField(
        "Display name",
        [Optional(), Length(max=200), _printable],
        filters=[lambda given: given.strip() if given else None],
        description="Shown in place of the source's name. Empty: the source's.",
    )
    hidden = BooleanField("Hidden", description="In no tick from the next one on.")


class Coins(Table):
    """Coins, which can be renamed and hidden."""

    can_edit = True
    column_display_actions = True
    column_list = ("id", "symbol", "name", "display_name", "hidden")
    column_sortable_list = ("id", "symbol", "name", "hidden")
    column_default_sort = "id"
    form = CoinForm
    finds = "id, symbol or name"
    edit_template = "admin/coin.html"
    about = (
        "A display name and hiding hold from the next tick on, for the page, the stream, the API "
        "and what is stored alike. A hidden coin's past stays and can be read by its id; "
        "no other coin takes its place."
    )

    def found(self, term: str) -> Any:
        """Return the condition that id, symbol or a name has *term* in it."""
        columns = (CoinRow.id, CoinRow.symbol, CoinRow.name, CoinRow.display_name)
        return or_(*(column.icontains(term, autoescape=True) for column in columns))

    def update_model(self, form: Any, model: CoinRow) -> bool:
        """Have the store write what the form says."""
        id, name, hidden = model.id, form.display_name.data or None, bool(form.hidden.data)
        old_name, was_hidden = model.display_name, model.hidden
        self.session.rollback()  # its read transaction would block the writer
        try:
            services().backend.store.show_coin(id, display_name=name, hidden=hidden)
        except StoreError as error:
            flash(str(error), "error")
            return False
        change = "coin %s: display name %r → %r, hidden %s → %s"
        audit(change, id, old_name, name, was_hidden, hidden)
        return True


class Ticks(Table):
    """Ticks, the newest first."""

    column_list = ("id", "at", "source", "currency")
    column_sortable_list = ("id",)
    column_default_sort = ("id", True)
    column_formatters: ClassVar[dict[str, Any]] = {"at": _moment("id")}
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
        "at": _moment("tick_id"),
        "updated_at": _moment("updated_at"),
    }
    about = "Those of the newest tick first."
    finds = "a coin, a tick, or 2026-11-23"

    def found(self, term: str) -> Any:
        """Return the condition of a coin, a tick or a day."""
        is_coin = not re.match(r"[0-9]{4}", term)
        return super().found(term) if is_coin else _id_or_day(QuoteRow.tick_id, term)


class Candles(Table):
    """Candles of the settings' market, by coin, the newest hour first."""

    column_list = ("coin_id", "hour", "open", "high", "low", "close")
    column_sortable_list: ClassVar[dict[str, Any]] = {"coin_id": ("coin_id", "hour")}
    column_default_sort: ClassVar[list[tuple[str, bool]]] = [("coin_id", True), ("hour", True)]
    column_formatters: ClassVar[dict[str, Any]] = {"hour": _moment("hour")}

    @property
    def about(self) -> str:
        """Whose candles these are."""
        market = services().settings
        return f"Of {market.source} in {market.currency}, by coin, the newest hour first."

    def get_query(self) -> Any:
        """Return the query of the market's candles."""
        market = services().settings
        return super().get_query().filter_by(source=market.source, currency=market.currency)


def _id_or_day(column: Any, term: str) -> Any:
    """Return the condition that *column*, unix milliseconds, is the id or in the day *term*."""
    if re.fullmatch(r"[0-9]{1,15}", term):
        return column == int(term)
    try:
        begin = int(datetime.fromisoformat(term[:10]).replace(tzinfo=UTC).timestamp() * 1000)
    except ValueError:
        return column == -1
    return column.between(begin, begin + DAY_MS - 1)


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
