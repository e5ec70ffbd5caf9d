"""The relay: published ticks in, frames to the hub out; gaps are filled from the database.

The database is the truth. Each message names the tick before it; when that is
not the newest here, when the feed may have lost messages, or when a tick is
overdue, the relay reads the database. The newest tick stays in memory, so that
no page and no reader waits for SQL.
"""

import logging
import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from sqlalchemy.exc import SQLAlchemyError

from tracker.concurrency import TimedCall
from tracker.errors import StoreError
from tracker.logs.context import log_context
from tracker.logs.throttle import FailureLog
from tracker.market import freshness
from tracker.market.freshness import SourceState, Status
from tracker.market.quotes import Tick, TickJson, by_symbol
from tracker.market.rates import Rates
from tracker.messaging.feed import Feed, FeedEvent, Message
from tracker.storage.engine import explained
from tracker.storage.ticks import Store
from tracker.storage.weeks import Weeks
from tracker.stream.critical_thread import critical_thread
from tracker.stream.frames import ControlFrame, Frame, encode
from tracker.stream.hub import Hub
from tracker.stream.screen import Screen
from tracker.text import watch
from tracker.times import now_ms

OVERDUE = 1.5
"""Intervals without a tick after which the database is read."""
MAX_OVERDUE_S = 60.0
"""Time without a tick after which it is read in any case."""
QUERY_TIMEOUT_S = 2.0
SYNC_EVERY_S = 0.5
"""Time between two reads of the database that readers with unknown ids cause."""
CLOCK_SKEW_MS = 5000
"""How far another host's clock may be ahead."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class MarketState:
    """What this process knows of the market at one moment."""

    source: SourceState = field(default_factory=SourceState)
    newest: TickJson | None = None
    coins: frozenset[str] = frozenset()
    """The ids of all coins that were ever followed."""
    rates: Rates | None = None
    """The newest exchange rates, however old."""

    @property
    def usable_rates(self) -> Rates | None:
        """The newest exchange rates, unless they are too old to convert with."""
        return self.rates if self.rates and self.rates.is_usable(now_ms()) else None

    @property
    def tick(self) -> Tick | None:
        """The newest tick."""
        return self.newest.tick if self.newest else None

    @property
    def id(self) -> int | None:
        """The newest tick's id."""
        return self.newest.id if self.newest else None

    def ids(self, names: Collection[str]) -> dict[str, str]:
        """Return the ids of coins by the *names* that are ids, or symbols in the newest tick.

        What names no coin is left out. Of a symbol it is the largest coin.
        """
        found = {name: name for name in names if name in self.coins}
        others = [name for name in names if name not in found]
        if others and self.tick:
            symbols = by_symbol(self.tick.quotes)
            found |= {name: symbols[name.upper()].id for name in others if name.upper() in symbols}
        return found


class Broadcast(NamedTuple):
    """How long one broadcast took, and how long after it was published the tick was sent."""

    seconds: float
    latency: float | None
    """In seconds; None for a tick that the feed did not bring."""


class Missed(NamedTuple):
    """What the database has and readers lack, oldest first."""

    source: SourceState
    coins: frozenset[str]
    rates: Rates | None
    installation: str | None
    """The database's own id."""
    history: list[Tick]
    """What came before the newest tick: for those who return."""
    missed: list[Tick]
    has_gap: bool
    """Whether ticks before those *missed* are left out: they are too many, or set aside."""
    is_older: bool
    """Whether what readers have is no longer in the database, whose newest is older."""


class DatabaseSync:
    """Reads from the database what the feed did not bring; at most *replay* ticks."""

    def __init__(self, store: Store, replay: int) -> None:
        self._store = store
        self._replay = replay
        self._query = TimedCall(self._read)
        self._has_history = False
        self._after = 0
        self._failures = FailureLog(log)
        self.answers = True
        """Whether the last read succeeded."""
        self.read_at = 0.0
        """When the last read began, in monotonic seconds."""
        self.filled = 0
        """Ticks that the feed did not bring, after the first tick."""

    def missed_since(self, newest_id: int | None) -> Missed | None:
        """Return what there is after *newest_id*; None if the database cannot be read now.

        The first time all that can be replayed is read: what is not after *newest_id*,
        or without one all but the newest tick, is history.
        """
        self.read_at = time.monotonic()
        is_first = not self._has_history
        self._after = 0 if is_first else newest_id or 0
        try:
            source, coins, rates, installation, ticks = self._query.result(QUERY_TIMEOUT_S)
        except (SQLAlchemyError, StoreError, TimeoutError) as error:
            self._failures.failed(f"the database cannot be read: {explained(error)}")
            self.answers = False
            return None
        self._failures.recovered("the database can be read again")
        self.answers = self._has_history = True
        if newest_id is None:
            newest_id = ticks[-2].id if is_first and len(ticks) > 1 else 0
        # Ticks were set aside, or the database was emptied or replaced.
        is_older = bool(ticks) and ticks[-1].id < newest_id
        missed = ticks[-1:] if is_older else [tick for tick in ticks if tick.id > newest_id]
        return Missed(
            source,
            coins,
            rates,
            installation,
            history=ticks[: len(ticks) - len(missed)] if is_first else [],
            missed=missed[-self._replay :],
            has_gap=is_older or len(missed) > self._replay,
            is_older=is_older,
        )

    def _read(self) -> tuple[SourceState, frozenset[str], Rates | None, str | None, list[Tick]]:
        coins = frozenset() if self._has_history else self._store.coins()
        ticks = self._store.newest(self._replay + 1, after=self._after)
        if not ticks and self._after:
            ticks = [one for one in self._store.newest(1) if one.id < self._after]
        source, rates = self._store.source_state(), self._store.rates()
        return source, coins, rates, self._store.installation(), ticks


class Relay:
    """Feed and store in, frames to the hub out. *interval* is in seconds, *stale_after* in ms."""

    def __init__(
        self,
        *,
        feed: Feed,
        store: Store,
        hub: Hub,
        interval: int,
        stale_after: int,
        replay: int,
        weeks: Weeks,
        top: int | None = None,
        heartbeat_s: int | None = None,
        on_broadcast: Callable[[Broadcast], None] = lambda broadcast: None,
    ) -> None:
        self._feed = feed
        self._hub = hub
        self._overdue_s = min(OVERDUE * interval, MAX_OVERDUE_S)
        self._stale_after = stale_after
        self._weeks = weeks
        self._top = top
        self._heartbeat_s = heartbeat_s
        self._on_broadcast = on_broadcast
        self._closing = False
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._losses = FailureLog(log)
        self._strangers = FailureLog(log)
        self._installation: str | None = None
        self._heard_at = 0.0
        self._sent: tuple[Status, int] | None = None
        """The status that the hub has, and `fresh_at` when it was sent."""
        self.database = DatabaseSync(store, replay)
        self.feed_connected: bool | None = None
        """Whether the feed delivers; None before it is known."""
        self.state = MarketState()

    def start(self) -> None:
        """Start to relay, once; more calls do nothing."""
        if self._thread is not None:
            return
        with self._lock:
            if self._thread is None:
                self._sync_from_db()
                self._send_status()
                self._hub.start()
                self._thread = critical_thread(self._run, "relay")

    def close(self) -> None:
        """Stop; returns when the feed has yielded once more. The hub stays open."""
        self._closing = True
        if self._thread is not None:
            self._thread.join()

    @property
    def runs(self) -> bool:
        """Whether it relays."""
        return self._thread is not None and self._thread.is_alive()

    def status(self) -> Status:
        """Return the status for readers, as of now."""
        return replace(self._status(), top=self._top, heartbeat_s=self._heartbeat_s)

    def _status(self) -> Status:
        source, newest = self.state.source, self.state.newest
        if not self.database.answers and newest is None:
            return Status("offline", reason="the database cannot be read")
        now = freshness.status(
            source,
            now=now_ms(),
            stale_after=self._stale_after,
            renewed=newest.renewed if newest else (),
        )
        if self.feed_connected is False and source.reason is None:
            return replace(now, reason="Redis cannot be reached: prices come from the database")
        return now

    def sync_until(self, id: int) -> None:
        """Read the database for the tick *id*, which a reader has from another process.

        Only a read that begins from now on is sure to find it: just after another
        this waits, for at most `SYNC_EVERY_S`; readers who wait share a read.
        """
        came_at = time.monotonic()

        def may_be_found() -> bool:
            is_ahead = (self.state.id or 0) < id <= now_ms() + CLOCK_SKEW_MS
            return is_ahead and self.database.read_at < came_at

        while may_be_found():
            if (early := self.database.read_at + SYNC_EVERY_S - time.monotonic()) > 0:
                time.sleep(early)
                continue
            with self._lock:
                if may_be_found():
                    self._sync_from_db()

    def _run(self) -> None:
        for event in self._feed.listen():
            if self._closing:
                return
            with self._lock, log_context(run=event.message.run if event.message else None):
                self._on_event(event)
                self._send_status()

    def _on_event(self, event: FeedEvent) -> None:
        self.feed_connected = event.connected
        if event.message is not None and not self._is_foreign(event.message):
            self._heard_at = time.monotonic()
            rates = event.message.rates or self.state.rates
            self.state = replace(self.state, source=event.message.state, rates=rates)
            if event.message.tick is not None:
                self._on_tick(event.message.tick, event.message)
            return
        overdue_at = max(self._heard_at, self.database.read_at) + self._overdue_s
        if not event.gapless or not self.database.answers or time.monotonic() > overdue_at:
            self._sync_from_db()

    def _is_foreign(self, message: Message) -> bool:
        """Return whether *message* is of another tracker, as long as the database has said so."""
        is_foreign = bool(
            self._installation
            and message.installation
            and message.installation != self._installation
        )
        if is_foreign:
            self._strangers.failed(
                "another tracker publishes on this database of Redis; what it says is left out"
            )
        return is_foreign

    def _on_tick(self, tick: TickJson, message: Message) -> None:
        """Relay *tick*, after those between it and the newest here."""
        if message.previous != self.state.id:
            self._sync_from_db(brought=tick.id)
        else:
            self._losses.recovered("the feed brings the ticks again")
        joins_on = message.previous == self.state.id
        if tick.id <= (self.state.id or 0):
            return
        if not joins_on and self.database.answers:  # the read above would have found it
            self._strangers.failed("the feed brought a tick that the database has not")
        else:
            self._broadcast(tick, after_gap=not joins_on, published_at=message.published_at)
            self._show()

    def _sync_from_db(self, *, brought: int | None = None) -> None:
        """Relay what the database has and this process has not; the feed has *brought* that one."""
        newest_id = self.state.id
        if (found := self.database.missed_since(newest_id)) is None:
            return
        self._installation = found.installation
        coins = self.state.coins | found.coins
        rates = found.rates or self.state.rates
        self.state = replace(self.state, source=found.source, coins=coins, rates=rates)
        if found.history and newest_id in (None, found.history[-1].id):
            self._hub.load_history(_frame(TickJson.of_tick(tick)) for tick in found.history)
        lost = [tick.id for tick in found.missed if newest_id is not None and tick.id != brought]
        if found.is_older:
            newer = found.missed[0].id
            log.warning("tick %s is no longer in the database: now it is %d", newest_id, newer)
        elif lost:
            self.database.filled += len(lost)
            listed = f"{len(lost)} ticks, {', '.join(map(str, lost[:5]))}"
            text = f"found in the database, not brought by the feed: {listed}"
            self._losses.failed(text, key="lost")
        for index, tick in enumerate(found.missed):
            self._broadcast(TickJson.of_tick(tick), after_gap=found.has_gap and index == 0)
        if found.missed:
            self._show()

    def _broadcast(
        self, tick: TickJson, *, after_gap: bool, published_at: int | None = None
    ) -> None:
        began_at = time.perf_counter()
        self._hub.broadcast(_frame(tick), after_gap=after_gap)
        seconds = time.perf_counter() - began_at
        self.state = replace(self.state, newest=tick, coins=self.state.coins.union(tick.coins))
        # Another host's clock may be ahead.
        latency = None if published_at is None else max(0, now_ms() - published_at) / 1000
        self._on_broadcast(Broadcast(seconds, latency))
        log.debug("tick %d to %d readers in %.1f ms", tick.id, len(self._hub), seconds * 1000)

    def _send_status(self) -> None:
        """Give the hub a status that has changed; readers who are there get it if it is news.

        That the newest tick was confirmed is news as well.
        """
        now, fresh_at = self.status(), self.state.source.fresh_at or 0
        before, sent_fresh_at = self._sent or (None, 0)
        is_confirmed = fresh_at != sent_fresh_at and fresh_at > (self.state.id or fresh_at)
        if now != before or is_confirmed:
            is_news = before is None or now.is_news_after(before) or is_confirmed
            self._hub.retain(ControlFrame(encode(now.to_json(), event="status")), send=is_news)
            self._sent = now, fresh_at
            if is_news:
                self._show()

    def _show(self) -> None:
        """Have terminals drawn anew: there is a newer tick, or another status."""
        if self._hub.has_terminals and self.state.newest:
            self._weeks.of(self.state.newest.coins)  # here: what begins a thread holds no lock
        self._hub.show(Screen(self._draw))

    def _draw(self, coins: tuple[str, ...], look: tuple[Any, ...]) -> str:
        """Return the table as of now; the hub asks for it once for all who watch the same."""
        return watch.draw(
            self.state.tick,
            self.status(),
            self.state.usable_rates,
            self._weeks.known,
            coins=coins,
            look=watch.Look(*look),
            now=now_ms(),
        )


def _frame(tick: TickJson) -> Frame:
    return Frame(tick.id, lambda coins: encode(tick.of(coins), event="prices", id=tick.id))
