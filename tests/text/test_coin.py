"""One coin as text: its price large, its facts, its chart."""

from dataclasses import replace
from decimal import Decimal

import pytest
import wcwidth
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.tools import quote
from tests.text.test_table import AT, BITCOIN, CONTROL, NASTY, SGR, prices, quotes, texts, tick
from tracker.market.candles import Point
from tracker.market.freshness import Status
from tracker.market.quotes import Conversion, Quote
from tracker.text.big import big
from tracker.text.chart import chart
from tracker.text.coin import render
from tracker.times import DAY_MS, HOUR_MS

DAY = [(AT - (24 - hour) * HOUR_MS, Decimal(97000 + hour * (24 - hour))) for hour in range(25)]


def shown(of: Quote = BITCOIN, points: list[Point] | None = DAY, *, width: int = 80) -> list[str]:
    return render(of, tick(of), Status("live"), now=AT, width=width, points=points).splitlines()


def test_a_coin_has_a_large_price_facts_and_a_chart() -> None:
    btc = replace(
        BITCOIN, symbol="btc", low_24h=Decimal("95500"), high_24h=Decimal("98000"),
        venues=("kraken", "bitstamp"), updated_at=AT - 2000,
    )  # fmt: skip
    lines = shown(btc)
    assert lines[2] == "Bitcoin · BTC · #1"
    assert lines[4:7] == [
        "$ █▀█ ▀▀█   █▀█ ▀█  ▀▀█   █▀▀ █▀█",
        "  ▀▀█   █   █ █  █  █▀▀   ▀▀█ █ █ ▲",
        "  ▀▀▀   ▀ █ ▀▀▀ ▀▀▀ ▀▀▀ ▀ ▀▀▀ ▀▀▀",
    ]
    assert lines[8:14] == [
        "1 h +0.12%   24 h +1.23%   7 d -3.40%",
        "Market cap    $1.90T",
        "Volume, 24 h  $31.00B",
        "Lowest, 24 h  $95,500.00",
        "Highest, 24 h $98,000.00",
        "Price from    Median of Bitstamp and Kraken, 2 sec. ago",
    ]
    assert lines[15] == "24h 0.00%"
    assert lines[16].startswith("$97,144.00 ")
    assert lines[25].startswith("$97,000.00 ⡔")
    assert lines[26] == f"{' ' * 11}06:14 UTC $97,000.00{' ' * 29}06:14 UTC $97,000.00"


def test_a_long_price_without_room_is_small() -> None:
    assert "$1,599,999,999" in shown(quote(price="1599999999"), width=40)


@pytest.mark.parametrize(
    ("points", "said"),
    [(None, "Past prices cannot be read right now."), (DAY[:1], "No past prices of 24h yet.")],
)
def test_without_a_past_that_is_said(points: list[Point] | None, said: str) -> None:
    assert shown(points=points)[-1] == said


def test_times_of_a_chart_are_as_fine_as_its_length() -> None:
    long = [(AT - 400 * DAY_MS, Decimal(1)), (AT, Decimal(2))]
    assert shown(points=long)[-1].split() == ["Oct", "2025", "$1.0000", "Nov", "2026", "$2.0000"]
    week = [(AT - 7 * DAY_MS, Decimal(1)), (AT, Decimal(2))]
    assert shown(points=week)[-1].split() == ["16", "Nov", "$1.0000", "23", "Nov", "$2.0000"]


def test_a_line_goes_from_corner_to_corner_and_is_level_where_nothing_moved() -> None:
    rising = [(at, Decimal(at)) for at in range(9)]
    assert chart(rising, 4, 2) == [" ⢀⡠⠊", "⡔⠁  "]
    assert chart([(0, Decimal(5)), (9, Decimal(5))], 3, 1) == ["⠒⠒⠒"]
    assert chart([(0, Decimal(5))], 2, 1) == ["⠂ "]


def test_a_converted_price_comes_with_its_rate_and_the_rates_age() -> None:
    conversion = Conversion("usd", Decimal("0.9212345678"), AT - 3 * HOUR_MS)
    euros = replace(tick(BITCOIN), currency="eur", converted=conversion)
    text = render(BITCOIN, euros, Status("live"), now=AT)
    assert "Converted at 1 USD = 0.921235 EUR (3 hr. ago); changes are those in USD." in text
    assert "€" in text


def test_a_large_number_is_three_lines_and_signs_stay_small() -> None:
    assert big("₀1.5") == ["₀ ▀█    █▀▀", "   █    ▀▀█", "  ▀▀▀ ▀ ▀▀▀"]
    assert big("7 BTC") == ["▀▀█  BTC", "  █     ", "  ▀     "]


points_in_time = st.lists(st.tuples(st.integers(0, AT), prices), max_size=8).map(sorted)


@settings(max_examples=40)
@given(quotes, texts | st.just(NASTY), st.integers(40, 200), points_in_time, st.booleans())
def test_no_line_is_too_wide_and_nothing_commands_the_terminal(
    of: Quote, said: str, width: int, points: list[Point], color: bool
) -> None:
    nasty = replace(tick(of), source=said)
    status = Status("live", reason=said)
    text = render(
        replace(of, venues=(said,)), nasty, status, now=AT, width=width, color=color,
        points=points, note=said, hint=said,
    )  # fmt: skip
    text.encode()
    for line in SGR.sub("", text).removesuffix("\n").split("\n"):
        assert not CONTROL.search(line)
        assert 0 <= wcwidth.wcswidth(line) <= width
