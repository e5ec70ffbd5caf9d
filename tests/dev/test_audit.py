"""The audit of what is pinned: a vulnerability fails, a service that does not answer does not."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from packaging.requirements import Requirement

from dev import audit


class Osv(HTTPServer):
    """A small OSV in which Flask alone may be vulnerable."""

    queries: tuple[dict[str, Any], ...] = ()
    is_flask_vulnerable = False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1/querybatch"


class OsvHandler(BaseHTTPRequestHandler):
    server: Osv

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.queries = tuple(json.loads(body)["queries"])
        bad = "flask" if self.server.is_flask_vulnerable else None
        results: list[dict[str, Any]] = [
            {"vulns": [{"id": "PYSEC-2026-1"}]} if query["package"]["name"].lower() == bad else {}
            for query in self.server.queries
        ]
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps({"results": results}).encode())

    def log_message(self, *_: Any) -> None:
        """Keep the tests' output clean."""


@pytest.fixture
def osv() -> Iterator[Osv]:
    with Osv(("127.0.0.1", 0), OsvHandler) as osv:
        thread = threading.Thread(target=osv.serve_forever, args=(0.02,))
        thread.start()
        yield osv
        osv.shutdown()
        thread.join()


def test_every_pinned_package_is_audited(osv: Osv, capsys: pytest.CaptureFixture[str]) -> None:
    assert audit.main(osv.url) == 0
    audited = {f"{one['package']['name']}=={one['version']}" for one in osv.queries}
    pins = map(Requirement, audit.pinned())
    assert audited == {f"{pin.name}{pin.specifier}" for pin in pins}
    assert len(audited) > 50
    assert capsys.readouterr().err == f"{len(osv.queries)} packages audited, 0 vulnerabilities.\n"


def test_a_vulnerability_fails_with_its_address(
    osv: Osv, capsys: pytest.CaptureFixture[str]
) -> None:
    osv.is_flask_vulnerable = True
    assert audit.main(osv.url) == 1
    line, _ = capsys.readouterr().err.splitlines()
    assert line.startswith("Flask ")
    assert line.endswith(": https://osv.dev/vulnerability/PYSEC-2026-1")


def test_without_an_answer_nothing_fails(capsys: pytest.CaptureFixture[str]) -> None:
    with HTTPServer(("127.0.0.1", 0), OsvHandler) as silent:
        assert audit.main(f"http://127.0.0.1:{silent.server_port}/", timeout_s=0.1) == 0
    error = capsys.readouterr().err
    assert error.startswith("Dependencies were not audited: ")
    assert error.count("\n") == 1
