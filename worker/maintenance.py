"""The jobs that maintain the history: roll ticks up into candles, and delete what is old.

One worker runs these and the refreshes in turn: each is short and leaves the rest for its next run.
"""

import logging

from tracker.storage.rollup import WHOLE_MS
from tracker.times import DAY_MS, now_ms
from worker.jobs import backend

log = logging.getLogger(__name__)


def roll_up() -> None:
    """Roll the newest ticks up into candles, and thin the older ones to one a minute.

    Those that readers of the stream may resume from, the newest `replay`, stay whole.
    """
    rollup, now = backend().rollup, now_ms()
    changed = rollup.roll_up(now)
    thinned = rollup.thin(now - WHOLE_MS, newest=backend().settings.replay)
    log.debug("rolled up: %d candles changed, %d ticks thinned out", changed, thinned)


def prune() -> None:
    """Delete the ticks older than `retention_days`, in every market, and what alerts told.

    A market that is no longer followed keeps its candles and its newest tick. In the first hour
    that ticks come nothing is deleted: what looks old may be a clock that is wrong.
    """
    now = now_ms()
    backend().rollup.delete_set_aside()
    if not backend().rollup.has_run_for(now):
        return
    before = now - backend().settings.retention_days * DAY_MS
    for rollup in backend().rollup.of_all_markets():
        pruned = rollup.prune(before)
        log.info("pruned: %d ticks of %s in %s", pruned, *rollup.market)
    if pruned := backend().outbox.prune(before):
        log.info("pruned: %d alerts that have been told", pruned)
