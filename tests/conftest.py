"""What all tests share: a Redis, databases, settings, an application, a guard against leaks.

Each test has a database and a Redis that nobody wrote to before. Under `CI=true`
what would be skipped fails: there, everything must be there to be tested with.
"""

import gc
import os
import shutil
import sys
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any

import flask_migrate
import hypothesis
import pytest
import redis
from flask import Flask

from dev import embedded_redis
from dev.embedded_redis import EmbeddedRedis
from tests.support import ports
from tests.support.browser import (  # noqa: F401 - fixtures for all
    browser,
    new_page,
    site,
)
from tests.support.fake_site import compiled_templates
from tests.support.postgres import EmbeddedPostgres, programs
from tests.support.tools import wait_for
from tracker import create_app
from tracker.config import Settings
from tracker.messaging import feed
from tracker.services import db, services

SettingsFactory = Callable[..., Settings]
AppFactory = Callable[..., Flask]

LEAK_PATIENCE = 10.0
"""Seconds in which what a test used must be gone: threads and processes end a little later."""

# How long an example takes tells of the machine's load, not of the code.
hypothesis.settings.register_profile(
    "tests", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("tests")

_block, embedded_redis.PORTS = ports.reserve()


def pytest_unconfigure() -> None:
    """Give the ports back."""
    if _block is not None:
        _block.close()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Two workers a core: many tests wait for processes rather than compute."""
    return (os.cpu_count() or 1) * 2


def pytest_collection_finish() -> None:
    """Let the guard against leaks look at what a test made, not at all that was imported."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, Any, Any]:
    """Under CI let what is skipped fail."""
    report = yield
    if os.environ.get("CI") == "true" and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped, but under CI nothing may be missing: {report.longrepr}"
    return report


pytest_make_collect_report = pytest_runtest_makereport


@pytest.fixture(autouse=True)
def _nothing_leaks(request: pytest.FixtureRequest) -> Iterator[None]:
    """Descriptors, threads and child processes are back where they were after each test."""
    # Faults share one product.
    watched_elsewhere = {"watch", "watch_of_make_run", "watch_of_exchanges"}
    if watched_elsewhere & set(request.fixturenames) or not sys.platform.startswith("linux"):
        yield
        return
    before = _held()
    yield

    def left() -> set[str]:
        if _held() - before:
            gc.collect()
        return _held() - before

    try:
        wait_for(lambda: not left(), LEAK_PATIENCE)
    except AssertionError:
        pytest.fail(f"the test left behind: {', '.join(sorted(left()))}", pytrace=False)


def _held() -> set[str]:
    """Return the threads, descriptors and child processes that there are."""
    held = {f"thread {thread.name} ({thread.ident})" for thread in threading.enumerate()}
    for link in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # the one that lists them
            held.add(f"descriptor {link.name} -> {link.readlink()}")
    for children in Path("/proc/self/task").glob("*/children"):
        with suppress(FileNotFoundError):
            held |= {f"process {pid}" for pid in children.read_text().split()}
    return held


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a relay end at once: it looks whether it is to end in each of the feed's pauses."""
    monkeypatch.setattr(feed, "SILENCE_S", 0.05)


@pytest.fixture(scope="session")
def _redis_of_session() -> Iterator[EmbeddedRedis]:
    with EmbeddedRedis() as server:
        yield server


@pytest.fixture
def redis_server(_redis_of_session: EmbeddedRedis) -> EmbeddedRedis:
    """Return a running Redis without any keys. Do not stop it: see `own_redis`."""
    with redis.Redis.from_url(_redis_of_session.url) as client:
        client.flushall()
    return _redis_of_session


@pytest.fixture
def own_redis() -> Iterator[EmbeddedRedis]:
    """Give a Redis that the test may stop, kill and start again."""
    with EmbeddedRedis() as server:
        yield server


@pytest.fixture(scope="session")
def _migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a SQLite file as the migrations make it, to copy from."""
    path = tmp_path_factory.mktemp("template") / "tracker.db"
    migrate(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def postgres() -> Iterator[EmbeddedPostgres | None]:
    """Give a PostgreSQL, or None where it is not installed."""
    bin = programs()
    with EmbeddedPostgres(bin) if bin else nullcontext() as server:
        yield server


@pytest.fixture(scope="session")
def _migrated_postgres(postgres: EmbeddedPostgres | None) -> str | None:
    """Return the name of a migrated database, to be emptied: that is quicker than a new one."""
    if postgres is None:
        return None
    name = postgres.create()
    migrate(as_setting(postgres.url(name)))
    return name


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    _migrated_file: Path,
    postgres: EmbeddedPostgres | None,
    _migrated_postgres: str | None,
) -> str:
    """Return an empty database of each kind, whose tables must stay: see `own_database_url`."""
    if request.param == "sqlite":
        return f"sqlite:///{shutil.copy(_migrated_file, tmp_path / 'tracker.db')}"
    if postgres is None:
        pytest.skip("PostgreSQL is not installed")
    assert _migrated_postgres
    postgres.empty(_migrated_postgres)
    return as_setting(postgres.url(_migrated_postgres))


@pytest.fixture
def own_database_url(
    database_url: str, postgres: EmbeddedPostgres | None, _migrated_postgres: str | None
) -> str:
    """Return a database whose tables the test may change."""
    if postgres is None or database_url.startswith("sqlite"):
        return database_url
    return as_setting(postgres.url(postgres.create(template=_migrated_postgres)))


@pytest.fixture
def settings(tmp_path: Path, _migrated_file: Path, redis_server: EmbeddedRedis) -> SettingsFactory:
    """Return a maker of settings: a database and a Redis of the test's own, simulated prices."""
    mine: dict[str, Any] = {
        "database_url": f"sqlite:///{shutil.copy(_migrated_file, tmp_path / 'tracker.db')}",
        "redis_url": redis_server.url,
        "source": "simulated",
        "interval": 60,
        "secret_key": "of the tests",
        "rate_limit": 0,
    }
    return lambda **changed: Settings(**(mine | changed))


@pytest.fixture
def make_app(settings: SettingsFactory) -> Iterator[AppFactory]:
    """Make applications with other settings than `app`, and close them at the end."""
    apps = []

    def make(**changed: Any) -> Flask:
        app = create_app(settings(**changed))
        apps.append(app)
        for one in filter(None, (app, app.extensions.get("admin"))):
            one.jinja_env.bytecode_cache = compiled_templates
        return app

    yield make
    for one in apps:
        close(one)


@pytest.fixture
def app(make_app: AppFactory) -> Flask:
    """Return an application with a migrated database; it has begun nothing yet."""
    return make_app()


def as_setting(url: str) -> str:
    """Return a PostgreSQL URL as `Settings` has it."""
    return url.replace("postgresql://", "postgresql+psycopg://")


def migrate(database_url: str) -> None:
    """Bring a database to the newest revision, as `flask db upgrade` does."""
    app = create_app(Settings(database_url=database_url, source="simulated"))
    with app.app_context():
        flask_migrate.upgrade()
    close(app)


def close(app: Flask) -> None:
    """Give back what *app* holds."""
    services(app).close()
    if admin := app.extensions.get("admin"):
        admin.extensions["redis"].close()
    with app.app_context():
        db.engine.dispose()
