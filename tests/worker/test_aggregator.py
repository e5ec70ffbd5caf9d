"""The aggregator: prices go on from the exchanges, whatever the source does, and never far off."""

import threading
from dataclasses import replace

import pytest

from tests.support.tools import Script, Venue, quote
from tracker.errors import SourceError
from tracker.market.freshness import SourceState
from tracker.market.quotes import Quote
from tracker.times import HOUR_MS
from worker import aggregator as module
from worker.aggregator import Aggregator, Collected
from worker.sources import Fetched
from worker.venues.exchanges import Exchanges


def bitcoin(price: str = "100") -> Quote:
    return quote("bitcoin", price, symbol="btc")


BITCOIN = bitcoin()


class Tracker:
    """An aggregator and the state that its job would keep."""

    def __init__(
        self,
        source: Script,
        *venues: Venue,
        newest: tuple[Quote, ...] = (),
        currency: str = "usd",
        interval_s: float = 0,
    ) -> None:
        self.exchanges = Exchanges(venues, interval_s=interval_s)
        self.aggregator = Aggregator(source, self.exchanges, currency)
        self.state = SourceState()
        self.newest = newest
        self.at = 0

    def collect(self, *, is_due: bool = False) -> Collected:
        self.at += 1
        found = self.aggregator.collect(
            self.state, lambda: self.newest, is_due=is_due, week=False, at=self.at
        )
        if found.answered or found.error:
            self.state = SourceState(attempted_at=self.at)
        return found

    def prices(self, *, is_due: bool = False) -> list[str]:
        found = self.collect(is_due=is_due)
        return [f"{one.price} {' '.join(one.venues)}".strip() for one in found.quotes]


def test_a_coin_that_the_source_has_no_price_of_keeps_its_last_until_it_leaves_the_list() -> None:
    """With the time of that price; an exchange moves it on, and so does the source's next one."""
    old, ether = replace(BITCOIN, updated_at=7), quote("ether", "5", symbol="eth")
    lacking = Fetched(quotes=[ether], without_price=frozenset({"bitcoin", "never-seen"}))
    venue = Venue("kraken")
    tracker = Tracker(Script([old, ether], lacking, lacking, [ether]), venue)
    tracker.collect(is_due=True)
    kept = {one.id: one for one in tracker.collect(is_due=True).quotes}
    assert kept == {"ether": ether, "bitcoin": old}
    [source, _] = tracker.aggregator.health(tracker.state)
    assert source.reason == "The source has no price now of Bitcoin: the last one stays"
    venue.prices = {"BTC": "101"}
    assert tracker.prices() == ["5", "101 kraken"]
    assert tracker.prices(is_due=True) == ["5", "101 kraken"]
    assert tracker.prices(is_due=True) == ["5"]
    assert tracker.aggregator.health(tracker.state)[0].reason is None


def test_the_first_prices_are_the_source_s_and_the_next_the_exchanges() -> None:
    tracker = Tracker(Script([BITCOIN]), Venue("kraken", BTC="101"), Venue("gemini", BTC="102"))
    assert tracker.prices(is_due=True) == ["100"]
    assert tracker.prices() == ["101.5 gemini kraken"]


def test_the_source_is_asked_when_it_is_due_alone() -> None:
    source = Script([BITCOIN], [bitcoin("200")])
    tracker = Tracker(source, Venue(BTC="101"))
    tracker.collect(is_due=True)
    for _ in range(3):
        assert tracker.prices() == ["101 kraken"]
    assert tracker.prices(is_due=True) == ["200"], "101 is far from it"


def test_without_exchanges_nothing_comes_between_two_answers() -> None:
    tracker = Tracker(Script([BITCOIN]))
    assert tracker.prices(is_due=True) == ["100"]
    assert tracker.collect() == Collected()


def test_prices_go_on_while_the_source_fails() -> None:
    venue = Venue(BTC="101")
    tracker = Tracker(Script([BITCOIN], *[SourceError("busy")] * 5), venue)
    tracker.collect(is_due=True)
    prices = []
    for price in ("104", "108", "112", "116"):  # each is near the last one that was shown
        venue.prices = {"BTC": price}
        found = tracker.collect(is_due=True)
        assert str(found.error) == "busy"
        prices += [str(one.price) for one in found.quotes]
    assert prices == ["104", "108", "112", "116"]
    venue.prices = {"BTC": "1160"}
    assert tracker.prices(is_due=True) == []


def test_a_bug_in_the_source_stops_no_prices() -> None:
    tracker = Tracker(Script(), Venue(BTC="101"), newest=(BITCOIN,))
    tracker.state = SourceState(attempted_at=-1)
    found = tracker.collect(is_due=True)
    assert str(found.error).startswith("script: IndexError")
    assert [one.price for one in found.quotes] == [101]


def test_between_two_failures_prices_are_judged_by_those_of_a_minute_ago() -> None:
    venue = Venue(BTC="104")
    tracker = Tracker(Script([BITCOIN], SourceError("wait an hour")), venue)
    tracker.collect(is_due=True)
    tracker.collect(is_due=True)
    tracker.state = replace(tracker.state, reason="wait an hour")
    venue.prices = {"BTC": "108"}
    assert tracker.prices() == [], "100 was shown when it failed"
    tracker.at += module.REFER_AGAIN_MS
    assert tracker.prices() == ["108 kraken"]


def test_the_ratio_of_currencies_outlives_a_failure() -> None:
    venue = Venue(BTC="50")
    tracker = Tracker(Script([BITCOIN], SourceError("busy")), venue, currency="eur")
    tracker.collect(is_due=True)
    assert tracker.prices() == ["100 kraken"]
    venue.prices = {"BTC": "51"}
    assert tracker.prices(is_due=True) == ["102 kraken"]


def test_prices_that_nothing_renewed_for_an_hour_are_no_reference() -> None:
    source = Script(SourceError("busy"), [BITCOIN])
    tracker = Tracker(source, Venue(BTC="101"), newest=(BITCOIN,))
    tracker.at, tracker.state = HOUR_MS + 9, SourceState(attempted_at=5, fresh_at=5)
    assert tracker.prices() == []
    assert tracker.prices(is_due=True) == []
    assert tracker.prices(is_due=True) == ["100"]


def test_unchanged_is_asked_for_while_the_reference_is_the_source_s_own_answer() -> None:
    source = Script([BITCOIN], None, SourceError("busy"), [BITCOIN])
    tracker = Tracker(source, Venue(BTC="101"), newest=(BITCOIN,))
    tracker.state = SourceState(attempted_at=-1)
    for _ in range(4):
        tracker.state = replace(tracker.state, etag="one")
        tracker.collect(is_due=True)
    assert [etag for etag, _ in source.asked] == [None, "one", "one", None]


def test_a_source_that_is_late_holds_nobody_up_and_counts_at_the_next_tick(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "TIMEOUT_S", 0.01)
    late = threading.Event()

    class Late(Script):
        def fetch(self, *, etag: str | None = None, week: bool = False) -> Fetched | None:
            late.wait(30)
            return super().fetch(etag=etag, week=week)

    source = Late([bitcoin("103")])
    tracker = Tracker(source, Venue(BTC="101"), newest=(BITCOIN,))
    tracker.state = SourceState(attempted_at=-1)
    assert tracker.prices(is_due=True) == ["101 kraken"]
    assert tracker.prices(is_due=True) == ["101 kraken"]
    late.set()
    monkeypatch.setattr(module, "TIMEOUT_S", 5)
    found = tracker.collect(is_due=True)
    assert found.fetched
    assert source.fetched == 1


def test_a_coin_that_no_exchange_prices_now_keeps_its_last_price() -> None:
    venue = Venue(BTC="101")
    both = [BITCOIN, quote("ethereum", "10")]
    tracker = Tracker(Script(both, both), venue)
    tracker.collect(is_due=True)
    tracker.collect()
    venue.prices = {"ETH": "10.1"}
    assert tracker.prices() == ["101 kraken", "10.1 kraken"]
    assert tracker.prices(is_due=True) == ["100", "10.1 kraken"], "the source knows better"


def test_a_worker_that_starts_refers_to_the_newest_tick() -> None:
    tracker = Tracker(Script(SourceError("busy")), Venue(BTC="101"), newest=(BITCOIN,))
    tracker.state = SourceState(attempted_at=-1)
    assert tracker.prices() == ["101 kraken"]


def test_another_worker_s_answer_of_the_source_is_found_in_the_newest_tick() -> None:
    tracker = Tracker(Script([BITCOIN]), Venue(BTC="129"))
    tracker.collect(is_due=True)
    assert tracker.prices() == []
    tracker.newest, tracker.state = (bitcoin("130"),), SourceState(attempted_at=99)
    assert tracker.prices() == ["129 kraken"]


def test_what_the_source_does_not_have_is_told_until_an_answer_has_it() -> None:
    warned = Fetched(quotes=[BITCOIN], warning="no bitcon")
    tracker = Tracker(Script(warned, None, [BITCOIN]))
    told = []
    for _ in range(3):
        tracker.collect(is_due=True)
        its = tracker.aggregator.health(SourceState(fresh_since=1))[0]
        told.append((its.ok, its.reason))
    assert told == [(True, "no bitcon"), (True, "no bitcon"), (True, None)]


def test_two_workers_who_take_turns_do_not_contradict_each_other() -> None:
    unreachable, well = Venue(BTC="101"), Venue(BTC="101")
    unreachable.prices = None
    warned = Fetched(quotes=[BITCOIN], warning="no bitcon")
    workers = [
        Tracker(Script(warned), unreachable, interval_s=60),
        Tracker(Script(), well, newest=(BITCOIN,)),
    ]
    state, told = SourceState(), []
    for turn in range(8):
        tracker = workers[turn % 2]
        tracker.state = state
        found = tracker.collect(is_due=turn == 0)
        state = replace(state, attempted_at=1) if found.answered else state
        state = replace(state, sources=tracker.aggregator.health(state))
        told.append((state.warning, [one.ok for one in state.sources[1:]]))
    answers = ("no bitcon", [True])
    assert told == [("no bitcon", []), answers, ("no bitcon", [False]), *[answers] * 5]


def test_a_source_whose_prices_are_all_old_is_warned_of_while_exchanges_renew_them(
    caplog: pytest.LogCaptureFixture,
) -> None:
    hour = HOUR_MS
    old = [quote("bitcoin", "100", symbol="btc", updated_at=hour), quote("tether", updated_at=1)]
    new = [replace(one, updated_at=3 * hour) for one in old]
    tracker = Tracker(Script(old, None, new), Venue(BTC="101"))
    tracker.at, told = 3 * hour, []
    for _ in range(3):
        tracker.collect(is_due=True)
        told.append(tracker.aggregator.health(SourceState(fresh_since=1))[0].reason)
    why = "The source answers, but its newest prices are from 01:00 UTC"
    assert told == [why, why, None]
    assert caplog.messages == [f"script: {why}", "script has new prices again (2 failures)"]


def test_the_health_of_all_is_one_list() -> None:
    venue = Venue()
    venue.prices = None
    tracker = Tracker(Script([BITCOIN]), venue)
    tracker.collect(is_due=True)
    tracker.collect()
    state = SourceState(reason="Script: busy", failing_since=5)
    told = [(one.name, one.ok, one.reason) for one in tracker.aggregator.health(state)]
    assert told == [("script", False, "busy"), ("kraken", False, "is down")]
