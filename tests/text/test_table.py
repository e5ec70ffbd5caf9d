"""A tick as a table of text: what stands where, in any width, whatever the source sends."""

import re
from dataclasses import replace
from decimal import Decimal

import pytest
import wcwidth
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.support.tools import quote
from tracker.market.freshness import State, Status
from tracker.market.quotes import Quote, Tick
from tracker.text.table import render

AT = 1795414447352
SGR = re.compile(r"\x1b\[(?:0|1|2|31|32|33)m")
CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]")
BITCOIN = quote(
    price="97012.50", direction="up", change_1h=Decimal("0.12"), change_24h=Decimal("1.23"),
    change_7d=Decimal("-3.4"), market_cap=Decimal("1900000000000"),
    volume_24h=Decimal("31000000000"),
)  # fmt: skip
WEEK = {"bitcoin": [1.0, 3.0, 2.0, 4.0] * 14}
NASTY = "\x1b[31m\x9b2J\u202e\u2066漢e\u0301\u0301\u0301👨‍👩‍👧☀️\u200b\ud800\n\r\t"

prices = st.builds(
    lambda digits, power: Decimal(digits).scaleb(power),
    st.integers(-(10**12), 10**12),
    st.integers(-40, 28),
)
numbers = st.none() | prices
texts = st.text(max_size=60) | st.lists(st.sampled_from(NASTY)).map("".join)
quotes = st.builds(
    Quote,
    id=st.sampled_from(["bitcoin", "ether"]),
    rank=st.none() | st.integers(),
    symbol=texts,
    name=texts,
    price=prices,
    direction=st.sampled_from(["up", "down", "same"]),
    **dict.fromkeys(("change_1h", "change_24h", "change_7d", "market_cap", "volume_24h"), numbers),
)


def tick(*quotes: Quote, currency: str = "usd") -> Tick:
    return Tick(id=AT, currency=currency, source="coingecko", quotes=quotes)


def shown(*quotes: Quote, width: int = 80, currency: str = "usd") -> list[str]:
    """Return the lines of the table alone, its head first."""
    text = render(tick(*quotes, currency=currency), Status("live"), now=AT, width=width, weeks=WEEK)
    return text.split("\n\n")[1].splitlines()


def test_a_coin_is_a_line_with_its_week() -> None:
    assert shown(replace(BITCOIN, symbol="btc")) == [
        "# Coin                  Price     1 h    24 h     7 d     Cap 7 days",
        "1 BTC  Bitcoin   ▲ $97,012.50  +0.12%  +1.23%  -3.40%  $1.90T ▁▃▂▅▁▃▂▅▃▁▃▂▅▁▃▂▅█",
    ]


@pytest.mark.parametrize(
    ("width", "head"),
    [
        (40, "# Coin Price 24 h"),
        (56, "# Coin Price 1 h 24 h 7 d"),
        (66, "# Coin Price 1 h 24 h 7 d 7 days"),
        (80, "# Coin Price 1 h 24 h 7 d Cap 7 days"),
        (100, "# Coin Price 1 h 24 h 7 d Cap Volume 7 days"),
    ],
)
def test_a_narrow_table_does_without_columns_in_a_sensible_order(width: int, head: str) -> None:
    assert shown(BITCOIN, width=width)[0].split() == head.split()


def test_up_is_green_down_is_red_unchanged_is_plain() -> None:
    text = render(tick(BITCOIN), Status("live"), now=AT, color=True)
    assert "\x1b[32m▲ $97,012.50\x1b[0m" in text
    assert "\x1b[31m -3.40%\x1b[0m" in text
    text = render(tick(replace(BITCOIN, direction="same")), Status("live"), now=AT, color=True)
    assert "   $97,012.50 " in text


def test_prices_that_are_not_live_are_grey() -> None:
    text = render(tick(BITCOIN), Status("stale"), now=AT, color=True, weeks=WEEK)
    assert re.search(r"\n\x1b\[2m1 BIT  Bitcoin   ▲ \$97,012\.50 [^\x1b]*█\x1b\[0m\n", text)
    assert not {"\x1b[31m", "\x1b[32m"} & set(SGR.findall(text))


@pytest.mark.parametrize(
    ("price", "currency", "said"),
    [
        ("0.00000000000126", "usd", "$0.0₁₁126"),
        ("0.00001234", "usd", "$0.00001234"),
        ("1234567.8", "usd", "$1,234,568"),
        ("1234567890123456789", "vnd", "₫1,234,567.89T"),
        ("1e30", "usd", "1.000E+30"),
        ("97012.5", "chf", "CHF 97,012.50"),
        ("5", "sats", "5.0000 SATS"),
    ],
)
def test_a_price_fits_without_an_exponent_while_it_can(
    price: str, currency: str, said: str
) -> None:
    row = shown(quote(price=price), currency=currency)[1]
    assert row.split("Bitcoin")[1].split("–")[0].strip() == said


def test_what_the_source_does_not_know_is_a_dash_and_such_coins_are_last() -> None:
    _, first, last = shown(quote("ethereum", rank=None), BITCOIN)
    assert "Bitcoin" in first
    assert last.split()[-4:] == ["–", "–", "–", "–"]


@pytest.mark.parametrize(
    ("state", "of", "reason", "said"),
    [
        ("live", BITCOIN, None, ["● Live · CoinGecko · prices in USD · 06:14:07 UTC, 5 min. ago"]),
        (
            "stale", BITCOIN, "CoinGecko answered 429",
            ["● Stale · CoinGecko · prices in USD · 06:14:07 UTC, 5 min. ago",
             "CoinGecko answered 429. Next attempt in 48 s."],
        ),
        ("offline", None, "no such host",
         ["● Offline: no prices", "No such host. Next attempt in 48 s."]),
        ("starting", None, None, ["● Starting: the first prices are on their way"]),
    ],
)  # fmt: skip
def test_the_state_is_said_in_plain_words(
    state: State, of: Quote | None, reason: str | None, said: list[str]
) -> None:
    now = AT + 330_000
    status = Status(state, reason=reason, next_attempt_at=now + 48_000)
    assert render(tick(of) if of else None, status, now=now).splitlines()[: len(said)] == said


@settings(max_examples=60)
@example([quote(name=NASTY, symbol=NASTY)], NASTY, 40, True)
@given(st.lists(quotes, max_size=3), texts, st.integers(40, 200), st.booleans())
def test_no_line_is_too_wide_and_nothing_commands_the_terminal(
    quotes: list[Quote], said: str, width: int, color: bool
) -> None:
    status = Status("stale", reason=said, next_attempt_at=AT)
    text = render(
        replace(tick(*quotes), source=said), status, now=AT, width=width, color=color,
        weeks=WEEK, note=said, hint=said,
    )  # fmt: skip
    assert text.endswith("\n")
    text.encode()  # no surrogates
    assert color or "\x1b" not in text
    for line in SGR.sub("", text).removesuffix("\n").split("\n"):
        assert not CONTROL.search(line)
        assert 0 <= wcwidth.wcswidth(line) <= width
    heads = [line for line in SGR.sub("", text).split("\n") if "Price" in line]
    assert bool(heads) or not quotes
