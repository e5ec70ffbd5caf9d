"""The whole product as `make run` starts it: from CoinGecko's response to curl and the page."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Locator, expect

from dev.embedded_redis import free_port
from tests.support.browser import Open, needs_chromium
from tests.support.fake_coingecko import CoinGecko, coin
from tests.support.tools import Child, environment, wait_for

ARROWS = {"up": "▲", "down": "▼"}


@contextmanager
def product(gecko: CoinGecko, folder: Path) -> Iterator[str]:
    """Give the address of all processes together; Ctrl-C ends them, and nothing is left."""
    env = environment(
        PORT=str(free_port()),
        COINGECKO_URL=gecko.url,
        TRACKER_INTERVAL="1",
        DATABASE_URL=f"sqlite:///{folder / 'tracker.db'}",
    )
    with Child("-m", "dev.run", env=env, log=folder / "run.log") as child:
        wait_for(lambda: "Open http" in child.output or not child.runs(), 60, "the page's address")
        assert child.runs(), child.output
        yield f"http://127.0.0.1:{env['PORT']}"
        os.killpg(child.process.pid, signal.SIGINT)
        assert child.wait(30) == 0, child.output
        assert "Traceback" not in child.output
        wait_for(lambda: not is_alive(child.process.pid), 5, "all processes to end")


def is_alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


@contextmanager
def ticks_of_curl(url: str) -> Iterator[Iterator[dict[str, Any]]]:
    """Give the ticks of the stream, as `curl -N` prints them."""
    with subprocess.Popen(["curl", "-sN", f"{url}/stream"], stdout=subprocess.PIPE) as curl:
        assert curl.stdout is not None
        lines = iter(curl.stdout)
        pairs = ((line, next(lines)) for line in lines if line.startswith(b"event: prices"))
        try:
            # A frame is its event, its id, its data.
            yield (json.loads(next(lines)[6:]) for _ in pairs)
        finally:
            curl.kill()


def tick_where(ticks: Iterator[dict[str, Any]], coin: str, price: float) -> dict[str, str]:
    """Return all directions in the first tick from now in which *coin* has *price*."""
    for tick in ticks:
        quotes = {quote["id"]: quote for quote in tick["quotes"]}
        if coin in quotes and quotes[coin]["price"] == price:
            assert len(quotes) == 10
            return {id: quote["direction"] for id, quote in quotes.items()}
    raise AssertionError("the stream ended")


def price_of(coin: str, way: str) -> str:
    return f'tr[data-coin="{coin}"] [data-field="price"][data-direction="{way}"]'


def colour_of(element: Locator) -> tuple[int, ...]:
    colour = element.evaluate("e => getComputedStyle(e).color")
    return tuple(int(part) for part in re.findall(r"\d+", colour)[:3])


@needs_chromium
def test_prices_go_from_coingecko_to_curl_and_to_the_page(tmp_path: Path, new_page: Open) -> None:
    with CoinGecko() as gecko:
        gecko.answer(429, '{"status":{"error_code":429,"error_message":"slow down"}}')
        with product(gecko, tmp_path) as url:
            page = new_page(locale="en-US")
            page.goto(url)
            assert page.url.endswith("/cryptos/")

            # Without CoinGecko the page says why, and what to do.
            indicator = page.locator("[data-indicator]")
            notice = page.locator("[data-notice]")
            expect(notice).to_contain_text("429", use_inner_text=True)
            expect(notice).to_contain_text("make demo", use_inner_text=True)
            expect(indicator).to_have_attribute("data-state", "offline")
            gecko.recover()
            expect(indicator).to_have_attribute("data-state", "live")
            rows = page.locator("tr[data-coin]:visible")
            expect(rows).to_have_count(10)

            with ticks_of_curl(url) as ticks:
                ids = [next(ticks)["id"]]
                for amount in ("1.0001", "1.0002", "1.0003"):
                    gecko.set_price("tether", amount)
                    ids.append(next(ticks)["id"])
                assert ids == sorted(set(ids)), "four ticks, in order, each once"

                # A price is up or down in the stream, and on the page in words and in colours.
                for id, way, amount, shown in (
                    ("bitcoin", "up", "98000.50", "98,000.50"),
                    ("ethereum", "down", "0.0000000012", "0.0000000012"),
                ):
                    gecko.set_price(id, amount)
                    assert tick_where(ticks, id, float(amount))[id] == way
                    price = page.locator(price_of(id, way))
                    price.wait_for()
                    expect(price).to_contain_text(ARROWS[way], use_inner_text=True)
                    expect(price).to_contain_text(shown, use_inner_text=True)
                    expect(price).to_have_attribute("title", re.compile(re.escape(f"{shown} USD")))
                    red, green, _ = colour_of(price)
                    assert (green > red) == (way == "up")
                same = page.locator(price_of("bitcoin", "same"))
                same.wait_for()
                assert colour_of(same) == colour_of(page.locator("body"))

                gecko.coins.append(coin("newcomer", "new", "Newcomer", "5000000", 10_000_000, 1))
                directions = tick_where(ticks, "newcomer", 5_000_000)
                assert directions["newcomer"] == "same", "there is none to compare with"
            page.locator('tr[data-coin="newcomer"]:visible').wait_for()
            expect(rows).to_have_count(10)
