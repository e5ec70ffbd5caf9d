"""One coin's page in a real browser: its price, and a chart for mouse, finger, keys and ears.

Where points and labels stand, and what requests do, is proved by `tests/js/chart/`.
"""

from __future__ import annotations

import csv
import re
from dataclasses import replace
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.browser.test_settings import SCHEMES, contrast, expect_look
from tests.support.browser import Open
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

MINUTE = 60_000
PAGE = "/cryptos/bitcoin"
FULL = replace(
    BITCOIN,
    symbol="btc",
    price=Decimal("104.00"),
    change_1h=Decimal("0.12"),
    change_24h=Decimal("1.23"),
    change_7d=Decimal("-3.4"),
    volume_24h=Decimal("31000000000"),
    high_24h=Decimal(110),
    low_24h=Decimal(100),
    updated_at=TICK_AT - 20_000,
)


def points(*prices: float, step: int = MINUTE, end: int = TICK_AT) -> list[Point]:
    first = end - step * (len(prices) - 1)
    return [(first + step * n, Decimal(str(price))) for n, price in enumerate(prices)]


@pytest.fixture
def told(site: Site) -> Site:
    """A site with five minutes of bitcoin: 100, 103, 101, 105, 104."""
    site.tick = make_tick(FULL, ETHER)
    site.history.told["bitcoin"] = points(100, 103, 101, 105, 104)
    return site


def plot(page: Page) -> Locator:
    return page.get_by_role("slider")


def expect_points(page: Page, count: int) -> None:
    expect(plot(page)).to_have_attribute("aria-valuemax", str(count - 1))


def expect_said(page: Page, price: str) -> None:
    """Expect what a screen reader reads of the chart, its time apart."""
    expect(plot(page)).to_have_attribute("aria-valuetext", re.compile(f": {re.escape(price)}$"))


def point_at(page: Page, part: float, height: float = 0.5) -> tuple[float, float]:
    """Return where on the screen a part of the drawn line's width is."""
    line = page.locator(".chart-line").bounding_box()
    box = plot(page).bounding_box()
    assert line
    assert box
    return line["x"] + line["width"] * part, box["y"] + box["height"] * height


def english(new_page: Open, **options: Any) -> Page:
    return new_page(**{"locale": "en-US", "timezone_id": "UTC", **options})


def test_a_tick_changes_the_price_the_facts_and_the_title(told: Site, new_page: Open) -> None:
    """The first chart came with the page, and names of the source are text."""
    page = english(new_page)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    open_live(page, told, PAGE)
    expect_points(page, 5)
    assert not [url for url in asked if "/api/" in url]
    expect(page).to_have_title("$104.00 BTC · Crypto Tracker")
    expect(page.locator("[data-price]")).to_contain_text("$104.00")
    mark = page.locator("[data-span-mark]")
    expect(mark).to_have_attribute("x", "39.0")
    told.send_tick(
        replace(FULL, price=Decimal("107.5"), direction="up", change_1h=None, rank=2), ETHER
    )
    expect(page.locator("[data-price]")).to_contain_text("▲ $107.50 up", use_inner_text=True)
    expect(page.locator("[data-price]")).to_have_attribute("title", "107.5 USD")
    expect(page.locator("[data-change=change_1h]")).to_have_text("–")
    expect(page.locator("[data-change=change_7d]")).to_have_attribute("data-trend", "down")
    expect(page.locator("[data-rank]")).to_have_text("2")
    expect(mark).to_have_attribute("x", "73.1")
    expect(page).to_have_title("▲ $107.50 BTC · Crypto Tracker")
    told.send_tick(replace(FULL, name="<img src=x onerror=alert(1)>", symbol="<b>"))
    expect(page.locator("[data-name]")).to_have_text("<img src=x onerror=alert(1)>")


def test_a_tick_touches_only_what_changed(told: Site, new_page: Open) -> None:
    page = english(new_page)
    open_live(page, told, PAGE)
    page.evaluate("""() => {
        window.touched = new Set();
        new MutationObserver((records) => records.forEach(({target}) => {
            const element = target.nodeType === 1 ? target : target.parentElement;
            const field = element.closest('[data-amount], dd, h1 *');
            window.touched.add(Object.keys(field?.dataset ?? {})[0]);
        })).observe(document.querySelector('[data-live]'),
            {subtree: true, childList: true, characterData: true});
    }""")
    told.send_tick(replace(FULL, price=Decimal("104.5"), change_24h=Decimal(2)), ETHER)
    expect(page.locator("[data-price]")).to_contain_text("$104.50")
    touched = set(page.evaluate("[...window.touched].filter(Boolean)"))
    assert touched == {"amount", "change"}


def test_the_title_follows_in_a_hidden_tab_and_says_what_is_not_live(
    told: Site, new_page: Open
) -> None:
    page = english(new_page)
    open_live(page, told, PAGE)
    page.evaluate("window.requestAnimationFrame = () => 0")  # as in a hidden tab
    told.send_tick(replace(FULL, price=Decimal("90"), direction="down"))
    expect(page).to_have_title("▼ $90.00 BTC · Crypto Tracker")
    expect(page.locator("[data-price]")).to_contain_text("$104.00")
    told.send_status(Status("stale", reason="HTTP 500"))
    expect(page).to_have_title("(stale) $90.00 BTC · Crypto Tracker")


@pytest.mark.parametrize("price", ["97012.50", "0.0000000012"])
def test_the_page_and_all_of_its_chart_fit_the_screen(
    site: Site, new_page: Open, price: str
) -> None:
    one = Decimal(price)
    wide = replace(FULL, price=one, high_24h=one * 2, low_24h=one, name="A Coin of some length")
    site.tick = make_tick(wide)
    site.history.told["bitcoin"] = points(*(float(one) * (1 + n / 900) for n in range(60)))
    page = english(new_page)
    open_live(page, site, PAGE)
    expect_points(page, 60)
    for width in (1280, 768, 375, 320):
        page.set_viewport_size({"width": width, "height": 800})
        page.wait_for_function(
            "it => Math.round(it.viewBox.baseVal.width) === it.clientWidth",
            arg=page.locator("[data-svg]").element_handle(),
        )
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        box = plot(page).bounding_box()
        assert box
        prices, times = (boxes(page, f".chart-{kind} text") for kind in ("prices", "times"))
        assert len(prices) + len(times) >= 4
        for label in [*prices, *times, *boxes(page, ".chart-marks text")]:
            assert label["left"] >= box["x"] - 1
            assert label["right"] <= box["x"] + box["width"] + 1
            assert label["top"] >= box["y"] - 1
            assert label["bottom"] <= box["y"] + box["height"] + 1
        assert all(before["right"] < after["left"] for before, after in pairwise(times))
        assert all(after["bottom"] < before["top"] for before, after in pairwise(prices))


def boxes(page: Page, selector: str) -> list[dict[str, float]]:
    measure = "all => all.map((each) => each.getBoundingClientRect().toJSON())"
    return list(page.locator(selector).evaluate_all(measure))


@pytest.mark.parametrize("width", [1280, 375])
def test_nothing_moves_when_the_chart_is_drawn(told: Site, new_page: Open, width: int) -> None:
    page = english(new_page, viewport={"width": width, "height": 900})
    page.add_init_script("""
        window.shift = 0;
        new PerformanceObserver((list) => list.getEntries().forEach((entry) => {
            window.shift += entry.value;
        })).observe({type: 'layout-shift', buffered: true});
    """)
    open_live(page, told, PAGE)
    expect_points(page, 5)
    assert page.evaluate("window.shift") < 0.02


def test_the_mouse_shows_the_nearest_points_time_and_price(told: Site, new_page: Open) -> None:
    page = english(new_page)
    open_live(page, told, PAGE)
    expect_points(page, 5)
    tip = page.locator("[data-tip]")
    expect(tip).to_be_hidden()
    page.mouse.move(*point_at(page, 0.23))
    expect(tip).to_contain_text("$103.00")
    expect(page.locator(".chart-dot")).to_be_visible()
    page.mouse.move(*point_at(page, 0.8))
    expect(tip).to_contain_text("$105.00")
    page.mouse.move(5, 5)
    expect(tip).to_be_hidden()
    expect(page.locator(".chart-dot")).to_be_hidden()


def test_keys_go_from_point_to_point_and_are_read_aloud(told: Site, new_page: Open) -> None:
    page = english(new_page)
    open_live(page, told, PAGE)
    expect_said(page, "$104.00")
    plot(page).focus()
    for key, price in (
        ("ArrowLeft", "$105.00"),
        ("ArrowLeft", "$101.00"),
        ("ArrowRight", "$105.00"),
        ("Home", "$100.00"),
        ("ArrowLeft", "$100.00"),
        ("PageUp", "$103.00"),
        ("PageDown", "$100.00"),
        ("End", "$104.00"),
    ):
        page.keyboard.press(key)
        expect_said(page, price)
        expect(page.locator("[data-tip]")).to_contain_text(price)
    expect(plot(page)).to_have_attribute("aria-valuenow", "4")
    page.keyboard.press("Escape")
    expect(page.locator("[data-tip]")).to_be_hidden()


def test_a_finger_chooses_a_point_that_stays_until_another_place_is_touched(
    told: Site, new_page: Open
) -> None:
    page = english(new_page, has_touch=True, viewport={"width": 375, "height": 700})
    open_live(page, told, PAGE)
    expect_points(page, 5)
    tip = page.locator("[data-tip]")
    for part, price in ((0.01, "$100.00"), (0.76, "$105.00"), (0.99, "$104.00")):
        page.touchscreen.tap(*point_at(page, part))
        expect(tip).to_contain_text(price)
        words, box = tip.bounding_box(), plot(page).bounding_box()
        assert words
        assert box
        assert words["x"] >= box["x"] - 1
        assert words["x"] + words["width"] <= box["x"] + box["width"] + 1
    assert plot(page).evaluate("it => getComputedStyle(it).touchAction") == "pan-y"
    page.touchscreen.tap(5, 60)
    expect(tip).to_be_hidden()


def test_each_tick_is_a_point_and_the_chosen_one_stays(told: Site, new_page: Open) -> None:
    """A screen reader that reads the chart is not interrupted by ticks."""
    page = english(new_page)
    open_live(page, told, f"{PAGE}?range=1h")
    plot(page).focus()
    expect_said(page, "$104.00")
    told.send_tick(replace(FULL, price=Decimal(120)))
    expect(page.locator(".chart-marks text").first).to_have_text("$120.00")
    expect_said(page, "$104.00")
    page.keyboard.press("Home")
    before = page.locator(".chart-line").get_attribute("d") or ""
    told.send_tick(replace(FULL, price=Decimal(130)))
    expect(page.locator(".chart-marks text").first).to_have_text("$130.00")
    expect(page.locator(".chart-line")).not_to_have_attribute("d", before)
    expect(page.locator("[data-summary]")).to_contain_text("+30.00% since")
    expect(page.locator("[data-tip]")).to_contain_text("$100.00")
    page.keyboard.press("End")
    expect_said(page, "$130.00")
    expect_points(page, 7)


def test_another_range_comes_without_another_page(
    told: Site, new_page: Open, tmp_path: Path
) -> None:
    told.history.told["bitcoin 7d"] = points(10, 20.5, 30, step=60 * MINUTE)
    page = english(new_page, accept_downloads=True)
    page.goto(told.url)
    open_live(page, told, f"{PAGE}?range=5y")
    note = page.get_by_text("There is no range “5y”")
    expect(note).to_be_visible()
    page.evaluate("window.isSame = true")
    page.get_by_role("link", name="7d").click()
    expect_points(page, 3)
    expect_said(page, "$30.00")
    expect(note).to_be_hidden()
    assert page.url == f"{told.root}{PAGE}?range=7d"
    current = page.locator("[data-ranges] [aria-current=true]")
    expect(current).to_have_text("7d")
    assert page.evaluate("window.isSame")
    page.get_by_text("Prices of this range as a table").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download all as CSV").click()
    assert download.value.suggested_filename == "bitcoin-usd-7d.csv"
    file = tmp_path / "prices.csv"
    download.value.save_as(file)
    prices = [row[1] for row in csv.reader(file.read_text().splitlines())]
    assert prices == ["price", "10", "20.5", "30"]
    page.reload()
    expect(current).to_have_text("7d")
    expect_points(page, 3)
    page.go_back()
    expect(page).to_have_url(told.url)


def test_what_comes_while_a_range_is_loading_is_not_lost(told: Site, new_page: Open) -> None:
    page = english(new_page)
    open_live(page, told, PAGE)
    held: list[Route] = []
    page.route("**/history?range=1h", lambda route: held.append(route))
    with page.expect_request("**/history?range=1h"):
        page.get_by_role("link", name="1h").click()
    told.send_tick(replace(FULL, price=Decimal(111)))
    expect(page).to_have_title("$111.00 BTC · Crypto Tracker")
    held[0].continue_()
    expect_points(page, 6)
    expect_said(page, "$111.00")


def test_a_lost_request_is_said_and_can_be_made_again(told: Site, new_page: Open) -> None:
    page = english(new_page)
    open_live(page, told, PAGE)
    page.route("**/history?range=30d", lambda route: route.abort())
    page.get_by_role("link", name="30d").click()
    said = page.locator("[data-chart-message]")
    expect(said).to_have_text("The prices could not be loaded. The server cannot be reached.")
    page.route("**/history?range=30d", lambda route: route.fulfill(status=503))
    page.get_by_role("button", name="Try again").click()
    expect(said).to_have_text("The prices could not be loaded. The server answered 503.")
    page.unroute("**/history?range=30d")
    page.get_by_role("button", name="Try again").click()
    expect_points(page, 5)
    expect(page.get_by_role("button", name="Try again")).to_be_hidden()


def test_a_past_that_came_without_the_page_is_asked_for(told: Site, new_page: Open) -> None:
    page = english(new_page)
    strip = re.compile(r"(data-history[^>]*>)[^<]*")

    def without_past(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, body=strip.sub(r"\1", answer.text()))

    page.route(f"**{PAGE}", without_past)
    with page.expect_request("**/history?range=24h"):
        open_live(page, told, PAGE)
    expect_points(page, 5)


def test_a_range_without_prices_says_so_until_the_first_comes(site: Site, new_page: Open) -> None:
    site.once = frozenset({"bitcoin"})
    site.tick = make_tick(ETHER)
    page = english(new_page)
    open_live(page, site, PAGE)
    said = page.locator("[data-chart-message]")
    expect(said).to_contain_text("No prices in this range yet.")
    expect(page.locator("[data-absent]")).to_contain_text("Bitcoin is not among the top 10 now")
    expect(page.locator("[data-amount]")).to_have_text("–")
    site.send_tick(FULL)
    expect(page.locator("[data-amount]")).to_have_text("$104.00")
    expect(page.locator("[data-absent]")).to_be_hidden()
    expect(page.locator("[data-summary]")).to_contain_text("One price so far")
    site.send_tick(ETHER)
    expect(page.locator("[data-absent]")).to_be_visible()
    expect(page.locator("[data-amount]")).to_have_text("–")


def test_an_empty_start_fills_itself(site: Site, new_page: Open) -> None:
    site.told = Status("starting")
    page = english(new_page)
    page.goto(site.root + PAGE)
    expect(page.get_by_text("The first prices are on their way.")).to_be_visible()
    expect(page.locator("[data-absent]")).to_be_hidden()
    site.send_status(Status("live"))
    site.history.told["bitcoin"] = points(100, 104, end=TICK_AT + 2_000)
    site.send_tick(FULL)
    expect(page.locator("[data-amount]")).to_have_text("$104.00")
    expect(page.get_by_role("heading", name="Bitcoin")).to_contain_text("BTC")
    expect_points(page, 2)
    expect_state(page, "live")


def test_after_a_silence_what_was_missed_is_fetched(told: Site, new_page: Open) -> None:
    page = english(new_page)
    open_live(page, told, PAGE)
    expect_points(page, 5)
    much_later = TICK_AT + 30 * MINUTE
    told.history.told["bitcoin"] += points(*range(200, 230), end=much_later)
    told.tick = make_tick(replace(FULL, price=Decimal(229)), at=much_later)
    told.sent.append(told.tick)
    with page.expect_request("**/history?range=24h"):
        told.hang_up()
    expect_points(page, 35)
    expect(page.locator(".chart-gaps")).not_to_have_attribute("d", re.compile("M"))


def rows(page: Page) -> list[tuple[str, str]]:
    cells = page.locator("[data-past-rows] td").all_text_contents()
    return list(zip(cells[::2], cells[1::2], strict=True))


def test_the_table_has_the_rows_that_the_server_chose_and_follows_the_range(
    site: Site, new_page: Open
) -> None:
    prices = [100 + (n * 7919 % 1000) / 10 for n in range(333)]
    site.tick = make_tick(replace(FULL, price=Decimal(str(prices[-1]))))
    site.history.told["bitcoin"] = points(*prices)
    site.history.told["bitcoin 7d"] = points(10, 20, 30, step=60 * MINUTE)
    plain = english(new_page, java_script_enabled=False)
    plain.goto(f"{site.root}{PAGE}")
    page = english(new_page)
    open_live(page, site, PAGE)
    page.get_by_text("Prices of this range as a table").click()
    for each in (page, plain):
        expect(each.locator("[data-past-note]")).to_contain_text("60 of 333 prices")
    assert [price for _, price in rows(page)] == [price for _, price in rows(plain)]
    times = "times => times.map((time) => time.dateTime)"
    found = [each.locator("[data-past-rows] time").evaluate_all(times) for each in (page, plain)]
    assert found[0] == found[1]
    page.get_by_role("link", name="7d").click()
    expect(page.locator("[data-past-rows] tr")).to_have_count(3)
    assert [price for _, price in rows(page)] == ["$10.00", "$20.00", "$30.00"]
    expect(page.get_by_role("table")).to_contain_text("7d")


def test_without_javascript_there_are_prices_and_ranges(told: Site, new_page: Open) -> None:
    told.history.told["bitcoin 7d"] = points(10, 20)
    page = english(new_page, java_script_enabled=False)
    page.goto(f"{told.root}{PAGE}")
    expect(page.locator("[data-amount]")).to_have_text("$104.00")
    expect(page.locator("noscript .chart-said")).to_be_visible()
    expect(page.get_by_role("slider")).to_be_hidden()
    page.get_by_role("link", name="7d").click()
    page.get_by_text("Prices of this range as a table").click()
    assert [price for _, price in rows(page)] == ["$10.00", "$20.00"]


@pytest.mark.parametrize(("last", "trend"), [(90, "down"), (110, "up")])
def test_the_charts_words_can_be_read_in_both_themes(
    site: Site, new_page: Open, last: int, trend: str
) -> None:
    site.tick = make_tick(FULL)
    site.history.told["bitcoin"] = points(100, 103, last)
    page = english(new_page)
    open_live(page, site, PAGE)
    expect_points(page, 3)
    expect(page.locator("[data-chart]")).to_have_attribute("data-trend", trend)
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        expect_look(page, scheme)
        ground = color(page, ".chart-board", "background-color")
        for words in (".chart-prices text", ".chart-times text", ".chart-marks text"):
            assert contrast(color(page, words, "fill"), ground) >= 4.5, words
        for words in (".chart-summary", ".ranges a", ".past-note"):
            assert contrast(color(page, words), ground) >= 4.5, words
        assert contrast(color(page, ".chart-line", "stroke"), ground) >= 3


def color(page: Page, selector: str, name: str = "color") -> list[int]:
    """Return red, green and blue of the first element's computed style."""
    style = f"element => getComputedStyle(element).getPropertyValue('{name}')"
    rgb = str(page.locator(selector).first.evaluate(style))
    return [int(part) for part in re.findall(r"\d+", rgb)[:3]]
