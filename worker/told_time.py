"""The time as other hosts tell it: the `Date` of the newest answer, and what passed since.

The clock of this host may have been wrong, and may be wrong now. Whoever decides about what is
stored asks here first; nothing is set by it.
"""

from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from time import monotonic

_newest: tuple[int, float] | None = None
"""The time of the newest `Date`, and when it came, in monotonic seconds."""


def note(headers: Mapping[str, str]) -> None:
    """Remember the time in the *headers* of an answer that came just now."""
    global _newest
    if (date := date_of(headers)) is not None:
        _newest = date, monotonic()


def told_ms() -> int | None:
    """Return the time in unix milliseconds, within some seconds; None if nobody has told it."""
    newest = _newest
    return newest and newest[0] + round((monotonic() - newest[1]) * 1000)


def date_of(headers: Mapping[str, str]) -> int | None:
    """Return the time in `Date`, to which a cache adds the `Age` of its copy (RFC 9111)."""
    try:
        date = parsedate_to_datetime(headers["Date"])
        age_s = int(headers.get("Age", "0")[:9])
    except (KeyError, TypeError, ValueError, OverflowError):
        return None
    return round(date.timestamp() + age_s) * 1000
