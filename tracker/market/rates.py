"""`Rates`: what one unit of the tracker's currency is worth in others; amounts and ticks converted.

A name may be both a coin's symbol and a currency's code (`btc`, `eth`). The coin of the newest
tick is meant then: its price is newer than the rate, and a bitcoin is one bitcoin.

What is converted is rounded to `DIGITS`; the tracker's own currency needs no rate and stays exact.
Times are unix milliseconds. Nothing here does I/O or knows where rates come from.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, Self

import simplejson

from tracker.errors import MessageError, RateError
from tracker.market.quotes import Conversion, Quote, Tick, by_symbol, number
from tracker.times import DAY_MS, checked_ms, iso, unix_ms

MAX_AGE_MS = DAY_MS
"""Age beyond which rates are not used."""
MAX_RATES = 500
"""CoinGecko lists some 75."""
MAX_RATE_EXPONENT = 20
"""Powers of ten beyond which a rate is an error: a satoshi in rupiah is far within."""
DIGITS = 10
"""Significant digits of what was converted: rates have no more that mean anything."""

_CODE = re.compile(r"[a-z0-9]{2,10}")
_AMOUNTS = ("price", "market_cap", "volume_24h", "high_24h", "low_24h")
"""The fields of a quote that are in the tick's currency."""


@dataclass(frozen=True, slots=True)
class Rates:
    """How many units of each currency one unit of *base* is worth, as of *at*; *base* is 1."""

    base: str
    at: int
    rates: Mapping[str, Decimal] = field(hash=False)

    @classmethod
    def from_equal(cls, base: str, at: int, amounts: Mapping[Any, object]) -> Self:
        """Return the rates that follow from *amounts*, one per currency, all worth the same.

        What is no code or no positive number is left out. Raises `RateError` without *base*.
        """
        usable = {code: value for code, sent in amounts.items() if (value := _amount(code, sent))}
        if base not in usable:
            raise RateError(f"no exchange rate of {base} among {len(usable)} currencies")
        one = usable[base]
        rates = {code: rounded(usable[code] / one) for code in sorted(usable)[:MAX_RATES]}
        return cls(base, at, rates | {base: Decimal(1)})

    def rate(self, of: str, to: str) -> Decimal:
        """Return how many units of *to* one unit of *of* is worth. Raises `RateError`."""
        return self._of(to) / self._of(of)

    def is_usable(self, now: int) -> bool:
        """Return whether they are young enough to convert with."""
        return abs(now - self.at) <= MAX_AGE_MS  # the clock may have been set back

    def is_old(self, now: int, after: int) -> bool:
        """Return whether they are older than *after* milliseconds, which is to be said."""
        return now - self.at > after

    def to_json(self, **more: object) -> str:
        """Return the rates as the API, messages and the database have them, and *more*."""
        rates = {code: simplejson.RawJSON(f"{rate:f}") for code, rate in self.rates.items()}
        body = {"base": self.base, "at": iso(self.at), **more, "rates": rates}
        return simplejson.dumps(body, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Return the rates that `to_json` wrote. Raises `MessageError`."""
        try:
            return cls.from_dict(simplejson.loads(text, use_decimal=True))
        except (ValueError, RecursionError) as error:
            raise MessageError(f"not rates: {error!r} in {text[:200]!r}") from error

    @classmethod
    def from_dict(cls, body: Any) -> Self:
        """Return the rates of which *body* is the JSON's object. Raises `MessageError`."""
        try:
            sent = body["rates"]
            rates = {code: value for code in sent if (value := _amount(code, sent[code]))}
            at = checked_ms(unix_ms(body["at"]))
            if len(rates) == len(sent) <= MAX_RATES and rates[body["base"]] == 1:
                return cls(body["base"], at, rates)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise MessageError(f"not rates: {error!r} in {str(body)[:200]}") from error
        raise MessageError(f"not rates: {str(body)[:200]}")

    def _of(self, code: str) -> Decimal:
        if code not in self.rates:
            raise RateError(f"there is no exchange rate of {code}")
        return self.rates[code]


@dataclass(frozen=True, slots=True)
class Unit:
    """Something with a value: a currency, by its *code*, or a *coin* (a quote) with its symbol.

    *worth* is the value of one in the tracker's currency; *at* is the time of the rate, if one
    was needed.
    """

    code: str
    worth: Decimal
    coin: Quote | None = None
    at: int | None = None

    @property
    def name(self) -> str:
        """The name by which `unit` finds just this one."""
        return self.coin.id if self.coin else self.code


def unit(name: str, currency: str, tick: Tick | None, rates: Rates | None) -> Unit:
    """Return what *name* is: the tracker's *currency*, a coin of *tick*, or a currency of *rates*.

    A coin is named by its id or symbol, in any case. Raises `RateError` if it is none of them.
    """
    code = name.lower()
    if code == currency:
        return Unit(code, Decimal(1))
    coin = (tick.quote(code) or by_symbol(tick.quotes).get(code.upper())) if tick else None
    if coin and coin.price > 0:
        return Unit(coin.symbol.lower(), coin.price, coin)
    if rates is None or rates.base != currency:
        raise RateError(f"{code} is no coin that is followed, and there are no exchange rates now")
    return Unit(code, rates.rate(code, currency), at=rates.at)


def convert(amount: Decimal, of: Unit, to: Unit) -> Decimal:
    """Return *amount* of one unit in another."""
    return amount if of == to else rounded(amount * of.worth / to.worth)


def in_currency(tick: Tick, currency: str, rates: Rates | None) -> Tick:
    """Return *tick* with every amount in *currency*: a code, or a coin of the tick.

    Changes in percent stay those in the tick's own currency. Raises `RateError`.
    """
    to = unit(currency, tick.currency, tick, rates)
    if to.code == tick.currency:
        return tick
    quotes = tuple(_converted(quote, to.worth) for quote in tick.quotes)
    made = Conversion(tick.currency, rounded(1 / to.worth), to.at or tick.id)
    return replace(tick, currency=to.code, quotes=quotes, converted=made)


def rounded(value: Decimal) -> Decimal:
    """Return *value* with `DIGITS` significant digits at most, no digit before the point lost."""
    if value.adjusted() >= DIGITS:
        return Decimal(int(value.to_integral_value()))
    return Decimal(f"{round(value, DIGITS - 1 - value.adjusted()).normalize():f}")


def _converted(quote: Quote, worth: Decimal) -> Quote:
    sent = {name: getattr(quote, name) for name in _AMOUNTS}
    amounts: dict[str, Any] = {
        name: None if value is None else rounded(value / worth) for name, value in sent.items()
    }
    return replace(quote, **amounts)


def _amount(code: object, sent: object) -> Decimal | None:
    """Return the number *sent* of the currency *code*; None if either cannot be one."""
    value = number(sent)
    is_code = isinstance(code, str) and _CODE.fullmatch(code)
    if not is_code or value is None or value <= 0 or abs(value.adjusted()) > MAX_RATE_EXPONENT:
        return None
    return value
