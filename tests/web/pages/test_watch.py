"""`/watch`: one table on each terminal, the newest, whatever comes and goes."""

import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from socket import socket

import pytest
from flask import Flask

from tests.conftest import AppFactory
from tests.support.terminal import Terminal
from tests.support.tools import quote
from tests.support.web_process import Shared, read_until, request, shared_web, tick
from tracker.services import services
from tracker.stream.frames import Variant

CURL = {"User_Agent": "curl/8.0.0", "Accept": "*/*"}
END = b"\x1b[?7h"
"""Of each drawing."""
MANY = tuple(quote(f"coin-{number}", rank=number) for number in range(1, 101))


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, _migrated_file: Path) -> Iterator[Shared]:
    with shared_web(tmp_path_factory.mktemp("watch"), _migrated_file) as shared:
        yield shared


class Curl:
    """`curl -N` in a terminal."""

    def __init__(self, sock: socket, *, gzip: bool) -> None:
        self.raw = b""
        self._sock = sock
        self._gunzip = zlib.decompressobj(31) if gzip else None
        self._take(read_until(sock, b"\r\n\r\n").partition(b"\r\n\r\n")[2])

    def read_until(self, text: str) -> None:
        """Read until the newest drawing is whole and has *text*."""
        while not (self.raw.endswith(END) and text.encode() in self.raw.split(END)[-2]):
            data = self._sock.recv(65536)
            assert data, "the drawing ended"
            self._take(data)

    def terminal(self, rows: int = 24, columns: int = 80) -> Terminal:
        """Return one of so many *rows* and *columns* that has got the same."""
        terminal = Terminal(rows, columns)
        terminal.feed(self.raw)
        return terminal

    def _take(self, data: bytes) -> None:
        self.raw += self._gunzip.decompress(data) if self._gunzip else data


@contextmanager
def curl(
    port: int, query: str = "", *, gzip: bool = False, buffer: int | None = None
) -> Iterator[Curl]:
    """Give a curl that watches."""
    headers = CURL | ({"Accept_Encoding": "gzip"} if gzip else {})
    with request(port, f"/watch{query}", buffer=buffer, **headers) as sock:
        yield Curl(sock, gzip=gzip)


def test_each_terminal_has_one_table_in_its_look_and_nothing_is_left_over(shared: Shared) -> None:
    port = shared.web.port
    looks = ("", "?coins=bitcoin", "?width=60", "?color=never", "?coins=bit,eth&width=40")
    with ExitStack() as stack:
        curls = [
            stack.enter_context(curl(port, query, gzip=gzip))
            for query in looks
            for gzip in (False, True)
        ]
        for number in (1, 2, 3):
            prices = {"bitcoin": f"{number}11", "ethereum": f"{number}22", "tether": f"{number}33"}
            names = list(prices)[: 4 - number]  # there are fewer and fewer
            tick(shared.app, *(quote(name, prices[name], symbol=name[:3]) for name in names))
            for one in curls:
                one.read_until(f"${number}11.00")
    terminals = [one.terminal() for one in curls]
    for terminal in terminals:
        table = "\n".join(terminal.lines)
        assert table.startswith("● Live · Simulated market · prices in")
        assert (table.count("Coin"), table.count("$"), table.count("Ctrl-C")) == (1, 1, 1)
        assert terminal.scrolled == 0
    assert all(a.lines == b.lines for a, b in zip(terminals[::2], terminals[1::2], strict=True))
    assert max(map(len, terminals[8].lines)) <= 40
    assert b"\x1b[1m" in curls[0].raw
    assert b"\x1b[1m" not in curls[6].raw


@pytest.mark.faults
def test_a_slow_one_gets_the_newest_table_without_those_before(shared: Shared) -> None:
    port = shared.web.port
    with curl(port, "?width=200", buffer=1) as slow, curl(port, "?width=200") as quick:
        for number in range(1, 31):
            tick(shared.app, *MANY, quote("last", str(number), rank=101))
            quick.read_until(f" ${number}.00")
        slow.read_until(" $30.00")
    assert quick.raw.count(END) > 30 > slow.raw.count(END)
    assert slow.terminal(120, 200).lines == quick.terminal(120, 200).lines


def test_browsers_are_led_to_the_page_and_what_cannot_be_is_refused(app: Flask) -> None:
    client = app.test_client()
    tick(app)
    led = client.get("/watch", headers={"Accept": "text/html,*/*;q=0.8"})
    assert (led.status_code, led.headers["Location"]) == (302, "/cryptos/")
    assert "Accept" in led.headers["Vary"]
    for query in ("width=39", "width=x", "color=red", "coins=nothing", "currency=no-coin"):
        answer = client.get(f"/watch?{query}", headers={"User-Agent": "curl/8.0.0"})
        assert (answer.status_code, "accepted: " in answer.text) == (400, True)
    head = client.head("/watch", headers={"Accept-Encoding": "gzip"})
    assert head.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert head.headers["Cache-Control"] == "no-store, no-transform"
    assert head.headers["X-Accel-Buffering"] == "no"
    assert head.headers["Content-Encoding"] == "gzip"
    assert services(app).hub.admission.total == 0


def test_too_many_are_told_in_a_line_when_to_come_again(make_app: AppFactory) -> None:
    app = make_app(max_subscribers_per_ip=1)
    ticket = services(app).hub.admit("127.0.0.1")
    answer = app.test_client().get("/watch")
    assert (answer.status_code, answer.content_type) == (503, "text/plain; charset=utf-8")
    seconds = answer.headers["Retry-After"]
    assert answer.text.endswith(f"has its 1 readers here; try again in {seconds} s\n")
    ticket.cancel()


def test_looks_that_are_the_same_are_drawn_once(app: Flask) -> None:
    """Whatever the parameters' order and whether what is usual is said."""
    hub, client = services(app).hub, app.test_client()
    tick(app, quote("bitcoin"), quote("ethereum"))
    queries = ("coins=bitcoin,ethereum", "width=80&coins=ethereum,bitcoin&color=always")
    curl = {"User-Agent": "curl/8.0.0"}
    answers = [client.get(f"/watch?{query}", headers=curl) for query in queries]
    assert hub.admission.variants == {Variant(("bitcoin", "ethereum"), screen=()): 2}
    for answer in answers:
        answer.close()
