"""The live page in a real browser, fed by a server that follows the test's script."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Page, expect

from tests.support.browser import Open, needs_chromium
from tests.support.fake_site import (
    BITCOIN,
    ETHER,
    OWN_CONNECTION,
    TETHER,
    TICK_AT,
    Site,
    cell,
    expect_state,
    make_tick,
    open_live,
    quote,
)
from tests.support.tools import now_ms
from tracker.market.freshness import Status
from tracker.times import HOUR_MS, iso

BERLIN = ZoneInfo("Europe/Berlin")

pytestmark = needs_chromium


def colour(page: Page, selector: str, name: str = "color") -> str:
    style = f"element => getComputedStyle(element).getPropertyValue('{name}')"
    return str(page.locator(selector).first.evaluate(style))


def contrast(one: str, other: str) -> float:
    """Return the contrast of two `rgb()` colours, as WCAG 2.2 defines it."""
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(rgb: str) -> float:
    parts = [int(part) / 255 for part in re.findall(r"\d+", rgb)[:3]]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def in_berlin(ms: int) -> str:
    return f"{datetime.fromtimestamp(ms // 1000, BERLIN):%H:%M:%S}"


def shown(page: Page) -> list[str]:
    """Return every row's text, as painted."""
    return [" ".join(row.split()) for row in page.locator("[data-coin]").all_inner_texts()]


def titles(page: Page) -> Any:
    """Return the exact numbers behind what is painted."""
    cells = page.locator("[data-coin] [title]")
    return cells.evaluate_all("cells => cells.map(cell => cell.title)")


def test_without_javascript_the_prices_are_there_and_not_called_live(
    site: Site, new_page: Open
) -> None:
    site.tick = make_tick(replace(BITCOIN, direction="down"), ETHER)
    page = new_page(java_script_enabled=False)
    page.goto(site.url)
    expect(cell(page, "bitcoin", "price")).to_contain_text("▼ $97,012.50")
    expect(cell(page, "ethereum", "change_24h")).to_have_text("-2.50%")
    expect_state(page, "starting")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_tick_shows_up_green_down_red_and_same_as_text(
    site: Site, new_page: Open, scheme: str
) -> None:
    site.tick = make_tick(BITCOIN, ETHER, TETHER)
    page = new_page(color_scheme=scheme, reduced_motion="reduce")
    open_live(page, site)
    site.send_tick(
        replace(BITCOIN, price=Decimal("97013.5"), direction="up"),
        replace(ETHER, price=Decimal("3500"), direction="down"),
        TETHER,
    )
    expect(cell(page, "bitcoin", "price")).to_contain_text("▲ 97.013,50 $ up", use_inner_text=True)
    expect(cell(page, "ethereum", "price")).to_contain_text(
        "▼ 3.500,00 $ down", use_inner_text=True
    )
    expect(cell(page, "tether", "price")).to_contain_text("1,0000 $ unchanged", use_inner_text=True)
    expect(cell(page, "bitcoin", "price")).to_have_attribute("title", "97.013,5 USD")
    colours = {
        direction: colour(page, f'[data-direction="{direction}"]')
        for direction in ("up", "down", "same")
    }
    red, green, _ = map(int, re.findall(r"\d+", colours["up"])[:3])
    assert green > red
    red, green, _ = map(int, re.findall(r"\d+", colours["down"])[:3])
    assert red > green
    assert colours["same"] == colour(page, "body")
    ground = colour(page, ".board", "background-color")
    for text in colours.values():
        assert contrast(text, ground) >= 4.5
    page_ground = colour(page, "body", "background-color")
    assert contrast(colour(page, ".legend"), page_ground) >= 4.5
    pill = colour(page, "[data-indicator]", "background-color")
    assert contrast(colour(page, "[data-indicator]"), pill) >= 4.5


def test_the_last_update_is_in_the_readers_time(site: Site, new_page: Open) -> None:
    site.tick = make_tick(BITCOIN)
    page = new_page()
    open_live(page, site)
    updated = page.locator("[data-updated]")
    expect(updated).to_contain_text(in_berlin(TICK_AT))
    site.send_tick(BITCOIN)
    expect(updated).to_contain_text(in_berlin(TICK_AT + 2000))
    expect(updated).to_have_attribute("datetime", iso(TICK_AT + 2000))


def test_coins_leave_enter_and_change_places_while_the_others_rows_stay(
    site: Site, new_page: Open
) -> None:
    site.tick = make_tick(BITCOIN, ETHER, TETHER)
    page = new_page()
    open_live(page, site)
    page.locator("[data-coin=tether]").evaluate("row => { row.wasThere = true }")
    newcomer = quote("solana", "230.70", rank=3, name="<b>Solana</b>")
    site.send_tick(replace(TETHER, rank=1), replace(BITCOIN, rank=2), newcomer)
    expect(cell(page, "solana", "name")).to_contain_text("<b>Solana</b>")
    rows = page.locator("[data-coin]").evaluate_all("rows => rows.map(row => row.dataset.coin)")
    assert rows == ["tether", "bitcoin", "solana"]
    assert page.locator("[data-coin=tether]").evaluate("row => row.wasThere")


def test_the_browser_writes_numbers_and_rows_as_the_server_does(site: Site, new_page: Open) -> None:
    """To a reader in en-US the first tick changes nothing that has not changed."""
    coins = (
        BITCOIN,
        ETHER,
        TETHER,
        quote("tiny", "1.2e-09", direction="down"),
        quote("small", "0.0123456", direction="up", change_24h=Decimal("0.001")),
        quote("huge", "20087696.0", market_cap=Decimal("1.9e15"), change_24h=Decimal(12345)),
    )
    site.tick = make_tick(*coins)
    painted = new_page(java_script_enabled=False)
    painted.goto(site.url)
    site.tick = None
    live = new_page(locale="en-US")
    live.goto(site.url)
    expect(live.get_by_text("No prices yet")).to_be_visible()
    expect_state(live, "starting")
    site.send_tick(*coins)
    expect(cell(live, "tiny", "price")).to_contain_text("$0.0000000012")
    expect(cell(live, "huge", "price")).to_contain_text("$20,087,696.00")
    assert shown(live) == shown(painted)
    assert titles(live) == titles(painted)


def test_a_lost_server_is_told_and_found_again(site: Site, new_page: Open) -> None:
    site.tick = make_tick(BITCOIN)
    page = new_page()
    open_live(page, site)
    site.go()
    expect_state(page, "reconnecting")
    expect(cell(page, "bitcoin", "price")).to_contain_text("97.012,50 $")
    site.come()
    expect_state(page, "live")
    site.send_tick(replace(BITCOIN, price=Decimal(98000)))
    expect(cell(page, "bitcoin", "price")).to_contain_text("98.000,00 $")


def test_an_answer_that_is_no_stream_does_not_end_the_page(site: Site, new_page: Open) -> None:
    """A browser's own EventSource gives up here for ever."""
    site.tick = make_tick(BITCOIN)
    page = new_page()
    page.add_init_script(OWN_CONNECTION)
    page.clock.install()
    open_live(page, site)
    site.is_refusing = True
    with page.expect_response(lambda response: response.status == 503):
        site.hang_up()
    expect_state(page, "reconnecting")
    page.clock.fast_forward(1_000)
    expect_state(page, "reconnecting")
    site.is_refusing = False
    page.clock.fast_forward(5_000)
    expect_state(page, "live")


def test_after_silence_for_three_intervals_the_connection_is_made_anew(
    site: Site, new_page: Open
) -> None:
    site.tick = make_tick(BITCOIN)
    page = new_page()
    page.add_init_script(OWN_CONNECTION)
    page.clock.install()
    open_live(page, site)
    with page.expect_request("**/stream*"):
        page.clock.fast_forward(181_000)
    site.send_tick(BITCOIN)
    expect_state(page, "live")


def test_stale_prices_are_marked_with_their_age_until_new_ones_come(
    site: Site, new_page: Open
) -> None:
    site.tick = make_tick(BITCOIN, at=now_ms())
    page = new_page()
    page.clock.install()
    open_live(page, site)
    age = page.locator("[data-age]")
    expect(age).to_be_hidden()
    site.send_status(Status("stale", reason="HTTP 500"))
    expect_state(page, "stale")
    page.clock.fast_forward(185_000)
    expect(age).to_have_text("(vor 3 Min.)")
    expect(age).to_be_visible()
    site.send_status(Status("live"))
    site.send_tick(BITCOIN)
    expect_state(page, "live")
    expect(age).to_be_hidden()


def test_prices_that_come_late_are_as_old_as_they_are(site: Site, new_page: Open) -> None:
    site.tick = make_tick(BITCOIN, at=now_ms() - 3 * HOUR_MS)
    page = new_page()
    open_live(page, site)
    site.send(make_tick(ETHER, at=now_ms() - 2 * HOUR_MS))
    site.send_status(Status("stale", reason="HTTP 500"))
    expect_state(page, "stale")
    expect(page.locator("[data-age]")).to_have_text("(vor 2 Std.)")


def test_a_source_that_fails_is_told_with_reason_and_next_attempt(
    site: Site, new_page: Open
) -> None:
    site.tick = make_tick(BITCOIN)
    page = new_page()
    open_live(page, site)
    notice = page.locator("[data-notice]")
    expect(notice).to_be_hidden()
    site.send_status(Status("stale", reason="HTTP 500", next_attempt_at=TICK_AT + 60_000))
    expect_state(page, "stale")
    expect(notice).to_contain_text("Reason: HTTP 500", use_inner_text=True)
    expect(notice).to_contain_text(in_berlin(TICK_AT + 60_000), use_inner_text=True)
    site.send_status(Status("live"))
    expect(notice).to_be_hidden()


def test_an_empty_start_says_why_and_fills_itself(site: Site, new_page: Open) -> None:
    site.told = Status("offline", reason="no such host", next_attempt_at=TICK_AT)
    page = new_page()
    page.goto(site.url)
    notice = page.locator("[data-notice]")
    expect_state(page, "offline")
    for words in ("no such host", "Next attempt at", "make demo"):
        expect(notice).to_contain_text(words, use_inner_text=True)
    expect(page.get_by_text("No prices yet")).to_be_visible()
    site.send_status(Status("live"))
    site.send_tick(BITCOIN, TETHER)
    expect(cell(page, "bitcoin", "price")).to_be_visible()
    expect(page.get_by_text("No prices yet")).to_be_hidden()
    expect(notice).to_be_hidden()
    expect_state(page, "live")


@pytest.mark.parametrize("width", [320, 375, 768])
def test_the_page_fits_its_screen(site: Site, new_page: Open, width: int) -> None:
    long = quote("long", "0.00000000001234", name="A Coin " * 9, symbol="unreasonable")
    site.tick = make_tick(BITCOIN, ETHER, quote("huge", "20087696.0"), long)
    site.told = Status("stale", reason="https://api.test/" + "x" * 200)
    page = new_page(viewport={"width": width, "height": 700})
    page.goto(site.url)
    expect_state(page, "stale")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for field in ("price", "change_24h", "market_cap"):
        box = cell(page, "long", field).bounding_box()
        assert box
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
    cap = cell(page, "ethereum", "market_cap")
    assert cap.evaluate("it => it.scrollWidth <= it.clientWidth")


def test_simulated_prices_are_called_so_from_the_tick_on(site: Site, new_page: Open) -> None:
    page = new_page()
    page.goto(site.url)
    badge = page.get_by_role("heading").get_by_text("Simulated")
    expect(badge).to_be_hidden()
    site.tick = make_tick(BITCOIN, source="simulated")
    site.hang_up()
    expect(badge).to_be_visible()
    expect(page.get_by_text("Data provided by")).to_be_hidden()


def test_an_image_that_cannot_be_had_leaves_a_letter_and_no_trace(
    site: Site, new_page: Open
) -> None:
    gone = "https://images.test/gone.png"
    site.tick = make_tick(replace(BITCOIN, image=gone), TETHER)
    page = new_page()
    open_live(page, site)
    site.send_tick(replace(BITCOIN, image=gone), replace(ETHER, image=gone))
    for coin, letter in (("bitcoin", "B"), ("ethereum", "E")):
        icon = page.locator(f'[data-coin="{coin}"] [data-icon]')
        expect(icon).to_have_text(letter)
        expect(icon.locator("img")).to_have_count(0)


def test_a_price_of_many_digits_is_exact_in_its_title(site: Site, new_page: Open) -> None:
    page = new_page()
    page.goto(site.url)
    site.send_tick(quote("digits", "0.12345678901234567890123"))
    expect(cell(page, "digits", "price")).to_contain_text("0,1235 $")
    exact = "0,12345678901234567890123 USD"
    expect(cell(page, "digits", "price")).to_have_attribute("title", exact)
