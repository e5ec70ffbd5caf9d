"""The whole product as real processes, on ports and files of its own, each to be broken by name.

Between it and Redis, and between it and the source, stands a `Proxy`. Whoever
watches over a real installation starts again what has died; here `revive` does.
"""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import psycopg
import redis

from dev.embedded_redis import EmbeddedRedis, free_port
from tests.faults.proxy import Proxy
from tests.standin import CoinGecko
from tests.support import Child, environment, wait_for
from tracker.config import Settings

COMMANDS = {
    "web": ("gunicorn", "wsgi:app"),
    "worker": ("-m", "worker"),
    "scheduler": ("-m", "worker.scheduler"),
}
INTERVAL = 1
"""Seconds between two ticks."""


class Base(NamedTuple):
    """What the web's processes hold."""

    descriptors: int
    threads: int
    processes: int
    rss: int
    """Kilobytes."""


class Product:
    """All processes, for a `with` block. *database_url* is SQLite's in *folder* unless given."""

    def __init__(self, folder: Path, *, database_url: str | None = None, **env: str) -> None:
        self.folder = folder
        self.database_url = database_url or f"sqlite:///{folder / 'tracker.db'}"
        self.redis = EmbeddedRedis()
        self.gecko = CoinGecko()
        self.port = free_port()
        self.sabotage = folder / "sabotage"
        self.sabotage.touch()
        self._more = env
        self._children: dict[str, Child] = {}
        self._logs: list[Path] = []
        self._stack = ExitStack()
        self._over = threading.Event()
        self._mover = threading.Thread(target=self._move_prices, name="market")

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.enter_context(self.redis)
            stack.enter_context(self.gecko)
            assert self.redis.port is not None
            self.to_redis = stack.enter_context(Proxy(self.redis.port))
            self.to_source = stack.enter_context(Proxy(self.gecko.port))
            self._mover.start()
            stack.callback(self._end_market)
            self._migrate()
            stack.callback(self._end_children)
            for name in COMMANDS:
                self.start(name)
            wait_for(self.committed, 30, "the first tick")
            wait_for(self.answers, 30, "the web to answer")
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stack.__exit__(kind, error, traceback)

    # Its processes

    @property
    def env(self) -> dict[str, str]:
        """The environment of each process."""
        settings = Settings(
            database_url=self.database_url,
            redis_url=f"redis://127.0.0.1:{self.to_redis.port}/0",
            interval=INTERVAL,
            coingecko_url=f"http://127.0.0.1:{self.to_source.port}/api/v3",
            secret_key="faults-faults",
            heartbeat=2,
            retry=1,
            max_subscribers_per_ip=10_000,
        )
        return environment(settings, PORT=str(self.port), PYTHONUNBUFFERED="1", **self._more)

    @property
    def _sabotaged(self) -> dict[str, str]:
        """What lets `sabotage/sitecustomize.py` into a process that writes."""
        here = Path(__file__).parent / "sabotage"
        return {"PYTHONPATH": str(here), "SABOTAGE": str(self.sabotage)}

    def start(self, name: str) -> None:
        """Start the process *name* of `COMMANDS`."""
        log = self.folder / f"{name}-{len(self._logs)}.log"
        self._logs.append(log)
        env = self.env | (self._sabotaged if name == "worker" else {})
        self._children[name] = Child(*COMMANDS[name], env=env, log=log)

    def pid(self, name: str) -> int:
        """Return the process id of *name*."""
        return self._children[name].process.pid

    def pids(self, name: str) -> list[int]:
        """Return the process ids of *name*, its children's too."""
        return [self.pid(name), *_descendants(self.pid(name))]

    def signal(self, name: str, number: signal.Signals) -> None:
        """Send a signal to *name* and all its children; to those that live."""
        for pid in self.pids(name):
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def kill(self, name: str) -> None:
        """Kill *name* and its children as a power cut would."""
        self.signal(name, signal.SIGKILL)
        self._children[name].process.wait()

    def revive(self, name: str) -> None:
        """Start *name* again, as its supervisor would."""
        assert not self._children[name].runs()
        self.start(name)

    def runs(self, name: str) -> bool:
        """Return whether *name* has not ended."""
        return self._children[name].runs()

    def answers(self) -> bool:
        """Return whether the web answers."""
        assert self.runs("web"), self.output
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 2):
            return True
        return False

    @property
    def output(self) -> str:
        """What all processes have printed."""
        return "\n".join(log.read_text(errors="replace") for log in self._logs)

    def web_workers(self) -> list[int]:
        """Return the ids of the processes that serve."""
        return _descendants(self.pid("web"))

    def base(self) -> Base:
        """Return what the processes that serve hold now."""
        pids = self.web_workers()
        status = [Path(f"/proc/{pid}/status").read_text() for pid in pids]
        return Base(
            descriptors=sum(len(os.listdir(f"/proc/{pid}/fd")) for pid in pids),
            threads=sum(int(_field(text, "Threads")) for text in status),
            processes=len(pids)
            + sum(len(_descendants(self.pid(n))) for n in ("worker", "scheduler")),
            rss=sum(int(_field(text, "VmRSS")) for text in status),
        )

    # What it has stored

    def committed(self) -> list[int]:
        """Return the ids of all ticks that were committed, in order; [] before the tables are."""
        with suppress(sqlite3.OperationalError):
            return [row[0] for row in self.query("SELECT id FROM tick ORDER BY id")]
        return []

    def query(self, statement: str) -> list[tuple[Any, ...]]:
        """Return the rows of *statement*, asked outside the product."""
        if self.database_url.startswith("sqlite"):
            with sqlite3.connect(self.sqlite, timeout=20) as connection:
                return connection.execute(statement).fetchall()
        with psycopg.connect(self.database_url) as connection:
            return connection.execute(statement.encode()).fetchall()

    @property
    def sqlite(self) -> str:
        """The database's file."""
        return self.database_url.removeprefix("sqlite:///")

    def redis_client(self) -> redis.Redis:
        """Return a client of the Redis itself, past the proxy."""
        return redis.Redis(port=self.redis.port or 0)

    @contextmanager
    def lock_database(self) -> Iterator[None]:
        """Hold SQLite's write lock, as somebody's forgotten transaction would."""
        connection = sqlite3.connect(self.sqlite, isolation_level=None)
        try:
            connection.execute("BEGIN EXCLUSIVE")
            yield
        finally:
            connection.close()

    def _migrate(self) -> None:
        log = self.folder / "migrate.log"
        child = Child("flask", "--app", "wsgi", "db", "upgrade", env=self.env, log=log)
        assert child.wait(60) == 0, child.output

    def _move_prices(self) -> None:
        step = 0
        while not self._over.wait(0.2):
            step += 1
            self.gecko.set_price("bitcoin", str(Decimal("90000.5") + step))

    def _end_market(self) -> None:
        self._over.set()
        self._mover.join()

    def _end_children(self) -> None:
        for name, child in self._children.items():
            self.signal(name, signal.SIGCONT)
            child.process.send_signal(signal.SIGTERM)
        for child in self._children.values():
            try:
                child.wait(30)
            finally:
                child.__exit__(None, None, None)


def _descendants(pid: int) -> list[int]:
    """Return the ids of the children of *pid*, and of theirs."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except (FileNotFoundError, ProcessLookupError):
        return []
    return [each for child in map(int, children) for each in (child, *_descendants(child))]


def _field(status: str, name: str) -> str:
    return next(line.split()[1] for line in status.splitlines() if line.startswith(f"{name}:"))
