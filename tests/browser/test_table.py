"""The table in a real browser: sorting, searching, favorites, the week's lines, and its quiet.

Orders, searches, pauses and retries are proved by `tests/js/table/`.
"""

import re
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.support.browser import PHONE, Open
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

DAY = 24 * 60 * 60 * 1000
COINS = (
    replace(BITCOIN, change_1h=Decimal("0.5"), volume_24h=Decimal("31000000000")),
    replace(ETHER, change_7d=Decimal("4"), volume_24h=Decimal("19000000000")),
    replace(TETHER, change_24h=Decimal("0.1")),
)


@pytest.fixture
def page(site: Site, new_page: Open) -> Page:
    """Return a page with three coins, live, to a reader in en-US."""
    site.tick = make_tick(*COINS)
    page = new_page(locale="en-US")
    open_live(page, site)
    return page


def expect_coins(page: Page, *wanted: str) -> None:
    """Expect just these rows to be seen, from the top."""
    ids = "rows => rows.filter((row) => !row.hidden).map((row) => row.dataset.coin).join(' ')"
    page.wait_for_function(
        f"wanted => ({ids})([...document.querySelectorAll('[data-rows] [data-coin]')]) === wanted",
        arg=" ".join(wanted),
    )


def head(page: Page, column: str) -> Locator:
    return page.locator(f"th:has([data-sort={column}])")


def sort_by(page: Page, column: str) -> None:
    head(page, column).get_by_role("button").click()


def star(page: Page, coin: str) -> Locator:
    return page.locator(f"[data-coin={coin}] [data-star]")


def announcer(page: Page) -> Locator:
    return page.locator("[role=status][data-announcer]")


def test_a_columns_head_sorts_by_it_then_the_other_way_here_later_and_in_other_tabs(
    site: Site, page: Page
) -> None:
    other = page.context.new_page()
    open_live(other, site)
    expect(head(page, "rank")).to_have_attribute("aria-sort", "ascending")
    for column, direction, wanted in (
        ("name", "ascending", "bitcoin ethereum tether"),
        ("name", "descending", "tether ethereum bitcoin"),
        ("volume_24h", "descending", "bitcoin ethereum tether"),
        ("volume_24h", "ascending", "ethereum bitcoin tether"),
        ("change_24h", "descending", "tether ethereum bitcoin"),
        ("change_24h", "ascending", "ethereum tether bitcoin"),
    ):
        sort_by(page, column)
        expect(head(page, column)).to_have_attribute("aria-sort", direction)
        expect_coins(page, *wanted.split())
    expect(announcer(page)).to_have_text("Sorted by 24-hour change, ascending.")
    page.reload()
    for tab in (page, other):
        expect(head(tab, "change_24h")).to_have_attribute("aria-sort", "ascending")
        expect(tab.locator("[aria-sort]")).to_have_count(1)
        expect_coins(tab, "ethereum", "tether", "bitcoin")


CROWDED = """() => [...document.querySelectorAll("[data-rows] [data-coin]")].flatMap((row) => {
    const cells = [...row.querySelectorAll("[data-field]:not([data-field=name])")];
    const cut = cells.filter((it) => it.scrollWidth > it.clientWidth + 1);
    const found = cut.map((it) => `${it.dataset.field} is cut: ${it.textContent.trim()}`);
    const name = row.querySelector("[data-name]").getBoundingClientRect();
    const price = row.querySelector("[data-arrow]").getBoundingClientRect();
    if (name.width < (innerWidth > 720 ? 9 * 16 : 40)) found.push(`a name has ${name.width} px`);
    if (name.right > price.left) found.push("name and price overlap");
    return found;
})"""
"""Numbers that do not fit into their cell, which cuts them, and names without room."""


@pytest.mark.parametrize(
    ("locale", "currency"),
    [
        ("en-US", "usd"),
        pytest.param("fr-FR", "usd", marks=pytest.mark.faults),
        pytest.param("en-US", "btc", marks=pytest.mark.faults),
    ],
)
def test_every_number_fits_into_its_column_and_leaves_room_for_the_name(
    new_page: Open, locale: str, currency: str
) -> None:
    changes = {"change_1h": "-12.34", "change_24h": "123.45", "change_7d": "-0.5"}
    amounts = {"market_cap": "1920000000001", "volume_24h": "31000000000"}
    numbers: dict[str, Any] = {key: Decimal(one) for key, one in (changes | amounts).items()}
    prices = "0.0000000000126", "0.000001234567", "0.00001234567", "20087696.12", "999999.99"
    names = "Sixty letters of a name " * 3, "عملة رقمية ذات اسم طويل جدا" * 2, "Sixty letters" * 5
    coins = [
        quote(f"c{n}", price, rank=n + 1, name=names[n % 3], direction="up", **numbers)
        for n, price in enumerate(prices)
    ]
    site = Site(currency=currency)
    try:
        site.tick = make_tick(*coins, currency=currency)
        page = new_page(locale=locale)
        open_live(page, site)
        for width in (320, 375, 720, 744, 1024, 1160, 1280, 2560):
            page.set_viewport_size({"width": width, "height": 700})
            assert page.evaluate(CROWDED) == [], width
            assert page.evaluate("document.documentElement.scrollWidth") <= width
    finally:
        site.go()


def test_a_tiny_price_has_its_zeros_counted_and_is_whole_for_screen_readers(
    site: Site, page: Page
) -> None:
    site.send_tick(quote("tiny", "0.0000000000126", rank=1))
    price = cell(page, "tiny", "price")
    amount, said = price.locator("[data-amount]"), price.locator("[data-spoken]")
    expect(amount).to_have_text("$0.0₁₀126")
    expect(amount).to_have_attribute("aria-hidden", "true")
    expect(said).to_have_text("0.0000000000126 USD unchanged")
    expect(price).to_have_attribute("title", re.compile("^0.0000000000126 USD"))
    site.send_tick(quote("tiny", "0.25", rank=1, direction="up"))
    expect(said).to_have_text("up")
    expect(amount).not_to_have_attribute("aria-hidden", "true")


def test_at_every_width_the_table_fits_and_can_be_sorted_by_a_finger(
    site: Site, page: Page
) -> None:
    long = quote("long", "0.00000000001234", name="A Coin " * 9, symbol="unreasonable")
    site.send_tick(*COINS, quote("huge", "20087696.0"), long)
    site.send_status(Status("stale", reason="https://api.test/" + "x" * 200))
    expect_state(page, "stale")
    expect(cell(page, "bitcoin", "volume_24h")).to_have_text("$31.00B")
    expect(cell(page, "bitcoin", "volume_24h")).to_have_attribute("title", "31,000,000,000 USD")
    expect(page.get_by_label("Sort by")).to_be_hidden()
    for width in (1280, 768, 375, 320):
        page.set_viewport_size({"width": width, "height": 700})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        for field in ("price", "change_24h", "market_cap"):
            box = cell(page, "long", field).bounding_box()
            assert box
            assert 0 <= box["x"] <= box["x"] + box["width"] <= width
        cap = cell(page, "ethereum", "market_cap")
        assert cap.evaluate("it => it.scrollWidth <= it.clientWidth")
        rows = page.locator("[data-rows] [data-coin]")
        assert min(rows.evaluate_all("rows => rows.map((row) => row.offsetHeight)")) >= 44
        box = star(page, "bitcoin").bounding_box()
        assert box
        assert min(box["width"], box["height"]) >= 40
    page.get_by_label("Sort by").select_option("Price")
    expect_coins(page, "huge", "bitcoin", "ethereum", "tether", "long")
    page.get_by_role("button", name="Descending; reverse").click()
    expect_coins(page, "long", "tether", "ethereum", "bitcoin", "huge")
    expect(page.get_by_role("button", name="Ascending; reverse")).to_be_visible()


def test_rows_move_with_the_ticks_but_not_under_the_pointer(site: Site, page: Page) -> None:
    sort_by(page, "price")
    page.mouse.move(5, 5)
    site.send_tick(*COINS[:2], replace(COINS[2], price=Decimal(5000)))
    expect_coins(page, "bitcoin", "tether", "ethereum")
    cell(page, "ethereum", "price").hover()
    site.send_tick(*COINS)
    expect(cell(page, "tether", "price")).to_contain_text("$1.0000")
    expect_coins(page, "bitcoin", "tether", "ethereum")
    page.mouse.move(5, 5)
    expect_coins(page, "bitcoin", "ethereum", "tether")


def test_the_focus_stays_where_it_is_when_rows_move_and_many_come(site: Site, page: Page) -> None:
    """The row that has it is never taken out of the document: that would drop it.

    The order of the ticks waits until it leaves the table.
    """
    page.evaluate("""document.addEventListener("focusout", () => { window.lost = true })""")
    for coin in ("tether", "ethereum", "bitcoin"):
        star(page, coin).focus()
        page.evaluate("window.lost = false")
        head(page, "price").locator("button").evaluate("button => button.click()")
        expect(star(page, coin)).to_be_focused()
        assert page.evaluate("window.lost") is False
    many = [quote(f"c{n}", str((n * 7919) % 251 + 1), rank=n) for n in range(1, 41)]
    site.send_tick(*many, quote("a/b c", "0.5", rank=99, name="Odd"), BITCOIN)
    by_price = sorted(many, key=lambda one: (-one.price, one.rank))
    expect(cell(page, "a/b c", "price")).to_contain_text("$0.5000")
    expect_coins(page, "bitcoin", *(one.id for one in many), "a/b c")
    expect(star(page, "bitcoin")).to_be_focused()
    head(page, "price").locator("button").focus()
    expect_coins(page, "bitcoin", *(one.id for one in by_price), "a/b c")
    odd = page.get_by_role("link", name="Odd")
    expect(odd).to_have_attribute("href", "/cryptos/a%2Fb%20c")


def test_favorites_stand_on_top_and_the_topmosts_price_in_the_title(site: Site, page: Page) -> None:
    """Sorted among themselves, for the next visit too, and in the tab's title while hidden.

    It says first that prices are not live, and its icon is grey then.
    """
    page.set_viewport_size(PHONE)
    other = page.context.new_page()
    open_live(other, site)
    expect(page).to_have_title("Crypto prices · Crypto Tracker")
    for coin in ("tether", "ethereum"):
        expect(star(page, coin)).to_have_attribute("aria-pressed", "false")
        star(page, coin).click()
        expect(star(page, coin)).to_have_attribute("aria-pressed", "true")
    page.reload()
    for tab in (page, other):
        expect_coins(tab, "ethereum", "tether", "bitcoin")
        expect(tab).to_have_title("$3,512.25 ETH · Crypto Tracker")
    button = page.get_by_role("button", name="Favorite: Ethereum")
    expect(button).to_have_attribute("aria-pressed", "true")
    button.focus()
    page.keyboard.press("Space")
    expect(button).to_be_focused()
    expect(announcer(page)).to_have_text("Ethereum is no longer a favorite.")
    expect_coins(page, "tether", "bitcoin", "ethereum")
    expect(page).to_have_title("$1.0000 TET · Crypto Tracker")
    page.keyboard.press("Enter")
    expect(announcer(page)).to_have_text("Ethereum is now a favorite.")
    page.evaluate("window.requestAnimationFrame = () => 0")  # as in a hidden page
    dearer = replace(COINS[1], price=Decimal("3513"), direction="up")
    site.send_tick(COINS[0], dearer, COINS[2])
    expect(page).to_have_title("▲ $3,513.00 ETH · Crypto Tracker")
    expect(cell(page, "ethereum", "price")).to_contain_text("$3,512.25")
    site.send_tick(COINS[0], COINS[2])
    expect(page).to_have_title("$1.0000 TET · Crypto Tracker")
    site.send_status(Status("stale"))
    expect(page).to_have_title("(stale) $1.0000 TET · Crypto Tracker")
    icon = page.locator("link[rel=icon]")
    expect(icon).to_have_attribute("href", re.compile("favicon-grey"))
    star(page, "tether").click()
    expect(page).to_have_title("(stale) Crypto prices · Crypto Tracker")
    site.is_refusing = True
    site.hang_up()
    expect(page).to_have_title("(reconnecting) Crypto prices · Crypto Tracker")
    site.is_refusing = False
    site.send_status(Status("live"))
    page.evaluate("dispatchEvent(new Event('online'))")
    expect(page).to_have_title("Crypto prices · Crypto Tracker")
    expect(icon).to_have_attribute("href", re.compile("favicon[.]svg"))


def test_the_heading_follows_a_tracker_that_starts_again_with_other_settings(
    site: Site, page: Page
) -> None:
    more = [quote(f"coin-{rank}", rank=rank) for rank in range(4, 21)]
    for top, coins, text in (
        (2, COINS, "Top 2 and 1 more"),
        (0, COINS, "Your 3 coins"),
        (20, (*COINS, *more), "Top 20 by market cap"),
    ):
        site.told = Status("live", top=top)
        site.hang_up()
        site.send_tick(*coins)
        expect(page.locator("[data-heading]")).to_have_text(text)


def test_a_search_leaves_what_matches_and_counts_it(site: Site, page: Page) -> None:
    """A slash goes to it from anywhere, Escape clears it and then leaves it."""
    box, count = page.get_by_label("Search coins"), page.locator("[data-count]")
    page.keyboard.press("/")
    expect(box).to_be_focused()
    page.keyboard.type(" ÉTHER /")
    expect(box).to_have_value(" ÉTHER /")
    page.keyboard.press("Backspace")
    expect_coins(page, "ethereum", "tether")
    expect(count).to_have_text("2 of 3 coins")
    expect(announcer(page)).to_have_text("2 of 3 coins")
    page.keyboard.press("Escape")
    expect_coins(page, "bitcoin", "ethereum", "tether")
    expect(announcer(page)).to_have_text("All 3 coins")
    page.keyboard.press("Escape")
    expect(box).not_to_be_focused()
    box.fill("bit")
    expect_coins(page, "bitcoin")
    site.send_tick(*COINS, quote("orbit", rank=4), quote("solana", rank=5))
    expect_coins(page, "bitcoin", "orbit")
    expect(count).to_have_text("2 of 5 coins")
    expect(page.locator("[data-heading]")).to_have_text("Top 5 by market cap")
    nothing = page.locator("[data-nothing]")
    expect(nothing).to_be_hidden()
    box.fill("<b>Zorg</b>")
    expect(nothing).to_contain_text("“<b>Zorg</b>”")
    expect_coins(page)
    page.get_by_role("button", name="Show all coins").click()
    expect(nothing).to_be_hidden()
    expect(count).to_be_empty()
    expect(box).to_be_focused()
    expect_coins(page, "bitcoin", "ethereum", "tether", "orbit", "solana")


def test_a_tick_touches_and_flashes_only_the_price_that_changed(site: Site, page: Page) -> None:
    """Neither other cells, nor what is read aloud; and for those who want calm nothing flashes."""
    others = replace(COINS[1], direction="up"), COINS[2]
    site.send_tick(COINS[0], *others)
    expect(cell(page, "ethereum", "price")).to_contain_text("▲")
    star(page, "bitcoin").click()
    page.mouse.move(0, 0)  # rows stay where they are while the pointer is on them
    expect(announcer(page)).to_have_text("Bitcoin is now a favorite.")
    page.evaluate("""() => {
        window.touched = new Set();
        const observer = new MutationObserver((all) => all.forEach(({ target }) => {
            const near = target.nodeType === Node.TEXT_NODE ? target.parentElement : target;
            const field = near.closest("[data-field]")?.dataset.field ?? near.outerHTML;
            touched.add(`${near.closest("[data-coin]")?.dataset.coin} ${field}`);
        }));
        const quiet = "[data-table], [data-indicator], [data-notice], [data-announcer]";
        for (const element of document.querySelectorAll(quiet)) {
            const what = { attributes: true, characterData: true, childList: true, subtree: true };
            observer.observe(element, what);
        }
        window.flashes = 0;
        const animate = Element.prototype.animate;
        Element.prototype.animate = function (...how) {
            window.flashes += 1;
            return animate.apply(this, how);
        };
    }""")
    for price in (98000, 98001):
        site.send_status(Status("live"))
        site.send_tick(replace(COINS[0], price=Decimal(price), direction="up"), *others)
        expect(cell(page, "bitcoin", "price")).to_contain_text(f"▲ ${price:,}.00")
        assert page.evaluate("window.flashes") == 1
        page.emulate_media(reduced_motion="reduce")
    assert page.evaluate("[...touched]") == ["bitcoin price"]


def week(*prices: int) -> list[Any]:
    count = len(prices)
    return [[TICK_AT - (count - 1 - n) * DAY, Decimal(price)] for n, price in enumerate(prices)]


def test_one_request_brings_the_week_of_all_coins_into_the_room_it_has(
    site: Site, new_page: Open
) -> None:
    site.history.told = {"bitcoin": week(1, 3, 2), "ethereum": week(3, 1)}
    site.tick = make_tick(*COINS)
    page = new_page(viewport=PHONE)
    held: list[Any] = []
    page.route("**/api/**", lambda route: held.append(route))
    with page.expect_request("**/api/history*"):
        open_live(page, site)
    before = page.locator("[data-table]").bounding_box()
    held[0].continue_()
    lines = page.locator("[data-line]")
    paths = page.locator("[data-line] path")
    expect(paths.nth(0)).to_have_attribute("d", re.compile(r"^M[\d.]+ [\d.]+L"))
    expect(paths.nth(0)).to_be_visible()
    expect(paths.nth(2)).to_have_attribute("d", "")
    expect(lines.nth(0)).to_have_attribute("data-trend", "up")
    expect(lines.nth(1)).to_have_attribute("data-trend", "down")
    assert page.locator("[data-table]").bounding_box() == before
    urls = [route.request.url for route in held]
    assert urls == [f"{site.root}/api/history?range=7d&points=50"]
