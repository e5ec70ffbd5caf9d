"""When the source is asked for exchange rates, in a thread that holds up no tick.

Rates are asked for while the source answers with prices: its back-off and its Retry-After are
theirs as well. A failure of theirs is logged and tried again, and changes nothing for prices.
"""

import logging
from collections.abc import Callable
from concurrent.futures import Future, wait
from time import monotonic

from tracker.errors import SourceError
from tracker.logs.throttle import FailureLog
from tracker.market.freshness import SourceState
from tracker.market.rates import Rates
from tracker.times import now_ms
from worker.sources.base import RatesSource
from worker.threads import in_thread

WAIT_S = 1.0
"""Longest wait for an answer, after a tick; one that is late counts after the next."""
RETRY_S = 60.0
"""Wait after a failure; twice as long each time, up to the interval."""

log = logging.getLogger(__name__)


class RatesDesk:
    """Asks *source* every *interval_s* seconds, whichever process did so last.

    *stored* returns the rates that the database has. Ticks come each *tick_s* seconds.
    """

    def __init__(
        self,
        source: RatesSource,
        stored: Callable[[], Rates | None],
        *,
        interval_s: float,
        tick_s: float,
    ) -> None:
        self._source, self._stored = source, stored
        self._interval_s, self._wait_s = interval_s, min(WAIT_S, tick_s / 4)
        self._request: Future[Rates] | None = None
        self._due_at = 0.0
        self._failures = 0
        self._log = FailureLog(log)

    def collect(self, state: SourceState) -> Rates | None:
        """Return rates that have come; ask for new ones if they are due, given prices' *state*."""
        if self._request is None and self._is_due(state):
            self._due_at = monotonic() + self._interval_s
            self._request = in_thread(self._source.fetch_rates)
        if self._request is None:
            return None
        wait([self._request], timeout=self._wait_s)
        if not self._request.done():
            return None
        request, self._request = self._request, None
        try:
            rates = request.result()
        except SourceError as error:
            pause_s = max(error.retry_after or 0.0, RETRY_S * 2 ** min(self._failures, 10))
            self._due_at = monotonic() + min(pause_s, self._interval_s)
            self._failures += 1
            self._log.failed(f"no new exchange rates: {error}")
            return None
        self._failures = 0
        self._log.recovered("exchange rates come again")
        return rates

    def _is_due(self, state: SourceState) -> bool:
        if state.reason is not None or state.attempted_at is None or monotonic() < self._due_at:
            return False
        stored = self._stored()
        age_s = (now_ms() - stored.at) / 1000 if stored else self._interval_s
        if not 0 <= age_s < self._interval_s:  # in the future: the clock was set back
            return True
        self._due_at = monotonic() + self._interval_s - age_s
        return False
