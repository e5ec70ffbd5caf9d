"""The sources of prices; see `base` for what one is and how to add another."""

from tracker.config import Settings
from tracker.errors import ConfigError
from worker.sources.base import Fetched, FullSource, Source

__all__ = ["Fetched", "FullSource", "Source", "build"]


def build(settings: Settings) -> FullSource:
    """Return the source that *settings* name. Raises `ConfigError` if it has not their currency."""
    # Imported when chosen: a worker loads one source, and what it needs, not all.
    if settings.source == "simulated":
        from worker.sources.simulated.market import Simulated

        return Simulated(settings)
    if settings.source == "coingecko":
        from worker.sources.coingecko.client import CoinGecko

        return CoinGecko(settings)
    raise ConfigError(f"TRACKER_SOURCE={settings.source} is not built in worker.sources")
