"""Exchange rates: amounts and ticks in another currency, exact where no rate is needed."""

from decimal import Decimal

import pytest

from tests.support.tools import quote
from tracker.errors import MessageError, RateError
from tracker.market.quotes import Conversion, Tick, TickJson
from tracker.market.rates import Rates, convert, in_currency, rounded, unit

AT = 1_795_418_794_213
RATES = Rates("usd", AT, {"usd": Decimal(1), "eur": Decimal("0.8"), "btc": Decimal("0.00001")})
BITCOIN = quote("bitcoin", "97012.50", symbol="btc", market_cap=Decimal("1900000000001"))
ETHEREUM = quote("ethereum", "3395.4375", symbol="eth", change_24h=Decimal("1.5"))
TICK = Tick(id=AT + 5, currency="usd", source="simulated", quotes=(BITCOIN, ETHEREUM))


def test_they_follow_from_amounts_of_one_worth_of_which_nonsense_is_left_out() -> None:
    sent = {"usd": 100, "eur": Decimal("92.5"), "xau": 0.03, "inr": "8400", "eth": -1, "x": 1}
    sent |= {"US DOLLAR": 1, "nan": float("nan"), "vnd": Decimal("1e30"), "sats": 0}
    found = Rates.from_equal("usd", AT, sent | {None: 1})
    assert found == Rates(
        "usd", AT, {"usd": Decimal(1), "eur": Decimal("0.925"), "xau": Decimal("0.0003")}
    )
    with pytest.raises(RateError, match="no exchange rate of chf"):
        Rates.from_equal("chf", AT, sent)


def test_an_amount_goes_from_any_currency_to_any_other() -> None:
    usd, eur, btc = (unit(name, "usd", None, RATES) for name in ("usd", "eur", "btc"))
    assert convert(Decimal("2.50"), usd, eur) == 2
    assert convert(Decimal(2), eur, usd) == Decimal("2.5")
    assert convert(Decimal(1), btc, eur) == 80000
    assert str(convert(Decimal("0.10"), eur, eur)) == "0.10"
    with pytest.raises(RateError, match="no exchange rate of gbp"):
        unit("gbp", "usd", None, RATES)


def test_a_tick_s_amounts_are_converted_and_it_says_how() -> None:
    found = in_currency(TICK, "eur", RATES)
    assert (found.currency, found.converted) == ("eur", Conversion("usd", Decimal("0.8"), AT))
    prices = [str(one.price) for one in found.quotes]
    assert prices == ["77610", "2716.35"]
    assert found.quotes[0].market_cap == Decimal("1520000000001"), "no digit before the point lost"
    assert (found.quotes[1].change_24h, found.quotes[1].market_cap) == (Decimal("1.5"), None)
    assert '"converted":{"from":"usd","rate":0.8,"at":"' in found.to_json()
    assert TickJson.from_text(found.to_json()).coins == ("bitcoin", "ethereum")


def test_the_tracker_s_own_currency_is_exact_and_needs_no_rate() -> None:
    assert in_currency(TICK, "usd", None) is TICK
    with pytest.raises(RateError, match="no exchange rates now"):
        in_currency(TICK, "eur", None)
    with pytest.raises(RateError, match="no exchange rate of gbp"):
        in_currency(TICK, "gbp", RATES)


def test_a_coin_that_is_followed_wins_over_a_currency_of_its_name() -> None:
    found = in_currency(TICK, "btc", RATES)
    assert [str(one.price) for one in found.quotes] == ["1", "0.035"]
    assert found.converted
    assert found.converted.at == TICK.id
    btc, eur = (unit(name, "usd", TICK, RATES) for name in ("BTC", "eur"))
    assert btc.coin is BITCOIN
    assert convert(Decimal("0.5"), btc, eur) == 38805
    assert convert(Decimal("38805"), eur, unit("bitcoin", "usd", TICK, RATES)) == Decimal("0.5")
    assert unit("btc", "usd", None, RATES).worth == 100000


def test_old_ones_are_used_for_a_day() -> None:
    minute = 60_000
    assert not RATES.is_old(AT + 30 * minute, after=30 * minute)
    assert RATES.is_old(AT + 31 * minute, after=30 * minute)
    assert RATES.is_usable(AT + 1440 * minute)
    assert not RATES.is_usable(AT + 1441 * minute)


def test_they_come_back_from_their_json() -> None:
    text = RATES.to_json()
    assert text.endswith('"rates":{"usd":1,"eur":0.8,"btc":0.00001}}')
    assert Rates.from_json(text) == RATES
    for wrong in ("", "[]", "{", text.replace("0.8", "-1"), text.replace('"usd":1', '"usd":2')):
        with pytest.raises(MessageError, match="not rates"):
            Rates.from_json(wrong)


@pytest.mark.parametrize(
    ("value", "short"),
    [
        ("0", "0"), ("1.20", "1.2"), ("100", "100"), ("1E+3", "1000"),
        ("12345678901.5", "12345678902"), ("1E+30", "1" + 30 * "0"),
        ("9999999999.5", "10000000000"),
        ("0.000012345678901234", "0.0000123456789"), ("2.99999999999", "3"),
    ],
)  # fmt: skip
def test_rounding_keeps_ten_digits_and_whole_numbers(value: str, short: str) -> None:
    assert f"{rounded(Decimal(value)):f}" == short
