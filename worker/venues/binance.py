"""Binance's tickers, all in USDT.

See https://developers.binance.com/docs/binance-spot-api-docs/rest-api

One unknown symbol spoils the whole request (-1121), as does one with a character that none
has (-1100; a coin's symbol may be Chinese). After an unknown one all
tickers are fetched, to learn which there are: for an hour, or until one of them is gone. Data are
not served to some countries (451), and after ignored 429s a client is banned (418).
"""

import json
import re
import time
from collections.abc import Collection
from typing import Any, Final

from tracker.errors import SourceError
from tracker.times import LAST_MS
from worker.sources.http import Client
from worker.venues.base import LEARN_TIMEOUT_S, Trade, get_dated, price, records

LEARN_EVERY_S = 3600.0
LEARN_AGAIN_S = 60.0
"""The shortest time between two lists: one weighs as much as forty requests for prices."""
UNKNOWN_SYMBOL = -1121


class Binance:
    """The venue at data-api.binance.vision: USDT only."""

    name: Final = "binance"

    def __init__(self, client: Client) -> None:
        self._client = client
        self._listed: set[str] | None = None
        self._learned_at = 0.0

    def fetch(self, symbols: Collection[str], currency: str) -> list[Trade]:
        """Return the trades of *symbols* in USDT; *currency* does not matter."""
        if self._listed is not None and time.monotonic() - self._learned_at > LEARN_EVERY_S:
            self._listed = None
        wanted = [
            f"{symbol}USDT"
            for symbol in symbols
            if symbol != "USDT" and re.fullmatch("[A-Z0-9]{1,16}", symbol)
        ]
        if self._listed is not None:
            wanted = [pair for pair in wanted if pair in self._listed]
        if not wanted:
            return []
        try:
            tickers, clock = self._tickers(wanted)
        except SourceError as error:
            if str(UNKNOWN_SYMBOL) not in str(error) or not self._may_learn:
                raise
            tickers, clock = self._tickers((), timeout_s=LEARN_TIMEOUT_S)
            self._listed = {str(one.get("symbol")) for one in tickers}
            self._learned_at = time.monotonic()
        trades = []
        for ticker in tickers:
            pair, at = str(ticker.get("symbol")), ticker.get("closeTime")
            found = price(ticker.get("lastPrice"))
            if pair in wanted and found and type(at) is int and 0 < at < LAST_MS:
                trades.append(Trade(pair.removesuffix("USDT"), "USDT", found, at, clock))
        return trades

    @property
    def _may_learn(self) -> bool:
        return self._listed is None or time.monotonic() - self._learned_at > LEARN_AGAIN_S

    def _tickers(
        self, pairs: Collection[str], *, timeout_s: float | None = None
    ) -> tuple[list[dict[str, Any]], int | None]:
        query = {"type": "MINI"}
        if pairs:
            query["symbols"] = json.dumps(list(pairs), separators=(",", ":"))
        path = "/api/v3/ticker/24hr"
        tickers, clock = get_dated(self._client, path, query, timeout_s=timeout_s)
        return records(tickers), clock
