"""The nginx site, really run in front of the real web: it streams, counts, and keeps out."""

import os
import re
import shutil
import socket
import statistics
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from dev.embedded_redis import free_port
from tests.conformance.wire import Stream
from tests.support.tools import ROOT, quote, wait_for
from tests.support.web_process import Shared, read_until, shared_web, tick

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


def test_events_come_through_unbuffered_plain_and_gzip(shared: Shared, nginx: int) -> None:
    through = f"http://127.0.0.1:{nginx}/stream"
    added_s: dict[str, list[float]] = {"": [], "gzip": []}
    with (
        Stream(f"http://127.0.0.1:{shared.web.port}/stream") as near,
        Stream(through) as plain,
        Stream(through, Accept_Encoding="gzip") as zipped,
    ):
        for number in range(TICKS + 1):
            newest = str(tick(shared.app).id)
            came_at = arrival(near, newest)
            for stream in (plain, zipped):
                added = arrival(stream, newest) - came_at
                if number > 0:  # the first comes while they begin
                    added_s[stream.header("Content-Encoding")].append(added)
        assert len(plain.said.of("prices")) == TICKS + 2
    for kind, each in added_s.items():
        assert statistics.median(each) < MAX_ADDED_S, kind


def test_a_table_comes_through_unbuffered_and_is_counted_by_address(
    shared: Shared, nginx: int
) -> None:
    source = "127.0.0.5"  # of which no other test reads
    with asked(nginx, "/watch", source=source) as terminal:
        for price in ("41.50", "42.50"):
            tick(shared.app, quote("bitcoin", price))
            read_until(terminal, f"${price}".encode(), b"Ctrl-C")
        with ExitStack() as stack:
            for _ in range(PER_ADDRESS - 1):
                read_until(stack.enter_context(asked(nginx, source=source)), b"event: prices")
            with asked(nginx, "/watch", source=source) as refused:
                answer = answer_of(refused)
    assert b" 503 " in answer.splitlines()[0]
    assert b"your address 127.0.0.5 has its" in answer.splitlines()[-1]


def arrival(stream: Stream, id: str) -> float:
    """Return when the event *id* came on *stream*, in monotonic seconds."""
    assert stream.read_until(lambda said: any(event.id == id for event in said.events), 10)
    return next(event.at for event in stream.said.events if event.id == id)


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


def test_what_is_too_much_is_refused(nginx: int) -> None:
    get = b"GET / HTTP/1.1\r\nHost: x\r\n"
    for sent, statuses in (
        (b"POST /api/prices HTTP/1.1\r\nHost: x\r\nContent-Length: 10000000\r\n\r\n", (b"413",)),
        (get + b"X: " + b"y" * 9000 + b"\r\n\r\n", (b"400", b"431")),
        (get + b"X: yyyyyyy\r\n" * 3000 + b"\r\n", (b"400", b"431")),
        (b"GET /?" + b"y" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", (b"414",)),
    ):
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


def test_without_the_web_a_browser_is_told_to_come_again_and_others_what_is(tmp_path: Path) -> None:
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


def test_pages_and_the_api_come_through_and_what_is_for_operators_to_them_alone(nginx: int) -> None:
    def answer(path: str, source: str = "127.0.0.1") -> bytes:
        with asked(nginx, path, source=source, Accept="text/html, */*;q=0.8") as sock:
            return answer_of(sock)

    part = re.search(rb'"(/[^"]+\.css)"', answer("/cryptos/"))
    assert part
    for path in ("/cryptos/", "/api/prices", part[1].decode()):
        assert b" 200 " in answer(path, "127.0.0.2").splitlines()[0]
    for path in ("/metrics", "/admin/", "/admin"):
        assert b" 403 " not in answer(path).splitlines()[0]
        assert b" 403 " in answer(path, "127.0.0.2").splitlines()[0]
