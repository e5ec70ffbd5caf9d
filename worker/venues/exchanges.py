"""The exchanges of the settings, requested at the same time, each with a back-off of its own.

A venue that is late holds nobody up: its answer counts at the next tick. How old a trade is
the venue's own clock says, so that ours may be wrong by minutes. Where a venue does not
say when a trade was, it was when its price last changed.
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
from worker.sources.base import failure_of_bug, without_name
from worker.threads import in_thread
from worker.venues.base import Trade, Venue
from worker.venues.consensus import Verdict

MAX_WAIT_S = 60.0
"""The longest wait after failures, unless the venue asks for more: a network that was away
should not cost minutes more."""
REFUSED_WAIT_S = 600.0
"""The wait after a venue has refused this client: a ban, or a country that is not served."""
DISAGREES_AFTER_MS = 60_000
"""How long a venue may be off before it counts as failing."""

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Desk:
    """One *venue*: its request, its back-off, and how well it does.

    *interval_s* is the time between two ticks. Times are in seconds of *clock*, but *since* and
    *off_since*, which are in unix milliseconds.
    """

    venue: Venue
    interval_s: float
    clock: Callable[[], float]
    counts: SourceCounts = field(default_factory=SourceCounts)
    _request: Future[list[Trade]] | None = None
    _not_before: float = 0.0
    _failures: int = 0
    _error: str | None = None
    _is_ok: bool | None = None
    _since: int | None = None
    has_news: bool = False
    """Whether it has answered, failed or been judged in this tick."""
    _seen: dict[tuple[str, str], tuple[Trade, int]] = field(default_factory=dict)
    """Of each market the last trade, as the venue said it, and when that was by our clock."""
    _agreed: set[str] = field(default_factory=set)
    """Coins on which it agreed once: another coin of the same symbol never does, which is no
    disagreement, unless it has agreed on none."""
    _off_since: int | None = None
    _off_reason: str | None = None
    _log: FailureLog = field(default_factory=lambda: FailureLog(log))
    _off_log: FailureLog = field(default_factory=lambda: FailureLog(log))

    @property
    def name(self) -> str:
        """The venue's name."""
        return self.venue.name

    @property
    def health(self) -> SourceHealth:
        """How it does: it fails by its last error, or since it disagrees for long."""
        reason = self._reason and without_name(self._reason, self.name)
        return SourceHealth(self.name, reason is None, self._since, reason)

    @property
    def _reason(self) -> str | None:
        return self._error or self._off_reason

    def request(self, symbols: Collection[str], currency: str) -> Future[list[Trade]] | None:
        """Begin to fetch if it may be asked now; return what goes on, also if it did before."""
        if self._request is None and self.clock() >= self._not_before:
            self._request = in_thread(self._fetch, symbols, currency)
        return self._request

    def take(self) -> list[Trade] | None:
        """Return what has been answered; None if nothing has, or it failed."""
        self.has_news = False
        if self._request is None or not self._request.done():
            return None
        request, self._request = self._request, None
        error = request.exception()
        if error is None:
            self._answered(request.result())
            return request.result()
        self._failed(error if isinstance(error, SourceError) else failure_of_bug(self.name, error))
        return None

    def judged(self, verdicts: Mapping[str, Verdict]) -> None:
        """Note where it agreed and where not; of one that is in no verdict nothing is known."""
        agreed = {coin for coin, one in verdicts.items() if self.name in one.venues}
        off = {coin for coin, one in verdicts.items() if self.name in one.disbelieved}
        if not agreed | off:
            return
        self._agreed |= agreed
        known = sorted(off & self._agreed if self._agreed else off)
        self.counts.disagreements += len(known)
        if off:
            listed = ", ".join(sorted(off)[:5])
            self._off_log.failed(f"{self.name}: left out, far from the last price: {listed}")
        else:
            self._off_log.recovered(f"{self.name}: its prices are near the others again")
        if not known:
            self._off_since, self._off_reason = None, None
        elif self._off_since is None:
            self._off_since = now_ms()
        elif self._off_reason is None and now_ms() - self._off_since >= DISAGREES_AFTER_MS:
            self._off_reason = f"{self.name}: its price of {known[0]} is far from the others"
        self._note()

    def _answered(self, trades: Iterable[Trade]) -> None:
        self.counts.answers += 1
        self.counts.newest_at = max((trade.at or 0 for trade in trades), default=None)
        self._failures, self._not_before, self._error = 0, 0.0, None
        self._note()

    def _failed(self, error: SourceError) -> None:
        self.counts.failures += 1
        self._failures += 1
        if error.retry_after is not None:
            wait_s = error.retry_after
        elif error.kind == "refused":
            wait_s = REFUSED_WAIT_S
        else:
            wait_s = min(MAX_WAIT_S, self.interval_s * 2 ** min(self._failures - 1, 10))
        self._not_before = self.clock() + wait_s
        self._error = str(error)
        self._note()

    def _note(self) -> None:
        """Log whether it is well now, and note since when."""
        is_ok, self.has_news = self._reason is None, True
        if is_ok != self._is_ok:
            self._is_ok, self._since = is_ok, now_ms()
        if self._reason is None:
            self._log.recovered(f"{self.name} answers again")
        else:
            self._log.failed(self._reason)

    def _fetch(self, symbols: Collection[str], currency: str) -> list[Trade]:
        """Return the venue's trades, dated when they come: they may be looked at much later."""
        trades, now = self.venue.fetch(symbols, currency), now_ms()
        return [self._dated(trade, now) for trade in trades]

    def _dated(self, trade: Trade, now: int) -> Trade:
        """Return *trade* with its time by our clock, which shows *now*.

        One that is as it was before, its `clock` too, is an old answer that comes again.
        """
        if trade.at is not None and trade.clock is None:
            return trade
        market = trade.symbol, trade.currency
        before, at = self._seen.get(market, (None, now))
        if before != trade or at > now:
            age_ms = 0 if trade.at is None else max(0, (trade.clock or 0) - trade.at)
            at = now - age_ms
        self._seen[market] = trade, at
        return trade._replace(at=at, clock=None)


class Exchanges:
    """The *venues*; *interval_s* is the time between two ticks."""

    def __init__(
        self,
        venues: Iterable[Venue],
        *,
        interval_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._desks = [Desk(venue, interval_s, clock) for venue in venues]
        self._requests: list[Future[list[Trade]]] = []

    def __len__(self) -> int:
        """Return how many venues there are."""
        return len(self._desks)

    def request(self, symbols: Collection[str], currency: str) -> None:
        """Begin to fetch from each venue that may be asked now and does not answer yet."""
        requests = [desk.request(symbols, currency) for desk in self._desks]
        self._requests = [request for request in requests if request]

    def trades(self, timeout_s: float) -> dict[str, list[Trade]]:
        """Return what has been answered within *timeout_s*, by venue; failures are noted."""
        wait(self._requests, timeout=timeout_s)
        taken = {desk.name: desk.take() for desk in self._desks}
        return {name: trades for name, trades in taken.items() if trades is not None}

    def judged(self, verdicts: Mapping[str, Verdict]) -> None:
        """Note who agreed and who did not."""
        for desk in self._desks:
            desk.judged(verdicts)

    def health(self, before: Iterable[SourceHealth] = ()) -> tuple[SourceHealth, ...]:
        """Return how each venue does that has answered or failed, by the last answer or failure.

        That may be one *before*, of another worker: this one may be waiting after a failure of
        its own, while the other gets answers.
        """
        known = {one.name: one for one in before}
        known |= {desk.name: desk.health for desk in self._desks if desk.has_news}
        return tuple(known[desk.name] for desk in self._desks if desk.name in known)

    def take_counts(self) -> dict[str, SourceCounts]:
        """Return what has been counted of each venue since the last call."""
        counts = {desk.name: desk.counts for desk in self._desks}
        for desk in self._desks:
            desk.counts = SourceCounts()
        return counts
