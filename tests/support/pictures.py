"""The pictures of the docs, of the product's own pages with a simulated market.

`python -m tests.support.pictures` takes all of them, into docs/pictures/; `… stale` one.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, expect

from tests.support.browser import launched
from tests.support.fake_site import Site, expect_state, make_tick
from tests.support.tools import ROOT
from tracker.config import Settings
from tracker.market.freshness import Status
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
        self._past()
        for _ in range(3):
            self.tick()

    def tick(self) -> None:
        """Let the market move by one step, and tell the readers."""
        self._now += STEP
        quotes = directed(self._source.fetch().quotes, self._prices)
        self._prices = {quote.id: quote.price for quote in quotes}
        self.site.send(make_tick(*quotes, at=int(self._now * 1000), source="simulated"))

    def _past(self) -> None:
        at = int(self._now * 1000)
        for coin, prices in self._source.fetch(week=True).weeks.items():
            hours = range(at - len(prices) * HOUR_MS, at, HOUR_MS)
            points = [(ms, price) for ms, price in zip(hours, prices, strict=True) if price]
            self.site.history.told[coin] = points


Pose = Callable[[Market, Page], None]


@dataclass(frozen=True)
class Picture:
    """What is looked at, and how; *pose* leads to it."""

    pose: Pose
    width: int = 1280
    height: int = 800
    dark: bool = False
    age: int = 8
    """Seconds that the first of its prices is old."""


def live(market: Market, page: Page) -> None:
    page.goto(market.site.url)
    expect_state(page, "live")
    market.tick()
    expect(page.locator("[data-line] path:not([d=''])")).to_have_count(10)


def in_blue_and_orange(market: Market, page: Page) -> None:
    live(market, page)
    page.get_by_role("button", name="Settings").click()
    page.locator("input[value=blue-orange]").check()


def chart(market: Market, page: Page) -> None:
    page.goto(f"{market.site.root}/cryptos/bitcoin?range=7d")
    expect_state(page, "live")
    plot = page.locator("[data-chart][data-state=ready]")
    box = plot.bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + box["height"] * 0.5)


def alerts(market: Market, page: Page) -> None:
    live(market, page)
    page.get_by_role("button", name="Alerts").click()
    dialog = page.get_by_role("dialog")
    for limit in ("120000", "1000"):
        dialog.get_by_label("this price").fill(limit)
        page.keyboard.press("Enter")
    expect(page.locator("[data-alert-list] > li")).to_have_count(2)


def stale(market: Market, page: Page) -> None:
    live(market, page)
    market.site.send_status(
        Status("stale", reason="CoinGecko answered 429 Too Many Requests", next_attempt_at=soon())
    )
    expect_state(page, "stale")


def offline(market: Market, page: Page) -> None:
    market.site.tick = None
    market.site.told = Status(
        "offline", reason="CoinGecko cannot be reached: no such host", next_attempt_at=soon()
    )
    page.goto(market.site.url)
    expect_state(page, "offline")


def reconnecting(market: Market, page: Page) -> None:
    live(market, page)
    market.site.is_refusing = True
    market.site.hang_up()
    expect_state(page, "reconnecting")


def first_start(market: Market, page: Page) -> None:
    market.site.tick, market.site.told = None, Status("starting")
    page.goto(market.site.url)
    expect_state(page, "starting")


def embed(market: Market, page: Page) -> None:
    page.goto(f"{market.site.root}/embed?coins=bitcoin,ethereum,solana")
    expect_state(page, "live")


def unknown(market: Market, page: Page) -> None:
    page.goto(f"{market.site.root}/cryptos/bitcion")


def soon() -> int:
    return int(time.time() * 1000) + 48_000


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
    "offline": Picture(offline, height=520, dark=True),
    "reconnecting": Picture(reconnecting, 375, 812),
    "first-start": Picture(first_start, height=480),
    "unknown-coin": Picture(unknown, height=480),
    "embed": Picture(embed, 360, 200),
}


def take(browser: Browser, name: str, picture: Picture, folder: Path = FOLDER) -> None:
    """Write one picture."""
    site = Site()
    context = browser.new_context(
        viewport={"width": picture.width, "height": picture.height},
        color_scheme="dark" if picture.dark else "light",
        locale="en-US",
        timezone_id="UTC",
        reduced_motion="reduce",
    )
    page = context.new_page()
    try:
        picture.pose(Market(site, picture.age), page)
        page.evaluate("() => document.fonts.ready")
        page.screenshot(path=folder / f"{name}.png")
    finally:
        context.close()
        site.go()


def main(names: list[str]) -> None:
    """Take the pictures that are named, or all."""
    FOLDER.mkdir(exist_ok=True)
    with launched() as browser:
        for name in names or PICTURES:
            take(browser, name, PICTURES[name])


if __name__ == "__main__":
    main(sys.argv[1:])
