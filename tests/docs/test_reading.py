"""Every example of docs/reading.md runs as it stands, against the real web process."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.support.browser import Open
from tests.support.tools import ROOT, quote, wait_for
from tests.support.web_process import Shared, shared_web, tick

pytestmark = pytest.mark.faults

BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
TEXT = (ROOT / "docs" / "reading.md").read_text()
BLOCKS = [(kind, code) for kind, code in BLOCK.findall(TEXT)]
PROGRAMS = [(kind, code) for kind, code in BLOCKS if kind != "html"]
PAGES = [code for kind, code in BLOCKS if kind == "html"]
Publish = Callable[[str], None]
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


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, _migrated_file: Path) -> Iterator[Shared]:
    folder = tmp_path_factory.mktemp("web")
    with shared_web(folder, _migrated_file, cors_origins=("*",)) as shared:
        yield shared


@pytest.fixture
def publish(shared: Shared) -> Publish:
    """Return what publishes bitcoin's price with ether's; one is there already."""

    def publish(price: str) -> None:
        tick(shared.app, quote("bitcoin", price), quote("ethereum", "3512.5"))

    publish("97012.5")
    return publish


def says(output: Path, words: str) -> bool:
    return words in output.read_text()


def here(code: str, shared: Shared) -> str:
    """Return an example with the test's address in place of the document's."""
    assert ADDRESS in code
    return code.replace(ADDRESS, f"http://127.0.0.1:{shared.web.port}")


def test_the_document_has_all_kinds_of_examples() -> None:
    assert {kind for kind, _ in BLOCKS} == {"sh", "python", "js", "html"}
    assert len(PAGES) == 2
    assert len(PROGRAMS) == 6


@pytest.mark.parametrize(("kind", "code"), PROGRAMS, ids=[code[:40] for _, code in PROGRAMS])
def test_a_program_prints_each_tick_as_it_comes(
    shared: Shared, publish: Publish, tmp_path: Path, kind: str, code: str
) -> None:
    for program in {"js": ["node"], "sh": ["curl", "jq"]}.get(kind, []):
        if shutil.which(program) is None:
            pytest.skip(f"needs {program} on the PATH")
    with running(kind, here(code, shared), tmp_path) as output:
        wait_for(lambda: "97012.5" in output.read_text(), what="the newest price at once")
        for price in ("98000.25", "98001.75"):
            publish(price)
            wait_for(partial(says, output, price), what=f"{price} as it came")
        if "Last-Event-ID: 1" in code:
            assert "event: resume" in output.read_text()


def test_another_origins_page_shows_the_price_live(
    shared: Shared, publish: Publish, tmp_path: Path, new_page: Open
) -> None:
    with serving(tmp_path, here(PAGES[0], shared)) as address:
        page = new_page()
        page.goto(address)
        expect(page.locator("#price")).to_have_text("97012.5")
        publish("98000.25")
        expect(page.locator("#price")).to_have_text("98000.25")


def test_the_frame_shows_its_coins_live_on_another_origins_page(
    shared: Shared, publish: Publish, tmp_path: Path, new_page: Open
) -> None:
    with serving(tmp_path, f"<!doctype html>{here(PAGES[1], shared)}") as address:
        page = new_page(locale="en-US")
        page.goto(address)
        frame = page.frame_locator("iframe")
        expect(frame.locator("[data-indicator]")).to_have_attribute("data-state", "live")
        publish("98000.25")
        expect(frame.locator("[data-coin=bitcoin]")).to_contain_text("$98,000.25")
