"""The live page in a real browser, fed by a server that follows the test's script."""

import re
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from playwright.sync_api import Browser, Page, Route, expect

from tests.support.browser import Open
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
from tracker.market.freshness import SourceHealth, Status
from tracker.times import iso

HOUR = 60 * 60 * 1000
BERLIN = ZoneInfo("Europe/Berlin")


def in_berlin(ms: int) -> str:
    return f"{datetime.fromtimestamp(ms // 1000, BERLIN):%H:%M:%S}"


def shown(page: Page) -> list[str]:
    """Return every row's text, as painted, and the exact numbers behind it."""
    rows = [" ".join(row.split()) for row in page.locator("[data-coin]").all_inner_texts()]
    titles = "cells => cells.map(cell => cell.title)"
    return rows + list(page.locator("[data-coin] [title]").evaluate_all(titles))


def test_without_javascript_the_prices_are_there_and_nothing_that_needs_it(
    site: Site, new_page: Open
) -> None:
    site.tick = make_tick(replace(BITCOIN, direction="down"), ETHER)
    page = new_page(java_script_enabled=False)
    page.goto(site.url)
    expect(cell(page, "bitcoin", "price")).to_contain_text("▼ $97,012.50")
    expect(cell(page, "ethereum", "change_24h")).to_have_text("-2.50%")
    expect_state(page, "starting")
    hooks = ("search", "sort-list", "star", "line", "open-alerts", "alerts")
    for width in (1280, 768, 375):
        page.set_viewport_size({"width": width, "height": 800})
        for hook in hooks:
            expect(page.locator(f"[data-{hook}]").first).to_be_hidden()
    for button in page.locator("[data-sort]").all():
        expect(button).to_be_disabled()


def test_a_tick_is_in_the_readers_locale_and_time_with_its_directions_as_text(
    site: Site, new_page: Open
) -> None:
    site.tick = make_tick(BITCOIN, ETHER, TETHER)
    page = new_page()
    open_live(page, site)
    expect(cell(page, "bitcoin", "market_cap")).to_have_text("1,92 Bio. $")
    expect(cell(page, "ethereum", "change_24h")).to_have_text("-2,50 %")
    site.send_tick(
        replace(BITCOIN, price=Decimal("97013.5"), direction="up"),
        replace(ETHER, price=Decimal("3500"), direction="down"),
        TETHER,
    )
    for coin, text in (
        ("bitcoin", "▲ 97.013,50 $ up"),
        ("ethereum", "▼ 3.500,00 $ down"),
        ("tether", "1,0000 $ unchanged"),
    ):
        expect(cell(page, coin, "price")).to_contain_text(text, use_inner_text=True)
    expect(cell(page, "bitcoin", "price")).to_have_attribute("title", "97.013,5 USD\nCoinGecko")
    updated = page.locator("[data-updated]")
    expect(updated).to_contain_text(in_berlin(TICK_AT + 2000))
    expect(updated).to_have_attribute("datetime", iso(TICK_AT + 2000))


def test_coins_leave_enter_and_change_places_while_the_others_rows_stay(
    site: Site, new_page: Open
) -> None:
    """An image that cannot be had leaves a letter and no trace."""
    gone = "https://images.test/gone.png"
    site.tick = make_tick(replace(BITCOIN, image=gone), ETHER, TETHER)
    page = new_page()
    open_live(page, site)
    page.locator("[data-coin=tether]").evaluate("row => { row.wasThere = true }")
    newcomer = quote("solana", "230.70", rank=3, name="<b>Solana</b>", image=gone)
    site.send_tick(replace(TETHER, rank=1), replace(BITCOIN, rank=2, image=gone), newcomer)
    expect(cell(page, "solana", "name")).to_contain_text("<b>Solana</b>")
    rows = page.locator("[data-coin]").evaluate_all("rows => rows.map(row => row.dataset.coin)")
    assert rows == ["tether", "bitcoin", "solana"]
    assert page.locator("[data-coin=tether]").evaluate("row => row.wasThere")
    for coin, letter in (("bitcoin", "B"), ("solana", "S")):
        icon = page.locator(f"[data-coin={coin}] [data-icon]")
        expect(icon).to_have_text(letter)
        expect(icon.locator("img")).to_have_count(0)


def test_the_browser_writes_numbers_and_rows_as_the_server_does(site: Site, new_page: Open) -> None:
    """To a reader in en-US the first tick changes nothing that has not changed."""
    coins = (
        BITCOIN,
        ETHER,
        TETHER,
        quote("tiny", "1.2e-09", direction="down", updated_at=now_ms() - 50 * HOUR),
        quote("small", "0.0123456", direction="up", change_24h=Decimal("0.001"), venues=("a", "b")),
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
    expect(cell(live, "tiny", "price")).to_contain_text("$0.0₈12")
    expect(cell(live, "huge", "price")).to_contain_text("$20,087,696")
    assert shown(live) == shown(painted)


def test_a_lost_server_is_told_and_found_again(site: Site, new_page: Open) -> None:
    site.tick = make_tick(BITCOIN)
    page = new_page()
    page.add_init_script(OWN_CONNECTION)
    page.clock.install()
    open_live(page, site)
    site.go()
    expect_state(page, "reconnecting")
    expect(cell(page, "bitcoin", "price")).to_contain_text("97.012,50 $")
    site.come()
    page.clock.run_for(1_000)
    expect_state(page, "live")
    site.send_tick(replace(BITCOIN, price=Decimal(98000)))
    expect(cell(page, "bitcoin", "price")).to_contain_text("98.000,00 $")
    with page.expect_request("**/stream*"):  # also after silence for three intervals
        page.clock.fast_forward(181_000)
    site.send_tick(BITCOIN)
    expect_state(page, "live")


def test_stale_prices_are_marked_with_their_age_until_new_ones_come(
    site: Site, new_page: Open
) -> None:
    """Their age is the newest tick's, however late it came; reason and next attempt are shown."""
    site.tick = make_tick(BITCOIN, at=now_ms() - 3 * HOUR)
    page = new_page()
    page.clock.install()
    open_live(page, site)
    age, notice = page.locator("[data-age]"), page.locator("[data-notice]")
    expect(age).to_be_hidden()
    expect(notice).to_be_hidden()
    site.send(make_tick(ETHER, at=now_ms() - 2 * HOUR))
    site.send_status(Status("stale", reason="HTTP 500", next_attempt_at=TICK_AT + 60_000))
    expect_state(page, "stale")
    expect(age).to_have_text("(vor 2 Std.)")
    expect(age).to_be_visible()
    expect(notice).to_contain_text("HTTP 500", use_inner_text=True)
    expect(notice).to_contain_text(in_berlin(TICK_AT + 60_000), use_inner_text=True)
    page.clock.fast_forward(HOUR)
    expect(age).to_have_text("(vor 3 Std.)")
    site.send_status(Status("live"))
    site.send(make_tick(BITCOIN, at=now_ms()))
    expect_state(page, "live")
    expect(age).to_be_hidden()
    expect(notice).to_be_hidden()


def test_a_price_says_where_it_comes_from_and_the_pill_how_the_sources_do(
    site: Site, new_page: Open
) -> None:
    """Its age grows while it stands; an exchange that fails is no alarm."""
    renewed: dict[str, Any] = {"venues": ("bitstamp", "kraken"), "updated_at": now_ms() - 2 * HOUR}
    site.tick = make_tick(replace(BITCOIN, **renewed), TETHER, at=now_ms())
    site.told = Status("live", sources=(SourceHealth("coingecko", True),))
    page = new_page(locale="en-US")
    page.clock.install()
    open_live(page, site, "/cryptos/bitcoin")
    origin = page.locator("[data-origin]")
    expect(origin).to_have_text("Median of Bitstamp and Kraken, 2 hr. ago")
    dearer = replace(BITCOIN, **renewed, price=Decimal(98000))
    site.send(make_tick(dearer, TETHER, at=now_ms()))
    expect(page.locator("[data-price] [data-amount]")).to_have_text("$98,000.00")
    shown = page.locator("[data-price]")
    expect(shown).to_have_attribute("data-old", "true")
    expect(shown.locator("[data-amount]")).to_have_css("text-decoration-line", "underline")
    site.send(make_tick(replace(dearer, updated_at=now_ms()), TETHER, at=now_ms()))
    expect(shown).to_have_attribute("data-old", "false")
    site.send(make_tick(dearer, TETHER, at=now_ms()))
    page.locator("[data-indicator]").click()
    expect(page.locator("[data-sources] li")).to_have_text("CoinGecko answers", use_inner_text=True)
    page.clock.fast_forward(HOUR)
    expect(origin).to_have_text("Median of Bitstamp and Kraken, 3 hr. ago")
    open_live(page, site)
    price = cell(page, "bitcoin", "price")
    page.clock.fast_forward(HOUR)
    price.hover()
    expect(price).to_have_attribute("title", re.compile(r"^98,000 USD\nMedian .*, 3 hr. ago$"))
    sources = SourceHealth("coingecko", True), SourceHealth("kraken", False, TICK_AT, "answers 503")
    site.send_status(Status("live", sources=sources))
    page.locator("[data-indicator]").click()
    listed = page.locator("[data-sources] li")
    expect(listed).to_have_count(2)
    expect(listed.nth(0)).to_have_text("CoinGecko answers", use_inner_text=True)
    expect(listed.nth(1)).to_contain_text("Kraken failing since", use_inner_text=True)
    expect(listed.nth(1)).to_contain_text("answers 503", use_inner_text=True)
    expect(page.locator("[data-notice]")).to_be_hidden()


def test_an_empty_start_says_why_and_fills_itself(site: Site, new_page: Open) -> None:
    """Simulated prices are called so from the tick on."""
    site.told = Status("offline", reason="no such host", next_attempt_at=TICK_AT)
    page = new_page()
    page.goto(site.url)
    notice = page.locator("[data-notice]")
    badge = page.get_by_role("heading").get_by_text("Simulated")
    expect_state(page, "offline")
    for words in ("No such host", "Next attempt at", "make demo"):
        expect(notice).to_contain_text(words, use_inner_text=True)
    expect(page.get_by_text("No prices yet")).to_be_visible()
    expect(badge).to_be_hidden()
    site.send_status(Status("live"))
    site.send(make_tick(BITCOIN, TETHER, source="simulated"))
    expect(cell(page, "bitcoin", "price")).to_be_visible()
    expect(page.get_by_text("No prices yet")).to_be_hidden()
    expect(notice).to_be_hidden()
    expect(badge).to_be_visible()
    expect(page.get_by_text("Data provided by")).to_be_hidden()
    expect_state(page, "live")


def test_an_inline_script_does_not_run(site: Site, browser: Browser) -> None:
    page = browser.new_page()

    def smuggle(route: Route) -> None:
        answer = route.fetch()
        evil = "<script>document.title = 'evil'</script></body>"
        route.fulfill(response=answer, body=answer.text().replace("</body>", evil))

    page.route("**/nothing", smuggle)
    page.goto(f"{site.root}/nothing")
    assert page.title().startswith("Page not found")
    page.close()
