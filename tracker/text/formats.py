"""Numbers and times as text, in en-US: for the pages' templates and for terminals.

`static/js/lib/format.js` does the same in the browser, in the reader's locale; in en-US
both give the texts of `tests/support/format_cases.json`. Numbers are `Decimal` and stay
exact. Nothing here knows requests or HTML.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Context, Decimal
from functools import lru_cache

from tracker.market.quotes import Direction, Quote
from tracker.times import HOUR_MS

UNKNOWN = "–"
"""Stands where the source has no number."""
SMALL_POWER = -5
"""The power of ten below which the zeros of a price are counted: `$0.0₁₀126`."""
ARROWS = {"up": "▲", "down": "▼", "same": ""}
"""By direction; the pages' scripts get it as `data-arrows`."""
_NAMES = {"coingecko": "CoinGecko", "simulated": "Simulated market"}
"""Names of sources that are not just capitalized; `static/js/lib/market.js` has them too."""

_NO_BREAK = "\u00a0"
_EXACT = Context(prec=120, rounding=ROUND_HALF_UP)
_FOUR_DIGITS = Context(prec=4, rounding=ROUND_HALF_UP)
_SIX_DIGITS = Context(prec=6, rounding=ROUND_HALF_UP)
_SYMBOLS = {
    "usd": "$", "eur": "€", "gbp": "£", "jpy": "¥", "cny": "CN¥", "inr": "₹", "krw": "₩",
    "aud": "A$", "brl": "R$", "cad": "CA$", "hkd": "HK$", "mxn": "MX$", "nzd": "NZ$",
    "twd": "NT$", "ils": "₪", "php": "₱", "vnd": "₫",
}  # fmt: skip
_BY_CODE = (
    "aed", "ars", "bdt", "bhd", "bmd", "chf", "clp", "czk", "dkk", "gel", "huf", "idr", "kwd",
    "lkr", "mmk", "myr", "ngn", "nok", "pkr", "pln", "rub", "sar", "sek", "sgd", "thb", "try",
    "uah", "vef", "xag", "xau", "xdr", "zar",
)  # fmt: skip
"""CoinGecko's ISO 4217 currencies without a sign in en-US: their code stands before the amount."""
_SYMBOLS |= {code: f"{code.upper()}{_NO_BREAK}" for code in _BY_CODE}
_WITHOUT_CENTS = frozenset({"jpy", "krw", "vnd", "clp", "sats", "bits"})
_SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
_AGES = ((86400, "day"), (3600, "hr."), (60, "min."), (1, "sec."))
_UNITS = ((0, ""), (3, "K"), (6, "M"), (9, "B"), (12, "T"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Currency:
    """How amounts in one currency are written."""

    code: str
    symbol: str
    """Before the amount; what is not of ISO 4217, as `sats`, has its code after it instead."""
    cents: int
    """How many decimals an amount of a thousand or more has."""


@lru_cache(128)
def currency(code: str) -> Currency:
    """Return how amounts in *code*, in any case, are written."""
    code = code.lower()
    cents = 0 if code in _WITHOUT_CENTS else 2
    return Currency(code=code, symbol=_SYMBOLS.get(code, ""), cents=cents)


def price(value: Decimal | None, code: str) -> str:
    """Return a price as it fits into a column: at most some fifteen characters.

    Cents up to a million, none above, and units from ten billion on; four decimals from 1 to
    10, below 1 four significant digits: with fewer, a stablecoin would move without its number
    changing. From five zeros after the point on they are counted, as CoinGecko does:
    `$0.0₁₀126`; `exact` says them all.
    """
    if value is None:
        return UNKNOWN
    money = currency(code)
    size = abs(value)
    if size >= 10**10:
        return compact(value, code)
    if size >= 1 or not size:
        cents = 0 if size >= 10**6 else money.cents if size >= 1000 else 4 if 1 <= size < 10 else 2
        return _with_currency(_grouped(value, cents, cents), money)
    digits = value.normalize(_FOUR_DIGITS)
    power = digits.adjusted()
    if power >= SMALL_POWER:
        return _with_currency(_grouped(value, 4, max(4, 3 - power)), money)
    significant = "".join(map(str, digits.as_tuple().digits))
    zeros = str(-power - 1).translate(_SUBSCRIPTS)
    return _with_currency(f"{'-' * (value < 0)}0.0{zeros}{significant}", money)


def spoken(value: Decimal, code: str) -> str:
    """Return *value* for screen readers where `price` counts its zeros, else nothing."""
    is_small = value and value.adjusted() < SMALL_POWER
    return exact(value, code) if is_small else ""


def plain(value: Decimal) -> str:
    """Return *value* with six significant digits, and never an exponent."""
    return f"{value.normalize(_SIX_DIGITS):f}"


def compact(value: Decimal | None, code: str) -> str:
    """Return a large amount in the first unit with at most three whole digits: `$1.72T`."""
    if value is None:
        return UNKNOWN
    text = ""
    first = min(len(_UNITS) - 1, max(0, value.adjusted() // 3))
    for power, letter in _UNITS[first:]:  # 999,999 is rounded to 1M
        text = f"{_hundredths(value.scaleb(-power, context=_EXACT)):,f}{letter}"
        if "," not in text:
            break
    return _with_currency(text, currency(code))


def exact(value: Decimal | None, code: str) -> str:
    """Return every digit the source sent: `0.0000000012 USD`; for titles."""
    return "" if value is None else f"{value:,f} {code.upper()}"


def percent(value: Decimal | None) -> str:
    """Return a change in percent with its sign; what rounds to zero has none."""
    if value is None:
        return UNKNOWN
    rounded = _hundredths(value)
    return f"{rounded:+,f}%" if rounded else "0.00%"


def trend(value: Decimal | None) -> Direction:
    """Return `up`, `down` or `same` for a change, as `percent` shows it."""
    directions: dict[str, Direction] = {"+": "up", "-": "down"}
    return directions.get(percent(value)[0], "same")


def utc_clock(ms: int) -> str:
    """Return unix milliseconds as `06:14:07 UTC`; scripts replace it by local time."""
    return f"{datetime.fromtimestamp(ms // 1000, UTC):%H:%M:%S} UTC"


def ago(ms: int) -> str:
    """Return an age in milliseconds in the largest unit that fits: `2 sec. ago`, `3 days ago`."""
    seconds = max(0, ms) // 1000
    size, unit = next((one for one in _AGES if seconds >= one[0]), _AGES[-1])
    number = seconds // size
    return f"{number} {unit}{'s' if unit == 'day' and number > 1 else ''} ago"


def source_name(word: str) -> str:
    """Return the name that people know of the source or exchange *word*."""
    return _NAMES.get(word, word.capitalize())


def listed(words: Iterable[str]) -> str:
    """Return the sources or exchanges *words* in a row: `Bitstamp, Gemini and Kraken`."""
    *names, last = map(source_name, sorted(words))
    return f"{', '.join(names)} and {last}" if names else last


def origin(quote: Quote, source: str, now: int) -> str:
    """Return where the price comes from, and how old it is *now* (unix ms).

    `Median of Bitstamp and Kraken, 2 sec. ago`; the tick's *source* where no exchange has it.
    """
    names = listed(quote.venues or [source])
    text = f"Median of {names}" if len(quote.venues) > 1 else names
    return text if quote.updated_at is None else f"{text}, {ago(now - quote.updated_at)}"


def is_old(quote: Quote, now: int) -> bool:
    """Return whether nothing has renewed the price for an hour before *now* (unix ms)."""
    return quote.updated_at is not None and now - quote.updated_at > HOUR_MS


def every(seconds: int) -> str:
    """Return how often something happens: `every minute`, `every 90 seconds`."""
    number, unit = (seconds, "second") if seconds % 60 else (seconds // 60, "minute")
    return f"every {unit}" if number == 1 else f"every {number} {unit}s"


def _grouped(value: Decimal, least: int, most: int) -> str:
    """Return *value* with thousands' commas and *least* to *most* decimals."""
    text = f"{value.quantize(Decimal((0, (1,), -most)), context=_EXACT):,f}"
    for _ in range(most - least):
        text = text.removesuffix("0")
    return text


def _hundredths(value: Decimal) -> Decimal:
    return value.quantize(Decimal("0.01"), context=_EXACT)


def _with_currency(text: str, money: Currency) -> str:
    if not money.symbol:
        return f"{text}{_NO_BREAK}{money.code.upper()}"
    sign, digits = ("-", text[1:]) if text.startswith("-") else ("", text)
    return f"{sign}{money.symbol}{digits}"
