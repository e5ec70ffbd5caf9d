"""What the web process does with requests that are too big, too slow, or none at all.

All of it over raw sockets to the real process, with one good reader of the
stream beside it, who must not notice.
"""

import json
import os
import re
import resource
import select
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from tests.support.tools import wait_for
from tests.support.web_process import Shared, Web, read_until, request, rest_of, shared_web, tick
from tracker.server import request_limits
from tracker.server.request_limits import MAX_BODY, MAX_FIELDS, MAX_HEAD, MAX_LINE

HOST = b"Host: localhost\r\n"
GET = b"GET /api/prices HTTP/1.1\r\n" + HOST
POST = b"POST /api/prices HTTP/1.1\r\n" + HOST
SHORT_TIMEOUTS = "tests.support.short_timeouts:app"
REQUEST_LIMIT_S = 2.0
"""Seconds, as that one has it."""
WAIT_LIMIT_S = 10.0
"""Seconds for what ought to be at once."""

OF_THE_RELAY = r" logger=tracker\.(relay|messaging\.feed) "
"""What may be logged meanwhile where the machine is busy."""


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, _migrated_file: Path) -> Iterator[Shared]:
    """A web process with short timeouts, and room for 100 requests at one time."""
    folder = tmp_path_factory.mktemp("limits")
    room = ("--worker-connections", "100")
    with shared_web(
        folder, _migrated_file, *room, application=SHORT_TIMEOUTS, max_subscribers_per_ip=1000
    ) as shared:
        yield shared


@pytest.fixture
def web(shared: Shared) -> Web:
    return shared.web


def answer_to(port: int, sent: bytes) -> bytes:
    """Return all that is answered to *sent* until the server closes the connection."""
    with socket.create_connection(("127.0.0.1", port), timeout=WAIT_LIMIT_S) as sock:
        with suppress(BrokenPipeError, ConnectionResetError):  # it said no before all was sent
            sock.sendall(sent)
        return rest_of(sock)


def status_of(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


def field(name: str, size: int) -> bytes:
    """Return a header field of *size* bytes."""
    start = f"{name}: ".encode()
    return start + b"x" * (size - len(start) - 2) + b"\r\n"


REFUSED = {
    "bytes that are no text": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
    "NUL bytes": (b"\x00" * 100 + b"\r\n\r\n", 400),
    "a NUL in the address": (b"GET /\x00 HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "a NUL in a field": (GET + b"X: a\x00b\r\n\r\n", 400),
    "a return alone in a field": (GET + b"X: a\rY: b\r\n\r\n", 400),
    "a field without a colon": (GET + b"nonsense\r\n\r\n", 400),
    "a field's name with a space": (GET + b"Content-Length : 5\r\n\r\nhello", 400),
    "a field on two lines": (GET + b"X: a\r\n b\r\n\r\n", 400),
    "HTTP/0.9": (b"GET /api/prices\r\n", 400),
    "HTTP/2 at once": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    "a version that is none": (b"GET / HTTP/1.x\r\n\r\n", 400),
    "no Host": (b"GET /api/prices HTTP/1.1\r\n\r\n", 400),
    "two Hosts": (GET + HOST + b"\r\n", 400),
    "two Hosts of HTTP/1.0": (b"GET /api/prices HTTP/1.0\r\n" + HOST * 2 + b"\r\n", 400),
    "a Host that is none": (b"GET /api/prices HTTP/1.1\r\nHost: a/b\r\n\r\n", 400),
    "no Host beside an address with one": (b"GET http://x/api/prices HTTP/1.1\r\n\r\n", 400),
    "an address with an empty host": (b"GET http:///api/prices HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "an address with a user": (b"GET http://a@x/ HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "two spaces": (b"GET  / HTTP/1.1\r\n\r\n", 400),
    "a long address": (b"GET /?" + b"x" * MAX_LINE + b" HTTP/1.1\r\n" + HOST + b"\r\n", 414),
    "a line without an end": (b"G" * MAX_LINE, 414),
    "a long field": (GET + field("X", MAX_HEAD + 1) + b"\r\n", 431),
    "a field without an end": (GET + b"X: " + b"x" * MAX_HEAD, 431),
    "many fields": (GET + b"X: y\r\n" * MAX_FIELDS + b"\r\n", 431),
    "much in all": (GET + field("X", 2000) * 9 + b"\r\n", 431),
    "a length that is none": (POST + b"Content-Length: five\r\n\r\nhello", 400),
    "a length below nothing": (POST + b"Content-Length: -5\r\n\r\n", 400),
    "a length with a sign": (POST + b"Content-Length: +5\r\n\r\nhello", 400),
    "a length with a gap": (POST + b"Content-Length: 1_0\r\n\r\nhellohello", 400),
    "two lengths": (POST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!", 400),
    "an absurd length": (POST + b"Content-Length: 999999999999999999999999\r\n\r\n", 400),
    "a length above all": (POST + b"Content-Length: 999999999999999999\r\n\r\n", 413),
    "a body too big": (POST + b"Content-Length: %d\r\n\r\n" % (MAX_BODY + 1), 413),
    "ten megabytes": (POST + b"Content-Length: 10000000\r\n\r\n" + b"x" * 10_000_000, 413),
    "one announced": (POST + b"Expect: 100-continue\r\nContent-Length: 9999999\r\n\r\n", 413),
    "chunks": (POST + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", 411),
    "chunks in disguise": (POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 411),
    "chunks and a length, which a proxy may believe": (
        POST
        + b"Content-Length: %d\r\n" % len(b"0\r\n\r\n" + GET + b"\r\n")
        + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
        + GET
        + b"\r\n",
        411,
    ),
    "a body to HEAD": (b"HEAD / HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\n\r\nhello", 400),
}
ACCEPTED = [
    (GET + field("X", MAX_HEAD - len(HOST)) + b"\r\n", 200),
    (b"GET /api/prices?" + b"x" * (MAX_LINE - 28) + b" HTTP/1.1\r\n" + HOST + b"\r\n", 200),
    (GET + b"X: y\r\n" * (MAX_FIELDS - 1) + b"\r\n", 200),
    (POST + f"Content-Length: {MAX_BODY}\r\n\r\n".encode() + b"x" * MAX_BODY, 405),
    (b"GET /api/prices HTTP/1.0\r\n\r\n", 200),
    (b"GET /api/prices HTTP/1.1\r\nHost:\r\n\r\n", 200),
    (b"OPTIONS /api/prices HTTP/1.1\r\n" + HOST + b"\r\n", 200),
    (b"GET http://a.example/api/prices HTTP/1.1\r\n" + HOST + b"\r\n", 200),
    (b"GET HTTPS://a.example:8000/api/prices?a HTTP/1.1\r\n" + HOST + b"\r\n", 200),
    (b"GET http://a.example?a=b HTTP/1.1\r\n" + HOST + b"\r\n", 200),
    (b"GET /\xc3\xa4%00%ff HTTP/1.1\r\n" + HOST + b"\r\n", 404),
]


def test_it_is_refused_at_once_and_the_connection_ends(shared: Shared) -> None:
    """Nothing of it is logged: who sends nonsense would otherwise fill the disk."""
    web = shared.web
    log = web.child.output
    for what, (sent, status) in REFUSED.items():
        began_at = time.monotonic()
        answer = answer_to(web.port, sent)
        assert time.monotonic() - began_at < REQUEST_LIMIT_S * 0.75, what
        assert answer.count(b"HTTP/1.1 ") == 1, what
        head, body = answer.split(b"\r\n\r\n", 1)
        assert status_of(head) == status, what
        assert b"Content-Type: application/problem+json" in head
        problem = json.loads(body)
        assert problem["status"] == status
        assert problem["detail"].startswith("accepted: ")
    logged = web.child.output[len(log) :].splitlines()
    assert [line for line in logged if not re.search(OF_THE_RELAY, line)] == []


@pytest.mark.faults
def test_chunks_without_an_end_are_not_waited_for(web: Web) -> None:
    sent = POST + b"Transfer-Encoding: chunked\r\n\r\n"
    began_at = time.monotonic()
    with socket.create_connection(("127.0.0.1", web.port)) as sock:
        sock.sendall(sent)
        with pytest.raises(OSError, match=r"."):  # noqa: PT012 - the loop ends by it
            while time.monotonic() - began_at < WAIT_LIMIT_S:
                sock.sendall(b"5\r\nhello\r\n" * 1000)


def test_what_is_just_small_enough_is_answered(shared: Shared) -> None:
    for sent, status in ACCEPTED:
        with socket.create_connection(("127.0.0.1", shared.web.port), timeout=5) as sock:
            sock.sendall(sent)
            assert status_of(sock.recv(65536)) == status, sent[:80]


def test_the_host_of_an_address_counts_more_than_that_of_the_field(web: Web) -> None:
    sent = b"GET http://a.example/api/docs HTTP/1.1\r\nConnection: close\r\n" + HOST + b"\r\n"
    answer = answer_to(web.port, sent)
    assert re.search(rb"curl (&#39;|')http://a\.example/", answer)
    assert b"//localhost" not in answer


def test_a_body_that_waits_to_be_asked_for_is(web: Web) -> None:
    with socket.create_connection(("127.0.0.1", web.port), timeout=5) as sock:
        sock.sendall(POST + b"Expect: 100-continue\r\nContent-Length: 5\r\n\r\n")
        assert status_of(sock.recv(65536)) == 100
        sock.sendall(b"hello")
        assert status_of(sock.recv(65536)) == 405


def test_requests_sent_at_once_are_answered_in_order(web: Web) -> None:
    asked = GET + b"\r\n"
    body = POST + b"Content-Length: 5\r\n\r\nhello"
    last = b"GET /nowhere HTTP/1.1\r\nConnection: close\r\n" + HOST + b"\r\n"
    answer = answer_to(web.port, asked * 20 + body + asked + last)
    statuses = [int(part[:3]) for part in answer.split(b"HTTP/1.1 ")[1:]]
    assert statuses == [200] * 20 + [405, 200, 404]


def test_those_who_drip_are_told_so_and_cut_in_time(shared: Shared) -> None:
    assert max(request_limits.IDLE_LIMIT, request_limits.REQUEST_LIMIT) <= 10
    assert request_limits.ANSWER_LIMIT <= 30
    starts = [b"GET /api", GET + b"X: ", POST + b"Content-Length: 5000\r\n\r\n"]
    with ExitStack() as stack:
        answers: dict[socket.socket, bytes] = {}
        for start in starts:
            sock = stack.enter_context(socket.create_connection(("127.0.0.1", shared.web.port)))
            sock.sendall(start)
            answers[sock] = b""
        began_at, dripping = time.monotonic(), set(answers)
        while dripping:
            readable = select.select(dripping, [], [], 0.2)[0]
            for sock in set(dripping):
                if sock not in readable:
                    sock.send(b"x")
                elif data := sock.recv(65536):
                    answers[sock] += data
                else:
                    dripping.remove(sock)
        cut_after = time.monotonic() - began_at
    assert {status_of(answer) for answer in answers.values()} == {408}
    assert REQUEST_LIMIT_S - 0.5 < cut_after < REQUEST_LIMIT_S + request_limits.LINGER + 3


def test_those_who_say_nothing_are_let_go_without_a_word(web: Web) -> None:
    """A word would be taken for the answer to a request that is just on its way."""
    with socket.create_connection(("127.0.0.1", web.port), timeout=WAIT_LIMIT_S) as silent:
        with request(web.port, "/api/prices") as kept:
            read_until(kept, b"]}]}")
            kept.settimeout(WAIT_LIMIT_S)
            assert kept.recv(10) == b""
        assert silent.recv(10) == b""


@pytest.mark.faults
def test_two_hundred_with_half_a_request_keep_nobody_out_and_are_gone_in_time(
    shared: Shared,
) -> None:
    """There is room for a hundred requests at one time: who has waited longest makes place."""
    web = shared.web
    with ExitStack() as stack:
        reader = stack.enter_context(request(web.port))
        read_until(reader, b"event: prices")
        before = web.descriptors()
        address = ("127.0.0.1", web.port)
        halves = [
            stack.enter_context(socket.create_connection(address, WAIT_LIMIT_S)) for _ in range(200)
        ]
        for sock in halves:
            sock.sendall(b"GET /stream HTTP/1.1\r\nHost: local")
        for _ in range(20):
            began_at = time.monotonic()
            assert web.get("/api/prices")[0].status == 200
            assert time.monotonic() - began_at < 2
        newcomer = stack.enter_context(request(web.port))
        read_until(newcomer, b"event: prices")
        sent = tick(shared.app)
        for sock in (reader, newcomer):
            read_until(sock, f"id: {sent.id}\n".encode())
        wait_for(
            lambda: web.descriptors() <= before + 2, REQUEST_LIMIT_S + 5, "the halves to be gone"
        )
        for sock in halves:
            with suppress(ConnectionResetError):
                assert rest_of(sock)[:12] in (b"", b"HTTP/1.1 408")


@pytest.mark.faults
def test_who_takes_no_answer_does_not_keep_its_place(web: Web) -> None:
    """It asks and asks, and reads nothing: the kernel's buffers are full at some time."""
    with ExitStack() as stack:
        greedy = stack.enter_context(request(web.port, "/api/openapi.json", buffer=1))
        greedy.setblocking(False)
        asked = (b"GET /api/openapi.json HTTP/1.1\r\n" + HOST + b"\r\n") * 1000
        with pytest.raises(OSError):  # noqa: PT011, PT012 - reset, when it has been let go
            while True:
                try:
                    greedy.send(asked)
                except BlockingIOError:
                    assert web.get("/api/prices", Connection="close")[0].status == 200
                    select.select([], [greedy], [], 0.2)
    assert "Traceback" not in web.child.output


def test_newcomers_wait_for_a_descriptor_and_readers_read_on(shared: Shared) -> None:
    web = shared.web
    with ExitStack() as stack:
        reader = stack.enter_context(request(web.port))
        read_until(reader, b"event: prices")
        (pid,) = web.workers
        highest = max(int(fd) for fd in os.listdir(f"/proc/{pid}/fd"))
        before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (highest + 1, before[1]))
        for _ in range(5):
            stack.enter_context(request(web.port))
        wait_for(lambda: "a connection has to wait" in web.child.output)
        read_until(reader, str(tick(shared.app).id).encode())

        resource.prlimit(pid, resource.RLIMIT_NOFILE, before)
        assert web.get("/api/prices")[0].status == 200
        assert "Traceback" not in web.child.output
        assert web.child.output.count("a connection has to wait") <= 2
