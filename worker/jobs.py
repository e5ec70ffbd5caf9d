"""The jobs that RQ runs.

The order is the promise: fetch, save, publish. Nothing is published that was
not committed; what was committed but not published is found by the web.
"""

from __future__ import annotations

import logging
import time
from functools import cache

from flask import Flask
from redis.exceptions import RedisError

from tracker import create_app
from tracker.errors import SourceError
from tracker.feed import Feed, Message
from tracker.store import Store
from worker.sources import Source, build

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
    """Make one tick of the settings' market."""
    app = application()
    with app.app_context():
        refresh(
            source(),
            app.extensions["store"],
            app.extensions["feed"],
            interval=app.extensions["settings"].interval * 1000,
        )


def refresh(source: Source, store: Store, feed: Feed, *, interval: int) -> None:
    """Fetch, save, publish; a failure of the source is saved and published too.

    Skipped when the newest prices are younger than half the *interval* (ms): a
    worker that comes back finds a queue of refreshes, and one of them is enough.
    """
    fresh_at = store.health().fresh_at
    if fresh_at is not None and 0 <= _now_ms() - fresh_at < interval / 2:
        log.info("skipped: the newest prices are %d ms old", _now_ms() - fresh_at)
        return
    try:
        quotes = source.fetch()
    except SourceError as error:
        log.warning("%s", error)
        at = _now_ms()
        health = store.save_failure(str(error), at=at, next_attempt_at=at + interval)
        publish(feed, Message(health))
        return
    at = _now_ms()
    saved = store.save(quotes, at=at, next_attempt_at=at + interval, min_gap=interval // 2)
    if saved is None:
        log.info("skipped: another worker was quicker")
        return
    publish(feed, Message(saved.health, saved.tick, saved.previous))
    log.info("tick %d: %d quotes from %s", saved.tick.id, len(quotes), source.name)


def publish(feed: Feed, message: Message) -> None:
    """Ring the bell; without Redis the web finds by itself what was saved."""
    try:
        feed.publish(message)
    except RedisError as error:
        log.warning("saved, but not published: %s", error)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
