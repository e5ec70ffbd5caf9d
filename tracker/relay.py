"""The relay: what the worker tells or stores becomes frames for the hub.

The database is the truth and the feed the bell. Each message names the tick
before it; when that is not the newest here, or the feed was not sure to
deliver, or the clock says that a tick is due, the database is asked.
It keeps the newest tick in memory, so that no page and no reader waits for SQL.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import NamedTuple

from sqlalchemy.exc import SQLAlchemyError

from tracker.concurrency import Inquiry
from tracker.errors import StoreError
from tracker.logs.context import about
from tracker.logs.throttle import Repeated
from tracker.market import freshness
from tracker.market.freshness import Health, Status, stale_after_ms
from tracker.market.quotes import Tick, TickJson
from tracker.messaging.feed import Feed, Heard, Message
from tracker.storage.ticks import Store
from tracker.stream.critical_thread import vital_thread
from tracker.stream.frames import Frame, Notice, encode
from tracker.stream.hub import Hub
from tracker.times import now_ms

OVERDUE = 1.5
"""Intervals after which a tick that the feed did not bring is looked for."""
MAX_OVERDUE = 60.0
"""Seconds after which it is looked for in any case."""
LOOK_LIMIT = 2.0
"""Seconds to wait for the database."""
PAUSE = 0.5
"""Seconds between two looks that readers ask for."""
CLOCK_SKEW = 5000
"""Milliseconds that another host's clock may be ahead."""

log = logging.getLogger(__name__)


class Found(NamedTuple):
    """What the database had: ticks oldest first, and all coins when first asked."""

    health: Health
    ticks: list[Tick]
    coins: frozenset[str]


class Broadcast(NamedTuple):
    """What one broadcast took, in seconds: itself, and since the worker told of the tick.

    The second is None for a tick that the feed did not bring.
    """

    seconds: float
    latency: float | None


class Relay:
    """Feed and store in, frames to the hub out. *interval* is in seconds."""

    def __init__(
        self,
        *,
        feed: Feed,
        store: Store,
        hub: Hub,
        interval: int,
        replay: int,
        on_broadcast: Callable[[Broadcast], None] = lambda broadcast: None,
    ) -> None:
        self._feed = feed
        self._store = store
        self._hub = hub
        self._interval = interval
        self._stale_after = stale_after_ms(interval)
        self._replay = replay
        self._on_broadcast = on_broadcast
        self._unread = Repeated(log)
        self._unheard = Repeated(log)
        self._closing = False
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._inquiry = Inquiry(self._ask_database)
        self._looked_at = 0.0
        self._heard_at = 0.0
        self._health = Health()
        self._told: Status | None = None
        self._told_fresh_at: int | None = None
        self._is_cut_off = False
        self.feed_connected = False
        """Whether the feed delivers, as far as is known."""
        self.database_answers = True
        """Whether the last look into the database saw something."""
        self.mended = 0
        """Ticks found in the database that the feed did not bring, after the first tick."""
        self._knows_history = False
        self.tick: Tick | None = None
        """The newest tick."""
        self.newest: TickJson | None = None
        """Its JSON."""
        self.coins: frozenset[str] = frozenset()
        """The ids of all coins that were ever among those followed."""

    def start(self) -> None:
        """Begin to relay, once; more calls do nothing."""
        if self._thread is not None:
            return
        with self._lock:
            if self._thread is None:
                self._look()
                self._tell_status()
                self._hub.start()
                self._thread = vital_thread(self._run, "relay")

    def close(self) -> None:
        """Relay no more; returns within the feed's pause. The hub is not closed."""
        self._closing = True
        if self._thread is not None:
            self._thread.join()

    @property
    def runs(self) -> bool:
        """Whether it relays."""
        return self._thread is not None and self._thread.is_alive()

    @property
    def fresh_at(self) -> int | None:
        """When the source last gave or confirmed the prices, in unix milliseconds."""
        return self._health.fresh_at

    def status(self) -> Status:
        """Return what readers are told now."""
        now = freshness.status(self._health, now=now_ms(), stale_after=self._stale_after)
        if not self.database_answers and self.tick is None:
            return Status("offline", reason="the database cannot be read")
        if self._is_cut_off and self._health.reason is None:
            return replace(now, reason="Redis cannot be reached: prices come from the database")
        return now

    def catch_up_with(self, id: int) -> None:
        """Look for the tick *id*, which a reader has from another process, and this one has not.

        Only a look that begins from now on is sure to see it: just after another
        look this waits, for at most `PAUSE`, and readers who wait share theirs.
        """
        came_at = time.monotonic()
        while self._is_ahead(id) and self._looked_at < came_at:
            if (early := self._looked_at + PAUSE - time.monotonic()) > 0:
                time.sleep(early)
                continue
            with self._lock:
                if self._looked_at < came_at and self._has_paused():
                    self._look()

    def _run(self) -> None:
        for heard in self._feed.listen():
            if self._closing:
                return
            with self._lock, about(run=heard.message.run if heard.message else None):
                self._hear(heard)
                self._tell_status()

    def _hear(self, heard: Heard) -> None:
        self.feed_connected, self._is_cut_off = heard.connected, not heard.connected
        if heard.message is not None:
            self._heard_at = time.monotonic()
            self._health = heard.message.health
            if heard.message.tick is not None:
                self._take(heard.message.tick, heard.message)
        elif not heard.sure or not self.database_answers or self._is_overdue():
            self._look()

    def _take(self, tick: Tick, message: Message) -> None:
        """Relay *tick*, which *message* brought, after those between it and the newest here."""
        if message.previous != self._newest_id():
            self._look(brought=tick.id)
        else:
            self._unheard.over("the feed brings the ticks again")
        joins_on = message.previous == self._newest_id()
        if self.tick is None or tick.id > self.tick.id:
            self._relay(tick, after_gap=not joins_on, published_at=message.published_at)

    def _look(self, *, brought: int | None = None) -> None:
        """Relay what the database has and this process has not.

        *brought* is the id of the tick that the feed brings just now, if it does.
        """
        self._looked_at = time.monotonic()
        try:
            found = self._inquiry.answer(LOOK_LIMIT)
        except (SQLAlchemyError, StoreError, TimeoutError) as error:
            self._unread.failed(f"the database cannot be read: {error}")
            self.database_answers = False
            return
        self._unread.over("the database can be read again")
        self.database_answers = True
        self._health = found.health
        self.coins |= found.coins
        ticks = self._without_history(found.ticks)
        has_gap = len(ticks) > self._replay
        ticks = ticks[-self._replay :]
        self._mend(tick.id for tick in ticks if tick.id != brought)
        for tick in ticks:
            self._relay(tick, after_gap=has_gap)
            has_gap = False

    def _without_history(self, ticks: list[Tick]) -> list[Tick]:
        """Return those of *ticks* that readers lack; the first time, keep the others.

        The feed may have brought ticks before the database could be read: they
        are told, and what came before them is history. If it brought none, the
        newest alone is for those who are there.
        """
        newest = self._newest_id()
        if not self._knows_history:
            self._knows_history = True
            if newest is None:
                newest = ticks[-2].id if len(ticks) > 1 else 0
            self._keep([tick for tick in ticks if tick.id <= newest])
        return [tick for tick in ticks if tick.id > (newest or 0)]

    def _keep(self, history: list[Tick]) -> None:
        """Have those who return find all of *history*, which ends with the newest tick told."""
        if history and (self.tick is None or history[-1].id == self.tick.id):
            self._hub.keep(_frame(TickJson(tick)) for tick in history)

    def _mend(self, ids: Iterable[int]) -> None:
        """Count and tell the ticks that the feed did not bring, after the first tick."""
        found = list(ids)
        if found and self.tick is not None:
            self.mended += len(found)
            listed = ", ".join(map(str, found[:5]))
            self._unheard.failed(
                f"found in the database, not brought by the feed: {len(found)} ticks, {listed}",
                key="unheard",
            )

    def _ask_database(self) -> Found:
        return Found(
            self._store.health(),
            self._store.newest(self._replay + 1, after=self._known_up_to()),
            frozenset() if self._knows_history else self._store.coins(),
        )

    def _relay(self, tick: Tick, *, after_gap: bool, published_at: int | None = None) -> None:
        self.coins = self.coins.union(quote.id for quote in tick.quotes)
        json = TickJson(tick)
        began_at = time.perf_counter()
        self._hub.broadcast(_frame(json), after_gap=after_gap)
        seconds = time.perf_counter() - began_at
        self.tick, self.newest = tick, json
        self._on_broadcast(Broadcast(seconds, _seconds_since(published_at)))
        log.debug("tick %d to %d readers in %.1f ms", tick.id, len(self._hub), seconds * 1000)

    def _is_confirmed(self) -> bool:
        """Return whether the newest tick was found to hold still, and readers do not know yet."""
        fresh_at = self._health.fresh_at
        return (
            fresh_at is not None
            and fresh_at != self._told_fresh_at
            and fresh_at > (self._newest_id() or fresh_at)
        )

    def _known_up_to(self) -> int:
        """Return the id after which the database's ticks are wanted, 0 for all."""
        return (self._newest_id() or 0) if self._knows_history else 0

    def _newest_id(self) -> int | None:
        return self.tick.id if self.tick else None

    def _has_paused(self) -> bool:
        """Return whether the last look is long enough ago for one that a reader asks for."""
        return time.monotonic() - self._looked_at >= PAUSE

    def _is_ahead(self, id: int) -> bool:
        """Return whether the tick *id* may well be one that this process has not got yet."""
        return (self._newest_id() or 0) < id <= now_ms() + CLOCK_SKEW

    def _is_overdue(self) -> bool:
        """Return whether a tick should have come, and none was looked for since."""
        last = max(self._heard_at, self._looked_at)
        return time.monotonic() - last > min(OVERDUE * self._interval, MAX_OVERDUE)

    def _tell_status(self) -> None:
        """Pin the status when it has changed, and tell it when that is news."""
        now = self.status()
        confirmed = self._is_confirmed()
        if now != self._told or confirmed:
            self._hub.pin(
                Notice(encode(now.to_json(), event="status")),
                tell=self._told is None or now.is_news_after(self._told) or confirmed,
            )
            self._told, self._told_fresh_at = now, self._health.fresh_at


def _frame(json: TickJson) -> Frame:
    return Frame(json.id, lambda coins: encode(json.of(coins), event="prices", id=json.id))


def _seconds_since(at: int | None) -> float | None:
    """Return the seconds since *at*, by another host's clock perhaps: never less than none."""
    return None if at is None else max(0, now_ms() - at) / 1000
