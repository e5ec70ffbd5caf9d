"""Rules as people write them, and what they are told when that is none."""

from decimal import Decimal

import pytest

from tests.support.tools import quote
from tracker.errors import RuleError
from tracker.market import alert_input
from tracker.market.alert_input import expiry, rule_of_words
from tracker.market.alerts import Rule
from tracker.market.quotes import Tick
from tracker.market.rates import Rates
from tracker.times import DAY_MS, HOUR_MS

TICK = Tick(id=1, currency="usd", source="x", quotes=(quote(symbol="btc"), quote("ethereum")))
RATES = Rates("usd", 1, {"usd": Decimal(1), "eur": Decimal("0.9")})


def said(text: str) -> Rule:
    return rule_of_words(text.split(), TICK, RATES)


@pytest.mark.parametrize(
    ("text", "kind", "coin", "limit", "unit"),
    [
        ("btc above 100000", "above", "bitcoin", "100000", "usd"),
        ("Bitcoin below 80,000.5 EUR", "below", "bitcoin", "80000.5", "eur"),
        ("ethereum above 0.05 btc", "above", "ethereum", "0.05", "btc"),
        ("btc falls by more than 5% within 1h", "falls", "bitcoin", "5", "1h"),
        ("btc moves 2.5 percent", "moves", "bitcoin", "2.5", "24h"),
        ("stale for 10 minutes", "stale", "", "10", ""),
        ("stale", "stale", "", "0", ""),
        ("live", "live", "", "0", ""),
    ],
)
def test_a_rule_in_words(text: str, kind: str, coin: str, limit: str, unit: str) -> None:
    its = said(text)
    assert (its.kind, its.coin, its.limit) == (kind, coin, Decimal(limit))
    assert unit in ("", its.currency, its.window)


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("", "is no rule; accepted: COIN above|below PRICE"),
        ("btc near 5", "is no rule; accepted"),
        ("bitcion above 5", "did you mean bitcoin?; accepted: bitcoin (btc), ethereum (eth)"),
        ("btc above 5 xyz", "no exchange rate of xyz; accepted: usd, eur, or a coin's symbol"),
        ("btc above -5", "accepted: a number above 0, as 1234.5"),
        ("btc above 1e5", "accepted: a number above 0"),
        ("btc above 1.2.3", "accepted: a number above 0"),
        ("btc falls 2000", "accepted: a number above 0 up to 1000"),
        ("btc falls 5 in 2h", "'2h' is no time; accepted: 1h, 24h"),
        ("stale 20000", "accepted: a number from 0 to 10080"),
        ("live 5", "live takes no number"),
    ],
)
def test_what_is_no_rule_is_told_what_is(text: str, answer: str) -> None:
    with pytest.raises(RuleError) as error:
        said(text)
    assert answer in str(error.value)


def test_without_prices_no_coin_is_known() -> None:
    with pytest.raises(RuleError, match="start the tracker first"):
        rule_of_words(["btc", "above", "5"], None, None)


def test_margins_and_expiries() -> None:
    assert alert_input.margin("1.5%") == Decimal("1.5")
    assert expiry("12h", 5) == 5 + 12 * HOUR_MS
    assert expiry("1970-01-03", 5) == 2 * DAY_MS
    for text in ("", "12", "1970-01-01", "soon", "2026-13-45"):
        with pytest.raises(RuleError, match="no time to come; accepted"):
            expiry(text, 5)
    with pytest.raises(RuleError, match="from 0 to 50"):
        alert_input.margin("51")
