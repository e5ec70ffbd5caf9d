"""Every example of docs/reading.md runs as it stands, against the real web process."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import expect

from dev.embedded_redis import free_port
from tests.conftest import SettingsFactory
from tests.support.browser import Open, needs_chromium
from tests.support.tools import ROOT, quote, wait_for
from tests.support.web_process import Web, tick

pytestmark = pytest.mark.faults

BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
TEXT = (ROOT / "docs" / "reading.md").read_text()
BLOCKS = [(kind, code) for kind, code in BLOCK.findall(TEXT)]
PROGRAMS = [(kind, code) for kind, code in BLOCKS if kind != "html"]
PAGES = [code for kind, code in BLOCKS if kind == "html"]
ADDRESS = "http://localhost:8000"
COMMANDS = {"sh": ["bash", "-c"], "python": [sys.executable, "-c"]}


@contextmanager
def running(kind: str, code: str, folder: Path) -> Iterator[Path]:
    """Run an example; give the file that has its output so far."""
    output = folder / "output"
    script = folder / "example.mjs"
    script.write_text(code)
    command = ["node", str(script)] if kind == "js" else [*COMMANDS[kind], code]
    with output.open("wb") as file:
        child = subprocess.Popen(command, stdout=file, stderr=file, start_new_session=True)
    try:
        yield output
    finally:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()


@contextmanager
def serving(folder: Path, text: str) -> Iterator[str]:
    """Serve *text* as a page of another origin; give its address."""
    (folder / "page.html").write_text(text)
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/page.html"
        server.shutdown()
        thread.join()


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def web(app: Flask, settings: SettingsFactory, tmp_path: Path) -> Iterator[Web]:
    tick(app, quote("bitcoin", "97012.5"), quote("ethereum", "3512.25"))
    port = free_port()
    with Web(settings(cors_origins=("*",)), tmp_path / "web.log", port=port) as web:
        yield web


def says(output: Path, words: str) -> bool:
    return words in output.read_text()


def here(code: str, web: Web) -> str:
    """Return an example with the test's address in place of the document's."""
    assert ADDRESS in code
    return code.replace(ADDRESS, f"http://127.0.0.1:{web.port}")


def test_the_document_has_all_kinds_of_examples() -> None:
    assert {kind for kind, _ in BLOCKS} == {"sh", "python", "js", "html"}
    assert len(PAGES) == 2
    assert len(PROGRAMS) == 6


@pytest.mark.parametrize(("kind", "code"), PROGRAMS, ids=[code[:40] for _, code in PROGRAMS])
def test_a_program_prints_each_tick_as_it_comes(
    web: Web, app: Flask, tmp_path: Path, kind: str, code: str
) -> None:
    for program in {"js": ["node"], "sh": ["curl", "jq"]}.get(kind, []):
        if shutil.which(program) is None:
            pytest.skip(f"needs {program} on the PATH")
    with running(kind, here(code, web), tmp_path) as output:
        wait_for(lambda: "97012.5" in output.read_text(), what="the newest price at once")
        for price in ("98000.25", "98001.75"):
            tick(app, quote("bitcoin", price), quote("ethereum", "3512.5"))
            wait_for(partial(says, output, price), what=f"{price} as it came")
        if "Last-Event-ID: 1" in code:
            assert "event: resume" in output.read_text()


def test_the_program_that_comes_back_misses_nothing(
    web: Web, app: Flask, settings: SettingsFactory, tmp_path: Path
) -> None:
    (code,) = (code for kind, code in PROGRAMS if "httpx_sse" in code)
    with running("python", here(code, web), tmp_path) as output:
        wait_for(lambda: "97012.5" in output.read_text())
        web.child.end(30)
        sent = [tick(app, quote("bitcoin", price)).id for price in ("1.25", "1.5", "1.75")]
        again = Web(settings(), tmp_path / "again.log", port=web.port)
        with again:
            wait_for(lambda: "1.75" in output.read_text(), 20)
        printed = [
            int(line.split()[0]) for line in output.read_text().splitlines() if line[0] == "1"
        ]
    assert printed[1:] == sent


@needs_chromium
def test_another_origins_page_shows_the_price_live(
    web: Web, app: Flask, tmp_path: Path, new_page: Open
) -> None:
    with serving(tmp_path, here(PAGES[0], web)) as address:
        page = new_page()
        page.goto(address)
        expect(page.locator("#price")).to_have_text("97012.5")
        tick(app, quote("bitcoin", "98000.25"))
        expect(page.locator("#price")).to_have_text("98000.25")


@needs_chromium
def test_the_frame_shows_its_coins_live_on_another_origins_page(
    web: Web, app: Flask, tmp_path: Path, new_page: Open
) -> None:
    with serving(tmp_path, f"<!doctype html>{here(PAGES[1], web)}") as address:
        page = new_page(locale="en-US")
        page.goto(address)
        frame = page.frame_locator("iframe")
        expect(frame.locator("[data-indicator]")).to_have_attribute("data-state", "live")
        tick(app, quote("bitcoin", "98000.25"), quote("ethereum", "3512.5"))
        expect(frame.locator("[data-coin=bitcoin]")).to_contain_text("$98,000.25")
