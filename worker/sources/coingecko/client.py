"""CoinGecko as a source: one request for all coins.

What a response means is in `responses`, what a coin in it means in `quotes`.
See https://docs.coingecko.com/reference/coins-markets
"""

import logging
from typing import Final

from tracker.config import Settings
from tracker.errors import SourceError
from worker.sources.base import Fetched
from worker.sources.coingecko import quotes, responses
from worker.sources.http import Client, clean

log = logging.getLogger(__name__)

BASE_URLS = {
    "demo": "https://api.coingecko.com/api/v3",
    "pro": "https://pro-api.coingecko.com/api/v3",
}
"""By plan; the Demo address also serves requests without a key."""
KEY_HEADERS = {"demo": "x-cg-demo-api-key", "pro": "x-cg-pro-api-key"}

DEMO_CALLS_A_MONTH = 10_000
MONTH_S = 30 * 86400
MAX_NAMED = 20  # coins that one warning lists


class CoinGecko:
    """The source that requests CoinGecko's `/coins/markets`."""

    name: Final = "coingecko"

    def __init__(self, settings: Settings, **timeouts: float) -> None:
        """Prepare the request for *settings*; connects to nothing. *timeouts* are `Client`'s."""
        plan, key = settings.api_plan, settings.api_key
        self._max_coins = settings.coins
        self._query = {
            "vs_currency": settings.currency,
            "order": "market_cap_desc",
            "per_page": str(settings.coins),
            "page": "1",
            "price_change_percentage": "1h,24h,7d",
        }
        self._client = Client(
            "CoinGecko",
            settings.coingecko_url or BASE_URLS[plan],
            setting="COINGECKO_URL",
            key=(KEY_HEADERS[plan], key) if key else None,
            **timeouts,
        )
        interval = settings.source_interval
        calls = MONTH_S // interval
        if key and plan == "demo" and calls > DEMO_CALLS_A_MONTH:
            log.warning(
                "COINGECKO_INTERVAL=%d makes %d calls a month, and a Demo key has %d:"
                " set it to %d or more, or use a Pro key",
                interval, calls, DEMO_CALLS_A_MONTH, -(-MONTH_S // DEMO_CALLS_A_MONTH),
            )  # fmt: skip

    def fetch(self, *, etag: str | None = None, week: bool = False) -> Fetched | None:
        """Return the coins with the largest market cap, in CoinGecko's order.

        None if nothing has changed since the answer *etag*. An answer with a
        *week* has another URL, so it neither takes an *etag* nor gives one.
        Coins without a price are left out, with one warning for all of them.
        Raises `SourceError`, also if no coin is left.
        """
        known = None if week else etag
        query = self._query | {"sparkline": "true" if week else "false"}
        answer = self._client.ask("/coins/markets", query, etag=known)
        if answer.status == 304 and known:
            return None
        rows = responses.rows(answer)
        found, left_out = quotes.quotes(rows)
        if not found:
            why = clean(", ".join(left_out)) or "the list is empty"
            raise SourceError(f"CoinGecko: not one coin with a price: {why}")
        if left_out:
            named = ", ".join(map(clean, left_out[:MAX_NAMED]))
            more = f" and {len(left_out) - MAX_NAMED} more" if len(left_out) > MAX_NAMED else ""
            log.warning("CoinGecko: left out: %s%s", named, more)
        found = found[: self._max_coins]
        return Fetched(
            quotes=found,
            etag=None if week else answer.etag(),
            weeks=quotes.weeks(rows, {quote.id for quote in found}) if week else {},
        )
