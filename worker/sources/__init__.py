"""Where quotes come from, behind one small protocol.

Build a source once in a process, before its jobs fork: what is worth saying
about the settings is logged then, and would otherwise be said at every tick.
"""

from __future__ import annotations

from typing import Protocol

from tracker.config import Settings
from worker.sources.base import Fetched

__all__ = ["Fetched", "Source", "build"]


class Source(Protocol):
    """Gives the quotes of now, and on request the prices of the week before."""

    @property
    def name(self) -> str:
        """What a tick's `source` says."""
        ...

    def fetch(self, *, etag: str | None = None, week: bool = False) -> Fetched | None:
        """Return what there is now, at least one quote; None when it is still what *etag* names.

        With *week* the answer is never None: the prices of the week are wanted
        whether or not those of now are known. Raises `SourceError`.
        """
        ...


def build(settings: Settings) -> Source:
    """Return the source that *settings* name. Connects to nothing.

    Raises `ConfigError` if it cannot give what they ask for.
    """
    if settings.source == "simulated":
        from worker.sources.simulated.market import Simulated

        return Simulated(settings)
    from worker.sources.coingecko.client import CoinGecko

    return CoinGecko(settings)
