"""Rows that are not as they were written: somebody edited the database, or a disk forgot.

SQLite takes any value in any column, and PostgreSQL takes NaN for a number. A row whose price
is no number is left out, any other value counts as unknown, and the log names the row and
the remedy: prices go on. `Digits` gives `NO_NUMBER` for what is none.
"""

import logging
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from types import NoneType
from typing import Any, get_args

from tracker.logs.throttle import FailureLog
from tracker.market.candles import Candle
from tracker.market.quotes import Direction
from tracker.times import LAST_MS

NO_NUMBER = Decimal("NaN")
"""What is read where the database has something else than a number; compare with `is`."""

log = logging.getLogger(__name__)

_KINDS = {
    "id": (str,),
    "symbol": (str,),
    "name": (str,),
    "image": (str, NoneType),
    "rank": (int, NoneType),
}
_DIRECTIONS = get_args(Direction)
_failures: dict[str, FailureLog] = {}


def tell(table: str, what: str, **key: object) -> None:
    """Warn, once an hour for each *table*, of *what* the row with this *key* has."""
    row = " AND ".join(f"{name} = {value!r}" for name, value in key.items())
    _failures.setdefault(table, FailureLog(log)).failed(
        f"the database has {what} in the {table} where {row}: it is left out until that row is"
        " corrected or deleted",
        key=table,
    )


def sound_quotes(rows: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield the *rows* that have an id and a price, without what else is not as it must be."""
    for row in rows:
        if wrong := _wrong(row):
            names = " and ".join(wrong)
            tell("quote", f"no usable {names}", tick_id=row["tick_id"], coin_id=row["id"])
            instead = {"symbol": row["id"], "name": row["id"], "direction": "same"}
            row |= {name: instead.get(name) for name in wrong}
        if row["price"] is not None and row["id"] is not None:
            yield row


def sound_candles(rows: Iterable[Any], coin: str) -> Iterator[Candle]:
    """Yield the candles of *coin* that *rows* hold, as far as their values are numbers."""
    for hour, *prices in rows:
        if is_time(hour) and NO_NUMBER not in prices:
            yield Candle(hour, *prices)
        else:
            tell("candle", "no number", coin_id=coin, hour=hour)


def is_time(value: object) -> bool:
    """Return whether *value* can be a time in unix milliseconds."""
    return type(value) is int and 0 <= value <= LAST_MS


def _wrong(row: Mapping[str, Any]) -> list[str]:
    """Return the names of *row*'s values that are not as they must be."""
    wrong = [name for name, kinds in _KINDS.items() if type(row[name]) not in kinds]
    if NO_NUMBER in row.values():
        wrong += [name for name, value in row.items() if value is NO_NUMBER]
    if row["direction"] not in _DIRECTIONS:
        wrong.append("direction")
    if row["updated_at"] is not None and not is_time(row["updated_at"]):
        wrong.append("updated_at")
    return wrong
