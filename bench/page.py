"""How quick the page is in a real browser, and whether it stays so.

`python -m bench.page [--all]` starts the real web process and prints, for the
page of all coins in Chromium: the time to the first price on the screen, the
script time of a tick with 10, 100 and 250 coins of which every one has changed,
and the heap after a day of ticks, one a minute; with `--all` also after 30 days.

The trap: a page paints once a frame, so ticks must come one by one, each after
the one before was painted. The 30 days come faster: there only some are painted.
"""

import http.client
import random
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from decimal import Decimal
from pathlib import Path

from playwright.sync_api import Browser, CDPSession, Page, sync_playwright

from bench.machine import description
from bench.servers import Ours
from tracker.market.quotes import Quote, Tick

LOADS = 15
TICKS = 100
DAY = 24 * 60
"""Ticks, one a minute."""
MANY = (10, 100, 250)
ARGUMENTS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip

FIRST_PRICE = """() => new Promise((found) => {
    const look = () => {
        const amount = document.querySelector("[data-field=price] [data-amount]");
        const [paint] = performance.getEntriesByName("first-contentful-paint");
        if (amount?.textContent && paint) found(paint.startTime);
        else requestAnimationFrame(look);
    };
    look();
})"""
"""The prices are in the first HTML and nothing is shown before it: the first paint has them."""

PAINTED = """id => new Promise((done) => {
    const look = () => {
        const shown = document.querySelector("time[data-updated]")?.dateTime;
        if (shown && Date.parse(shown) >= id) requestAnimationFrame(() => done(true));
        else requestAnimationFrame(look);
    };
    look();
})"""


class Market:
    """Coins of which every number changes with every tick."""

    def __init__(self, coins: int) -> None:
        self._chance = random.Random(7)
        self._prices = [10 ** self._chance.uniform(-4, 5) for _ in range(coins)]
        self._at = time.time_ns() // 1_000_000 - 2 * 3600 * 1000

    def tick(self) -> Tick:
        """Return the next minute's."""
        self._at += 60_000
        quotes = tuple(self._quote(n) for n in range(len(self._prices)))
        return Tick(id=self._at, currency="usd", source="simulated", quotes=quotes)

    def _quote(self, n: int) -> Quote:
        step = self._chance.gauss(0, 0.001)
        price = self._prices[n] = self._prices[n] * (1 + step)
        return Quote(
            id=f"coin-{n}",
            symbol=f"c{n}",
            name=f"Coin {n}",
            rank=n + 1,
            price=Decimal(f"{price:.8g}"),
            direction="up" if step > 0 else "down",
            change_1h=self._percent(),
            change_24h=self._percent(),
            change_7d=self._percent(),
            market_cap=Decimal(f"{price * 1e9:.0f}"),
            volume_24h=Decimal(f"{price * 1e7 * self._chance.uniform(0.5, 2):.0f}"),
        )

    def _percent(self) -> Decimal:
        return Decimal(f"{self._chance.gauss(0, 5):.5f}")


@contextmanager
def served(market: Market) -> Iterator[Ours]:
    """Give a web process that has the market's first tick."""
    with tempfile.TemporaryDirectory() as folder:
        server = Ours(Path(folder))
        server.start()
        try:
            while not _has_prices(server):  # it listens a moment after it answers
                server.publish(market.tick())
                time.sleep(0.2)
            yield server
        finally:
            server.stop()


def _has_prices(server: Ours) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    connection.request("GET", "/api/prices")
    with closing(connection):
        return connection.getresponse().status == 200


@contextmanager
def opened(browser: Browser, server: Ours) -> Iterator[tuple[Page, CDPSession]]:
    """Give a page, in a browser that has nothing in its cache."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, locale="en-US")
    try:
        page = context.new_page()
        page.goto(f"http://127.0.0.1:{server.port}/cryptos/", wait_until="commit")
        yield page, context.new_cdp_session(page)
    finally:
        context.close()


def first_price(browser: Browser, server: Ours) -> None:
    """Load the page anew, again and again, and print when its first price was seen."""
    took = []
    for _ in range(LOADS):
        with opened(browser, server) as (page, _):
            took.append(float(page.evaluate(FIRST_PRICE)))
    p50, most = statistics.median(took), max(took)
    print(f"first price on the screen: p50 {p50:.0f} ms, at most {most:.0f} ms")


def per_tick(browser: Browser, server: Ours, market: Market, coins: int) -> None:
    """Send ticks one by one, and print what each cost the page."""
    with opened(browser, server) as (page, cdp):
        cdp.send("Performance.enable")
        send(page, server, market, TICKS // 5)
        before = metrics(cdp)
        send(page, server, market, TICKS)
        after = metrics(cdp)
    each = {name: (after[name] - before[name]) * 1000 / TICKS for name in before}
    print(
        f"a tick of {coins:>3} coins: script {each['ScriptDuration']:.2f} ms,"
        f" style {each['RecalcStyleDuration']:.2f} ms, layout {each['LayoutDuration']:.2f} ms"
    )


def heap(browser: Browser, server: Ours, market: Market, days: int) -> None:
    """Print the heap and the document's nodes before and after *days* of ticks."""
    with opened(browser, server) as (page, cdp):
        send(page, server, market, 100)
        print(f"heap after 100 ticks: {size(cdp)}")
        if days == 1:
            send(page, server, market, DAY)
        else:
            for _ in range(days * DAY // 20):
                send(page, server, market, 20, burst=True)
        print(f"heap after {days * DAY:,} more: {size(cdp)}")


def send(page: Page, server: Ours, market: Market, ticks: int, *, burst: bool = False) -> None:
    """Send *ticks*, each when the one before is painted; a burst waits for its last only."""
    for left in range(ticks, 0, -1):
        tick = market.tick()
        server.publish(tick)
        if not burst or left == 1:
            page.evaluate(PAINTED, tick.id)


def metrics(cdp: CDPSession) -> dict[str, float]:
    """Return the seconds that the page has spent so far, by kind."""
    found = {one["name"]: one["value"] for one in cdp.send("Performance.getMetrics")["metrics"]}
    names = ("ScriptDuration", "RecalcStyleDuration", "LayoutDuration")
    return {name: float(found[name]) for name in names}


def size(cdp: CDPSession) -> str:
    """Return what is in use after a garbage collection."""
    cdp.send("HeapProfiler.collectGarbage")
    used = cdp.send("Runtime.getHeapUsage")["usedSize"] / 1e6
    return f"{used:.2f} MB, {cdp.send('Memory.getDOMCounters')['nodes']} nodes"


def main(arguments: list[str]) -> int:
    """Measure, and print; return the exit status."""
    chromium = shutil.which("chromium")
    if chromium is None:
        print("needs chromium on the PATH")
        return 1
    print(description()[0])
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        print(f"Chromium {browser.version}")
        for coins in MANY:
            market = Market(coins)
            with served(market) as server:
                if coins == MANY[0]:
                    first_price(browser, server)
                per_tick(browser, server, market, coins)
                if coins == MANY[0]:
                    for days in (1, 30) if "--all" in arguments else (1,):
                        heap(browser, server, market, days)
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
