"""An upgrade under load: web, worker and scheduler are replaced, and no reader loses a tick."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import sqlalchemy

from dev.embedded_redis import EmbeddedRedis, free_port
from tests.faults.harness.ledger import accounts, complaints
from tests.faults.harness.readers import Readers
from tests.support.deployment import Host
from tests.support.tools import Child, environment, wait_for
from tests.support.web_process import request

pytestmark = pytest.mark.faults

READERS = 200
RETRY = 1
"""Seconds, about, after which a reader comes back."""


class Deployment:
    """A host with all processes, on a database file of its own."""

    def __init__(self, redis: EmbeddedRedis, folder: Path) -> None:
        self.port = free_port()
        self.database = f"sqlite:///{folder / 'tracker.db'}"
        env = environment(
            DATABASE_URL=self.database,
            REDIS_URL=redis.url,
            PORT=str(self.port),
            WEB_CONCURRENCY="2",
            TRACKER_SOURCE="simulated",
            TRACKER_INTERVAL="1",
            TRACKER_RETRY=str(RETRY),
            TRACKER_MAX_SUBSCRIBERS_PER_IP=str(READERS * 3),
        )
        self.host = Host(folder / "host", env)
        self.stack = ExitStack()
        self.processes: dict[str, Child] = {}

    def start(self, name: str) -> None:
        """Start the Procfile's line *name*."""
        self.processes[name] = self.stack.enter_context(self.host.start(name))

    def restart(self, name: str) -> None:
        """End *name* and start it anew, as `systemctl restart` does."""
        assert self.processes[name].end(30) == 0, self.processes[name].output
        self.start(name)

    def stored(self) -> list[int]:
        """Return the ids of all ticks, in order."""
        engine = sqlalchemy.create_engine(self.database)
        with engine.connect() as connection:
            found = connection.scalars(sqlalchemy.text("SELECT id FROM tick ORDER BY id"))
            ids = [int(id) for id in found]
        engine.dispose()
        return ids


@pytest.fixture
def running(redis_server: EmbeddedRedis, tmp_path: Path) -> Iterator[Deployment]:
    """Give a deployment whose first ticks are there."""
    running = Deployment(redis_server, tmp_path)
    with running.stack:
        running.start("release")
        assert running.processes["release"].wait(30) == 0
        for name in ("web", "worker", "scheduler"):
            running.start(name)
        wait_for(lambda: len(running.stored()) >= 2, 30, "the first ticks")
        yield running


def test_a_rolling_restart_under_load_loses_no_reader_a_tick(running: Deployment) -> None:
    web = running.processes["web"]
    with Readers(running.port, READERS) as readers:
        wait_for(lambda: readers.have(1), 30, "all readers to have begun")
        began = web.output.count("Booting worker")
        with all_return(readers):
            web.process.send_signal(signal.SIGHUP)
            wait_for(lambda: web.output.count("Booting worker") == began + 2, 30)
            running.restart("scheduler")
            running.restart("worker")
        with all_return(readers):
            running.restart("web")
        newest = running.stored()[-1]
        wait_for(lambda: readers.have(newest), 60, "all to have the newest tick")
        found = accounts(readers.all, running.stored)
    assert complaints(readers.all, found, may_be_told=False) == []
    assert len(running.stored()) > 10


@contextmanager
def all_return(readers: Readers) -> Iterator[None]:
    """Wait, at the end, until all were let go and are back."""
    before = [reader.connections for reader in readers.all]
    yield
    wait_for(
        lambda: all(
            reader.connections > count for reader, count in zip(readers.all, before, strict=True)
        ),
        60,
        "all to have been let go",
    )


def test_hup_serves_the_code_that_is_there_now(running: Deployment) -> None:
    """Also where the first process has read the old for its own use."""
    assert status_of_a_long_address(running.port) == 404
    limits = running.host.folder / "tracker" / "server" / "request_limits.py"
    limits.write_text(limits.read_text() + "\nMAX_LINE = 100\n")
    running.processes["web"].process.send_signal(signal.SIGHUP)
    wait_for(lambda: status_of_a_long_address(running.port) == 414, 40, "the new version")


def status_of_a_long_address(port: int) -> int:
    with request(port, "/" + "x" * 200) as sock:
        return int(sock.recv(4096).split(b" ", 2)[1])
