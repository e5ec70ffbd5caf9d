"""What a venue is: an exchange whose last trades say what coins cost now.

To add one: write a module here with a class that satisfies `Venue`, add it to
`worker.venues.VENUES`, and in `tracker.config` its base URL to `EXCHANGE_URLS` and a field for
it to `Settings`. A venue speaks of symbols and currencies in capitals, as in BTC and USD; which
coin a symbol means, and which prices are believed, is decided in `consensus`.
"""

from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple, Protocol

import simplejson

from tracker.errors import SourceError
from tracker.market.quotes import number
from worker.sources.http import Client, clean, retry_after
from worker.told_time import date_of

RATE_LIMIT = 429
"""Binance's 418 is none, but a ban, after 429 was ignored: it refuses."""
MEANINGS = {
    "rate_limit": "asks us to slow down",
    "refused": "refuses the request",
    "server": "has a failure on its side",
    "unusable": "does not answer with prices",
}
"""By the kind of a failure."""

TIMEOUT_S = 2.0
"""Time to answer for a tick: prices of this second do not wait longer."""
LEARN_TIMEOUT_S = 30.0
"""Time for a list of all markets, a megabyte perhaps: no tick waits for it."""


class Trade(NamedTuple):
    """The last trade of one market: *symbol* cost *price* in *currency*.

    *at* is in unix milliseconds, None where the venue does not say when it was. It is by the
    venue's clock, which showed *clock* when it answered; by ours where *clock* is None.
    """

    symbol: str
    currency: str
    price: Decimal
    at: int | None = None
    clock: int | None = None


class Venue(Protocol):
    """Fetches the last trades of an exchange, over one connection that stays open."""

    @property
    def name(self) -> str:
        """The name in settings, quotes and metrics: one lower-case word."""
        ...

    def fetch(self, symbols: Collection[str], currency: str) -> list[Trade]:
        """Return trades of *symbols*, in *currency* or in what the venue has instead.

        Others may be among them; what the venue does not list is not. Raises `SourceError`.
        """
        ...


def price(text: object) -> Decimal | None:
    """Return the price in a venue's *text* ("97012.5"); None unless it is above zero."""
    if not isinstance(text, str) or len(text) > 40:
        return None
    try:
        found = number(Decimal(text))
    except ArithmeticError:
        return None
    return found if found is not None and found > 0 else None


def records(value: Any) -> list[dict[str, Any]]:
    """Return the objects in *value*, which should be a list of objects."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def get_json(
    client: Client, path: str, query: Mapping[str, str], *, timeout_s: float | None = None
) -> Any:
    """Return the JSON of a 200 that *client* gets. Raises `SourceError` for any other answer.

    *timeout_s* is the time for this answer, where the client's own is too short.
    """
    return get_dated(client, path, query, timeout_s=timeout_s)[0]


def get_dated(
    client: Client, path: str, query: Mapping[str, str], *, timeout_s: float | None = None
) -> tuple[Any, int | None]:
    """Return what `get_json` does, and what the venue's clock showed then (unix ms), if known."""
    answer = client.ask(path, query, timeout_s=timeout_s)
    text = answer.body.decode(errors="replace")
    if answer.status != 200:
        kind = {4: "refused", 5: "server"}.get(answer.status // 100, "unusable")
        kind = "rate_limit" if answer.status == RATE_LIMIT else kind
        raise SourceError(
            f'{client.service} {MEANINGS[kind]} (HTTP {answer.status}): "{clean(text)}"',
            retry_after=retry_after(answer.headers.get("Retry-After"), datetime.now(UTC)),
            kind=kind,
        )
    try:
        return simplejson.loads(text), date_of(answer.headers)
    except (ValueError, RecursionError) as error:
        raise SourceError(f"{client.service}: the answer is not JSON") from error
