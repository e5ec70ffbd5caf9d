"""Histories are read once a tick, and a database that hangs delays few requests."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from tests.conftest import AppFactory
from tests.support.tools import wait_for
from tests.support.web_process import tick
from tracker.errors import StoreError
from tracker.market.candles import Point
from tracker.services import db
from tracker.storage import history_cache as module
from tracker.storage.history import Series
from tracker.storage.history_cache import MAX_READS, SHORT_TTL_S, TTL_S, HistoryCache


class Reads:
    """Notes whose history is read; in *meanwhile* it may hang or fail."""

    def __init__(self) -> None:
        self.told: list[Point] = [(at, Decimal(at % 97)) for at in range(300)]
        self.coins: list[str] = []
        self.meanwhile: Callable[[], object] = lambda: None
        self.now = 0.0

    def __call__(self, coin: str, range: str, now: int) -> Series:
        self.coins.append(coin)
        self.meanwhile()
        return Series(self.told, "hour")


@pytest.fixture
def reads() -> Reads:
    return Reads()


@pytest.fixture
def cache(reads: Reads) -> HistoryCache:
    return HistoryCache(reads, clock=lambda: reads.now)


def test_a_tick_needs_one_read_for_each_range_however_many_points_are_wanted(
    reads: Reads, cache: HistoryCache
) -> None:
    reads.told[:2] = [(0, Decimal("0.10")), (1, Decimal("1.2E-9"))]
    for _ in range(2):
        found = cache.get("a", "7d", 1).points
        assert found == reads.told
        assert [str(price) for _, price in found[:2]] == ["0.10", "1.2E-9"], "their digits"
    for most in (2, 50, 299):
        few = cache.get("a", "7d", 1, max_points=most).points
        assert most - 2 <= len(few) <= most
        assert (few[0], few[-1]) == (reads.told[0], reads.told[-1])
        assert set(few) <= set(reads.told)
    assert reads.coins == ["a"]
    cache.get("a", "7d", 2)
    cache.get("a", "24h", 2)
    assert reads.coins == ["a", "a", "a"]


def test_what_was_read_for_an_older_tick_is_not_kept(reads: Reads, cache: HistoryCache) -> None:
    reads.meanwhile = lambda: reads.coins.count("b") or cache.get("b", "7d", 2)
    cache.get("a", "7d", 1)
    cache.get("a", "7d", 2)
    assert reads.coins == ["a", "b", "a"]


@pytest.mark.parametrize(("points", "ttl_s"), [(300, TTL_S), (100, SHORT_TTL_S)])
def test_it_expires_and_a_short_one_soon(
    reads: Reads, cache: HistoryCache, points: int, ttl_s: float
) -> None:
    """A short one's week may be filled in between two ticks."""
    reads.told = reads.told[:points]
    for reads.now in (0, ttl_s - 1, ttl_s + 1):
        cache.get("a", "7d", 1)
        cache.get("a", "7d", 1, max_points=50)
    assert reads.coins == ["a", "a"]


def test_what_was_not_used_for_longest_is_evicted_first(reads: Reads) -> None:
    size = len(HistoryCache(reads).get("a", "7d", 1).json)
    cache = HistoryCache(reads, max_bytes=2 * size)
    reads.coins.clear()
    for coin in "abacacb":
        cache.get(coin, "7d", 1)
    assert reads.coins == ["a", "b", "c", "b"]


def test_repeated_failures_are_one_line(
    reads: Reads, cache: HistoryCache, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> None:
        raise OperationalError("SELECT", {}, Exception("no such host\nis it on?"))

    reads.meanwhile = fail
    for coin in "abc":
        with pytest.raises(StoreError, match=r"^the history cannot be read now$"):
            cache.get(coin, "7d", 1)
    reads.meanwhile = lambda: None
    cache.get("a", "7d", 1)
    assert [record.getMessage() for record in caplog.records] == [
        "the history cannot be read: (builtins.Exception) no such host",
        "the history can be read again (3 failures)",
    ]


def test_a_database_that_hangs_delays_few_requests_and_the_others_fail_at_once(
    reads: Reads, cache: HistoryCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers, coins = threading.Event(), [f"coin {n}" for n in range(MAX_READS)]
    reads.meanwhile = lambda: answers.wait(30)

    def seconds_to_fail(coin: str, timeout_s: float) -> float:
        monkeypatch.setattr(module, "QUERY_TIMEOUT_S", timeout_s)
        began_at = time.monotonic()
        with pytest.raises(StoreError):
            cache.get(coin, "7d", 1)
        return time.monotonic() - began_at

    assert all(seconds_to_fail(coin, 0.1) > 0.09 for coin in coins)
    assert seconds_to_fail("late", 30) < 15
    assert reads.coins == coins
    monkeypatch.setattr(module, "ABANDON_AFTER_S", 0)
    seconds_to_fail("hopeful", 0.1)
    assert reads.coins[MAX_READS:] == ["hopeful"]
    answers.set()
    wait_for(lambda: not [one for one in threading.enumerate() if one.name == "timed call"])
    monkeypatch.undo()  # once it answers, all wait for their turn again
    reads.coins, busy = [], threading.Event()
    reads.meanwhile = lambda: busy.wait(30)
    with ThreadPoolExecutor(MAX_READS + 1) as pool:
        found = pool.map(lambda coin: cache.get(coin, "30d", 1), [*coins, "late"])
        wait_for(lambda: len(reads.coins) == MAX_READS)
        busy.set()
        assert len(list(found)) == MAX_READS + 1


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_page_comes_without_a_past_and_the_api_says_when_to_retry(
    make_app: AppFactory, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "QUERY_TIMEOUT_S", 0.1)
    app = make_app(database_url=database_url)
    tick(app)
    client = app.test_client()
    assert client.get("/api/prices").status_code == 200
    with app.app_context(), db.engine.connect() as other:
        other.execute(text("LOCK TABLE candle IN ACCESS EXCLUSIVE MODE"))
        page = client.get("/cryptos/bitcoin")
        assert (page.status_code, "cannot be read right now" in page.text) == (200, True)
        for path in ("/api/history", "/api/coins/bitcoin/history"):
            response = client.get(path)
            assert (response.status_code, response.headers["Retry-After"]) == (503, "5")
            assert '"the history cannot be read now"' in response.text
        other.rollback()
    monkeypatch.setattr(module, "QUERY_TIMEOUT_S", 30)
    wait_for(lambda: client.get("/api/history").status_code == 200)
    assert "cannot be read right now" not in client.get("/cryptos/bitcoin").text
