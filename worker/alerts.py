"""The job that sends what alerts have to tell, and judges those on silence.

Each target has a thread of its own, one at a time, so that a target that hangs holds up neither
ticks nor other targets. A thread that has taken too long is left to itself: its message counts
as failed, unless it is sent in the end.
"""

import logging
from collections.abc import Callable
from concurrent.futures import Future, wait
from dataclasses import dataclass, field
from functools import cache
from time import monotonic, sleep

from sqlalchemy.exc import SQLAlchemyError

from tracker.errors import NotifyError
from tracker.logs.throttle import FailureLog
from tracker.messaging.notify import Notifier
from tracker.messaging.refresh_stats import RefreshStats
from tracker.processes import may_live
from tracker.storage.outbox import Outbox, Parcel, Settled
from tracker.times import now_ms
from worker.jobs import backend, log_fired
from worker.threads import in_thread

LIMIT_S = 30.0
"""Time for one message: a request has eight seconds, mail fifteen for each step."""
HOLD_MS = 40_000
"""How long a target is held for a message: longer than its time."""
STORE_S, STORE_AGAIN_S = 20.0, 0.2
"""How long it is tried to store that a message was sent, and the pause between two attempts."""
MAX_ABANDONED = 3
"""Threads of one target that still hang: until one ends, it gets no other."""
END_S = 2.0
"""How long the end of the process waits for messages that are under way."""

log = logging.getLogger(__name__)


@dataclass
class _Line:
    """One target's threads: the one that sends, since when, and those that were left."""

    log: FailureLog
    parcel: Parcel | None = None
    thread: Future[None] | None = None
    began_at: float = 0.0
    abandoned: list[Future[None]] = field(default_factory=list)


class Dispatcher:
    """Sends from the *outbox* by the *notifier*, which is made when first needed."""

    def __init__(
        self, outbox: Outbox, notifier: Callable[[], Notifier], stats: RefreshStats
    ) -> None:
        self._outbox, self._notifier, self._stats = outbox, notifier, stats
        self._lines: dict[str, _Line] = {}

    def dispatch(self) -> None:
        """Begin to send all that waits and is due, and give up on threads that are late."""
        for line in self._lines.values():
            if line.thread is not None and not line.thread.done():
                self._abandon_if_late(line)
        waiting = self._outbox.waiting()
        self._stats.note_alerts_waiting(sum(waiting.values()))
        targets = {*self._outbox.targets}
        if waiting.keys() - targets:
            count = self._outbox.drop_strangers(now_ms())
            log.warning("%d deliveries are to targets that are no longer set: given up", count)
        for name in waiting.keys() & targets:
            self._begin(name, self._lines.setdefault(name, _Line(FailureLog(log))))

    def finish(self, timeout_s: float = END_S) -> None:
        """Wait for messages that are under way."""
        threads = [line.thread for line in self._lines.values() if line.thread is not None]
        wait(threads, timeout=timeout_s)

    def _begin(self, name: str, line: _Line) -> None:
        line.abandoned = [thread for thread in line.abandoned if not thread.done()]
        if (line.thread and not line.thread.done()) or len(line.abandoned) >= MAX_ABANDONED:
            return
        parcel = self._outbox.claim(name, now_ms(), hold_ms=HOLD_MS, is_alive=may_live)
        if parcel is None:
            return
        line.parcel, line.began_at = parcel, monotonic()
        line.thread = in_thread(self._send, parcel, line)

    def _send(self, parcel: Parcel, line: _Line) -> None:
        """Send *parcel* and what came meanwhile, in a thread of its own."""
        try:
            self._send_all(parcel, line)
        except SQLAlchemyError as error:
            log.warning("what became of a message to %s was not stored: %s", parcel.name, error)

    def _send_all(self, parcel: Parcel, line: _Line) -> None:
        while True:
            try:
                self._notifier().send(parcel.name, parcel.events)
            except NotifyError as error:
                if line.parcel is parcel:
                    self._settle_failure(parcel, line, str(error))
                return
            settled = self._store_sent(parcel)
            self._stats.count_alerts(parcel.name, sent=settled.sent)
            log.info("sent to %s: %d of %d", parcel.name, settled.sent, len(parcel.events))
            line.log.recovered(f"alerts reach {parcel.name} again")
            if line.parcel is not parcel:
                return
            next_one = self._outbox.claim(parcel.name, now_ms(), hold_ms=HOLD_MS, is_alive=may_live)
            if next_one is None:
                return
            parcel = line.parcel = next_one
            line.began_at = monotonic()

    def _store_sent(self, parcel: Parcel) -> Settled:
        """Store that *parcel* was sent, also if the database is away now: else it is sent again."""
        until = monotonic() + STORE_S
        while True:
            try:
                return self._outbox.sent(parcel, now_ms())
            except SQLAlchemyError:
                if monotonic() > until:
                    raise
                sleep(STORE_AGAIN_S)

    def _abandon_if_late(self, line: _Line) -> None:
        if monotonic() - line.began_at < LIMIT_S or line.thread is None or line.parcel is None:
            return
        parcel, line.parcel = line.parcel, None
        line.abandoned.append(line.thread)
        line.thread = None
        self._settle_failure(parcel, line, f"no answer within {LIMIT_S:.0f} s")

    def _settle_failure(self, parcel: Parcel, line: _Line, reason: str) -> None:
        settled = self._outbox.failed(parcel, reason, now_ms())
        self._stats.count_alerts(parcel.name, failed=1, given_up=settled.given_up)
        _log_failure(parcel.name, line.log, reason, settled)


def _log_failure(name: str, failure_log: FailureLog, reason: str, settled: Settled) -> None:
    if settled.given_up:
        log.error("%d alerts to %s were given up after an hour: %s", settled.given_up, name, reason)
    wait_s = settled.wait_ms / 1000
    text = f"alerts do not reach {name}: {reason}; tried again for an hour, next in {wait_s:.0f} s"
    failure_log.failed(text)


@cache
def notifier() -> Notifier:
    """Return what sends, for the settings' targets. Raises `ConfigError` for a wrong one."""
    settings = backend().settings
    return Notifier(settings.targets, settings.url)


@cache
def dispatcher() -> Dispatcher:
    """Return the worker process's dispatcher."""
    its = backend()
    return Dispatcher(its.outbox, notifier, its.refresh_stats)


def check_targets() -> None:
    """Raise `ConfigError` if Apprise does not accept one of the settings' targets."""
    if backend().settings.notify:
        notifier()


def deliver_alerts() -> None:
    """Judge the rules on silence; begin to send what waits."""
    log_fired(backend().alerts.judge_silence(now_ms()), backend().refresh_stats)
    dispatcher().dispatch()
