"""Waits after failures: from one interval, twice as long each time, up to five minutes."""

from __future__ import annotations

import pytest

from tracker.errors import SourceError
from tracker.market.freshness import Health
from worker.backoff import MAX_BAR, barred_until, reason_to_skip, wait_after

MINUTE = 60_000


@pytest.mark.parametrize(
    ("failures", "interval", "longest"),
    [
        (1, MINUTE, 60_000),
        (2, MINUTE, 120_000),
        (3, MINUTE, 240_000),
        (4, MINUTE, 300_000),
        (10_000, MINUTE, 300_000),
        (1, 1000, 1000),
        (9, 1000, 256_000),
        (1, 3_600_000, 3_600_000),
        (5, 3_600_000, 3_600_000),
    ],
)
def test_a_wait_doubles_up_to_five_minutes_or_the_interval(
    failures: int, interval: int, longest: int
) -> None:
    waits = [wait_after(failures, interval) for _ in range(50)]
    assert 0.9 * longest <= min(waits) <= max(waits) <= longest
    assert len(set(waits)) > 10, "drawn, so that many do not come back in step"


def test_what_the_source_asks_for_counts_to_the_second() -> None:
    assert barred_until(SourceError("busy", retry_after=119), 1000) == 120_000
    assert barred_until(SourceError("down"), 1000) is None


def test_a_bar_ends_and_one_beyond_an_hour_is_a_clock_that_stepped() -> None:
    health = Health(attempted_at=0, barred_until=MAX_BAR)
    assert "asked to wait 3600 s" in (reason_to_skip(health, 0, MINUTE) or "")
    assert reason_to_skip(health, MAX_BAR, MINUTE) is None
    assert reason_to_skip(health, -MINUTE, MINUTE) is None
