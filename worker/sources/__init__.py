"""The sources of prices; see `base` for what one is and how to add another."""

from __future__ import annotations

from tracker.config import Settings
from worker.sources.base import Fetched, Source
from worker.sources.coingecko.client import CoinGecko
from worker.sources.simulated.market import Simulated

__all__ = ["Fetched", "Source", "build"]


def build(settings: Settings) -> Source:
    """Return the source that *settings* name. Connects to nothing.

    Raises `ConfigError` if the source cannot serve the settings' currency.
    """
    return Simulated(settings) if settings.source == "simulated" else CoinGecko(settings)
