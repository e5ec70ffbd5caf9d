"""One price of several: no set of answers shows one that is further off than the rule allows."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracker.market.quotes import Quote
from worker.venues.base import Trade
from worker.venues.consensus import (
    ALONE,
    TOGETHER,
    Verdict,
    factors,
    judge,
    repriced,
    verdicts,
    young,
)

NAMES = ("binance", "bitstamp", "gemini", "kraken")
NOW = 1_795_413_247_352

REFERENCE = Decimal(100)


def quote(id: str = "bitcoin", symbol: str = "btc", price: str = "100", cap: int = 1000) -> Quote:
    return Quote(
        id=id,
        symbol=symbol,
        name=id.capitalize(),
        price=Decimal(price),
        market_cap=Decimal(cap),
        change_24h=Decimal(10),
        high_24h=Decimal(101),
        low_24h=Decimal(90),
    )


def priced(
    *quotes: Quote, factor: dict[tuple[str, str], Decimal] | None = None, **venues: list[Trade]
) -> dict[str, Verdict]:
    fresh = {name: young(own, NOW) for name, own in venues.items()}
    return verdicts(quotes, fresh, currency="USD", factors=factor or {})


@pytest.mark.parametrize(
    ("prices", "expected", "believed"),
    [
        ({"kraken": 101}, "101", "kraken"),
        ({"kraken": 101, "bitstamp": 102}, "101.5", "bitstamp kraken"),
        ({"kraken": 101, "bitstamp": 102, "gemini": 104}, "102", "bitstamp gemini kraken"),
        ({"kraken": 1000, "bitstamp": 101}, "101", "bitstamp"),
        ({"kraken": 106}, None, ""),
        ({"kraken": 120, "bitstamp": "120.5"}, "120.25", "bitstamp kraken"),
        ({"kraken": 120, "bitstamp": 110}, None, ""),
        ({"kraken": 80, "bitstamp": "80.1", "gemini": 100}, "80.05", "bitstamp kraken"),
        (
            {"kraken": 80, "bitstamp": "80.1", "gemini": 100, "binance": 101},
            "100.5",
            "binance gemini",
        ),
        ({"kraken": 1000, "bitstamp": 1000, "gemini": 1001}, None, ""),
    ],
)
def test_the_price_is_the_median_of_those_near_the_reference_or_of_those_who_agree(
    prices: dict[str, str], expected: str | None, believed: str
) -> None:
    verdict = judge(REFERENCE, {name: Decimal(price) for name, price in prices.items()})
    assert verdict.price == (Decimal(expected) if expected else None)
    assert verdict.venues == tuple(believed.split())
    assert {*verdict.venues, *verdict.disbelieved} == set(prices)


@given(st.dictionaries(st.sampled_from(NAMES), st.decimals("1e-12", "1e12"), max_size=4))
def test_no_prices_move_the_shown_one_further_than_the_rule_allows(
    prices: dict[str, Decimal],
) -> None:
    verdict = judge(REFERENCE, prices)
    allowed = ALONE if len(verdict.venues) < 2 else TOGETHER
    if verdict.price is not None:
        assert abs(verdict.price - REFERENCE) <= REFERENCE * allowed


@given(
    st.sets(st.sampled_from(NAMES), min_size=2),
    st.dictionaries(st.sampled_from(NAMES), st.decimals("1e-12", "1e12"), max_size=1),
)
def test_a_single_liar_moves_the_price_by_no_more_than_it_is_believed_alone(
    honest: set[str], liar: dict[str, Decimal]
) -> None:
    verdict = judge(REFERENCE, dict.fromkeys(honest, REFERENCE) | liar)
    assert verdict.price is not None
    assert abs(verdict.price - REFERENCE) <= REFERENCE * ALONE / 2


def test_trades_older_than_two_minutes_do_not_count() -> None:
    young, old = Trade("BTC", "USD", Decimal(101), NOW - 119_000), NOW - 121_000
    assert priced(quote(), kraken=[young])["bitcoin"].price == 101
    assert priced(quote(), kraken=[young._replace(at=old)]) == {}


def test_a_symbol_is_the_largest_coin_of_that_symbol() -> None:
    fake = quote("fakecoin", price="99", cap=1)
    assert set(priced(fake, quote(), kraken=[Trade("BTC", "USD", Decimal(101), NOW)])) == {
        "bitcoin"
    }


def test_prices_in_another_currency_are_converted_by_the_ratio_of_all_coins() -> None:
    coins = quote(), quote("ethereum", "eth", "10"), quote("monero", "xmr", "5")
    trades = {
        "binance": [
            Trade("BTC", "USDT", Decimal(200), NOW),
            Trade("ETH", "USDT", Decimal(20), NOW),
            Trade("XMR", "USDT", Decimal(100), NOW),  # wrong
        ]
    }
    found = factors(coins, trades, "USD")
    assert found == {("binance", "USDT"): Decimal("0.5")}
    later = [Trade("BTC", "USDT", Decimal(204), NOW), Trade("XMR", "USDT", Decimal(100), NOW)]
    by_coin = priced(*coins, factor=found, binance=later)
    assert by_coin["bitcoin"].price == 102
    assert by_coin["monero"].price is None
    assert priced(*coins, binance=later) == {}, "without a factor it is not used"


@given(st.decimals("1e-6", "1e6", places=6))
def test_whatever_a_stablecoin_costs_in_dollars_prices_told_in_it_move_nothing(
    usdt: Decimal,
) -> None:
    coins = quote(), quote("ethereum", "eth", "10"), quote("tether", "usdt", "1")
    told = [Trade(one.symbol.upper(), "USDT", one.price / usdt, NOW) for one in coins[:2]]
    found = priced(*coins, factor=factors(coins, {"binance": told}, "USD"), binance=told)
    assert {id: verdict.price for id, verdict in found.items()} == {"bitcoin": 100, "ethereum": 10}


def test_a_trade_in_the_own_currency_is_preferred() -> None:
    trades = [Trade("BTC", "USDT", Decimal(90), NOW), Trade("BTC", "USD", Decimal(101), NOW)]
    found = priced(quote(), factor={("kraken", "USDT"): Decimal(1)}, kraken=trades)
    assert found["bitcoin"].price == 101


def test_an_old_trade_in_the_own_currency_leaves_room_for_a_young_one_in_another() -> None:
    old = Trade("BTC", "USD", Decimal(90), NOW - 3_600_000)
    found = priced(
        quote(),
        factor={("gemini", "USDT"): Decimal(1)},
        gemini=[old, Trade("BTC", "USDT", Decimal(101), NOW)],
    )
    assert found["bitcoin"].price == 101


def test_a_coin_in_which_prices_are_told_costs_one_of_itself() -> None:
    trades = {"kraken": [Trade("BTC", "USD", Decimal(101), NOW)]}
    one = verdicts(
        [quote(price="1")], trades, currency="BTC", factors={("kraken", "USD"): Decimal("0.0099")}
    )
    assert one == {}


def test_what_depends_on_the_price_follows_it() -> None:
    verdict = judge(REFERENCE, {"kraken": Decimal(105)})
    after = repriced(quote(), verdict, NOW)
    assert after.price == 105
    assert after.venues == ("kraken",)
    assert after.market_cap == 1050
    assert after.change_24h == Decimal("15.5")
    assert after.change_7d is None
    assert after.high_24h == 105
    assert after.low_24h == 90
    assert after.updated_at == NOW


@pytest.mark.parametrize(
    ("price", "shown"),
    [
        ("66012.34567", "66012.35"),
        ("0.00001261234567", "0.00001261235"),
        ("1000000000", "1000000000"),
    ],
)
def test_a_median_has_seven_digits_and_no_exponent(price: str, shown: str) -> None:
    verdict = judge(Decimal(price), {"kraken": Decimal(price)})
    assert f"{verdict.price}" == shown or f"{verdict.price:f}" == shown
