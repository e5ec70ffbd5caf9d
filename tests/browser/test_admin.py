"""The admin in Chromium: its forms work under its policy, and what others wrote is text."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import Page, expect

from tests.conftest import SettingsFactory
from tests.support.axe import needs_axe, violations
from tests.support.browser import PHONE, WIDE, Open
from tests.support.tools import quote
from tests.support.web_process import Web, tick

PASSWORD = "correct horse"
EVIL = "<img id=evil src=x onerror=alert(1)>{{7*7}}'\"&amp;"


@pytest.fixture
def web(settings: SettingsFactory, tmp_path: Path, app: Flask) -> Iterator[Web]:
    tick(app, quote("bitcoin"), quote("ether"))
    notify = "phone=ntfys://hush-hush-topic"
    with Web(settings(admin_password=PASSWORD, notify=notify), tmp_path / "web.log") as web:
        yield web


def log_in(page: Page, address: str) -> None:
    """Log in, on the way to *address*."""
    page.goto(address)
    page.fill("#password", PASSWORD)
    page.click("text=Log in >> nth=-1")
    page.wait_for_url(address)


def rename(page: Page, coin: str, name: str) -> None:
    page.locator("tr", has_text=coin).locator("a.icon").click()
    page.fill("#display_name", name)
    page.click("input[type=submit] >> nth=0")
    expect(page.locator("tr", has_text=coin)).to_contain_text(name)


@pytest.mark.faults
def test_a_coin_is_renamed_and_hidden_in_front_of_its_readers(
    web: Web, new_page: Open, app: Flask
) -> None:
    root = f"http://127.0.0.1:{web.port}"
    reader, admin = new_page(), new_page()
    reader.goto(f"{root}/cryptos/")
    expect(reader.locator("[data-coin=bitcoin]").first).to_contain_text("Bitcoin")
    log_in(admin, f"{root}/admin/coins/")
    rename(admin, "bitcoin", EVIL)
    admin.locator("tr", has_text="ether").locator("a.icon").click()
    admin.check("#hidden")
    admin.click("input[type=submit] >> nth=0")
    tick(app, quote("bitcoin"), quote("ether"))
    expect(reader.locator("[data-coin=bitcoin]").first).to_contain_text(EVIL)
    expect(reader.locator("tr[data-coin=ether]")).to_have_count(0)
    for path in ("/cryptos/", "/cryptos/bitcoin", "/embed"):
        reader.goto(root + path)
        expect(reader.get_by_text(EVIL).first).to_be_attached()
        assert reader.locator("#evil").count() == 0
    for path in ("", "alerts/", "ticks/", "quotes/", "candles/", "no"):
        admin.goto(f"{root}/admin/{path}")
        admin.wait_for_load_state("networkidle")


@pytest.mark.faults
@needs_axe
def test_alerts_stand_in_nobodys_way(web: Web, new_page: Open) -> None:
    """A rule by the keyboard; what axe finds of the list and of a form that is refused."""
    page = new_page(viewport=PHONE)
    log_in(page, f"http://127.0.0.1:{web.port}/admin/alerts/")
    page.get_by_label("Coin").focus()
    page.keyboard.type("bitcoin")
    page.keyboard.press("Tab")
    page.keyboard.type("200000")
    page.locator("summary").click()
    page.get_by_label("Note").fill(EVIL)
    page.keyboard.press("Enter")
    expect(page.locator("[data-rules]")).to_contain_text("bitcoin above 200,000 USD")
    expect(page.locator("[data-rules]")).to_contain_text(EVIL)
    found = violations(page)
    page.set_viewport_size(WIDE)
    found += violations(page)
    page.get_by_label("When").select_option("stale")
    expect(page.get_by_label("Coin")).to_be_hidden()
    page.get_by_label("Limit").fill("soon")
    page.keyboard.press("Enter")
    expect(page.get_by_label("Limit")).to_be_focused()
    found += violations(page)
    page.set_viewport_size(PHONE)
    found += violations(page)
    assert page.evaluate("() => document.documentElement.scrollWidth") <= PHONE["width"]
    assert found == []
