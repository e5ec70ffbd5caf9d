"""`/api/prices`: the newest tick for those who ask, in any currency, and how fresh it is."""

import json
from decimal import Decimal

from flask import Flask

from tests.support.fake_site import FakeRelay, make_app, make_tick
from tests.support.tools import now_ms, quote, wait_for
from tests.support.web_process import tick
from tracker.market.freshness import Status
from tracker.market.rates import Rates
from tracker.times import iso


def test_it_is_the_newest_tick_to_the_digit_and_how_fresh_that_is() -> None:
    newest = make_tick(quote("bitcoin", "97012.50"), quote("pepe", "1.20e-09"))
    relay = FakeRelay(newest, told=Status("stale", reason="CoinGecko: “busy”"))
    response = make_app(relay).test_client().get("/api/prices")
    assert response.content_type == "application/json"
    assert response.text == newest.to_json()
    assert '"price":97012.50' in response.text
    status = json.loads(response.headers["Tracker-Status"])
    assert (status["state"], status["reason"]) == ("stale", "CoinGecko: “busy”")


def test_coins_are_named_by_id_or_symbol_of_which_the_largest_counts() -> None:
    coins = (
        quote("fakecoin", symbol="btc", market_cap=Decimal(5)),
        quote("bitcoin", symbol="btc", market_cap=Decimal(10)),
        quote("eth", symbol="other"),
        quote("ethereum", symbol="eth"),
        quote("pepe", symbol="pepe"),
    )
    client = make_app(FakeRelay(make_tick(*coins))).test_client()
    for named, found in (("BTC,pepe,bitcoin", ["bitcoin", "pepe"]), ("eth", ["eth"])):
        body = json.loads(client.get(f"/api/prices?coins={named}").text)
        assert [one["id"] for one in body["quotes"]] == found
    response = client.get("/api/prices?coins=btc,dodge")
    assert (response.status_code, response.content_type) == (400, "application/problem+json")
    assert "unknown: dodge" in json.loads(response.text)["detail"]


def test_who_has_it_already_gets_304(app: Flask) -> None:
    sent = tick(app)
    client = app.test_client()
    etag = client.get("/api/prices").headers["ETag"]
    assert etag == f'"{sent.id}"'
    again = client.get("/api/prices", headers={"If-None-Match": etag})
    assert (again.status_code, again.data) == (304, b"")
    newer = tick(app)
    wait_for(lambda: client.get("/api/prices").headers["ETag"] == f'"{newer.id}"')
    assert client.get("/api/prices", headers={"If-None-Match": etag}).status_code == 200


def test_another_currency_is_marked_and_has_an_etag_of_its_own() -> None:
    newest = make_tick(quote("bitcoin", "97012.50", symbol="btc"), quote("pepe", "1.20e-09"))
    at = now_ms()
    relay = FakeRelay(newest, rates=Rates("usd", at, {"usd": Decimal(1), "eur": Decimal("0.8")}))
    client = make_app(relay).test_client()
    response = client.get("/api/prices?currency=EUR&coins=bitcoin")
    body = json.loads(response.text)
    assert body["currency"] == "eur"
    assert body["converted"] == {"from": "usd", "rate": 0.8, "at": iso(at)}
    assert [one["price"] for one in body["quotes"]] == [77610]
    etag = response.headers["ETag"]
    assert etag == f'"{newest.id}-eur-{at}"'
    again = client.get("/api/prices?currency=eur&coins=bitcoin", headers={"If-None-Match": etag})
    assert again.status_code == 304
    assert client.get("/api/prices?currency=usd").text == newest.to_json()
    bitcoins = json.loads(client.get("/api/prices?currency=btc").text)
    assert (bitcoins["quotes"][0]["price"], bitcoins["converted"]["at"]) == (1, iso(newest.id))
    assert client.get("/api/prices?currency=xyz").status_code == 400
    relay.rates = None
    assert client.get("/api/prices?currency=eur").status_code == 503


def test_before_the_first_tick_it_says_when_to_come_again() -> None:
    response = make_app(FakeRelay()).test_client().get("/api/prices")
    assert (response.status_code, response.headers["Retry-After"]) == (503, "5")
    assert response.content_type == "application/problem+json"
    assert "no prices yet" in json.loads(response.text)["detail"]
