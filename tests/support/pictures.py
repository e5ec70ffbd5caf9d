"""The pictures of the docs, of the product's own pages with a simulated market.

`python -m tests.support.pictures` takes all of them, into docs/pictures/; `… stale` one.
"""

import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from playwright.sync_api import Browser, Page, expect

from tests.support import terminal_picture
from tests.support.browser import launched
from tests.support.fake_site import Site, expect_state, make_tick
from tests.support.tools import ROOT
from tracker.config import Settings
from tracker.market.freshness import SourceHealth, State, Status
from tracker.market.quotes import directed
from tracker.times import HOUR_MS
from worker.sources.simulated.market import Simulated

FOLDER = ROOT / "docs" / "pictures"
STEP = 2
"""Seconds between two ticks of the market."""


class Market:
    """A simulated market whose clock is turned by hand, on a site that shows it."""

    def __init__(self, site: Site, age: int) -> None:
        """Begin *age* seconds ago."""
        self.site = site
        self._now = (time.time() - age) // STEP * STEP
        settings = Settings(source="simulated", interval=STEP)
        self._source = Simulated(settings, clock=lambda: self._now)
        self._prices: dict[str, Any] = {}
        at = int(self._now * 1000)
        for coin, prices in self._source.fetch(week=True).weeks.items():
            hours = range(at - len(prices) * HOUR_MS, at, HOUR_MS)
            points = zip(hours, prices, strict=True)
            site.history.told[coin] = [(ms, price) for ms, price in points if price]
        for _ in range(3):
            self.tick()

    def tick(self) -> None:
        """Let the market move by one step, and tell the readers."""
        self._now += STEP
        quotes = directed(self._source.fetch().quotes, self._prices)
        self._prices = {quote.id: quote.price for quote in quotes}
        self.site.send(make_tick(*quotes, at=int(self._now * 1000), source="simulated"))


Pose = Callable[[Market, Page], None]
"""It leads a page to what is to be seen."""


def go(market: Market, page: Page, path: str, state: str = "live") -> None:
    page.goto(market.site.root + path)
    expect_state(page, state)


def live(market: Market, page: Page) -> None:
    go(market, page, "/cryptos/")
    market.tick()
    expect(page.locator("[data-line] path:not([d=''])")).to_have_count(10)


def in_blue_and_orange(market: Market, page: Page) -> None:
    live(market, page)
    page.get_by_role("button", name="Settings").click()
    page.locator("input[value=blue-orange]").check()


def chart(market: Market, page: Page) -> None:
    go(market, page, "/cryptos/bitcoin?range=7d")
    page.locator("[data-chart][data-state=ready]").wait_for()
    box = page.locator("[data-plot]").bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + box["height"] * 0.5)


def alerts(market: Market, page: Page) -> None:
    live(market, page)
    page.get_by_role("button", name="Alerts").click()
    for limit in ("120000", "1000"):
        page.get_by_role("dialog").get_by_label("this price").fill(limit)
        page.keyboard.press("Enter")
    expect(page.locator("[data-alert-list] > li")).to_have_count(2)


def told(state: State, reason: str | None = None) -> Status:
    soon = int(time.time() * 1000) + 48_000
    return Status(state, reason=reason, next_attempt_at=soon if reason else None)


def stale(market: Market, page: Page) -> None:
    live(market, page)
    market.site.send_status(told("stale", "CoinGecko asks us to slow down (HTTP 429; wait 60 s)"))
    expect_state(page, "stale")


def sources(market: Market, page: Page) -> None:
    now = int(time.time() * 1000)
    reason = 'has a failure on its side (HTTP 503): "Service unavailable"'
    kraken = SourceHealth("kraken", False, now - 80_000, reason)
    others = SourceHealth("coingecko", True), SourceHealth("bitstamp", True)
    market.site.told = Status("live", sources=(*others, kraken))
    live(market, page)
    page.get_by_role("button", name="Prices: Live").click()


def offline(market: Market, page: Page) -> None:
    market.site.tick = None
    market.site.told = told("offline", "CoinGecko cannot be reached: no such host")
    go(market, page, "/cryptos/", "offline")


def reconnecting(market: Market, page: Page) -> None:
    live(market, page)
    market.site.is_refusing = True
    market.site.hang_up()
    expect_state(page, "reconnecting")


def first_start(market: Market, page: Page) -> None:
    market.site.tick, market.site.told = None, told("starting")
    go(market, page, "/cryptos/", "starting")


def unknown(market: Market, page: Page) -> None:
    page.goto(f"{market.site.root}/cryptos/bitcion")


def in_terminal(market: Market, page: Page, command: str) -> None:
    """Show what *command* prints, which asks the site under the address of the docs."""
    here = command.replace("localhost:8000", market.site.root)
    printed = subprocess.run(["bash", "-c", here], capture_output=True, text=True, check=True)
    shown = printed.stdout.replace(f"127.0.0.1:{market.site.port}", "localhost:8000")
    screen = f"\x1b[2m$ \x1b[0m{command.replace(' -s', '')}\n{shown}"
    page.set_content(terminal_picture.page(screen.rstrip()))
    box = page.locator("pre").bounding_box()
    assert box
    page.set_viewport_size({"width": round(box["width"]), "height": round(box["height"])})


@dataclass(frozen=True)
class Picture:
    """What is looked at, and how."""

    pose: Pose
    width: int = 1280
    height: int = 800
    dark: bool = False
    age: int = 8
    """Seconds that the first of its prices is old."""


PICTURES = {
    "live": Picture(live),
    "dark": Picture(live, dark=True),
    "phone": Picture(live, 375, 812),
    "phone-dark": Picture(live, 375, 812, dark=True),
    "blue-and-orange": Picture(in_blue_and_orange),
    "chart": Picture(chart, height=1000),
    "chart-phone": Picture(chart, 375, 812, dark=True),
    "alerts": Picture(alerts),
    "stale": Picture(stale, age=320),
    "sources": Picture(sources, 375, 360),
    "offline": Picture(offline, height=520, dark=True),
    "reconnecting": Picture(reconnecting, 375, 812),
    "first-start": Picture(first_start, height=480),
    "unknown-coin": Picture(unknown, height=480),
    "terminal": Picture(partial(in_terminal, command="curl -s localhost:8000")),
    "terminal-coin": Picture(
        partial(in_terminal, command="curl -s 'localhost:8000/cryptos/btc?range=7d'")
    ),
    "embed": Picture(partial(go, path="/embed?coins=bitcoin,ethereum,solana"), 360, 200),
}


def take(browser: Browser, name: str, picture: Picture) -> None:
    """Write one picture."""
    site = Site()
    page = browser.new_page(
        viewport={"width": picture.width, "height": picture.height},
        color_scheme="dark" if picture.dark else "light",
        locale="en-US",
        timezone_id="UTC",
        reduced_motion="reduce",
    )
    try:
        picture.pose(Market(site, picture.age), page)
        page.evaluate("() => document.fonts.ready")
        page.screenshot(path=FOLDER / f"{name}.png")
    finally:
        page.close()
        site.go()


if __name__ == "__main__":
    with launched() as browser:
        for name in sys.argv[1:] or PICTURES:
            take(browser, name, PICTURES[name])
