"""The job that makes a tick: fetch, save, publish.

The order is the promise: nothing is published that was not committed, and what
was committed but not published is found by the web.

After a failure of the source the job comes back at the second that the source asked for
(Retry-After), else after one interval, twice as long each time up to five minutes,
with jitter, so that many trackers do not come back in step.
"""

import logging
import math
import random
from dataclasses import replace
from functools import cache

from redis.exceptions import RedisError
from rq import get_current_job
from rq.job import Job
from rq.timeouts import JobTimeoutException
from rq_scheduler import Scheduler

from tracker import backend as backends
from tracker import config
from tracker.backend import Backend
from tracker.errors import SourceError
from tracker.logs.context import current_id, log_context, valid_or_new_id
from tracker.logs.throttle import is_same_failure, still_failing
from tracker.market.candles import from_sparkline
from tracker.market.freshness import SourceState, reason_to_skip
from tracker.market.quotes import TickJson
from tracker.messaging.feed import Feed, Message
from tracker.messaging.job_queue import REFRESH_TIMEOUT
from tracker.messaging.refresh_stats import Outcome
from tracker.times import HOUR_MS, now_ms
from worker.sources import Fetched, Source, build

MAX_WAIT_MS = 300_000  # the longest wait after a failure, unless the interval is longer
JITTER = 0.1  # the part of a wait that is drawn

log = logging.getLogger(__name__)


@cache
def backend() -> Backend:
    """Return the worker process's backend."""
    return backends.build(config.load())


@cache
def source() -> Source:
    """Return the worker process's source, which warns once of what its settings mean."""
    return build(backend().settings)


def refresh_prices() -> None:
    """Make one tick of the settings' market; after a failure, reschedule this job.

    Each run has an id for the log, and that of the request that queued it, if one did.
    """
    job = get_current_job()
    request = job.meta.get("request") if job else None
    with (
        log_context(job=job.id if job else None, run=valid_or_new_id(None), request=request),
        backend().refresh_stats.counted() as outcome,
    ):
        interval_ms = backend().settings.interval * 1000
        state = refresh(source(), backend(), interval_ms=interval_ms, outcome=outcome)
        if job and state.reason is not None and state.next_attempt_at is not None:
            reschedule(job, state.next_attempt_at)


def refresh(
    source: Source, backend: Backend, *, interval_ms: int, outcome: Outcome | None = None
) -> SourceState:
    """Fetch, save, publish; a failure of the source is saved and published too.

    Returns the source's state afterwards; what became of the refresh is noted in *outcome*.
    """
    outcome = outcome or Outcome()
    before, at = backend.store.source_state(), now_ms()
    if why := reason_to_skip(before, at, interval_ms):
        log.info("skipped: %s", why)
        outcome.what = "skipped"
        return before
    week = backend.rollup.needs_filling(at)
    try:
        fetched = source.fetch(etag=None if week else before.etag, week=week)
    except (SourceError, JobTimeoutException) as error:
        if isinstance(error, JobTimeoutException):
            late = f"{source.name}: there was no answer within {REFRESH_TIMEOUT} s"
            error = SourceError(late, kind="timeout")
        outcome.kind = error.kind
        return _save_failure(backend, before, error, at, interval_ms)
    if before.reason is not None:  # a warning, as the failures were
        plural = "" if before.failures == 1 else "s"
        log.warning("%s answers again (%d failure%s)", source.name, before.failures, plural)
    outcome.what, state = _save(backend, fetched, before, at, interval_ms)
    return state


def publish(feed: Feed, message: Message) -> None:
    """Publish *message*; without Redis the web finds in the database what was saved."""
    try:
        feed.publish(replace(message, run=current_id("run")))
    except RedisError as error:
        log.warning("saved, but not published: %s", error)


def reschedule(job: Job, at: int) -> None:
    """Move the next run of *job* to *at*, unix milliseconds; later ones follow its interval."""
    try:
        job.connection.zadd(Scheduler.scheduled_jobs_key, {job.id: math.ceil(at / 1000)}, xx=True)
    except RedisError as error:
        log.warning("the next attempt stays where it was: %s", error)


def wait_after(failures: int, interval_ms: int) -> int:
    """Return the wait in milliseconds after the last of *failures* in a row."""
    wait = min(max(MAX_WAIT_MS, interval_ms), interval_ms << min(failures - 1, 20))
    return round(wait * random.uniform(1 - JITTER, 1))  # noqa: S311 - no secret


def _save(
    backend: Backend, fetched: Fetched | None, before: SourceState, at: int, interval_ms: int
) -> tuple[str, SourceState]:
    """Save and publish what was fetched; return what became of it, and the source's state."""
    if fetched is None:
        state = backend.store.save_confirmation(
            at=at, next_attempt_at=at + interval_ms, etag=before.etag
        )
        publish(backend.feed, Message(state))
        log.info("%s: unchanged", backend.settings.source)
        return "unchanged", state
    saved = backend.store.save(
        fetched.quotes,
        at=at,
        next_attempt_at=at + interval_ms,
        min_gap=interval_ms // 2,
        etag=fetched.etag,
    )
    if saved is None:
        log.info("skipped: another worker was quicker")
        return "skipped", before
    publish(backend.feed, Message(saved.state, TickJson.of_tick(saved.tick), saved.previous))
    log.info("tick %d: %d quotes from %s", saved.tick.id, len(fetched.quotes), saved.tick.source)
    if fetched.weeks:
        candles = {coin: from_sparkline(week, end=at) for coin, week in fetched.weeks.items()}
        log.info("the week before: %d hourly candles added", backend.rollup.fill(candles))
    return "tick", saved.state


def _save_failure(
    backend: Backend, before: SourceState, error: SourceError, at: int, interval_ms: int
) -> SourceState:
    reason, not_before = str(error), None
    if error.retry_after is not None:
        not_before = now_ms() + round(error.retry_after * 1000)
    next_at = not_before or at + wait_after(before.failures + 1, interval_ms)
    state = backend.store.save_failure(
        reason, at=at, next_attempt_at=next_at, not_before=not_before
    )
    publish(backend.feed, Message(state))
    if line := _line_about(reason, before, state):
        log.warning("%s; next attempt in %.0f s", line, (next_at - at) / 1000)
    return state


def _line_about(reason: str, before: SourceState, now: SourceState) -> str | None:
    """Return what to log of a failure: itself when it is new, and each hour that it still is."""
    if before.reason is None or not is_same_failure(before.reason, reason):
        return reason
    since, last = now.failing_since, before.attempted_at
    if since is None or last is None or now.attempted_at is None:
        return reason
    if (now.attempted_at - since) // HOUR_MS > (last - since) // HOUR_MS:
        return f"{still_failing(now.failures, since)}: {reason}"
    return None
