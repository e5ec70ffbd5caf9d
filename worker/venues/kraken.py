"""Kraken's public ticker.

See https://docs.kraken.com/api/docs/rest-api/get-ticker-information

Assets have names of their own (XXBT, XXDG, ZUSD), and answers are keyed by the pair's own name
whatever the request said; `wsname` reads "XBT/USD". An unknown pair spoils the whole request,
so pairs are learned from AssetPairs, once a day; when that fails, the old ones are good for
another while. Errors come with HTTP 200 and a filled `error`. It does not say when a trade was.
"""

import logging
import time
from collections.abc import Collection
from typing import Any, Final

from tracker.errors import SourceError
from worker.sources.http import Client
from worker.venues.base import LEARN_TIMEOUT_S, Trade, get_json, price

LEARN_EVERY_S = 86400.0
LEARN_AGAIN_S = 3600.0
"""The wait after the list could not be had."""
SYMBOLS = {"XBT": "BTC", "XDG": "DOGE"}
"""Names that differ from everybody else's."""
KINDS = {"Rate limit": "rate_limit", "lockout": "refused", "denied": "refused"}
"""What an error with such a word means; any other passes soon ("EService:Busy")."""

log = logging.getLogger(__name__)


class Kraken:
    """The venue at api.kraken.com: dollars, euros, pounds and more."""

    name: Final = "kraken"

    def __init__(self, client: Client) -> None:
        self._client = client
        self._pairs: dict[str, tuple[str, str]] = {}
        self._learn_at = 0.0

    def fetch(self, symbols: Collection[str], currency: str) -> list[Trade]:
        """Return the trades of *symbols* in *currency*, else in dollars."""
        if not self._pairs:
            self._learn()
        elif time.monotonic() > self._learn_at:
            self._learn_again()
        by_market = {market: pair for pair, market in self._pairs.items()}
        wanted = [
            by_market.get((symbol, currency)) or by_market.get((symbol, "USD"))
            for symbol in symbols
        ]
        pairs = [pair for pair in wanted if pair]
        if not pairs:
            return []
        trades = []
        for pair, ticker in self._result("Ticker", pair=",".join(pairs)).items():
            last = ticker.get("c") if isinstance(ticker, dict) else None
            found = price(last[0]) if isinstance(last, list) and last else None
            if found and pair in self._pairs:
                trades.append(Trade(*self._pairs[pair], found))
        return trades

    def _learn_again(self) -> None:
        try:
            self._learn()
        except SourceError as error:
            self._learn_at = time.monotonic() + LEARN_AGAIN_S
            log.warning("%s; the known pairs stay", str(error))

    def _learn(self) -> None:
        """Learn the pairs. Raises `SourceError`, also if there are none."""
        pairs = {}
        for pair, about in self._result("AssetPairs", timeout_s=LEARN_TIMEOUT_S).items():
            name = about.get("wsname") if isinstance(about, dict) else None
            if isinstance(name, str) and name.count("/") == 1:
                base, quote = (SYMBOLS.get(one, one) for one in name.split("/"))
                pairs[pair] = base, quote
        if not pairs:
            raise SourceError("Kraken: a list without pairs")
        self._pairs, self._learn_at = pairs, time.monotonic() + LEARN_EVERY_S

    def _result(self, path: str, *, timeout_s: float | None = None, **query: str) -> dict[str, Any]:
        body = get_json(self._client, f"/0/public/{path}", query, timeout_s=timeout_s)
        errors = body.get("error") if isinstance(body, dict) else None
        if errors:
            text = str(errors)[:160]
            if "Unknown asset pair" in text:
                self._pairs = {}  # one is gone: learn them anew
            kinds = (kind for word, kind in KINDS.items() if word in text)
            raise SourceError(f"Kraken: {text}", kind=next(kinds, "server"))
        result = body.get("result") if isinstance(body, dict) else None
        if not isinstance(result, dict):
            raise SourceError("Kraken: an answer without a result")
        return result
