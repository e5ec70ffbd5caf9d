"""The audit of what is pinned: a vulnerability fails, a service that does not answer does not."""

import json
import socket
from typing import Any

import pytest
from packaging.requirements import Requirement
from werkzeug import Request, Response

from dev import audit
from tests.support.serving import serving


def test_every_pinned_package_is_audited_and_a_vulnerability_fails_with_its_address(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """At a small OSV in which Flask alone may be vulnerable."""
    bad: set[str] = set()
    asked: list[dict[str, Any]] = []

    @Request.application
    def osv(request: Request) -> Response:
        asked[:] = json.loads(request.get_data())["queries"]
        names = [query["package"]["name"] for query in asked]
        results = [{"vulns": [{"id": "PYSEC-2026-1"}]} if name in bad else {} for name in names]
        return Response(json.dumps({"results": results}))

    with serving(osv) as server:
        url = f"http://127.0.0.1:{server.port}/v1/querybatch"
        assert audit.main(url) == 0
        assert capsys.readouterr().err == f"{len(asked)} packages audited, 0 vulnerabilities.\n"
        audited = {f"{one['package']['name']}=={one['version']}" for one in asked}
        pins = map(Requirement, audit.pinned())
        assert audited == {f"{pin.name}{pin.specifier}" for pin in pins}
        assert len(audited) > 50
        bad.add("Flask")
        assert audit.main(url) == 1
    line, _ = capsys.readouterr().err.splitlines()
    assert line.startswith("Flask ")
    assert line.endswith(": https://osv.dev/vulnerability/PYSEC-2026-1")


def test_without_an_answer_nothing_fails(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert audit.main(f"http://127.0.0.1:{silent.getsockname()[1]}/", timeout_s=0.1) == 0
    error = capsys.readouterr().err
    assert error.startswith("Dependencies were not audited: ")
    assert error.count("\n") == 1
