"""Bitstamp's tickers, all in one answer.

See https://www.bitstamp.net/api/#tag/Tickers

Perpetuals are among them ("BTC/USD-PERP"), and a market that nobody trades keeps
its last price and its old `timestamp` (unix seconds) for months.
"""

import re
from collections.abc import Collection
from typing import Final

from worker.sources.http import Client
from worker.venues.base import Trade, get_dated, price, records


class Bitstamp:
    """The venue at www.bitstamp.net: dollars, euros, pounds."""

    name: Final = "bitstamp"

    def __init__(self, client: Client) -> None:
        self._client = client

    def fetch(self, symbols: Collection[str], currency: str) -> list[Trade]:
        """Return the trades of *symbols* in *currency* and in dollars."""
        trades = []
        tickers, clock = get_dated(self._client, "/api/v2/ticker/", {})
        for ticker in records(tickers):
            base, _, quote = str(ticker.get("pair")).partition("/")
            found, at = price(ticker.get("last")), str(ticker.get("timestamp"))
            is_spot = ticker.get("market_type", "SPOT") == "SPOT"
            is_wanted = base in symbols and quote in (currency, "USD") and is_spot
            if is_wanted and found and re.fullmatch("[0-9]{1,11}", at):
                trades.append(Trade(base, quote, found, int(at) * 1000, clock))
        return trades
