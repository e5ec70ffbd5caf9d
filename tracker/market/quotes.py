"""`Market`, `Quote` and `Tick`, and a tick's JSON both ways.

Numbers are `Decimal`: the digits the source sent are the digits that come out,
which a float would not keep (0.10, 20087696.0, more than 17 digits).

Times are unix milliseconds (`int`) inside and ISO 8601 in UTC on the wire.
Nothing here does I/O or knows where quotes come from or go to.
"""

import json
from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass, field, fields, replace
from decimal import Decimal
from functools import cached_property
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


class Conversion(NamedTuple):
    """How a tick was converted: one unit of the currency *of* is worth *rate* units, as of *at*."""

    of: str
    rate: Decimal
    at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """One coin at one time. What the source does not know is None.

    Prices, caps and volumes are in the tick's currency, changes in percent.
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
    venues: tuple[str, ...] = ()
    """The exchanges that the price is the median of; () for the source's own price."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """One poll's quotes. Its `id` is its time in unix milliseconds."""

    id: int
    currency: str
    source: str
    quotes: tuple[Quote, ...]
    converted: Conversion | None = None
    """From which currency it was, where that is not the tracker's: see `market.rates`."""

    def of(self, coins: Collection[str] = ()) -> Self:
        """Return the tick with the quotes of *coins* (ids), in its own order; () is all."""
        if not coins:
            return self
        return replace(self, quotes=tuple(quote for quote in self.quotes if quote.id in coins))

    def quote(self, coin: str) -> Quote | None:
        """Return the quote of *coin*, an id; None if there is none."""
        return next((quote for quote in self.quotes if quote.id == coin), None)

    def to_json(self) -> str:
        """Return the tick as the stream and the API show it, in one line."""
        body: dict[str, Any] = {"id": self.id, "at": iso(self.id), "currency": self.currency}
        body["source"] = self.source
        if self.converted:
            of, rate, at = self.converted
            body["converted"] = {"from": of, "rate": rate, "at": iso(at)}
        return _JSON.encode(body | {"quotes": [_quote_to_dict(quote) for quote in self.quotes]})

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Return the tick that `to_json` wrote. Raises `MessageError`."""
        try:
            body = simplejson.loads(text, use_decimal=True)
            return cls(
                id=checked_ms(body["id"]),
                currency=str(body["currency"]),
                source=str(body["source"]),
                quotes=tuple(_quote_from_dict(quote) for quote in body["quotes"]),
            )
        except (KeyError, TypeError, ValueError, RecursionError) as error:
            raise MessageError(f"not a tick: {error!r} in {text[:200]!r}") from error


@dataclass(frozen=True)
class TickJson:
    """A tick as its JSON *text*: relayed as written, taken apart only where a part is wanted."""

    text: str
    id: int = field(compare=False)
    coins: tuple[str, ...] = field(compare=False)
    """The ids of its coins, in the tick's order."""
    renewed: tuple[tuple[str, int], ...] = field(compare=False)
    """Each coin's name, and when its price was renewed where that is known (unix ms)."""

    @classmethod
    def of_tick(cls, tick: Tick) -> Self:
        """Return the JSON of *tick*."""
        ids = tuple(quote.id for quote in tick.quotes)
        times = tuple((one.name, one.updated_at) for one in tick.quotes if one.updated_at)
        made = cls(tick.to_json(), tick.id, ids, times)
        made.__dict__["tick"] = tick  # what the property would find in the text
        return made

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Return the tick in *text*, which `Tick.to_json` wrote. Raises `MessageError`.

        Readers get the text itself, so it must be one line of JSON whose fields
        are what they must be. To check that takes a fraction of making a `Tick`.
        """
        try:
            body = json.loads(text)
            quotes = body["quotes"]
            times = tuple((one["name"], at) for one in quotes if (at := _check(one)))
            made = cls(text, checked_ms(body["id"]), tuple(one["id"] for one in quotes), times)
            is_head = isinstance(body["currency"], str) and isinstance(body["source"], str)
            is_one_line = "\n" not in text and "\r" not in text
            is_compact = _QUOTES + _QUOTE in text and text.endswith("]}") and made._parts
            if is_head and is_one_line and is_compact:
                return made
        except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
            raise MessageError(f"not a tick: {error!r} in {text[:200]!r}") from error
        raise MessageError(f"not a tick as `Tick.to_json` writes it: {text[:200]!r}")

    @cached_property
    def tick(self) -> Tick:
        """The tick itself. Raises `MessageError` if a value in it is not what it must be."""
        return Tick.from_json(self.text)

    @cached_property
    def _parts(self) -> dict[str, str]:
        """The JSON of each quote, by coin. A quote's text holds no unescaped `,{"id":`."""
        begin = self.text.index(_QUOTES) + len(_QUOTES)
        texts = self.text[begin:-2].removeprefix(_QUOTE).split("," + _QUOTE)
        return {coin: _QUOTE + text for coin, text in zip(self.coins, texts, strict=True)}

    def of(self, coins: tuple[str, ...] = ()) -> str:
        """Return the JSON with the quotes of *coins*, in the tick's order; () is all.

        They are ids; a name that is none may be a symbol, of a reader who came before any coin.
        """
        if not coins:
            return self.text
        wanted = {*coins}
        if not wanted <= {*self.coins}:
            with suppress(MessageError):
                symbols = by_symbol(self.tick.quotes)
                names = {name.upper() for name in wanted.difference(self.coins)}
                wanted |= {symbols[name].id for name in names & symbols.keys()}
        head = self.text[: self.text.index(_QUOTES) + len(_QUOTES)]
        return f"{head}{','.join(self._parts[id] for id in self.coins if id in wanted)}]}}"


def by_rank(quotes: Iterable[Quote]) -> list[Quote]:
    """Return *quotes* by rank; those without one last, in their order."""
    return sorted(quotes, key=lambda quote: (quote.rank is None, quote.rank or 0))


def by_symbol(quotes: Iterable[Quote]) -> dict[str, Quote]:
    """Return the largest coin of each symbol, in capitals: symbols are not unique."""
    found: dict[str, Quote] = {}
    for quote in sorted(quotes, key=lambda one: -(one.market_cap or 0)):
        found.setdefault(quote.symbol.upper(), quote)
    return found


def directed(quotes: Iterable[Quote], before: dict[str, Decimal]) -> tuple[Quote, ...]:
    """Return *quotes* with their direction against the prices *before*, by coin id.

    It is `same` when there is no price before.
    """

    def direct(quote: Quote) -> Quote:
        price, last = quote.price, before.get(quote.id, quote.price)
        direction: Direction = "up" if price > last else "down" if price < last else "same"
        return quote if quote.direction == direction else replace(quote, direction=direction)

    return tuple(map(direct, quotes))


def number(value: object) -> Decimal | None:
    """Return a source's number exactly as sent; None if it is not a finite number.

    Takes `int`, `float`, `Decimal`; not `bool`, and not text: a source that
    sends text where a number belongs is not trusted to mean one.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    exact = Decimal(str(value))
    exact = exact or abs(exact)  # a minus before zero would be shown
    if not exact.is_finite() or abs(exact.adjusted()) > MAX_EXPONENT:
        return None
    return Decimal(int(exact)) if int(exact.as_tuple().exponent) > 0 else exact


def _quote_to_dict(quote: Quote) -> dict[str, Any]:
    body = {name: getattr(quote, name) for name in _QUOTE_FIELDS}
    if quote.updated_at is not None:
        body["updated_at"] = iso(quote.updated_at)
    return body


def _quote_from_dict(body: dict[str, Any]) -> Quote:
    _check(body)
    values: dict[str, Any] = {name: body.get(name) for name in _QUOTE_FIELDS}
    values |= {name: number(body[name]) for name in NUMBERS}
    values["venues"] = tuple(body.get("venues", ()))
    if body["updated_at"] is not None:
        values["updated_at"] = unix_ms(body["updated_at"])
    return Quote(**values)


def _is_number(value: object) -> bool:
    """Return what `number(value) is not None` does, for floats without making a `Decimal`."""
    if type(value) is float:
        return value == 0 or 10.0**-MAX_EXPONENT <= abs(value) < 10.0 ** (MAX_EXPONENT + 1)
    return number(value) is not None


def _check(quote: dict[str, Any]) -> int | None:
    """Return when *quote*'s price was renewed, in unix milliseconds.

    Raises `KeyError`, `TypeError` or `ValueError` unless its fields make a `Quote`.
    """
    for name, kinds in _KINDS.items():
        if not isinstance(quote[name], kinds):
            raise TypeError(f"{name} cannot be {quote[name]!r}")
    venues = quote.get("venues", [])  # before 1.2 there were none
    if not (isinstance(venues, list) and all(isinstance(name, str) for name in venues)):
        raise TypeError(f"venues cannot be {venues!r}")
    if quote["direction"] not in _DIRECTIONS:
        raise ValueError(f"{quote['direction']!r} is no direction")
    for name in NUMBERS:
        value = quote[name]
        if not _is_number(value) and (value is not None or name == "price"):
            raise ValueError(f"{name} cannot be {value!r}")
    at = quote["updated_at"]
    return None if at is None else checked_ms(unix_ms(at))


_KINDS = {"id": str, "symbol": str, "name": str, "image": str | None, "rank": int | None}
"""What a field of a quote must be, besides the numbers, the direction and the time."""
_DIRECTIONS = get_args(Direction)
_QUOTE_FIELDS = tuple(field.name for field in fields(Quote))
_JSON = simplejson.JSONEncoder(use_decimal=True, ensure_ascii=False, separators=(",", ":"))
"""Made once: making one costs more than a quote."""
_QUOTES, _QUOTE = '"quotes":[', '{"id":'
"""How the list of quotes, and each of them, begins in the JSON of a tick."""
NUMBERS = tuple(field.name for field in fields(Quote) if "Decimal" in str(field.type))
"""The fields of a quote that are numbers with the source's digits."""
