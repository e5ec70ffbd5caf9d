"""Times: unix milliseconds (`int`) inside, ISO 8601 in UTC on the wire and in the log."""

import time
from datetime import UTC, datetime

LAST_MS = 253_402_300_799_999
"""The last millisecond that ISO 8601 has a name for: the year 9999 ends."""

MINUTE_MS = 60_000
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


def now_ms() -> int:
    """Return the time in unix milliseconds."""
    return time.time_ns() // 1_000_000


def iso(ms: int) -> str:
    """Return unix milliseconds as ISO 8601 in UTC: `2026-11-23T06:14:07.352Z`."""
    moment = datetime.fromtimestamp(ms // 1000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{ms % 1000:03d}Z"


def unix_ms(text: str) -> int:
    """Return an ISO 8601 time with zone as unix milliseconds. Raises `ValueError`."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone")
    return round(moment.timestamp() * 1000)


def checked_ms(value: object) -> int:
    """Return *value* if it can be a time in unix milliseconds. Raises `ValueError`."""
    if type(value) is not int or not 0 <= value <= LAST_MS:
        raise ValueError(f"{value!r} is not a time in unix milliseconds")
    return value
