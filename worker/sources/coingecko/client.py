"""CoinGecko as a source: one request for the largest coins, one for those that are named.

What a name is shows at the first answer: an id, or else a symbol, of which the largest coin
is meant. The process remembers that for a day, so that other answers take no more than these
requests, and a coin that CoinGecko lists later is found.
What a response means is in `responses`, what a coin in it means in `quotes`.
See https://docs.coingecko.com/reference/coins-markets
and https://docs.coingecko.com/reference/exchange-rates
"""

import logging
from time import monotonic
from typing import Any, Final

from tracker.config import MAX_COINS, Settings
from tracker.errors import RateError, SourceError
from tracker.market.quotes import Quote, by_symbol
from tracker.market.rates import Rates
from tracker.times import now_ms
from worker.sources.base import Fetched
from worker.sources.coingecko import quotes, responses
from worker.sources.http import Answer, Client, clean
from worker.sources.names import unknown

log = logging.getLogger(__name__)

BASE_URLS = {
    "demo": "https://api.coingecko.com/api/v3",
    "pro": "https://pro-api.coingecko.com/api/v3",
}
"""By plan; the Demo address also serves requests without a key."""
KEY_HEADERS = {"demo": "x-cg-demo-api-key", "pro": "x-cg-pro-api-key"}

DEMO_CALLS_A_MONTH = 10_000
MONTH_S = 30 * 86400
LEARN_EVERY_S = 86400.0
MAX_NAMED = 20  # coins that one warning lists


class CoinGecko:
    """The source that requests CoinGecko's `/coins/markets`."""

    name: Final = "coingecko"

    def __init__(self, settings: Settings, **timeouts: float) -> None:
        """Prepare the request for *settings*; connects to nothing. *timeouts* are `Client`'s."""
        plan, key = settings.api_plan, settings.api_key
        self._top = settings.coins.top
        self._names = settings.coins.names
        self._ids = {name: name for name in self._names}
        """What the names are: ids, until an answer says otherwise."""
        self._knows_names = not self._names
        self._learned_at = 0.0
        self._has_etags = settings.coingecko_requests == 1
        self._warning: str | None = None
        self._query = {
            "vs_currency": settings.currency,
            "order": "market_cap_desc",
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
        interval_s, requests = settings.source_interval, settings.coingecko_requests
        for_rates = MONTH_S // settings.rates_interval
        calls = requests * MONTH_S // interval_s + for_rates
        if key and plan == "demo" and calls > DEMO_CALLS_A_MONTH:
            log.warning(
                "COINGECKO_INTERVAL=%d makes %d calls a month, and a Demo key has %d:"
                " set it to %d or more, or use a Pro key",
                interval_s, calls, DEMO_CALLS_A_MONTH,
                -(-requests * MONTH_S // (DEMO_CALLS_A_MONTH - for_rates)),
            )  # fmt: skip

    def fetch(self, *, etag: str | None = None, week: bool = False) -> Fetched | None:
        """Return the settings' coins, in CoinGecko's order: by market cap.

        None if nothing has changed since the answer *etag*. An answer with a *week* has
        another URL, so it neither takes an *etag* nor gives one; nor does one of two requests.
        Coins without a price are left out, with one warning for all of them, and named in
        `without_price`.
        Raises `SourceError`, also if no coin is left.
        """
        if self._names and monotonic() - self._learned_at > LEARN_EVERY_S:
            self._ids, self._knows_names = {name: name for name in self._names}, False
        has_etag = self._has_etags and self._knows_names and not week
        known = etag if has_etag else None
        rows: list[Any] = []
        if self._top:
            answer = self._ask(week, known, per_page=self._top)
            if answer.status == 304 and known:
                return None
            rows = responses.rows(answer)[: self._top]
        if wanted := set(self._ids.values()) - quotes.ids(rows):
            answer = self._ask(week, known, ids=",".join(sorted(wanted)))
            if answer.status == 304 and known:
                return None
            rows += [row for row in responses.rows(answer) if quotes.ids([row]) & wanted]
        if not self._knows_names:
            rows += self._learn_names(rows, week)
        found, left_out = quotes.quotes(rows)
        if not found:
            why = clean(", ".join(left_out)) or "the list is empty"
            raise SourceError(f"CoinGecko: not one coin with a price: {why}")
        if left_out:
            named = ", ".join(map(clean, left_out[:MAX_NAMED]))
            more = f" and {len(left_out) - MAX_NAMED} more" if len(left_out) > MAX_NAMED else ""
            log.warning("CoinGecko: left out: %s%s", named, more)
        if self._ids:
            found.sort(key=lambda quote: -(quote.market_cap or 0))
        return Fetched(
            quotes=found,
            etag=answer.etag() if has_etag else None,
            weeks=quotes.weeks(rows, {quote.id for quote in found}) if week else {},
            without_price=frozenset(quotes.ids(rows) - {quote.id for quote in found}),
            warning=self._warning,
        )

    def fetch_rates(self) -> Rates:
        """Return what the settings' currency is worth in others. Raises `SourceError`."""
        amounts = responses.rates(self._client.ask("/exchange_rates", {}))
        try:
            return Rates.from_equal(self._query["vs_currency"], now_ms(), amounts)
        except RateError as error:
            raise SourceError(f"CoinGecko: {error}") from error

    def _ask(
        self, week: bool, etag: str | None = None, *, per_page: int = MAX_COINS, **which: str
    ) -> Answer:
        sparkline = "true" if week else "false"
        query = self._query | {"per_page": str(per_page), "sparkline": sparkline} | which
        return self._client.ask("/coins/markets", query, etag=etag)

    def _learn_names(self, rows: list[Any], week: bool) -> list[Any]:
        """Learn what the names are that are no ids in *rows*; return the coins of those.

        Raises `SourceError` if there is none, and nothing else to follow.
        """
        ids = quotes.ids(rows)
        symbols = [name for name in self._names if name not in ids]
        more = responses.rows(self._ask(week, symbols=",".join(symbols))) if symbols else []
        largest = by_symbol(quotes.quotes(more)[0])
        known = {name: name for name in self._names if name in ids}
        known |= {name: largest[name.upper()].id for name in symbols if name.upper() in largest}
        self._warning = None
        if missing := [name for name in symbols if name not in known]:
            self._warning = unknown(missing, "CoinGecko", self._largest())
            if not known and not self._top:
                raise SourceError(self._warning)
            log.warning("%s", self._warning)
        for name in known.keys() - ids:
            log.info("TRACKER_COINS: %s is %s", name, known[name])
        self._ids, self._knows_names = known, True
        self._learned_at = monotonic()
        added = set(known.values()) - ids
        return [row for row in more if quotes.ids([row]) & added]

    def _largest(self) -> list[Quote]:
        """Return the largest coins, among which a wrong name may be meant; none if that fails."""
        try:
            return quotes.quotes(responses.rows(self._ask(week=False)))[0]
        except SourceError:
            return []
