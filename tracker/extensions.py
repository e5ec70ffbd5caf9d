"""Puts together what an application has: the database, the feed, the hub, the relay."""

from __future__ import annotations

import re
import resource
from pathlib import Path

from flask import Flask
from flask_cors import CORS
from flask_migrate import Migrate
from sqlalchemy.engine import make_url
from werkzeug.middleware.proxy_fix import ProxyFix

from tracker.config import ROOT, Settings
from tracker.market.freshness import stale_after_ms
from tracker.messaging.feed import Feed
from tracker.messaging.refresh_stats import Refreshes
from tracker.monitoring.collector import Scrape
from tracker.monitoring.instruments import Instruments
from tracker.monitoring.readiness import Readiness
from tracker.monitoring.sampler import Mirror
from tracker.relay import Relay
from tracker.storage.engine import engine_options
from tracker.storage.history import History
from tracker.storage.history_cache import Recall
from tracker.storage.models import db
from tracker.storage.ticks import Store
from tracker.stream.admission import Admission
from tracker.stream.hub import Hub
from tracker.web.middleware.counting import Limits
from tracker.web.sessions import NoSessions

RESERVE = 100
"""Descriptors that the process needs for itself, besides a tenth for requests under way."""
SHARED_PATHS: list[str | re.Pattern[str]] = [r"/stream", r"/api/.*"]
MAX_QUOTES = 50_000
"""Quotes kept in memory for reconnecting readers, some 1 KB each: the ring's size in ticks
is `TRACKER_REPLAY`, or this divided by the number of coins where that is less."""
MOST_SUBSCRIBERS = 100_000
"""Where there is no limit on descriptors."""


def register(app: Flask, settings: Settings) -> None:
    """Make what lives as long as the process and keep it in `app.extensions`."""
    _make_folder_of(settings.database_url)
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = engine_options(settings.database_url)
    db.init_app(app)
    Migrate(app, db, directory=str(ROOT / "migrations"))
    app.session_interface = NoSessions()
    _let_others_read(app, settings.cors_origins)
    if settings.trusted_proxies:
        hops = settings.trusted_proxies
        # Not X-Forwarded-Host: all that is linked to are paths.
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=0)  # type: ignore[method-assign]
    store = Store(settings.source, settings.currency, stale_after=stale_after_ms(settings.interval))
    feed = Feed(settings)
    admission = Admission(
        limit=settings.max_subscribers or room_for_subscribers(),
        per_client=settings.max_subscribers_per_ip,
    )
    ring = max(1, min(settings.replay, MAX_QUOTES // settings.coins))
    hub = Hub(
        ring=ring,
        heartbeat=settings.heartbeat,
        retry=settings.retry,
        on_leave=admission.leave,
    )
    history = History(settings.source, settings.currency)
    instruments = Instruments()
    relay = Relay(
        feed=feed,
        store=store,
        hub=hub,
        context=app.app_context,
        interval=settings.interval,
        replay=ring,
        on_broadcast=instruments.saw,
    )
    refreshes = Refreshes(settings)
    mirror = Mirror(
        instruments,
        hub=hub,
        admission=admission,
        feed=feed,
        relay=relay,
        interval=settings.interval,
    )
    readiness = Readiness(
        hub=hub,
        feed=feed,
        relay=relay,
        store=store,
        context=app.app_context,
        interval=settings.interval,
    )
    app.extensions |= {
        "settings": settings,
        "store": store,
        "history": history,
        "recall": Recall(history, app.app_context),
        "feed": feed,
        "hub": hub,
        "admission": admission,
        "relay": relay,
        "refreshes": refreshes,
        "limits": Limits(app, settings),
        "instruments": instruments,
        "mirror": mirror,
        "scrape": Scrape(instruments, mirror, refreshes),
        "readiness": readiness,
    }


def room_for_subscribers() -> int:
    """Return how many readers the limit on descriptors leaves room for."""
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limit == resource.RLIM_INFINITY:
        return MOST_SUBSCRIBERS
    return max(1, min(MOST_SUBSCRIBERS, limit - limit // 10 - RESERVE))


def _let_others_read(app: Flask, origins: tuple[str, ...]) -> None:
    """Let pages of *origins* read the stream and the API."""
    if origins:
        CORS(
            app,
            resources=SHARED_PATHS,
            origins=list(origins),
            methods=["GET", "HEAD", "OPTIONS"],
            allow_headers=["Last-Event-ID", "If-None-Match"],
            expose_headers=["ETag", "Tracker-Status"],
            max_age=86400,
        )


def _make_folder_of(database_url: str) -> None:
    url = make_url(database_url)
    if url.get_backend_name() == "sqlite" and url.database:
        Path(url.database).resolve().parent.mkdir(parents=True, exist_ok=True)
