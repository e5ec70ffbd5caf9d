"""The table in a real browser: sorting, searching, favorites, the week's lines, and its quiet."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.support.browser import Open, needs_chromium
from tests.support.fake_site import (
    BITCOIN,
    ETHER,
    TETHER,
    TICK_AT,
    Site,
    cell,
    expect_state,
    make_tick,
    open_live,
    quote,
)
from tracker.market.freshness import Status
from tracker.market.quotes import Quote

DAY = 24 * 60 * 60 * 1000
WIDTHS = [1280, 768, 375]
COINS = (
    replace(BITCOIN, change_1h=Decimal("0.5"), volume_24h=Decimal("31000000000")),
    replace(ETHER, change_7d=Decimal("4"), volume_24h=Decimal("19000000000")),
    replace(TETHER, change_24h=Decimal("0.1")),
)

pytestmark = needs_chromium


@pytest.fixture
def page(site: Site, new_page: Open) -> Page:
    """Three coins, live, to a reader in en-US with a wide screen."""
    return opened(site, new_page)


def opened(site: Site, new_page: Open, width: int = 1280, **options: Any) -> Page:
    site.tick = make_tick(*COINS)
    page = new_page(viewport={"width": width, "height": 800}, **{"locale": "en-US", **options})
    open_live(page, site)
    return page


def coins(page: Page) -> list[str]:
    """Return the ids of the rows that can be seen, from the top."""
    rows = page.locator("[data-rows] [data-coin]:visible")
    return [str(id) for id in rows.evaluate_all("rows => rows.map(row => row.dataset.coin)")]


def expect_coins(page: Page, *wanted: str) -> None:
    rows = page.locator("[data-rows] [data-coin]:visible")
    expect(rows).to_have_count(len(wanted))
    for place, id in enumerate(wanted):
        expect(rows.nth(place)).to_have_attribute("data-coin", id)


def head(page: Page, column: str) -> Locator:
    return page.locator(f"th:has([data-sort={column}])")


def star(page: Page, coin: str) -> Locator:
    return page.locator(f"[data-coin={coin}] [data-star]")


def voice(page: Page) -> Locator:
    return page.locator("[data-announcer]")


def watch(page: Page, selector: str) -> None:
    """Note, in `window.seen`, what changes from now on below *selector*."""
    page.evaluate(
        """selector => {
            window.seen = [];
            new MutationObserver((all) => {
                for (const { target } of all) {
                    const near = target.nodeType === Node.TEXT_NODE ? target.parentElement : target;
                    const cell = near.closest("[data-field]")?.dataset.field ?? near.outerHTML;
                    window.seen.push(`${near.closest("[data-coin]")?.dataset.coin} ${cell}`);
                }
            }).observe(document.querySelector(selector), {
                attributes: true, characterData: true, childList: true, subtree: true,
            });
        }""",
        selector,
    )


def seen(page: Page) -> set[str]:
    return set(page.evaluate("window.seen"))


# Sorting


@pytest.mark.parametrize(
    ("column", "first", "second"),
    [
        ("name", "bitcoin ethereum tether", "tether ethereum bitcoin"),
        ("price", "bitcoin ethereum tether", "tether ethereum bitcoin"),
        ("change_1h", "bitcoin ethereum tether", "bitcoin ethereum tether"),
        ("change_24h", "tether ethereum bitcoin", "ethereum tether bitcoin"),
        ("change_7d", "ethereum bitcoin tether", "ethereum bitcoin tether"),
        ("market_cap", "bitcoin ethereum tether", "ethereum bitcoin tether"),
        ("volume_24h", "bitcoin ethereum tether", "ethereum bitcoin tether"),
    ],
)
def test_a_columns_head_sorts_by_it_and_then_the_other_way_what_is_unknown_last(
    page: Page, column: str, first: str, second: str
) -> None:
    begins = "ascending" if column == "name" else "descending"
    then = "descending" if column == "name" else "ascending"
    head(page, column).get_by_role("button").click()
    expect(head(page, column)).to_have_attribute("aria-sort", begins)
    expect_coins(page, *first.split())
    head(page, column).get_by_role("button").click()
    expect(head(page, column)).to_have_attribute("aria-sort", then)
    expect_coins(page, *second.split())
    expect(page.locator("[aria-sort]")).to_have_count(1)


def test_the_order_is_by_rank_at_first_and_is_kept_in_the_browser(page: Page) -> None:
    expect(head(page, "rank")).to_have_attribute("aria-sort", "ascending")
    head(page, "rank").get_by_role("button").click()
    expect_coins(page, "tether", "ethereum", "bitcoin")
    page.reload()
    expect(head(page, "rank")).to_have_attribute("aria-sort", "descending")
    expect_coins(page, "tether", "ethereum", "bitcoin")


def test_what_another_version_has_stored_is_no_order(site: Site, new_page: Open) -> None:
    page = new_page()
    page.add_init_script("""localStorage.setItem("tracker:order", '{"column": "beauty"}');
        localStorage.setItem("tracker:favorites", '{"bitcoin": true}')""")
    site.tick = make_tick(*COINS)
    open_live(page, site)
    expect_coins(page, "bitcoin", "ethereum", "tether")


@pytest.mark.parametrize("width", [768, 375])
def test_where_columns_are_missing_a_list_and_a_button_sort_as_well(
    site: Site, new_page: Open, width: int
) -> None:
    page = opened(site, new_page, width)
    page.get_by_label("Sort by").select_option("Price")
    expect_coins(page, "bitcoin", "ethereum", "tether")
    page.get_by_role("button", name="Descending; reverse").click()
    expect_coins(page, "tether", "ethereum", "bitcoin")
    expect(page.get_by_role("button", name="Ascending; reverse")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_every_column_is_there_at_1280_and_the_list_is_not(page: Page) -> None:
    for name in ("rank", "name", "price", "change_1h", "change_24h", "change_7d", "market_cap"):
        expect(cell(page, "bitcoin", name)).to_be_visible()
    expect(cell(page, "bitcoin", "volume_24h")).to_have_text("$31.00B")
    expect(cell(page, "bitcoin", "volume_24h")).to_have_attribute("title", "31,000,000,000 USD")
    expect(cell(page, "bitcoin", "change_1h")).to_have_text("+0.50%")
    expect(cell(page, "ethereum", "change_7d")).to_have_text("+4.00%")
    expect(page.get_by_label("Sort by")).to_be_hidden()
    assert page.evaluate("document.documentElement.scrollWidth") <= 1280


def test_rows_change_places_with_the_ticks(site: Site, page: Page) -> None:
    head(page, "price").get_by_role("button").click()
    site.send_tick(COINS[0], COINS[1], replace(COINS[2], price=Decimal(5000)))
    expect_coins(page, "bitcoin", "tether", "ethereum")


def test_rows_do_not_change_places_under_the_pointer_until_it_leaves(
    site: Site, page: Page
) -> None:
    head(page, "price").get_by_role("button").click()
    cell(page, "ethereum", "price").hover()
    site.send_tick(COINS[0], COINS[1], replace(COINS[2], price=Decimal(5000)))
    expect(cell(page, "tether", "price")).to_contain_text("$5,000.00")
    assert coins(page) == ["bitcoin", "ethereum", "tether"]
    page.mouse.move(5, 5)
    expect_coins(page, "bitcoin", "tether", "ethereum")


def test_a_pointer_that_rests_holds_nothing_up(site: Site, new_page: Open) -> None:
    site.tick = make_tick(*COINS)
    page = new_page()
    page.clock.install()
    open_live(page, site)
    head(page, "price").get_by_role("button").click()
    cell(page, "ethereum", "price").hover()
    site.send_tick(COINS[0], COINS[1], replace(COINS[2], price=Decimal(5000)))
    expect(cell(page, "tether", "price")).to_contain_text("5.000,00")
    page.clock.fast_forward(3_100)
    expect_coins(page, "bitcoin", "tether", "ethereum")


def test_the_focus_stays_where_it_is_when_rows_move(site: Site, page: Page) -> None:
    """The one that has it is never taken out of the document: that would drop it."""
    page.evaluate("""document.addEventListener("focusout", () => { window.lost = true })""")
    for coin in ("tether", "ethereum", "bitcoin"):
        star(page, coin).focus()
        page.evaluate("window.lost = false")
        head(page, "price").locator("button").evaluate("button => button.click()")
        expect(star(page, coin)).to_be_focused()
        assert page.evaluate("window.lost") is False
    expect_coins(page, "bitcoin", "ethereum", "tether")


# Favorites


@pytest.mark.parametrize("width", WIDTHS)
def test_favorites_stand_on_top_sorted_among_themselves_and_are_kept(
    site: Site, new_page: Open, width: int
) -> None:
    page = opened(site, new_page, width)
    for coin in ("tether", "ethereum"):
        expect(star(page, coin)).to_have_attribute("aria-pressed", "false")
        star(page, coin).click()
        expect(star(page, coin)).to_have_attribute("aria-pressed", "true")
    expect_coins(page, "ethereum", "tether", "bitcoin")
    page.reload()
    expect_coins(page, "ethereum", "tether", "bitcoin")
    expect(star(page, "tether")).to_have_attribute("aria-pressed", "true")
    star(page, "tether").click()
    expect_coins(page, "ethereum", "bitcoin", "tether")


def test_a_star_says_whose_it_is_and_works_by_keyboard(page: Page) -> None:
    button = page.get_by_role("button", name="Favorite: Tether")
    button.focus()
    page.keyboard.press("Space")
    expect(button).to_have_attribute("aria-pressed", "true")
    expect(button).to_be_focused()
    expect(voice(page)).to_have_text("Tether is now a favorite.")
    page.keyboard.press("Enter")
    expect(voice(page)).to_have_text("Tether is no longer a favorite.")


def test_other_tabs_follow(site: Site, page: Page) -> None:
    other = page.context.new_page()
    open_live(other, site)
    star(page, "tether").click()
    expect_coins(other, "tether", "bitcoin", "ethereum")
    head(page, "rank").get_by_role("button").click()
    expect_coins(other, "tether", "ethereum", "bitcoin")
    expect(head(other, "rank")).to_have_attribute("aria-sort", "descending")


def test_the_tabs_title_has_the_topmost_favorites_price(site: Site, page: Page) -> None:
    expect(page).to_have_title("Live crypto prices · Crypto Tracker")
    star(page, "tether").click()
    expect(page).to_have_title("$1.0000 TET · Crypto Tracker")
    star(page, "bitcoin").click()
    expect(page).to_have_title("$97,012.50 BIT · Crypto Tracker")
    risen = replace(COINS[0], price=Decimal("97013.5"), direction="up")
    site.send_tick(risen, *COINS[1:])
    expect(page).to_have_title("▲ $97,013.50 BIT · Crypto Tracker")
    site.send_tick(*COINS[1:])
    expect(page).to_have_title("$1.0000 TET · Crypto Tracker")
    star(page, "tether").click()
    expect(page).to_have_title("Live crypto prices · Crypto Tracker")


def test_the_tabs_title_goes_on_where_nothing_is_painted(site: Site, page: Page) -> None:
    """A hidden page gets no frames."""
    star(page, "bitcoin").click()
    page.evaluate("window.requestAnimationFrame = () => 0")
    site.send_tick(replace(COINS[0], price=Decimal(98000), direction="up"))
    expect(page).to_have_title("▲ $98,000.00 BIT · Crypto Tracker")
    expect(cell(page, "bitcoin", "price")).to_contain_text("$97,012.50")


# Search


@pytest.mark.parametrize("width", WIDTHS)
def test_a_search_leaves_what_matches_and_counts_it(site: Site, new_page: Open, width: int) -> None:
    page = opened(site, new_page, width)
    page.get_by_label("Search coins").fill(" ÉTHER ")
    expect_coins(page, "ethereum", "tether")
    expect(page.locator("[data-count]")).to_have_text("2 of 3 coins")
    page.get_by_label("Search coins").fill("bit")
    expect_coins(page, "bitcoin")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.get_by_label("Search coins").fill("")
    expect_coins(page, "bitcoin", "ethereum", "tether")
    expect(page.locator("[data-count]")).to_be_empty()


def test_slash_goes_to_the_search_and_escape_clears_and_leaves_it(page: Page) -> None:
    box = page.get_by_label("Search coins")
    page.keyboard.press("/")
    expect(box).to_be_focused()
    page.keyboard.type("bit/")
    expect(box).to_have_value("bit/")
    page.keyboard.press("Escape")
    expect(box).to_have_value("")
    expect_coins(page, "bitcoin", "ethereum", "tether")
    page.keyboard.press("Escape")
    expect(box).not_to_be_focused()


def test_a_search_for_nothing_says_so_and_offers_all(page: Page) -> None:
    nothing = page.locator("[data-nothing]")
    expect(nothing).to_be_hidden()
    page.get_by_label("Search coins").fill("<b>Zorg</b>")
    expect(nothing).to_contain_text("“<b>Zorg</b>”")
    expect_coins(page)
    page.get_by_role("button", name="Show all coins").click()
    expect(nothing).to_be_hidden()
    expect_coins(page, "bitcoin", "ethereum", "tether")
    expect(page.get_by_label("Search coins")).to_be_focused()


def test_coins_that_come_later_are_searched_too(site: Site, page: Page) -> None:
    page.get_by_label("Search coins").fill("bit")
    site.send_tick(*COINS, quote("orbit", rank=4), quote("solana", rank=5))
    expect_coins(page, "bitcoin", "orbit")
    expect(page.locator("[data-count]")).to_have_text("2 of 5 coins")


# Quiet


def test_a_tick_touches_only_the_price_that_changed(site: Site, page: Page) -> None:
    star(page, "bitcoin").click()
    page.mouse.move(0, 0)  # rows stay where they are while the pointer is on them
    expect(cell(page, "bitcoin", "price")).to_contain_text("$97,012.50")
    watch(page, "[data-table]")
    site.send_tick(replace(COINS[0], price=Decimal(98000), direction="up"), *COINS[1:])
    expect(cell(page, "bitcoin", "price")).to_contain_text("▲ $98,000.00")
    assert seen(page) == {"bitcoin price"}


def test_only_what_changed_flashes_and_nothing_for_those_who_want_calm(
    site: Site, new_page: Open
) -> None:
    for motion, count in (("no-preference", 1), ("reduce", 0)):
        page = opened(site, new_page, reduced_motion=motion)
        page.evaluate("""() => {
            window.flashes = 0;
            const animate = Element.prototype.animate;
            Element.prototype.animate = function (...how) {
                window.flashes += 1;
                return animate.apply(this, how);
            };
        }""")
        changed = replace(COINS[0], price=Decimal(98000), direction="up")
        site.send_tick(changed, replace(COINS[1], direction="up"), COINS[2])
        expect(cell(page, "bitcoin", "price")).to_contain_text("98,000")
        assert page.evaluate("window.flashes") == count
        page.close()


def test_only_what_the_reader_asked_for_is_said(site: Site, page: Page) -> None:
    watch(page, "[data-announcer]")
    site.send_tick(replace(COINS[0], price=Decimal(98000), direction="up"), *COINS[1:])
    expect(cell(page, "bitcoin", "price")).to_contain_text("98,000")
    assert seen(page) == set()
    head(page, "price").get_by_role("button").click()
    expect(voice(page)).to_have_text("Sorted by price, descending.")
    page.get_by_label("Search coins").press_sequentially("ether")
    expect(voice(page)).to_have_text("2 of 3 coins")
    page.get_by_label("Search coins").fill("")
    expect(voice(page)).to_have_text("All 3 coins")
    expect(page.locator("[role=status][data-announcer]")).to_have_count(1)


def test_a_search_is_counted_aloud_only_when_typing_has_paused(site: Site, new_page: Open) -> None:
    site.tick = make_tick(*COINS)
    page = new_page()
    page.clock.install()
    open_live(page, site)
    page.clock.pause_at(time.time() + 60)
    for text, found in (("e", 2), ("ether", 2), ("tether", 1)):
        page.get_by_label("Search coins").fill(text)
        expect(page.locator("[data-count]")).to_have_text(f"{found} of 3 coins")
        page.clock.run_for(450)
        assert voice(page).inner_text() == ""
    page.clock.run_for(50)
    expect(voice(page)).to_have_text("1 of 3 coins")


@pytest.mark.parametrize("hook", ["[data-indicator]", "[data-notice]"])
def test_the_indicator_is_not_said_again_with_each_tick(site: Site, page: Page, hook: str) -> None:
    watch(page, hook)
    for price in (98000, 98001, 98002):
        site.send_status(Status("live"))
        site.send_tick(replace(COINS[0], price=Decimal(price), direction="up"))
        expect(cell(page, "bitcoin", "price")).to_contain_text(f"{price:,}")
    assert seen(page) == set()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_prices_that_are_not_live_are_grey(site: Site, new_page: Open, scheme: str) -> None:
    page = opened(site, new_page, color_scheme=scheme)
    site.send_tick(replace(COINS[0], price=Decimal(98000), direction="up"), *COINS[1:])
    expect(cell(page, "bitcoin", "price")).to_contain_text("▲")
    quiet = page.locator(".legend").evaluate("it => getComputedStyle(it).color")
    expect(cell(page, "bitcoin", "price")).not_to_have_css("color", quiet)
    site.send_status(Status("stale", reason="HTTP 500"))
    expect_state(page, "stale")
    for coin, field in (("bitcoin", "price"), ("tether", "price"), ("ethereum", "change_24h")):
        expect(cell(page, coin, field)).to_have_css("color", quiet)


# The week's lines


def week(*prices: int) -> list[Any]:
    count = len(prices)
    return [[TICK_AT - (count - 1 - n) * DAY, Decimal(price)] for n, price in enumerate(prices)]


def path(page: Page, coin: str) -> Locator:
    return page.locator(f"[data-coin={coin}] [data-line] path")


@pytest.mark.parametrize("width", WIDTHS)
def test_one_request_brings_the_week_of_all_coins(site: Site, new_page: Open, width: int) -> None:
    site.history.told = {"bitcoin": week(1, 3, 2), "ethereum": week(3, 1)}
    asked: list[str] = []
    page = new_page(viewport={"width": width, "height": 800})
    page.on("request", lambda one: asked.append(one.url) if "/api/" in one.url else None)
    site.tick = make_tick(*COINS)
    open_live(page, site)
    expect(path(page, "bitcoin")).to_have_attribute("d", re.compile(r"^M[\d.]+ [\d.]+L"))
    expect(path(page, "tether")).to_have_attribute("d", "")
    lines = page.locator("[data-line]")
    expect(lines.nth(0)).to_have_attribute("data-trend", "up")
    expect(lines.nth(1)).to_have_attribute("data-trend", "down")
    expect(path(page, "bitcoin")).to_be_visible()
    assert asked == [f"{site.root}/api/history?range=7d&points=50"]


def test_a_line_takes_no_room_that_was_not_there(site: Site, new_page: Open) -> None:
    site.history.told = {"bitcoin": week(1, 3, 2)}
    page = new_page()
    held: list[Any] = []
    page.route("**/api/history*", lambda route: held.append(route))
    site.tick = make_tick(*COINS)
    with page.expect_request("**/api/history*"):
        open_live(page, site)
    before = page.locator("[data-table]").bounding_box()
    held[0].continue_()
    expect(path(page, "bitcoin")).to_have_attribute("d", re.compile("M"))
    assert page.locator("[data-table]").bounding_box() == before


def test_a_history_that_fails_is_asked_again_later_without_a_word(
    site: Site, new_page: Open
) -> None:
    site.history.told = {coin.id: week(1, 2) for coin in COINS}
    page = new_page()
    page.clock.install()
    page.route("**/api/history*", lambda route: route.fulfill(status=500), times=1)
    site.tick = make_tick(*COINS)
    with page.expect_response("**/api/history*"):
        open_live(page, site)
    page.clock.fast_forward(61_000)
    with page.expect_response("**/api/history*"):
        site.send_tick(*COINS)
    expect(path(page, "tether")).to_have_attribute("d", re.compile("M"))
    page.clock.fast_forward(16 * 60_000)
    with page.expect_response("**/api/history*"):
        site.send_tick(*COINS)


# Places to go, and without a script


def test_a_name_leads_to_the_coins_own_page(site: Site, page: Page) -> None:
    site.send_tick(*COINS, quote("a/b c", rank=4, name="Odd"))
    odd = page.get_by_role("link", name="Odd")
    expect(odd).to_have_attribute("href", "/cryptos/a%2Fb%20c")
    bitcoin = page.get_by_role("link", name="Bitcoin")
    expect(bitcoin).to_have_attribute("href", "/cryptos/bitcoin")


@pytest.mark.parametrize("width", WIDTHS)
def test_rows_and_their_controls_are_large_enough_for_a_finger(
    site: Site, new_page: Open, width: int
) -> None:
    page = opened(site, new_page, width)
    for row in page.locator("[data-rows] [data-coin]").all():
        box = row.bounding_box()
        assert box
        assert box["height"] >= 44
    box = star(page, "bitcoin").bounding_box()
    assert box
    assert min(box["width"], box["height"]) >= 40


@pytest.mark.parametrize("width", WIDTHS)
def test_without_javascript_there_is_nothing_that_does_nothing(
    site: Site, new_page: Open, width: int
) -> None:
    site.tick = make_tick(*COINS)
    page = new_page(java_script_enabled=False, viewport={"width": width, "height": 800})
    page.goto(site.url)
    for hook in ("[data-search]", "[data-sort-list]", "[data-star]", "[data-line]"):
        expect(page.locator(hook).first).to_be_hidden()
    for button in page.locator("[data-sort]").all():
        expect(button).to_be_disabled()
    expect(cell(page, "bitcoin", "price")).to_contain_text("$97,012.50")


def test_a_reader_elsewhere_has_numbers_of_the_place_before_any_tick(
    site: Site, new_page: Open
) -> None:
    page = opened(site, new_page, locale="de-DE")
    expect(cell(page, "bitcoin", "price")).to_contain_text("97.012,50 $")
    expect(cell(page, "bitcoin", "price")).to_have_attribute("title", "97.012,50 USD")
    expect(cell(page, "bitcoin", "market_cap")).to_have_text("1,92 Bio. $")
    expect(cell(page, "ethereum", "change_24h")).to_have_text("-2,50 %")


def test_many_coins_in_another_order_are_all_there(site: Site, new_page: Open) -> None:
    page = opened(site, new_page)
    many = [
        Quote(id=f"c{n}", symbol=f"c{n}", name=f"C{n}", price=Decimal((n * 7919) % 251 + 1), rank=n)
        for n in range(1, 251)
    ]
    site.send_tick(*many)
    head(page, "price").get_by_role("button").click()
    by_price = sorted(many, key=lambda one: (-one.price, one.rank))
    expect_order = [one.id for one in by_price]
    expect(page.locator("[data-rows] [data-coin]").first).to_have_attribute(
        "data-coin", expect_order[0]
    )
    assert coins(page) == expect_order
