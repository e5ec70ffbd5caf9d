"""The aggregator: what CoinGecko says of coins and what exchanges say they cost, as one list.

CoinGecko is asked when it is time (`COINGECKO_INTERVAL`, its Retry-After, a back-off), the
exchanges at each tick, all at the same time. Once there are prices nothing waits for
CoinGecko longer than for an exchange: an answer that is late counts at the next tick. When
CoinGecko fails, ranks and supplies stay what they were, and prices go on.

The last prices shown then take the place of its own, at each failure and each minute. Prices
that nothing has renewed for an hour are no reference: then there are none until it answers.

A coin that CoinGecko lists without a price keeps its last one, with its time, and an exchange
may move it on.

All this is in memory: a worker that starts, or finds that another worker has asked
CoinGecko, takes the newest tick as its reference, and what that one knows as the source's health.
"""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass, replace
from time import monotonic

from tracker.errors import SourceError
from tracker.logs.throttle import FailureLog
from tracker.market.freshness import SourceHealth, SourceState, frozen
from tracker.market.quotes import Quote, by_symbol
from tracker.times import HOUR_MS, MINUTE_MS
from worker.sources.base import Fetched, Source, failure_of_bug, without_name
from worker.threads import in_line, in_thread
from worker.venues.base import TIMEOUT_S, Trade
from worker.venues.consensus import Factors, factors, repriced, verdicts, young
from worker.venues.exchanges import Exchanges

MAX_NAMED = 3  # coins in a warning
REFER_AGAIN_MS = MINUTE_MS
"""How long shown prices are the reference while the source fails: they move on without it."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Collected:
    """What there is for one tick: *quotes* as of now, none if nothing new came.

    Of the source: *fetched* is its answer, *unchanged* says that there was nothing new in
    it, *error* is its failure. All are empty where it was not asked, or is late.
    """

    quotes: tuple[Quote, ...] = ()
    fetched: Fetched | None = None
    unchanged: bool = False
    error: SourceError | None = None

    @property
    def answered(self) -> bool:
        """Whether the source has given prices, or confirmed those that it gave."""
        return self.unchanged or self.fetched is not None

    @property
    def outcome(self) -> str:
        """What came of it: `tick`, `failed` or `unchanged`."""
        if self.quotes:
            return "tick"
        return "failed" if self.error else "unchanged"


class Aggregator:
    """One *source* and the *exchanges*; *currency* is a code such as usd."""

    def __init__(self, source: Source, exchanges: Exchanges, currency: str) -> None:
        self.source, self.exchanges = source, exchanges
        self._currency = currency.upper()
        self._request: Future[Fetched | None] | None = None
        self.has_asked = False
        """Whether the source was asked since this process began."""
        self._warning: str | None = None
        self._log = FailureLog(log)
        self._attempted_at: int | None = None
        """When the source gave the reference, or failed, in unix milliseconds."""
        self._reference: tuple[Quote, ...] = ()
        self._referred_at = 0
        self._is_its_own = False
        """Whether the reference is the source's answer as it was: "unchanged" would mean that."""
        self._shown: dict[str, Quote] = {}
        """The reference at the last prices that were believed, by coin."""
        self._factors: Factors = {}

    def collect(
        self,
        state: SourceState,
        newest: Callable[[], Sequence[Quote]],
        *,
        is_due: bool,
        week: bool,
        at: int,
    ) -> Collected:
        """Return what there is *at* this time, in unix milliseconds.

        *state* is the source's as stored, *newest* reads the quotes of the newest tick.
        Ask the source, also for the *week* before, if it *is_due*.
        """
        if state.attempted_at != self._attempted_at:
            self._refer_to(newest(), state.attempted_at)
            self._referred_at, self._warning = at, state.warning
        if state.fresh_at is not None and at - state.fresh_at > HOUR_MS:
            self._refer_to((), state.attempted_at)
        deadline = monotonic() + TIMEOUT_S
        if is_due and self._request is None:
            knows_answer = self._is_its_own or not self.exchanges
            etag = state.etag if knows_answer and not week else None
            self._request = self._ask_source(etag, week=week)
            self.has_asked = True
        if self._reference:
            self.exchanges.request(by_symbol(self._reference).keys(), self._currency)
        can_go_on = self.exchanges and self._reference
        collected = self._from_source(TIMEOUT_S if can_go_on else None)
        trades = self.exchanges.trades(max(0.0, deadline - monotonic()))
        if collected.fetched:
            self._warning = collected.fetched.warning
            kept = self._kept(collected.fetched)
            if kept and not self._warning:
                named = ", ".join(one.name for one in kept[:MAX_NAMED])
                more = f" and {len(kept) - MAX_NAMED} more" if len(kept) > MAX_NAMED else ""
                self._warning = f"The source has no price now of {named}{more}: the last one stays"
            self._refer_to((*collected.fetched.quotes, *kept), at, its_own=True)
            self._warn_if_frozen(at)
        elif collected.error or (state.reason and abs(at - self._referred_at) >= REFER_AGAIN_MS):
            self._reference, self._referred_at = tuple(self._shown.values()), at
            self._is_its_own = False
        elif collected.unchanged:
            self._warn_if_frozen(at)
        if collected.error or collected.unchanged:
            self._attempted_at = at
        if self._reprice(trades, at) or collected.fetched:
            return replace(collected, quotes=tuple(self._shown.values()))
        return collected

    def health(self, state: SourceState) -> tuple[SourceHealth, ...]:
        """Return how the source, whose state is *state*, and each exchange does."""
        is_ok = state.reason is None
        since = state.fresh_since if is_ok else state.failing_since
        reason = without_name(state.reason, self.source.name) if state.reason else self._warning
        its = SourceHealth(self.source.name, is_ok, since, reason)
        return its, *self.exchanges.health(state.sources[1:])

    def _warn_if_frozen(self, at: int) -> None:
        """Warn if the source's answer, which is the reference, has old prices alone."""
        times = [(one.name, one.updated_at) for one in self._reference if one.updated_at]
        if why := frozen(times, at):
            self._warning = self._warning or why
            self._log.failed(f"{self.source.name}: {why}")
        else:
            self._log.recovered(f"{self.source.name} has new prices again")

    def _refer_to(
        self, quotes: Iterable[Quote], attempted_at: int | None, *, its_own: bool = False
    ) -> None:
        self._reference, self._attempted_at = tuple(quotes), attempted_at
        self._is_its_own = its_own
        self._shown = {quote.id: quote for quote in self._reference}
        self._factors = {}

    def _kept(self, fetched: Fetched) -> list[Quote]:
        """Return the last quotes of coins that the source lists, but has no price of now."""
        return [one for id, one in self._shown.items() if id in fetched.without_price]

    def _ask_source(self, etag: str | None, *, week: bool) -> Future[Fetched | None]:
        """Begin to ask the source; without exchanges nothing goes on meanwhile."""
        begin = in_thread if self.exchanges else in_line
        return begin(self.source.fetch, etag=etag, week=week)

    def _from_source(self, timeout_s: float | None) -> Collected:
        """Return what the source has answered within *timeout_s*; None is for ever."""
        if self._request is None:
            return Collected()
        wait([self._request], timeout=timeout_s)
        if not self._request.done():
            return Collected()
        request, self._request = self._request, None
        try:
            fetched = request.result()
        except SourceError as error:
            return Collected(error=error)
        except Exception as error:  # noqa: BLE001 - of a thread: a bug, which must not stop prices
            return Collected(error=failure_of_bug(self.source.name, error))
        return Collected(fetched=fetched, unchanged=fetched is None)

    def _reprice(self, trades: Mapping[str, Sequence[Trade]], at: int) -> bool:
        """Give the coins the prices of *trades* that are believed; return whether one is."""
        trades = {venue: young(own, at) for venue, own in trades.items()}
        known = factors(tuple(self._shown.values()), trades, self._currency)
        self._factors = {**known, **self._factors}
        found = verdicts(self._reference, trades, currency=self._currency, factors=self._factors)
        self.exchanges.judged(found)
        repriced_ = {
            quote.id: repriced(quote, found[quote.id], at)
            for quote in self._reference
            if quote.id in found and found[quote.id].price is not None
        }
        self._shown |= repriced_
        return bool(repriced_)
