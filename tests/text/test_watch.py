"""What a terminal that watches shows: its coins, in its currency, or what is in the way."""

from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.tools import quote
from tests.text.test_table import quotes
from tracker.market.freshness import Status
from tracker.market.quotes import Quote, Tick
from tracker.market.rates import Rates
from tracker.text.watch import Look, draw

AT = 1795414447352
RATES = Rates("usd", AT, {"usd": Decimal(1), "eur": Decimal("0.5")})
COINS = quote("bitcoin", "90000"), quote("ethereum", "3000")
TICK = Tick(id=AT, currency="usd", source="coingecko", quotes=COINS)


def shown(*coins: str, rates: Rates | None = RATES, tick: Tick | None = TICK, **look: str) -> str:
    wanted = Look(color=False, **look)  # type: ignore[arg-type]
    status = Status("live" if tick else "starting")
    return draw(tick, status, rates, {}, coins=coins, look=wanted, now=AT)


def test_it_is_the_table_of_the_coins_with_how_to_end_it_and_whom_to_thank() -> None:
    assert "$90,000.00" in shown()
    assert "Ethereum" in shown()
    assert "Ethereum" not in shown("bitcoin")
    assert "Ctrl-C ends it" in shown()
    assert "CoinGecko (coingecko.com)" in shown()


def test_it_is_in_another_currency_or_coin_that_need_not_be_among_its_own() -> None:
    assert "€45,000.00" in shown("bitcoin", currency="eur")
    assert "30.00" in shown("bitcoin", currency="ethereum")


def test_without_the_rate_it_goes_on_in_the_trackers_own_currency_and_says_so() -> None:
    text = shown(currency="eur", rates=None)
    assert "$90,000.00" in text
    assert "In USD, as eur is no coin that is followed, and there are no exchange rates" in text
    assert shown(currency="eur", tick=None).startswith("● Starting")


@settings(max_examples=60)
@given(st.lists(quotes, max_size=3), st.sampled_from(["", "eur", "bitcoin", "ether", "gone"]))
def test_nothing_that_the_source_sends_is_in_its_way(sent: list[Quote], currency: str) -> None:
    """What it raised would end the web process: it draws in the relay."""
    tick = Tick(id=AT, currency="usd", source="coingecko", quotes=tuple(sent))
    assert shown(tick=tick, currency=currency).startswith("● Live")
