"""A coin of CoinGecko's `/coins/markets` as a `Quote`, each field checked.

A value that is missing or impossible becomes None; a coin without an id, a
symbol, a name or a price is left out. Nothing here knows HTTP.
"""

import re
from collections.abc import Collection, Iterable
from decimal import Decimal
from typing import Any

from tracker.market.quotes import Quote, number
from tracker.times import unix_ms

MAX_TEXT = {"id": 100, "symbol": 100, "name": 200}
"""Characters that fit in the database; CoinGecko's longest are shorter."""
UNADDRESSABLE = re.compile(r"\.{1,2}|.*[/\\].*")
"""Ids that a path cannot hold: a coin's page is at its id. CoinGecko has none of them."""
UNSTORABLE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
"""PostgreSQL refuses NUL, UTF-8 lone surrogates, and a log line ends at a line break."""
INVISIBLE = re.compile(
    "[\x80-\x9f\u00ad\u061c\u200b\u200e\u200f\u2028\u2029\u202a-\u202e\u2060-\u206f\ufeff]"
)
"""What turns the direction of all that follows, breaks lines or is seen as nothing.

Not the joiners: emoji and Persian need them.
"""
MAX_RANK = 1_000_000  # CoinGecko lists some 20,000 coins; the database's integers end at 2**31
MAX_WEEK = 200  # hourly prices; a week has 168, and 167 were seen
YEAR_2100 = 4_102_444_800_000  # unix milliseconds; a later time is an error of CoinGecko's


def quotes(rows: Iterable[Any]) -> tuple[list[Quote], list[str]]:
    """Return the quotes in *rows*, in order, and which coins were left out and why."""
    good: dict[str, Quote] = {}
    left_out = []
    for place, row in enumerate(rows, 1):
        try:
            found = _quote(row)
        except ValueError as error:
            left_out.append(f"{_label(row, place)} ({error})")
            continue
        if good.setdefault(found.id, found) is not found:
            left_out.append(f"{found.id} (a second time)")
    return list(good.values()), left_out


def ids(rows: Iterable[Any]) -> set[str]:
    """Return the ids in *rows*, also of coins without a price."""
    return {row["id"] for row in rows if isinstance(row, dict) and isinstance(row.get("id"), str)}


def weeks(rows: Iterable[Any], ids: Collection[str]) -> dict[str, list[Decimal | None]]:
    """Return the hourly prices of the last week of the coins *ids*, oldest first.

    A value that is not a price is None, so that the others keep their hours.
    """
    found: dict[str, list[Decimal | None]] = {}
    for row in rows:
        match row:
            case {"id": str(id), "sparkline_in_7d": {"price": [*prices]}} if prices and id in ids:
                found.setdefault(id, [_positive(price) or None for price in prices[-MAX_WEEK:]])
    return found


def _quote(row: Any) -> Quote:
    """Return *row* as a quote. Raises `ValueError` with the reason if it cannot be one."""
    if not isinstance(row, dict):
        raise ValueError("not an object")  # noqa: TRY004 - one error type for all reasons
    price = _positive(row.get("current_price"))
    if not price:
        raise ValueError("no price")
    return Quote(
        id=_id(row),
        rank=_rank(row.get("market_cap_rank")),
        symbol=_shown(row, "symbol"),
        name=_shown(row, "name"),
        image=_image(row.get("image")),
        price=price,
        change_1h=number(row.get("price_change_percentage_1h_in_currency")),
        change_24h=_change_24h(row),
        change_7d=number(row.get("price_change_percentage_7d_in_currency")),
        market_cap=_positive(row.get("market_cap")),
        volume_24h=_positive(row.get("total_volume")),
        high_24h=_positive(row.get("high_24h")),
        low_24h=_positive(row.get("low_24h")),
        updated_at=_time(row.get("last_updated")),
    )


def _text(row: dict[str, Any], key: str) -> str:
    text = row.get(key)
    if not isinstance(text, str) or not text.strip():
        raise ValueError(f"no {key}")
    if len(text) > MAX_TEXT[key] or UNSTORABLE.search(text):
        raise ValueError(f"no usable {key}")
    return text


def _shown(row: dict[str, Any], key: str) -> str:
    """Return a text that stands beside others: on pages, in terminals, titles and messages."""
    text = INVISIBLE.sub("", _text(row, key)).strip()
    if not text:
        raise ValueError(f"no usable {key}")
    return text


def _id(row: dict[str, Any]) -> str:
    id = _text(row, "id")
    if UNADDRESSABLE.fullmatch(id) or not id.isprintable():
        raise ValueError("no usable id")
    return id


def _label(row: Any, place: int) -> str:
    try:
        return _text(row, "id")
    except (ValueError, AttributeError):
        return f"entry {place}"


def _positive(value: object) -> Decimal | None:
    found = number(value)
    return found if found is not None and found >= 0 else None


def _change_24h(row: dict[str, Any]) -> Decimal | None:
    requested = number(row.get("price_change_percentage_24h_in_currency"))
    return number(row.get("price_change_percentage_24h")) if requested is None else requested


def _rank(value: object) -> int | None:
    return value if type(value) is int and 1 <= value <= MAX_RANK else None


def _image(value: object) -> str | None:
    """Return an https address; None for anything else, such as `missing_large.png`."""
    is_address = isinstance(value, str) and re.fullmatch(r"https://[!#-;=?-~]{1,500}", value)
    return str(value) if is_address else None


def _time(value: object) -> int | None:
    try:
        ms = unix_ms(value) if isinstance(value, str) else 0
    except (ValueError, OverflowError):
        return None
    return ms if 0 < ms < YEAR_2100 else None
