"""The jobs that keep the history: ticks roll up into candles, and old ticks go.

They take turns with the refreshes, since one worker does all. So each is short,
whatever there is to do, and leaves the rest for the next time.
"""

from __future__ import annotations

import logging

from tracker.times import DAY_MS, now_ms
from worker.jobs import backend

JOB_TIMEOUT = 60
"""Seconds after which RQ ends a job that hangs; `rollup.TIME_LIMIT_S` ends it long before."""

log = logging.getLogger(__name__)


def roll_up() -> None:
    """Bring the newest ticks of the settings' market into its candles."""
    log.info("rolled up: %d candles changed", backend().rollup.roll_up(now_ms()))


def prune() -> None:
    """Delete the ticks that are older than the settings keep them, in every market.

    A market that is no longer followed keeps its candles and its newest tick.
    """
    before = now_ms() - backend().settings.retention_days * DAY_MS
    for rollup in backend().rollup.of_all_markets():
        pruned = rollup.prune(before)
        log.info("pruned: %d ticks of %s in %s", pruned, *rollup.market)
