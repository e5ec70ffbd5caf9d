"""What web and worker share: the settings' engine, the stores on it, the feed and the counts.

The worker needs nothing else, so nothing here knows Flask. Building connects to
nothing: the database and Redis are connected to when first used.
"""

import os
from dataclasses import dataclass

from sqlalchemy import Engine, create_engine

from tracker import processes
from tracker.config import Settings, sqlite_path
from tracker.errors import ConfigError
from tracker.messaging.feed import Feed
from tracker.messaging.refresh_stats import RefreshStats
from tracker.storage.alerts import AlertStore
from tracker.storage.engine import engine_options
from tracker.storage.outbox import Outbox
from tracker.storage.rollup import RollUp
from tracker.storage.ticks import Store


@dataclass(frozen=True, slots=True)
class Backend:
    """One process's connections to the database and to Redis, seen as the settings' market."""

    settings: Settings
    engine: Engine
    store: Store
    rollup: RollUp
    alerts: AlertStore
    outbox: Outbox
    feed: Feed
    refresh_stats: RefreshStats

    def close(self) -> None:
        """Close all connections; the next call opens new ones."""
        self.feed.close()
        self.refresh_stats.close()
        self.engine.dispose()


def build(settings: Settings, engine: Engine | None = None) -> Backend:
    """Return the backend of *settings*, on *engine* where the caller has one already."""
    _make_folder_of(settings.database_url)
    if engine is None:
        engine = create_engine(settings.database_url, **engine_options(settings.database_url))
    market = settings.market
    store, targets = Store(engine, market), [target.name for target in settings.targets]
    return Backend(
        settings=settings,
        engine=engine,
        store=store,
        rollup=RollUp(engine, market),
        alerts=AlertStore(engine, store, stale_after=settings.stale_after_ms, targets=targets),
        outbox=Outbox(engine, targets, holder=processes.this_process()),
        feed=Feed(settings),
        refresh_stats=RefreshStats(settings),
    )


def _make_folder_of(database_url: str) -> None:
    """Make the folder of a SQLite file, which SQLite itself does not. Raises `ConfigError`."""
    if (path := sqlite_path(database_url)) is None:
        return
    try:
        path.resolve().parent.mkdir(parents=True, exist_ok=True)
        reason = "it is a folder" if path.is_dir() else None
    except OSError as error:
        reason = f"its folder cannot be made: {os.strerror(error.errno or 0).lower()}"
    if reason:
        raise ConfigError(f"DATABASE_URL: {path} cannot be the database: {reason}")
