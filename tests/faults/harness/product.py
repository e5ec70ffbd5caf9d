"""The whole product as real processes, on ports and files of its own, each to be broken by name.

Between it and Redis, and between it and the source, stands a `Proxy`. Whoever
watches over a real installation starts again what has died; here `revive` does.
"""

import json
import os
import signal
import socket
import sqlite3
import struct
import subprocess
from collections import defaultdict
from contextlib import ExitStack, closing, suppress
from decimal import Decimal
from pathlib import Path
from typing import Any, Self
from urllib.request import urlopen

import psycopg

from dev.embedded_redis import EmbeddedRedis, free_port
from tests.faults.harness.held import Held, descendants, held, role_of
from tests.support.fake_coingecko import CoinGecko
from tests.support.fake_exchanges import Answer, Exchanges
from tests.support.postgres import EmbeddedPostgres
from tests.support.proxy import Proxy
from tests.support.tools import Child, environment, wait_for
from tracker.config import Settings

COMMANDS = {
    "web": ("gunicorn", "wsgi:app"),
    "worker": ("-m", "worker"),
    "scheduler": ("-m", "worker.scheduler"),
}
MAKE_RUN = {"launcher": ("-m", "dev.run")}
ALL = 1000
"""Ticks kept for those who come back: more than come while a product runs here."""
INTERVAL = 1
"""Seconds between two ticks."""
COINGECKO_INTERVAL = 2
"""Seconds between two requests to CoinGecko, where there are exchanges."""
BITCOIN = 90_000
"""Its price at first; it rises by a dollar or so at each request, wherever one asks."""
PROGRAMS = (
    ("gunicorn", "web", "server"),
    ("-m worker.scheduler", "scheduler", "scheduler"),
    ("-m worker", "worker", "worker"),
    ("-m dev.run", "launcher", "output reader"),
)
"""What is in a process's command line, and what it is: alone, or as the child of its like."""


Shown = tuple[dict[str, Any], dict[str, Any]]


class MovingMarket(CoinGecko):
    """A source whose prices move each time that it is asked."""

    def markets(self, query: dict[str, str]) -> str:
        """Return the body of `/coins/markets`."""
        self.set_price("bitcoin", f"{BITCOIN + len(self.requests)}.5")
        return super().markets(query)


class MovingExchanges(Exchanges):
    """Exchanges whose prices move each time that one is asked."""

    def answer(self, venue: str, path: str, query: dict[str, str]) -> Answer:
        """Return what *venue* answers to *path*."""
        self.prices["BTC"] = Decimal(BITCOIN + self.asked.total())
        return super().answer(venue, path, query)


class Product:
    """All processes, for a `with` block: each by itself, or *launched* by `make run`.

    The database is SQLite's in *folder*, unless there is a *postgres*. It keeps
    *replay* ticks for those who come back. Kraken and Bitstamp are asked *with_exchanges*.
    """

    def __init__(
        self,
        folder: Path,
        *,
        launched: bool = False,
        postgres: EmbeddedPostgres | None = None,
        replay: int = ALL,
        with_exchanges: bool = False,
    ) -> None:
        self.folder = folder
        self.postgres = postgres
        self.replay = replay
        self.sqlite = folder / "tracker.db"
        self.pragmas = folder / "pragmas"
        """A file of what the worker's SQLite is told before each statement."""
        self._database_url = f"sqlite:///{self.sqlite}"
        if postgres:
            self._database_url = postgres.url(postgres.create())
        self._commands = MAKE_RUN if launched else COMMANDS
        self._clock = folder / "clock"
        self._ahead_s = 0
        self.redis = EmbeddedRedis()
        self.gecko = MovingMarket()
        self.exchanges = MovingExchanges(ETH="3401.27") if with_exchanges else None
        self.port = free_port()
        self._children: dict[str, Child] = {}
        self._logs: dict[Path, int] = {}
        """And how many lines of each were read."""

    def __enter__(self) -> Self:
        self.pragmas.touch()
        self._clock.write_bytes(struct.pack("d", 0))
        with ExitStack() as stack:
            stack.enter_context(self.redis)
            stack.enter_context(self.gecko)
            if self.exchanges:
                stack.enter_context(self.exchanges)
            assert self.redis.port is not None
            self.to_redis = stack.enter_context(Proxy(self.redis.port))
            self.to_source = stack.enter_context(Proxy(self.gecko.port))
            log = self.folder / "migrate.log"
            upgrade = Child("flask", "--app", "wsgi", "db", "upgrade", env=self.env, log=log)
            assert upgrade.wait(60) == 0, upgrade.output
            stack.callback(self._end_children)
            for name in self._commands:
                self.start(name)
            wait_for(self.committed, 90, "the first tick")
            wait_for(self.answers, 30, "the web to answer")
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    # Its processes

    @property
    def env(self) -> dict[str, str]:
        """The environment of each process."""
        settings = Settings(
            database_url=self._database_url.replace("postgresql:", "postgresql+psycopg:"),
            redis_url=f"redis://127.0.0.1:{self.to_redis.port}/0",
            interval=INTERVAL,
            coingecko_url=f"http://127.0.0.1:{self.to_source.port}/api/v3",
            secret_key="faults-faults",
            heartbeat=2,
            retry=1,
            replay=self.replay,
            max_subscribers_per_ip=10_000,
            rate_limit=0,
        )
        changed = {}
        if self.exchanges:
            changed = {"TRACKER_EXCHANGES": "kraken,bitstamp"} | self.exchanges.urls()
            changed["COINGECKO_INTERVAL"] = str(COINGECKO_INTERVAL)
        return environment(
            settings,
            PORT=str(self.port),
            PYTHONUNBUFFERED="1",
            PYTHONPATH=str(Path(__file__).parent / "sabotage"),
            GREENLETS=str(self.folder),
            CLOCK=str(self._clock),
            **changed,
        )

    def start(self, name: str) -> None:
        """Start the process *name* of its commands."""
        log = self.folder / f"{name}-{len(self._logs)}.log"
        self._logs[log] = 0
        env = self.env | ({"SABOTAGE": str(self.pragmas)} if name == "worker" else {})
        self._children[name] = Child(*self._commands[name], env=env, log=log)

    def pid(self, name: str) -> int:
        """Return the process id of *name*, which may be `redis`."""
        return self.redis.pid or 0 if name == "redis" else self._children[name].process.pid

    def pids(self, name: str) -> list[int]:
        """Return the process ids of *name*, its children's too."""
        return [self.pid(name), *descendants(self.pid(name))]

    def revive(self, name: str) -> None:
        """Start *name* again when it has ended, as its supervisor would."""
        self._children[name].wait()
        self.start(name)

    def answers(self) -> bool:
        """Return whether the web answers."""
        for name, child in self._children.items():
            assert child.runs(), f"{name} ended: {child.output}"
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 2):
            return True
        return False

    def fresh_lines(self) -> list[str]:
        """Return the lines that its processes have printed since this was last asked."""
        found = []
        for log, known in self._logs.items():
            lines = log.read_text(errors="replace").splitlines()
            found += lines[known:]
            self._logs[log] = len(lines)
        return found

    def web_workers(self) -> list[int]:
        """Return the ids of the processes that serve."""
        return self.processes().get("server", [])

    def server(self) -> int:
        """Return the id of the process that serves, as soon as there is one."""
        return wait_for(self.web_workers, 30, "a web process")[0]

    def processes(self) -> dict[str, list[int]]:
        """Return the ids of its processes by what they are."""
        found = defaultdict(list, redis=[self.pid("redis")])
        for name in self._children:
            for pid in self.pids(name):
                found[role_of(pid, PROGRAMS)].append(pid)
        found.pop("", None)
        return dict(found)

    def held(self) -> dict[str, Held]:
        """Return what its long-lived processes hold now. Raises `OSError` while one is ending."""
        return {
            f"{role} {number}": held(
                pid, port=self.port, greenlets=self._greenlets(pid) if role == "server" else 0
            )
            for role, pids in self.processes().items()
            for number, pid in enumerate(pids, 1)
        }

    def _greenlets(self, pid: int) -> int:
        told = self.folder / str(pid)
        told.unlink(missing_ok=True)
        os.kill(pid, signal.SIGRTMIN)
        wait_for(told.exists, 10, "a number of greenlets")
        return int(told.read_text())

    def _end_children(self) -> None:
        pids = [pid for name in self._children for pid in self.pids(name)]
        for child in self._children.values():
            child.process.terminate()
        for child in self._children.values():
            with suppress(subprocess.TimeoutExpired):
                child.wait(30)
            child.__exit__()
        send(signal.SIGKILL, *pids)

    # What all of them see

    def step_clock(self, seconds: int) -> None:
        """Let the clock of all processes jump by *seconds* from where it is."""
        self._ahead_s += seconds
        with self._clock.open("r+b") as file:  # which the processes have mapped
            file.write(struct.pack("d", self._ahead_s))

    def committed(self) -> list[int]:
        """Return the ids of all ticks that were committed, in order; [] before the tables are."""
        statement = "SELECT id FROM tick WHERE source <> 'set aside' ORDER BY id"
        with suppress(sqlite3.OperationalError, psycopg.errors.UndefinedTable):
            if self.postgres:
                with psycopg.connect(self._database_url) as session:
                    return [id for (id,) in session.execute(statement)]
            with closing(sqlite3.connect(self.sqlite, timeout=20)) as connection:
                return [id for (id,) in connection.execute(statement)]
        return []

    def was_set_aside(self) -> bool:
        """Return whether ticks in SQLite were set aside, which is done once in an hour."""
        statement = "SELECT count(*) FROM tick WHERE source = 'set aside'"
        with closing(sqlite3.connect(self.sqlite, timeout=20)) as connection:
            return bool(connection.execute(statement).fetchone()[0])

    def shown(self) -> Shown:
        """Return the status and the first coin of the newest tick, as the API has them."""
        return wait_for(self._shown, 30, "an answer of the API")[0]

    def _shown(self) -> list[Shown]:
        url = f"http://127.0.0.1:{self.port}/api/prices"
        with suppress(OSError), urlopen(url, timeout=10) as answer:
            return [(json.loads(answer.headers["Tracker-Status"]), json.load(answer)["quotes"][0])]
        return []

    def committed_prices(self, coin: str) -> list[Decimal]:
        """Return the prices of *coin* in all ticks in SQLite, in no order."""
        statement = "SELECT price FROM quote WHERE coin_id = ?"
        with closing(sqlite3.connect(self.sqlite, timeout=20)) as connection:
            return [Decimal(price) for (price,) in connection.execute(statement, [coin])]


def send(number: signal.Signals, *pids: int) -> None:
    """Send the signal to those of *pids* that are still there."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)
