"""Exchanges, whose last trades say what coins cost between two answers of CoinGecko."""

from collections.abc import Callable

from tracker.config import Settings
from worker.sources.http import Client
from worker.venues.base import TIMEOUT_S, Venue
from worker.venues.binance import Binance
from worker.venues.bitstamp import Bitstamp
from worker.venues.exchanges import Exchanges
from worker.venues.gemini import Gemini
from worker.venues.kraken import Kraken

VENUES: dict[str, Callable[[Client], Venue]] = {
    "kraken": Kraken,
    "bitstamp": Bitstamp,
    "binance": Binance,
    "gemini": Gemini,
}


def build(settings: Settings) -> Exchanges:
    """Return the exchanges that *settings* name; connects to nothing.

    The simulated market has none.
    """

    def venue(name: str) -> Venue:
        client = Client(
            name.capitalize(),
            getattr(settings, f"{name}_url"),
            setting=f"{name.upper()}_URL",
            connect=TIMEOUT_S,
            read=TIMEOUT_S,
            total=TIMEOUT_S,
        )
        return VENUES[name](client)

    names = () if settings.source == "simulated" else settings.exchanges
    return Exchanges(map(venue, names), interval_s=settings.interval)
