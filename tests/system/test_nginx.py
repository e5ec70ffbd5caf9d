"""The nginx site, really run in front of the real web: it streams, counts, and keeps out."""

from __future__ import annotations

import os
import re
import select
import shutil
import socket
import statistics
import subprocess
import time
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from dev.embedded_redis import free_port
from tests.support.tools import ROOT, wait_for
from tests.support.web_process import Shared, shared_web, tick

NGINX = shutil.which("nginx", path=os.pathsep.join([os.environ["PATH"], "/usr/sbin"]))
"""Debian has it where not every user's PATH leads."""

pytestmark = [
    pytest.mark.faults,
    pytest.mark.skipif(NGINX is None, reason="nginx is not installed"),
]

AROUND_THE_SITE = """
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
worker_processes 1;
{user}
events {{ worker_connections 4096; }}
http {{
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    default_type application/octet-stream;
    include {folder}/site.conf;
}}
"""
TICKS = 60
MAX_ADDED_S = 0.05
"""What nginx may add at p50: a busy machine adds to p99, buffering adds to all."""
PER_ADDRESS = 5
HEADER_TIMEOUT_S = 1


@contextmanager
def running_nginx(upstream: int, folder: Path) -> Iterator[int]:
    """Give the port of an nginx that likes our site, before the web on *upstream*."""
    port = free_port()
    site = (ROOT / "deploy" / "nginx.conf").read_text()
    for old, new in {
        "listen 80;": f"listen 127.0.0.1:{port};",
        "listen [::]:80;": "",
        "server 127.0.0.1:8000;": f"server 127.0.0.1:{upstream};",
        "client_header_timeout 10s;": f"client_header_timeout {HEADER_TIMEOUT_S}s;",
    }.items():
        assert site.count(old) == 1, old
        site = site.replace(old, new)
    (folder / "site.conf").write_text(site)
    user = "user root;" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(AROUND_THE_SITE.format(folder=folder, user=user))
    command = [str(NGINX), "-p", str(folder), "-c", str(folder / "nginx.conf")]
    check = subprocess.run([*command, "-t", "-q"], capture_output=True, text=True, check=False)
    assert (check.returncode, check.stderr) == (0, "")
    with subprocess.Popen(command) as process:

        def listens() -> bool:
            assert process.poll() is None, (folder / "error.log").read_text()
            with suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
                return True
            return False

        try:
            wait_for(listens, 10, "nginx to listen")
            yield port
        finally:
            process.terminate()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, _migrated_file: Path) -> Iterator[Shared]:
    folder = tmp_path_factory.mktemp("web")
    with shared_web(
        folder, _migrated_file, trusted_proxies=1, max_subscribers_per_ip=PER_ADDRESS
    ) as shared:
        yield shared


@pytest.fixture(scope="module")
def nginx(shared: Shared, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Give the port of an nginx before the shared web."""
    with running_nginx(shared.web.port, tmp_path_factory.mktemp("nginx")) as port:
        yield port


@contextmanager
def asked(
    port: int, path: str = "/stream", *, source: str = "127.0.0.1", **headers: str
) -> Iterator[socket.socket]:
    """Give a socket from the address *source* on which *path* was asked for."""
    with socket.create_connection(("127.0.0.1", port), 10, source_address=(source, 0)) as sock:
        lines = [f"GET {path} HTTP/1.0", "Host: localhost"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        sock.sendall("\r\n".join([*lines, "", ""]).encode())
        yield sock


def answer_of(sock: socket.socket) -> bytes:
    """Return the whole answer, of a stream all to its first event."""
    answer = b""
    while b"]}\n\n" not in answer and (more := sock.recv(65536)):
        answer += more
    return answer


class Reader:
    """A reader that notes what it has."""

    def __init__(self, sock: socket.socket, *, gzip: bool = False) -> None:
        self.sock = sock
        self._unzip = zlib.decompressobj(31) if gzip else None
        self._in_body = False
        self.head = self.text = b""

    def read(self) -> None:
        """Read what is there."""
        data = self.sock.recv(65536)
        assert data, "the stream ended"
        if not self._in_body:
            self.head, end, data = (self.head + data).partition(b"\r\n\r\n")
            self._in_body = bool(end)
        self.text += self._unzip.decompress(data) if self._unzip else data


def arrivals(readers: dict[str, Reader], id: int) -> dict[str, float]:
    """Return when each of *readers* had the event *id*."""
    found: dict[str, float] = {}
    while len(found) < len(readers):
        ready, _, _ = select.select([one.sock for one in readers.values()], [], [], 10)
        assert ready, f"{id} came to {list(found)} only"
        for name, reader in readers.items():
            if reader.sock in ready:
                reader.read()
            if name not in found and b"\nid: %d\n" % id in reader.text:
                found[name] = time.monotonic()
    return found


def test_events_come_through_unbuffered_plain_and_gzip(shared: Shared, nginx: int) -> None:
    with ExitStack() as stack:
        readers = {
            "direct": Reader(stack.enter_context(asked(shared.web.port))),
            "plain": Reader(stack.enter_context(asked(nginx))),
            "gzip": Reader(stack.enter_context(asked(nginx, Accept_Encoding="gzip")), gzip=True),
        }
        arrivals(readers, tick(shared.app).id)
        came = [arrivals(readers, tick(shared.app).id) for _ in range(TICKS)]
    assert b"content-encoding: gzip" in readers["gzip"].head.lower()
    assert b"content-encoding" not in readers["plain"].head.lower()
    for name in ("plain", "gzip"):
        assert statistics.median(at[name] - at["direct"] for at in came) < MAX_ADDED_S, name
    assert readers["plain"].text.count(b"event: prices") == TICKS + 2


def test_readers_are_counted_by_their_own_address_until_they_hang_up(nginx: int) -> None:
    one, other = "127.0.0.3", "127.0.0.4"  # of which no other test reads
    with ExitStack() as stack:

        def answer(source: str, **headers: str) -> bytes:
            return answer_of(stack.enter_context(asked(nginx, source=source, **headers)))

        assert all(b"event: prices" in answer(one) for _ in range(PER_ADDRESS))
        for lie in ({}, {"X_Forwarded_For": "203.0.113.9"}):
            refused = answer(one, **lie)
            assert b" 503 " in refused.splitlines()[0]
            assert b"your address 127.0.0.3 has its" in refused
        assert b"event: prices" in answer(other)
        refused = answer(one, Accept="text/event-stream")
        assert b" 200 " in refused.splitlines()[0]
        assert b"retry: " in refused

    def gets_in() -> bool:
        with asked(nginx, source=one) as sock:
            return b"event: prices" in answer_of(sock)

    wait_for(gets_in, what="the web to see that they are gone")


@pytest.mark.parametrize(
    ("sent", "statuses"),
    [
        (b"POST /api/prices HTTP/1.1\r\nHost: x\r\nContent-Length: 10000000\r\n\r\n", {b"413"}),
        (b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X: " + b"y" * 9000 + b"\r\n\r\n", {b"400", b"431"}),
        (b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X: yyyyyyy\r\n" * 3000 + b"\r\n", {b"400", b"431"}),
        (b"GET /?" + b"y" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", {b"414"}),
        (b"\x16\x03\x01\x00\r\n\r\n", {b"400"}),
    ],
    ids=["body", "field", "fields", "line", "no HTTP"],
)
def test_what_is_too_much_is_refused(nginx: int, sent: bytes, statuses: set[bytes]) -> None:
    with socket.create_connection(("127.0.0.1", nginx), 10) as sock:
        sock.sendall(sent)
        assert sock.recv(4096).split(b" ", 2)[1] in statuses


def test_one_whose_headers_drip_is_cut_and_the_web_never_hears_of_it(
    shared: Shared, nginx: int
) -> None:
    before = shared.web.descriptors()
    deadline = time.monotonic() + HEADER_TIMEOUT_S + 5
    with (
        socket.create_connection(("127.0.0.1", nginx), 0.2) as sock,
        suppress(ConnectionError),  # the cut
    ):
        sock.sendall(b"GET /stream HTTP/1.1\r\nHost: lo")
        while True:
            assert time.monotonic() < deadline
            sock.send(b"c")
            with suppress(TimeoutError):
                if not sock.recv(4096):
                    break
    assert shared.web.descriptors() <= before


def test_without_the_web_a_browser_is_told_to_come_again_and_others_what_is(
    tmp_path: Path,
) -> None:
    """An EventSource gives up for ever on a 502."""
    with running_nginx(free_port(), tmp_path) as port:
        with asked(port, Accept="text/event-stream") as browser:
            answer = answer_of(browser)
        assert b" 200 " in answer.splitlines()[0]
        assert b"Content-Type: text/event-stream" in answer
        assert re.search(rb"\r\n\r\nretry: [2-8]000\n\n$", answer)
        with asked(port) as program:
            answer = answer_of(program)
        assert b" 503 " in answer.splitlines()[0]
        assert b"Retry-After: " in answer


@pytest.mark.parametrize("path", ["/metrics", "/admin/", "/admin"])
def test_what_is_for_operators_is_not_for_others(nginx: int, path: str) -> None:
    with asked(nginx, path) as operator, asked(nginx, path, source="127.0.0.2") as other:
        assert b" 403 " not in answer_of(operator).splitlines()[0]
        assert b" 403 " in answer_of(other).splitlines()[0]


def test_the_page_its_parts_and_the_api_come_through(nginx: int) -> None:
    def answer(path: str) -> bytes:
        with asked(nginx, path) as sock:
            return answer_of(sock)

    part = re.search(rb'"(/[^"]+\.css)"', answer("/cryptos/"))
    assert part
    for path in ("/cryptos/", "/api/prices", part[1].decode()):
        assert b" 200 " in answer(path).splitlines()[0]
