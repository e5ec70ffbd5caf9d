"""The kit passes here, and fails servers that do wrong: a kit that passes all proves nothing."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from flask import Flask

from tests.conformance.__main__ import examine
from tests.conformance.point import Server, Verdict
from tests.conformance.points import POINTS
from tests.support.tools import ROOT
from tests.support.web_process import shared_web, tick

FRIEND = "https://friend.example"
GOOD = b"retry: 1000\n\nevent: a\nid: 1\ndata: x\n\nevent: a\nid: 2\ndata: y\n\n"
TYPE = ("Content-Type", "text/event-stream")


@pytest.fixture(scope="module")
def stream(tmp_path_factory: pytest.TempPathFactory, _migrated_file: Path) -> Iterator[str]:
    """The product's stream, with a tick every 0.2 s and now and then a silence of 1.6 s."""
    folder = tmp_path_factory.mktemp("conformance")
    options = {"max_subscribers_per_ip": 1000, "heartbeat": 1, "cors_origins": (FRIEND,)}
    with shared_web(folder, _migrated_file, **options) as (web, app), _ticking(app):  # type: ignore[arg-type]
        yield f"http://127.0.0.1:{web.port}/stream"


@contextmanager
def _ticking(app: Flask) -> Iterator[None]:
    over = threading.Event()

    def go_on() -> None:
        count = 0
        while not over.wait(1.6 if count % 6 == 5 else 0.2):
            tick(app)
            count += 1

    thread = threading.Thread(target=go_on)
    thread.start()
    yield
    over.set()
    thread.join()


def test_the_product_passes_every_point(stream: str) -> None:
    server = Server(url=stream, interval=3, heartbeat=1, origin=FRIEND)
    verdicts = {point.name: examine(point, server) for point in POINTS}
    assert {name: v for name, v in verdicts.items() if v.outcome != "pass"} == {}


def test_the_command_prints_a_verdict_per_point_and_ends_with_the_worst(stream: str) -> None:
    command = [sys.executable, "-m", "tests.conformance", "--interval", "3", "--standard"]
    run = subprocess.run([*command, stream], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "✔ standard  status: status 200" in run.stdout
    run = subprocess.run(
        [*command, "--only", "status", stream.replace("/stream", "/no-stream")],
        cwd=ROOT, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert run.returncode == 1
    assert "✘ standard  status: status 404" in run.stdout


class Wrong(ThreadingHTTPServer):
    """A server that gives the same answer to everybody."""

    daemon_threads = False

    def __init__(self, body: bytes, status: int, headers: tuple[tuple[str, str], ...]) -> None:
        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                self.send_response(status)
                for header in headers:
                    self.send_header(*header)
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_HEAD = do_POST = do_OPTIONS = answer

            def log_message(self, *_: object) -> None:
                pass

        super().__init__(("127.0.0.1", 0), Handler)


def verdict(
    name: str,
    body: bytes = GOOD,
    *,
    status: int = 200,
    headers: tuple[tuple[str, str], ...] = (TYPE,),
) -> Verdict:
    """Return what the point *name* says of a server that answers so."""
    with Wrong(body, status, headers) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        (point,) = [point for point in POINTS if point.name == name]
        url = f"http://127.0.0.1:{server.server_port}/stream"
        found = examine(point, Server(url=url, interval=0.3, heartbeat=0.1, origin=FRIEND))
        server.shutdown()
        thread.join()
    return found


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("status", {"status": 503}),
        ("content type", {"headers": (("Content-Type", "text/plain"),)}),
        ("content type", {"headers": (("Content-Type", "text/event-stream; charset=latin-1"),)}),
        ("grammar", {"body": b"data: \xff\n\n"}),
        ("grammar", {"body": b"price: 1\n\n"}),
        ("grammar", {"body": b"retry: 1.5\n\ndata: x\n\n"}),
        ("grammar", {"body": b"event: a\n\ndata: x\n\n"}),
        ("grammar", {"body": b""}),
        ("ids travel", {"body": b'id: {"a"}\ndata: x\n\n'}),
        ("ids travel", {"body": b"id: " + b"1" * 129 + b"\ndata: x\n\n"}),
        ("head", {"body": b"", "status": 405}),
        ("not for caches", {}),
        ("other methods", {}),
        ("gzip is asked for", {"headers": (TYPE, ("Content-Encoding", "br"))}),
        ("cors", {}),
        ("cors", {"headers": (TYPE, ("Access-Control-Allow-Origin", "https://else.example"))}),
        ("cors preflight", {}),
        ("strange last event ids", {"status": 500}),
        ("opens with retry", {}),  # the same for all
        ("opens with retry", {"body": b"data: x\n\nretry: 5\n\n"}),
        ("then status", {}),
        ("then status", {"body": b'retry: 1\n\nevent: status\ndata: {"state": "live"}\n\n'}),
        ("then status", {"body": b"event: status\ndata: no JSON\n\n"}),
        ("snapshot at once", {}),
        ("resume with the newest", {"body": b"event: prices\nid: 1\ndata: {}\n\n"}),
        ("a gap is told", {}),
        ("heartbeat", {}),
        ("every tick is the whole state", {"body": b'event: prices\ndata: {"quotes": [{}]}\n\n'}),
        ("ticks", {"body": b'event: prices\nid: 2\ndata: {"id": 2}\n\n' * 3}),
        ("some coins", {"body": b'event: prices\ndata: {"quotes": [{"id": "a"}, {"id": "b"}]}\n\n'}),  # noqa: E501
    ],
)  # fmt: skip
def test_what_is_wrong_fails_its_point(name: str, wrong: dict[str, object]) -> None:
    assert verdict(name, **wrong).outcome == "fail"  # type: ignore[arg-type]


def test_a_replay_that_is_not_exact_fails() -> None:
    tick_at = b'event: prices\nid: %d\ndata: {"id": %d}\n\n'
    body = b"retry: 1\n\nevent: status\ndata: {}\n\n" + b"".join(
        tick_at % (id, id) for id in (1, 2, 3)
    )
    assert verdict("resume by header", body).outcome == "fail"


def test_a_good_answer_passes_the_standards_points() -> None:
    for name in ("status", "content type", "grammar", "ids travel", "gzip is asked for"):
        assert verdict(name).outcome == "pass"
