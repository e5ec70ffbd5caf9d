"""The real web process for a test, and what a worker would tell it."""

import http.client
import os
import shutil
import socket
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple, Self

from flask import Flask

from dev.embedded_redis import EmbeddedRedis, free_port
from tests.support.tools import Child, environment, now_ms, quote, save, wait_for
from tracker import create_app
from tracker.config import Settings
from tracker.market.quotes import Quote, Tick, TickJson
from tracker.market.rates import Rates
from tracker.messaging.feed import Message
from tracker.services import db, services
from tracker.storage.ticks import Saved


class Web:
    """gunicorn with our application, for a `with` block; *also* are further arguments of it."""

    def __init__(
        self,
        settings: Settings,
        log: Path,
        *also: str,
        port: int | None = None,
        application: str = "wsgi:app",
    ) -> None:
        self.port = port or free_port()
        env = environment(settings, PORT=str(self.port))
        self.child = Child("gunicorn", application, *also, env=env, log=log)

    def __enter__(self) -> Self:
        try:
            wait_for(self._answers, 60, "the web to answer")
        except BaseException:  # Ctrl-C among them: no __exit__ follows
            self.child.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.child.__exit__()

    @property
    def workers(self) -> list[int]:
        """The ids of the processes that serve."""
        pid = self.child.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text()
        return [int(child) for child in children.split()]

    def descriptors(self) -> int:
        """How many descriptors the processes that serve hold together."""
        return sum(descriptors(pid) for pid in self.workers)

    def get(
        self, path: str, *, method: str = "GET", **headers: str
    ) -> tuple[http.client.HTTPResponse, bytes]:
        """Return the whole answer to one request; in names of headers, `_` stands for `-`."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)) as connection:
            connection.request(method, path, headers=sent)
            response = connection.getresponse()
            return response, response.read()

    def _answers(self) -> bool:
        assert self.child.runs(), self.child.output
        with suppress(OSError):
            return bool(self.get("/api/prices"))
        return False


class Shared(NamedTuple):
    """A web process that many tests share, and an application that publishes to it."""

    web: Web
    app: Flask


@contextmanager
def shared_web(
    folder: Path, migrated: Path, *also: str, application: str = "wsgi:app", **changed: Any
) -> Iterator[Shared]:
    """Give a web process with a tick, on a Redis and a copy of *migrated* of its own."""
    database = shutil.copy(migrated, folder / "tracker.db")
    with EmbeddedRedis() as redis:
        settings = Settings(
            database_url=f"sqlite:///{database}",
            redis_url=redis.url,
            source="simulated",
            secret_key="of the tests",
            rate_limit=0,
            **changed,
        )
        app = create_app(settings)
        tick(app, quote("bitcoin", "0.10"), quote("ethereum", "2"))
        with Web(settings, folder / "web.log", *also, application=application) as web:
            yield Shared(web, app)
        services(app).close()
        with app.app_context():
            db.engine.dispose()


def descriptors(pid: int) -> int:
    """Return how many descriptors the process *pid* holds."""
    return len(os.listdir(f"/proc/{pid}/fd"))


@contextmanager
def request(
    port: int, path: str = "/stream", *, buffer: int | None = None, **headers: str
) -> Iterator[socket.socket]:
    """Give a socket on which *path* was asked for and nothing was read."""
    with socket.socket() as sock:
        if buffer is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        sock.settimeout(30)
        sock.connect(("127.0.0.1", port))
        lines = [f"GET {path} HTTP/1.1", "Host: localhost"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        sock.sendall("\r\n".join([*lines, "", ""]).encode())
        yield sock


def read_until(sock: socket.socket, *parts: bytes) -> bytes:
    """Return what comes until all *parts* have."""
    data = b""
    while not all(part in data for part in parts):
        more = sock.recv(65536)
        assert more, f"the stream ended after {data!r}"
        data += more
    return data


def rest_of(sock: socket.socket) -> bytes:
    """Return all that comes until the server closes the connection."""
    data = b""
    while more := sock.recv(65536):
        data += more
    return data


def message_of(saved: Saved) -> Message:
    """Return what a worker publishes of *saved*."""
    return Message(saved.state, TickJson.of_tick(saved.tick), saved.previous)


def tick(app: Flask, *quotes: Quote, publish: bool = True) -> Tick:
    """Save the next tick, as a worker would, and publish it unless told not to."""
    backend, now = services(app).backend, now_ms()
    quotes = quotes or (quote("bitcoin", f"{time.monotonic():.6f}"),)
    with app.app_context():
        saved = save(backend.store, *quotes, at=now)
    assert saved is not None
    if publish:
        backend.feed.publish(message_of(saved))
    return saved.tick


def exchange_rates(app: Flask, **worth: str) -> None:
    """Save and publish what a dollar is *worth*, as a worker would: `eur="0.8"`."""
    rates = Rates("usd", now_ms(), {"usd": Decimal(1)} | {of: Decimal(worth[of]) for of in worth})
    backend = services(app).backend
    backend.store.save_rates(rates)  # where it is found, should the web not yet listen
    backend.feed.publish(Message(backend.store.source_state(), rates=rates))
