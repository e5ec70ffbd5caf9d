"""A page that is open all day does not grow."""

import random
from decimal import Decimal
from typing import NamedTuple

import pytest
from playwright.sync_api import CDPSession, Page, expect

from tests.support.browser import Open
from tests.support.fake_site import Site, cell, make_tick, open_live, quote
from tracker.market.quotes import Quote

COINS = 10
BURST = 25
"""Ticks between two looks; of each burst one tick at least is painted."""
LEEWAY = 400_000
"""Bytes. The engine itself still takes some 150 KB; a thousand ticks, if kept, have 3 MB."""

pytestmark = pytest.mark.faults


class Size(NamedTuple):
    heap: int
    nodes: int


def test_a_thousand_ticks_leave_the_heap_and_the_document_as_they_were(
    site: Site, new_page: Open
) -> None:
    chance = random.Random(5)
    site.tick = make_tick(*market(chance, 0))
    page = new_page(locale="en-US")
    open_live(page, site)
    page.locator("[data-sort=price]").click()
    page.locator("[data-coin=coin-3] [data-star]").click()
    page.mouse.move(5, 5)
    cdp = page.context.new_cdp_session(page)
    send(site, page, chance, 500)
    before = size(cdp)
    send(site, page, chance, 1_000)
    after = size(cdp)
    assert after.heap - before.heap < LEEWAY
    assert after.nodes <= before.nodes + COINS


def test_a_day_of_ticks_leaves_the_heap_as_it_was(site: Site, new_page: Open) -> None:
    """A tick every two seconds, drawn every two minutes."""
    site.tick = make_tick(quote("bitcoin"))
    page = new_page(locale="en-US")
    open_live(page, site, "/cryptos/bitcoin")
    cdp = page.context.new_cdp_session(page)
    page.evaluate("""async () => {
        const address = document.querySelector('link[href*="chart/chart"]').href;
        const { PriceChart } = await import(address);
        window.chart = new PriceChart(document.querySelector('[data-chart]'), {
            url: '/api/coins/bitcoin/history', currency: {code: 'usd', symbol: '$', cents: 2},
            lengths: {'1h': 3600000}, staleAfter: 180000, range: '1h', onLoad() {},
        });
        window.chart.show({range: '1h', resolution: 'tick', points: []});
        window.at = Date.now();
        window.day = (count) => {
            for (let tick = 0; tick < count; tick++) {
                window.chart.add(window.at += 2000, 100 + Math.sin(tick / 99) + Math.random());
                if (tick % 60 === 0) window.chart.draw();
            }
        };
    }""")

    page.evaluate("window.day(3_000)")
    before = size(cdp)
    page.evaluate("window.day(43_200)")
    after = size(cdp)
    assert after.heap - before.heap < LEEWAY
    assert after.nodes <= before.nodes + 100


def market(chance: random.Random, count: int) -> list[Quote]:
    """Return coins that go up and down, the first of them at *count* in 1,000."""
    prices = [Decimal(1000 + count), *(Decimal(chance.randint(10, 9999)) for _ in range(COINS))]
    return [
        quote(
            f"coin-{n}",
            str(price),
            rank=n + 1,
            direction=chance.choice(["up", "down", "same"]),
            change_1h=Decimal(chance.randint(-500, 500)) / 100,
            market_cap=price * 1_000_000,
        )
        for n, price in enumerate(prices)
    ]


def send(site: Site, page: Page, chance: random.Random, ticks: int) -> None:
    for count in range(1, ticks + 1):
        site.send_tick(*market(chance, count))
        site.sent.clear()  # the site itself keeps every tick
        if count % BURST == 0:
            expect(cell(page, "coin-0", "price")).to_contain_text(f"{1000 + count:,}")


def size(cdp: CDPSession) -> Size:
    cdp.send("HeapProfiler.collectGarbage")
    heap = cdp.send("Runtime.getHeapUsage")["usedSize"]
    return Size(round(heap), cdp.send("Memory.getDOMCounters")["nodes"])
