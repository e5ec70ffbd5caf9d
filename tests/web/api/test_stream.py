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
from tests.support.web_process import Web, descriptors, request, tick
from tracker.services import services


@pytest.fixture
def web(app: Flask, settings: SettingsFactory, tmp_path: Path) -> Iterator[Web]:
    """The web process on the database and the Redis of `app`, with one tick."""
    tick(app, quote("bitcoin", "0.10"), quote("ethereum", "2"))
    with Web(settings(max_subscribers_per_ip=1000), tmp_path / "web.log") as web:
        yield web


def read_until(sock: socket.socket, *parts: bytes) -> bytes:
    """Return what comes until all *parts* have."""
    data = b""
    while not all(part in data for part in parts):
        more = sock.recv(65536)
        assert more, f"the stream ended after {data!r}"
        data += more
    return data


def body_of(answer: bytes) -> bytes:
    return answer.split(b"\r\n\r\n", 1)[1]


def test_a_new_reader_gets_headers_retry_status_and_the_newest_tick_at_once(
    web: Web, app: Flask
) -> None:
    with app.app_context():
        newest = newest_of(services(app).backend.store)
    assert newest
    with request(web.port) as sock:
        answer = read_until(sock, newest.to_json().encode() + b"\n\n")
    head, body = answer.split(b"\r\n\r\n", 1)
    headers = head.decode().splitlines()
    assert headers[0] == "HTTP/1.1 200 OK"
    for header in (
        "Content-Type: text/event-stream; charset=utf-8",
        "Cache-Control: no-store, no-transform",
        "X-Accel-Buffering: no",
        "Connection: close",
    ):
        assert header in headers
    assert not any(header.startswith(("Transfer-Encoding", "Content-Length")) for header in headers)
    assert body.startswith(b"retry: ")
    status, prices = decode([body])
    assert (status.event, json.loads(status.data)["state"]) == ("status", "live")
    assert (prices.event, prices.id) == ("prices", str(newest.id))


def test_each_tick_reaches_curl_as_it_comes_plain_and_gzip(web: Web, app: Flask) -> None:
    with ExitStack() as stack:
        curls = []
        for option in ("--no-compressed", "--compressed"):
            curl = subprocess.Popen(
                ["curl", "-sN", option, f"http://127.0.0.1:{web.port}/stream"],
                stdout=subprocess.PIPE,
            )
            stack.enter_context(curl)
            stack.callback(curl.kill)
            curls.append(curl)
        for curl in curls:
            next_id(curl)
        for _ in range(3):
            sent = tick(app)
            assert [next_id(curl) for curl in curls] == [sent.id, sent.id]


def next_id(curl: subprocess.Popen[bytes]) -> int:
    assert curl.stdout is not None
    for line in curl.stdout:
        if line.startswith(b"id: "):
            return int(line[4:])
    raise AssertionError("curl ended")


@pytest.mark.parametrize("place", ["header", "address"])
def test_a_reader_that_returns_gets_what_it_missed(web: Web, app: Flask, place: str) -> None:
    sent = [tick(app).id for _ in range(4)]
    with request(web.port) as sock:  # until the web has them all
        read_until(sock, f"id: {sent[-1]}\n".encode())
    id = str(sent[0])
    asked = (
        request(web.port, Last_Event_ID=id)
        if place == "header"
        else request(web.port, f"/stream?last_event_id={id}")
    )
    with asked as sock:
        events = decode([body_of(read_until(sock, f"id: {sent[-1]}\n".encode(), b"\n\n"))])
    resume = next(event for event in events if event.event == "resume")
    assert json.loads(resume.data) == {
        "last_event_id": str(sent[0]),
        "recovered": True,
        "replayed": 3,
    }


def test_a_browsers_header_counts_more_than_the_address_it_began_with(web: Web, app: Flask) -> None:
    first, last = tick(app), tick(app)
    with request(web.port) as sock:
        read_until(sock, f"id: {last.id}\n".encode())
    with request(web.port, f"/stream?last_event_id={first.id}", Last_Event_ID=str(last.id)) as sock:
        assert b'"replayed": 0' in read_until(sock, b"event: resume", b"}\n\n")


def test_a_filtered_reader_gets_its_coins_alone(web: Web, app: Flask) -> None:
    with request(web.port, "/stream?coins=Ethereum,%20ethereum,") as sock:
        data = read_until(sock, b"event: prices", b"]}\n\n")
        assert b'"id":"ethereum"' in data
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


def test_readers_that_hang_up_leave_no_descriptor(web: Web, app: Flask) -> None:
    before = web.descriptors()
    with ExitStack() as stack:
        for _ in range(50):
            read_until(stack.enter_context(request(web.port)), b"event: prices")
        assert web.descriptors() >= before + 45
    wait_for(lambda: web.descriptors() <= before + 1)


def test_a_look_that_fails_for_a_reader_costs_no_place(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(id: int) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(services(app).relay, "sync_until", fail)
    answer = app.test_client().get("/stream", headers={"Last-Event-ID": "1"})
    assert answer.status_code == 500
    assert services(app).admission.total == 0


def test_readers_cost_no_greenlet(app: Flask, settings: SettingsFactory, tmp_path: Path) -> None:
    """With room for one greenlet, a hundred read, and a page is still served."""
    tick(app)
    with (
        Web(settings(), tmp_path / "web.log", "--worker-connections", "1") as web,
        ExitStack() as stack,
    ):
        for _ in range(100):
            read_until(stack.enter_context(request(web.port)), b"event: prices")
        assert web.get("/api/prices", Connection="close")[0].status == 200


def test_half_a_request_delays_neither_others_nor_the_end(web: Web) -> None:
    with socket.create_connection(("127.0.0.1", web.port)) as sock:
        sock.sendall(b"GET /stream HTTP/1.1\r\nHost: local")
        assert web.get("/api/prices")[0].status == 200
        web.child.process.terminate()
        assert web.child.wait(6) == 0


def test_term_lets_readers_go_with_a_delay_each_and_none_loses_a_tick(
    app: Flask, settings: SettingsFactory, tmp_path: Path
) -> None:
    """A restart: all that happened meanwhile is replayed by the process that follows."""
    tick(app)
    mine = settings(max_subscribers_per_ip=1000)
    with ExitStack() as stack:
        first = stack.enter_context(Web(mine, tmp_path / "first.log"))
        socks = [stack.enter_context(request(first.port)) for _ in range(30)]
        got = [read_until(sock, b"event: prices", b"]}\n\n") for sock in socks]
        first.child.process.send_signal(signal.SIGTERM)
        during = tick(app)
        got = [data + rest(sock) for data, sock in zip(got, socks, strict=True)]
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


def test_a_connection_that_is_kept_alive_does_not_delay_the_end(web: Web) -> None:
    with request(web.port, "/api/prices") as sock:
        read_until(sock, b"]}")
        web.child.process.terminate()
        assert web.child.wait(6) == 0


def rest(sock: socket.socket) -> bytes:
    """Return all until the server ends the stream."""
    data = b""
    sock.settimeout(30)
    while more := sock.recv(65536):
        data += more
    return data


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


def test_too_many_from_one_address_are_refused_so_that_a_browser_survives(
    app: Flask, settings: SettingsFactory, tmp_path: Path
) -> None:
    tick(app)
    with (
        Web(settings(max_subscribers_per_ip=1), tmp_path / "web.log") as web,
        request(web.port) as sock,
    ):
        read_until(sock, b"event: prices")
        response, body = web.get("/stream", Accept="text/event-stream")
        assert response.status == 200
        retry, comment = body.decode().splitlines()
        assert 20_000 <= int(retry.removeprefix("retry: ")) <= 100_000
        assert comment.startswith(": your address")
        response, body = web.get("/stream")
        assert response.status == 503
        assert int(response.headers["Retry-After"]) > 0
        assert "your address 127.0.0.1 has its 1 readers" in json.loads(body)["detail"]


def test_addresses_are_told_apart_behind_a_trusted_proxy_only(
    app: Flask, settings: SettingsFactory, tmp_path: Path
) -> None:
    tick(app)
    for proxies, admitted in ((0, False), (1, True)):
        mine = settings(max_subscribers_per_ip=1, trusted_proxies=proxies)
        with Web(mine, tmp_path / f"{proxies}.log") as web, ExitStack() as stack:
            first = stack.enter_context(request(web.port, X_Forwarded_For="10.0.0.1"))
            read_until(first, b"event: prices")
            second = stack.enter_context(
                request(web.port, X_Forwarded_For="10.0.0.2", Accept="text/event-stream")
            )
            wanted = b"event: prices" if admitted else b": your address"
            read_until(second, wanted)


def test_a_place_is_free_again_when_its_reader_has_gone(
    app: Flask, settings: SettingsFactory, tmp_path: Path
) -> None:
    tick(app)
    with Web(settings(max_subscribers=1), tmp_path / "web.log") as web:
        for _ in range(5):
            with request(web.port) as sock:
                read_until(sock, b"event: prices")
                assert web.get("/stream")[0].status == 503
            wait_for(lambda: is_admitted(web.port))


def is_admitted(port: int) -> bool:
    with request(port) as sock:
        return sock.recv(100).startswith(b"HTTP/1.1 200")


def test_pages_of_allowed_origins_may_read_and_others_may_not(
    app: Flask, settings: SettingsFactory, tmp_path: Path
) -> None:
    tick(app)
    mine = settings(cors_origins=("https://a.example",))
    with Web(mine, tmp_path / "web.log") as web:
        allowed, other = "https://a.example", "https://b.example"
        for path in ("/stream", "/api/prices"):
            response, _ = web.get(path, method="HEAD", Origin=allowed)
            assert response.headers["Access-Control-Allow-Origin"] == allowed
            response, _ = web.get(path, method="HEAD", Origin=other)
            assert response.headers["Access-Control-Allow-Origin"] is None
        response, _ = web.get(
            "/stream",
            method="OPTIONS",
            Origin=allowed,
            Access_Control_Request_Method="GET",
            Access_Control_Request_Headers="last-event-id",
        )
        assert "last-event-id" in response.headers["Access-Control-Allow-Headers"].lower()
        assert (
            web.get("/cryptos/", Origin=allowed)[0].headers["Access-Control-Allow-Origin"] is None
        )


def test_a_reader_that_never_reads_delays_nobody(web: Web, app: Flask) -> None:
    large = [quote(f"coin-{n}", str(n + 1), name="x" * 150) for n in range(200)]
    with (
        request(web.port, buffer=4096) as stalled,
        request(web.port) as quick,
    ):
        stalled.recv(1)
        for _ in range(30):
            sent = tick(app, *large)
            read_until(quick, f"id: {sent.id}\n".encode(), b"]}\n\n")


def test_a_dead_relay_ends_the_worker_and_another_takes_its_place(
    app: Flask, settings: SettingsFactory, tmp_path: Path
) -> None:
    tick(app)
    with Web(
        settings(), tmp_path / "web.log", application="tests.support.crashing_relay:app"
    ) as web:
        (worker,) = web.workers
        wait_for(lambda: "subscribed to the feed" in web.child.output)
        tick(app)
        wait_for(lambda: web.workers and web.workers != [worker], 20)
        assert "relay died: this process ends" in web.child.output


def test_a_server_that_keeps_its_sockets_streams_the_same(
    make_app: AppFactory,
) -> None:
    """Flask's own server, with threads and without gevent: through a socket pair."""
    app = make_app(heartbeat=1)
    tick(app)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    serving = threading.Thread(target=server.serve_forever)
    serving.start()
    try:
        with request(server.port) as sock:
            read_until(sock, b"retry: ", b"event: status", b"event: prices")
            sent = tick(app)
            read_until(sock, f"id: {sent.id}\n".encode())
        wait_for(lambda: services(app).admission.total == 0)
    finally:
        server.shutdown()
        serving.join()
        server.server_close()


def test_the_test_client_reads_the_stream_and_leaves_it(app: Flask) -> None:
    sent = tick(app)
    with app.test_client() as client:
        response = client.get("/stream", buffered=False)
        data = b""
        chunks = response.iter_encoded()
        while f"id: {sent.id}\n".encode() not in data:
            data += next(iter(chunks))
        response.close()
    wait_for(lambda: len(services(app).hub) == 0)
    assert services(app).admission.total == 0


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
