"""The page keeps still: nothing moves under the reader's eyes but what the reader moves."""

import random
import re
from decimal import Decimal

import pytest
from playwright.sync_api import Page, expect

from tests.support.browser import Open
from tests.support.fake_site import Site, cell, expect_state, make_tick, open_live, quote
from tracker.market.freshness import State, Status
from tracker.market.quotes import Quote

SHIFTS = """() => {
    window.shifts = [];
    new PerformanceObserver((list) => {
        for (const { value, sources, hadRecentInput } of list.getEntries()) {
            const moved = sources.map(({ node }) => node?.outerHTML ?? node?.textContent);
            if (!hadRecentInput) window.shifts.push([value, ...moved]);
        }
    }).observe({ type: "layout-shift", buffered: true });
}"""
"""Gather the page's layout shifts, from its beginning on, with what has moved."""


def shuffled(chance: random.Random, count: int = 50) -> list[Quote]:
    """Return coins in an order by chance, with prices that are all as long."""
    return [
        quote(
            f"coin-{rank}",
            str(chance.randint(10_000, 99_999)),
            rank=rank,
            change_1h=Decimal(chance.randint(-999, 999)) / 100,
            direction=chance.choice(["up", "down"]),
        )
        for rank in range(1, count + 1)
    ]


def send(site: Site, page: Page, coins: list[Quote]) -> None:
    """Send a tick, and wait until it is shown and nothing glides any more."""
    site.send_tick(*coins)
    last = coins[-1]
    expect(cell(page, last.id, "price")).to_contain_text(f"${last.price:,}")
    page.evaluate("Promise.all(document.getAnimations().map(({ finished }) => finished))")


@pytest.mark.faults
def test_rows_change_places_and_the_page_neither_scrolls_nor_shifts(
    site: Site, new_page: Open
) -> None:
    """From the first paint on, and also where a favourite far below goes to the top."""
    chance = random.Random(14)
    site.tick = make_tick(*shuffled(chance))
    page = new_page(locale="en-US")
    order = '{"column":"change_1h","descending":true}'
    page.add_init_script(f"localStorage.setItem('tracker:order', '{order}')")
    open_live(page, site)
    page.evaluate(SHIFTS)
    page.evaluate("scrollTo(0, 900)")
    for _ in range(5):
        before = page.locator("[data-coin]").first.get_attribute("data-coin")
        send(site, page, shuffled(chance))
        expect(page.locator("[data-coin]").first).not_to_have_attribute("data-coin", before or "")
        assert page.evaluate("scrollY") == 900
    assert page.evaluate("shifts") == []
    page.evaluate("scrollTo(0, 1300)")
    page.locator("[data-star]").nth(27).click()
    expect(page.locator("[data-star]").first).to_have_attribute("aria-pressed", "true")
    assert page.evaluate("scrollY") == 1300


def test_rows_glide_to_their_place_but_not_for_those_who_want_no_motion(
    site: Site, new_page: Open
) -> None:
    coins = [quote("one", "2", rank=1), quote("two", "1", rank=2)]
    site.tick = make_tick(*coins)
    page = new_page(locale="en-US")
    open_live(page, site)
    page.locator("[data-sort=price]").click()
    page.mouse.move(0, 0)
    glides = """() => document.getAnimations().filter(({ effect }) =>
        effect.target.matches("tr") && effect.getKeyframes()[0].transform !== "none").length"""
    first = page.locator("[data-coin]").first
    page.locator("[data-sort=price]").click()
    expect(first).to_have_attribute("data-coin", "two")
    assert page.evaluate(glides) == 2
    page.emulate_media(reduced_motion="reduce")
    page.evaluate("document.getAnimations().forEach((it) => it.finish())")
    page.locator("[data-sort=price]").click()
    expect(first).to_have_attribute("data-coin", "one")
    assert page.evaluate(glides) == 0


def test_notices_move_nothing_and_while_prices_are_live_only_the_pill_says_so(
    site: Site, new_page: Open
) -> None:
    site.tick = make_tick(*shuffled(random.Random(1)))
    page = new_page(locale="en-US")
    open_live(page, site)
    page.evaluate(SHIFTS)
    first, notice = page.locator("[data-coin]").first, page.locator("[data-notice]")
    before = first.bounding_box()
    pill = page.get_by_role("button", name=re.compile("^Prices: Live.* with a problem$"))
    problems: dict[State, str] = {"stale": "HTTP 500 " * 30, "live": "half a problem"}
    for state, reason in problems.items():
        site.send_status(Status(state, reason=reason))
        expect_state(page, state)
        expect(notice).to_be_visible(visible=state != "live")
        expect(pill).to_be_visible(visible=state == "live")
        assert first.bounding_box() == before
    pill.click()
    expect(page.locator("#sources")).to_contain_text("problem. half a problem")
    site.send_status(Status("live"))
    expect(pill).to_be_hidden()
    assert page.evaluate("shifts") == []


@pytest.mark.faults
def test_the_head_stays_in_sight_and_the_focus_is_never_below_it(
    site: Site, new_page: Open
) -> None:
    """Backwards through the table, which is where a bar on top hides things."""
    site.tick = make_tick(*shuffled(random.Random(2)))
    page = new_page(locale="en-US", reduced_motion="reduce")  # scrolls at once
    open_live(page, site)
    page.locator("[data-star]").last.focus()
    head = page.locator("th.coin-price")
    for _ in range(60):
        page.keyboard.press("Shift+Tab")
        bottom = head.evaluate("it => it.getBoundingClientRect().bottom")
        top = page.evaluate("document.activeElement.getBoundingClientRect().top")
        assert 60 < bottom <= top + 1
