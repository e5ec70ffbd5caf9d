"""An upgrade under load: web, worker and scheduler are replaced, and no reader loses a tick.

Readers do as a browser's EventSource does: they come back by themselves, a
moment after they lost the server, with the id of the last event they had.
"""

from __future__ import annotations

import asyncio
import random
import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest
import sqlalchemy

from dev.embedded_redis import EmbeddedRedis, free_port
from tests.hosts import Host
from tests.serving import request
from tests.support import Child, environment, wait_for

READERS = 200
RETRY = 1
"""Seconds, about, after which a reader comes back."""


class Readers:
    """Many readers of one stream in a thread of their own, for a `with` block."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="readers")
        self.ids: list[list[int]] = [[] for _ in range(READERS)]
        self.lost: list[str] = []
        self.returns = 0

    def __enter__(self) -> Self:
        self._thread.start()
        for ids in self.ids:
            asyncio.run_coroutine_threadsafe(self._read(ids), self._loop)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def all_have(self, id: int) -> bool:
        """Return whether each has the tick *id*."""
        return all(ids and ids[-1] >= id for ids in self.ids)

    async def _end(self) -> None:
        mine = asyncio.current_task()
        others = [task for task in asyncio.all_tasks() if task is not mine]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _read(self, ids: list[int]) -> None:
        while True:
            with suppress(OSError):
                await self._read_one_stream(ids)
            self.returns += 1
            await asyncio.sleep(RETRY * random.uniform(0.5, 1.5))

    async def _read_one_stream(self, ids: list[int]) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        last = f"Last-Event-ID: {ids[-1]}\r\n" if ids else ""
        try:
            writer.write(f"GET /stream HTTP/1.1\r\nHost: localhost\r\n{last}\r\n".encode())
            async for line in reader:
                if line.startswith(b"id: "):
                    ids.append(int(line[4:]))
                elif b'"recovered": false' in line:
                    self.lost.append(line.decode())
        finally:
            writer.transport.abort()


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
    with Readers(running.port) as readers:
        wait_for(lambda: readers.all_have(1), 30, "all readers to have begun")
        began = web.output.count("Booting worker")
        web.process.send_signal(signal.SIGHUP)
        wait_for(lambda: web.output.count("Booting worker") == began + 2, 30)
        running.restart("scheduler")
        running.restart("worker")
        wait_for(lambda: readers.returns >= READERS, 60, "all to have been let go")
        newest = wait_for(lambda: running.stored()[-1])
        wait_for(lambda: readers.all_have(newest), 20, "all to have the newest tick")
        returned = readers.returns
        running.restart("web")
        wait_for(lambda: readers.returns >= returned + READERS, 60, "all to have been let go")
        newest = running.stored()[-1]
        wait_for(lambda: readers.all_have(newest), 30, "all to have the newest tick")
    stored = running.stored()
    assert len(stored) > 10
    assert readers.lost == []
    for ids in readers.ids:
        since = stored.index(ids[0])
        assert ids == stored[since : since + len(ids)], "each tick, once, in order"
        assert ids[-1] >= newest


def test_hup_serves_the_code_that_is_there_now(running: Deployment) -> None:
    """Also where the first process has read the old for its own use."""
    assert status_of_a_long_address(running.port) == 404
    limits = running.host.folder / "tracker" / "stream" / "limits.py"
    limits.write_text(limits.read_text() + "\nMAX_LINE = 100\n")
    running.processes["web"].process.send_signal(signal.SIGHUP)
    wait_for(lambda: status_of_a_long_address(running.port) == 414, 40, "the new version")


def status_of_a_long_address(port: int) -> int:
    with request(port, "/" + "x" * 200) as sock:
        return int(sock.recv(4096).split(b" ", 2)[1])
