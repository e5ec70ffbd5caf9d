"""The job that makes a tick: fetch, save, publish.

The order is the promise: nothing is published that was not committed, and what
was committed but not published is found by the web.
"""

from __future__ import annotations

import logging
import math
from dataclasses import replace
from functools import cache

from redis.exceptions import RedisError
from rq import get_current_job
from rq.timeouts import JobTimeoutException
from rq_scheduler import Scheduler

from tracker import config
from tracker.backend import Backend
from tracker.backend import build as build_backend
from tracker.errors import SourceError
from tracker.logs.context import about, current, sane_id
from tracker.logs.throttle import is_same, still
from tracker.market.candles import from_sparkline
from tracker.market.freshness import Health
from tracker.messaging.feed import Feed, Message
from tracker.messaging.job_queue import REFRESH_TIMEOUT
from tracker.messaging.refresh_stats import Outcome
from tracker.storage.rollup import RollUp
from tracker.storage.ticks import Store
from tracker.times import now_ms
from worker import backoff
from worker.sources import Fetched, Source, build

HOUR = 3_600_000
"""Milliseconds between two lines about a failure that stays."""

log = logging.getLogger(__name__)


@cache
def backend() -> Backend:
    """Return the worker process's backend."""
    return build_backend(config.load())


@cache
def source() -> Source:
    """Return the worker process's source, which warns once of what its settings mean."""
    return build(backend().settings)


def refresh_prices() -> None:
    """Make one tick of the settings' market; after a failure, come again when it is time.

    Each run has an id for the log. One that a request has queued carries the
    request's, in the job's meta as `request`.
    """
    its, job = backend(), get_current_job()
    request = job.meta.get("request") if job else None
    with (
        about(job=job.id if job else None, run=sane_id(None), request=request),
        its.refresh_stats.counted() as outcome,
    ):
        health = refresh(
            source(),
            its.store,
            its.feed,
            its.rollup,
            interval=its.settings.interval * 1000,
            outcome=outcome,
        )
        if health.reason is not None and health.next_attempt_at is not None:
            come_again(health.next_attempt_at)


def refresh(
    source: Source,
    store: Store,
    feed: Feed,
    rollup: RollUp,
    *,
    interval: int,
    outcome: Outcome | None = None,
) -> Health:
    """Fetch, save, publish; a failure of the source is saved and published too.

    *interval* is in milliseconds. Returns the health afterwards; skipped, and
    the health as it was, when the last attempt is too young. What became of it
    is noted in *outcome*.
    """
    outcome = outcome or Outcome()
    health, at = store.health(), now_ms()
    why = backoff.reason_to_skip(health, at, interval)
    if why:
        log.info("skipped: %s", why)
        outcome.what = "skipped"
        return health
    week = rollup.needs_filling(at)
    try:
        fetched = source.fetch(etag=None if week else health.etag, week=week)
    except SourceError as error:
        outcome.kind = error.kind
        return _fail(store, feed, health, error, at, interval)
    except JobTimeoutException:
        late = SourceError(f"{source.name}: there was no answer within {REFRESH_TIMEOUT} s")
        outcome.kind = "timeout"
        return _fail(store, feed, health, late, at, interval)
    _tell_recovery(source.name, health)
    if fetched is None:
        outcome.what = "unchanged"
        health = store.save_confirmation(at=at, next_attempt_at=at + interval, etag=health.etag)
        publish(feed, Message(health))
        log.info("%s: unchanged", source.name)
        return health
    saved = _save(store, feed, rollup, fetched, at, interval)
    outcome.what = "tick" if saved else "skipped"
    return saved or health


def publish(feed: Feed, message: Message) -> None:
    """Ring the bell; without Redis the web finds by itself what was saved."""
    try:
        feed.publish(replace(message, run=current("run")))
    except RedisError as error:
        log.warning("saved, but not published: %s", error)


def come_again(at: int) -> None:
    """Move this job's next run to *at*, unix milliseconds; later ones follow its interval."""
    job = get_current_job()
    if job is None:
        return
    try:
        job.connection.zadd(Scheduler.scheduled_jobs_key, {job.id: math.ceil(at / 1000)}, xx=True)
    except RedisError as error:
        log.warning("the next attempt stays where it was: %s", error)


def _save(
    store: Store, feed: Feed, rollup: RollUp, fetched: Fetched, at: int, interval: int
) -> Health | None:
    saved = store.save(
        fetched.quotes,
        at=at,
        next_attempt_at=at + interval,
        min_gap=interval // 2,
        etag=fetched.etag,
    )
    if saved is None:
        log.info("skipped: another worker was quicker")
        return None
    publish(feed, Message(saved.health, saved.tick, saved.previous))
    log.info("tick %d: %d quotes from %s", saved.tick.id, len(fetched.quotes), saved.tick.source)
    if fetched.weeks:
        candles = {coin: from_sparkline(week, end=at) for coin, week in fetched.weeks.items()}
        log.info("the week before: %d hourly candles added", rollup.fill(candles))
    return saved.health


def _fail(
    store: Store, feed: Feed, health: Health, error: SourceError, at: int, interval: int
) -> Health:
    barred_until = backoff.barred_until(error, now_ms())
    next_attempt_at = barred_until or at + backoff.wait_after(health.failures + 1, interval)
    failing = store.save_failure(
        str(error), at=at, next_attempt_at=next_attempt_at, barred_until=barred_until
    )
    publish(feed, Message(failing))
    if line := _line_about(str(error), health, failing):
        log.warning("%s; next attempt in %.0f s", line, (next_attempt_at - at) / 1000)
    return failing


def _line_about(reason: str, before: Health, now: Health) -> str | None:
    """Return what to log of a failure: itself when it is new, and each hour that it still is."""
    if before.reason is None or not is_same(before.reason, reason):
        return reason
    since, last = now.failing_since, before.attempted_at
    if since is None or last is None or now.attempted_at is None:
        return reason
    if (now.attempted_at - since) // HOUR > (last - since) // HOUR:
        return f"{still(now.failures, since)}: {reason}"
    return None


def _tell_recovery(name: str, before: Health) -> None:
    """Log that the source gives prices again; at the level of what it said before."""
    if before.reason is not None:
        plural = "" if before.failures == 1 else "s"
        log.warning("%s answers again (%d failure%s)", name, before.failures, plural)
