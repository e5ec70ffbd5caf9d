"""Alerts in a real browser: set, fired once per crossing and per browser, dismissed, removed.

Rules, storage and notifications that do not work are proved by `tests/js/alerts/`.
"""

import re
from dataclasses import replace
from decimal import Decimal

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.support.browser import PHONE, Open
from tests.support.fake_site import BITCOIN, ETHER, Site, make_tick, open_live
from tracker.market.quotes import Tick
from tracker.times import iso

ALLOWED = """
    window.Notification = class extends EventTarget {
        static permission = "granted";
        constructor(title, { body, tag }) {
            super();
            notified(title, body, tag).then(() => { document.body.dataset.notified = title; });
        }
    };
"""
"""A browser that shows notifications, and tells the test which."""


def bitcoin(site: Site, price: str) -> Tick:
    """Send a price, a minute after the one before."""
    assert site.tick
    at = site.tick.id + 60_000
    return site.send(make_tick(replace(BITCOIN, price=Decimal(price)), ETHER, at=at))


@pytest.fixture
def page(site: Site, new_page: Open) -> Page:
    site.tick = make_tick(BITCOIN, ETHER)
    page = new_page(viewport=PHONE)
    open_live(page, site)
    return page


def dialog(page: Page) -> Locator:
    return page.get_by_role("dialog", name="Price alerts")


def items(page: Page) -> Locator:
    return page.locator("[data-alert-list] > li")


def toasts(page: Page) -> Locator:
    return page.locator("[data-toast-list] > li")


def message(page: Page) -> Locator:
    return page.locator("[data-alert-form] [data-message]")


def open_dialog(page: Page) -> None:
    page.get_by_role("button", name=re.compile("^Alerts")).click()
    expect(dialog(page)).to_be_visible()


def set_alert(page: Page, limit: str, side: str = "above", coin: str = "bitcoin") -> None:
    """Set an alert as a reader does, and leave the dialog."""
    open_dialog(page)
    dialog(page).get_by_label("Alert me when").select_option(coin)
    dialog(page).get_by_role("combobox", name="is", exact=True).select_option(side)
    dialog(page).get_by_label("this price").fill(limit)
    dialog(page).get_by_role("button", name="Set alert").click()
    expect(message(page)).to_contain_text("Set")
    page.keyboard.press("Escape")
    expect(dialog(page)).to_be_hidden()


def test_an_alert_fires_once_per_crossing_and_stays_until_it_is_dismissed(
    site: Site, page: Page
) -> None:
    set_alert(page, "98000")
    bitcoin(site, "98012.5")
    expect(toasts(page)).to_have_count(1)
    expect(toasts(page)).to_contain_text("Bitcoin rose above 98.000 USD")
    expect(toasts(page)).to_contain_text("It was 98.012,5 USD at")
    expect(page.get_by_role("alert")).to_have_text("Bitcoin rose above 98.000 USD")
    bell = page.get_by_role("button", name="Alerts, 1 new")
    expect(bell.locator("[data-badge]")).to_have_text("1")
    for width in (1280, 375):
        page.set_viewport_size({"width": width, "height": 700})
        box = toasts(page).bounding_box()
        assert box
        assert 0 <= box["x"] <= box["x"] + box["width"] <= width
    bitcoin(site, "98100")
    bitcoin(site, "97000")
    bitcoin(site, "98200")
    expect(toasts(page)).to_have_count(2)
    expect(toasts(page).first).to_contain_text("It was 98.200 USD")
    page.reload()
    expect(toasts(page)).to_have_count(2)
    page.get_by_role("button", name=re.compile("^Dismiss: ")).first.click()
    expect(toasts(page)).to_have_count(1)
    expect(page.get_by_role("button", name=re.compile("^Dismiss: "))).to_be_focused()
    page.keyboard.press("Enter")
    expect(toasts(page)).to_have_count(0)
    expect(page.get_by_role("button", name="Alerts", exact=True)).to_be_focused()


def test_with_permission_it_is_a_notification_once_for_all_tabs(site: Site, new_page: Open) -> None:
    site.tick = make_tick(BITCOIN, ETHER)
    page = new_page()
    notified: list[tuple[str, str, str]] = []
    page.context.expose_function("notified", lambda *words: notified.append(words))
    page.context.add_init_script(ALLOWED)
    tabs = [page, page.context.new_page()]
    for tab in tabs:
        open_live(tab, site)
    set_alert(page, "97000", "below")
    for price in ("96999", "97001", "96500"):
        last = bitcoin(site, price)
    for tab in tabs:
        expect(tab.locator("[data-updated]")).to_have_attribute("datetime", iso(last.id))
        expect(toasts(tab)).to_have_count(0)
    open_dialog(page)
    expect(items(page)).to_contain_text("Below it now")
    assert [(title, body.split(" at ")[0]) for title, body, _ in notified] == [
        ("Bitcoin fell below 97.000 USD", "It was 96.999 USD"),
        ("Bitcoin fell below 97.000 USD", "It was 96.500 USD"),
    ]
    assert len({tag for _, _, tag in notified}) == 2
    expect(dialog(page)).to_contain_text(
        "Alerts appear as notifications of your browser", use_inner_text=True
    )


def test_what_was_crossed_meanwhile_is_told_with_its_own_time(site: Site, page: Page) -> None:
    """While the server was lost, to a tab that gets no frames to paint in, and between visits."""
    set_alert(page, "98000")
    page.evaluate("window.requestAnimationFrame = () => 0")  # as in a hidden tab
    site.go()
    bitcoin(site, "97500")
    bitcoin(site, "99000")
    bitcoin(site, "97500")
    site.come()
    expect(toasts(page)).to_contain_text("It was 99.000 USD")
    page.goto("about:blank")
    bitcoin(site, "98500")
    page.goto(site.url)
    expect(toasts(page)).to_have_count(2)
    expect(toasts(page).first).to_contain_text("It was 98.500 USD")
    page.get_by_role("button", name="Dismiss all").click()
    expect(toasts(page)).to_have_count(0)


def test_the_form_shows_what_it_understands_and_what_not(site: Site, new_page: Open) -> None:
    """Before the first prices there is nothing to set."""
    page = new_page(viewport=PHONE)
    page.goto(site.url)
    open_dialog(page)
    field, hint = dialog(page).get_by_label("this price"), page.locator("[data-hint]")
    expect(hint).to_have_text("An alert can be set once there are prices.")
    field.fill("5")
    page.keyboard.press("Enter")
    expect(message(page)).to_contain_text("no prices yet")
    site.send_tick(BITCOIN, ETHER)
    expect(hint).to_contain_text("Understood as 5 USD.")
    for wrong in ("", "soon", "-5", "0"):
        field.fill(wrong)
        page.keyboard.press("Enter")
        for words in (hint, message(page)):
            expect(words).to_contain_text("Write it like 12.345,50.")
        expect(field).to_have_attribute("aria-invalid", "true")
        expect(field).to_be_focused()
    field.fill("50 000 €")
    page.keyboard.press("Enter")
    for words in (hint, message(page)):
        expect(words).to_contain_text("Prices here are in USD, not in €.")
    expect(items(page)).to_have_count(0)
    field.fill("90.000,5")
    expect(hint).to_contain_text("Understood as 90.000,5 USD.")
    expect(field).not_to_have_attribute("aria-invalid", "true")
    page.keyboard.press("Enter")
    expect(field).to_have_value("")
    expect(message(page)).to_contain_text("already: the alert fires the next time it rises above")
    expect(items(page)).to_contain_text("Bitcoin above 90.000,5 USD")
    expect(items(page)).to_contain_text("Above it now; fires again after it has fallen back.")
    page.keyboard.press("Escape")
    bitcoin(site, "91000")
    bitcoin(site, "89000")
    bitcoin(site, "90501")
    expect(toasts(page)).to_have_count(1)
    expect(toasts(page)).to_contain_text("It was 90.501 USD")


def test_tabs_share_their_alerts_and_what_was_dismissed(site: Site, page: Page) -> None:
    other = page.context.new_page()
    open_live(other, site)
    open_dialog(other)
    set_alert(page, "98000")
    expect(items(other)).to_have_count(1)
    other.get_by_role("button", name="Remove: Bitcoin above 98.000 USD").click()
    expect(items(other)).to_have_count(0)
    expect(dialog(other).get_by_label("this price")).to_be_focused()
    set_alert(page, "98000")
    other.keyboard.press("Escape")
    bitcoin(site, "98001")
    expect(toasts(page)).to_have_count(1)
    expect(toasts(other)).to_have_count(1)
    toasts(other).get_by_role("button").click()
    expect(toasts(page)).to_have_count(0)


def test_a_coins_own_page_begins_with_that_coin_and_its_dialog_works_by_keyboard(
    site: Site, page: Page
) -> None:
    open_live(page, site, "/cryptos/ethereum")
    bell = page.get_by_role("button", name="Alerts")
    bell.focus()
    page.keyboard.press("Enter")
    coins = dialog(page).get_by_label("Alert me when")
    expect(coins).to_be_focused()
    expect(coins).to_have_value("ethereum")
    for _ in range(2):
        page.keyboard.press("Tab")
    page.keyboard.type("98000")
    page.keyboard.press("Enter")
    expect(items(page)).to_contain_text("Waiting.")
    site.send_tick(BITCOIN)
    expect(items(page)).to_contain_text("Not followed now.")
    expect(coins.locator("option")).to_have_count(1)
    page.keyboard.press("Escape")
    expect(dialog(page)).to_be_hidden()
    expect(bell).to_be_focused()


def test_permission_is_requested_only_after_a_click_and_what_fails_is_on_the_page(
    site: Site, page: Page
) -> None:
    page.add_init_script(
        """window.asked = 0;
        window.Notification = class extends EventTarget {
            static permission = "default";
            static async requestPermission() {
                window.asked += 1;
                Notification.permission = "denied";
            }
            constructor() {
                super();
                setTimeout(() => this.dispatchEvent(new Event("error")));
            }
        };"""
    )
    page.reload()
    set_alert(page, "98000")
    open_dialog(page)
    assert page.evaluate("window.asked") == 0
    page.get_by_role("button", name="Allow notifications").click()
    expect(dialog(page).get_by_text("your browser blocks notifications")).to_be_visible()
    assert page.evaluate("window.asked") == 1
    page.keyboard.press("Escape")
    for permission in ("denied", "granted"):
        page.evaluate("permission => { Notification.permission = permission; }", permission)
        bitcoin(site, "98001")
        expect(toasts(page)).to_have_count(1)
        page.get_by_role("button", name=re.compile("^Dismiss: ")).click()
        bitcoin(site, "97000")


def test_where_the_browser_stores_nothing_the_reader_is_told(site: Site, new_page: Open) -> None:
    site.tick = make_tick(BITCOIN, ETHER)
    page = new_page(viewport=PHONE)
    page.add_init_script(
        """Storage.prototype.setItem = () => { throw new DOMException("no", "SecurityError"); };"""
    )
    open_live(page, site)
    open_dialog(page)
    dialog(page).get_by_label("this price").fill("98000")
    page.keyboard.press("Enter")
    expect(message(page)).to_contain_text("it lasts as long as this page")
    bitcoin(site, "98001")
    expect(toasts(page)).to_have_count(1)
