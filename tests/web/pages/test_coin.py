"""One coin's page as the server writes it, before any script has run."""

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any
from unittest.mock import Mock

import pytest
from sqlalchemy.exc import OperationalError

from tests.support.fake_site import BITCOIN, ETHER, FakeHistory, FakeRelay, make_tick, quote
from tests.support.tools import now_ms
from tests.web.pages.test_cryptos import AT, Page, client
from tracker.market.candles import Point
from tracker.market.freshness import Status
from tracker.times import HOUR_MS


def points(count: int, *, price: int = 100) -> list[Point]:
    return [(AT - (count - n) * 60_000, Decimal(price + n)) for n in range(count)]


def load(path: str, status: int = 200, relay: FakeRelay | None = None, **options: Any) -> Page:
    relay = relay or FakeRelay(make_tick(BITCOIN, ETHER, at=AT))
    response = client(relay, **options).get(path)
    assert response.status_code == status
    return Page(response.text)


def test_first_paint_has_all_that_is_known_of_the_coin() -> None:
    changes = {"change_1h": "0.1", "change_24h": "1.234", "change_7d": "-3.4"}
    day = {"volume_24h": "31e9", "high_24h": "98000", "low_24h": "95500"}
    known: dict[str, Any] = {name: Decimal(text) for name, text in (changes | day).items()}
    known |= {"updated_at": now_ms() - 2 * HOUR_MS, "venues": ("bitstamp", "kraken")}
    bitcoin = replace(BITCOIN, symbol="btc", direction="up", **known)
    page = load("/cryptos/bitcoin", relay=FakeRelay(make_tick(bitcoin, at=AT)))
    origin = "Median of Bitstamp and Kraken, 2 hr. ago"
    assert "Bitcoin BTC Rank #1" in page.text
    assert f"▲ $97,012.50 up {origin} 1 h+0.10% 24 h+1.23% 7 d-3.40%" in page.text
    assert "$95,500.00 $98,000.00 Market cap$1.92T Volume, 24 h$31.00B" in page.text
    assert page.one("data-span-mark")["x"] == "59.0"
    assert page.one("data-price")["title"] == f"97,012.50 USD\n{origin}"
    assert page.one("data-price")["data-old"] == "true"
    assert "All coins" in page.text


def test_the_days_range_has_a_mark_that_stays_on_its_bar() -> None:
    for low, high, mark in ((90, 100, "97.5"), (None, 5, None), (5, None, None), (6, 5, None)):
        limits = {"low_24h": low and Decimal(low), "high_24h": high and Decimal(high)}
        relay = FakeRelay(make_tick(quote("bitcoin", "120", **limits)))
        found = load("/cryptos/bitcoin", relay=relay).one("data-span-mark")
        assert (found.get("x"), "hidden" in found) == (mark, mark is None)


def test_each_range_has_its_address_its_table_and_its_csv() -> None:
    for range in ("1h", "7d"):
        history = FakeHistory({f"bitcoin {range}": points(3)})
        page = load(f"/cryptos/bitcoin?range={range}", history=history)
        current = [link for link in page.all("data-range") if link.get("aria-current") == "true"]
        assert [link["href"] for link in current] == [f"?range={range}"]
        assert "2026-11-23 06:11 UTC$100.00 2026-11-23 06:12 UTC$101.00" in page.text
        assert "All 3 prices of the range." in page.text
        csv = f"/api/coins/bitcoin/history?range={range}&format=csv"
        assert page.one("data-csv")["href"] == csv


def test_of_many_points_the_table_has_those_that_tell_and_the_script_has_all() -> None:
    history = FakeHistory({"bitcoin": points(400)})
    html = client(FakeRelay(make_tick(BITCOIN)), history=history).get("/cryptos/bitcoin").text
    assert "60 of 400 prices" in Page(html).text
    assert html.count("<tr><td><time") == 60
    past = json.loads(html.split("data-history", 1)[1].split(">", 1)[1].split("</script>", 1)[0])
    assert (past["range"], past["resolution"]) == ("24h", "tick")
    assert [tuple(point) for point in past["points"]] == [(at, float(p)) for at, p in points(400)]


def test_a_range_that_there_is_not_has_no_prices_or_cannot_be_read_says_so() -> None:
    page = load("/cryptos/bitcoin?range=5y%3Cb%3E")
    assert "There is no range “5y<b>”, so this is 24h." in page.text
    assert "No prices in this range yet." in page.text
    assert "hidden" in page.one("data-past-table")
    assert "y" * 30 not in load(f"/cryptos/bitcoin?range={'y' * 3000}").text
    broken = Mock(points=Mock(side_effect=OperationalError("SELECT", {}, Exception("no file"))))
    page = load("/cryptos/bitcoin", history=broken)
    assert "$97,012.50" in page.text
    assert "Past prices cannot be read right now." in page.text


def test_another_spelling_leads_to_the_one_address() -> None:
    hostile = "_external=1&_scheme=javascript"
    for path, location in (
        ("/cryptos/BITCOIN/?range=7d", "/cryptos/bitcoin?range=7d"),
        (f"/cryptos/Bitcoin?{hostile}", f"/cryptos/bitcoin?{hostile}"),
        ("/cryptos/%5Cevil.test/", "/cryptos/%5Cevil.test"),
    ):
        response = client(FakeRelay(make_tick(BITCOIN))).get(path)
        assert (response.status_code, response.headers["Location"]) == (308, location)


def test_a_symbol_leads_to_its_coin_of_today() -> None:
    for path in ("/cryptos/BIT?range=7d", "/cryptos/bit?range=7d"):
        response = client(FakeRelay(make_tick(BITCOIN, ETHER))).get(path)
        assert (response.status_code, response.headers["Location"]) == (
            302,
            "/cryptos/bitcoin?range=7d",
        )


def test_an_unknown_coin_gets_suggestions_and_all_that_are_followed() -> None:
    bitcoin = quote("bitcoin", rank=1, symbol="btc")
    page = load("/cryptos/bitcion", 404, relay=FakeRelay(make_tick(bitcoin, ETHER)))
    assert "No coin is called “bitcion” here" in page.text
    assert "Did you mean Bitcoin BTC?" in page.text
    links = [found["href"] for tag, found in page.elements if tag == "a"]
    assert links.count("/cryptos/bitcoin") == 2
    assert {"/cryptos/ethereum", "/cryptos/"} <= {*links}
    page = load("/cryptos/zzzz", 404)
    assert "Did you mean" not in page.text
    assert "Followed now Bitcoin BIT Ethereum ETH" in page.text


@pytest.mark.parametrize("word", ["%3Cscript%3Ealert(1)%3C%2Fb%3E", "%22onload=x", "x" * 9000])
def test_a_hostile_name_is_text_and_short(word: str) -> None:
    for relay in (FakeRelay(make_tick(BITCOIN)), FakeRelay(told=Status("starting"))):
        page = Page(client(relay).get(f"/cryptos/{word}").text)
        scripts = [found for tag, found in page.elements if tag == "script" and "src" not in found]
        assert all(found.get("type") == "application/json" for found in scripts)
        assert "x" * 61 not in page.text
        assert not [found for _, found in page.elements if "onload" in found]


def test_a_coin_that_was_followed_once_shows_its_past_and_no_price() -> None:
    relay = FakeRelay(make_tick(BITCOIN), once=frozenset({"shiba-inu"}))
    page = load("/cryptos/shiba-inu", relay=relay, history=FakeHistory({"shiba-inu": points(3)}))
    assert "Shiba Inu is not among the coins that are followed now" in page.text
    assert "All 3 prices of the range." in page.text
    assert "97,012" not in page.text


def test_before_the_first_tick_the_page_waits_for_it() -> None:
    page = load("/cryptos/bitcoin", relay=FakeRelay(told=Status("starting")))
    assert "The first prices are on their way." in page.text
    assert "not among" not in page.text
    assert page.one("data-of")["data-of"] == "bitcoin"
