"""How fresh the prices are, and why not: the four states and what leads to each."""

from __future__ import annotations

import json

import pytest

from tracker.errors import MessageError
from tracker.market.freshness import SourceState, Status, stale_after_ms, status

MINUTE = 60_000
STALE_AFTER = 3 * MINUTE
BEGIN = 1_795_413_240_000


def at(health: SourceState, minutes: float) -> Status:
    """Return the status so many *minutes* after the beginning."""
    return status(health, now=BEGIN + round(minutes * MINUTE), stale_after=STALE_AFTER)


def came(health: SourceState, minutes: float) -> SourceState:
    now = BEGIN + round(minutes * MINUTE)
    return health.succeeded(now, next_attempt_at=now + MINUTE, stale_after=STALE_AFTER)


def failed(health: SourceState, minutes: float, reason: str = "down") -> SourceState:
    now = BEGIN + round(minutes * MINUTE)
    return health.failed(now, reason, next_attempt_at=now + MINUTE)


def test_prices_are_stale_after_three_intervals() -> None:
    assert stale_after_ms(60) == STALE_AFTER


def test_nothing_has_come_and_nothing_failed_is_starting() -> None:
    assert at(SourceState(), 0) == Status("starting")


def test_prices_that_came_are_live_until_they_are_three_intervals_old() -> None:
    health = came(SourceState(), 0)
    assert at(health, 0) == Status("live", BEGIN, None, BEGIN + MINUTE)
    assert at(health, 3).state == "live"
    assert at(health, 3.001).state == "stale"


def test_stale_began_when_the_prices_became_too_old_and_says_what_to_do() -> None:
    stale = at(came(SourceState(), 0), 60)
    assert stale.since == BEGIN + STALE_AFTER
    assert stale.reason == "no new prices have come: is the worker running?"


def test_live_began_with_the_first_of_an_unbroken_row() -> None:
    health = came(came(came(SourceState(), 0), 1), 3.9)
    assert at(health, 4).since == BEGIN


def test_after_a_break_live_begins_anew() -> None:
    health = came(came(SourceState(), 0), 3.1)
    assert at(health, 4).since == BEGIN + round(3.1 * MINUTE)


def test_a_failure_shows_from_its_first_moment_while_still_live() -> None:
    health = failed(came(SourceState(), 0), 1)
    assert at(health, 1) == Status("live", BEGIN, "down", BEGIN + 2 * MINUTE)


def test_a_failure_that_lasts_leads_to_stale_with_its_reason() -> None:
    health = failed(failed(came(SourceState(), 0), 1), 4, "still down")
    assert at(health, 4) == Status("stale", BEGIN + STALE_AFTER, "still down", BEGIN + 5 * MINUTE)


def test_a_success_ends_the_failure() -> None:
    health = came(failed(came(SourceState(), 0), 1), 2)
    assert at(health, 2) == Status("live", BEGIN, None, BEGIN + 3 * MINUTE)


def test_a_source_that_never_came_is_offline_since_its_first_failure() -> None:
    health = failed(failed(SourceState(), 0), 1, "still down")
    assert at(health, 1) == Status("offline", BEGIN, "still down", BEGIN + 2 * MINUTE)


def test_a_clock_that_steps_back_keeps_live() -> None:
    assert at(came(came(SourceState(), 5), 0), 0).state == "live"


class TestNews:
    def test_the_next_attempt_alone_is_none_while_all_is_well(self) -> None:
        first = came(SourceState(), 0)
        assert not at(came(first, 1), 1).is_news_after(at(first, 1))

    def test_it_is_while_something_fails(self) -> None:
        first = failed(came(SourceState(), 0), 1)
        assert at(failed(first, 2), 2).is_news_after(at(first, 2))

    def test_another_state_is(self) -> None:
        health = came(SourceState(), 0)
        assert at(health, 4).is_news_after(at(health, 1))
        assert at(health, 0).is_news_after(at(SourceState(), 0))

    def test_a_failure_that_begins_or_ends_is(self) -> None:
        well = came(SourceState(), 0)
        ill = failed(well, 1)
        assert at(ill, 1).is_news_after(at(well, 1))
        assert at(came(ill, 2), 2).is_news_after(at(ill, 2))


def test_the_status_is_written_as_documented() -> None:
    health = failed(came(SourceState(), 0), 1, "CoinGecko: “busy”")
    assert json.loads(at(health, 1).to_json()) == {
        "state": "live",
        "since": "2026-11-23T05:54:00.000Z",
        "reason": "CoinGecko: “busy”",
        "next_attempt_at": "2026-11-23T05:56:00.000Z",
    }
    assert json.loads(at(SourceState(), 0).to_json()) == {
        "state": "starting",
        "since": None,
        "reason": None,
        "next_attempt_at": None,
    }


class TestHealth:
    @pytest.mark.parametrize(
        "health", [SourceState(), came(SourceState(), 0), failed(SourceState(), 0)]
    )
    def test_it_comes_back_as_it_went(self, health: SourceState) -> None:
        assert SourceState.from_dict(json.loads(json.dumps(health.to_dict()))) == health

    @pytest.mark.parametrize(
        "body",
        [None, [], "well", 5, {"mood": None}, {}],
    )
    def test_what_is_none_is_refused(self, body: object) -> None:
        with pytest.raises(MessageError, match="not a state"):
            SourceState.from_dict(body)
