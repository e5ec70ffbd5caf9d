"""One connection for all tabs of a browser, in each of the ways a browser may have."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Error, Page, Route, expect

from dev.embedded_redis import free_port
from tests.conftest import SettingsFactory
from tests.support.browser import Open, needs_chromium
from tests.support.fake_site import (
    BITCOIN,
    OWN_CONNECTION,
    Site,
    cell,
    expect_state,
    make_tick,
    open_live,
)
from tests.support.tools import ROOT, quote, wait_for
from tests.support.web_process import Web, tick
from tracker.market.quotes import Tick

pytestmark = needs_chromium

WORKER = ""
LEADER = "delete globalThis.SharedWorker;"
ALONE = OWN_CONNECTION
TOGETHER = pytest.mark.parametrize("way", [WORKER, LEADER], ids=["worker", "leader"])
EVERY_WAY = pytest.mark.parametrize("way", [WORKER, LEADER, ALONE], ids=["worker", "leader", "own"])

LISTEN = """async (stream) => {
  const { connection } = await import("/assets/today/js/stream/connect.js");
  globalThis.heard = { ids: [], links: [], states: [] };
  globalThis.line = connection(stream, {
    onLink: ({ state }) => heard.links.push(state),
    onStatus: ({ state }) => heard.states.push(state),
    onTick: ({ id }) => heard.ids.push(id),
  });
  line.open();
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

    def expect_link(self, state: str, within: float = 30) -> None:
        wait_for(lambda: self.links[-1:] == [state], within, f"the link to be {state}")


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
    """End the tab's process: it says goodbye to nobody."""
    with suppress(Error):
        tab.page.goto("chrome://crash", timeout=3_000)


def leave(tab: Tab) -> None:
    tab.page.close()


@TOGETHER
def test_ten_tabs_use_one_connection_and_each_hears_every_tick(
    site: Site, first: Tick, new_page: Open, way: str
) -> None:
    tabs = open_tabs(new_page, site.root, way, 10)
    sent = [first, *(site.send_tick(BITCOIN) for _ in range(20))]
    for tab in tabs:
        tab.expect_ids([tick.id for tick in sent])
    assert (site.connections, site.readers) == (1, 1)


def test_with_neither_each_tab_has_its_own(site: Site, first: Tick, new_page: Open) -> None:
    tabs = open_tabs(new_page, site.root, ALONE, 3)
    sent = [first, *(site.send_tick(BITCOIN) for _ in range(5))]
    for tab in tabs:
        tab.expect_ids([tick.id for tick in sent])
    assert site.connections == 3


@TOGETHER
def test_pages_of_ten_tabs_are_live_on_one_connection(
    site: Site, first: Tick, new_page: Open, way: str
) -> None:
    context = new_page(locale="en-US").context
    context.add_init_script(way)
    pages = [context.new_page() for _ in range(10)]
    for page in pages:
        open_live(page, site)
    site.send_tick(quote("bitcoin", "98000", symbol="btc", name="Bitcoin"))
    for page in pages:
        expect(cell(page, "bitcoin", "price")).to_contain_text("$98,000.00")
    assert site.connections == 1


@TOGETHER
def test_a_tab_that_joins_is_told_status_link_and_newest_tick(
    site: Site, first: Tick, new_page: Open, way: str
) -> None:
    early = open_tabs(new_page, site.root, way, 1)[0]
    newest = site.send_tick(BITCOIN)
    early.expect_ids([first.id, newest.id])
    late = Tab(early.page.context.new_page(), site.root)
    late.expect_ids([newest.id])
    assert (late.states, late.links) == (["live"], ["open"])
    assert site.connections == 1


@pytest.mark.parametrize("end", [leave, crash])
def test_a_leader_that_ends_hands_over_without_a_lost_tick(
    site: Site, first: Tick, new_page: Open, end: Any
) -> None:
    leader, *others = open_tabs(new_page, site.root, LEADER, 4)
    sent = [first]
    sent += [site.send_tick(BITCOIN) for _ in range(5)]
    others[0].expect_ids([tick.id for tick in sent])
    sent += [site.send_tick(BITCOIN) for _ in range(5)]
    end(leader)
    sent += [site.send_tick(BITCOIN) for _ in range(5)]
    wait_for(lambda: site.connections == 2)
    sent += [site.send_tick(BITCOIN) for _ in range(5)]
    for tab in others:
        tab.expect_ids([tick.id for tick in sent])
    wait_for(lambda: site.readers == 1)
    assert site.connections == 2


def test_what_comes_before_a_new_leader_is_connected_is_not_lost(
    site: Site, first: Tick, new_page: Open
) -> None:
    leader, *others = open_tabs(new_page, site.root, LEADER, 3)
    sent = [first, site.send_tick(BITCOIN)]
    for tab in others:
        tab.expect_ids([tick.id for tick in sent])

    def connect_late(route: Route) -> None:
        sent.extend(site.send_tick(BITCOIN) for _ in range(3))
        route.continue_()

    others[0].page.context.route("**/stream*", connect_late)
    leader.page.close()
    wait_for(lambda: others[0].ids and len(sent) == 5)
    for tab in others:
        tab.expect_ids([tick.id for tick in sent])


def test_a_leader_that_came_late_goes_on_where_the_others_are(
    site: Site, first: Tick, new_page: Open
) -> None:
    """It may have heard nothing itself when it is its turn."""
    leader, *others = open_tabs(new_page, site.root, LEADER, 3)
    deaf = "heard.ids.length = 0; line.inbox.last = null"
    others[0].page.evaluate(deaf)
    sent = [first]
    site.hang_up()
    leader.page.close()
    sent += [site.send_tick(BITCOIN) for _ in range(5)]
    others[1].expect_ids([tick.id for tick in sent])


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
    workers = [
        target["targetId"] for target in targets["targetInfos"] if site.root in target["url"]
    ]
    assert workers
    for worker in workers:
        devtools.send("Target.closeTarget", {"targetId": worker})
    sent += [site.send_tick(BITCOIN) for _ in range(5)]
    for tab in tabs:
        tab.expect_ids([tick.id for tick in sent])


@EVERY_WAY
@pytest.mark.parametrize("end", [leave, crash])
def test_after_the_last_tab_the_connection_ends(
    site: Site, first: Tick, new_page: Open, way: str, end: Any
) -> None:
    tabs = open_tabs(new_page, site.root, way, 2)
    for tab in tabs:
        end(tab)
    wait_for(lambda: site.readers == 0)


def test_the_worker_notices_tabs_that_crash(site: Site, first: Tick, new_page: Open) -> None:
    """The first tab stays, on another stream: the worker lives on and must hang up."""
    (stays,) = open_tabs(new_page, site.root, WORKER, 1)
    context = stays.page.context
    other = Tab(context.new_page(), site.root, "/stream?coins=bitcoin")
    other.expect_link("open")
    assert site.readers == 2
    crash(other)
    wait_for(lambda: site.readers == 1)


@pytest.mark.faults
@TOGETHER
def test_ten_tabs_that_find_silence_at_once_make_one_new_connection(
    site: Site, first: Tick, new_page: Open, way: str
) -> None:
    context = new_page(locale="en-US").context
    context.route("**/stream/source.js", sooner)
    tabs = open_tabs(lambda **_: context.pages[0], site.root, way, 10)
    ask = "line.open()"
    wait_for(lambda: tabs[0].page.evaluate(ask) or site.connections == 2)
    for tab in tabs:
        tab.page.evaluate(ask)
    sent = [first, site.send_tick(BITCOIN)]
    for tab in tabs:
        tab.expect_ids([tick.id for tick in sent])
    wait_for(lambda: site.readers == 1)
    assert site.connections == 2


def sooner(route: Route) -> None:
    """Give a connection less time to speak: three seconds, not ten."""
    script = (ROOT / "static/js/stream/event_source.js").read_text()
    assert "const FRESH = 10_000;" in script
    changed = script.replace("const FRESH = 10_000;", "const FRESH = 3_000;")
    route.fulfill(body=changed, content_type="text/javascript")


@EVERY_WAY
def test_a_lost_server_is_found_again_and_what_was_missed_is_heard(
    site: Site, first: Tick, new_page: Open, way: str
) -> None:
    tabs = open_tabs(new_page, site.root, way, 3)
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


@EVERY_WAY
def test_a_stream_that_was_given_up_is_opened_where_it_ended(
    site: Site, first: Tick, new_page: Open, way: str
) -> None:
    """As after a 503, on which a browser's own EventSource gives up for ever."""
    (tab,) = open_tabs(new_page, site.root, way, 1)
    site.is_refusing = True
    site.hang_up()
    tab.expect_link("lost")
    wait_for(lambda: site.connections == 2)
    sent = [first, *(site.send_tick(BITCOIN) for _ in range(3))]
    site.is_refusing = False
    tab.expect_ids([tick.id for tick in sent])


@TOGETHER
def test_a_tab_that_went_and_came_back_hears_what_it_missed(
    site: Site, first: Tick, new_page: Open, way: str
) -> None:
    """As from the browser's cache of pages, or from being frozen."""
    stays, goes = open_tabs(new_page, site.root, way, 2)
    for tab in (stays, goes):
        tab.expect_ids([first.id])
    goes.page.evaluate("document.dispatchEvent(new Event('freeze'))")
    sent = [first, *(site.send_tick(BITCOIN) for _ in range(3))]
    stays.expect_ids([tick.id for tick in sent])
    assert goes.ids == [first.id]
    goes.page.evaluate("document.dispatchEvent(new Event('resume'))")
    goes.expect_ids([tick.id for tick in sent])
    sent.append(site.send_tick(BITCOIN))
    for tab in (stays, goes):
        tab.expect_ids([tick.id for tick in sent])


def test_a_leader_that_is_frozen_leaves_the_stream_to_another(
    site: Site, first: Tick, new_page: Open
) -> None:
    leader, other = open_tabs(new_page, site.root, LEADER, 2)
    leader.page.evaluate("document.dispatchEvent(new Event('freeze'))")
    wait_for(lambda: site.connections == 2)
    newest = site.send_tick(BITCOIN)
    other.expect_ids([first.id, newest.id])


UNLOADABLE = pytest.mark.parametrize("script", ["/assets/today/js/stream/gone.js", "/blank"])
FOR_EVER_PATIENT = """
const soon = setTimeout;
globalThis.setTimeout = (call, ms, ...rest) => (ms === 10_000 ? 0 : soon(call, ms, ...rest));
"""
"""An init script: what is done when patience ends is never done."""


def by_worker_of(script: str) -> str:
    """Return an init script that has *script* loaded in place of the worker's."""
    return f"""globalThis.SharedWorker = class extends SharedWorker {{
        constructor(url, options) {{ super("{script}", options); }}
    }};"""


@UNLOADABLE
def test_a_worker_that_cannot_be_loaded_is_done_without_at_once(
    site: Site, first: Tick, new_page: Open, script: str
) -> None:
    (tab,) = open_tabs(new_page, site.root, by_worker_of(script) + FOR_EVER_PATIENT, 1)
    tab.expect_ids([first.id])


@UNLOADABLE
def test_a_worker_that_cannot_be_loaded_leaves_the_tabs_one_connection(
    site: Site, first: Tick, new_page: Open, script: str
) -> None:
    """Of several tabs Chromium may tell only some that it is not there: patience ends for them."""
    tabs = open_tabs(new_page, site.root, by_worker_of(script), 3)
    newest = site.send_tick(BITCOIN)
    for tab in tabs:
        tab.expect_ids([first.id, newest.id])
    assert site.readers == 1


@pytest.mark.parametrize("refused", ["SharedWorker", "SharedWorker, locks"])
def test_what_a_browser_refuses_to_an_embedded_page_is_done_without(
    site: Site, first: Tick, new_page: Open, refused: str
) -> None:
    context = new_page(locale="en-US").context
    refuse = "() => { throw new DOMException('not here', 'SecurityError') }"
    context.add_init_script(
        f"globalThis.SharedWorker = function () {{ ({refuse})() }};"
        + (f"navigator.locks.request = async {refuse};" if "locks" in refused else "")
    )
    tab = Tab(context.new_page(), site.root)
    tab.expect_ids([first.id])


def test_back_online_a_lost_link_is_tried_at_once(site: Site, first: Tick, new_page: Open) -> None:
    (tab,) = open_tabs(new_page, site.root, LEADER, 1)
    site.is_refusing = True
    site.hang_up()
    tab.expect_link("lost")
    site.is_refusing = False
    later = "const now = performance.now.bind(performance); performance.now = () => now() + 1_000"
    tab.page.evaluate(later)
    tab.page.evaluate("dispatchEvent(new Event('online'))")
    tab.expect_link("open", within=1)


@pytest.fixture
def port(app: Flask) -> int:
    tick(app, quote("bitcoin"))
    return free_port()


@pytest.mark.faults
def test_the_seventh_tab_is_live_on_the_product_and_a_restart_loses_nothing(
    app: Flask, settings: SettingsFactory, port: int, tmp_path: Path, new_page: Open
) -> None:
    """Over HTTP/1.1, where a browser has six connections to a server."""
    context = new_page(locale="en-US").context
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
