"""The market's words: `Quote`, `Tick`, `direction`, and their JSON both ways.

Numbers are `Decimal`: the digits the source sent are the digits that come out,
which a float would not keep (0.10, 20087696.0, more than 17 digits).

Times are unix milliseconds (`int`) inside and ISO 8601 in UTC on the wire.
Nothing here does I/O or knows where quotes come from or go to.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from decimal import Decimal
from typing import Any, Literal, NamedTuple, Self, get_args

import simplejson

from tracker.errors import MessageError
from tracker.times import checked_ms, iso, unix_ms

Direction = Literal["up", "down", "same"]

MAX_EXPONENT = 40
"""Powers of ten beyond which a number is nonsense for a price or a market cap,
and would cost memory to write out."""


class Market(NamedTuple):
    """Where prices come from, and their currency: what is stored of one never mixes."""

    source: str
    currency: str

    def __str__(self) -> str:
        """Return the market as names of channels and keys have it: `coingecko:usd`."""
        return f"{self.source}:{self.currency}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """One coin at one time. What the source does not know is None.

    Prices, caps and volumes are in the tick's currency, changes in percent,
    `updated_at` is in unix milliseconds.
    """

    id: str
    rank: int | None = None
    symbol: str
    name: str
    image: str | None = None
    price: Decimal
    direction: Direction = "same"
    change_1h: Decimal | None = None
    change_24h: Decimal | None = None
    change_7d: Decimal | None = None
    market_cap: Decimal | None = None
    volume_24h: Decimal | None = None
    high_24h: Decimal | None = None
    low_24h: Decimal | None = None
    updated_at: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """One poll's quotes. Its `id` is its time in unix milliseconds."""

    id: int
    currency: str
    source: str
    quotes: tuple[Quote, ...]

    def to_json(self) -> str:
        """Return the tick as the stream and the API show it."""
        return TickJson(self).of()

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Return the tick that `to_json` wrote. Raises `MessageError`."""
        try:
            return cls.from_dict(simplejson.loads(text, use_decimal=True))
        except (ValueError, RecursionError) as error:
            raise MessageError(f"not the JSON of a tick: {error}") from error

    @classmethod
    def from_dict(cls, body: Any) -> Self:
        """Return the tick in the parsed JSON *body*. Raises `MessageError`."""
        try:
            return cls(
                id=checked_ms(body["id"]),
                currency=str(body["currency"]),
                source=str(body["source"]),
                quotes=tuple(_quote_from_dict(quote) for quote in body["quotes"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise MessageError(f"not a tick: {error!r} in {str(body)[:200]}") from error


class TickJson:
    """A tick's JSON in pieces, so that showing some of its coins is a join."""

    def __init__(self, tick: Tick) -> None:
        self.id = tick.id
        head = {"id": tick.id, "at": iso(tick.id), "currency": tick.currency, "source": tick.source}
        self._head = _dumps(head)[:-1]
        self._quotes = {quote.id: _dumps(_quote_to_dict(quote)) for quote in tick.quotes}

    def of(self, coins: tuple[str, ...] = ()) -> str:
        """Return the tick with the quotes of *coins* (ids), in the tick's order; () is all."""
        quotes = [text for id, text in self._quotes.items() if not coins or id in coins]
        return f'{self._head},"quotes":[{",".join(quotes)}]}}'


def direction(price: Decimal, before: Decimal | None) -> Direction:
    """Return where *price* went from *before*: `same` when there is no before."""
    if before is None or price == before:
        return "same"
    return "up" if price > before else "down"


def directed(quotes: Iterable[Quote], before: dict[str, Decimal]) -> tuple[Quote, ...]:
    """Return *quotes* with their direction against the prices *before*, by coin id."""
    return tuple(
        replace(quote, direction=direction(quote.price, before.get(quote.id))) for quote in quotes
    )


def number(value: object) -> Decimal | None:
    """Return a source's number exactly as sent; None if it is not a finite number.

    Takes `int`, `float`, `Decimal`; not `bool`, and not text: a source that
    sends text where a number belongs is not trusted to mean one.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    exact = Decimal(str(value))
    if not exact.is_finite() or abs(exact.adjusted()) > MAX_EXPONENT:
        return None
    return Decimal(int(exact)) if _exponent(exact) > 0 else exact


def _dumps(body: dict[str, Any]) -> str:
    return simplejson.dumps(body, use_decimal=True, ensure_ascii=False, separators=(",", ":"))


def _exponent(value: Decimal) -> int:
    return int(value.as_tuple().exponent)


def _quote_to_dict(quote: Quote) -> dict[str, Any]:
    body = {field: getattr(quote, field) for field in _QUOTE_FIELDS}
    if quote.updated_at is not None:
        body["updated_at"] = iso(quote.updated_at)
    return body


def _quote_from_dict(body: dict[str, Any]) -> Quote:
    values = {field: body[field] for field in _QUOTE_FIELDS}
    for field, kinds in _KINDS.items():
        if not isinstance(values[field], kinds):
            raise TypeError(f"{field} cannot be {values[field]!r}")
    if values["direction"] not in get_args(Direction):
        raise ValueError(f"{values['direction']!r} is no direction")
    for field in NUMBERS:
        values[field] = number(values[field])
    if values["price"] is None:
        raise ValueError(f"{values['id']} has no price")
    if values["updated_at"] is not None:
        values["updated_at"] = checked_ms(unix_ms(values["updated_at"]))
    return Quote(**values)


_KINDS = {"id": str, "symbol": str, "name": str, "image": str | None, "rank": int | None}
"""What a field of a quote must be, besides the numbers and the time."""

_QUOTE_FIELDS = tuple(field.name for field in fields(Quote))

NUMBERS = (
    "price",
    "change_1h",
    "change_24h",
    "change_7d",
    "market_cap",
    "volume_24h",
    "high_24h",
    "low_24h",
)
"""The fields of a quote that are numbers with the source's digits."""
