"""The jobs that keep the history: ticks roll up into candles, and old ticks go.

They take turns with the refreshes, since one worker does all. So each is short,
whatever there is to do, and leaves the rest for the next time.
"""

from __future__ import annotations

import logging
import time

from tracker.storage.history import DAY, History
from worker.jobs import application

JOB_TIMEOUT = 60
"""Seconds after which RQ ends a job that hangs; `rollup.PATIENCE` ends it long before."""

log = logging.getLogger(__name__)


def roll_up() -> None:
    """Bring the newest ticks of the settings' market into its candles."""
    app = application()
    with app.app_context():
        history: History = app.extensions["history"]
        log.info("rolled up: %d candles changed", history.roll_up(_now_ms()))


def prune() -> None:
    """Delete the ticks that are older than the settings keep them, in every market.

    A market that is no longer followed keeps its candles and its newest tick.
    """
    app = application()
    with app.app_context():
        before = _now_ms() - app.extensions["settings"].retention_days * DAY
        for history in History.of_all_markets():
            pruned = history.prune(before)
            log.info("pruned: %d ticks of %s in %s", pruned, history.source, history.currency)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
