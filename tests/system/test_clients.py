"""What others read the stream with: each over a restart of the server, each with nothing lost."""

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import pytest
from flask import Flask

from dev.embedded_redis import free_port
from tests.conftest import SettingsFactory
from tests.support.browser import Open
from tests.support.tools import ROOT, Child, environment, wait_for
from tests.support.web_process import Web, tick

pytestmark = pytest.mark.faults

HERE = ROOT / "tests" / "support" / "clients"
NPM = ROOT / "tests" / "npm"
DOCUMENT = (ROOT / "docs" / "reading.md").read_text()
PROGRAM = re.findall(r"^```python\n(.*?)^```$", DOCUMENT, re.DOTALL | re.MULTILINE)[0]
"""The document's program that comes back, over httpx-sse."""
IN_CHROMIUM = """() => {
  window.ids = [];
  const source = new EventSource("/stream");
  source.addEventListener("prices", (event) => ids.push(Number(event.lastEventId)));
}"""
PACE_S = 0.1
"""Between two ticks."""


@contextmanager
def ticks_made(app: Flask) -> Iterator[list[int]]:
    """Make a tick now and others all the time; give their ids."""
    made = [tick(app).id]
    over = threading.Event()

    def make() -> None:
        while not over.wait(PACE_S):
            made.append(tick(app).id)

    maker = threading.Thread(target=make)
    maker.start()
    try:
        yield made
    finally:
        over.set()
        maker.join()


def ids_of(client: Child) -> list[int]:
    """Return the ids with which its lines begin."""
    return [int(id) for id in re.findall(r"^(\d+)\b.*\n", client.output, re.MULTILINE)]


@pytest.mark.skipif(
    not (NPM / "node_modules" / "eventsource").is_dir(),
    reason="needs `npm ci` in tests/npm, which make test does",
)
def test_each_client_loses_nothing_over_a_restart(
    app: Flask, settings: SettingsFactory, new_page: Open, tmp_path: Path
) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}/stream"
    commands = {
        "curl": ("bash", str(HERE / "curl.sh"), url),
        "httpx-sse": ("python", "-c", PROGRAM.replace("http://localhost:8000/stream", url)),
        "sseclient-py": ("python", str(HERE / "by_sseclient.py"), url),
        "node's eventsource": ("node", str(NPM / "by_eventsource.mjs"), url),
    }

    def serving() -> Web:
        mine = settings(retry=1, max_subscribers_per_ip=100)
        return Web(mine, tmp_path / "web.log", port=port)

    clients: dict[str, Callable[[], list[int]]] = {}

    def wait_for_each(reached: Callable[[list[int]], bool], what: str) -> None:
        wait_for(lambda: all(reached(ids()) for ids in clients.values()), what=what)

    with ExitStack() as stack:
        with ticks_made(app) as made:
            with serving():
                for name, command in commands.items():
                    child = Child(*command, env=environment(), log=tmp_path / f"{name}.log")
                    clients[name] = partial(ids_of, stack.enter_context(child))
                page = new_page()
                page.goto(url.replace("/stream", "/robots.txt"))
                page.evaluate(IN_CHROMIUM)
                clients["chromium"] = partial(page.evaluate, "ids")
                wait_for_each(lambda ids: len(ids) >= 5, "the first ticks")
            gone = len(made)  # with the server, as in a power cut
            wait_for(lambda: len(made) >= gone + 5, what="ticks that nobody serves")
            stack.enter_context(serving())
            wait_for_each(lambda ids: ids[-1] > made[gone + 5], "ticks after the restart")
        wait_for_each(lambda ids: ids[-1] == made[-1], "the last tick")
        for name, ids in clients.items():
            got = ids()
            assert got == made[made.index(got[0]) :], name
