"""How long to wait after failures of the source.

Whether to wait at all is in `tracker.market.freshness`.

All times are in milliseconds. What the source asks for (Retry-After) is kept
to the second; other failures wait from one interval, twice as long each time,
up to five minutes, with jitter, so that many trackers do not come back in step.
"""

from __future__ import annotations

import random

from tracker.errors import SourceError
from tracker.market.freshness import MAX_BAR as MAX_BAR
from tracker.market.freshness import reason_to_skip as reason_to_skip

MAX_WAIT = 300_000
"""Waited at most, unless the interval is longer."""
JITTER = 0.1
"""The part of a wait that is drawn."""


def wait_after(failures: int, interval: int) -> int:
    """Return the wait after the last of *failures* in a row."""
    longest = max(MAX_WAIT, interval)
    wait = min(longest, interval << min(failures - 1, 20))
    return round(wait * random.uniform(1 - JITTER, 1))  # noqa: S311 - no secret


def barred_until(error: SourceError, at: int) -> int | None:
    """Return until when the source does not want to be asked, which failed *at*."""
    return None if error.retry_after is None else at + round(error.retry_after * 1000)
