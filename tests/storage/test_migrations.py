"""Each released state of the database, with data in it, goes up to the newest and comes back.

The data are made from the tables as they are at that revision: one row each,
so a revision that is added later is tested without a word here.
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import flask_migrate
import pytest
import sqlalchemy as sa
from alembic.script import ScriptDirectory
from sqlalchemy.types import TypeEngine

from tests.conftest import AppFactory
from tests.support.tools import ROOT, newest_of, save
from tracker.market.quotes import Market
from tracker.services import db, services
from tracker.storage.engine import reading, writing
from tracker.storage.models import Base
from tracker.storage.ticks import Store

SCRIPTS = ScriptDirectory(str(ROOT / "migrations"))
REVISIONS = sorted(script.revision for script in SCRIPTS.walk_revisions())
Rows = dict[str, dict[str, Any]]


@pytest.fixture(autouse=True)
def _app(make_app: AppFactory, own_database_url: str) -> Iterator[None]:
    with make_app(database_url=own_database_url).app_context():
        yield


def value(kind: TypeEngine[Any]) -> Any:
    """Return what fits a column of *kind*; equal columns get equal values, as references must."""
    values = {sa.Boolean: True, sa.Integer: 1, sa.Numeric: Decimal("1.5"), sa.Text: "1.5"}
    return next((value for of, value in values.items() if isinstance(kind, of)), "x")


def tables() -> list[sa.Table]:
    """Return the tables there are, each after those it refers to."""
    found = sa.MetaData()
    with reading(db.engine) as connection:
        found.reflect(connection)
    return [table for table in found.sorted_tables if table.name != "alembic_version"]


def fill() -> None:
    """Put one row into each table."""
    wanted = tables()
    with writing(db.engine) as connection:
        for table in wanted:
            row = {column.name: value(column.type) for column in table.columns}
            connection.execute(sa.insert(table).values(row))


def rows() -> Rows:
    """Return the row of each table that has one."""
    wanted = tables()
    with reading(db.engine) as connection:
        found = {one.name: connection.execute(sa.select(one)).mappings().first() for one in wanted}
    return {name: dict(row) for name, row in found.items() if row}


def shared(rows: Rows, other: Rows) -> Rows:
    """Return what of *rows* has a place in *other*."""
    return {
        table: {name: row[name] for name in row.keys() & other[table].keys()}
        for table, row in rows.items()
        if table in other
    }


@pytest.mark.faults
@pytest.mark.parametrize("revision", REVISIONS)
def test_what_was_stored_then_is_there_after_the_upgrade_and_after_the_way_back(
    revision: str,
) -> None:
    flask_migrate.downgrade(revision="base")
    flask_migrate.upgrade(revision=revision)
    fill()
    before = rows()
    flask_migrate.upgrade()
    assert shared(rows(), before) == before
    latest = newest_of(Store(db.engine, Market("x", "x")))
    assert latest is not None
    assert [quote.price for quote in latest.quotes] == [Decimal("1.5")]
    flask_migrate.downgrade(revision=revision)
    assert rows() == before


def test_coins_that_were_there_before_they_could_be_hidden_are_shown() -> None:
    flask_migrate.downgrade(revision="0002")
    fill()
    flask_migrate.upgrade()
    assert rows()["coin"]["hidden"] is False


def test_all_the_way_down_and_up_the_tables_are_the_models_and_a_failure_leaves_nothing() -> None:
    flask_migrate.check()
    flask_migrate.downgrade(revision="base")
    assert tables() == []
    with writing(db.engine) as connection:
        connection.execute(sa.text("CREATE TABLE health (in_the_way INTEGER)"))
    with pytest.raises(SystemExit, match=r"cannot be migrated: .*already exists"):
        flask_migrate.upgrade()
    assert [table.name for table in tables()] == ["health"]
    with writing(db.engine) as connection:
        connection.execute(sa.text("DROP TABLE health"))
    flask_migrate.upgrade()
    assert {table.name for table in tables()} == Base.metadata.tables.keys()
    assert save(services().backend.store, at=1)


def test_a_database_of_a_newer_version_is_refused_in_one_line() -> None:
    with writing(db.engine) as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(SystemExit, match=r"another version .*9999; .* run that version, or rest"):
        flask_migrate.upgrade()
