"""The whole product, as a person has it: from CoinGecko's answer to curl and the page."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from dev.embedded_redis import free_port
from tests.support.browser import Open, needs_chromium
from tests.support.fake_coingecko import CoinGecko, coin
from tests.support.tools import Child, environment, wait_for

GREEN_RED_PLAIN = {"up": "▲", "down": "▼", "same": ""}


class Product:
    """`make run`'s processes, on a database and ports of the test's own."""

    def __init__(self, gecko: CoinGecko, folder: Path) -> None:
        self.port = free_port()
        self.env = environment(
            PORT=str(self.port),
            COINGECKO_URL=gecko.url,
            TRACKER_INTERVAL="1",
            DATABASE_URL=f"sqlite:///{folder / 'tracker.db'}",
        )
        self.child = Child("-m", "dev.run", env=self.env, log=folder / "run.log")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def is_up(self) -> bool:
        assert self.child.runs(), self.child.output
        return "Open http://localhost:" in self.child.output


@pytest.fixture
def gecko() -> Iterator[CoinGecko]:
    with CoinGecko() as gecko:
        yield gecko


@pytest.fixture
def product(gecko: CoinGecko, tmp_path: Path) -> Iterator[Product]:
    """Everything running; at the end Ctrl-C ends all of it, and nothing is left."""
    product = Product(gecko, tmp_path)
    with product.child as child:
        wait_for(product.is_up, 60, "the page's address")
        yield product
        group = child.process.pid
        os.killpg(group, signal.SIGINT)
        assert child.wait(20) == 0, child.output
        assert "Traceback" not in child.output
        wait_for(lambda: not is_alive(group), 5, "all processes to end")


def is_alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


class Curl:
    """`curl -N` on the stream, whose events are read one by one."""

    def __init__(self, url: str) -> None:
        self.process = subprocess.Popen(["curl", "-sN", f"{url}/stream"], stdout=subprocess.PIPE)

    def next_tick(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        event = ""
        for line in self.process.stdout:
            if line.startswith(b"event: "):
                event = line.decode()[7:].strip()
            if line.startswith(b"data: ") and event == "prices":
                tick: dict[str, Any] = json.loads(line[6:])
                return tick
        raise AssertionError("the stream ended")

    def tick_where(self, coin: str, price: float) -> dict[str, Any]:
        """Return the first tick from now in which *coin* has *price*."""
        while True:
            tick = self.next_tick()
            if prices(tick).get(coin) == price:
                return tick


def prices(tick: dict[str, Any]) -> dict[str, float]:
    return {quote["id"]: quote["price"] for quote in tick["quotes"]}


def directions(tick: dict[str, Any]) -> dict[str, str]:
    return {quote["id"]: quote["direction"] for quote in tick["quotes"]}


@pytest.fixture
def curl(product: Product) -> Iterator[Curl]:
    curl = Curl(product.url)
    yield curl
    curl.process.kill()
    curl.process.communicate()


def colour_of(page: Page, selector: str) -> str:
    found: str = page.locator(selector).evaluate("e => getComputedStyle(e).color")
    return found


def price_of(coin: str, way: str) -> str:
    return f'tr[data-coin="{coin}"] [data-field="price"][data-direction="{way}"]'


@needs_chromium
def test_prices_go_from_coingecko_to_curl_and_to_the_page(
    product: Product, gecko: CoinGecko, curl: Curl, new_page: Open
) -> None:
    page = new_page(locale="en-US")
    page.goto(product.url)
    assert page.url.endswith("/cryptos/")
    expect(page.locator("[data-indicator]")).to_have_attribute("data-state", "live")
    expect(page.locator("tr[data-coin]:visible")).to_have_count(10)

    ids = [curl.next_tick()["id"]]
    for amount in ("1.0001", "1.0002", "1.0003"):
        gecko.set_price("tether", amount)
        ids.append(curl.next_tick()["id"])
    assert ids == sorted(set(ids)), "four ticks, in order, each once"

    gecko.set_price("bitcoin", "98000.50")
    gecko.set_price("ethereum", "0.0000000012")
    tick = curl.tick_where("bitcoin", 98000.5)
    assert directions(tick)["bitcoin"] == "up"
    assert directions(tick)["ethereum"] == "down"
    gecko.set_price("tether", "1.0004")
    assert directions(curl.next_tick())["bitcoin"] == "same"

    gecko.set_price("bitcoin", "98001.50")
    gecko.set_price("ethereum", "0.0000000011")
    for coin_id, way, shown, exact in (
        ("bitcoin", "up", "98,001.50", "98,001.50 USD"),
        ("ethereum", "down", "0.0000000011", "0.0000000011 USD"),
    ):
        price = page.locator(price_of(coin_id, way))
        price.wait_for()
        expect(price).to_contain_text(GREEN_RED_PLAIN[way], use_inner_text=True)
        expect(price).to_contain_text(shown, use_inner_text=True)
        expect(price).to_have_attribute("title", re.compile(re.escape(exact)))

    gecko.coins.append(coin("newcomer", "new", "Newcomer", "5000000", 10_000_000, 1))
    page.locator('tr[data-coin="newcomer"]:visible').wait_for()
    expect(page.locator("tr[data-coin]:visible")).to_have_count(10)
    tick = curl.tick_where("newcomer", 5_000_000)
    assert directions(tick)["newcomer"] == "same", "there is none to compare with"
    assert len(tick["quotes"]) == 10


@needs_chromium
def test_colours_say_up_down_and_same(product: Product, gecko: CoinGecko, new_page: Open) -> None:
    page = new_page()
    page.goto(f"{product.url}/cryptos/")
    expect(page.locator("[data-indicator]")).to_have_attribute("data-state", "live")
    body = colour_of(page, "body")
    for way, price in (("up", "99999.5"), ("down", "11111.5")):
        gecko.set_price("bitcoin", price)
        selector = price_of("bitcoin", way)
        page.locator(selector).wait_for()
        red, green, _ = (int(part) for part in re.findall(r"\d+", colour_of(page, selector))[:3])
        assert (green > red) == (way == "up")
    gecko.set_price("tether", "1.0001")
    selector = price_of("bitcoin", "same")
    page.locator(selector).wait_for()
    assert colour_of(page, selector) == body


@needs_chromium
def test_without_coingecko_the_page_says_why_and_what_to_do_and_recovers(
    gecko: CoinGecko, tmp_path: Path, new_page: Open
) -> None:
    gecko.answer(status=429, body='{"status":{"error_code":429,"error_message":"slow down"}}')
    product = Product(gecko, tmp_path)
    with product.child as child:
        wait_for(product.is_up, 60, "the page's address")
        page = new_page()
        page.goto(f"{product.url}/cryptos/")
        notice = page.locator("[data-notice]")
        expect(notice).to_contain_text("429", use_inner_text=True)
        expect(notice).to_contain_text("make demo", use_inner_text=True)
        expect(page.locator("[data-indicator]")).to_have_attribute("data-state", "offline")
        gecko.recover()
        expect(page.locator("[data-indicator]")).to_have_attribute("data-state", "live")
        expect(page.locator("tr[data-coin]:visible")).to_have_count(10)
        os.killpg(child.process.pid, signal.SIGINT)
        assert child.wait(20) == 0
