"""A site for the pages' tests: the product's own pages, over a relay and a history of the test's.

The stream follows the test's script, `Site.send_tick` and so on; a reader that
comes back with a `Last-Event-ID` gets what it has missed, as from the product.
"""

import json
import queue
import select
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, fields
from decimal import Decimal
from tempfile import TemporaryDirectory
from typing import Any

from flask import Flask, Response, request
from jinja2 import FileSystemBytecodeCache
from playwright.sync_api import Locator, Page, expect

from tests.support import tools
from tests.support.serving import serving
from tracker import services as services_module
from tracker import web
from tracker.config import ROOT, Settings
from tracker.market.candles import MAX_POINTS, Point, downsample
from tracker.market.freshness import Status
from tracker.market.quotes import Quote, Tick, TickJson
from tracker.market.rates import Rates
from tracker.monitoring.instruments import Instruments
from tracker.relay import MarketState
from tracker.services import Services
from tracker.storage.history import Resolution, Series
from tracker.storage.history_cache import HistoryCache
from tracker.storage.weeks import Weeks

TICK_AT = time.time_ns() // 1_000_000
LOOK_S = 0.05
"""Between two looks whether a stream's reader has left."""
_folder = TemporaryDirectory()
compiled_templates = FileSystemBytecodeCache(_folder.name)
"""One application compiles them, for the next."""
OWN_CONNECTION = "delete globalThis.SharedWorker;"
"""An init script: the page has a stream of its own, under its clock and among its requests."""
ICON = "data:image/gif;base64,R0lGODlhAQABAIAAAP///wAAACH5BAEAAAAALAAAAAABAAEAAAICRAEAOw=="


@dataclass
class FakeRelay:
    """A relay that was told what to say."""

    tick: Tick | None = None
    told: Status = field(default_factory=lambda: Status("live"))
    once: frozenset[str] = frozenset()
    """Coins that were followed once and are no longer."""
    rates: Rates | None = None

    @property
    def state(self) -> MarketState:
        newest = TickJson.of_tick(self.tick) if self.tick else None
        coins = self.once.union(newest.coins if newest else ())
        return MarketState(newest=newest, coins=coins, rates=self.rates)

    def start(self) -> None:
        """Nothing to begin."""

    def status(self) -> Status:
        return self.told


@dataclass
class FakeHistory:
    """A history that was told its points, by coin and range, or by coin alone."""

    told: dict[str, list[Point]] = field(default_factory=dict)

    def points(self, coin: str, range: str, now: int, *, max_points: int = MAX_POINTS) -> Series:
        points = self.told.get(f"{coin} {range}", self.told.get(coin, []))
        resolution: Resolution = "tick" if range in ("1h", "24h") else "hour"
        return Series(downsample(points, max_points), resolution)


def make_app(relay: Any, history: FakeHistory | None = None, **settings: Any) -> Flask:
    """Return the product's pages and API, without its stream, over *relay* and *history*."""
    history = history or FakeHistory()
    app = Flask(__name__, root_path=str(ROOT), static_folder=None)
    its: dict[str, Any] = dict.fromkeys(field.name for field in fields(Services))
    its |= {
        "relay": relay,
        "history_cache": HistoryCache(history.points),
        "weeks": Weeks(history.points),
        "settings": Settings(**{"rate_limit": 0, **settings}),
        "instruments": Instruments(),
    }
    app.extensions[services_module.KEY] = Services(**its)
    app.jinja_env.bytecode_cache = compiled_templates
    blueprints = {*web.SHOW_PRICES, *web.WITHOUT_PRICES} - {web.stream.blueprint}
    web.register(app, blueprints)
    return app


class Site(FakeRelay):
    """The pages and a scripted `/stream` on a port of their own; also the pages' relay."""

    def __init__(self, **settings: Any) -> None:
        super().__init__()
        self.port = 0
        self.history = FakeHistory()
        self.is_refusing = False
        self.connections = 0
        """To the stream, so far."""
        self.sent: list[Tick] = []
        """Every tick of `send_tick`, in order."""
        self._readers: list[queue.Queue[str | None]] = []
        self._lock = threading.Lock()
        self._serving = ExitStack()
        self._app = make_app(self, self.history, **settings)
        self._app.add_url_rule("/stream", view_func=self._stream)
        self._app.add_url_rule("/blank", view_func=lambda: "<!doctype html><title>Blank</title>")
        self.come()

    @property
    def root(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"{self.root}/cryptos/"

    @property
    def readers(self) -> int:
        """How many streams there are; one whose reader has left is noticed a moment later."""
        with self._lock:
            return len(self._readers)

    def send_tick(self, *quotes: Quote) -> Tick:
        """Send the next tick, two seconds after the one before, to all readers."""
        before = self.tick.id if self.tick else TICK_AT
        return self.send(make_tick(*quotes, at=before + 2000))

    def send(self, tick: Tick) -> Tick:
        with self._lock:
            self.tick = tick
            self.sent.append(tick)
            self._put(prices_event(tick))
        return tick

    def send_status(self, told: Status) -> None:
        with self._lock:
            self.told = told
            self._put(status_event(told))

    def come(self) -> None:
        """Listen, on the same port as before."""
        self.port = self._serving.enter_context(serving(self._app, self.port)).port

    def go(self) -> None:
        """Hang up on all readers and stop to listen."""
        self._serving.close()
        self.hang_up()

    def hang_up(self) -> None:
        with self._lock:
            self._put(None)
            self._readers.clear()

    def _put(self, event: str | None) -> None:
        for reader in self._readers:
            reader.put(event)

    def _stream(self) -> Response:
        self.connections += 1
        if self.is_refusing:
            return Response("no", 503)
        last = request.headers.get("Last-Event-ID") or request.args.get("last_event_id") or ""
        reader: queue.Queue[str | None] = queue.Queue()
        with self._lock:
            reader.put(f"retry: 50\n\n{status_event(self.told)}")
            is_known = bool(last) and (not self.sent or int(last) <= self.sent[-1].id)
            if last:
                reader.put(resume_event(last, is_known))
            missed = [tick for tick in self.sent if is_known and tick.id > int(last)]
            newest = [self.tick] if self.tick and not is_known else []
            for tick in missed or newest:
                reader.put(prices_event(tick))
            self._readers.append(reader)
        events = self._events(reader, request.environ["werkzeug.socket"])
        return Response(events, mimetype="text/event-stream")

    def _events(self, reader: queue.Queue[str | None], sock: socket.socket) -> Iterator[str]:
        """Yield what *reader* is sent, until the site or the reader hangs up."""
        try:
            # A reader sends nothing once it has asked, but that it has hung up.
            while not select.select([sock], [], [], 0)[0]:
                with suppress(queue.Empty):
                    event = reader.get(timeout=LOOK_S)
                    if event is None:
                        return
                    yield event
        finally:
            with self._lock, suppress(ValueError):
                self._readers.remove(reader)


def status_event(told: Status) -> str:
    return f"event: status\ndata: {told.to_json()}\n\n"


def resume_event(last: str, recovered: bool) -> str:
    body = json.dumps({"last_event_id": last, "recovered": recovered, "replayed": 0})
    return f"event: resume\ndata: {body}\n\n"


def prices_event(tick: Tick) -> str:
    return f"event: prices\nid: {tick.id}\ndata: {tick.to_json()}\n\n"


def make_tick(
    *quotes: Quote, at: int = TICK_AT, source: str = "coingecko", currency: str = "usd"
) -> Tick:
    return Tick(id=at, currency=currency, source=source, quotes=quotes)


def quote(coin: str, price: str = "1.50", **changes: Any) -> Quote:
    return tools.quote(coin, price, **{"rank": None, "image": ICON, **changes})


BITCOIN = quote("bitcoin", "97012.50", rank=1, market_cap=Decimal("1920000000001"))
ETHER = quote(
    "ethereum", "3512.25", rank=2, change_24h=Decimal("-2.5"), market_cap=Decimal("534290000001")
)
TETHER = quote("tether", "1.00", rank=3, image=None)


def cell(page: Page, coin: str, field: str) -> Locator:
    return page.locator(f'[data-coin="{coin}"] [data-field="{field}"]')


def expect_state(page: Page, state: str) -> None:
    expect(page.locator("[data-indicator]")).to_have_attribute("data-state", state)


def open_live(page: Page, site: Site, path: str = "/cryptos/") -> None:
    page.goto(site.root + path)
    expect_state(page, "live")
