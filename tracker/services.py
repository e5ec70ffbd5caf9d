"""What the web has for as long as its process lives: one typed `Services`, built once.

`services()` returns the current application's; getting it starts nothing. The
relay is started by gunicorn's `post_worker_init`, and under any other server by
the first request for something that shows prices (see `tracker.web`).
"""

from __future__ import annotations

import resource
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Self, cast

from flask import Flask, current_app
from flask_sqlalchemy import SQLAlchemy

from tracker import backend as backends
from tracker.backend import Backend
from tracker.config import Settings
from tracker.monitoring.collector import Collector
from tracker.monitoring.instruments import Instruments
from tracker.monitoring.readiness import Readiness
from tracker.monitoring.sampler import Sampler
from tracker.relay import Relay
from tracker.storage.disk import DiskUse
from tracker.storage.engine import engine_options
from tracker.storage.history import History
from tracker.storage.history_cache import HistoryCache
from tracker.storage.models import Base
from tracker.storage.weeks import Weeks
from tracker.stream.hub import Hub

if TYPE_CHECKING:
    from tracker.web.middleware.rate_limit import RateLimits

RESERVE = 100
"""Descriptors that the process needs for itself, besides a tenth for requests under way."""
MAX_QUOTES = 50_000
"""Quotes kept in memory for reconnecting readers, some 1 KB each: the replay buffer's size in
ticks is `TRACKER_REPLAY`, or this divided by the number of coins where that is less."""
MAX_SUBSCRIBERS = 100_000
"""Where there is no limit on descriptors."""
KEY = "tracker"
"""Where `app.extensions` keeps the services."""

db = SQLAlchemy(model_class=Base)
"""The tables for Flask-Admin and Flask-Migrate, on the engine that the backend has, too."""


@dataclass(frozen=True, slots=True)
class Services:
    """The long-lived objects of one web process."""

    settings: Settings
    backend: Backend
    hub: Hub
    relay: Relay
    history_cache: HistoryCache
    weeks: Weeks
    rate_limits: RateLimits
    instruments: Instruments
    sampler: Sampler
    collector: Collector
    readiness: Readiness

    @classmethod
    def build(cls, backend: Backend, rate_limits: RateLimits) -> Self:
        """Return the services on *backend*. Nothing is started or connected to."""
        settings = backend.settings
        replay = max(1, min(settings.replay, MAX_QUOTES // settings.coins.most))
        hub = Hub(
            replay=replay,
            heartbeat=settings.heartbeat,
            retry=settings.retry,
            limit=settings.max_subscribers or room_for_subscribers(),
            per_client=settings.max_subscribers_per_ip,
        )
        history = History(backend.engine, settings.market)
        weeks = Weeks(history.points)
        instruments = Instruments()
        disk_use = partial(DiskUse.of, settings.database_url)
        relay = Relay(
            feed=backend.feed,
            store=backend.store,
            hub=hub,
            interval=settings.interval,
            stale_after=settings.stale_after_ms,
            replay=replay,
            weeks=weeks,
            top=settings.coins.top,
            heartbeat_s=settings.heartbeat,
            on_broadcast=instruments.on_broadcast,
        )
        sampler = Sampler(
            instruments,
            hub=hub,
            feed=backend.feed,
            relay=relay,
            interval=settings.interval,
            stale_after=settings.stale_after_ms,
        )
        return cls(
            settings=settings,
            backend=backend,
            hub=hub,
            relay=relay,
            history_cache=HistoryCache(history.points),
            weeks=weeks,
            rate_limits=rate_limits,
            instruments=instruments,
            sampler=sampler,
            collector=Collector(
                instruments,
                sampler,
                backend.refresh_stats,
                sources=lambda: relay.state.source.sources,
                disk_use=disk_use,
            ),
            readiness=Readiness(
                hub=hub,
                feed=backend.feed,
                relay=relay,
                store=backend.store,
                stale_after=settings.stale_after_ms,
                disk_use=disk_use,
            ),
        )

    def start(self) -> None:
        """Start the relay, the hub and the sampler, whose threads live until the process ends."""
        self.relay.start()
        self.sampler.start()

    def close(self) -> None:
        """End the relay and the hub, and close all connections."""
        self.relay.close()
        self.hub.close()
        self.rate_limits.close()
        self.backend.close()


def services(app: Flask | None = None) -> Services:
    """Return the services of *app*, or of the current application."""
    return cast(Services, (app or current_app).extensions[KEY])


def register(app: Flask, settings: Settings, rate_limits: RateLimits) -> None:
    """Build the services of *app* and keep them in `app.extensions`."""
    app.config["SQLALCHEMY_DATABASE_URI"] = settings.database_url
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = engine_options(settings.database_url)
    db.init_app(app)
    with app.app_context():
        engine = db.engine
    app.extensions[KEY] = Services.build(backends.build(settings, engine), rate_limits)


def room_for_subscribers() -> int:
    """Return how many readers the limit on descriptors leaves room for."""
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limit == resource.RLIM_INFINITY:
        return MAX_SUBSCRIBERS
    return max(1, min(MAX_SUBSCRIBERS, limit - limit // 10 - RESERVE))
