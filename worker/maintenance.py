"""The jobs that maintain the history: roll ticks up into candles, and delete old ticks.

One worker runs these and the refreshes in turn: each is short and leaves the rest for its next run.
"""

import logging

from tracker.times import DAY_MS, now_ms
from worker.jobs import backend

JOB_TIMEOUT = 60
"""Seconds after which RQ ends a job that hangs; `rollup.TIME_LIMIT_S` ends one long before."""

log = logging.getLogger(__name__)


def roll_up() -> None:
    """Roll the newest ticks of the settings' market up into its candles."""
    log.info("rolled up: %d candles changed", backend().rollup.roll_up(now_ms()))


def prune() -> None:
    """Delete the ticks older than `retention_days`, in every market.

    A market that is no longer followed keeps its candles and its newest tick.
    """
    before = now_ms() - backend().settings.retention_days * DAY_MS
    for rollup in backend().rollup.of_all_markets():
        pruned = rollup.prune(before)
        log.info("pruned: %d ticks of %s in %s", pruned, *rollup.market)
