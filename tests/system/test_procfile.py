"""The Procfile's processes as a platform runs them: on two hosts, with the URLs that Heroku gives.

PostgreSQL is real and reached over TCP as `postgres://`; Redis is real and
behind TLS with a certificate that it signed itself, as `rediss://`.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import ssl
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import redis

from dev.embedded_redis import EmbeddedRedis, free_port
from tests.support.deployment import Host, self_signed
from tests.support.postgres import EmbeddedPostgres, programs
from tests.support.proxy import Proxy
from tests.support.stream_clients import decode
from tests.support.tools import Child, environment, wait_for
from tests.support.web_process import request

pytestmark = pytest.mark.faults

DRAINED_WITHIN = 30
"""Seconds that a platform waits between TERM and KILL."""


class Deployment:
    """What a test sees: the web's port, and each process by its name in the Procfile."""

    def __init__(self, env: dict[str, str], proxy: Proxy, folder: Path) -> None:
        self.port = int(env["PORT"])
        self.proxy = proxy
        self.web_host = Host(folder / "one", env)
        self.work_host = Host(folder / "other", env)
        self.processes: dict[str, Child] = {}

    def hosts(self) -> dict[str, Host]:
        """Return where each of the long-running processes is."""
        return {"web": self.web_host, "worker": self.work_host, "scheduler": self.work_host}


@pytest.fixture
def heroku(redis_server: EmbeddedRedis, tmp_path: Path) -> Iterator[Deployment]:
    """All processes running, with two for the web."""
    bin = programs()
    if bin is None:
        pytest.skip("PostgreSQL is not installed")
    assert redis_server.port is not None
    with ExitStack() as stack:
        postgres = stack.enter_context(EmbeddedPostgres(bin, port=free_port()))
        proxy = stack.enter_context(
            Proxy(redis_server.port, certificate=self_signed(tmp_path / "tls"))
        )
        env = environment(
            DATABASE_URL=postgres.url(postgres.create()).replace("postgresql://", "postgres://"),
            REDIS_URL=f"rediss://:secret@127.0.0.1:{proxy.port}",
            PORT=str(free_port()),
            WEB_CONCURRENCY="2",
            SECRET_KEY="the same on all hosts",
            TRACKER_SOURCE="simulated",
            TRACKER_INTERVAL="1",
        )
        with redis.Redis(port=redis_server.port) as client:
            client.config_set("requirepass", "secret")
        stack.callback(_open, redis_server.port)
        deployment = Deployment(env, proxy, tmp_path)
        with deployment.web_host.start("release") as release:
            assert release.wait(30) == 0, release.output
        for name, host in deployment.hosts().items():
            deployment.processes[name] = stack.enter_context(host.start(name))
        yield deployment


def _open(port: int) -> None:
    with redis.Redis(port=port, password="secret") as client:
        client.config_set("requirepass", "")


@contextmanager
def reading(port: int, encoding: str = "identity") -> Iterator[socket.socket]:
    """Give a socket on which the stream was asked for."""
    wait_for(lambda: _takes_calls(port), 20, "the web to listen")
    with request(port, Accept_Encoding=encoding) as sock:
        yield sock


def _takes_calls(port: int) -> bool:
    with socket.socket() as caller:
        return caller.connect_ex(("127.0.0.1", port)) == 0


def until(sock: socket.socket, done: Callable[[bytes], bool]) -> bytes:
    """Return the stream's text until *done* with it."""
    data = b""
    while not done(data):
        more = sock.recv(65536)
        assert more, f"the stream ended after {data!r}"
        data += more
    return data


def test_ticks_go_from_one_host_to_readers_of_the_other(heroku: Deployment) -> None:
    with reading(heroku.port) as sock:
        data = until(sock, lambda data: data.count(b"event: prices") >= 4)
    events = decode([data.split(b"\r\n\r\n", 1)[1]])
    ids = [int(event.id) for event in events if event.event == "prices" and event.id]
    assert len(ids) >= 3
    assert ids == sorted(set(ids))
    assert heroku.proxy.accepted >= 4, "all talk to Redis through TLS"
    for host in (heroku.web_host, heroku.work_host):
        assert not (host.folder / "instance").exists(), "nothing is kept on a host"
    web = heroku.processes["web"].process.pid
    assert len(Path(f"/proc/{web}/task/{web}/children").read_text().split()) == 2


def one(process: Child) -> None:
    """TERM as systemd with KillMode=mixed, Docker and runners send it."""
    process.process.terminate()


def all_of_them(process: Child) -> None:
    """TERM as Heroku sends it: to every process of the dyno."""
    os.killpg(process.process.pid, signal.SIGTERM)


@pytest.mark.parametrize("terminate", [one, all_of_them])
def test_term_ends_each_in_time_and_readers_are_told_when_to_return(
    heroku: Deployment, terminate: Callable[[Child], None]
) -> None:
    with reading(heroku.port) as plain, reading(heroku.port, "gzip") as zipped:
        head = until(plain, lambda data: data.count(b"event: prices") >= 3)
        zipped_head = until(zipped, lambda data: data.count(b"\r\n\r\n") > 0)
        for process in heroku.processes.values():
            terminate(process)
        rest = b"".join(iter(lambda: plain.recv(65536), b""))
        zipped_rest = b"".join(iter(lambda: zipped.recv(65536), b""))
        for name, process in heroku.processes.items():
            assert process.wait(DRAINED_WITHIN) == 0, f"{name}: {process.output}"
            assert "Traceback" not in process.output
    assert re.search(rb"\n\nretry: \d+\n$", head + rest), "a whole event, and then the delay"
    text = zlib.decompressobj(31).decompress((zipped_head + zipped_rest).split(b"\r\n\r\n", 1)[1])
    assert re.search(rb"\n\nretry: \d+\n$", text)
    for process in heroku.processes.values():
        with pytest.raises(ProcessLookupError):
            os.killpg(process.process.pid, 0)


def test_a_certificate_that_signed_itself_is_no_good_elsewhere(heroku: Deployment) -> None:
    """Else the tests above would prove nothing."""
    trusting_none = ssl.create_default_context()
    with (
        socket.create_connection(("127.0.0.1", heroku.proxy.port)) as sock,
        pytest.raises(ssl.SSLCertVerificationError, match="self-signed"),
    ):
        trusting_none.wrap_socket(sock, server_hostname="localhost")


def test_who_begins_before_the_database_is_migrated_goes_on_when_it_is(
    redis_server: EmbeddedRedis, tmp_path: Path
) -> None:
    """As at a boot at which the release has to wait for its database."""
    env = environment(
        DATABASE_URL=f"sqlite:///{tmp_path / 'late.db'}",
        REDIS_URL=redis_server.url,
        PORT=str(free_port()),
        TRACKER_SOURCE="simulated",
        TRACKER_INTERVAL="1",
    )
    host = Host(tmp_path / "one", env)
    with ExitStack() as stack:
        web, worker, _ = (
            stack.enter_context(host.start(name)) for name in ("web", "worker", "scheduler")
        )
        sock = stack.enter_context(reading(int(env["PORT"])))
        wait_for(lambda: "no such table" in web.output, 20, "the web to miss its tables")
        wait_for(lambda: "no such table" in worker.output, 20, "the worker to")
        with host.start("release") as release:
            assert release.wait(30) == 0, release.output
        until(sock, lambda data: data.count(b"event: prices") >= 2)
