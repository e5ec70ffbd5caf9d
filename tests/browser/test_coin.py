"""One coin's page in a real browser: its price, and a chart for mouse, finger, keys and ears.

Where points and labels stand, and what requests do, is proved by `tests/js/chart/`.
"""

import csv
import re
from dataclasses import replace
from decimal import Decimal
from itertools import pairwise

import pytest
from playwright.sync_api import Locator, Page, Route, ViewportSize, expect

from tests.support.browser import PHONE, WIDE, Open, color
from tests.support.fake_site import (
    BITCOIN,
    ETHER,
    TICK_AT,
    Site,
    expect_state,
    make_tick,
    open_live,
)
from tracker.market.candles import Point
from tracker.market.freshness import Status
from tracker.times import HOUR_MS

MINUTE_MS = 60_000
PAGE = "/cryptos/bitcoin"
FULL = replace(
    BITCOIN,
    symbol="btc",
    price=Decimal("104.00"),
    change_1h=Decimal("0.12"),
    change_24h=Decimal("1.23"),
    change_7d=Decimal("-3.4"),
    high_24h=Decimal(110),
    low_24h=Decimal(100),
)
POINTS = (100, 103, 101, 105, 104)


def points(*prices: float, step: int = MINUTE_MS, end: int = TICK_AT) -> list[Point]:
    first = end - step * (len(prices) - 1)
    return [(first + step * n, Decimal(str(price))) for n, price in enumerate(prices)]


@pytest.fixture
def site(site: Site) -> Site:
    """Return a site with five minutes of bitcoin, and three hours of it in its week."""
    site.tick = make_tick(FULL, ETHER)
    site.history.told = {
        "bitcoin": points(*POINTS),
        "bitcoin 7d": points(10, 20.5, 30, step=HOUR_MS),
    }
    return site


@pytest.fixture
def page(new_page: Open) -> Page:
    return new_page(locale="en-US")


def plot(page: Page) -> Locator:
    return page.get_by_role("slider")


def expect_points(page: Page, count: int) -> None:
    expect(plot(page)).to_have_attribute("aria-valuemax", str(count - 1))


def expect_said(page: Page, price: str) -> None:
    """Expect what a screen reader reads of the chart, its time apart."""
    expect(plot(page)).to_have_attribute("aria-valuetext", re.compile(f": {re.escape(price)}$"))


def boxes(page: Page, selector: str) -> list[dict[str, float]]:
    measure = "all => all.map((each) => each.getBoundingClientRect().toJSON())"
    return list(page.locator(selector).evaluate_all(measure))


def point_at(page: Page, part: float) -> tuple[float, float]:
    """Return where on the screen a part of the drawn line's width is."""
    (line,), (box,) = boxes(page, ".chart-line"), boxes(page, "[data-plot]")
    return line["left"] + line["width"] * part, (box["top"] + box["bottom"]) / 2


def rows(page: Page) -> list[tuple[str, str]]:
    """Return the times and prices of the chart's table."""
    times = page.locator("[data-past-rows] time").evaluate_all("all => all.map(it => it.dateTime)")
    prices = page.locator("[data-past-rows] td:nth-child(2)").all_text_contents()
    return list(zip(times, prices, strict=True))


def test_a_tick_changes_price_facts_and_title_and_touches_nothing_else(
    site: Site, page: Page
) -> None:
    """The first chart came with the page, and names of the source are text."""
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    open_live(page, site, PAGE)
    expect_points(page, 5)
    assert not [url for url in asked if "/api/" in url]
    expect(page).to_have_title("$104.00 BTC · Crypto Tracker")
    price, mark = page.locator("[data-price]"), page.locator("[data-span-mark]")
    expect(price).to_contain_text("$104.00")
    expect(mark).to_have_attribute("x", "39.0")
    page.evaluate("""() => {
        window.touched = new Set();
        new MutationObserver((records) => records.forEach(({target}) => {
            const element = target.nodeType === 1 ? target : target.parentElement;
            const field = element.closest('[data-amount], dd, h1 *');
            window.touched.add(Object.keys(field?.dataset ?? {})[0]);
        })).observe(document.querySelector('[data-live]'),
            {subtree: true, childList: true, characterData: true});
    }""")
    site.send_tick(replace(FULL, price=Decimal("104.5"), change_24h=Decimal(2)), ETHER)
    expect(price).to_contain_text("$104.50")
    assert set(page.evaluate("[...touched].filter(Boolean)")) == {"amount", "change"}
    site.send_tick(
        replace(FULL, price=Decimal("107.5"), direction="up", change_1h=None, rank=2), ETHER
    )
    expect(price).to_contain_text("▲ $107.50 up", use_inner_text=True)
    expect(price).to_have_attribute("title", "107.5 USD\nCoinGecko")
    expect(page.locator("[data-change=change_1h]")).to_have_text("–")
    expect(page.locator("[data-change=change_7d]")).to_have_attribute("data-trend", "down")
    expect(page.locator("[data-rank]")).to_have_text("2")
    expect(mark).to_have_attribute("x", "73.1")
    site.send_tick(replace(FULL, name="<img src=x onerror=alert(1)>", symbol="<b>"))
    expect(page.locator("[data-name]")).to_have_text("<img src=x onerror=alert(1)>")
    page.evaluate("window.requestAnimationFrame = () => 0")  # as in a hidden tab
    site.send_tick(replace(FULL, price=Decimal("90"), direction="down"))
    expect(page).to_have_title("▼ $90.00 BTC · Crypto Tracker")
    expect(price).to_contain_text("$104.00")
    site.send_status(Status("stale", reason="HTTP 500"))
    expect(page).to_have_title("(stale) $90.00 BTC · Crypto Tracker")


@pytest.mark.parametrize(("screen", "price"), [(WIDE, "97012.50"), (PHONE, "0.0000000012")])
def test_the_page_and_all_of_its_chart_fit_the_screen_and_nothing_moves_when_it_is_drawn(
    site: Site, new_page: Open, screen: ViewportSize, price: str
) -> None:
    one = Decimal(price)
    wide = replace(FULL, price=one, high_24h=one * 2, low_24h=one, name="A Coin of some length")
    site.tick = make_tick(wide)
    site.history.told["bitcoin"] = points(*(float(one) * (1 + n / 900) for n in range(60)))
    page = new_page(locale="en-US", viewport=screen)
    page.add_init_script("""
        window.shift = 0;
        new PerformanceObserver((list) => list.getEntries().forEach((entry) => {
            window.shift += entry.value;
        })).observe({type: 'layout-shift', buffered: true});
    """)
    open_live(page, site, PAGE)
    expect_points(page, 60)
    assert page.evaluate("window.shift") < 0.02
    for width in (1280, 768, 375, 320):
        page.set_viewport_size({"width": width, "height": 800})
        page.wait_for_function(
            "it => Math.round(it.viewBox.baseVal.width) === it.clientWidth",
            arg=page.locator("[data-svg]").element_handle(),
        )
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        (box,) = boxes(page, "[data-plot]")
        prices, times = (boxes(page, f".chart-{kind} text") for kind in ("prices", "times"))
        assert len(prices) + len(times) >= 4
        for label in [*prices, *times, *boxes(page, ".chart-marks text")]:
            assert all(label[side] >= box[side] - 1 for side in ("left", "top"))
            assert all(label[side] <= box[side] + 1 for side in ("right", "bottom"))
        assert all(before["right"] < after["left"] for before, after in pairwise(times))
        assert all(after["bottom"] < before["top"] for before, after in pairwise(prices))


def test_mouse_and_keys_go_from_point_to_point_and_are_read_aloud(site: Site, page: Page) -> None:
    open_live(page, site, PAGE)
    expect_said(page, "$104.00")
    tip = page.locator("[data-tip]")
    expect(tip).to_be_hidden()
    for part, price in ((0.23, "$103.00"), (0.8, "$105.00")):
        page.mouse.move(*point_at(page, part))
        expect(tip).to_contain_text(price)
        expect(page.locator(".chart-dot")).to_be_visible()
    page.mouse.move(5, 5)
    expect(tip).to_be_hidden()
    expect(page.locator(".chart-dot")).to_be_hidden()
    plot(page).focus()
    for key, price in (
        ("ArrowLeft", "$105.00"),
        ("ArrowRight", "$104.00"),
        ("Home", "$100.00"),
        ("PageUp", "$103.00"),
        ("End", "$104.00"),
    ):
        page.keyboard.press(key)
        expect_said(page, price)
        expect(tip).to_contain_text(price)
    expect(plot(page)).to_have_attribute("aria-valuenow", "4")
    page.keyboard.press("Escape")
    expect(tip).to_be_hidden()


def test_a_finger_chooses_a_point_that_stays_until_another_place_is_touched(
    site: Site, new_page: Open
) -> None:
    page = new_page(locale="en-US", has_touch=True, viewport=PHONE)
    open_live(page, site, PAGE)
    expect_points(page, 5)
    tip = page.locator("[data-tip]")
    for part, price in ((0.01, "$100.00"), (0.76, "$105.00"), (0.99, "$104.00")):
        page.touchscreen.tap(*point_at(page, part))
        expect(tip).to_contain_text(price)
        (words,), (box,) = boxes(page, "[data-tip]"), boxes(page, "[data-plot]")
        assert box["left"] - 1 <= words["left"] <= words["right"] <= box["right"] + 1
    expect(plot(page)).to_have_css("touch-action", "pan-y")
    page.touchscreen.tap(5, 60)
    expect(tip).to_be_hidden()


def test_each_tick_is_a_point_and_the_chosen_one_stays(site: Site, page: Page) -> None:
    """A screen reader that reads the chart is not interrupted by ticks."""
    open_live(page, site, f"{PAGE}?range=1h")
    plot(page).focus()
    expect_said(page, "$104.00")
    site.send_tick(replace(FULL, price=Decimal(120)))
    expect(page.locator(".chart-marks text").first).to_have_text("$120.00")
    expect_said(page, "$104.00")
    page.keyboard.press("Home")
    before = page.locator(".chart-line").get_attribute("d") or ""
    site.send_tick(replace(FULL, price=Decimal(130)))
    expect(page.locator(".chart-marks text").first).to_have_text("$130.00")
    expect(page.locator(".chart-line")).not_to_have_attribute("d", before)
    expect(page.locator("[data-summary]")).to_contain_text("+30.00% since")
    expect(page.locator("[data-tip]")).to_contain_text("$100.00")
    page.keyboard.press("End")
    expect_said(page, "$130.00")
    expect_points(page, 7)
    expect(page.locator(".chart-line")).to_have_css("stroke", color(page, "up"))
    site.send_tick(replace(FULL, price=Decimal(90)))
    expect(page.locator(".chart-line")).to_have_css("stroke", color(page, "down"))
    for words, name in (("prices", "quiet"), ("times", "quiet"), ("marks", "bs-body-color")):
        label = page.locator(f".chart-{words} text").first
        expect(label).to_have_css("fill", color(page, name))


def test_another_range_comes_without_another_page(site: Site, page: Page) -> None:
    page.goto(site.url)
    open_live(page, site, f"{PAGE}?range=5y")
    note = page.get_by_text("There is no range “5y”")
    expect(note).to_be_visible()
    page.evaluate("window.isSame = true")
    page.get_by_role("link", name="7d").click()
    expect_points(page, 3)
    expect_said(page, "$30.00")
    expect(note).to_be_hidden()
    assert page.url == f"{site.root}{PAGE}?range=7d"
    current = page.locator("[data-ranges] [aria-current=true]")
    expect(current).to_have_text("7d")
    assert page.evaluate("window.isSame")
    page.get_by_text("Prices of this range as a table").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download all as CSV").click()
    assert download.value.suggested_filename == "bitcoin-usd-7d.csv"
    lines = download.value.path().read_text().splitlines()
    assert [row[1] for row in csv.reader(lines)] == ["price", "10", "20.5", "30"]
    page.reload()
    expect(current).to_have_text("7d")
    expect_points(page, 3)
    page.go_back()
    expect(page).to_have_url(site.url)


def test_a_range_that_loads_slowly_loses_no_tick_and_a_lost_one_can_be_had_again(
    site: Site, page: Page
) -> None:
    open_live(page, site, PAGE)
    held: list[Route] = []
    page.route("**/history?range=1h", lambda route: held.append(route))
    with page.expect_request("**/history?range=1h"):
        page.get_by_role("link", name="1h").click()
    site.send_tick(replace(FULL, price=Decimal(111)))
    expect(page).to_have_title("$111.00 BTC · Crypto Tracker")
    held[0].continue_()
    expect_points(page, 6)
    expect_said(page, "$111.00")
    page.route("**/history?range=7d", lambda route: route.abort())
    page.get_by_role("link", name="7d").click()
    said, again = page.locator("[data-chart-message]"), page.get_by_role("button", name="Try again")
    expect(said).to_have_text("The prices could not be loaded. The server cannot be reached.")
    page.route("**/history?range=7d", lambda route: route.fulfill(status=503))
    again.click()
    expect(said).to_have_text("The prices could not be loaded. The server answered 503.")
    page.unroute("**/history?range=7d")
    again.click()
    expect_said(page, "$30.00")
    expect(again).to_be_hidden()


def test_a_past_that_came_without_the_page_is_asked_for(site: Site, page: Page) -> None:
    strip = re.compile(r"(data-history[^>]*>)[^<]*")

    def without_past(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, body=strip.sub(r"\1", answer.text()))

    page.route(f"**{PAGE}", without_past)
    with page.expect_request("**/history?range=24h"):
        open_live(page, site, PAGE)
    expect_points(page, 5)


def test_without_prices_it_says_so_until_the_first_come(site: Site, page: Page) -> None:
    site.once = frozenset({"bitcoin"})
    site.tick, site.told, site.history.told = None, Status("starting"), {}
    page.goto(site.root + PAGE)
    said, absent = page.locator("[data-chart-message]"), page.locator("[data-absent]")
    amount = page.locator("[data-amount]")
    expect(page.get_by_text("The first prices are on their way.")).to_be_visible()
    expect(absent).to_be_hidden()
    site.send_status(Status("live"))
    site.send_tick(ETHER)
    expect(said).to_contain_text("No prices in this range yet.")
    expect(absent).to_contain_text("Bitcoin is not among the coins that are followed now")
    expect(amount).to_have_text("–")
    site.send_tick(FULL)
    expect(amount).to_have_text("$104.00")
    expect(page.get_by_role("heading", name="Bitcoin")).to_contain_text("BTC")
    expect(absent).to_be_hidden()
    expect(page.locator("[data-summary]")).to_contain_text("One price so far")
    expect_state(page, "live")
    site.send_tick(ETHER)
    expect(absent).to_be_visible()
    expect(amount).to_have_text("–")


def test_after_a_silence_what_was_missed_is_fetched(site: Site, page: Page) -> None:
    open_live(page, site, PAGE)
    expect_points(page, 5)
    much_later = TICK_AT + 30 * MINUTE_MS
    site.history.told["bitcoin"] += points(*range(200, 230), end=much_later)
    site.tick = make_tick(replace(FULL, price=Decimal(229)), at=much_later)
    site.sent.append(site.tick)
    with page.expect_request("**/history?range=24h"):
        site.hang_up()
    expect_points(page, 35)
    expect(page.locator(".chart-gaps")).not_to_have_attribute("d", re.compile("M"))


def test_the_table_has_the_rows_that_the_server_chose_and_needs_no_javascript(
    site: Site, new_page: Open
) -> None:
    prices = [100 + (n * 7919 % 1000) / 10 for n in range(333)]
    site.tick = make_tick(replace(FULL, price=Decimal(str(prices[-1]))))
    site.history.told["bitcoin"] = points(*prices)
    plain, page = new_page(locale="en-US", java_script_enabled=False), new_page(locale="en-US")
    plain.goto(f"{site.root}{PAGE}")
    open_live(page, site, PAGE)
    expect(plain.locator("[data-amount]")).to_have_text(f"${prices[-1]:.2f}")
    expect(plain.locator("noscript .chart-said")).to_be_visible()
    expect(plot(plain)).to_be_hidden()
    page.get_by_text("Prices of this range as a table").click()
    for each in (page, plain):
        expect(each.locator("[data-past-note]")).to_contain_text("60 of 333 prices")
    assert rows(page) == rows(plain)
    for each in (page, plain):
        each.get_by_role("link", name="7d").click()
        expect(each.locator("[data-past-rows] tr")).to_have_count(3)
        assert [price for _, price in rows(each)] == ["$10.00", "$20.50", "$30.00"]
    expect(page.get_by_role("table")).to_contain_text("7d")
