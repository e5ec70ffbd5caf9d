"""Every page and state, looked over by axe-core: no violation of WCAG 2.2 AA or good practice."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from functools import partial

import pytest
from playwright.sync_api import Page, expect

from tests.support import pictures
from tests.support.axe import needs_axe, violations
from tests.support.browser import Open
from tests.support.fake_site import BITCOIN, Site
from tests.support.pictures import Market

pytestmark = [pytest.mark.faults, needs_axe]

OF_COLORS = ["color-contrast", "link-in-text-block"]
"""axe's rules that may find in one theme what they do not find in another."""


def go(market: Market, page: Page, path: str) -> None:
    page.goto(market.site.root + path)


def alert_refused(market: Market, page: Page) -> None:
    pictures.alerts(market, page)
    page.get_by_role("dialog").get_by_label("this price").fill("soon")
    page.keyboard.press("Enter")


def alerts_waiting(market: Market, page: Page) -> None:
    pictures.alerts(market, page)
    page.keyboard.press("Escape")
    for price in (500, 130_000):
        market.site.send_tick(replace(BITCOIN, price=Decimal(price)))
    expect(page.locator("[data-toast-list] > li")).to_have_count(2)


def coin_table_open(market: Market, page: Page) -> None:
    pictures.chart(market, page)
    page.locator("[data-past] summary").click()


def coin_no_longer_followed(market: Market, page: Page) -> None:
    market.site.once = frozenset({"gone"})
    go(market, page, "/cryptos/gone")


STATES: dict[str, Callable[[Market, Page], None]] = {
    "live": pictures.live,
    "settings": pictures.in_blue_and_orange,
    "coin": pictures.chart,
    "stale": pictures.stale,
    "sources": pictures.sources,
    "offline": pictures.offline,
    "reconnecting": pictures.reconnecting,
    "first start": pictures.first_start,
    "unknown coin": pictures.unknown,
    "embed": partial(pictures.go, path="/embed?coins=bitcoin,ethereum"),
    "alert refused": alert_refused,
    "alerts waiting": alerts_waiting,
    "coin's table": coin_table_open,
    "coin that is no longer followed": coin_no_longer_followed,
    "no such page": partial(go, path="/nowhere"),
    "embed refused": partial(go, path="/embed?coins=no-such-coin"),
}


@pytest.mark.parametrize("state", STATES)
def test_nothing_stands_in_anybodys_way(site: Site, new_page: Open, state: str) -> None:
    """Looked at wide and on a phone, in both themes and with both pairs of colors."""
    page = new_page(locale="en-US", reduced_motion="reduce")
    STATES[state](Market(site, 8), page)
    found = violations(page)
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme, reduced_motion="reduce")
        for palette in ("green-red", "blue-orange"):
            page.evaluate("it => { document.documentElement.dataset.palette = it; }", palette)
            found += [f"{theme}, {palette}: {line}" for line in violations(page, OF_COLORS)]
    page.set_viewport_size({"width": 375, "height": 800})
    found += [f"on a phone: {line}" for line in violations(page)]
    assert found == []


def test_the_tool_finds_what_is_wrong(site: Site, new_page: Open) -> None:
    page = new_page()
    pictures.live(Market(site, 8), page)
    bell = page.locator("[data-open-alerts]")
    bell.evaluate("it => { it.removeAttribute('aria-label'); it.removeAttribute('title'); }")
    assert [line for line in violations(page) if line.startswith("button-name: ")]
