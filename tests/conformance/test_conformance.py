"""The kit passes here, and fails servers that do wrong: a kit that passes all proves nothing."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.conformance.points import POINTS, Server
from tests.support.tools import ROOT
from tests.support.web_process import shared_web, tick

FRIEND = "https://friend.example"
GOOD = b"retry: 1000\n\nevent: a\nid: 1\ndata: x\n\nevent: a\nid: 2\ndata: y\n\n"
TYPE = ("Content-Type", "text/event-stream")


@pytest.mark.faults
def test_the_product_passes_every_point(tmp_path: Path, _migrated_file: Path) -> None:  # noqa: PT019
    """A tick comes every 0.2 s, and now and then there is a silence of 1.6 s."""
    over = threading.Event()

    def publish() -> None:
        count = 0
        while not over.wait(1.6 if count % 6 == 5 else 0.2):
            tick(app)
            count += 1

    with shared_web(
        tmp_path, _migrated_file, max_subscribers_per_ip=1000, heartbeat=1, cors_origins=(FRIEND,)
    ) as (web, app):
        thread = threading.Thread(target=publish)
        thread.start()
        try:
            url = f"http://127.0.0.1:{web.port}/stream"
            server = Server(url=url, interval=3, heartbeat=1, origin=FRIEND)
            verdicts = {point.name: point.examine(server) for point in POINTS}
        finally:
            over.set()
            thread.join()
    assert len(verdicts) == 24
    assert {name: v for name, v in verdicts.items() if v.outcome != "pass"} == {}


@contextmanager
def answering(
    body: bytes = GOOD, *, status: int = 200, headers: tuple[tuple[str, str], ...] = (TYPE,)
) -> Iterator[str]:
    """Give the address of a server that gives the same answer to everybody."""

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

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = False
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/stream"
        server.shutdown()
        thread.join()


EVENT = b"event: prices\nid: %d\ndata: %s\n\n"


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("status", {"status": 503}),
        ("content type", {"headers": (("Content-Type", "text/event-stream; charset=latin-1"),)}),
        ("grammar", {"body": b"data: \xff\n\n"}),
        ("grammar", {"body": b"price: 1\n\n"}),
        ("grammar", {"body": b"retry: 1.5\n\ndata: x\n\n"}),
        ("grammar", {"body": b"event: a\n\ndata: x\n\n"}),
        ("ids travel", {"body": b"id: " + b"1" * 129 + b"\ndata: x\n\n"}),
        ("head", {"body": b"", "status": 405}),
        ("not for caches", {}),
        ("other methods", {}),
        ("gzip is not held back", {"body": b"", "headers": (TYPE, ("Content-Encoding", "gzip"))}),
        ("gzip is asked for", {"headers": (TYPE, ("Content-Encoding", "br"))}),
        ("cors", {"headers": (TYPE, ("Access-Control-Allow-Origin", "https://else.example"))}),
        ("cors preflight", {}),
        ("strange last event ids", {"status": 500}),
        ("opens with retry", {}),  # the same for all
        ("opens with retry", {"body": b"data: x\n\nretry: 5\n\n"}),
        ("then status", {"body": b'retry: 1\n\nevent: status\ndata: {"state": "live"}\n\n'}),
        ("then status", {"body": b"event: status\ndata: no JSON\n\n"}),
        ("snapshot at once", {}),
        ("ticks", {"body": EVENT % (2, b'{"id": 2}') * 3}),
        ("every tick is the whole state", {"body": EVENT % (1, b'{"quotes": [{}]}')}),
        ("resume by header", {"body": b"".join(EVENT % (id, b"{}") for id in (1, 2, 3))}),
        ("resume with the newest", {"body": EVENT % (1, b"{}")}),
        ("a gap is told", {}),
        ("heartbeat", {}),
        ("some coins", {"body": EVENT % (1, b'{"quotes": [{"id": "a"}, {"id": "b"}]}')}),
    ],
)  # fmt: skip
def test_what_is_wrong_fails_its_point(name: str, wrong: dict[str, object]) -> None:
    (point,) = [point for point in POINTS if point.name == name]
    with answering(**wrong) as url:  # type: ignore[arg-type]
        server = Server(url=url, interval=0.3, heartbeat=0.1, origin=FRIEND)
        assert point.examine(server).outcome == "fail"


def test_the_command_prints_a_verdict_per_point_and_ends_with_the_worst() -> None:
    names = ("status", "content type", "grammar", "ids travel", "other methods")
    only = [argument for name in names for argument in ("--only", name)]
    command = [sys.executable, "-m", "tests.conformance", "--standard", "--interval", "1", *only]
    with answering() as url:
        run = subprocess.run([*command, url], cwd=ROOT, capture_output=True, text=True)
    lines = run.stdout.splitlines()
    assert lines[0] == "✔ standard  status: status 200"
    assert [line[0] for line in lines[:5]] == [*"✔✔✔✔✘"], "what a good answer has, and a POST's"
    assert lines[-1] == "4 pass, 1 fail, 0 not seen"
    assert run.returncode == 1
