"""Whether this process delivers prices: one look at all that it takes.

Alive is not ready. Nothing here waits for long, whatever hangs, and those who
ask at the same time share one look.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sqlalchemy.exc import SQLAlchemyError

from tracker.concurrency import TimedCall, shared
from tracker.errors import StoreError
from tracker.market.freshness import stale_after_ms
from tracker.messaging.feed import PROBE_EVERY_S, PROBE_TIMEOUT_S, SILENCE_S, Feed
from tracker.relay import Relay
from tracker.storage.ticks import Store
from tracker.stream.hub import Hub
from tracker.times import now_ms

START_LIMIT = 0.5
"""Seconds to wait for a relay that nobody has asked for so far."""
DATABASE_LIMIT = 1.0
"""Seconds to wait for the database."""
PROOF_LIMIT = PROBE_EVERY_S + PROBE_TIMEOUT_S + SILENCE_S
"""Seconds within which the feed's message to itself came back, if it delivers."""


@dataclass(frozen=True, slots=True)
class Check:
    """What one look found: *detail* in words, after so many *seconds*.

    One that is not *fatal* is told, and does not make the process unready.
    """

    name: str
    ok: bool
    detail: str
    seconds: float
    fatal: bool = True


class Readiness:
    """The checks of one process. *interval* is in seconds."""

    def __init__(
        self,
        *,
        hub: Hub,
        feed: Feed,
        relay: Relay,
        store: Store,
        interval: int,
    ) -> None:
        self._hub = hub
        self._feed = feed
        self._relay = relay
        self._stale_after = stale_after_ms(interval)
        self._start = TimedCall(relay.start)
        self._ask = TimedCall(lambda: store.newest(1))
        self._looked = shared(self._look)

    def checks(self) -> list[Check]:
        """Return what was found, just now or less than a second ago."""
        return self._looked()

    def _look(self) -> list[Check]:
        looks = {
            "hub": self._see_hub,
            "feed": self._see_feed,
            "database": self._see_database,
            "prices": self._see_prices,
        }
        return list(_timed(looks))

    def _see_hub(self) -> str | None:
        if self._hub.draining:
            return "this process ends: its readers are let go"
        if not self._relay.runs:
            try:
                self._start.result(START_LIMIT)
            except TimeoutError:
                return "it has not begun to relay"
        return None if self._hub.runs and self._relay.runs else "its threads do not run"

    def _see_feed(self) -> str | None:
        proved_at = self._feed.proved_at
        if proved_at is None:
            return "Redis cannot be reached, or does not deliver: prices come from the database"
        age = time.monotonic() - proved_at
        return None if age <= PROOF_LIMIT else f"no message to itself came back for {age:.0f} s"

    def _see_database(self) -> str | None:
        try:
            self._ask.result(DATABASE_LIMIT)
        except TimeoutError:
            return f"no answer within {DATABASE_LIMIT:g} s"
        except (SQLAlchemyError, StoreError) as error:
            return f"it cannot be read: {type(error).__name__}"  # its words may name hosts
        return None

    def _see_prices(self) -> str | None:
        newest_id = self._relay.state.id
        if newest_id is None:
            return "there are none"
        age = now_ms() - newest_id
        return None if age < self._stale_after else f"the newest are {age / 1000:.0f} s old"


def _timed(looks: dict[str, Callable[[], str | None]]) -> Iterator[Check]:
    for name, look in looks.items():
        began_at = time.perf_counter()
        trouble = look()
        seconds = round(time.perf_counter() - began_at, 6)
        yield Check(name, trouble is None, trouble or "ok", seconds, fatal=name != "prices")
