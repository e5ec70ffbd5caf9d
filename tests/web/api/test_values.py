"""`/api/price/<coin>` and `/api/convert`: one number, as text or JSON, and how fresh it is."""

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.support.fake_site import FakeRelay, make_app, make_tick
from tests.support.tools import now_ms, quote
from tracker.market.freshness import Status
from tracker.market.rates import Rates
from tracker.times import HOUR_MS, iso

TICK = make_tick(
    quote("bitcoin", "97012.50", symbol="btc"),
    quote("ethereum", "3395.4375", symbol="eth"),
    quote("pepe", "1.20e-09", symbol="pepe"),
)
JSON = {"Accept": "application/json"}


def rates(age_ms: int = 0) -> Rates:
    worth = {"usd": "1", "eur": "0.8", "btc": "0.00001", "eth": "0.0003"}
    return Rates("usd", now_ms() - age_ms, {code: Decimal(rate) for code, rate in worth.items()})


RELAY = FakeRelay(TICK, rates=rates())


def client(relay: FakeRelay = RELAY) -> FlaskClient:
    return make_app(relay).test_client()


def read(path: str, relay: FakeRelay = RELAY) -> Any:
    response = client(relay).get(path, headers=JSON)
    assert response.content_type == "application/json", response.text
    return json.loads(response.text, parse_float=str)


class TestPrice:
    @pytest.mark.parametrize(
        ("path", "text"),
        [
            ("bitcoin", "97012.50"), ("BTC", "97012.50"), ("pepe", "0.00000000120"),
            ("btc?currency=usd", "97012.50"), ("btc?currency=", "97012.50"),
            ("btc?currency=EUR", "77610"), ("eth?currency=btc", "0.035"),
            ("btc?currency=bitcoin", "1"), ("pepe?currency=eur", "0.00000000096"),
        ],
    )  # fmt: skip
    def test_it_is_a_plain_decimal_in_a_line(self, path: str, text: str) -> None:
        response = client().get(f"/api/price/{path}")
        assert response.text == f"{text}\n"
        assert response.content_type == "text/plain; charset=utf-8"
        assert json.loads(response.headers["Tracker-Status"])["state"] == "live"

    def test_as_json_it_says_of_when_it_is(self) -> None:
        at, rates_at = iso(TICK.id), iso(RELAY.rates.at if RELAY.rates else 0)
        body = {"coin": "bitcoin", "currency": "usd", "price": "97012.50", "at": at}
        fresh = {"rates_at": None, "status": "live", "warning": None}
        assert read("/api/price/btc") == body | fresh
        converted = {"currency": "eur", "price": 77610, "rates_at": rates_at}
        assert read("/api/price/btc?currency=eur") == body | fresh | converted

    @pytest.mark.parametrize(
        ("accept", "query", "kind"),
        [
            (None, "", "text/plain"), ("*/*", "", "text/plain"),
            ("text/html,application/xml;q=0.9,*/*;q=0.8", "", "text/plain"),
            ("application/json, */*;q=0.5", "", "application/json"),
            ("application/json, text/plain, */*", "", "application/json"),
            ("application/json", "?format=text", "text/plain"),
            (None, "?format=json", "application/json"),
        ],
    )  # fmt: skip
    def test_its_kind_follows_from_accept_and_format(
        self, accept: str | None, query: str, kind: str
    ) -> None:
        headers = {"Accept": accept} if accept else {}
        response = client().get(f"/api/price/btc{query}", headers=headers)
        assert response.mimetype == kind
        assert ("accept" in response.vary) == (not query)

    def test_a_stale_one_is_given_with_a_warning(self) -> None:
        relay = FakeRelay(TICK, told=Status("stale", reason="CoinGecko cannot be reached"))
        assert client(relay).get("/api/price/btc").text == "97012.50\n"
        found = read("/api/price/btc", relay)
        assert found["status"] == "stale"
        assert found["warning"] == "stale: CoinGecko cannot be reached"

    def test_old_rates_are_used_with_a_warning_and_for_a_day(self) -> None:
        relay = FakeRelay(TICK, rates=rates(HOUR_MS))
        found = read("/api/price/btc?currency=eur", relay)
        assert found["warning"] == f"the exchange rates are old: of {found['rates_at']}"
        assert read("/api/price/btc?currency=eth", relay)["warning"] is None
        for too_old in (rates(25 * HOUR_MS), None):
            relay.rates = too_old
            response = client(relay).get("/api/price/btc?currency=eur")
            assert (response.status_code, response.headers["Retry-After"]) == (503, "5")
            assert client(relay).get("/api/price/btc").text == "97012.50\n"

    def test_without_any_price_it_says_when_to_come_again_and_what_is_the_matter(self) -> None:
        relay = FakeRelay(told=Status("offline", reason="CoinGecko cannot be reached"))
        response = client(relay).get("/api/price/btc")
        assert (response.status_code, response.headers["Retry-After"]) == (503, "5")
        assert response.content_type == "application/problem+json"
        assert "CoinGecko cannot be reached" in json.loads(response.text)["detail"]
        assert json.loads(response.headers["Tracker-Status"])["state"] == "offline"

    def test_an_unknown_coin_is_404_with_those_near_it(self) -> None:
        response = client().get("/api/price/bitcion")
        assert (response.status_code, response.content_type) == (404, "application/problem+json")
        assert json.loads(response.text)["detail"].endswith("did you mean bitcoin?")
        gone = client(FakeRelay(TICK, once=frozenset({"luna"}))).get("/api/price/luna")
        assert (gone.status_code, "no longer followed" in gone.text) == (404, True)

    @pytest.mark.parametrize("given", ["xyz", "e", "€", "a" * 1000, "usd,eur", "1e999"])
    def test_an_unknown_currency_is_400_and_says_what_is_accepted(self, given: str) -> None:
        response = client().get("/api/price/btc", query_string={"currency": given})
        assert response.status_code == 400
        detail = json.loads(response.text)["detail"]
        assert f"currency {given[:50]!r}; accepted: a currency of /api/rates" in detail


class TestConvert:
    @pytest.mark.parametrize(
        ("query", "text"),
        [
            ("amount=0.5&from=btc&to=eur", "38805"), ("amount=38805&from=EUR&to=bitcoin", "0.5"),
            ("from=btc", "97012.5"), ("from=eth&to=btc", "0.035"),
            ("amount=2.50&from=usd&to=usd", "2.50"), ("amount=1%0A&from=btc", "97012.5"),
            ("amount=.5&from=usd&to=eur", "0.4"), ("amount=0&from=btc&to=usd", "0"),
            ("amount=1&from=usd&to=pepe", "833333333.3"),
            (f"amount=0.{'1':0>20}&from=pepe&to=btc", f"0.{'1236954001':0>43}"),
        ],
    )  # fmt: skip
    def test_it_is_a_plain_decimal_in_a_line(self, query: str, text: str) -> None:
        response = client().get(f"/api/convert?{query}")
        assert response.text == f"{text}\n"
        assert response.content_type == "text/plain; charset=utf-8"
        assert "Tracker-Status" in response.headers

    def test_as_json_it_says_what_is_a_coin(self) -> None:
        """A currency's code that is also a coin's symbol is the coin."""
        found = read("/api/convert?amount=0.50&from=btc&to=eur")
        assert found == {
            "amount": "0.50", "from": {"code": "btc", "coin": "bitcoin"},
            "to": {"code": "eur", "coin": None}, "result": 38805, "at": iso(TICK.id),
            "rates_at": iso(RELAY.rates.at if RELAY.rates else 0),
            "status": "live", "warning": None,
        }  # fmt: skip

    def test_currencies_alone_need_no_price(self) -> None:
        relay = FakeRelay(rates=rates(), told=Status("starting"))
        found = read("/api/convert?from=eur&to=btc", relay)
        assert (found["result"], found["at"], found["warning"]) == ("0.0000125", None, None)
        assert found["from"] == {"code": "eur", "coin": None}
        response = client(replace(relay)).get("/api/convert?from=doge&to=eur")
        assert response.status_code == 503
        assert "no prices yet, and 'doge' may be a coin" in response.text

    @pytest.mark.parametrize(
        "amount",
        [
            "", "-", "-1", "+1", "1e999", "1e3", "NaN", "inf", "1,000", "1.", ".", "0x1", "½", "٣",
            "9" * 10_000, "0." + "1" * 21,
        ],
    )  # fmt: skip
    def test_an_amount_that_is_no_plain_decimal_is_400(self, amount: str) -> None:
        query = {"amount": amount, "from": "btc", "to": "eur"}
        response = client().get("/api/convert", query_string=query)
        assert (response.status_code, response.content_type) == (400, "application/problem+json")
        assert "accepted: a decimal as 0.5, up to 20 digits" in json.loads(response.text)["detail"]
        assert len(response.text) < 400

    @pytest.mark.parametrize("query", ["to=eur", "from=&to=eur", "from=btc&to=", "from=bitcion"])
    def test_what_names_nothing_is_400(self, query: str) -> None:
        response = client().get(f"/api/convert?{query}")
        assert response.status_code == 400
        assert (
            "accepted: a currency of /api/rates, or a coin" in json.loads(response.text)["detail"]
        )
