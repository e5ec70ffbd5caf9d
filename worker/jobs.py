"""The job that makes a tick: fetch, save, publish.

The order is the promise: nothing is published that was not committed, and what
was committed but not published is found by the web.
"""

from __future__ import annotations

import logging
import math
import time
from functools import cache

from flask import Flask
from redis.exceptions import RedisError
from rq import get_current_job
from rq.timeouts import JobTimeoutException
from rq_scheduler import Scheduler

from tracker import create_app
from tracker.candles import from_sparkline
from tracker.errors import SourceError
from tracker.feed import Feed, Message
from tracker.history import History
from tracker.status import Health
from tracker.store import Store
from worker import backoff
from worker.sources import Fetched, Source, build

JOB_TIMEOUT = 30
"""Seconds after which RQ ends a job that hangs."""

log = logging.getLogger(__name__)


@cache
def application() -> Flask:
    """Return the worker process's application."""
    return create_app()


@cache
def source() -> Source:
    """Return the worker process's source, which warns once of what its settings mean."""
    return build(application().extensions["settings"])


def refresh_prices() -> None:
    """Make one tick of the settings' market; after a failure, come again when it is time."""
    app = application()
    with app.app_context():
        health = refresh(
            source(),
            app.extensions["store"],
            app.extensions["feed"],
            app.extensions["history"],
            interval=app.extensions["settings"].interval * 1000,
        )
    if health.reason is not None and health.next_attempt_at is not None:
        come_again(health.next_attempt_at)


def refresh(source: Source, store: Store, feed: Feed, history: History, *, interval: int) -> Health:
    """Fetch, save, publish; a failure of the source is saved and published too.

    *interval* is in milliseconds. Returns the health afterwards; skipped, and
    the health as it was, when the last attempt is too young.
    """
    health, at = store.health(), _now_ms()
    why = backoff.reason_to_skip(health, at, interval)
    if why:
        log.info("skipped: %s", why)
        return health
    week = history.needs_filling(at)
    try:
        fetched = source.fetch(etag=None if week else health.etag, week=week)
    except SourceError as error:
        return _fail(store, feed, health, error, at, interval)
    except JobTimeoutException:
        late = SourceError(f"{source.name}: there was no answer within {JOB_TIMEOUT} s")
        return _fail(store, feed, health, late, at, interval)
    if fetched is None:
        health = store.save_confirmation(at=at, next_attempt_at=at + interval, etag=health.etag)
        publish(feed, Message(health))
        log.info("%s: unchanged", source.name)
        return health
    return _save(store, feed, history, fetched, at, interval) or health


def publish(feed: Feed, message: Message) -> None:
    """Ring the bell; without Redis the web finds by itself what was saved."""
    try:
        feed.publish(message)
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
    store: Store, feed: Feed, history: History, fetched: Fetched, at: int, interval: int
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
        log.info("the week before: %d hourly candles added", history.fill(candles))
    return saved.health


def _fail(
    store: Store, feed: Feed, health: Health, error: SourceError, at: int, interval: int
) -> Health:
    barred_until = backoff.barred_until(error, _now_ms())
    wait = backoff.wait_after(health.failures + 1, interval)
    health = store.save_failure(
        str(error),
        at=at,
        next_attempt_at=barred_until or at + wait,
        barred_until=barred_until,
    )
    publish(feed, Message(health))
    log.warning("%s; next attempt in %.0f s", error, (barred_until or at + wait) / 1000 - at / 1000)
    return health


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
