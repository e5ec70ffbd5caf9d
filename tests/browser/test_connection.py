"""The connection of a browser's tabs: one for all by a shared worker, else one for each.

What a tab does when its worker is refused, silent or gone is proved by
`tests/js/stream/connect.test.mjs`; here is what only a real browser shows.
"""

from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Error, Page, expect

from dev.embedded_redis import free_port
from tests.conftest import SettingsFactory
from tests.support.browser import Open
from tests.support.fake_site import BITCOIN, OWN_CONNECTION, Site, cell, expect_state, make_tick
from tests.support.tools import quote, wait_for
from tests.support.web_process import Web, tick
from tracker.market.freshness import Status
from tracker.market.quotes import Tick

WORKER = ""
BOTH_WAYS = pytest.mark.parametrize("way", [WORKER, OWN_CONNECTION], ids=["worker", "own"])

LISTEN = """async (stream) => {
  const { Connection } = await import("/assets/today/js/stream/connect.js");
  globalThis.heard = { ids: [], links: [], states: [] };
  const connection = new Connection(stream, {
    onLink: ({ state }) => heard.links.push(state),
    onStatus: ({ state }) => heard.states.push(state),
    onTick: ({ id }) => heard.ids.push(id),
  });
  connection.open();
  addEventListener("pagehide", () => connection.close());
}"""


class Tab:
    """A tab that does nothing but listen, and keeps all that it hears."""

    def __init__(self, page: Page, root: str, stream: str = "/stream") -> None:
        self.page = page
        page.goto(f"{root}/blank")
        page.evaluate(LISTEN, stream)

    def __getattr__(self, name: str) -> Any:
        return self.page.evaluate(f"heard.{name}")

    def expect_ids(self, ids: list[int]) -> None:
        with suppress(AssertionError):  # the next one shows what there is
            wait_for(lambda: self.ids[-1:] == ids[-1:])
        assert self.ids == ids

    def expect_link(self, state: str) -> None:
        wait_for(lambda: self.links[-1:] == [state], 30, f"the link to be {state}")


@pytest.fixture
def first(site: Site) -> Tick:
    site.tick = make_tick(BITCOIN)
    return site.tick


def open_tabs(new_page: Open, root: str, way: str, count: int) -> list[Tab]:
    """Return *count* tabs of one browser that all hear the stream."""
    context = new_page(locale="en-US").context
    context.add_init_script(way)
    tabs = [Tab(context.new_page(), root) for _ in range(count)]
    for tab in tabs:
        tab.expect_link("open")
    return tabs


def crash(tab: Tab) -> None:
    """End the tab's process: it sends no goodbye."""
    with suppress(Error):
        tab.page.goto("chrome://crash", timeout=3_000)


def test_ten_tabs_use_one_connection_and_each_hears_every_tick(
    site: Site, first: Tick, new_page: Open
) -> None:
    """One that comes later gets status, link and the newest tick."""
    tabs = open_tabs(new_page, site.root, WORKER, 9)
    sent = [first, *(site.send_tick(BITCOIN) for _ in range(20))]
    for tab in tabs:
        tab.expect_ids([tick.id for tick in sent])
    late = Tab(tabs[0].page.context.new_page(), site.root)
    late.expect_ids([sent[-1].id])
    assert (late.states, late.links) == (["live"], ["open"])
    assert (site.connections, site.readers) == (1, 1)


def test_a_worker_that_dies_is_started_again_without_a_lost_tick(
    site: Site, first: Tick, new_page: Open
) -> None:
    tabs = open_tabs(new_page, site.root, WORKER, 3)
    sent = [first, site.send_tick(BITCOIN)]
    tabs[0].expect_ids([tick.id for tick in sent])
    browser = tabs[0].page.context.browser
    assert browser
    devtools = browser.new_browser_cdp_session()
    targets = devtools.send("Target.getTargets", {"filter": [{"type": "shared_worker"}]})
    workers = [it["targetId"] for it in targets["targetInfos"] if site.root in it["url"]]
    assert workers
    for worker in workers:
        devtools.send("Target.closeTarget", {"targetId": worker})
    sent += [site.send_tick(BITCOIN) for _ in range(5)]
    for tab in tabs:
        tab.expect_ids([tick.id for tick in sent])


def test_a_connection_ends_with_its_last_tab_also_by_a_crash(
    site: Site, first: Tick, new_page: Open
) -> None:
    """The first tab stays, on another stream: the worker lives on and must close the other's."""
    (stays,) = open_tabs(new_page, site.root, WORKER, 1)
    for end in (lambda tab: tab.page.close(), crash):
        other = Tab(stays.page.context.new_page(), site.root, "/stream?coins=bitcoin")
        other.expect_link("open")
        assert site.readers == 2
        end(other)
        wait_for(lambda: site.readers == 1)
    stays.page.close()
    wait_for(lambda: site.readers == 0)


def test_the_ninth_tab_loads_also_without_a_shared_worker(
    site: Site, first: Tick, new_page: Open
) -> None:
    """Hidden tabs hang up: a browser has six connections to a server, and pages need some."""
    context = new_page(locale="en-US").context
    context.add_init_script(OWN_CONNECTION)
    context.add_init_script("""
        globalThis.isHidden = true;
        Object.defineProperty(Document.prototype, "hidden", { get: () => globalThis.isHidden });
    """)
    tabs = []
    for _ in range(9):
        tabs.append(Tab(context.new_page(), site.root))
        tabs[-1].expect_link("open")
    wait_for(lambda: site.readers == 1)
    sent = [first, site.send_tick(BITCOIN)]
    tabs[-1].expect_ids([tick.id for tick in sent])
    assert tabs[0].ids == [first.id]
    tabs[0].page.evaluate("isHidden = false; document.dispatchEvent(new Event('visibilitychange'))")
    tabs[0].expect_ids([tick.id for tick in sent])
    wait_for(lambda: site.readers == 1)
    tabs[0].page.close()
    wait_for(lambda: site.readers == 1, what="another tab to take over")


@BOTH_WAYS
def test_a_lost_server_is_found_again_and_what_was_missed_is_heard(
    site: Site, first: Tick, new_page: Open, way: str
) -> None:
    tabs = open_tabs(new_page, site.root, way, 3)
    assert site.connections == (1 if way == WORKER else 3)
    sent = [first, site.send_tick(BITCOIN)]
    for tab in tabs:
        tab.expect_ids([tick.id for tick in sent])
    site.go()
    for tab in tabs:
        tab.expect_link("lost")
    sent += [site.send_tick(BITCOIN) for _ in range(3)]
    site.come()
    for tab in tabs:
        tab.expect_ids([tick.id for tick in sent])
        tab.expect_link("open")


@BOTH_WAYS
def test_ids_that_were_ahead_of_the_clock_hold_up_no_tab_when_they_are_right_again(
    site: Site, first: Tick, new_page: Open, way: str
) -> None:
    """The database was emptied, say, with tabs open: what comes is older than what they have."""
    tabs = open_tabs(new_page, site.root, way, 2)
    site.go()
    site.sent.clear()
    right = site.send(make_tick(BITCOIN, at=first.id - 1_000_000_000))
    site.come()
    tabs.append(Tab(tabs[0].page.context.new_page(), site.root))
    for tab, before in zip(tabs, ([first.id], [first.id], []), strict=True):
        tab.expect_ids([*before, right.id])
    after = site.send_tick(BITCOIN)
    for tab, before in zip(tabs, ([first.id], [first.id], []), strict=True):
        tab.expect_ids([*before, right.id, after.id])


@BOTH_WAYS
def test_a_connection_on_which_nothing_comes_any_more_is_doubted_and_replaced(
    site: Site, first: Tick, new_page: Open, way: str
) -> None:
    """Nothing closes it, as where a network has swallowed it; heartbeats are what is missed."""
    site.told = Status("live", heartbeat_s=1)
    (tab,) = open_tabs(new_page, site.root, way, 1)
    wait_for(lambda: site.connections == 2)
    wait_for(lambda: tab.links[:3] == ["open", "lost", "open"])
    sent = [first, site.send_tick(BITCOIN)]
    tab.expect_ids([tick.id for tick in sent])


@pytest.mark.faults
def test_the_seventh_tab_is_live_on_the_product_and_a_restart_loses_nothing(
    app: Flask, settings: SettingsFactory, tmp_path: Path, new_page: Open
) -> None:
    """Over HTTP/1.1, where a browser has six connections to a server."""
    tick(app, quote("bitcoin"))
    context, port = new_page(locale="en-US").context, free_port()
    root = f"http://127.0.0.1:{port}"
    with Web(settings(retry=1), tmp_path / "web.log", port=port) as web:
        pages = [context.new_page() for _ in range(7)]
        for page in pages:
            page.goto(f"{root}/cryptos/")
            expect_state(page, "live")
        tab = Tab(context.new_page(), root)
        tab.expect_link("open")
        sent = [tick(app).id]
        wait_for(lambda: tab.ids[-1:] == sent)
        before = tab.ids
        web.child.end(30)
    for page in pages:
        expect_state(page, "reconnecting")
    sent += [tick(app).id for _ in range(3)]
    with Web(settings(retry=1), tmp_path / "again.log", port=port):
        tab.expect_ids([*before, *sent[1:]])
        sent.append(tick(app, quote("bitcoin", "98765.5")).id)
        tab.expect_ids([*before, *sent[1:]])
        for page in pages:
            expect_state(page, "live")
            expect(cell(page, "bitcoin", "price")).to_contain_text("$98,765.50")
