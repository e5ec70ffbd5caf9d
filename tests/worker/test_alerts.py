"""Delivery: each target by itself, none holds up a tick, and nothing is sent twice or lost."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import pytest
from flask import Flask
from redis import Redis
from sqlalchemy.exc import OperationalError

from tests.conftest import SettingsFactory
from tests.support.fake_receiver import Receiver
from tests.support.tools import Child, Script, alone, environment, now_ms, quote, wait_for
from tracker.backend import Backend
from tracker.errors import NotifyError
from tracker.market.alerts import Rule
from tracker.messaging import json_jobs
from tracker.messaging.job_queue import ALERTS_NOW_ID
from tracker.messaging.notify import Notifier
from tracker.messaging.refresh_stats import Outcome
from tracker.services import services
from tracker.storage.outbox import Outbox, Parcel, Settled
from tracker.text.alerts import Event
from worker import alerts, jobs
from worker.alerts import Dispatcher


@dataclass
class Sender:
    """A notifier of which each target may fail or hang."""

    failing: dict[str, str] = field(default_factory=dict)
    hanging: set[str] = field(default_factory=set)
    sent: list[tuple[str, list[str]]] = field(default_factory=list)
    may_go: threading.Event = field(default_factory=threading.Event)

    def send(self, name: str, events: tuple[Event, ...]) -> None:
        if name in self.hanging:
            self.may_go.wait(30)
        if name in self.failing:
            raise NotifyError(self.failing[name])
        self.sent.append((name, [event.text for event in events]))


class Rig:
    """A dispatcher on an application's database."""

    def __init__(self, app: Flask) -> None:
        self.backend: Backend = services(app).backend
        self.sender = Sender()
        self.outbox = Outbox(self.backend.engine, ["phone", "hook"], holder="me")
        notifier = cast(Notifier, self.sender)
        self.dispatcher = Dispatcher(self.outbox, lambda: notifier, self.backend.refresh_stats)

    def go(self) -> None:
        self.dispatcher.dispatch()
        if not self.sender.hanging:
            self.dispatcher.finish(30)


@pytest.fixture
def rig(app: Flask) -> Iterator[Rig]:
    rig = Rig(app)
    yield rig
    rig.sender.may_go.set()
    wait_for(lambda: "request" not in {thread.name for thread in threading.enumerate()})


def test_a_storm_is_one_message_per_target(rig: Rig) -> None:
    for number in range(100):
        rig.outbox.put(str(number), now_ms())
    rig.go()
    assert sorted(name for name, _ in rig.sender.sent) == ["hook", "phone"]
    assert all(texts == [str(number) for number in range(100)] for _, texts in rig.sender.sent)
    rig.go()
    assert len(rig.sender.sent) == 2


def test_a_failure_is_logged_once_tried_again_and_its_end_is_told(
    rig: Rig, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig.outbox.put("a", now_ms())
    rig.sender.failing["phone"] = "status 500"
    rig.go()
    rig.go()
    assert rig.sender.sent == [("hook", ["a"])]
    assert caplog.messages == [
        "alerts do not reach phone: status 500; tried again for an hour, next in 5 s"
    ]
    rig.sender.failing.clear()
    later = now_ms() + 5000
    monkeypatch.setattr(alerts, "now_ms", lambda: later)
    rig.go()
    assert rig.sender.sent[1:] == [("phone", ["a"])]
    assert caplog.messages[-1] == "alerts reach phone again (1 failure)"
    counted = rig.backend.refresh_stats.read().alerts
    assert (counted["sent", "phone"], counted["failed", "phone"]) == (1, 1)


def test_a_target_that_hangs_holds_up_nobody_and_counts_as_failed_after_its_time(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    rig.outbox.put("a", now_ms())
    rig.sender.hanging.add("phone")
    rig.go()
    wait_for(lambda: rig.sender.sent == [("hook", ["a"])])
    rig.outbox.put("b", now_ms(), ["hook"])
    rig.go()
    wait_for(lambda: rig.sender.sent[1:] == [("hook", ["b"])])
    monkeypatch.setattr(alerts, "LIMIT_S", 0.0)
    rig.go()
    assert "alerts do not reach phone: no answer within 0 s" in caplog.text
    rig.sender.may_go.set()
    wait_for(lambda: rig.outbox.waiting() == {}, what="what was late is sent all the same")
    assert rig.sender.sent[2:] == [("phone", ["a"])]


def test_what_was_sent_while_the_database_was_away_is_not_sent_again(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored, failures = rig.outbox.sent, [1, 2, 3]

    def sent(parcel: Parcel, now: int) -> Settled:
        if failures:
            raise OperationalError(str(failures.pop()), None, Exception("gone"))
        return stored(parcel, now)

    monkeypatch.setattr(rig.outbox, "sent", sent)
    monkeypatch.setattr(alerts, "STORE_AGAIN_S", 0.01)
    rig.outbox.put("a", now_ms(), ["phone"])
    rig.go()
    assert (rig.outbox.waiting(), rig.sender.sent) == ({}, [("phone", ["a"])])


def test_no_more_than_three_threads_of_a_target_hang(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alerts, "LIMIT_S", 0.0)
    rig.sender.hanging.add("phone")
    rig.outbox.put("a", 0, ["phone"])
    before = threading.active_count()
    for hour in range(1, 8):
        monkeypatch.setattr(alerts, "now_ms", lambda hour=hour: hour * 1000_000)
        rig.outbox.put("a", hour * 1000_000, ["phone"])
        rig.go()
    assert threading.active_count() - before == alerts.MAX_ABANDONED


def test_what_waits_for_a_target_that_is_gone_is_given_up(rig: Rig) -> None:
    other = Outbox(rig.backend.engine, ["old"], holder="me")
    other.put("a", now_ms())
    rig.go()
    assert (rig.sender.sent, rig.outbox.waiting()) == ([], {})


def test_a_crossing_is_counted_logged_and_queued(
    settings: SettingsFactory, app: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    backend = services(app).backend
    source = alone(Script([quote(price="99")], [quote(price="101")]))
    jobs.refresh(source, backend)
    backend.alerts.add(Rule(kind="above", coin="bitcoin", currency="usd", limit=100), now_ms())  # type: ignore[arg-type]
    outcome = Outcome()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jobs, "now_ms", lambda: now_ms() + 60_000)
        jobs.refresh(source, backend, outcome=outcome, early=True)
    assert outcome.fired == 1
    assert "alert 1 fired: Bitcoin rose above 100 USD: it is $101.00." in caplog.messages
    assert backend.refresh_stats.read().alerts["fired", ""] == 1
    with Redis.from_url(settings().known_redis_url) as connection:
        jobs.queue_alerts(connection)
        assert json_jobs.queue(connection).job_ids == [ALERTS_NOW_ID]


@pytest.mark.faults
def test_from_the_crossing_to_the_receiver_with_the_real_processes(
    settings: SettingsFactory, tmp_path: Path, app: Flask
) -> None:
    """And a wrong target ends the worker in one line, which hides it."""
    with Receiver() as receiver:
        mine = settings(interval=1, notify=f"hook=json://{receiver.address}/")
        env = environment(mine)
        backend = services(app).backend
        with (
            Child("-m", "worker", env=env, log=tmp_path / "worker") as worker,
            Child("-m", "worker.scheduler", env=env, log=tmp_path / "scheduler"),
        ):
            wait_for(lambda: backend.store.newest(1), 30, "the first tick")
            for kind in ("above", "below"):
                quotes = backend.store.newest(1)[0].quotes
                price = next(one.price for one in quotes if one.id == "bitcoin")
                its = Rule(
                    kind=kind,
                    coin="bitcoin",
                    currency="usd",
                    limit=price,
                    armed=True,
                    once=True,
                )
                backend.alerts.add(its, now_ms())
            wait_for(lambda: receiver.received, 30, "the message")
            assert receiver.titles[0].startswith("Bitcoin ")
            assert worker.end() == 0
    env = environment(settings(notify="phone=tgram://very-secret-word"))
    with Child("-m", "worker", env=env, log=tmp_path / "wrong") as wrong:
        assert wrong.wait() == 1
        assert "does not accept phone=tgram://(hidden); accepted" in wrong.output
        assert "very-secret-word" not in wrong.output
