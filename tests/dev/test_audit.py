"""The audit of what is pinned: an answer is told, and having none is no failure."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from dev import audit
from dev.embedded_redis import free_port

Answer = Callable[[dict[str, Any]], dict[str, Any]]


class Osv:
    """A small OSV: answers each question by `answer`, or, while `silent` is set, not at all."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.answer: Answer = lambda question: {}
        self.silent = False
        self._over = threading.Event()
        osv = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                question = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                osv.asked.append(question)
                if osv.silent:
                    osv._over.wait()
                    return
                body = json.dumps(osv.answer(question)).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                """Be quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1/query"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def close(self) -> None:
        self._over.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def osv() -> Iterator[Osv]:
    osv = Osv()
    yield osv
    osv.close()


def flask_is_bad(question: dict[str, Any]) -> dict[str, Any]:
    if question["package"]["name"] != "flask":
        return {}
    events = [{"introduced": "0"}, {"fixed": "99.1"}]
    affected = {
        "package": {"name": "flask", "ecosystem": "PyPI"},
        "ranges": [{"type": "ECOSYSTEM", "events": events}],
    }
    bug = {"id": "PYSEC-2026-1", "aliases": ["CVE-2026-1"], "summary": "Sings at night."}
    return {"vulns": [bug | {"affected": [affected]}]}


def test_all_that_is_pinned_is_asked_about(osv: Osv, capsys: pytest.CaptureFixture[str]) -> None:
    assert audit.main(osv.url, 60) == 0
    asked = {one["package"]["name"] for one in osv.asked}
    wanted = {canonicalize_name(Requirement(line).name) for line in audit.pinned()}
    assert len(asked) == len(audit.pinned()) > 50
    assert asked == wanted
    assert capsys.readouterr().err == f"{len(asked)} packages audited, 0 bugs.\n"


def test_a_known_vulnerability_fails_with_what_it_is(
    osv: Osv, capsys: pytest.CaptureFixture[str]
) -> None:
    osv.answer = flask_is_bad
    assert audit.main(osv.url, 60) == 1
    told = capsys.readouterr().err
    assert "PYSEC-2026-1 CVE-2026-1; mended in 99.1\nSings at night." in told
    assert told.startswith("flask ")


def test_without_the_network_nothing_fails(capsys: pytest.CaptureFixture[str]) -> None:
    assert audit.main(f"http://127.0.0.1:{free_port()}/", 60) == 0
    told = capsys.readouterr().err
    assert told.startswith("Dependencies were not audited: ")
    assert told.count("\n") == 1


def test_a_service_that_says_nothing_is_not_waited_for(
    osv: Osv, capsys: pytest.CaptureFixture[str]
) -> None:
    osv.silent = True
    assert audit.main(osv.url, 3) == 0
    assert "did not answer all questions within 3 s\n" in capsys.readouterr().err
