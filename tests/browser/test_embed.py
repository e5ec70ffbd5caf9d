"""The embedded page, in a frame of another origin's page."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from decimal import Decimal

import pytest
from flask import Response
from playwright.sync_api import FrameLocator, Page, expect

from tests.support.browser import Open
from tests.support.fake_site import BITCOIN, ETHER, TETHER, Site, cell, make_tick, quote
from tests.support.serving import serving
from tracker.market.freshness import Status


def host_of(frame: str) -> Response:
    """Return a page with *frame*, an address, in an iframe."""
    body = f'<!doctype html><title>Host</title><iframe src="{frame}" width="320"></iframe>'
    return Response(body, mimetype="text/html")


Embed = Callable[..., FrameLocator]


@pytest.fixture
def embed(site: Site) -> Iterator[Embed]:
    """Open a host's page in *page*, and return the frame on it."""
    site.tick = make_tick(BITCOIN, ETHER, TETHER)
    with ExitStack() as stack:

        def open(page: Page, query: str = "") -> FrameLocator:
            host = stack.enter_context(serving(host_of(f"{site.root}/embed{query}")))
            page.goto(f"http://127.0.0.1:{host.port}/")
            return page.frame_locator("iframe")

        yield open


def test_the_frame_shows_the_coins_asked_for_and_follows_the_stream(
    site: Site, new_page: Open, embed: Embed
) -> None:
    frame = embed(new_page(locale="en-US"), "?coins=Ethereum,bitcoin")
    expect(frame.get_by_role("button", name="Prices: Live", exact=True)).to_be_visible()
    expect(frame.locator("[data-coin]")).to_have_count(2)
    stream = frame.locator("[data-live]").get_attribute("data-stream")
    assert stream == "/stream?coins=bitcoin,ethereum"
    site.send_tick(
        replace(BITCOIN, price=Decimal("97013.5"), direction="up", change_24h=Decimal("1.5")), ETHER
    )
    row = frame.locator("[data-coin=bitcoin]")
    price = row.locator("[data-field=price]")
    expect(price).to_contain_text("▲ $97,013.50 up", use_inner_text=True)
    expect(price).to_have_attribute("title", "97,013.5 USD\nCoinGecko")
    expect(row).to_contain_text("+1.50%")
    site.send_status(Status("stale", reason="HTTP 500"))
    expect(frame.get_by_role("button", name="Prices: Stale", exact=True)).to_be_visible()
    expect(frame.locator("[data-notice]")).to_be_visible()
    expect(frame.locator("[data-age]")).to_be_visible()


def test_without_javascript_the_frame_has_all_coins_its_source_a_link_and_no_menu(
    new_page: Open, embed: Embed
) -> None:
    frame = embed(new_page(java_script_enabled=False))
    for coin, price in (("bitcoin", "$97,012.50"), ("ethereum", "$3,512.25"), ("tether", "$1.00")):
        expect(frame.locator(f"[data-coin={coin}]")).to_contain_text(price)
    expect(frame.locator("[data-indicator]")).to_contain_text("Connecting")
    expect(frame.get_by_text("Data provided by CoinGecko")).to_be_visible()
    link = frame.get_by_role("link", name="Crypto Tracker")
    expect(link).to_have_attribute("target", "_blank")
    expect(link).to_have_attribute("rel", "noopener")
    expect(link).to_have_attribute("href", "/cryptos/")
    expect(frame.get_by_role("button")).to_have_count(0)
    expect(frame.get_by_role("banner")).to_have_count(0)


def test_what_cannot_be_shown_is_said_with_what_is_accepted(
    site: Site, new_page: Open, embed: Embed
) -> None:
    page = new_page()
    with page.expect_response("**/embed?*") as answer:
        frame = embed(page, "?coins=bitcoin,nosuchcoin")
    assert answer.value.status == 400
    for word in ("nosuchcoin", "accepted: ids or symbols as in /api/prices", "bitcoin"):
        expect(frame.locator("[data-problem]")).to_contain_text(word)
    assert site.connections == 0


def test_the_theme_is_the_systems_unless_it_is_fixed(new_page: Open, embed: Embed) -> None:
    page = new_page(color_scheme="dark")
    ground = "element => getComputedStyle(element).backgroundColor"
    grounds = {
        theme: embed(page, f"?theme={theme}").locator("body").evaluate(ground)
        for theme in ("light", "dark", "")
    }
    assert grounds["light"] != grounds["dark"]
    assert grounds[""] == grounds["dark"]


def test_a_frame_fits_320_pixels_and_fills_itself(site: Site, new_page: Open) -> None:
    page = new_page(viewport={"width": 320, "height": 300})
    page.goto(f"{site.root}/embed")
    expect(page.locator("[data-empty]")).to_be_visible()
    long = quote("long", "0.00000000001234", name="A Coin " * 9, symbol="unreasonable")
    site.send_tick(BITCOIN, long)
    expect(cell(page, "long", "price")).to_be_visible()
    expect(page.locator("[data-empty]")).to_be_hidden()
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
