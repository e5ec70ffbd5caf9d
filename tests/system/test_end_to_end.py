"""The whole product as `make run` starts it: from CoinGecko's response to curl and the page."""

import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, expect

from dev.embedded_redis import free_port
from tests.support.browser import Open
from tests.support.fake_coingecko import CoinGecko
from tests.support.tools import LAUNCHERS_GRACE_S, Child, environment, wait_for


class MovingMarket(CoinGecko):
    """With each request bitcoin is up and ether down; all others stay as they were."""

    def markets(self, query: dict[str, str]) -> str:
        self.set_price("bitcoin", f"{98_000 + len(self.requests)}.50")
        self.set_price("ethereum", f"{3_500 - len(self.requests)}.5")
        return super().markets(query)


@contextmanager
def product(gecko: CoinGecko, folder: Path) -> Iterator[str]:
    """Give the address of all processes together; Ctrl-C ends them, and nothing is left."""
    env = environment(
        PORT=str(free_port()),
        COINGECKO_URL=gecko.url,
        TRACKER_INTERVAL="1",
        TZ="../../etc/passwd",  # neither changes anything
        LC_ALL="xx_YY.ISO-8859-9",
        DATABASE_URL=f"sqlite:///{folder / 'not' / 'yet' / 'tracker.db'}",
    )
    log = folder / "run.log"
    with Child("-m", "dev.run", env=env, log=log, grace_s=LAUNCHERS_GRACE_S) as child:
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


def colour_of(element: Locator) -> tuple[int, ...]:
    colour = element.evaluate("e => getComputedStyle(e).color")
    return tuple(int(part) for part in re.findall(r"\d+", colour)[:3])


@pytest.mark.faults
def test_prices_go_from_coingecko_to_curl_and_to_the_page(tmp_path: Path, new_page: Open) -> None:
    with MovingMarket() as gecko:
        gecko.answer(429, '{"status":{"error_code":429,"error_message":"slow down"}}')
        with product(gecko, tmp_path) as url:
            page = new_page(locale="en-US")
            page.goto(url)
            assert page.url.endswith("/cryptos/")

            # Without CoinGecko the page says why, and what to do.
            notice = page.locator("[data-notice]")
            expect(notice).to_contain_text("429", use_inner_text=True)
            expect(notice).to_contain_text("make demo", use_inner_text=True)
            indicator = page.locator("[data-indicator]")
            expect(indicator).to_have_attribute("data-state", "offline")
            gecko.recover()
            expect(indicator).to_have_attribute("data-state", "live")
            expect(page.locator("tr[data-coin]:visible")).to_have_count(10)

            with ticks_of_curl(url) as ticks:
                first, second, third = (next(ticks) for _ in range(3))
            assert first["id"] < second["id"] < third["id"], "in order, each once"
            directions = {quote["id"]: quote["direction"] for quote in third["quotes"]}
            moved = {"bitcoin": "up", "ethereum": "down"}
            assert len(directions) == 10
            assert directions == dict.fromkeys(directions, "same") | moved

            in_euro = ["curl", "-sf", f"{url}/api/price/btc?currency=eur"]
            euros = wait_for(lambda: subprocess.run(in_euro, capture_output=True).stdout)
            assert 90_160 < float(euros) < 91_000, "98,000 dollars and some, at 0.92"

            # What is up or down is so on the page in words and in colours.
            for id, way, arrow, shown in (
                ("bitcoin", "up", "▲", r"98,\d{3}\.50"),
                ("ethereum", "down", "▼", r"3,\d{3}\.5"),
            ):
                price = page.locator(f"tr[data-coin={id}] [data-field=price]")
                expect(price).to_have_attribute("data-direction", way)
                expect(price).to_contain_text(arrow, use_inner_text=True)
                expect(price).to_contain_text(re.compile(shown), use_inner_text=True)
                expect(price).to_have_attribute("title", re.compile(f"{shown} USD"))
                red, green, _ = colour_of(price)
                assert (green > red) == (way == "up")
            same = page.locator("tr[data-coin=tether] [data-field=price][data-direction=same]")
            assert colour_of(same) == colour_of(page.locator("body"))
