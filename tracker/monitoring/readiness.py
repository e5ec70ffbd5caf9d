"""Whether this process delivers prices: the checks of `/readyz`.

Alive is not ready. No check waits for long, whatever hangs, and concurrent
callers share one run of the checks.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy.exc import SQLAlchemyError

from tracker.concurrency import TimedCall, shared
from tracker.errors import StoreError
from tracker.messaging.feed import PROBE_EVERY_S, PROBE_TIMEOUT_S, SILENCE_S, Feed
from tracker.relay import Relay
from tracker.storage import disk
from tracker.storage.disk import DiskUse
from tracker.storage.ticks import Store
from tracker.stream.hub import Hub
from tracker.times import now_ms

START_TIMEOUT_S = 0.5
"""Time that a relay which has not started yet may take to start."""
DATABASE_TIMEOUT_S = 1.0
MAX_PROOF_AGE_S = PROBE_EVERY_S + PROBE_TIMEOUT_S + SILENCE_S
"""Time within which the feed's message to itself came back, if it delivers."""


@dataclass(frozen=True, slots=True)
class Check:
    """What one check found, in words, and how long it took.

    Only a *fatal* one makes the process unready.
    """

    name: str
    ok: bool
    detail: str
    seconds: float
    fatal: bool


class Readiness:
    """The checks of one process. Prices older than *stale_after*, in ms, are stale."""

    def __init__(
        self,
        *,
        hub: Hub,
        feed: Feed,
        relay: Relay,
        store: Store,
        stale_after: int,
        disk_use: Callable[[], DiskUse | None],
    ) -> None:
        self._hub = hub
        self._feed = feed
        self._relay = relay
        self._stale_after = stale_after
        self._disk_use = disk_use
        self._start = TimedCall(relay.start)
        self._read = TimedCall(lambda: store.newest(1))
        self.checks = shared(self._run)
        """Runs the checks, unless they ran less than a second ago."""

    def _run(self) -> list[Check]:
        return [
            _timed("hub", self._check_hub),
            _timed("feed", self._check_feed),
            _timed("database", self._check_database),
            *self._check_disk(),
            _timed("prices", self._check_prices, fatal=False),
            _timed("coins", lambda: self._relay.state.source.warning, fatal=False),
        ]

    def _check_hub(self) -> str | None:
        if self._hub.draining:
            return "this process is ending: its readers are disconnected"
        if not self._relay.runs:
            try:
                self._start.result(START_TIMEOUT_S)
            except TimeoutError:
                return "the relay has not started"
        return None if self._hub.runs and self._relay.runs else "its threads do not run"

    def _check_feed(self) -> str | None:
        proved_at = self._feed.proved_at
        if proved_at is None:
            return "Redis cannot be reached, or does not deliver: prices come from the database"
        age = time.monotonic() - proved_at
        return None if age <= MAX_PROOF_AGE_S else f"no message to itself came back for {age:.0f} s"

    def _check_database(self) -> str | None:
        try:
            self._read.result(DATABASE_TIMEOUT_S)
        except TimeoutError:
            return f"no answer within {DATABASE_TIMEOUT_S:g} s"
        except (SQLAlchemyError, StoreError) as error:
            return f"it cannot be read: {type(error).__name__}"  # its words may name hosts
        return None

    def _check_disk(self) -> list[Check]:
        """Return how full the disk is, in words; nothing for a database on another host."""
        began_at = time.perf_counter()
        if (used := self._disk_use()) is None:
            return []
        seconds = round(time.perf_counter() - began_at, 6)
        return [Check("disk", used.room >= disk.LOW_BYTES, str(used), seconds, fatal=False)]

    def _check_prices(self) -> str | None:
        newest_id = self._relay.state.id
        if newest_id is None:
            return "there are none"
        age = now_ms() - newest_id
        if age > self._stale_after:
            return f"the newest are {age / 1000:.0f} s old"
        status = self._relay.status()
        return status.reason if status.state == "stale" else None


def _timed(name: str, check: Callable[[], str | None], *, fatal: bool = True) -> Check:
    began_at = time.perf_counter()
    trouble = check()
    seconds = round(time.perf_counter() - began_at, 6)
    return Check(name, trouble is None, trouble or "ok", seconds, fatal)
