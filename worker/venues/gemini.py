"""Gemini's price feed, all pairs in one answer.

See https://docs.gemini.com/rest/market-data

A pair is "BTCUSD"; a new one has the price "0". It does not say when a trade was.
"""

from collections.abc import Collection
from typing import Final

from worker.sources.http import Client
from worker.venues.base import Trade, get_json, price, records


class Gemini:
    """The venue at api.gemini.com: dollars, and some euros and pounds."""

    name: Final = "gemini"

    def __init__(self, client: Client) -> None:
        self._client = client

    def fetch(self, symbols: Collection[str], currency: str) -> list[Trade]:
        """Return the trades of *symbols* in *currency* and in dollars."""
        prices = {
            one.get("pair"): price(one.get("price"))
            for one in records(get_json(self._client, "/v1/pricefeed", {}))
        }
        return [
            Trade(symbol, quote, found)
            for symbol in symbols
            for quote in dict.fromkeys((currency, "USD"))
            if (found := prices.get(f"{symbol}{quote}"))
        ]
