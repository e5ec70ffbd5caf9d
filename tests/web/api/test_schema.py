"""The live server does as its description says, whatever schemathesis thinks of asking.

The stream never ends, so the only seat is taken, and it ends for all others at once.
"""

import subprocess
import sys
from pathlib import Path

import pytest
from flask import Flask

from tests.conftest import SettingsFactory
from tests.support.schema_hooks import KNOWN
from tests.support.tools import ROOT, environment, quote, wait_for
from tests.support.web_process import Web, exchange_rates, request, tick

pytestmark = pytest.mark.faults

EXAMPLES = 25
"""Of each operation, on top of those at the edges of what is described."""


def test_it_does_as_it_says(app: Flask, settings: SettingsFactory, tmp_path: Path) -> None:
    tick(app, *map(quote, KNOWN))
    exchange_rates(app, eur="0.92")
    with Web(settings(max_subscribers=1), tmp_path / "web.log") as web:
        wait_for(lambda: web.get("/readyz")[0].status == 200, what="the web to be ready")
        with request(web.port) as seat:
            assert seat.recv(4096)
            done = subprocess.run(
                [
                    sys.executable, "-m", "schemathesis.cli", "run",
                    f"http://127.0.0.1:{web.port}/api/openapi.json", "--no-color", "--seed", "1",
                    "--generation-deterministic", "--continue-on-failure",
                    "--header", "Accept: text/event-stream, */*;q=0.5",
                    "--exclude-path", "/watch",  # has a 503 for those without a seat
                    "--max-examples", str(EXAMPLES),
                ],
                cwd=tmp_path,
                env=environment(
                    SCHEMATHESIS_HOOKS="tests.support.schema_hooks", PYTHONPATH=str(ROOT)
                ),
                capture_output=True,
                text=True,
                timeout=100,
            )  # fmt: skip
        assert done.returncode == 0, f"{done.stdout}{done.stderr}"
        assert "10 selected / 11 total" in done.stdout
        assert "Traceback" not in web.child.output
