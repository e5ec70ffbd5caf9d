"""`/stream` over the real web process, and over the servers that do not hand sockets over.

What the stream says, point by point, is in `tests/conformance`.
"""

import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from flask import Flask

from dev.embedded_redis import free_port
from tests.conftest import AppFactory, SettingsFactory
from tests.support.serving import serving
from tests.support.stream_clients import Reader
from tests.support.tools import quote, wait_for
from tests.support.web_process import (
    Shared,
    Web,
    descriptors,
    read_until,
    request,
    rest_of,
    shared_web,
    tick,
)
from tracker.services import services
from tracker.stream.frames import LastEventId
from tracker.stream.screen import GOODBYE

READERS = 50


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, _migrated_file: Path) -> Iterator[Shared]:
    """A web process with room for one request at a time: all readers must be handed over."""
    folder = tmp_path_factory.mktemp("stream")
    room = ("--worker-connections", "1")
    with shared_web(folder, _migrated_file, *room, max_subscribers_per_ip=READERS) as shared:
        yield shared


def test_a_readers_body_ends_with_the_connection(shared: Shared) -> None:
    with request(shared.web.port) as sock:
        head = read_until(sock, b"\r\n\r\n").partition(b"\r\n\r\n")[0].decode()
    assert "\r\nConnection: close\r\n" in f"{head}\r\n"
    names = {line.partition(":")[0] for line in head.splitlines()}
    assert names.isdisjoint({"Transfer-Encoding", "Content-Length"})


def test_a_browsers_header_counts_more_than_the_address_it_began_with(shared: Shared) -> None:
    first, last = tick(shared.app), tick(shared.app)
    port = shared.web.port
    with request(port) as sock:
        read_until(sock, f"id: {last.id}\n".encode())
    with request(port, f"/stream?last_event_id={first.id}", Last_Event_ID=str(last.id)) as sock:
        assert b'"replayed": 0' in read_until(sock, b"event: resume", b"}\n\n")


def test_the_stream_is_read_and_asked_about_and_nothing_else(shared: Shared) -> None:
    response, _ = shared.web.get("/stream", method="OPTIONS")
    assert set(response.headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS"}


def test_readers_cost_no_greenlet_and_leave_neither_place_nor_descriptor(shared: Shared) -> None:
    """There is room for one request at a time, and for `READERS` readers from one address."""
    web = shared.web

    def is_full() -> bool:
        return web.get("/stream", Accept="text/event-stream")[1].startswith(b"retry: ")

    before = web.descriptors()
    with ExitStack() as stack:
        for _ in range(READERS):
            read_until(stack.enter_context(request(web.port)), b"event: prices")
        assert web.descriptors() >= before + READERS - 5
        assert is_full()
        assert web.get("/api/prices", Connection="close")[0].status == 200
    wait_for(lambda: web.descriptors() <= before + 1)
    with request(web.port) as sock:
        read_until(sock, b"event: prices")


def test_a_client_that_sends_no_more_is_served_until_it_hangs_up(shared: Shared) -> None:
    """`nc -N` ends its side after the request; another request behind it is not answered."""
    before = shared.web.descriptors()
    with ExitStack() as stack:
        for path in ("/stream", "/watch"):
            sock = stack.enter_context(request(shared.web.port, path))
            sock.sendall(b"GET /api/prices HTTP/1.1\r\nHost: localhost\r\n\r\n")
            sock.shutdown(socket.SHUT_WR)
            read_until(sock, b"event: prices" if path == "/stream" else b"Bitcoin")
            tick(shared.app, quote("bitcoin", "4711.5"))
            got = read_until(sock, b"4711.5" if path == "/stream" else b"4,711.50")
            assert b"HTTP/1.1" not in got
    tick(shared.app)
    wait_for(lambda: shared.web.descriptors() <= before)


def test_a_reader_that_hangs_up_is_gone_without_a_tick_or_heartbeat(shared: Shared) -> None:
    before = shared.web.descriptors()
    with request(shared.web.port) as sock:
        read_until(sock, b"event: prices")
    ended_at = time.monotonic()
    wait_for(lambda: shared.web.descriptors() <= before)
    assert time.monotonic() - ended_at < 5


def test_the_head_of_a_stream_has_no_length(shared: Shared) -> None:
    for path in ("/stream", "/watch"):
        response, body = shared.web.get(path, method="HEAD", User_Agent="curl/8")
        assert (response.status, body) == (200, b"")
        assert "Content-Length" not in response.headers


def test_too_many_from_one_address_are_refused_so_that_a_browser_survives(
    make_app: AppFactory,
) -> None:
    app = make_app(max_subscribers_per_ip=1, trusted_proxies=1)
    hub, client = services(app).hub, app.test_client()
    ticket, one = hub.admit("10.0.0.1"), {"X-Forwarded-For": "10.0.0.1"}
    answer = client.get("/stream", headers=one | {"Accept": "text/event-stream"})
    assert answer.status_code == 200
    retry, comment = answer.text.splitlines()
    assert 20_000 <= int(retry.removeprefix("retry: ")) <= 100_000
    assert comment.startswith(": your address 10.0.0.1 has its 1 readers")
    answer = client.get("/stream", headers=one)
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert "your address 10.0.0.1 has its 1 readers" in answer.get_json()["detail"]
    ticket.cancel()


def test_a_look_that_fails_for_a_reader_costs_no_place(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services(app).relay, "sync_until", lambda id: 1 // 0)
    answer = app.test_client().get("/stream", headers={"Last-Event-ID": "1"})
    assert answer.status_code == 500
    assert services(app).hub.admission.total == 0


@pytest.mark.faults
def test_two_processes_behave_as_one_and_term_lets_readers_go_of_whom_none_loses_a_tick(
    app: Flask, settings: SettingsFactory, tmp_path: Path
) -> None:
    """A restart: all that happened meanwhile is replayed by the process that follows."""
    tick(app)
    with ExitStack() as stack:
        web = stack.enter_context(Web(settings(web_concurrency=2), tmp_path / "web.log"))
        wait_for(lambda: len(web.workers) == 2)
        wait_for(lambda: web.child.output.count("subscribed to the feed") == 2)
        socks = [stack.enter_context(request(web.port)) for _ in range(20)]
        for sock in socks:
            read_until(sock, b"event: prices", b"]}\n\n")
        assert all(descriptors(pid) > 10 for pid in web.workers), "both have some of them"
        terminal = stack.enter_context(request(web.port, "/watch"))
        read_until(terminal, b"Ctrl-C")
        sent = tick(app)
        for sock in socks:
            read_until(sock, f"id: {sent.id}\n".encode(), b"]}\n\n")
        for _ in range(10):
            again = stack.enter_context(request(web.port, Last_Event_ID=str(sent.id)))
            assert b'"recovered": true' in read_until(again, b"event: resume", b"}\n\n")

        web.child.process.send_signal(signal.SIGTERM)
        during = tick(app)
        got = [rest_of(sock) for sock in socks]
        assert rest_of(terminal).endswith(GOODBYE)
        assert web.child.wait(30) == 0
    delays = {data.strip().splitlines()[-1] for data in got}
    assert len(delays) > 10
    assert all(delay.startswith(b"retry: ") for delay in delays)
    after = tick(app)
    services(app).relay.start()
    with closing(Reader()) as reader:
        last = LastEventId(str(sent.id), sent.id)
        services(app).hub.admit(last_event_id=last).join(reader.ours)
        wait_for(lambda: reader.read_all().ids == [during.id, after.id])


@pytest.mark.faults
def test_a_dead_relay_ends_the_worker_and_another_takes_its_place(
    app: Flask, settings: SettingsFactory, tmp_path: Path
) -> None:
    """Neither half a request nor a connection that is kept alive delays the end of that one."""
    tick(app)
    crashing = "tests.support.crashing_relay:app"
    with Web(settings(), tmp_path / "web.log", application=crashing) as web:
        (worker,) = web.workers
        wait_for(lambda: "subscribed to the feed" in web.child.output)
        tick(app)
        wait_for(lambda: web.workers and web.workers != [worker], 20)
        assert "relay died: this process ends" in web.child.output
        with (
            socket.create_connection(("127.0.0.1", web.port)) as half,
            request(web.port, "/api/prices") as kept,
        ):
            half.sendall(b"GET /stream HTTP/1.1\r\nHost: local")
            read_until(kept, b"]}")
            assert web.child.end(6) == 0


def test_a_server_that_keeps_its_sockets_streams_the_same(make_app: AppFactory) -> None:
    """Flask's own server, with threads and without gevent: through a socket pair."""
    app = make_app(heartbeat=1)
    tick(app)
    with serving(app) as server:
        with request(server.port) as sock:
            read_until(sock, b"retry: ", b"event: status", b"event: prices")
            sent = tick(app)
            read_until(sock, f"id: {sent.id}\n".encode())
        wait_for(lambda: services(app).hub.admission.total == 0)


@pytest.mark.faults
@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl on the PATH")
def test_tls_in_the_process_streams_through_a_socket_pair(
    app: Flask, settings: SettingsFactory, tmp_path: Path
) -> None:
    sent = tick(app)
    files = ["-keyout", str(tmp_path / "key.pem"), "-out", str(tmp_path / "certificate.pem")]
    wanted = ["-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost"]
    command = ["openssl", "req", "-x509", *wanted, *files]
    subprocess.run(command, check=True, capture_output=True)
    port = free_port()
    options = ["--keyfile", files[1], "--certfile", files[3]]
    web = Web(settings(), tmp_path / "web.log", *options, port=port)
    with web.child:
        wait_for(lambda: "subscribed to the feed" in web.child.output, 60)
        curl = ["curl", "-skN", f"https://127.0.0.1:{port}/stream"]
        with subprocess.Popen(curl, stdout=subprocess.PIPE) as process:
            assert process.stdout
            assert f"id: {sent.id}\n".encode() in process.stdout
            assert f"id: {tick(app).id}\n".encode() in process.stdout
            process.kill()
