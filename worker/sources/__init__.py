"""Where quotes come from, behind one small protocol.

Build a source once in a process, before its jobs fork: what is worth saying
about the settings is logged then, and would otherwise be said at every tick.
"""

from __future__ import annotations

from typing import Protocol

from tracker.config import Settings
from tracker.market import Quote
from worker.sources.coingecko import CoinGecko
from worker.sources.simulated import Simulated


class Source(Protocol):
    """Gives the quotes of now."""

    @property
    def name(self) -> str:
        """What a tick's `source` says."""
        ...

    def fetch(self) -> list[Quote]:
        """Return at least one quote, in the source's order. Raises `SourceError`."""
        ...


def build(settings: Settings) -> Source:
    """Return the source that *settings* name. Connects to nothing.

    Raises `ConfigError` if it cannot give what they ask for.
    """
    return Simulated(settings) if settings.source == "simulated" else CoinGecko(settings)
