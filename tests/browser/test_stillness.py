"""The page keeps still: nothing moves under the reader's eyes but what the reader moves."""

import random
from decimal import Decimal

from playwright.sync_api import Page, expect

from tests.support.browser import Open
from tests.support.fake_site import Site, cell, make_tick, open_live, quote
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
