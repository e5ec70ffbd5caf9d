"""How fresh the prices are, and why not: the four states and what leads to each."""

import json
from dataclasses import replace

import pytest

from tracker.errors import MessageError
from tracker.market import freshness
from tracker.market.freshness import (
    MAX_BAR_MS,
    SourceHealth,
    SourceState,
    Status,
    reason_to_skip,
)

MINUTE = 60_000
STALE_AFTER = 3 * MINUTE
BEGIN = 1_795_413_240_000


def at(source: SourceState, minutes: float) -> Status:
    """Return the status so many *minutes* after the beginning."""
    return freshness.status(source, now=BEGIN + round(minutes * MINUTE), stale_after=STALE_AFTER)


def came(source: SourceState, minutes: float) -> SourceState:
    now = BEGIN + round(minutes * MINUTE)
    return source.succeeded(now, next_attempt_at=now + MINUTE, stale_after=STALE_AFTER)


def failed(source: SourceState, minutes: float, reason: str = "down") -> SourceState:
    now = BEGIN + round(minutes * MINUTE)
    return source.failed(now, reason, next_attempt_at=now + MINUTE)


NEW = SourceState()
WELL = came(NEW, 0)
NO_NEW = "no new prices have come: is the worker running?"


@pytest.mark.parametrize(
    ("source", "minute", "expected"),
    [
        (NEW, 0, Status("starting")),
        (WELL, 0, Status("live", BEGIN, None, BEGIN + MINUTE)),
        (WELL, 3, Status("live", BEGIN, None, BEGIN + MINUTE)),
        (WELL, 3.001, Status("stale", BEGIN + STALE_AFTER, NO_NEW)),
        (failed(WELL, 1), 1, Status("live", BEGIN, "down", BEGIN + 2 * MINUTE)),
        (failed(WELL, 4), 4, Status("stale", BEGIN + STALE_AFTER, "down", BEGIN + 5 * MINUTE)),
        (came(failed(WELL, 1), 2), 2, Status("live", BEGIN, None, BEGIN + 3 * MINUTE)),
        (failed(failed(NEW, 0), 1), 1, Status("offline", BEGIN, "down", BEGIN + 2 * MINUTE)),
    ],
)
def test_the_status_follows_from_the_source_and_the_clock(
    source: SourceState, minute: float, expected: Status
) -> None:
    assert at(source, minute) == expected


def test_live_began_with_the_first_success_of_an_unbroken_row() -> None:
    assert at(came(came(WELL, 1), 3.9), 4).since == BEGIN
    assert at(came(WELL, 3.1), 4).since == BEGIN + round(3.1 * MINUTE)
    assert at(came(came(NEW, 5), 0), 0).state == "live", "though the clock stepped back"


def test_it_is_news_when_the_state_changes_or_something_fails() -> None:
    ill = failed(WELL, 1)
    assert at(WELL, 4).is_news_after(at(WELL, 1))
    assert at(WELL, 0).is_news_after(at(NEW, 0))
    assert at(ill, 1).is_news_after(at(WELL, 1))
    assert at(failed(ill, 2), 2).is_news_after(at(ill, 2))
    assert at(came(ill, 2), 2).is_news_after(at(ill, 2))
    assert not at(came(WELL, 1), 1).is_news_after(at(WELL, 1)), "all is well"


def test_the_status_is_written_as_documented() -> None:
    assert json.loads(at(failed(WELL, 1, "CoinGecko: “busy”"), 1).to_json()) == {
        "state": "live",
        "since": "2026-11-23T05:54:00.000Z",
        "reason": "CoinGecko: “busy”",
        "next_attempt_at": "2026-11-23T05:56:00.000Z",
        "sources": [],
        "top": None,
        "heartbeat_s": None,
    }
    nothing = {"since": None, "reason": None, "next_attempt_at": None}
    sources = SourceHealth("coingecko", True), SourceHealth("kraken", False, BEGIN, "Kraken: busy")
    assert json.loads(at(replace(NEW, sources=sources), 0).to_json()) == {
        "state": "starting",
        **nothing,
        "sources": [
            {"name": "coingecko", "ok": True, "since": None, "reason": None},
            {
                "name": "kraken",
                "ok": False,
                "since": "2026-11-23T05:54:00.000Z",
                "reason": "Kraken: busy",
            },
        ],
        "top": None,
        "heartbeat_s": None,
    }


@pytest.mark.parametrize(
    ("source", "ok", "reason"),
    [
        (WELL, "", None),
        (WELL, "kraken", None),
        (WELL, "kraken bitstamp", None),
        (failed(WELL, 1), "", "down"),
        (
            failed(WELL, 1, "CoinGecko is down (HTTP 502)"),
            "kraken bitstamp",
            "CoinGecko is down; meanwhile prices come from Kraken and Bitstamp,"
            " and ranks and supplies stay as they were",
        ),
    ],
)
def test_the_reason_says_what_is_worse_for_prices_that_are_live(
    source: SourceState, ok: str, reason: str | None
) -> None:
    exchanges = [SourceHealth(name, True) for name in ok.split()]
    told = replace(source, sources=(SourceHealth("coingecko", not source.reason), *exchanges))
    assert at(told, 1).reason == reason
    without = (told.sources[0], SourceHealth("kraken", False))
    all_fail = at(replace(WELL, sources=without), 1).reason
    assert all_fail
    assert all_fail.startswith("No exchange answers")


def test_answers_whose_prices_are_all_old_are_not_live() -> None:
    def told(*ages: float, source: SourceState = WELL) -> Status:
        renewed = [(f"Coin {age}", BEGIN - round(age * MINUTE)) for age in ages]
        return freshness.status(source, now=BEGIN, stale_after=STALE_AFTER, renewed=renewed)

    assert told(300, 14).reason is None, "one coin is"
    frozen = told(300, 301)
    assert frozen.state == "stale"
    assert frozen.reason == "The source answers, but its newest prices are from 00:54 UTC"
    assert (told(3000).reason or "").endswith("from 21 Nov, 03:54 UTC")
    assert told(300, source=failed(WELL, 0)).reason == "down"


def test_while_the_source_fails_the_reason_names_the_coins_that_no_exchange_renews() -> None:
    sources = SourceHealth("coingecko", False), SourceHealth("kraken", True)
    source = replace(failed(WELL, 0), sources=sources)

    def told(**ages: float) -> str:
        renewed = [(name, BEGIN - round(age * MINUTE)) for name, age in ages.items()]
        now = freshness.status(source, now=BEGIN, stale_after=STALE_AFTER, renewed=renewed)
        assert now.state == "live"
        return (now.reason or "").partition("stay as they were")[2]

    assert told(Bitcoin=0, Tether=3) == ""
    assert told(Bitcoin=0, Tether=4) == "; the price of Tether is from 05:50 UTC"
    assert told(**{"Bitcoin": 0, "Te\u202ether": 34, "BNB": 61, "TRON": 30}) == (
        "; prices of Tether and 2 more are from 05:24 UTC or before"
    )


def test_a_warning_of_a_source_that_answers_is_the_reason_and_the_next_attempt_no_news() -> None:
    def told(minute: int, reason: str | None) -> Status:
        sources = (SourceHealth("coingecko", True, BEGIN, reason), SourceHealth("kraken", True))
        return at(replace(came(WELL, minute), sources=sources), minute)

    assert told(1, "no bitcon").reason == "no bitcon"
    assert told(1, "no bitcon").is_news_after(told(1, None))
    assert not told(2, "no bitcon").is_news_after(told(1, "no bitcon"))


def test_an_exchange_that_fails_is_news_and_that_it_still_does_is_none() -> None:
    def told(ok: bool, since: int) -> Status:
        sources = SourceHealth("coingecko", True), SourceHealth("kraken", ok, since)
        return at(replace(WELL, sources=(*sources, SourceHealth("gemini", True))), 1)

    assert told(False, 1).is_news_after(told(True, 1))
    assert not told(False, 2).is_news_after(told(False, 1))


def test_two_workers_who_date_an_exchange_s_failure_differently_are_no_news() -> None:
    def told(since: int, reason: str) -> Status:
        sources = SourceHealth("coingecko", False), SourceHealth("kraken", False, since, reason)
        return at(replace(failed(WELL, 1), sources=sources), 1)

    assert not told(1, "busy").is_news_after(told(2, "no answer"))


@pytest.mark.parametrize(
    ("state", "minute", "due"),
    [
        (NEW, 0, True),
        (WELL, 0, False),
        (WELL, 0.94, False),
        (WELL, 0.96, True),
        (WELL, -60, True),
        (replace(WELL, not_before=BEGIN + 2 * MINUTE), 1.5, False),
        (failed(WELL, 1), 1.9, False),
        (failed(WELL, 1), 2, True),
    ],
)
def test_the_source_is_due_at_its_next_attempt_or_when_the_clock_was_set_back(
    state: SourceState, minute: float, due: bool
) -> None:
    assert freshness.is_due(state, BEGIN + round(minute * MINUTE), 6000) == due


@pytest.mark.parametrize("source", [NEW, failed(WELL, 0), SourceState(not_before=1)])
def test_a_state_comes_back_as_it_went_and_nothing_else_is_one(source: SourceState) -> None:
    body = json.loads(json.dumps(source.to_dict()))
    assert SourceState.from_dict(body) == source
    assert body["barred_until"] == source.not_before, "the name that older versions know"
    health = {"name": "kraken", "ok": True, "since": 1, "reason": None}
    told = body | {"sources": [health]}
    assert SourceState.from_dict(told).sources == (SourceHealth("kraken", True, 1),)
    for odd in ({"name": 1}, {"ok": "x"}, {"since": "x"}, {"reason": 1}, {"mood": 1}):
        with pytest.raises(MessageError, match="not a state of the source"):
            SourceState.from_dict(body | {"sources": [health | odd]})
    wrong = [body | change for change in ({"mood": None}, {"fresh_at": -1}, {"etag": 1})]
    for other in (None, [], {}, *wrong):
        with pytest.raises(MessageError, match="not a state of the source"):
            SourceState.from_dict(other)


def test_a_bar_ends_and_one_beyond_an_hour_is_a_clock_that_stepped() -> None:
    source = SourceState(attempted_at=0, not_before=MAX_BAR_MS)
    assert "asked to wait 3600 s" in (reason_to_skip(source, 0, MINUTE) or "")
    assert reason_to_skip(source, MAX_BAR_MS, MINUTE) is None
    assert reason_to_skip(source, -MINUTE, MINUTE) is None
