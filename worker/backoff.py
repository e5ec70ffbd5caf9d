"""How long to wait after failures of the source, and whether to wait at all.

All times are in milliseconds. What the source asks for (Retry-After) is kept
to the second; other failures wait from one interval, twice as long each time,
up to five minutes, with jitter, so that many trackers do not come back in step.
"""

from __future__ import annotations

import random

from tracker.errors import SourceError
from tracker.status import Health

MAX_WAIT = 300_000
"""Waited at most, unless the interval is longer."""
JITTER = 0.1
"""The part of a wait that is drawn."""
MAX_BAR = 3_600_000
"""What a source may ask for at most; anything beyond is a clock that stepped."""


def wait_after(failures: int, interval: int) -> int:
    """Return the wait after the last of *failures* in a row."""
    longest = max(MAX_WAIT, interval)
    wait = min(longest, interval << min(failures - 1, 20))
    return round(wait * random.uniform(1 - JITTER, 1))  # noqa: S311 - no secret


def barred_until(error: SourceError, at: int) -> int | None:
    """Return until when the source does not want to be asked, which failed *at*."""
    return None if error.retry_after is None else at + round(error.retry_after * 1000)


def reason_to_skip(health: Health, now: int, interval: int) -> str | None:
    """Return why not to ask *now*: too soon after the last attempt, or the source asked not to.

    A worker that comes back finds a queue of refreshes, and one is enough.
    """
    if health.barred_until is not None and 0 < health.barred_until - now <= MAX_BAR:
        return f"the source asked to wait {(health.barred_until - now) / 1000:.0f} s more"
    if health.attempted_at is not None and abs(now - health.attempted_at) < interval / 2:
        return f"the last attempt was {now - health.attempted_at} ms ago"
    return None
