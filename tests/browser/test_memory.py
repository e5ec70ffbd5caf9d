"""A page that is open all day does not grow."""

import random
from decimal import Decimal

import pytest
from playwright.sync_api import CDPSession, Page, expect

from tests.support.browser import Open
from tests.support.fake_site import Site, cell, make_tick, open_live, quote

COINS = 10
BURST = 25
"""Ticks between two looks; of each burst one tick at least is painted."""
LEEWAY = 400_000
"""Bytes. The engine itself still takes some 150 KB; a thousand ticks, if kept, have 3 MB."""

pytestmark = pytest.mark.faults


def test_a_thousand_ticks_leave_the_heap_and_the_document_as_they_were(
    site: Site, new_page: Open
) -> None:
    page = new_page(locale="en-US")
    page.goto(site.url)
    send(site, page, BURST)
    page.locator("[data-sort=price]").click()
    page.locator("[data-coin=coin-3] [data-star]").click()
    page.mouse.move(5, 5)
    cdp = page.context.new_cdp_session(page)
    send(site, page, 500)
    heap, nodes = size(cdp)
    send(site, page, 1_000)
    heap_after, nodes_after = size(cdp)
    assert heap_after - heap < LEEWAY
    assert nodes_after <= nodes + COINS


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
    heap, nodes = size(cdp)
    page.evaluate("window.day(43_200)")
    heap_after, nodes_after = size(cdp)
    assert heap_after - heap < LEEWAY
    assert nodes_after <= nodes + 100


def send(site: Site, page: Page, ticks: int) -> None:
    """Send *ticks* of coins that go up and down, the first of them at 1,000 and how many came."""
    chance = random.Random(5)
    for count in range(1, ticks + 1):
        quotes = [
            quote(
                f"coin-{n}",
                str(chance.randint(10, 9999) if n else 1000 + count),
                rank=n + 1,
                direction=chance.choice(["up", "down", "same"]),
                change_1h=Decimal(chance.randint(-500, 500)) / 100,
            )
            for n in range(COINS)
        ]
        site.send_tick(*quotes)
        site.sent.clear()  # the site itself keeps every tick
        if count % BURST == 0:
            expect(cell(page, "coin-0", "price")).to_contain_text(f"{1000 + count:,}")


def size(cdp: CDPSession) -> tuple[int, int]:
    """Return the bytes of the heap, and how many nodes there are."""
    cdp.send("HeapProfiler.collectGarbage")
    heap = cdp.send("Runtime.getHeapUsage")["usedSize"]
    return round(heap), cdp.send("Memory.getDOMCounters")["nodes"]
