"""The admin in Chromium: its forms work under its policy, and what others wrote is text."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import Page, expect

from tests.conftest import SettingsFactory
from tests.support.browser import Open
from tests.support.tools import quote
from tests.support.web_process import Web, tick

PASSWORD = "correct horse"
EVIL = "<img id=evil src=x onerror=alert(1)>{{7*7}}'\"&amp;"


@pytest.fixture
def web(settings: SettingsFactory, tmp_path: Path, app: Flask) -> Iterator[Web]:
    tick(app, quote("bitcoin"), quote("ether"))
    with Web(settings(admin_password=PASSWORD), tmp_path / "web.log") as web:
        yield web


def rename(page: Page, coin: str, name: str) -> None:
    page.locator("tr", has_text=coin).locator("a.icon").click()
    page.fill("#display_name", name)
    page.click("input[type=submit] >> nth=0")
    expect(page.locator("tr", has_text=coin)).to_contain_text(name)


def test_a_coin_is_renamed_and_hidden_in_front_of_its_readers(
    web: Web, new_page: Open, app: Flask
) -> None:
    root = f"http://127.0.0.1:{web.port}"
    reader, admin = new_page(), new_page()
    reader.goto(f"{root}/cryptos/")
    expect(reader.locator("[data-coin=bitcoin]").first).to_contain_text("Bitcoin")
    admin.goto(f"{root}/admin/coins/")
    admin.fill("#password", PASSWORD)
    admin.click("text=Log in >> nth=-1")
    admin.wait_for_url("**/admin/coins/")
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
    for path in ("", "ticks/", "quotes/", "candles/", "no"):
        admin.goto(f"{root}/admin/{path}")
        admin.wait_for_load_state("networkidle")
