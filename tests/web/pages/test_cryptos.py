"""The pages as the server writes them, before any script has run."""

import json
from dataclasses import replace
from decimal import Decimal
from html.parser import HTMLParser
from typing import Any
from urllib.robotparser import RobotFileParser

import pytest
from flask import abort
from flask.testing import FlaskClient

from tests.support.fake_site import BITCOIN, ETHER, FakeRelay, make_app, make_tick, quote
from tracker import __version__
from tracker.market.coins import Coins
from tracker.market.freshness import SourceHealth, Status
from tracker.market.quotes import Quote
from tracker.storage.history import RANGES
from tracker.text.formats import ARROWS
from tracker.web.pages import filters

AT = 1795414447352
LIVE_PATHS = ("/cryptos/", "/cryptos/bitcoin", "/embed")


def relay_of(*quotes: Quote, told: Status | None = None, currency: str = "usd") -> FakeRelay:
    tick = make_tick(*quotes, at=AT, currency=currency) if quotes else None
    return FakeRelay(tick, told or Status("live"))


def client(relay: FakeRelay, **options: Any) -> FlaskClient:
    return make_app(relay, **options).test_client()


class Page(HTMLParser):
    """A page's visible text, and its elements as (tag, attributes)."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self._open: list[tuple[str, bool]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.elements.append((tag, found))
        if tag not in {"link", "meta", "img", "input"}:
            self._open.append((tag, "hidden" in found or tag in {"template", "noscript"}))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop()[0] == tag, f"</{tag}> closes nothing"

    def handle_data(self, data: str) -> None:
        if not any(hidden for _, hidden in self._open):
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join("".join(self.words).split())

    def one(self, hook: str) -> dict[str, str | None]:
        return self.all(hook)[0]

    def all(self, hook: str) -> list[dict[str, str | None]]:
        return [found for _, found in self.elements if hook in found]


def load(relay: FakeRelay, path: str = "/cryptos/", **settings: Any) -> Page:
    return Page(client(relay, **settings).get(path).text)


def test_some_addresses_lead_elsewhere_and_a_redirect_names_no_host() -> None:
    for path, query, status, location in (
        ("/", "", 302, "/cryptos/"),
        ("/favicon.ico", "", 302, ".png"),
        ("/cryptos", "a=b%20c&d", 308, "/cryptos/?a=b%20c&d"),
        ("//cryptos//", "", 308, "/cryptos/"),
        ("/cryptos//evil.example", "", 308, "/cryptos/evil.example"),
    ):
        environ = {"HTTP_HOST": "evil.example", "PATH_INFO": path, "QUERY_STRING": query}
        response = client(FakeRelay()).get("/", environ_overrides=environ)
        assert response.status_code == status
        assert response.headers["Location"].startswith("/")
        assert response.headers["Location"].endswith(location)
        assert "evil.example/" not in response.text
        assert "X-Content-Type-Options" in response.headers


def test_first_paint_has_the_prices() -> None:
    bitcoin = replace(BITCOIN, symbol="btc", direction="up", change_24h=Decimal("1.234"))
    page = load(relay_of(bitcoin))
    assert "1 Bitcoin BTC ▲ $97,012.50 up – +1.23% – $1.92T" in page.text
    row = {cell["data-field"]: cell for cell in reversed(page.all("data-field"))}
    assert row["price"]["data-direction"] == "up"
    assert row["price"]["title"] == "97,012.50 USD\nCoinGecko"
    assert row["market_cap"]["title"] == "1,920,000,000,001 USD"
    assert page.one("data-updated")["datetime"] == "2026-11-23T06:14:07.352Z"
    assert "06:14:07 UTC" in page.text
    assert "Data provided by CoinGecko" in page.text
    assert "Simulated" not in page.text


def test_the_heading_says_what_the_table_shows() -> None:
    yours = Coins(names=("bitcoin", "xmr"))
    for relay, coins, heading in (
        (relay_of(BITCOIN, ETHER), Coins(1, ("eth",)), "Top 1 and 1 more"),
        (relay_of(BITCOIN), yours, "Your coin"),
        (relay_of(), yours, "Your 2 coins"),
    ):
        assert f" {heading} Last updated" in load(relay, coins=coins).text


def test_the_coins_go_by_rank_and_what_is_unknown_is_a_dash() -> None:
    last = quote("last", image=None)
    page = load(relay_of(last, quote("second", rank=2), quote("first", rank=1)))
    shown = [row["data-coin"] for row in page.all("data-coin")]
    assert shown == ["first", "second", "last", ""]  # the last one is the template
    assert "– L Last LAS $1.5000 unchanged – –" in page.text


@pytest.mark.parametrize(
    ("told", "state", "said"),
    [
        (Status("live"), "starting", "Prices: Connecting"),
        (Status("live", reason="HTTP 500"), "starting", "Prices: Connecting"),
        (Status("stale", reason="HTTP 500", next_attempt_at=AT + 60_000), "stale",
         "These are the last known prices. HTTP 500 Next attempt at 06:15:07 UTC."),
        (Status("offline", reason="HTTP 500"), "offline", "These are the last known prices."),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_and_a_page_never_claims_to_be_live(
    told: Status, state: str, said: str
) -> None:
    page = load(relay_of(BITCOIN, told=told))
    assert page.one("data-indicator")["data-state"] == state
    assert said in page.text
    assert ("hidden" in page.one("data-notice")) is (told.state == "live")
    assert "make demo" not in page.text


def test_without_scripts_a_problem_of_live_prices_is_said_on_the_page() -> None:
    """With them the pill says it."""
    problem = '<noscript><p class="notice">Prices are live, but there is a problem. HTTP 500</p>'
    for told, is_said in ((Status("live", reason="HTTP 500"), True), (Status("live"), False)):
        text = client(relay_of(BITCOIN, told=told)).get("/cryptos/").text
        assert (problem in text) is is_said


def test_where_prices_come_from_and_how_each_source_does_is_said_without_alarm() -> None:
    sources = (
        SourceHealth("coingecko", True, AT),
        SourceHealth("kraken", False, AT, "Kraken: HTTP 503"),
    )
    page = load(relay_of(BITCOIN, told=Status("live", sources=sources)))
    assert "hidden" in page.one("data-notice")
    assert "Kraken answers failing since 06:14:07 UTC Kraken: HTTP 503" in page.text
    assert [one["data-ok"] for one in page.all("data-ok")] == ["true", "false", "false"]
    foot = "Prices between its answers from Bitstamp and Kraken"
    assert foot in page.text
    assert foot not in load(relay_of(BITCOIN), exchanges=()).text


def test_without_prices_the_page_says_why_and_what_to_do() -> None:
    page = load(relay_of(told=Status("offline", reason="no such host", next_attempt_at=AT)))
    assert "New prices cannot be fetched right now. no such host" in page.text
    assert "Next attempt at 06:14:07 UTC." in page.text
    assert "make demo" in page.text
    assert "No prices yet" in page.text
    assert "hidden" in page.one("data-table")
    page = load(relay_of(told=Status("starting")), source="simulated")
    assert "The first prices are on their way." in page.text
    assert "make demo" not in page.text
    assert "datetime" not in page.one("data-updated")
    assert "Simulated prices" in page.text


def test_simulated_prices_are_called_so() -> None:
    page = load(FakeRelay(make_tick(BITCOIN, source="simulated")), source="coingecko")
    assert "Simulated prices" in page.text
    assert "CoinGecko" not in page.text


def test_a_currency_that_is_none_of_iso_has_its_code() -> None:
    page = load(relay_of(quote("bitcoin"), currency="sats"), currency="sats")
    assert "1.5000 SATS" in page.text
    assert "Price in SATS" in page.text


def test_without_scripts_the_page_reloads_itself_and_says_so() -> None:
    for interval, seconds in ((90, 90), (2, 30)):
        html = client(FakeRelay(), interval=interval).get("/cryptos/").text
        head = html.partition("</head>")[0]
        assert f'<noscript><meta http-equiv="refresh" content="{seconds}"></noscript>' in head
        assert f"Without JavaScript this page reloads itself every {seconds} seconds." in html


def test_errors_say_what_to_do_next() -> None:
    app = make_app(FakeRelay())
    app.add_url_rule("/broken", view_func=lambda: abort(500))
    for method, path, status, said in (
        ("GET", "/nothing", 404, "There is no such page"),
        ("POST", "/cryptos/", 405, "Method Not Allowed"),
        ("GET", "/broken", 500, "Something went wrong here"),
    ):
        response = app.test_client().open(path, method=method)
        page = Page(response.text)
        assert response.status_code == status
        assert ("GET" in response.headers.get("Allow", "")) is (status == 405)
        assert response.headers["Cache-Control"] == "no-cache"
        assert said in page.text
        assert ("a", {"href": "/cryptos/"}) in page.elements


def test_robots_may_read_the_pages_only() -> None:
    response = client(FakeRelay()).get("/robots.txt")
    assert response.mimetype == "text/plain"
    rules = RobotFileParser()
    rules.parse(response.text.splitlines())
    paths = ("/cryptos/", "/cryptos/bitcoin", "/stream", "/watch", "/api/prices")
    assert [rules.can_fetch("any", path) for path in paths] == [True, True, False, False, False]


@pytest.mark.parametrize("path", ["/cryptos/", "/cryptos/x", "/cryptos/nothing", "/embed"])
def test_what_the_source_sends_is_text_and_never_markup(path: str) -> None:
    evil = quote("x", name='<script>alert("1")</script>', symbol="<s>", image='"><u onerror=x>')
    page = load(relay_of(evil, told=Status("stale", reason="<i>no</i>")), path)
    assert {tag for tag, _ in page.elements}.isdisjoint({"s", "u", "i"})
    inline = [found for tag, found in page.elements if tag == "script" and "src" not in found]
    assert {found["type"] for found in inline} <= {"application/json"}


@pytest.mark.parametrize("path", [*LIVE_PATHS, "/cryptos/bitcion", "/nothing"])
def test_nothing_is_inline_or_foreign_and_all_that_is_named_is_there(path: str) -> None:
    reader = client(relay_of(quote("bitcoin", symbol="btc")))
    addresses, page = set(), Page(reader.get(path).text)
    assert page.text.endswith(f"Crypto Tracker {__version__}") is (path != "/embed")
    for tag, found in page.elements:
        assert "style" not in found
        assert not [name for name in found if name.startswith("on")]
        if tag in {"script", "link"} and found.get("type") != "application/json":
            addresses.add(found.get("src") or found.get("href") or "")
    assert len(addresses) >= 5
    for address in addresses:
        assert address.startswith("/"), address
        with reader.get(address) as response:
            assert response.status_code == 200, address


def test_scripts_get_arrows_ranges_icon_hosts_and_the_stream_from_python() -> None:
    for path in LIVE_PATHS:
        below = {"SCRIPT_NAME": "/coins"}
        response = client(relay_of(BITCOIN)).get(path, environ_overrides=below)
        live = Page(response.text).one("data-live")
        assert json.loads(live["data-arrows"] or "") == ARROWS
        assert (live["data-icon-hosts"] or "").split() == [*filters.ICON_HOSTS]
        assert live["data-stream"] == "/coins/stream"
    nav = load(relay_of(BITCOIN), "/cryptos/bitcoin").one("data-ranges")
    assert json.loads(nav["data-ranges"] or "") == RANGES
