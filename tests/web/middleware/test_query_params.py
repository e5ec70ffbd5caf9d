"""A parameter given twice is refused, everywhere it is read; lists of coins are joined."""

from decimal import Decimal

import pytest

from tests.support.fake_site import FakeRelay, make_app, make_tick
from tests.support.tools import now_ms, quote
from tracker.market.rates import Rates

RELAY = FakeRelay(
    make_tick(quote("bitcoin", symbol="btc"), quote("ethereum", symbol="eth"), quote("pepe")),
    rates=Rates("usd", now_ms(), {"usd": Decimal(1)}),
)


def test_lists_of_coins_are_joined() -> None:
    client = make_app(RELAY).test_client()
    found = client.get("/api/prices?coins=pepe,btc&coins=eth&coins=").get_json()["quotes"]
    assert [one["id"] for one in found] == ["bitcoin", "ethereum", "pepe"]


@pytest.mark.parametrize(
    "address",
    [
        "/api/prices?currency=usd&currency=btc",
        "/api/price/btc?format=json&format=text",
        "/api/convert?from=btc&from=eth",
        "/api/convert?from=btc&amount=1&amount=1",
        "/api/coins/btc/history?range=1h&range=24h",
        "/api/history?points=5&points=50",
        "/embed?theme=light&theme=dark",
        "/?width=80&width=100",
        "/watch?color=never&color=always",
    ],
)
def test_any_other_parameter_is_given_once(address: str) -> None:
    answer = make_app(RELAY).test_client().get(address, headers={"User-Agent": "curl/8"})
    assert (answer.status_code, "is given 2 times" in answer.text) == (400, True)


def test_a_coins_page_says_which_ranges_there_are() -> None:
    answer = make_app(RELAY).test_client().get("/cryptos/bitcoin?range=1h&range=24h")
    assert "“1h,24h”" in answer.text
