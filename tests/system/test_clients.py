"""What others read the stream with: each over a restart of the server, each with nothing lost."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from flask import Flask

from dev.embedded_redis import free_port
from tests.conftest import SettingsFactory
from tests.support.browser import Open, needs_chromium
from tests.support.tools import ROOT, Child, environment, wait_for
from tests.support.web_process import Web, tick

pytestmark = pytest.mark.faults

HERE = ROOT / "tests" / "support" / "clients"
EVENTSOURCE = ROOT / "tests" / "npm" / "by_eventsource.mjs"
COMMANDS = {
    "curl": ("bash", str(HERE / "curl.sh")),
    "httpx-sse": ("python", str(HERE / "by_httpx_sse.py")),
    "sseclient-py": ("python", str(HERE / "by_sseclient.py")),
    "node's eventsource": ("node", str(EVENTSOURCE)),
}
PACE = 0.1
"""Seconds between two ticks."""

Ids = Callable[[], list[int]]

needs_npm = pytest.mark.skipif(
    not (EVENTSOURCE.parent / "node_modules" / "eventsource").is_dir(),
    reason="needs `npm ci` in tests/npm, which make test does",
)


class Restarted:
    """The web process, which a test ends and starts again while ticks are made."""

    def __init__(self, app: Flask, settings: SettingsFactory, folder: Path) -> None:
        self.app = app
        self.settings = settings(retry=1, max_subscribers_per_ip=100)
        self.folder = folder
        self.port = free_port()
        self.made: list[int] = []
        self._over = threading.Event()
        self._web = ExitStack()
        self._starts = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/stream"

    def start(self) -> None:
        log = self.folder / f"web-{self._starts}.log"
        self._starts += 1
        self._web.enter_context(Web(self.settings, log, port=self.port))

    def end(self) -> None:
        """End it as a power cut would."""
        self._web.close()

    @contextmanager
    def ticking(self) -> Iterator[None]:
        maker = threading.Thread(target=self._make_ticks)
        maker.start()
        try:
            yield
        finally:
            self._over.set()
            maker.join()

    def _make_ticks(self) -> None:
        while not self._over.wait(PACE):
            self.made.append(tick(self.app).id)


@pytest.fixture
def server(app: Flask, settings: SettingsFactory, tmp_path: Path) -> Iterator[Restarted]:
    server = Restarted(app, settings, tmp_path)
    server.made.append(tick(app).id)
    server.start()
    yield server
    server.end()


def over_a_restart(server: Restarted, ids: Ids) -> None:
    """See that whoever has *ids* gets every tick once, in order, over a restart."""
    with server.ticking():
        wait_for(lambda: len(ids()) >= 5, 20, "the first ticks")
        server.end()
        gone = len(server.made)
        wait_for(lambda: len(server.made) >= gone + 5, 10, "ticks that nobody serves")
        server.start()
        wait_for(lambda: ids()[-1] > server.made[gone + 5], 30, "ticks after the restart")
    wait_for(lambda: ids()[-1] == server.made[-1], 20, "the last tick")
    got = ids()
    assert got == server.made[server.made.index(got[0]) :]


@pytest.mark.parametrize(
    "client",
    ["curl", "httpx-sse", "sseclient-py", pytest.param("node's eventsource", marks=needs_npm)],
)
def test_a_client_loses_nothing_over_a_restart(
    server: Restarted, client: str, tmp_path: Path
) -> None:
    log = tmp_path / "client.log"
    with Child(*COMMANDS[client], server.url, env=environment(), log=log) as child:
        over_a_restart(server, lambda: [int(line) for line in child.output.splitlines()])


@needs_chromium
def test_chromiums_eventsource_loses_nothing_over_a_restart(
    server: Restarted, new_page: Open
) -> None:
    page = new_page()
    page.goto(server.url.replace("/stream", "/robots.txt"))
    page.evaluate(
        """() => {
          window.ids = [];
          const source = new EventSource("/stream");
          source.addEventListener("prices", (event) => ids.push(Number(event.lastEventId)));
        }"""
    )
    over_a_restart(server, lambda: list(page.evaluate("ids")))
