"""The exchanges together: one that fails, hangs or lies holds up and misleads nobody."""

import logging
import threading
from collections.abc import Callable, Collection
from decimal import Decimal

import pytest

from tests.support.tools import wait_for
from tracker.errors import SourceError
from worker.venues import exchanges as module
from worker.venues.base import Trade
from worker.venues.consensus import Verdict
from worker.venues.exchanges import MAX_WAIT_S, REFUSED_WAIT_S, Exchanges

BITCOIN = Trade("BTC", "USD", Decimal(100))


class Scripted:
    """A venue that gives what is in *script*: trades, an error, or an event to wait for."""

    def __init__(self, name: str, *script: list[Trade] | SourceError | threading.Event) -> None:
        self.name = name
        self.script = list(script)
        self.asked = 0

    def fetch(self, symbols: Collection[str], currency: str) -> list[Trade]:
        self.asked += 1
        found = self.script[min(self.asked, len(self.script)) - 1]
        if isinstance(found, threading.Event):
            found.wait()
            return [BITCOIN]
        if isinstance(found, SourceError):
            raise found
        return found


Build = Callable[..., Exchanges]


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def build(clock: Clock) -> Build:
    """Return what builds exchanges, which ask once a second by the *clock*."""
    return lambda *venues: Exchanges(venues, interval_s=1, clock=clock)


def ask(exchanges: Exchanges, timeout_s: float = 5) -> dict[str, list[Trade]]:
    exchanges.request({"BTC"}, "USD")
    return exchanges.trades(timeout_s)


def test_an_exchange_that_is_late_holds_nobody_up_and_counts_at_the_next_tick(build: Build) -> None:
    late = threading.Event()
    hanging = Scripted("kraken", late)
    both = build(hanging, Scripted("gemini", [BITCOIN]))
    assert list(ask(both, 0.01)) == ["gemini"]
    assert list(ask(both, 0.01)) == ["gemini"]
    assert hanging.asked == 1
    late.set()
    assert wait_for(lambda: "kraken" in ask(both, 0.01))


@pytest.mark.parametrize(
    ("error", "waits"),
    [
        (SourceError("down", kind="server"), [1, 2, 4]),
        (SourceError("banned", kind="rate_limit", retry_after=120), [120, 120]),
        (SourceError("not in your country", kind="refused"), [REFUSED_WAIT_S]),
    ],
)
def test_each_backs_off_by_itself(
    build: Build, clock: Clock, error: SourceError, waits: list[float]
) -> None:
    failing, well = Scripted("kraken", error), Scripted("gemini", [BITCOIN])
    both = build(failing, well)
    for times, wait_s in enumerate(waits, 1):
        assert list(ask(both)) == ["gemini"]
        clock.now += wait_s - 0.5
        ask(both)
        assert failing.asked == times
        clock.now += 0.5
    ask(both)
    assert failing.asked == len(waits) + 1
    assert well.asked == 2 * len(waits) + 1


def test_a_back_off_has_a_limit(build: Build, clock: Clock) -> None:
    failing = Scripted("kraken", SourceError("down", kind="server"))
    exchanges = build(failing)
    for _ in range(20):
        ask(exchanges)
        clock.now += MAX_WAIT_S
    assert failing.asked == 20


def test_its_health_says_since_when_and_why(
    build: Build, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    exchanges = build(Scripted("kraken", SourceError("Kraken: HTTP 502"), [BITCOIN]))
    assert exchanges.health() == (), "it was not asked yet"
    ask(exchanges)
    (failing,) = exchanges.health()
    assert (failing.name, failing.ok, failing.reason) == ("kraken", False, "HTTP 502")
    assert failing.since
    clock.now += 10
    ask(exchanges)
    (well,) = exchanges.health()
    assert (well.ok, well.reason) == (True, None)
    assert [record.getMessage() for record in caplog.records] == [
        "Kraken: HTTP 502",
        "kraken answers again (1 failure)",
    ]


def test_a_price_without_a_time_is_as_old_as_its_last_change(
    build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "now_ms", times := iter([*range(1000)]).__next__)
    dearer = BITCOIN._replace(price=Decimal(101))
    exchanges = build(Scripted("kraken", [BITCOIN], [BITCOIN], [dearer]))
    first, second, third = (ask(exchanges)["kraken"][0].at for _ in range(3))
    assert first == second
    assert third is not None
    assert first is not None
    assert third > first
    assert times() > third


def test_a_bug_in_one_stops_no_other(build: Build) -> None:
    buggy = Scripted("gemini")
    both = build(buggy, Scripted("kraken", [BITCOIN]))
    assert list(ask(both)) == ["kraken"]
    assert (both.health()[0].reason or "").startswith("IndexError")


def test_a_price_of_before_the_clock_was_set_back_is_not_young_until_then(
    build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = iter([9000])
    monkeypatch.setattr(module, "now_ms", lambda: next(times, 1000))
    exchanges = build(Scripted("kraken", [BITCOIN]))
    assert [ask(exchanges)["kraken"][0].at for _ in range(2)] == [9000, 1000]


def test_one_that_disagrees_for_long_counts_as_failing_if_it_ever_agreed(
    build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0
    monkeypatch.setattr(module, "now_ms", lambda: now)
    exchanges = build(Scripted("kraken", [BITCOIN]), Scripted("gemini", [BITCOIN]))
    agree = Verdict(Decimal(100), ("gemini", "kraken"))
    differ = Verdict(Decimal(100), ("gemini",), ("kraken",))
    for verdicts in ({"pepe": differ}, {"bitcoin": agree}, {"pepe": differ}):
        exchanges.judged(verdicts)
        now += module.DISAGREES_AFTER_MS
    assert all(one.ok for one in exchanges.health()), "another coin of that symbol"
    exchanges.take_counts()
    exchanges.judged({"pepe": differ})
    assert exchanges.take_counts()["kraken"].disagreements == 0
    for _ in range(2):
        exchanges.judged({"bitcoin": differ})
        now += module.DISAGREES_AFTER_MS
    kraken, gemini = exchanges.health()
    assert gemini.ok
    assert (kraken.ok, kraken.reason) == (
        False,
        "its price of bitcoin is far from the others",
    )
    exchanges.judged({"bitcoin": Verdict(Decimal(100), ("gemini",))})
    assert not exchanges.health()[0].ok, "it was late"
    exchanges.judged({"bitcoin": agree})
    assert all(one.ok for one in exchanges.health())
