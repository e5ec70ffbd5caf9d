"""The exchanges of the settings, requested at the same time, each with a back-off of its own.

A venue that is late holds nobody up: its answer counts at the next tick. Where a venue
does not say when a trade was, it was when its price last changed.
"""

import logging
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import Future, wait
from dataclasses import dataclass, field

from tracker.errors import SourceError
from tracker.logs.throttle import FailureLog
from tracker.market.freshness import SourceHealth
from tracker.messaging.refresh_stats import SourceCounts
from tracker.times import now_ms
from worker.threads import in_thread
from worker.venues.base import Trade, Venue
from worker.venues.consensus import Verdict

MAX_WAIT_S = 300.0
"""The longest wait after failures, unless the venue asks for more."""
REFUSED_WAIT_S = 600.0
"""The wait after a venue has refused this client: a ban, or a country that is not served."""
DISAGREES_AFTER_MS = 60_000
"""How long a venue may be off before it counts as failing."""
MAX_REASON = 200  # characters

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Desk:
    """What is known of one venue. Times are in monotonic seconds, *since* is in unix ms."""

    venue: Venue
    request: Future[list[Trade]] | None = None
    not_before: float = 0.0
    failures: int = 0
    error: str | None = None
    off_reason: str | None = None
    reason: str | None = None
    """Why it counts as failing: the last error, or that it disagrees for long."""
    since: int | None = None
    seen: dict[tuple[str, str], Trade] = field(default_factory=dict)
    agreed: set[str] = field(default_factory=set)
    """Coins on which it agreed once: another coin of the same symbol never does, which is no
    disagreement, unless it has agreed on none."""
    off_since: int | None = None
    counts: SourceCounts = field(default_factory=SourceCounts)
    log: FailureLog = field(default_factory=lambda: FailureLog(log))
    off_log: FailureLog = field(default_factory=lambda: FailureLog(log))


class Exchanges:
    """The *venues*; *interval_s* is the time between two ticks."""

    def __init__(
        self,
        venues: Iterable[Venue],
        *,
        interval_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._desks = [_Desk(venue) for venue in venues]
        self._interval_s = interval_s
        self._clock = clock

    def __len__(self) -> int:
        """Return how many venues there are."""
        return len(self._desks)

    def request(self, symbols: Collection[str], currency: str) -> None:
        """Begin to fetch from each venue that may be asked now and does not answer yet."""
        for desk in self._desks:
            if desk.request is None and self._clock() >= desk.not_before:
                desk.request = in_thread(self._fetch, desk, symbols, currency)

    def trades(self, timeout_s: float) -> dict[str, list[Trade]]:
        """Return what has been answered within *timeout_s*, by venue; failures are noted."""
        requests = [desk.request for desk in self._desks if desk.request]
        wait(requests, timeout=timeout_s)
        found = {}
        for desk in self._desks:
            if desk.request is not None and desk.request.done():
                request, desk.request = desk.request, None
                error = request.exception()
                if error is None:
                    trades = found[desk.venue.name] = request.result()
                    self._answered(desk, trades)
                elif isinstance(error, SourceError):
                    self._failed(desk, error)
                else:  # a bug, which must not stop the others
                    self._failed(desk, SourceError(f"{desk.venue.name}: {error!r}"[:MAX_REASON]))
        return found

    def judged(self, verdicts: Mapping[str, Verdict]) -> None:
        """Note who agreed and who did not; of who is in no verdict nothing is known."""
        now = now_ms()
        for desk in self._desks:
            name = desk.venue.name
            if not any(name in one.venues + one.disbelieved for one in verdicts.values()):
                continue
            desk.agreed |= {coin for coin, one in verdicts.items() if name in one.venues}
            off = [coin for coin, one in verdicts.items() if name in one.disbelieved]
            known = sorted(desk.agreed.intersection(off) if desk.agreed else off)
            desk.counts.disagreements += len(known)
            if off:
                listed = ", ".join(sorted(off)[:5])
                desk.off_log.failed(f"{name}: left out, far from the last price: {listed}")
            else:
                desk.off_log.recovered(f"{name}: its prices are near the others again")
            if not known:
                desk.off_since, desk.off_reason = None, None
            elif desk.off_since is None:
                desk.off_since = now
            elif desk.off_reason is None and now - desk.off_since >= DISAGREES_AFTER_MS:
                desk.off_reason = f"{name}: its price of {known[0]} is far from the others"
            self._note(desk)

    def health(self) -> tuple[SourceHealth, ...]:
        """Return how each venue does."""
        return tuple(
            SourceHealth(desk.venue.name, desk.reason is None, desk.since, desk.reason)
            for desk in self._desks
        )

    def take_counts(self) -> dict[str, SourceCounts]:
        """Return what has been counted of each venue since the last call."""
        counts = {desk.venue.name: desk.counts for desk in self._desks}
        for desk in self._desks:
            desk.counts = SourceCounts()
        return counts

    def _answered(self, desk: _Desk, trades: Iterable[Trade]) -> None:
        desk.counts.answers += 1
        desk.counts.newest_at = max((trade.at or 0 for trade in trades), default=None)
        desk.failures, desk.not_before, desk.error = 0, 0.0, None
        self._note(desk)

    def _failed(self, desk: _Desk, error: SourceError) -> None:
        desk.counts.failures += 1
        desk.failures += 1
        if error.retry_after is not None:
            wait_s = error.retry_after
        elif error.kind == "refused":
            wait_s = REFUSED_WAIT_S
        else:
            wait_s = min(MAX_WAIT_S, self._interval_s * 2 ** min(desk.failures - 1, 10))
        desk.not_before = self._clock() + wait_s
        desk.error = str(error)
        self._note(desk)

    def _note(self, desk: _Desk) -> None:
        """Log and note whether *desk* is well now, and if not, why."""
        reason = desk.error or desk.off_reason
        if desk.since is None or (desk.reason is None) != (reason is None):
            desk.since = now_ms()
        desk.reason = reason
        if reason is None:
            desk.log.recovered(f"{desk.venue.name} answers again")
        else:
            desk.log.failed(reason)

    def _fetch(self, desk: _Desk, symbols: Collection[str], currency: str) -> list[Trade]:
        """Return the venue's trades, dated when they come: they may be looked at much later."""
        return self._dated(desk, desk.venue.fetch(symbols, currency))

    def _dated(self, desk: _Desk, trades: Iterable[Trade]) -> list[Trade]:
        """Return *trades*, each with a time."""
        now, dated = now_ms(), []
        for trade in trades:
            key = trade.symbol, trade.currency
            if trade.at is None:
                before = desk.seen.get(key)
                unmoved = before and before.price == trade.price and (before.at or 0) <= now
                trade = before if before and unmoved else trade._replace(at=now)
                desk.seen[key] = trade
            dated.append(trade)
        return dated
