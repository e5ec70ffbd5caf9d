"""The pages as the server writes them, before any script has run."""

from __future__ import annotations

import json
from decimal import Decimal
from html.parser import HTMLParser
from typing import Any
from urllib.robotparser import RobotFileParser

import pytest
from flask.testing import FlaskClient

from tests.support.fake_site import FakeRelay, make_app
from tracker.market.freshness import Status
from tracker.market.quotes import Quote, Tick
from tracker.storage.history import RANGES
from tracker.web.pages import filters

TICK_AT = 1795414447352


def quote(coin: str, **changes: Any) -> Quote:
    values: dict[str, Any] = {"symbol": coin[:3], "name": coin.title(), "price": Decimal("1.5")}
    return Quote(id=coin, **{**values, **changes})


def tick(*quotes: Quote, source: str = "coingecko", currency: str = "usd") -> Tick:
    return Tick(id=TICK_AT, currency=currency, source=source, quotes=quotes)


def client(relay: FakeRelay, **settings: Any) -> FlaskClient:
    return make_app(relay, **settings).test_client()


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


def load(relay: FakeRelay, **settings: Any) -> Page:
    response = client(relay, **settings).get("/cryptos/")
    assert response.status_code == 200
    return Page(response.text)


def test_home_is_the_live_table() -> None:
    response = client(FakeRelay()).get("/")
    assert (response.status_code, response.headers["Location"]) == (302, "/cryptos/")


@pytest.mark.parametrize(
    ("asked", "location"),
    [
        ("/cryptos", "/cryptos/"),
        ("/cryptos?a=b%20c&d", "/cryptos/?a=b%20c&d"),
        ("//cryptos//", "/cryptos/"),
        ("/cryptos//evil.example", "/cryptos/evil.example"),
    ],
)
def test_a_redirect_names_no_host(asked: str, location: str) -> None:
    environ = {"HTTP_HOST": "evil.example", "RAW_URI": asked}
    path, _, query = asked.partition("?")
    environ |= {"PATH_INFO": path, "QUERY_STRING": query}
    response = client(FakeRelay()).get("/", environ_overrides=environ)
    assert (response.status_code, response.headers["Location"]) == (308, location)
    assert "evil.example/" not in response.text
    assert "X-Content-Type-Options" in response.headers


def test_first_paint_has_the_prices() -> None:
    bitcoin = quote(
        "bitcoin",
        rank=1,
        symbol="btc",
        price=Decimal("97012.50"),
        direction="up",
        change_24h=Decimal("1.234"),
        market_cap=Decimal("1920000000001"),
        image="https://icons.test/btc.png",
    )
    page = load(FakeRelay(tick(bitcoin)))
    assert "1 Bitcoin BTC ▲ $97,012.50 up – +1.23% – $1.92T" in page.text
    row: dict[str | None, dict[str, str | None]] = {}
    for cell in page.all("data-field"):
        row.setdefault(cell["data-field"], cell)
    assert row["price"]["data-direction"] == "up"
    assert row["price"]["title"] == "97,012.50 USD"
    assert row["market_cap"]["title"] == "1,920,000,000,001 USD"
    assert page.one("data-updated")["datetime"] == "2026-11-23T06:14:07.352Z"
    assert "06:14:07 UTC" in page.text
    assert "Data provided by CoinGecko" in page.text
    assert "Simulated" not in page.text


def test_the_coins_go_by_rank_and_what_is_unknown_is_a_dash() -> None:
    page = load(FakeRelay(tick(quote("last"), quote("second", rank=2), quote("first", rank=1))))
    shown = [row["data-coin"] for row in page.all("data-coin")]
    assert shown == ["first", "second", "last", ""]  # the last one is the template
    assert "– L Last LAS $1.5000 unchanged – –" in page.text


def test_a_page_just_written_does_not_claim_to_be_live() -> None:
    page = load(FakeRelay(tick(quote("bitcoin"))))
    assert page.one("data-indicator")["data-state"] == "starting"
    assert "Prices: Connecting" in page.text
    assert "hidden" in page.one("data-notice")


@pytest.mark.parametrize("state", ["stale", "offline"])
def test_what_is_wrong_is_said_with_the_last_prices(state: Any) -> None:
    told = Status(state, reason="CoinGecko answers 500.", next_attempt_at=TICK_AT + 60_000)
    page = load(FakeRelay(tick(quote("bitcoin")), told))
    assert page.one("data-indicator")["data-state"] == state
    assert "Reason: CoinGecko answers 500." in page.text
    assert "Next attempt at 06:15:07 UTC." in page.text
    assert "These are the last known prices." in page.text
    assert "make demo" not in page.text


def test_a_failure_while_live_is_said_too() -> None:
    page = load(FakeRelay(tick(quote("bitcoin")), Status("live", reason="HTTP 500")))
    assert "Prices are live, but there is a problem. Reason: HTTP 500" in page.text


def test_without_prices_and_source_the_page_says_why_and_what_to_do() -> None:
    told = Status("offline", reason="no such host", next_attempt_at=TICK_AT)
    page = load(FakeRelay(told=told))
    assert "New prices cannot be fetched right now. Reason: no such host" in page.text
    assert "Next attempt at 06:14:07 UTC." in page.text
    assert "make demo" in page.text
    assert "No prices yet" in page.text
    assert "hidden" in page.one("data-table")


def test_before_the_first_tick_the_page_says_so() -> None:
    page = load(FakeRelay(told=Status("starting")))
    assert "The first prices are on their way." in page.text
    assert "make demo" not in page.text
    assert "datetime" not in page.one("data-updated")


@pytest.mark.parametrize(("chosen", "came_from"), [("simulated", None), ("coingecko", "simulated")])
def test_simulated_prices_are_called_so(chosen: str, came_from: str | None) -> None:
    newest = tick(quote("bitcoin"), source=came_from) if came_from else None
    page = load(FakeRelay(newest), source=chosen)
    assert "Simulated prices" in page.text
    assert "CoinGecko" not in page.text


def test_a_currency_that_is_none_of_iso_has_its_code() -> None:
    page = load(FakeRelay(tick(quote("bitcoin"), currency="sats")), currency="sats")
    assert "1.5000 SATS" in page.text
    assert "Price in SATS" in page.text


@pytest.mark.parametrize(
    ("interval", "seconds", "said"),
    [(60, 60, "every minute"), (2, 30, "every 30 seconds"), (300, 300, "every 5 minutes")],
)
def test_without_scripts_the_page_reloads_itself_and_says_so(
    interval: int, seconds: int, said: str
) -> None:
    html = client(FakeRelay(), interval=interval).get("/cryptos/").text
    head = html.partition("</head>")[0]
    refresh = f'<noscript><meta http-equiv="refresh" content="{seconds}"></noscript>'
    assert refresh in head
    assert f"Without JavaScript this page reloads itself {said}." in html


def test_a_page_that_is_not_there_says_what_to_do_next() -> None:
    response = client(FakeRelay()).get("/nothing")
    assert (response.status_code, response.mimetype) == (404, "text/html")
    assert response.headers["Cache-Control"] == "no-cache"
    page = Page(response.text)
    assert "There is no such page" in page.text
    assert ("a", {"href": "/cryptos/"}) in page.elements


def test_a_failure_shows_people_a_page_and_never_its_inside() -> None:
    app = make_app(FakeRelay(tick(quote("bitcoin"))))

    def fail() -> str:
        raise LookupError("secret")

    app.add_url_rule("/broken", view_func=fail)
    app.add_url_rule("/api/broken", view_func=fail)
    response = app.test_client().get("/broken")
    assert (response.status_code, response.mimetype) == (500, "text/html")
    assert "Something went wrong here" in Page(response.text).text
    assert "secret" not in response.text
    machine = app.test_client().get("/api/broken")
    assert (machine.status_code, machine.mimetype) == (500, "application/problem+json")
    assert "secret" not in machine.text


def test_other_refusals_say_why_and_keep_their_headers() -> None:
    response = client(FakeRelay()).post("/cryptos/")
    assert response.status_code == 405
    assert "GET" in response.headers["Allow"]
    assert "Method Not Allowed" in Page(response.text).text


def test_robots_may_read_the_pages_only() -> None:
    response = client(FakeRelay()).get("/robots.txt")
    assert response.mimetype == "text/plain"
    rules = RobotFileParser()
    rules.parse(response.text.splitlines())
    paths = ("/cryptos/", "/cryptos/bitcoin", "/stream", "/api/prices")
    assert [rules.can_fetch("any", path) for path in paths] == [True, True, False, False]


def test_those_who_ask_for_favicon_ico_get_the_icon() -> None:
    with client(FakeRelay()).get("/favicon.ico", follow_redirects=True) as response:
        assert (response.status_code, response.mimetype) == (200, "image/png")


def test_what_the_source_sends_is_text_and_never_markup() -> None:
    evil = quote("x", name='<script>alert("1")</script>', image='"><u onerror=x>')
    page = load(FakeRelay(tick(evil), Status("stale", reason="<i>no</i>")))
    assert {tag for tag, _ in page.elements}.isdisjoint({"u", "i"})
    inline = [found for tag, found in page.elements if tag == "script" and "src" not in found]
    assert inline == [{"type": "application/json", "data-tick": None}]


def test_a_strict_policy_would_find_nothing_inline_and_nothing_foreign() -> None:
    page = load(FakeRelay(tick(quote("bitcoin"))))
    for tag, found in page.elements:
        assert "style" not in found
        assert not [name for name in found if name.startswith("on")]
        if tag in {"script", "link"} and found.get("type") != "application/json":
            address = found.get("src") or found.get("href")
            assert address is not None
            assert address.startswith("/"), address


def test_everything_the_page_names_is_there() -> None:
    reader = client(FakeRelay())
    page = Page(reader.get("/cryptos/").text)
    addresses = {
        address
        for tag, found in page.elements
        if tag in {"script", "link", "img"} and (address := found.get("src") or found.get("href"))
    }
    assert len(addresses) >= 10
    for address in addresses:
        with reader.get(address) as response:
            assert response.status_code == 200, address


def test_scripts_get_arrows_ranges_and_icon_hosts_from_python() -> None:
    reader = client(FakeRelay(tick(quote("bitcoin"))))
    live, nav = (Page(reader.get(path).text) for path in ("/cryptos/", "/cryptos/bitcoin"))
    assert json.loads(live.one("data-arrows")["data-arrows"] or "") == filters.ARROWS
    assert (live.one("data-icon-hosts")["data-icon-hosts"] or "").split() == [*filters.ICON_HOSTS]
    assert json.loads(nav.one("data-ranges")["data-ranges"] or "") == RANGES


def test_below_a_path_the_stream_is_below_it_too() -> None:
    response = client(FakeRelay()).get("/cryptos/", environ_overrides={"SCRIPT_NAME": "/coins"})
    assert 'data-stream="/coins/stream"' in response.text
