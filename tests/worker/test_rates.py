"""Exchange rates are asked for beside the prices, seldom, and their failures hurt nobody."""

import threading
from dataclasses import replace
from decimal import Decimal

import pytest
from flask import Flask

from tests.support.tools import now_ms, wait_for
from tracker.errors import SourceError
from tracker.market.freshness import SourceState
from tracker.market.rates import Rates
from tracker.messaging.feed import Feed, Message
from tracker.services import services
from worker import jobs, rates
from worker.rates import RatesDesk

ANSWERS = SourceState(attempted_at=1)
MINUTE_S = 60


def some(at: int | None = None, eur: str = "0.92") -> Rates:
    at = now_ms() if at is None else at
    return Rates("usd", at, {"usd": Decimal(1), "eur": Decimal(eur)})


class Script:
    """A source of rates that says what it was told to, one an answer."""

    def __init__(self, *answers: Rates | SourceError) -> None:
        self.left = list(answers)
        self.may_answer = threading.Event()
        self.may_answer.set()

    def fetch_rates(self) -> Rates:
        """Return or raise the next answer."""
        self.may_answer.wait(30)
        answer = self.left.pop(0)
        if isinstance(answer, SourceError):
            raise answer
        return answer


class Desk:
    """A desk whose clock the test moves; rates are asked for every ten minutes."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, source: Script) -> None:
        self.now_s, self.source = 1000.0, source
        self.stored: Rates | None = None
        monkeypatch.setattr(rates, "monotonic", lambda: self.now_s)
        self.desk = RatesDesk(source, lambda: self.stored, interval_s=600, tick_s=120)

    def after(self, seconds: float, state: SourceState = ANSWERS) -> Rates | None:
        self.now_s += seconds
        return self.desk.collect(state)


def test_they_are_asked_for_every_ten_minutes_and_by_one_worker(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first, second, third = some(), some(eur="0.93"), some(eur="0.94")
    desk = Desk(monkeypatch, Script(first, second, third))
    assert desk.after(0) == first
    assert [desk.after(MINUTE_S) for _ in range(9)] == [None] * 9
    assert desk.after(MINUTE_S) == second
    desk.stored = some(now_ms() - 300_000)  # another worker's
    assert [desk.after(600), desk.after(240)] == [None, None]
    desk.stored = None
    assert desk.after(61) == third


def test_they_are_asked_for_only_while_the_source_has_prices(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    desk = Desk(monkeypatch, Script(some()))
    assert desk.after(0, SourceState()) is None
    assert desk.after(600, replace(ANSWERS, reason="rate limit reached")) is None
    assert desk.after(1) is not None


def test_after_a_failure_the_next_wait_is_longer_and_the_log_says_so_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    failures = SourceError("busy"), SourceError("busy"), SourceError("busy", retry_after=300)
    desk = Desk(monkeypatch, Script(*failures, some()))
    left = []
    for seconds in (0, 59, 1, 119, 1, 299, 1):
        desk.after(seconds)
        left.append(len(desk.source.left))
    assert left == [3, 3, 2, 2, 1, 1, 0]
    assert caplog.messages == [
        "no new exchange rates: busy",
        "exchange rates come again (3 failures)",
    ]


def test_a_late_answer_holds_nobody_up_and_counts_after_a_later_tick(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rates, "WAIT_S", 0.01)
    desk = Desk(monkeypatch, Script(some()))
    desk.source.may_answer.clear()
    assert [desk.after(0), desk.after(601)] == [None, None]
    desk.source.may_answer.set()
    assert wait_for(lambda: desk.after(0)) is not None


def test_new_ones_are_saved_and_published_once(app: Flask) -> None:
    backend, messages = services(app).backend, []

    class Recording(Feed):
        def publish(self, message: Message) -> None:
            messages.append(message)

    its = replace(backend, feed=Recording(backend.settings))
    new = some()
    desk = RatesDesk(Script(new), backend.store.rates, interval_s=600, tick_s=120)
    for _ in range(2):
        jobs.refresh_rates(desk, its, ANSWERS)
    assert backend.store.rates() == new
    assert messages == [Message(ANSWERS, rates=new)]
