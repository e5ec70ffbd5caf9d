"""The store and the database under it, each test on SQLite and on PostgreSQL.

Behaviour that only one of them has is tested on that one.
"""

from __future__ import annotations

import sqlite3
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path

import flask_migrate
import pytest
import sqlalchemy
from flask import Flask
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError, OperationalError

from tests.conftest import AppFactory
from tests.support.tools import Child, environment, newest_of, quote, wait_for
from tracker.errors import StoreError
from tracker.market.freshness import SourceState
from tracker.market.quotes import Market, Quote
from tracker.services import db, services
from tracker.storage import engine
from tracker.storage.engine import engine_options, reading, writing
from tracker.storage.models import Base
from tracker.storage.ticks import Saved, Store

MINUTE = 60_000
BEGIN = 1_795_413_240_000


@pytest.fixture
def app(make_app: AppFactory, database_url: str) -> Iterator[Flask]:
    app = make_app(database_url=database_url)
    with app.app_context():
        yield app


@pytest.fixture
def sqlite_app(make_app: AppFactory) -> Iterator[Flask]:
    app = make_app()
    with app.app_context():
        yield app


@pytest.fixture
def store(app: Flask) -> Store:
    return Store(db.engine, Market("simulated", "usd"), stale_after=3 * MINUTE)


def save(store: Store, *quotes: Quote, at: int, min_gap: int = 0) -> Saved:
    """Save *quotes*, or one of bitcoin, so many milliseconds after the beginning."""
    saved = store.save(
        quotes or [quote()], at=BEGIN + at, next_attempt_at=BEGIN + at + MINUTE, min_gap=min_gap
    )
    assert saved
    return saved


class TestSave:
    def test_what_went_in_comes_out(self, store: Store) -> None:
        full = Quote(
            id="bitcoin",
            rank=1,
            symbol="btc",
            name="Bitcoin “₿” 🟠",
            image="https://img.example/b.png",
            price=Decimal("97012.50"),
            change_1h=Decimal("-0.12"),
            change_24h=Decimal("1.23"),
            change_7d=Decimal("-3.40"),
            market_cap=Decimal("1934567890123456789.01"),
            volume_24h=Decimal(31_000_000_000),
            high_24h=Decimal(98000),
            low_24h=Decimal("95500.0"),
            updated_at=BEGIN - 7352,
        )
        bare = Quote(id="zzz", symbol="z", name="Z", price=Decimal("1.2E-9"))
        saved = save(store, full, bare, at=7)
        assert saved.tick.quotes == (full, bare)
        assert newest_of(store) == saved.tick
        assert (saved.tick.id, saved.tick.source, saved.tick.currency) == (
            BEGIN + 7,
            "simulated",
            "usd",
        )

    @pytest.mark.parametrize(
        "digits", ["0.10", "1.2E-9", "20087696.0", "0", "0.0", "1000", "97012", "1E-40",
                   "0.12345678901234567890123456789", "12345678901234567890123456789.1"],
    )  # fmt: skip
    def test_every_digit_is_kept(self, store: Store, digits: str) -> None:
        """Floats would not keep them, and SQLite would make floats of numbers."""
        save(store, quote(price=digits, market_cap=Decimal(digits)), at=0)
        latest = newest_of(store)
        assert latest
        assert [str(latest.quotes[0].price), str(latest.quotes[0].market_cap)] == [digits] * 2

    def test_the_order_of_the_source_is_kept(self, store: Store) -> None:
        ids = ["c", "a", "b", "d"]
        save(store, *map(quote, ids), at=0)
        latest = newest_of(store)
        assert latest
        assert [one.id for one in latest.quotes] == ids

    def test_an_empty_database_has_no_tick(self, store: Store) -> None:
        assert newest_of(store) is None
        assert store.newest(5) == []
        assert store.coins() == frozenset()

    def test_an_error_half_way_leaves_nothing(self, store: Store) -> None:
        first = save(store, at=0)
        with pytest.raises((IntegrityError, AttributeError)):
            save(store, quote(), None, at=MINUTE)  # type: ignore[arg-type]
        assert newest_of(store) == first.tick
        assert store.source_state() == first.state
        save(store, at=2 * MINUTE)


class TestDirection:
    def test_each_price_is_told_against_the_tick_before(self, store: Store) -> None:
        save(store, quote("a", "1"), quote("b", "1"), quote("c", "1.0"), at=0)
        second = save(
            store, quote("a", "2"), quote("b", "0.5"), quote("c", "1"), quote("new"), at=MINUTE
        )
        told = {one.id: one.direction for one in second.tick.quotes}
        assert told == {"a": "up", "b": "down", "c": "same", "new": "same"}
        assert newest_of(store) == second.tick

    def test_it_is_the_last_tick_that_counts_not_one_before_it(self, store: Store) -> None:
        for step, (price, direction) in enumerate([("1", "same"), ("3", "up"), ("2", "down")]):
            saved = save(store, quote("a", price), at=step * MINUTE)
            assert saved.tick.quotes[0].direction == direction

    def test_a_coin_that_was_away_a_tick_returns_the_same(self, store: Store) -> None:
        save(store, quote("a", "1"), at=0)
        save(store, quote("b", "1"), at=MINUTE)
        assert save(store, quote("a", "2"), at=2 * MINUTE).tick.quotes[0].direction == "same"


class TestIds:
    def test_the_id_is_the_time(self, store: Store) -> None:
        saved = save(store, at=123)
        assert (saved.tick.id, saved.previous) == (BEGIN + 123, None)

    def test_each_names_the_one_before(self, store: Store) -> None:
        first = save(store, at=0)
        assert save(store, at=MINUTE).previous == first.tick.id

    def test_they_rise_though_the_clock_steps_back(self, store: Store) -> None:
        saved = [save(store, at=at) for at in (MINUTE, 0, 0, MINUTE, MINUTE + 5)]
        assert [one.tick.id - BEGIN for one in saved] == [
            MINUTE,
            MINUTE + 1,
            MINUTE + 2,
            MINUTE + 3,
            MINUTE + 5,
        ]

    def test_no_two_markets_have_the_same(self, app: Flask, store: Store) -> None:
        """An id is a key of its own, and what a reader comes back with."""
        other = Store(db.engine, Market("simulated", "eur"), stale_after=1)
        assert save(store, at=0).tick.id == BEGIN
        assert save(other, at=0).tick.id == BEGIN + 1

    def test_a_tick_too_soon_after_another_is_not_stored(self, store: Store) -> None:
        first = save(store, at=0)
        too_soon = store.save([quote(price="5")], at=BEGIN + 999, next_attempt_at=0, min_gap=1000)
        assert too_soon is None
        assert newest_of(store) == first.tick
        assert store.source_state() == first.state
        save(store, at=1000, min_gap=1000)

    def test_a_clock_that_stepped_back_is_not_too_soon(self, store: Store) -> None:
        """Else no tick would come until the clock is where it was."""
        save(store, at=60 * MINUTE)
        save(store, at=0, min_gap=1000)

    def test_what_was_asked_for_just_before_but_came_later_is_too_soon(self, store: Store) -> None:
        """Of two workers that ask at once, the one that waited longer is the second."""
        save(store, at=MINUTE)
        late = store.save([quote()], at=BEGIN + MINUTE - 10, next_attempt_at=0, min_gap=1000)
        assert late is None


class TestNewest:
    def test_it_is_the_newest_so_many_oldest_first(self, store: Store) -> None:
        saved = [save(store, at=number * MINUTE).tick for number in range(5)]
        assert store.newest(3) == saved[2:]
        assert store.newest(10) == saved

    def test_after_an_id_only_later_ones_come(self, store: Store) -> None:
        saved = [save(store, at=number * MINUTE).tick for number in range(4)]
        assert store.newest(10, after=saved[1].id) == saved[2:]
        assert store.newest(1, after=saved[1].id) == saved[3:]
        assert store.newest(10, after=saved[3].id) == []


class TestMarkets:
    @pytest.mark.parametrize("other", [("simulated", "eur"), ("coingecko", "usd")])
    def test_they_do_not_mix(self, app: Flask, store: Store, other: tuple[str, str]) -> None:
        another = Store(db.engine, Market(*other), stale_after=3 * MINUTE)
        mine = save(store, quote(price="1"), at=0)
        theirs = save(another, quote(price="2"), at=MINUTE)
        another.save_failure("down", at=BEGIN + MINUTE, next_attempt_at=BEGIN)
        assert (theirs.previous, theirs.tick.quotes[0].direction) == (None, "same")
        assert newest_of(store) == mine.tick
        assert store.newest(5) == [mine.tick]
        assert store.source_state() == mine.state
        assert another.newest(5) == [theirs.tick]


class TestCoins:
    def test_a_coin_renamed_is_renamed_everywhere(self, store: Store) -> None:
        save(store, quote("matic", name="Polygon", symbol="matic"), at=0)
        new = {"name": "POL (ex-MATIC)", "symbol": "pol", "image": "https://img.example/p.png"}
        save(store, quote("matic", **new), at=MINUTE)
        shown = [
            {field: getattr(tick.quotes[0], field) for field in new} for tick in store.newest(2)
        ]
        assert shown == [new, new]

    def test_every_coin_ever_stored_is_known(self, store: Store) -> None:
        save(store, quote("a"), at=0)
        save(store, quote("b"), at=MINUTE)
        assert store.coins() == {"a", "b"}


class TestHealth:
    def test_nothing_is_known_at_first(self, store: Store) -> None:
        assert store.source_state() == SourceState()

    def test_success_failure_and_success_are_written_down(self, store: Store) -> None:
        assert (
            save(store, at=0).state
            == store.source_state()
            == SourceState(
                fresh_at=BEGIN,
                fresh_since=BEGIN,
                attempted_at=BEGIN,
                next_attempt_at=BEGIN + MINUTE,
            )
        )
        at = BEGIN + MINUTE
        failed = store.save_failure("“down”", at=at, next_attempt_at=at + 1)
        assert (
            failed
            == store.source_state()
            == SourceState(
                fresh_at=BEGIN,
                fresh_since=BEGIN,
                failing_since=at,
                failures=1,
                reason="“down”",
                attempted_at=at,
                next_attempt_at=at + 1,
            )
        )
        save(store, at=2 * MINUTE)
        assert store.source_state() == SourceState(
            fresh_at=BEGIN + 2 * MINUTE,
            fresh_since=BEGIN,
            attempted_at=BEGIN + 2 * MINUTE,
            next_attempt_at=BEGIN + 3 * MINUTE,
        )


class TestManyAtOnce:
    def test_threads_that_save_at_once_all_do_one_after_the_other(
        self, app: Flask, store: Store
    ) -> None:
        together = threading.Barrier(4)

        def work(_: int) -> list[int]:
            with app.app_context():
                together.wait()
                return [save(store, at=0).tick.id for _ in range(5)]

        with ThreadPoolExecutor(4) as pool:
            ids = sorted(id for found in pool.map(work, range(4)) for id in found)
        assert ids == list(range(BEGIN, BEGIN + 20))
        assert [tick.id for tick in store.newest(100)] == ids

    def test_of_threads_that_save_too_soon_after_another_one_does(
        self, app: Flask, store: Store
    ) -> None:
        """As two workers that both found the prices old."""
        together = threading.Barrier(4)

        def work(_: int) -> Saved | None:
            with app.app_context():
                together.wait()
                return store.save([quote()], at=BEGIN, next_attempt_at=BEGIN, min_gap=1000)

        with ThreadPoolExecutor(4) as pool:
            saved = [found for found in pool.map(work, range(4)) if found]
        assert store.newest(10) == [found.tick for found in saved]
        assert len(saved) == 1

    def test_processes_that_save_at_once_all_do_one_after_the_other(
        self, app: Flask, store: Store, tmp_path: Path
    ) -> None:
        command = (sys.executable, "-c", SAVE_TWENTY, str(tmp_path))
        env = environment(services(app).settings)
        with (
            Child(*command, env=env, log=tmp_path / "one") as one,
            Child(*command, env=env, log=tmp_path / "other") as other,
        ):
            wait_for(lambda: one.output and other.output, 20, "both are ready")
            (tmp_path / "go").touch()
            assert (one.wait(), other.wait()) == (0, 0), one.output + other.output
        assert [tick.id for tick in store.newest(100)] == list(range(BEGIN, BEGIN + 40))

    def test_a_reader_sees_one_state_whatever_is_saved_meanwhile(
        self, app: Flask, store: Store
    ) -> None:
        count = text("SELECT count(*) FROM tick")
        save(store, at=0)
        with reading(db.engine) as connection:
            assert connection.scalar(count) == 1
            save(store, at=MINUTE)
            assert connection.scalar(count) == 1
        with reading(db.engine) as connection:
            assert connection.scalar(count) == 2


SAVE_TWENTY = f"""
import pathlib, sys, time
from tests.support.tools import quote
from tracker import backend, config
store = backend.build(config.load()).store
print("ready", flush=True)
while not (pathlib.Path(sys.argv[1]) / "go").exists():
    time.sleep(0.001)
for _ in range(20):
    store.save([quote()], at={BEGIN}, next_attempt_at={BEGIN})
"""


class TestSqlite:
    def test_it_is_opened_as_it_must_be(self, sqlite_app: Flask) -> None:
        with reading(db.engine) as connection:
            found = {
                pragma: connection.scalar(text(f"PRAGMA {pragma}"))
                for pragma in ("journal_mode", "synchronous", "busy_timeout", "foreign_keys")
            }
        assert found == {
            "journal_mode": "wal",
            "synchronous": 1,
            "busy_timeout": engine.BUSY_TIMEOUT,
            "foreign_keys": 1,
        }

    def test_a_database_that_does_not_take_it_is_refused(self, make_app: AppFactory) -> None:
        """A memory database stays out of WAL, as one on a network disk may."""
        app = make_app(database_url="sqlite://")
        with (
            app.app_context(),
            pytest.raises(StoreError, match=r"journal_mode memory.*a file on a local disk"),
            reading(db.engine),
        ):
            pass

    def test_a_writer_holds_the_lock_from_its_beginning(
        self, sqlite_app: Flask, tmp_path: Path
    ) -> None:
        other = open_at_once(tmp_path)
        with writing(db.engine), pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("BEGIN IMMEDIATE")
        other.close()

    def test_a_reader_holds_no_lock(self, sqlite_app: Flask, tmp_path: Path) -> None:
        with writing(db.engine):
            pass
        with reading(db.engine) as connection:
            connection.scalar(text("SELECT count(*) FROM tick"))
            other = open_at_once(tmp_path)
            other.execute("BEGIN IMMEDIATE")
            other.close()

    def test_a_writer_waits_for_another_and_then_gives_up(
        self, sqlite_app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(engine._PRAGMAS, "busy_timeout", 50)
        other = open_at_once(tmp_path)
        other.execute("BEGIN IMMEDIATE")
        try:
            with pytest.raises(OperationalError, match="locked"), writing(db.engine):
                pass
        finally:
            other.close()

    def test_a_quote_needs_its_tick(self, sqlite_app: Flask) -> None:
        orphan = text("INSERT INTO quote (tick_id, position, coin_id, price, direction)"
                      " VALUES (1, 0, 'x', '1', 'up')")  # fmt: skip
        with pytest.raises(IntegrityError), writing(db.engine) as connection:
            connection.execute(orphan)


def open_at_once(tmp_path: Path) -> sqlite3.Connection:
    """Open the test's database as another program would that does not wait."""
    return sqlite3.connect(tmp_path / "tracker.db", timeout=0, isolation_level=None)


def tables() -> set[str]:
    return set(sqlalchemy.inspect(db.engine).get_table_names())


class TestMigrations:
    @pytest.fixture
    def app(self, make_app: AppFactory, own_database_url: str) -> Iterator[Flask]:
        app = make_app(database_url=own_database_url)
        with app.app_context():
            yield app

    def test_they_go_up_down_and_up_again(self, app: Flask, store: Store) -> None:
        assert tables() == {*Base.metadata.tables, "alembic_version"}
        save(store, at=0)
        flask_migrate.downgrade(revision="base")
        assert tables() == {"alembic_version"}
        flask_migrate.upgrade()
        assert newest_of(store) is None
        save(store, at=0)

    def test_the_models_and_the_migrated_tables_are_the_same(self, app: Flask) -> None:
        flask_migrate.check()

    def test_a_migration_that_fails_leaves_nothing(self, app: Flask) -> None:
        flask_migrate.downgrade(revision="base")
        with writing(db.engine) as connection:
            connection.execute(text("CREATE TABLE health (in_the_way INTEGER)"))
        with pytest.raises(sqlalchemy.exc.DBAPIError):
            flask_migrate.upgrade()
        assert tables() == {"alembic_version", "health"}


class TestPatience:
    """How long PostgreSQL is waited for."""

    @pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
    def test_a_read_may_take_half_a_minute_and_a_write_its_time(self, app: Flask) -> None:
        limit = text("SHOW statement_timeout")
        with writing(db.engine) as connection:
            assert connection.scalar(limit) == "0"
        with reading(db.engine) as connection:
            assert connection.scalar(limit) == "30s"
            told = connection.connection.dbapi_connection.info.get_parameters()  # type: ignore[union-attr]
        assert (told["connect_timeout"], told["tcp_user_timeout"]) == ("3", "30000")

    def test_what_the_url_says_stays(self) -> None:
        url = "postgresql+psycopg://h/n?connect_timeout=9&options=-csearch_path%3Dmine"
        told = engine_options(url)["connect_args"]
        assert "connect_timeout" not in told
        assert "options" not in told
        assert told["keepalives_idle"] == 30

    def test_sqlite_is_told_nothing(self) -> None:
        assert engine_options("sqlite:////data/t.db") == {}
