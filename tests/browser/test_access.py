"""Every page and state, looked over by axe-core: no violation of WCAG 2.2 AA or good practice."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.support.browser import Open
from tests.support.fake_site import (
    BITCOIN,
    ETHER,
    TETHER,
    TICK_AT,
    Site,
    expect_state,
    make_tick,
    quote,
)
from tests.support.tools import ROOT
from tracker.market.freshness import Status
from tracker.times import HOUR_MS

AXE = ROOT / "tests" / "npm" / "node_modules" / "axe-core" / "axe.min.js"

pytestmark = [
    pytest.mark.faults,
    pytest.mark.skipif(not AXE.exists(), reason="needs axe-core: `make test` installs it with npm"),
]

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
OF_COLORS = ["color-contrast", "link-in-text-block"]
"""axe's rules that may find in one theme what they do not find in another."""

State = Callable[[Site, Page], None]
STATES: list[State] = []


def state(pose: State) -> State:
    """Add a state to those that are looked over; *pose* leads a page to it."""
    STATES.append(pose)
    return pose


def go(site: Site, page: Page, path: str, state: str = "live") -> None:
    page.goto(site.root + path)
    expect_state(page, state)


@state
def live(site: Site, page: Page) -> None:
    go(site, page, "/cryptos/")
    site.send_tick(
        replace(BITCOIN, price=Decimal(97013), direction="up", change_24h=Decimal("1.5")),
        replace(ETHER, direction="down"),
        TETHER,
        quote("tiny", "0.0000000012", rank=4),
    )
    expect(page.locator("[data-coin=tiny]")).to_be_visible()


@state
def first_start(site: Site, page: Page) -> None:
    site.tick, site.told = None, Status("starting")
    go(site, page, "/cryptos/", "starting")


@state
def offline(site: Site, page: Page) -> None:
    site.tick = None
    site.told = Status("offline", reason="no such host", next_attempt_at=TICK_AT)
    go(site, page, "/cryptos/", "offline")


@state
def stale(site: Site, page: Page) -> None:
    site.told = Status("stale", reason="HTTP 500", next_attempt_at=TICK_AT)
    go(site, page, "/cryptos/", "stale")


@state
def settings_open(site: Site, page: Page) -> None:
    go(site, page, "/cryptos/")
    page.get_by_role("button", name="Settings").click()


@state
def alerts_open(site: Site, page: Page) -> None:
    go(site, page, "/cryptos/")
    page.get_by_role("button", name="Alerts").click()
    dialog = page.get_by_role("dialog")
    for limit in ("98000", "90000", "soon"):
        dialog.get_by_label("this price").fill(limit)
        page.keyboard.press("Enter")
    expect(page.locator("[data-alert-list] > li")).to_have_count(2)


@state
def alerts_waiting(site: Site, page: Page) -> None:
    alerts_open(site, page)
    page.keyboard.press("Escape")
    site.send_tick(replace(BITCOIN, price=Decimal(80000)), ETHER)
    site.send_tick(replace(BITCOIN, price=Decimal(99000)), ETHER)
    expect(page.locator("[data-toast-list] > li")).to_have_count(2)


@state
def one_coin(site: Site, page: Page) -> None:
    go(site, page, "/cryptos/bitcoin")
    expect(page.locator("[data-chart][data-state=ready]")).to_be_visible()


@state
def coin_table_open(site: Site, page: Page) -> None:
    one_coin(site, page)
    page.locator("[data-past] summary").click()


@state
def coin_no_longer_followed(site: Site, page: Page) -> None:
    site.once = frozenset({"solana"})
    go(site, page, "/cryptos/solana")


@state
def unknown_coin(site: Site, page: Page) -> None:
    page.goto(f"{site.root}/cryptos/bitcion")


@state
def no_such_page(site: Site, page: Page) -> None:
    page.goto(f"{site.root}/nowhere")


@state
def embed(site: Site, page: Page) -> None:
    go(site, page, "/embed?coins=bitcoin,ethereum")


@state
def embed_refused(site: Site, page: Page) -> None:
    page.goto(f"{site.root}/embed?coins=no-such-coin")


@pytest.fixture
def full_site(site: Site) -> Site:
    """Return a site with prices and a past."""
    site.tick = make_tick(replace(BITCOIN, direction="up"), replace(ETHER, direction="down"))
    past = [(TICK_AT - n * HOUR_MS, Decimal(97000 - n * 10)) for n in range(48, 0, -1)]
    site.history.told = {"bitcoin": past, "ethereum": past, "solana": past}
    return site


def violations(page: Page, rules: list[str] = RULES) -> list[str]:
    """Return what axe finds wrong, one line per element."""
    if not page.evaluate("() => 'axe' in globalThis"):
        page.evaluate(AXE.read_text())
    options = {"runOnly": rules, "resultTypes": ["violations"]}
    found: list[dict[str, Any]] = page.evaluate(
        "options => axe.run(document, options).then(({ violations }) => violations)", options
    )
    return [
        f"{rule['id']}: {' '.join(node['target'])}: {node['failureSummary']}"
        for rule in found
        for node in rule["nodes"]
    ]


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.__name__)
def test_nothing_stands_in_anybodys_way(full_site: Site, new_page: Open, state: State) -> None:
    """Looked at wide and on a phone, in both themes and with both pairs of colors."""
    page = new_page(viewport={"width": 1280, "height": 800}, reduced_motion="reduce")
    state(full_site, page)
    found = violations(page)
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme, reduced_motion="reduce")
        for palette in ("green-red", "blue-orange"):
            page.locator("html").evaluate(
                "(html, palette) => { html.dataset.palette = palette; }", palette
            )
            found += [f"{theme}, {palette}: {line}" for line in violations(page, OF_COLORS)]
    page.set_viewport_size({"width": 375, "height": 800})
    found += [f"on a phone: {line}" for line in violations(page)]
    assert found == []


def test_the_tool_finds_what_is_wrong(full_site: Site, new_page: Open) -> None:
    page = new_page()
    live(full_site, page)
    page.locator("h1").evaluate("it => { it.style.color = getComputedStyle(it).backgroundColor; }")
    page.locator("[data-open-alerts]").evaluate("it => it.removeAttribute('aria-label')")
    page.locator("[data-open-alerts]").evaluate("it => it.removeAttribute('title')")
    assert [line for line in violations(page) if line.startswith("button-name: ")]
