"""Every example of reading the stream runs as it stands, against the real web process.

The recipes at the end of docs/reading.md are in `test_recipes`.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Response
from playwright.sync_api import expect

from tests.support.browser import Open
from tests.support.serving import serving
from tests.support.tools import ROOT, Child, quote, wait_for
from tests.support.web_process import Shared, exchange_rates, shared_web, tick

pytestmark = pytest.mark.faults

BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
STREAM, _, RECIPES = (ROOT / "docs" / "reading.md").read_text().partition("\n## Recipes\n")
BLOCKS = BLOCK.findall(STREAM)
PROGRAMS = [(kind, code) for kind, code in BLOCKS if kind != "html"]
PAGES = [code for kind, code in BLOCKS if kind == "html"]
IN_TERMINAL = [
    command
    for document in ("README.md", "docs/reading.md")
    for command in re.findall(
        r"^curl (?:localhost|'localhost).*$", (ROOT / document).read_text(), re.MULTILINE
    )
]
ADDRESS = "http://localhost:8000"
COMMANDS = {
    "sh": ["bash", "-c"],
    "python": [sys.executable, "-c"],
    "js": ["node", "--input-type=module", "--eval"],
}
NEEDS = {"js": ["node"], "sh": ["curl", "jq"], "python": []}


def page_of(html: str) -> Response:
    return Response(html, mimetype="text/html")


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, _migrated_file: Path) -> Iterator[Shared]:
    """One web for all that do not end it."""
    folder = tmp_path_factory.mktemp("web")
    with shared_web(folder, _migrated_file, cors_origins=("*",)) as shared:
        yield shared


def send(shared: Shared, price: str) -> None:
    tick(shared.app, quote("bitcoin", price), quote("ethereum", "3512.5"))


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
    shared: Shared, tmp_path: Path, kind: str, code: str
) -> None:
    if not all(map(shutil.which, NEEDS[kind])):
        pytest.skip(f"needs {NEEDS[kind]} on the PATH")
    send(shared, "97012.5")
    command = (*COMMANDS[kind], here(code, shared))
    with Child(*command, env=dict(os.environ), log=tmp_path / "output") as child:
        wait_for(lambda: "97012.5" in child.output, what="the newest price at once")
        for price in ("98000.25", "98001.75"):
            tick(shared.app, quote("ethereum", "3512.5"))  # bitcoin's price is missing once
            send(shared, price)
            wait_for(lambda: price in child.output, what=f"{price} as it came")  # noqa: B023
        assert "event: resume" in child.output or "Last-Event-ID: 1" not in code


def test_another_origins_page_shows_the_price_live(shared: Shared, new_page: Open) -> None:
    send(shared, "97012.5")
    with serving(page_of(here(PAGES[0], shared))) as server:
        page = new_page()
        page.goto(f"http://127.0.0.1:{server.port}/")
        expect(page.locator("#price")).to_have_text("97012.5")
        tick(shared.app, quote("ethereum"))
        send(shared, "98000.25")
        expect(page.locator("#price")).to_have_text("98000.25")


def test_the_frame_shows_its_coins_live_on_another_origins_page(
    shared: Shared, new_page: Open
) -> None:
    with serving(page_of(f"<!doctype html>{here(PAGES[1], shared)}")) as server:
        page = new_page(locale="en-US")
        page.goto(f"http://127.0.0.1:{server.port}/")
        frame = page.frame_locator("iframe")
        expect(frame.locator("[data-indicator]")).to_have_attribute("data-state", "live")
        send(shared, "98000.25")
        expect(frame.locator("[data-coin=bitcoin]")).to_contain_text("$98,000.25")


def test_what_the_documents_ask_for_in_a_terminal_is_printed(
    shared: Shared, new_page: Open
) -> None:
    """A browser and a crawler get the page under the same addresses."""
    tick(shared.app, quote(symbol="btc"), quote("ethereum", symbol="eth"))
    exchange_rates(shared.app, eur="0.92")
    wait_for(lambda: shared.web.get("/api/rates")[0].status == 200)
    host = f"127.0.0.1:{shared.web.port}"
    others = ["wget -qO- localhost:8000", "wget -qO- localhost:8000/cryptos/btc?width=40"]
    assert len(IN_TERMINAL) == 6
    for command in (*IN_TERMINAL, *others):
        ran = subprocess.run(
            ["bash", "-c", command.replace("curl", "curl -sS").replace("localhost:8000", host)],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        text = re.sub(r"\x1b\[(0|1|2|31|32|33)m", "", ran.stdout)
        assert "● Live" in text, command
        assert re.search("Bitcoin|BTC", text), command
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", text), command
    bot = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
    assert shared.web.get("/cryptos/", User_Agent=bot)[1].startswith(b"<!doctype html>")
    page = new_page(locale="en-US")
    page.goto(f"http://{host}/")
    expect(page.locator("[data-coin=bitcoin]")).to_contain_text("$97,012.50")
