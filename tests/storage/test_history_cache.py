"""The history as the web reads it: once a tick, and never for long."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest
from flask import Flask
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
from tracker.storage.history_cache import SEATS, Recall

LIMIT = 0.1


class Counted:
    """A history of so many points that counts who reads it, and may hang or fail."""

    def __init__(self, points: int = 300) -> None:
        self.told: list[Point] = [(at, Decimal(at % 97)) for at in range(points)]
        self.reads: list[str] = []
        self.answers = threading.Event()
        self.answers.set()
        self.fails = False
        self.meanwhile: Callable[[], object] = lambda: None

    def points(self, coin: str, range: str, now: int) -> Series:
        self.reads.append(coin)
        self.answers.wait(30)
        self.meanwhile()
        if self.fails:
            raise OperationalError("SELECT", {}, Exception("no such host\nis it on?"))
        return Series(self.told, "hour")


@pytest.fixture
def history() -> Counted:
    return Counted()


@pytest.fixture
def recall(history: Counted) -> Recall:
    return Recall(history)


def test_it_is_read_once_a_tick(history: Counted, recall: Recall) -> None:
    first = recall.past("a", "7d", 1)
    assert recall.past("a", "7d", 1) == first
    assert history.reads == ["a"]
    recall.past("a", "7d", 2)
    recall.past("a", "24h", 2)
    assert history.reads == ["a", "a", "a"]


def test_what_was_read_for_an_older_tick_does_not_count(history: Counted, recall: Recall) -> None:
    history.meanwhile = lambda: history.reads.count("b") or recall.past("b", "7d", 2)
    recall.past("a", "7d", 1)
    recall.past("a", "7d", 2)
    assert history.reads == ["a", "b", "a"]


@pytest.mark.parametrize("most", [2, 50, 299])
def test_fewer_points_need_no_other_read(history: Counted, recall: Recall, most: int) -> None:
    assert recall.past("a", "7d", 1).points == history.told
    few = recall.past("a", "7d", 1, most=most).points
    assert most - 2 <= len(few) <= most
    assert (few[0], few[-1]) == (history.told[0], history.told[-1])
    assert set(few) <= set(history.told)
    assert history.reads == ["a"]


def test_prices_keep_their_digits(history: Counted, recall: Recall) -> None:
    history.told = [(n, Decimal(text)) for n, text in enumerate(["0.10", "1.2E-9", "7", "97.50"])]
    for _ in range(2):
        found = recall.past("a", "7d", 1).points
        assert {type(price) for _, price in found} == {Decimal}
        assert [(at, str(price)) for at, price in found] == [
            (0, "0.10"), (1, "1.2E-9"), (2, "7"), (3, "97.50"),
        ]  # fmt: skip


def test_a_young_history_is_read_again_soon(
    history: Counted, recall: Recall, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its week may be filled in between two ticks."""
    monkeypatch.setattr(module, "SHORT_KEPT", -1)
    history.told = history.told[:50]
    for most in (500, 50):
        recall.past("a", "7d", 1, most=most)
        recall.past("a", "7d", 1, most=most)
    assert history.reads == ["a"] * 4
    history.told = Counted().told
    recall.past("a", "7d", 1)
    assert len(recall.past("a", "7d", 1).points) == 300
    assert history.reads == ["a"] * 5


def test_what_has_not_been_asked_for_longest_goes_first(
    history: Counted, recall: Recall, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_BYTES", 2 * len(recall.past("a", "7d", 1).json))
    for coin in "bacac":
        recall.past(coin, "7d", 1)
    assert history.reads == ["a", "b", "c"]
    recall.past("b", "7d", 1)
    assert history.reads == ["a", "b", "c", "b"]


def test_many_readers_of_one_that_fails_are_one_line(
    history: Counted, recall: Recall, caplog: pytest.LogCaptureFixture
) -> None:
    history.fails = True
    for coin in "abc":
        with pytest.raises(StoreError, match=r"^the history cannot be read now$"):
            recall.past(coin, "7d", 1)
    history.fails = False
    recall.past("a", "7d", 1)
    assert [record.getMessage() for record in caplog.records] == [
        "the history cannot be read: (builtins.Exception) no such host",
        "the history can be read again (3 failures)",
    ]


class TestHanging:
    @pytest.fixture(autouse=True)
    def _hasty(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(module, "LIMIT", LIMIT)

    def took(self, recall: Recall, coin: str) -> float:
        began_at = time.monotonic()
        with pytest.raises(StoreError):
            recall.past(coin, "7d", 1)
        return time.monotonic() - began_at

    def test_it_costs_a_few_readers_a_moment_and_the_others_nothing(
        self, history: Counted, recall: Recall, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        history.answers.clear()
        waits = [self.took(recall, f"coin {n}") for n in range(SEATS)]
        assert all(LIMIT * 0.9 < wait < LIMIT + 5 for wait in waits)
        at_once = [self.took(recall, "late") for _ in range(20)]
        assert min(at_once) < LIMIT / 2
        assert history.reads == [f"coin {n}" for n in range(SEATS)]
        monkeypatch.setattr(module, "GIVEN_UP", 0)
        self.took(recall, "hopeful")
        assert history.reads[SEATS:] == ["hopeful"]
        history.answers.set()
        wait_for(lambda: not [one for one in threading.enumerate() if one.name == "inquiry"])
        assert recall.past("a", "7d", 1).points == history.told

    def test_once_it_answers_all_wait_for_their_turn_again(
        self, history: Counted, recall: Recall, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        history.answers.clear()
        self.took(recall, "a")
        history.answers.set()
        recall.past("a", "7d", 1)
        monkeypatch.setattr(module, "LIMIT", 10)
        history.reads, busy = [], threading.Event()
        history.meanwhile = lambda: busy.wait(30)
        coins = [f"coin {n}" for n in range(SEATS + 1)]
        with ThreadPoolExecutor(SEATS + 1) as readers:
            found = readers.map(lambda coin: recall.past(coin, "7d", 1), coins)
            wait_for(lambda: len(history.reads) == SEATS)
            busy.set()
            assert len(list(found)) == SEATS + 1

    @pytest.fixture
    def app(self, make_app: AppFactory, database_url: str) -> Iterator[Flask]:
        app = make_app(database_url=database_url)
        tick(app)
        with app.app_context():
            yield app

    @pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
    def test_a_page_comes_without_a_past_and_the_api_says_when_to_ask_again(
        self, app: Flask
    ) -> None:
        client = app.test_client()
        assert client.get("/api/prices").status_code == 200
        with db.engine.connect() as other:
            other.execute(text("LOCK TABLE candle IN ACCESS EXCLUSIVE MODE"))
            page = client.get("/cryptos/bitcoin")
            assert (page.status_code, "cannot be read right now" in page.text) == (200, True)
            for path in ("/api/history", "/api/coins/bitcoin/history"):
                response = client.get(path)
                assert (response.status_code, response.headers["Retry-After"]) == (503, "5")
                assert response.json
                assert response.json["detail"] == "the history cannot be read now"
            other.rollback()
        wait_for(lambda: client.get("/api/history").status_code == 200)
        assert "cannot be read right now" not in client.get("/cryptos/bitcoin").text
