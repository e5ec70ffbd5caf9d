"""The simulated market: the same for everyone at one time, and it moves as a market does."""

import subprocess
import sys
from collections.abc import Callable
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest

from tracker.config import Settings
from tracker.errors import ConfigError, SourceError
from tracker.market.coins import Coins
from tracker.market.quotes import Quote
from worker.sources import Fetched
from worker.sources.simulated.market import DAY, HOUR, WEEK, Simulated

NOW = 1_795_413_247.352
INTERVAL = 10


def simulated(clock: Callable[[], float], **settings: Any) -> Simulated:
    base: dict[str, Any] = {"source": "simulated", "interval": INTERVAL}
    return Simulated(Settings(**(base | settings)), clock=clock)


def market(at: float = NOW, **settings: Any) -> list[Quote]:
    return simulated(lambda: at, **settings).fetch().quotes


def test_its_rates_agree_with_its_prices() -> None:
    rates = simulated(lambda: NOW, currency="eur").fetch_rates()
    assert (rates.base, rates.at) == ("eur", int(NOW * 1000))
    assert rates.rates["gbp"] == Decimal("0.8586956522")
    bitcoin = market(currency="eur")[0].price
    assert abs(rates.rate("btc", "eur") / bitcoin - 1) < Decimal("0.001")


def prices(at: float, **settings: Any) -> dict[str, Decimal]:
    return {quote.id: quote.price for quote in market(at, **settings)}


def test_it_has_ten_coins_ranked_by_market_cap_and_every_number_agrees_with_the_others() -> None:
    quotes = market()
    assert len({quote.id for quote in quotes}) == 10
    assert [quote.rank for quote in quotes] == list(range(1, 11))
    caps = [quote.market_cap or 0 for quote in quotes]
    assert caps == sorted(caps, reverse=True)
    assert (quotes[0].id, quotes[0].symbol, quotes[0].name) == ("bitcoin", "btc", "Bitcoin")
    for quote in quotes:
        assert 0 < (quote.low_24h or 0) <= quote.price <= (quote.high_24h or 0)
        assert 0 < (quote.volume_24h or 0) < (quote.market_cap or 0)
    newest = int(NOW // INTERVAL * INTERVAL * 1000)
    assert max(quote.updated_at or 0 for quote in quotes) == newest
    assert min(quote.updated_at or 0 for quote in quotes) < newest, "one holds its price"


def test_it_is_the_same_market_in_every_process() -> None:
    code = (
        "from tests.worker.sources.test_simulated import market; "
        "print([(q.id, str(q.price)) for q in market()])"
    )
    command = [sys.executable, "-c", code]
    other = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert other.strip() == str([(quote.id, str(quote.price)) for quote in market()])


def test_within_one_step_nothing_changes() -> None:
    start = NOW // INTERVAL * INTERVAL
    assert market(start) == market(start + INTERVAL - 0.001)
    assert market(start) != market(start + INTERVAL)


def test_at_a_step_some_coins_hold_and_others_go_up_and_down_a_little() -> None:
    steps = [prices(NOW + n * 2, interval=2) for n in range(60)]
    held = rose = fell = 0
    for before, after in pairwise(steps):
        changes = [after[coin] / before[coin] - 1 for coin in after]
        held += 0 in changes
        rose += max(changes) > 0
        fell += min(changes) < 0
        assert max(map(abs, changes)) < Decimal("0.002")
    assert min(held, rose, fell) >= 45  # of 59
    for coin in ("bitcoin", "ethereum", "dogecoin"):
        assert len({step[coin] for step in steps}) > 20


@pytest.mark.parametrize(
    ("field", "ago"), [("change_1h", HOUR), ("change_24h", DAY), ("change_7d", WEEK)]
)
def test_a_change_is_against_the_price_that_was_shown_then(field: str, ago: int) -> None:
    then = prices(NOW - ago)
    for quote in market():
        expected = (quote.price / then[quote.id] - 1) * 100
        assert abs(getattr(quote, field) - expected) < Decimal("0.00001")


def test_a_week_is_of_the_prices_that_were_shown_every_hour_and_comes_when_asked_for() -> None:
    source = simulated(lambda: NOW, coins=Coins(3))
    weeks = source.fetch(week=True).weeks
    assert list(weeks) == [quote.id for quote in market()[:3]]
    for ago in (0, 1, 24, 167):
        then = prices(NOW - ago * HOUR)
        for coin, week in weeks.items():
            assert len(week) == 168
            assert week[-1 - ago] == then[coin]
    assert source.fetch(etag='W/"abc"') == Fetched(quotes=market()[:3])


def test_prices_have_six_digits_at_most_and_stablecoins_four_decimals() -> None:
    for n in range(50):
        for coin, price in prices(NOW + n * HOUR).items():
            assert len(price.as_tuple().digits) <= 6
            if coin in ("tether", "usd-coin"):
                assert price == round(price, 4)
                assert abs(price - 1) < Decimal("0.01")


def test_ranks_swap_in_the_long_run_but_prices_stay_in_sight() -> None:
    weeks = [market(NOW + n * WEEK) for n in range(100)]
    assert len({tuple(quote.id for quote in quotes) for quotes in weeks}) > 3
    bitcoin = [quote.price for quotes in weeks for quote in quotes if quote.id == "bitcoin"]
    assert max(bitcoin) < 3 * min(bitcoin)


def test_more_coins_than_there_are_give_all_and_one_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    source = simulated(lambda: NOW, coins=Coins(50))
    assert len(source.fetch().quotes) == len(source.fetch().quotes) == 10
    assert caplog.messages == ["TRACKER_COINS=50: the simulated market has 10"]


def test_coins_are_named_by_id_or_symbol_and_keep_their_ranks() -> None:
    fetched = simulated(lambda: NOW, coins=Coins(1, ("ada", "solana", "bitcon"))).fetch(week=True)
    ranks = {quote.id: quote.rank for quote in market()}
    assert {quote.id: quote.rank for quote in fetched.quotes} == {
        coin: ranks[coin] for coin in ("bitcoin", "cardano", "solana")
    }
    assert fetched.weeks.keys() == {"bitcoin", "cardano", "solana"}
    told = 'TRACKER_COINS names "bitcon", which the simulated market does not know'
    assert fetched.warning == f"{told}; did you mean bitcoin?"
    with pytest.raises(SourceError, match="did you mean bitcoin"):
        simulated(lambda: NOW, coins=Coins(names=("bitcon",))).fetch()


def test_prices_and_caps_are_in_the_currency_and_a_bitcoin_costs_one_bitcoin() -> None:
    for usd, won in zip(market(), market(currency="krw"), strict=True):
        assert won.price / usd.price == pytest.approx(1360, rel=Decimal("0.00001"))
        assert usd.market_cap
        assert (won.market_cap or 0) / usd.market_cap == pytest.approx(1360, rel=Decimal("0.00001"))
        assert "E" not in str(won.price)
    quotes = {quote.id: quote for quote in market(currency="btc")}
    assert quotes["bitcoin"].price == 1
    assert quotes["bitcoin"].change_24h == 0
    assert 0 < quotes["ethereum"].price < 1


def test_a_currency_without_a_rate_stops_the_start_with_one_line() -> None:
    with pytest.raises(ConfigError) as caught:
        market(currency="xau")
    assert str(caught.value) == (
        'TRACKER_CURRENCY="xau" is not accepted by the simulated market;'
        " accepted: aud, brl, btc, cad, chf, cny, eur, gbp, inr, jpy, krw, usd"
    )
