"""`/stream` over the real web process, and over the servers that do not hand sockets over."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from flask import Flask
from werkzeug.serving import make_server

from dev.embedded_redis import free_port
from tests.conftest import AppFactory, SettingsFactory
from tests.support.stream_clients import decode
from tests.support.tools import newest_of, quote, wait_for
from tests.support.web_process import (
    Shared,
    Web,
    descriptors,
    read_until,
    request,
    shared_web,
    tick,
)
from tracker.services import services

FRIEND = "https://a.example"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, _migrated_file: Path) -> Iterator[Shared]:
    """A web process with room for one request at a time: all readers must be handed over."""
    folder = tmp_path_factory.mktemp("stream")
    room = ("--worker-connections", "1")
    with shared_web(
        folder, _migrated_file, *room, max_subscribers_per_ip=1000, cors_origins=(FRIEND,)
    ) as shared:
        yield shared


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory, _migrated_file: Path) -> Iterator[Web]:
    """A web process behind a proxy with places for two readers, one from each address."""
    folder = tmp_path_factory.mktemp("strict")
    with shared_web(
        folder, _migrated_file, max_subscribers=2, max_subscribers_per_ip=1, trusted_proxies=1
    ) as (web, _):
        yield web


@pytest.fixture
def web(shared: Shared) -> Web:
    return shared.web


def body_of(answer: bytes) -> bytes:
    return answer.split(b"\r\n\r\n", 1)[1]


def rest_of(sock: socket.socket) -> bytes:
    """Return all until the server ends the stream."""
    data = b""
    while more := sock.recv(65536):
        data += more
    return data


def test_a_new_reader_gets_headers_retry_status_and_the_newest_tick_at_once(
    shared: Shared,
) -> None:
    newest = newest_of(services(shared.app).backend.store)
    assert newest
    with request(shared.web.port) as sock:
        answer = read_until(sock, newest.to_json().encode() + b"\n\n")
    head, body = answer.split(b"\r\n\r\n", 1)
    headers = head.decode().splitlines()
    assert headers[0] == "HTTP/1.1 200 OK"
    assert {
        "Content-Type: text/event-stream; charset=utf-8",
        "Cache-Control: no-store, no-transform",
        "X-Accel-Buffering: no",
        "Connection: close",
    } <= set(headers)
    assert not any(header.startswith(("Transfer-Encoding", "Content-Length")) for header in headers)
    assert body.startswith(b"retry: ")
    status, prices = decode([body])
    assert (status.event, json.loads(status.data)["state"]) == ("status", "live")
    assert (prices.event, prices.id) == ("prices", str(newest.id))


def test_each_tick_reaches_curl_as_it_comes_plain_and_gzip(shared: Shared) -> None:
    with ExitStack() as stack:
        curls = []
        for option in ("--no-compressed", "--compressed"):
            curl = subprocess.Popen(
                ["curl", "-sN", option, f"http://127.0.0.1:{shared.web.port}/stream"],
                stdout=subprocess.PIPE,
            )
            stack.enter_context(curl)
            stack.callback(curl.kill)
            curls.append(curl)
        for curl in curls:
            next_id(curl)
        for _ in range(3):
            sent = tick(shared.app)
            assert [next_id(curl) for curl in curls] == [sent.id, sent.id]


def next_id(curl: subprocess.Popen[bytes]) -> int:
    assert curl.stdout is not None
    for line in curl.stdout:
        if line.startswith(b"id: "):
            return int(line[4:])
    raise AssertionError("curl ended")


@pytest.mark.parametrize("place", ["header", "address"])
def test_a_reader_that_returns_gets_what_it_missed(shared: Shared, place: str) -> None:
    web = shared.web
    sent = [tick(shared.app).id for _ in range(4)]
    asked = (
        request(web.port, Last_Event_ID=str(sent[0]))
        if place == "header"
        else request(web.port, f"/stream?last_event_id={sent[0]}")
    )
    with request(web.port) as sock:  # until the web has them all
        read_until(sock, f"id: {sent[-1]}\n".encode())
    with asked as sock:
        events = decode([body_of(read_until(sock, f"id: {sent[-1]}\n".encode(), b"\n\n"))])
    resume = next(event for event in events if event.event == "resume")
    assert json.loads(resume.data) == {
        "last_event_id": str(sent[0]),
        "recovered": True,
        "replayed": 3,
    }


def test_a_browsers_header_counts_more_than_the_address_it_began_with(shared: Shared) -> None:
    first, last = tick(shared.app), tick(shared.app)
    port = shared.web.port
    with request(port) as sock:
        read_until(sock, f"id: {last.id}\n".encode())
    with request(port, f"/stream?last_event_id={first.id}", Last_Event_ID=str(last.id)) as sock:
        assert b'"replayed": 0' in read_until(sock, b"event: resume", b"}\n\n")


def test_a_filtered_reader_gets_its_coins_alone(shared: Shared) -> None:
    tick(shared.app, quote("bitcoin", "0.10"), quote("ethereum", "2"))
    with request(shared.web.port, "/stream?coins=Ethereum,%20ethereum,") as sock:
        data = read_until(sock, b'"id":"ethereum"', b"]}\n\n")
        assert b'"id":"bitcoin"' not in data


def test_an_unknown_coin_is_a_problem_that_names_it_and_what_is_accepted(web: Web) -> None:
    response, body = web.get("/stream?coins=bitcoin,nosuchcoin")
    assert (response.status, response.headers["Content-Type"]) == (400, "application/problem+json")
    assert "nosuchcoin" in json.loads(body)["detail"]
    assert "bitcoin" in json.loads(body)["detail"]


def test_head_and_options_answer_at_once(web: Web) -> None:
    response, body = web.get("/stream", method="HEAD")
    assert response.headers["Content-Type"] == "text/event-stream; charset=utf-8"
    assert body == b""
    response, _ = web.get("/stream", method="OPTIONS")
    assert {"GET", "HEAD", "OPTIONS"} <= set(response.headers["Allow"].split(", "))
    response, body = web.get("/stream", method="POST")
    assert response.status == 405
    assert json.loads(body)["status"] == 405


def test_readers_cost_no_greenlet_and_leave_no_descriptor(web: Web) -> None:
    """There is room for one request at a time."""
    before = web.descriptors()
    with ExitStack() as stack:
        for _ in range(100):
            read_until(stack.enter_context(request(web.port)), b"event: prices")
        assert web.descriptors() >= before + 95
        assert web.get("/api/prices", Connection="close")[0].status == 200
    wait_for(lambda: web.descriptors() <= before + 1)


def test_a_look_that_fails_for_a_reader_costs_no_place(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(id: int) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(services(app).relay, "sync_until", fail)
    answer = app.test_client().get("/stream", headers={"Last-Event-ID": "1"})
    assert answer.status_code == 500
    assert services(app).hub.admission.total == 0


def test_term_lets_readers_go_with_a_delay_each_and_none_loses_a_tick(
    app: Flask, settings: SettingsFactory, tmp_path: Path
) -> None:
    """A restart: all that happened meanwhile is replayed by the process that follows.

    Neither half a request nor a connection that is kept alive delays the end.
    """
    tick(app)
    mine = settings(max_subscribers_per_ip=1000)
    with ExitStack() as stack:
        first = stack.enter_context(Web(mine, tmp_path / "first.log"))
        socks = [stack.enter_context(request(first.port)) for _ in range(30)]
        got = [read_until(sock, b"event: prices", b"]}\n\n") for sock in socks]
        first.child.process.send_signal(signal.SIGTERM)
        during = tick(app)
        got = [data + rest_of(sock) for data, sock in zip(got, socks, strict=True)]
        assert first.child.wait(30) == 0
        delays = {data.strip().splitlines()[-1] for data in got}
        assert len(delays) > 15
        assert all(delay.startswith(b"retry: ") for delay in delays)
        after = tick(app)
        second = stack.enter_context(Web(mine, tmp_path / "second.log", port=first.port))
        for data in got:
            last = int(decode([body_of(data)])[-1].id)
            with request(second.port, Last_Event_ID=str(last)) as sock:
                answer = read_until(sock, after.to_json().encode() + b"\n\n")
            events = decode([body_of(answer)])
            replayed = [int(event.id) for event in events if event.event == "prices"]
            assert replayed in ([during.id, after.id], [after.id])
            assert (last == during.id) == (replayed == [after.id])

        half = stack.enter_context(socket.create_connection(("127.0.0.1", second.port)))
        half.sendall(b"GET /stream HTTP/1.1\r\nHost: local")
        kept = stack.enter_context(request(second.port, "/api/prices"))
        read_until(kept, b"]}")
        assert second.child.end(6) == 0


def test_two_web_processes_behave_as_one(
    app: Flask, settings: SettingsFactory, tmp_path: Path
) -> None:
    tick(app)
    with ExitStack() as stack:
        web = stack.enter_context(Web(settings(web_concurrency=2), tmp_path / "web.log"))
        wait_for(lambda: len(web.workers) == 2)
        wait_for(lambda: web.child.output.count("subscribed to the feed") == 2)
        socks = [stack.enter_context(request(web.port)) for _ in range(20)]
        for sock in socks:
            read_until(sock, b"event: prices")
        assert all(descriptors(pid) > 10 for pid in web.workers), "both have some of them"
        sent = tick(app)
        for sock in socks:
            read_until(sock, f"id: {sent.id}\n".encode())
        for _ in range(10):
            again = stack.enter_context(request(web.port, Last_Event_ID=str(sent.id)))
            assert b'"recovered": true' in read_until(again, b"event: resume", b"}\n\n")


def test_too_many_from_one_address_are_refused_so_that_a_browser_survives(strict: Web) -> None:
    one, other = "10.0.0.1", "10.0.0.2"
    with request(strict.port, X_Forwarded_For=one) as sock:
        read_until(sock, b"event: prices")
        response, body = strict.get("/stream", Accept="text/event-stream", X_Forwarded_For=one)
        assert response.status == 200
        retry, comment = body.decode().splitlines()
        assert 20_000 <= int(retry.removeprefix("retry: ")) <= 100_000
        assert comment.startswith(": your address")
        response, body = strict.get("/stream", X_Forwarded_For=one)
        assert response.status == 503
        assert int(response.headers["Retry-After"]) > 0
        assert f"your address {one} has its 1 readers" in json.loads(body)["detail"]
        with request(strict.port, X_Forwarded_For=other) as second:
            read_until(second, b"event: prices")


def test_a_place_is_free_again_when_its_reader_has_gone(strict: Web) -> None:
    def is_admitted(address: str) -> bool:
        with request(strict.port, X_Forwarded_For=address) as sock:
            return sock.recv(100).startswith(b"HTTP/1.1 200")

    with ExitStack() as stack:
        for address in ("10.0.1.1", "10.0.1.2"):
            wait_for(lambda address=address: is_admitted(address))  # type: ignore[misc]
        wait_for(lambda: is_admitted("10.0.1.3"))
        first, second = (
            stack.enter_context(request(strict.port, X_Forwarded_For=address))
            for address in ("10.0.1.4", "10.0.1.5")
        )
        for sock in (first, second):
            read_until(sock, b"event: prices")
        assert not is_admitted("10.0.1.6")
        first.close()
        wait_for(lambda: is_admitted("10.0.1.6"))


def test_pages_of_allowed_origins_may_read_and_others_may_not(web: Web) -> None:
    for path in ("/stream", "/api/prices"):
        response, _ = web.get(path, method="HEAD", Origin=FRIEND)
        assert response.headers["Access-Control-Allow-Origin"] == FRIEND
        response, _ = web.get(path, method="HEAD", Origin="https://b.example")
        assert response.headers["Access-Control-Allow-Origin"] is None
    response, _ = web.get(
        "/stream",
        method="OPTIONS",
        Origin=FRIEND,
        Access_Control_Request_Method="GET",
        Access_Control_Request_Headers="last-event-id",
    )
    assert "last-event-id" in response.headers["Access-Control-Allow-Headers"].lower()
    response, _ = web.get("/cryptos/", Origin=FRIEND)
    assert response.headers["Access-Control-Allow-Origin"] is None


def test_a_reader_that_never_reads_delays_nobody(shared: Shared) -> None:
    large = [quote(f"coin-{n}", str(n + 1), name="x" * 150) for n in range(200)]
    with request(shared.web.port, buffer=4096) as stalled, request(shared.web.port) as quick:
        stalled.recv(1)
        for _ in range(15):
            sent = tick(shared.app, *large)
            read_until(quick, f"id: {sent.id}\n".encode(), b"]}\n\n")


def test_a_dead_relay_ends_the_worker_and_another_takes_its_place(
    app: Flask, settings: SettingsFactory, tmp_path: Path
) -> None:
    tick(app)
    crashing = "tests.support.crashing_relay:app"
    with Web(settings(), tmp_path / "web.log", application=crashing) as web:
        (worker,) = web.workers
        wait_for(lambda: "subscribed to the feed" in web.child.output)
        tick(app)
        wait_for(lambda: web.workers and web.workers != [worker], 20)
        assert "relay died: this process ends" in web.child.output


def test_a_server_that_keeps_its_sockets_streams_the_same(make_app: AppFactory) -> None:
    """Flask's own server, with threads and without gevent: through a socket pair."""
    app = make_app(heartbeat=1)
    tick(app)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    serving = threading.Thread(target=server.serve_forever, args=(0.05,))
    serving.start()
    try:
        with request(server.port) as sock:
            read_until(sock, b"retry: ", b"event: status", b"event: prices")
            sent = tick(app)
            read_until(sock, f"id: {sent.id}\n".encode())
        wait_for(lambda: services(app).hub.admission.total == 0)
    finally:
        server.shutdown()
        serving.join()
        server.server_close()


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl on the PATH")
def test_tls_in_the_process_streams_through_a_socket_pair(
    app: Flask, settings: SettingsFactory, tmp_path: Path
) -> None:
    tick(app)
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    wanted = ["-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost"]
    subprocess.run(
        ["openssl", "req", "-x509", *wanted, "-keyout", str(key), "-out", str(certificate)],
        check=True,
        capture_output=True,
    )
    port = free_port()
    options = ["--certfile", str(certificate), "--keyfile", str(key)]
    web = Web(settings(), tmp_path / "web.log", *options, port=port)
    with web.child:
        wait_for(lambda: "subscribed to the feed" in web.child.output, 20)
        curl = subprocess.Popen(
            ["curl", "-skN", f"https://127.0.0.1:{port}/stream"], stdout=subprocess.PIPE
        )
        with curl:
            next_id(curl)
            sent = tick(app)
            assert next_id(curl) == sent.id
            curl.kill()
