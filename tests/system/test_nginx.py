"""The nginx site, really run in front of the real web: it streams, counts, and keeps out."""

from __future__ import annotations

import logging
import re
import select
import socket
import statistics
import time
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from flask import Flask

from tests.conftest import SettingsFactory
from tests.support.nginx import Nginx, program
from tests.support.tools import wait_for
from tests.support.web_process import Web, request, tick

pytestmark = [
    pytest.mark.faults,
    pytest.mark.skipif(program() is None, reason="nginx is not installed"),
]

TICKS = 120
MAX_ADDED = 0.05
"""Seconds that nginx may add at p50: a busy machine adds to p99, buffering adds to all."""
PER_ADDRESS = 5
HEADER_TIMEOUT = 1

log = logging.getLogger(__name__)


@pytest.fixture
def web(app: Flask, settings: SettingsFactory, tmp_path: Path) -> Iterator[Web]:
    tick(app)
    mine = settings(trusted_proxies=1, max_subscribers_per_ip=PER_ADDRESS)
    with Web(mine, tmp_path / "web.log") as web:
        yield web


@pytest.fixture
def nginx(web: Web, tmp_path: Path) -> Iterator[Nginx]:
    with Nginx(web.port, tmp_path / "nginx", client_header_timeout=f"{HEADER_TIMEOUT}s") as nginx:
        yield nginx


class Reader:
    """A reader that notes which ids it has."""

    def __init__(self, sock: socket.socket, *, gzip: bool = False) -> None:
        self.sock = sock
        self._unzip = zlib.decompressobj(31) if gzip else None
        self._chunked = False
        self.head = b""
        self.text = b""

    def read(self) -> None:
        """Read what is there."""
        data = self.sock.recv(65536)
        assert data, "the stream ended"
        if b"\r\n\r\n" not in self.head:
            self.head += data
            if b"\r\n\r\n" not in self.head:
                return
            self.head, data = self.head.split(b"\r\n\r\n", 1)
            self.head += b"\r\n\r\n"
            self._chunked = b"chunked" in self.head.lower()
        if self._chunked:
            data = re.sub(rb"(?:\A|\r\n)[0-9a-f]+\r\n", b"", data).removesuffix(b"\r\n")
        self.text += self._unzip.decompress(data) if self._unzip else data

    def has(self, id: int) -> bool:
        return f"\nid: {id}\n".encode() in self.text


@contextmanager
def asked(port: int, source: str = "127.0.0.1", **headers: str) -> Iterator[socket.socket]:
    """Give a socket from the address *source* on which the stream was asked for."""
    with socket.create_connection(("127.0.0.1", port), 10, source_address=(source, 0)) as sock:
        lines = ["GET /stream HTTP/1.0", "Host: localhost"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        sock.sendall("\r\n".join([*lines, "", ""]).encode())
        yield sock


def arrivals(readers: dict[str, Reader], id: int) -> dict[str, float]:
    """Return when each of *readers* had the event *id*."""
    found: dict[str, float] = {}
    while len(found) < len(readers):
        ready, _, _ = select.select([one.sock for one in readers.values()], [], [], 10)
        assert ready, f"{id} came to {list(found)} only"
        for name, reader in readers.items():
            if reader.sock in ready:
                reader.read()
            if name not in found and reader.has(id):
                found[name] = time.monotonic()
    return found


def first_of(sock: socket.socket) -> bytes:
    """Return the beginning of the answer, to the first event."""
    data = b""
    while more := sock.recv(65536):
        data += more
        if b"]}\n\n" in data:
            break
    return data


def test_nginx_accepts_the_site(tmp_path: Path) -> None:
    assert Nginx(1, tmp_path / "nginx").check() == ""


def test_events_come_through_unbuffered_plain_and_gzip(web: Web, nginx: Nginx, app: Flask) -> None:
    with ExitStack() as stack:
        zipped = {"Accept_Encoding": "gzip"}
        readers = {
            "direct": Reader(stack.enter_context(asked(web.port))),
            "plain": Reader(stack.enter_context(asked(nginx.port))),
            "gzip": Reader(stack.enter_context(asked(nginx.port, **zipped)), gzip=True),
        }
        arrivals(readers, tick(app).id)
        came = [arrivals(readers, tick(app).id) for _ in range(TICKS)]
    assert b"content-encoding: gzip" in readers["gzip"].head.lower()
    assert b"content-encoding" not in readers["plain"].head.lower()
    for name in ("plain", "gzip"):
        added = [at[name] - at["direct"] for at in came]
        half, *_, most = statistics.quantiles(added, n=100)[49::49]
        log.info("%s: nginx adds p50 %.2f ms, p99 %.2f ms", name, half * 1000, most * 1000)
        assert half < MAX_ADDED, name
    assert readers["plain"].text.count(b"event: prices") == TICKS + 2


def test_a_client_that_vanishes_is_seen(web: Web, nginx: Nginx) -> None:
    before = web.descriptors()
    with ExitStack() as stack:
        for _ in range(PER_ADDRESS):
            assert b"event: prices" in first_of(stack.enter_context(asked(nginx.port)))
        assert web.descriptors() >= before + PER_ADDRESS
    wait_for(lambda: web.descriptors() <= before + 1)


def test_readers_are_counted_by_their_own_address(nginx: Nginx) -> None:
    with ExitStack() as stack:
        for _ in range(PER_ADDRESS):
            assert b"event: prices" in first_of(stack.enter_context(asked(nginx.port)))
        for lie in ({}, {"X_Forwarded_For": "203.0.113.9"}):
            refused = first_of(stack.enter_context(asked(nginx.port, **lie)))
            assert b" 503 " in refused.splitlines()[0]
            assert b"your address 127.0.0.1 has its" in refused
        other = stack.enter_context(asked(nginx.port, "127.0.0.2"))
        assert b"event: prices" in first_of(other)
        browser = stack.enter_context(asked(nginx.port, Accept="text/event-stream"))
        refused = first_of(browser)
        assert b" 200 " in refused.splitlines()[0]
        assert b"retry: " in refused


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
def test_what_is_too_much_is_refused(nginx: Nginx, sent: bytes, statuses: set[bytes]) -> None:
    with socket.create_connection(("127.0.0.1", nginx.port), 10) as sock:
        sock.sendall(sent)
        assert sock.recv(4096).split(b" ", 2)[1] in statuses


def test_one_whose_headers_drip_is_cut(web: Web, nginx: Nginx) -> None:
    before = web.descriptors()
    began_at = time.monotonic()
    with socket.create_connection(("127.0.0.1", nginx.port), 0.2) as sock:
        sock.sendall(b"GET /stream HTTP/1.1\r\nHost: lo")
        ended = False
        while not ended:
            assert time.monotonic() - began_at < HEADER_TIMEOUT + 5
            try:
                sock.send(b"c")
                ended = sock.recv(4096) == b""
            except TimeoutError:
                continue
            except OSError:
                ended = True
        assert web.descriptors() <= before, "the web never heard of it"


def test_without_the_web_a_browser_is_told_to_come_again_and_others_what_is(
    web: Web, nginx: Nginx
) -> None:
    """An EventSource gives up for ever on a 502."""
    web.child.end()
    with asked(nginx.port, Accept="text/event-stream") as browser:
        answer = b"".join(iter(lambda: browser.recv(4096), b""))
    assert b" 200 " in answer.splitlines()[0]
    assert b"Content-Type: text/event-stream" in answer
    assert re.search(rb"\r\n\r\nretry: [2-8]000\n\n$", answer)
    with asked(nginx.port) as program:
        answer = b"".join(iter(lambda: program.recv(4096), b""))
    assert b" 503 " in answer.splitlines()[0]
    assert b"Retry-After: " in answer


@pytest.mark.parametrize("path", ["/metrics", "/admin/", "/admin"])
def test_what_is_for_operators_is_not_for_others(nginx: Nginx, path: str) -> None:
    answers = {}
    for source in ("127.0.0.1", "127.0.0.2"):
        where = (("127.0.0.1", nginx.port), 10, (source, 0))
        with socket.create_connection(*where) as sock:
            sock.sendall(f"GET {path} HTTP/1.0\r\n\r\n".encode())
            answers[source] = sock.recv(4096).split(b" ", 2)[1]
    assert answers["127.0.0.2"] == b"403"
    assert answers["127.0.0.1"] != b"403"


def test_the_page_its_parts_and_the_api_come_through(nginx: Nginx) -> None:
    page = answer_of(nginx.port, "/cryptos/")
    part = re.search(rb'"(/[^"]+\.css)"', page)
    assert part
    for path in ("/cryptos/", "/api/prices", part[1].decode()):
        assert b" 200 " in answer_of(nginx.port, path).splitlines()[0]


def answer_of(port: int, path: str) -> bytes:
    with request(port, path, Connection="close") as sock:
        return b"".join(iter(lambda: sock.recv(65536), b""))
