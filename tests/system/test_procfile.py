"""The Procfile's processes as a platform runs them: on two hosts, with the URLs that Heroku gives.

PostgreSQL is real and reached over TCP as `postgres://`; Redis is real and
behind TLS with a certificate that it signed itself, as `rediss://`.
"""

import os
import re
import signal
import socket
import ssl
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import redis

from dev.embedded_redis import EmbeddedRedis, free_port
from tests.support.deployment import Host, self_signed
from tests.support.postgres import EmbeddedPostgres, programs
from tests.support.proxy import Proxy
from tests.support.stream_clients import decode
from tests.support.tools import environment, wait_for
from tests.support.web_process import read_until, request, rest_of

pytestmark = pytest.mark.faults

DRAINED_WITHIN_S = 30
"""What a platform waits between TERM and KILL."""


PASSWORD = "secret"


@pytest.fixture(scope="module")
def postgres_over_tcp() -> Iterator[EmbeddedPostgres]:
    bin = programs()
    if bin is None:
        pytest.skip("PostgreSQL is not installed")
    with EmbeddedPostgres(bin, port=free_port()) as postgres:
        yield postgres


@pytest.fixture(scope="module")
def redis_over_tls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    """Give what ends TLS before a Redis with a password."""
    certificate = self_signed(tmp_path_factory.mktemp("tls"))
    with EmbeddedRedis() as server:
        assert server.port is not None
        with redis.Redis(port=server.port) as client:
            client.config_set("requirepass", PASSWORD)
        with Proxy(server.port, certificate=certificate) as proxy:
            yield proxy


@pytest.mark.parametrize("to_all", [False, True], ids=["one", "all of the dyno"])
def test_hosts_wait_for_the_release_serve_ticks_and_end_at_term(
    postgres_over_tcp: EmbeddedPostgres,
    redis_over_tls: Proxy,
    tmp_path: Path,
    to_all: bool,
) -> None:
    """As at a boot at which the release has to wait for its database.

    Heroku sends TERM to every process of a dyno; systemd, Docker and runners to the first one.
    """
    database = postgres_over_tcp.url(postgres_over_tcp.create())
    env = environment(
        DATABASE_URL=database.replace("postgresql://", "postgres://"),
        REDIS_URL=f"rediss://:{PASSWORD}@127.0.0.1:{redis_over_tls.port}",
        PORT=str(free_port()),
        WEB_CONCURRENCY="2",
        SECRET_KEY="the same on all hosts",
        TRACKER_SOURCE="simulated",
        TRACKER_INTERVAL="1",
    )
    web_host, work_host = Host(tmp_path / "one", env), Host(tmp_path / "other", env)
    port = int(env["PORT"])
    with ExitStack() as stack:
        processes = {
            name: stack.enter_context(host.start(name))
            for name, host in (("web", web_host), ("worker", work_host), ("scheduler", work_host))
        }
        missing = (processes["web"], processes["worker"])
        wait_for(lambda: all("does not exist" in it.output for it in missing), what="no tables")
        with web_host.start("release") as release:
            assert release.wait(30) == 0, release.output

        plain = stack.enter_context(request(port))
        zipped = stack.enter_context(request(port, Accept_Encoding="gzip"))
        head = b"".join(read_until(plain, b"event: prices") for _ in range(3))
        zipped_head = read_until(zipped, b"\r\n\r\n")
        web = processes["web"].process.pid
        assert len(Path(f"/proc/{web}/task/{web}/children").read_text().split()) == 2
        for process in processes.values():
            kill = os.killpg if to_all else os.kill
            kill(process.process.pid, signal.SIGTERM)
        rest, zipped_rest = rest_of(plain), rest_of(zipped)
        for name, process in processes.items():
            assert process.wait(DRAINED_WITHIN_S) == 0, f"{name}: {process.output}"
            assert "Traceback" not in process.output
            with pytest.raises(ProcessLookupError):
                os.killpg(process.process.pid, 0)

    text = (head + rest).split(b"\r\n\r\n", 1)[1]
    ids = [int(event.id) for event in decode([text]) if event.event == "prices" and event.id]
    assert len(ids) >= 3
    assert ids == sorted(set(ids))
    assert re.search(rb"\n\nretry: \d+\n$", text), "a whole event, and then the delay"
    zipped_text = (zipped_head + zipped_rest).split(b"\r\n\r\n", 1)[1]
    assert re.search(rb"\n\nretry: \d+\n$", zlib.decompressobj(31).decompress(zipped_text))
    for host in (web_host, work_host):
        assert not (host.folder / "instance").exists(), "nothing is kept on a host"


def test_a_certificate_that_signed_itself_is_no_good_elsewhere(redis_over_tls: Proxy) -> None:
    """Else the test above would prove nothing."""
    trusting_none = ssl.create_default_context()
    with (
        socket.create_connection(("127.0.0.1", redis_over_tls.port)) as sock,
        pytest.raises(ssl.SSLCertVerificationError, match="self-signed"),
    ):
        trusting_none.wrap_socket(sock, server_hostname="localhost")
