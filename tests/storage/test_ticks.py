"""The store and the database under it, each test on SQLite and on PostgreSQL.

Behaviour that only one of them has is tested on that one.
"""

import shutil
import sqlite3
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from threading import Barrier

import psycopg
import pytest
from sqlalchemy import Engine, create_engine, insert, text, update
from sqlalchemy.exc import IntegrityError, OperationalError

from tests.conftest import SettingsFactory
from tests.support import tools
from tests.support.tools import newest_of, quote
from tracker.errors import StoreError
from tracker.market.freshness import SourceHealth, SourceState
from tracker.market.quotes import NUMBERS, Market, Quote
from tracker.market.rates import Rates
from tracker.storage import engine as module
from tracker.storage.engine import engine_options, explained, reading, writing
from tracker.storage.models import QuoteRow, RatesRow, SourceStateRow
from tracker.storage.ticks import Saved, Store
from tracker.times import DAY_MS, HOUR_MS

MINUTE = 60_000
BEGIN = 1_795_413_240_000
MARKET = Market("simulated", "usd")


@pytest.fixture
def store(engine: Engine) -> Store:
    return Store(engine, MARKET)


def save(store: Store, *quotes: Quote, at: int, min_gap: int = 0) -> Saved:
    """Save *quotes*, or one of bitcoin, so many milliseconds after the beginning."""
    saved = tools.save(store, *quotes, at=BEGIN + at, min_gap=min_gap)
    assert saved
    return saved


class TestSave:
    def test_what_went_in_comes_out_in_the_sources_order(self, store: Store) -> None:
        assert (store.newest(5), store.coins()) == ([], frozenset())
        rest = {name: Decimal(-value) for value, name in enumerate(NUMBERS) if name != "price"}
        full = quote("bitcoin", name="Bitcoin “₿” 🟠", image="/b.png", updated_at=BEGIN, **rest)
        bare = Quote(id="a", symbol="z", name="Z", price=Decimal(1))
        saved = save(store, full, bare, at=7)
        assert saved.tick.quotes == (full, bare)
        assert newest_of(store) == saved.tick
        assert (saved.tick.id, saved.previous) == (BEGIN + 7, None)
        assert (saved.tick.source, saved.tick.currency) == MARKET
        assert store.coins() == {"bitcoin", "a"}
        assert save(store, at=MINUTE).previous == saved.tick.id

    def test_every_digit_is_kept(self, store: Store) -> None:
        """Floats would not keep them, and SQLite would make floats of numbers."""
        digits = ["0.10", "1.2E-9", "20087696.0", "0", "0.0", "1000", "97012", "1E-40",
                  "0.12345678901234567890123456789", "12345678901234567890123456789.1"]  # fmt: skip
        save(store, *(quote(one, one, market_cap=Decimal(one)) for one in digits), at=0)
        (tick,) = store.newest(1)
        assert [str(one.price) for one in tick.quotes] == digits
        assert [str(one.market_cap) for one in tick.quotes] == digits

    def test_an_error_half_way_leaves_nothing(self, store: Store) -> None:
        first = save(store, at=0)
        with pytest.raises((IntegrityError, AttributeError)):
            save(store, quote(), None, at=MINUTE)  # type: ignore[arg-type]
        assert newest_of(store) == first.tick
        assert store.source_state() == first.state
        save(store, at=2 * MINUTE)

    def test_the_newest_come_oldest_first_and_only_those_after_an_id(self, store: Store) -> None:
        saved = [save(store, at=number * MINUTE).tick for number in range(5)]
        assert store.newest(3) == saved[2:]
        assert store.newest(10, after=saved[1].id) == saved[2:]
        assert store.newest(1, after=saved[1].id) == saved[4:]
        save(store, quote(name="POL (ex-MATIC)"), at=5 * MINUTE)
        assert {tick.quotes[0].name for tick in store.newest(10)} == {"POL (ex-MATIC)"}

    def test_markets_do_not_mix(self, engine: Engine, store: Store) -> None:
        mine = save(store, quote(price="1"), at=0)
        for number, other in enumerate([Market("simulated", "eur"), Market("coingecko", "usd")]):
            another = Store(engine, other)
            theirs = save(another, quote(price="2"), at=0)
            tools.fail(another, "down", at=BEGIN)
            assert (theirs.previous, theirs.tick.quotes[0].direction) == (None, "same")
            assert theirs.tick.id == BEGIN + number + 1, "an id is what a reader comes back with"
        assert store.newest(5) == [mine.tick]
        assert store.source_state() == mine.state


class TestDirection:
    def test_it_is_the_last_tick_that_counts_not_one_before_it(self, store: Store) -> None:
        for step, (price, direction) in enumerate([("1", "same"), ("3", "up"), ("2", "down")]):
            saved = save(store, quote("a", price), quote("b", "1.0"), at=step * MINUTE)
            assert [one.direction for one in saved.tick.quotes] == [direction, "same"]
            assert newest_of(store) == saved.tick
        save(store, quote("b", "1"), at=3 * MINUTE)
        assert save(store, quote("a", "9"), at=4 * MINUTE).tick.quotes[0].direction == "same"


class TestIds:
    def test_they_rise_though_the_clock_steps_back(self, store: Store) -> None:
        saved = [save(store, at=at) for at in (MINUTE, 0, 0, MINUTE, MINUTE + 5)]
        assert [one.tick.id - BEGIN - MINUTE for one in saved] == [0, 1, 2, 3, 5]

    def test_a_tick_too_soon_after_another_is_not_stored(self, store: Store) -> None:
        """Of two workers that ask at once, also the one that began first and waited longer."""
        first = save(store, at=MINUTE)
        for at in (MINUTE + 999, MINUTE - 10):
            late = tools.save(store, quote(price="5"), at=BEGIN + at, min_gap=1000)
            assert late is None
        assert store.newest(5) == [first.tick]
        assert store.source_state() == first.state
        save(store, at=MINUTE + 1000, min_gap=1000)
        save(store, at=0, min_gap=1000)  # the clock stepped back: else no tick would come


class TestAClockThatWasAhead:
    """`tests.storage.test_rollup` has what becomes of the history."""

    @pytest.mark.parametrize("by", [MINUTE, HOUR_MS, 2 * 365 * DAY_MS])
    def test_once_it_is_right_ids_are_true_times_again(self, store: Store, by: int) -> None:
        first = save(store, at=0).tick
        for at in (10_000, 20_000):
            save(store, at=by + at)
        at = BEGIN + 30_000
        right = tools.save(store, at=at, told=at + 5000)
        assert right
        assert (right.tick.id, right.previous) == (at, first.id)
        assert store.newest(5) == [first, right.tick]
        assert right.state.fresh_at == at
        assert (right.state.fresh_since or 0) <= at

    @pytest.mark.parametrize("told", [None, HOUR_MS, -HOUR_MS])
    def test_one_that_may_be_behind_itself_changes_nothing(
        self, store: Store, told: int | None
    ) -> None:
        """A board without a battery starts in 1970, and history is true."""
        before = [save(store, at=at).tick for at in (0, HOUR_MS)]
        saved = tools.save(store, at=BEGIN, told=told and BEGIN + told)
        assert saved
        assert store.newest(5) == [*before, saved.tick]
        assert saved.tick.id == before[-1].id + 1

    def test_two_workers_whose_clocks_differ_by_an_hour_do_not_fight(self, store: Store) -> None:
        ids = []
        for at in range(0, 20_000, 1000):
            for ahead in (0, HOUR_MS):
                saved = tools.save(store, at=BEGIN + at + ahead, told=BEGIN + at)
                assert saved
                ids.append(saved.tick.id)
        assert sum(later < id for id, later in pairwise(ids)) == 1


class TestSourceState:
    def test_success_failure_and_success_are_stored(self, store: Store) -> None:
        well = tools.succeeded(SourceState(), BEGIN)
        assert save(store, at=0).state == store.source_state() == well
        sources = (SourceHealth("kraken", False, BEGIN, "“down”"),)
        store.change_state(lambda state: replace(state, sources=sources))
        failing = tools.fail(store, "“down”", at=BEGIN + 1, not_before=BEGIN + 3)
        assert failing == store.source_state()
        assert (failing.reason, failing.not_before, failing.failures) == ("“down”", BEGIN + 3, 1)
        assert failing.sources == sources
        for odd in (
            5,
            "x",
            [5],
            [{"name": "kraken"}],
            [{"name": "kraken", "ok": True, "since": "x"}],
        ):
            with writing(store._engine) as connection:
                connection.execute(update(SourceStateRow).values(sources=odd))
            assert store.source_state().sources == (), "it is written anew at each refresh"
        assert save(store, at=0).state == store.source_state() == well


SAVE_TWENTY = f"""
import sys
from tests.support import tools
from tracker import backend, config
store = backend.build(config.load()).store
print("ready", flush=True)
tools.wait_for(tools.Path(sys.argv[1], "go").exists)
for _ in range(20):
    tools.save(store, at={BEGIN})
"""


class TestManyAtOnce:
    @pytest.mark.faults
    def test_of_processes_that_save_at_once_all_do_in_turn(
        self, settings: SettingsFactory, database_url: str, store: Store, tmp_path: Path
    ) -> None:
        command = (sys.executable, "-c", SAVE_TWENTY, str(tmp_path))
        env = tools.environment(settings(database_url=database_url))
        with (
            tools.Child(*command, env=env, log=tmp_path / "one") as one,
            tools.Child(*command, env=env, log=tmp_path / "other") as other,
        ):
            tools.wait_for(lambda: one.output and other.output, what="both are ready")
            (tmp_path / "go").touch()
            assert (one.wait(), other.wait()) == (0, 0), one.output + other.output
        assert [tick.id for tick in store.newest(100)] == list(range(BEGIN, BEGIN + 40))

    @pytest.mark.parametrize(("min_gap", "expected"), [(1000, 1), (0, 16)])
    def test_of_threads_that_save_at_once_all_do_in_turn_or_one_where_a_gap_is_wanted(
        self, store: Store, min_gap: int, expected: int
    ) -> None:
        together = Barrier(4)

        def begin(_: int) -> list[Saved | None]:
            together.wait()
            at = BEGIN
            return [tools.save(store, at=at, min_gap=min_gap) for _ in range(4)]

        with ThreadPoolExecutor(4) as pool:
            saved = [one.tick for some in pool.map(begin, range(4)) for one in some if one]
        assert store.newest(100) == sorted(saved, key=lambda tick: tick.id)
        assert [tick.id - BEGIN for tick in store.newest(100)] == list(range(expected))

    def test_a_reader_sees_one_state_whatever_is_saved_meanwhile(
        self, engine: Engine, store: Store
    ) -> None:
        count = text("SELECT count(*) FROM tick")
        save(store, at=0)
        with reading(engine) as connection:
            assert connection.scalar(count) == 1
            save(store, at=MINUTE)
            assert connection.scalar(count) == 1
        with reading(engine) as connection:
            assert connection.scalar(count) == 2


def test_a_database_that_does_not_take_the_pragmas_is_refused() -> None:
    """A memory database stays out of WAL, as one on a network disk may."""
    with (
        pytest.raises(StoreError, match=r"journal_mode memory.*a file on a local disk"),
        reading(create_engine("sqlite://")),
    ):
        pass


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
class TestSqlite:
    def test_it_is_opened_as_it_must_be(self, engine: Engine) -> None:
        with reading(engine) as connection:
            found = {name: connection.scalar(text(f"PRAGMA {name}")) for name in module._PRAGMAS}
        assert found == module._PRAGMAS
        orphan = {"tick_id": 1, "position": 0, "coin_id": "x", "price": 1, "direction": "up"}
        with pytest.raises(IntegrityError), writing(engine) as connection:
            connection.execute(insert(QuoteRow).values(orphan))

    def test_a_writer_holds_the_lock_from_its_beginning_and_another_gives_up_waiting(
        self, engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = tmp_path / "tracker.db"
        with closing(sqlite3.connect(path, timeout=0, isolation_level=None)) as other:
            with writing(engine), pytest.raises(sqlite3.OperationalError, match="locked"):
                other.execute("BEGIN IMMEDIATE")
            with reading(engine) as connection:
                connection.scalar(text("SELECT count(*) FROM tick"))
                other.execute("BEGIN IMMEDIATE")
            monkeypatch.setitem(module._PRAGMAS, "busy_timeout", 50)
            engine.dispose()  # for connections with that time limit
            with pytest.raises(OperationalError, match="locked"), writing(engine):
                pass

    def test_a_file_that_was_replaced_or_deleted_is_not_written_to_any_more(
        self, store: Store, tmp_path: Path
    ) -> None:
        path, other = tmp_path / "tracker.db", tmp_path / "other.db"
        shutil.copy(path, other)
        save(store, at=0)
        for suffix in ("-wal", "-shm"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
        other.rename(path)
        assert store.newest(5) == []
        second = save(store, at=MINUTE).tick
        with closing(sqlite3.connect(path)) as connection:
            assert connection.execute("SELECT id FROM tick").fetchall() == [(second.id,)]
        for file in tmp_path.glob("tracker.db*"):
            file.unlink()
        with pytest.raises(OperationalError) as caught:
            save(store, at=2 * MINUTE)
        assert "no such table" in explained(caught.value)
        assert "was emptied or replaced: start the tracker again" in explained(caught.value)


class TestPostgres:
    @pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
    def test_a_read_may_take_half_a_minute_and_a_write_its_time(self, engine: Engine) -> None:
        limit = text("SHOW statement_timeout")
        with writing(engine) as connection:
            assert connection.scalar(limit) == "0"
        with reading(engine) as connection:
            assert connection.scalar(limit) == "30s"
            used = connection.connection.dbapi_connection.info.get_parameters()  # type: ignore[union-attr]
        assert (used["connect_timeout"], used["tcp_user_timeout"]) == ("3", "30000")

    @pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
    def test_nothing_stays_in_a_session_which_pgbouncer_may_give_to_others(
        self, engine: Engine, store: Store
    ) -> None:
        """Nor does the first packet hold `options`, which it refuses."""
        for at in range(7):  # psycopg would prepare a statement that comes for the sixth time
            save(store, at=at * MINUTE)
            store.newest(1)
        with closing(engine.raw_connection()) as raw:
            assert "options" not in raw.dbapi_connection.info.get_parameters()  # type: ignore[union-attr]
            cursor = raw.cursor()
            cursor.execute("SELECT name FROM pg_prepared_statements")
            assert cursor.fetchall() == []
            cursor.execute("SELECT name FROM pg_settings WHERE source = 'session'")
            assert cursor.fetchall() == [("transaction_isolation",)], "of this transaction"

    @pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
    def test_a_connection_that_was_cut_while_idle_fails_no_call(
        self, engine: Engine, store: Store
    ) -> None:
        cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = %s"
        with engine.connect() as one, engine.connect() as other:
            pids = [each.scalar(text("SELECT pg_backend_pid()")) for each in (one, other)]
        with psycopg.connect(str(engine.url).replace("+psycopg", ""), autocommit=True) as killer:
            for pid in pids:
                killer.execute(cut, [pid])
        assert store.coins() == frozenset()
        save(store, at=0)

    def test_what_the_url_says_stays(self) -> None:
        url = "postgresql+psycopg://h/n?connect_timeout=9&options=-csearch_path%3Dmine"
        used = engine_options(url)["connect_args"]
        assert "connect_timeout" not in used
        assert used["keepalives_idle"] == 30
        assert engine_options("sqlite:////data/t.db") == {}


def test_a_name_given_here_is_not_taken_for_the_source_s(store: Store) -> None:
    assert store.newest_of_source() == ()
    save(store, quote(name="Bitcoin"), at=1000)
    store.show_coin("bitcoin", display_name="Orange", hidden=False)
    save(store, *store.newest_of_source(), at=2000)
    assert [quote.name for quote in store.newest(1)[0].quotes] == ["Orange"]
    assert [quote.name for quote in store.newest_of_source()] == ["Bitcoin"]


def test_the_newest_rates_of_each_market_are_kept_and_broken_ones_are_none(
    store: Store, engine: Engine
) -> None:
    assert store.rates() is None
    Store(engine, Market("simulated", "eur")).save_rates(Rates("eur", 1, {"eur": Decimal(1)}))
    for at in (2, 3):
        rates = Rates("usd", at, {"usd": Decimal(1), "xau": Decimal("0.000240")})
        store.save_rates(rates)
        assert store.rates() == rates
    with writing(engine) as connection:
        connection.execute(update(RatesRow).values(json="{}"))
    assert store.rates() is None
