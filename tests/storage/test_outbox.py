"""What alerts tell goes to each target once, in order, after failures too, or is given up."""

import pytest
from sqlalchemy import Engine

from tests.storage.test_alerts import TARGETS
from tracker.storage.outbox import (
    BURST,
    GAP_MS,
    GIVE_UP_MS,
    MAX_RETRY_MS,
    RETRY_MS,
    Outbox,
    Parcel,
)

HOLD_MS = 20_000
LATER = 10**9


class Sender:
    """A process that sends."""

    def __init__(self, engine: Engine, holder: str = "me", *, alive: bool = True) -> None:
        self.outbox, self.alive = Outbox(engine, TARGETS, holder=holder), alive

    def claim(self, at: int, name: str = "phone") -> Parcel | None:
        return self.outbox.claim(name, at, hold_ms=HOLD_MS, is_alive=lambda _: self.alive)

    def must(self, at: int, name: str = "phone") -> Parcel:
        parcel = self.claim(at, name)
        assert parcel
        return parcel


@pytest.fixture
def sender(engine: Engine) -> Sender:
    return Sender(engine)


def texts(parcel: Parcel | None) -> list[str]:
    return [event.text for event in parcel.events] if parcel else []


def test_all_that_waits_is_one_message_in_order_for_each_target(sender: Sender) -> None:
    for word in ("a", "b", "c"):
        sender.outbox.put(word, 1)
    parcel = sender.must(1)
    assert texts(parcel) == ["a", "b", "c"]
    assert sender.outbox.sent(parcel, 2).sent == 3
    assert sender.claim(3) is None
    assert sender.outbox.waiting() == {"hook": 3}
    assert texts(sender.claim(3, "hook")) == ["a", "b", "c"]


def test_a_target_is_one_process_s_until_that_is_done_or_dead_or_late(engine: Engine) -> None:
    mine, other = Sender(engine), Sender(engine, "other")
    mine.outbox.put("a", 1)
    parcel = mine.must(1)
    assert other.claim(1 + HOLD_MS - 1) is None
    assert texts(other.claim(1 + HOLD_MS)) == ["a"]
    assert texts(mine.claim(1 + 2 * HOLD_MS)) == ["a"]
    assert texts(Sender(engine, "third", alive=False).claim(1 + 2 * HOLD_MS)) == ["a"]
    assert (mine.outbox.sent(parcel, 2).sent, mine.outbox.sent(parcel, 2).sent) == (1, 0)


def test_after_a_failure_it_waits_twice_as_long_each_time(sender: Sender) -> None:
    sender.outbox.put("a", 0)
    at, waits = 0, []
    for _ in range(9):
        settled = sender.outbox.failed(sender.must(at), "down", at)
        waits.append(settled.wait_ms)
        assert sender.claim(at + settled.wait_ms - 1) is None
        at += settled.wait_ms
    assert waits[:3] == [RETRY_MS, 2 * RETRY_MS, 4 * RETRY_MS]
    assert waits[-1] == MAX_RETRY_MS
    sender.outbox.sent(sender.must(at), at)
    assert sender.outbox.states()[0].failures == 0
    sender.outbox.put("b", at)
    assert texts(sender.claim(at)) == ["b"]


def test_after_an_hour_it_is_given_up_and_another_target_is_told_once(sender: Sender) -> None:
    sender.outbox.put("a", 0, ["phone"])
    assert sender.outbox.failed(sender.must(0), "status 500", 0).given_up == 0
    sender.outbox.put("b", LATER, ["phone"])
    parcel = sender.must(LATER)
    assert texts(parcel) == ["a", "b"]
    assert sender.outbox.failed(parcel, "status 500", LATER).given_up == 1
    assert texts(sender.claim(LATER, "hook")) == [
        "phone fails since 1970-01-01 00:00:00 UTC (status 500): 1 alert was given up."
    ]
    end = LATER + GIVE_UP_MS
    assert sender.outbox.failed(sender.must(end), "status 500", end).given_up == 1
    assert sender.outbox.waiting() == {"hook": 1}
    state = sender.outbox.states()[0]
    assert (state.failing_since, state.failures, state.reason) == (0, 3, "status 500")


def test_where_all_targets_fail_none_is_told(sender: Sender) -> None:
    sender.outbox.put("a", 0)
    for name in TARGETS:
        sender.outbox.failed(sender.must(0, name), "down", 0)
    for name in TARGETS:
        sender.outbox.failed(sender.must(LATER, name), "down", LATER)
    assert sender.outbox.waiting() == {}


@pytest.mark.faults
def test_more_messages_than_a_target_may_get_become_fewer(sender: Sender) -> None:
    messages = events = 0
    for at in range(0, 60_000, 500):
        sender.outbox.put(str(at), at)
        if parcel := sender.claim(at):
            messages += 1
            events += sender.outbox.sent(parcel, at).sent
    assert messages == pytest.approx(60_000 / GAP_MS + BURST, abs=2)
    assert events >= 110


def test_a_clock_that_was_set_back_delays_nothing_for_long(sender: Sender) -> None:
    sender.outbox.put("a", LATER)
    sender.outbox.failed(sender.must(LATER), "down", LATER)
    assert texts(sender.claim(0)) == ["a"]


def test_what_waits_for_targets_that_are_gone_is_given_up(engine: Engine, sender: Sender) -> None:
    sender.outbox.put("a", 0)
    only = Outbox(engine, ["hook"], holder="me")
    assert only.drop_strangers(1) == 1
    assert only.waiting() == {"hook": 1}


def test_old_events_go_but_those_that_wait(sender: Sender) -> None:
    for at in (0, 1, 2):
        sender.outbox.put("a", at, ["phone"])
    parcel = sender.must(2)
    sender.outbox.sent(parcel._replace(events=parcel.events[:1]), 2)
    assert sender.outbox.prune(2) == 1
    assert len(sender.must(2).events) == 2
