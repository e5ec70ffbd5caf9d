"""The ticks that all contenders deliver: ten coins with changing prices, 3 KB each."""

import time

from tracker.config import Settings
from tracker.market.quotes import Tick, directed
from tracker.stream.frames import encode
from tracker.times import now_ms
from worker.sources.simulated.market import Simulated

INTERVAL = 60
"""Seconds of the simulated market from one tick to the next."""


class Market:
    """Makes one tick after the other; ids are now, in unix ms, and rise."""

    def __init__(self) -> None:
        settings = Settings(source="simulated", interval=INTERVAL)
        self._at = time.time()
        self._source = Simulated(settings, clock=lambda: self._at)
        self._newest: Tick | None = None

    def tick(self) -> Tick:
        """Return the next tick."""
        self._at += INTERVAL
        before = self._newest
        prices = {quote.id: quote.price for quote in before.quotes} if before else {}
        self._newest = Tick(
            id=max(now_ms(), before.id + 1 if before else 0),
            currency="usd",
            source="simulated",
            quotes=directed(self._source.fetch().quotes, prices),
        )
        return self._newest


def frame(tick: Tick) -> bytes:
    """Return *tick* as the product's stream shows it."""
    return encode(tick.to_json(), event="prices", id=tick.id)
