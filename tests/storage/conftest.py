"""A database and a history in it, on SQLite and on PostgreSQL."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import Connection, Engine, create_engine

from tests.storage.kept import Kept
from tracker.storage import rollup as module
from tracker.storage.engine import engine_options, writing


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    engine = create_engine(database_url, **engine_options(database_url))
    yield engine
    engine.dispose()


@pytest.fixture
def history(engine: Engine) -> Kept:
    return Kept(engine)


@pytest.fixture
def sizes(monkeypatch: pytest.MonkeyPatch, history: Kept) -> list[int]:
    """Return a list that gets how many quotes or candles each transaction adds or deletes."""
    sizes = []

    def count() -> int:
        return history.count("candle") - history.count("quote")

    @contextmanager
    def watched(engine: Engine) -> Iterator[Connection]:
        before = count()
        with writing(engine) as connection:
            yield connection
        sizes.append(count() - before)

    monkeypatch.setattr(module, "writing", watched)
    return sizes


@pytest.fixture(autouse=True)
def _in_one_go(monkeypatch: pytest.MonkeyPatch) -> None:
    """However busy the machine is, upkeep is done in one call."""
    monkeypatch.setattr(module, "TIME_LIMIT_S", 60)
