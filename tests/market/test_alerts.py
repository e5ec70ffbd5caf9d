"""Rules fire once per crossing, whatever lies between two ticks."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.tools import quote
from tracker.market.alerts import Kind, Rule, Situation, distance, judge
from tracker.market.freshness import SourceState
from tracker.market.quotes import Quote, Tick
from tracker.market.rates import MAX_AGE_MS, Rates

LIVE = SourceState(fresh_at=0)
STALE_AFTER = 180_000
MINUTE = 60_000


def rule(kind: Kind = "above", limit: str = "100", **rest: object) -> Rule:
    its = Rule(id=1, kind=kind, coin="bitcoin", currency="usd", limit=Decimal(limit), armed=True)
    return replace(its, **rest)  # type: ignore[arg-type]


def tick(*quotes: Quote, at: int = 0) -> Tick:
    return Tick(id=at, currency="usd", source="x", quotes=quotes)


def priced(price: str | Decimal, **rest: object) -> Situation:
    its = Situation(0, tick(quote(price=price)), None, LIVE, STALE_AFTER)
    return replace(its, **rest)  # type: ignore[arg-type]


def fired(its: Rule, *situations: Situation) -> list[int]:
    """Return at which of *situations* the rule fires."""
    found = []
    for number, situation in enumerate(situations):
        judgement = judge([its], situation)
        its = judgement.changed[0] if judgement.changed else its
        found += [number] * len(judgement.firings)
    return found


@pytest.mark.parametrize(
    ("its", "prices", "at"),
    [
        (rule(), ["100", "101", "102", "100", "101"], [1, 4]),
        (rule("below"), ["100", "99", "100", "99"], [1, 3]),
        (rule(margin=Decimal(2)), ["101", "99", "101", "98", "500"], [0, 4]),
        (rule("below", margin=Decimal(2)), ["1", "101", "99", "102", "99"], [0, 4]),
        (rule(once=True), ["101", "99", "101"], [0]),
        (rule(armed=None), ["101", "102", "99", "101"], [3]),
        (rule(armed=None), ["99", "101"], [1]),
        (rule(paused=True), ["101"], []),
        (rule(expires_at=0), ["101"], []),
        (rule(expires_at=1), ["101"], [0]),
    ],
)
def test_a_price_fires_at_each_crossing_and_again_after_it_came_back_by_the_margin(
    its: Rule, prices: list[str], at: list[int]
) -> None:
    assert fired(its, *map(priced, prices)) == at


def changed(change: str | None, window: str = "24h") -> Situation:
    value = None if change is None else Decimal(change)
    its = quote(change_1h=value) if window == "1h" else quote(change_24h=value)
    return priced("1", tick=tick(its))


@pytest.mark.parametrize(
    ("its", "changes", "at"),
    [
        (rule("rises", "5"), ["-6", "5", "5.1"], [2]),
        (rule("falls", "5"), ["6", "-5.1"], [1]),
        (rule("moves", "5", margin=Decimal(10)), ["5.1", "4.6", "-5.1", "4.5", "-5.1"], [0, 4]),
        (rule("moves", "5"), ["1", None, "9"], [2]),
    ],
)
def test_a_change_in_percent_fires_in_its_direction(
    its: Rule, changes: list[str | None], at: list[int]
) -> None:
    assert fired(its, *map(changed, changes)) == at
    assert fired(replace(its, window="1h"), *map(changed, changes)) == []


def test_what_is_not_known_is_no_crossing_and_the_next_price_is_compared_with_the_last() -> None:
    gone = priced("1", tick=tick(quote("ethereum")))
    assert fired(rule(), priced("99"), gone, gone, priced("101"), gone, priced("102")) == [3]
    assert fired(rule(armed=False), gone, priced("101")) == []


def test_a_limit_in_another_currency_waits_for_a_rate_that_is_young_enough() -> None:
    rates = Rates("usd", 0, {"usd": Decimal(1), "eur": Decimal("0.5")})
    its = rule(currency="eur")
    assert fired(its, priced("201"), priced("200", rates=rates), priced("201", rates=rates)) == [2]
    old = replace(priced("201", rates=rates), at=MAX_AGE_MS + 1)
    assert fired(its, old) == []
    in_coins = tick(quote("ethereum", "2", symbol="eth"), quote(price="201"))
    assert fired(rule(currency="eth"), priced("1", tick=in_coins)) == [0]


def silent(minutes: float, **rest: object) -> Situation:
    at = STALE_AFTER + round(minutes * MINUTE)
    return replace(priced("1", tick=None), at=at, **rest)  # type: ignore[arg-type]


def test_stale_fires_after_its_minutes_and_live_when_prices_come_again() -> None:
    stale = rule("stale", "10", coin="")
    moments = [silent(-1), silent(1), silent(10), silent(60), silent(-1), silent(11)]
    assert fired(stale, *moments) == [2, 5]
    assert fired(rule("stale", "0"), silent(0), silent(0.1)) == [1]
    live = rule("live", "0", armed=None)
    assert fired(live, silent(-1), silent(1), silent(60), silent(-1), silent(-1)) == [3]
    never = [silent(0, state=SourceState(failing_since=0)), silent(0, state=SourceState())]
    assert fired(rule("stale", "3"), never[1], never[0]) == [1]


PRICES = st.lists(st.decimals("90", "110", places=2), max_size=30)


def crossings(prices: Sequence[Decimal], limit: Decimal, back: Decimal) -> int:
    """Return how often *prices* rise above *limit*, each time after they were at *back*."""
    count, is_armed = 0, True
    for price in prices:
        if is_armed and price > limit:
            count, is_armed = count + 1, False
        is_armed = is_armed or price <= back
    return count


@given(prices=PRICES, margin=st.integers(0, 10))
def test_each_crossing_fires_once(prices: list[Decimal], margin: int) -> None:
    its = rule(margin=Decimal(margin))
    back = Decimal(100 - margin)
    expected = crossings(prices, Decimal(100), back)
    assert len(fired(its, *map(priced, prices))) == expected


@given(prices=PRICES, margin=st.integers(0, 10))
def test_below_is_above_in_a_mirror_and_gaps_change_nothing(
    prices: list[Decimal], margin: int
) -> None:
    gone = priced("1", tick=tick())
    below = rule("below", margin=Decimal(margin))
    with_gaps = [one for price in prices for one in (priced(200 - price), gone)]
    seen = fired(below, *with_gaps)
    assert [at // 2 for at in seen] == fired(rule(margin=Decimal(margin)), *map(priced, prices))


def test_how_far_away_the_limit_is() -> None:
    assert distance(rule(), priced("80")) == 25
    assert distance(rule("falls", "5"), changed("2")) == 7
    assert distance(rule(currency="eur"), priced("80")) is None
    assert distance(rule("live"), silent(1)) is None
