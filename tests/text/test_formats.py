"""Numbers read as the shared table says; tests/js holds the browser's side to the same one."""

import json
import re
from dataclasses import asdict
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.tools import ROOT, quote
from tracker.text import formats
from tracker.web.pages.filters import small_icon

CASES: dict[str, list[list[Any]]] = json.loads(
    (ROOT / "tests/support/format_cases.json").read_text(encoding="utf-8")
)
AT = 1795414447352
NUMBERS = st.decimals(allow_nan=False, allow_infinity=False).filter(
    lambda value: abs(value.adjusted()) <= 40 and len(value.as_tuple().digits) <= 40
)


@pytest.mark.parametrize("kind", ["price", "big", "spoken", "exact", "percent", "trend"])
def test_a_number_is_shown_as_the_table_says(kind: str) -> None:
    show = formats.compact if kind == "big" else getattr(formats, kind)
    for text, *code, shown in CASES[kind]:
        assert show(None if text is None else Decimal(text), *code) == shown, text


def test_a_currency_and_a_small_icon_are_as_the_table_says() -> None:
    for code, shown in CASES["currency"]:
        assert asdict(formats.currency(code.upper())) == shown
    for url, small in CASES["small_icon"]:
        assert small_icon(url) == small


def test_where_a_price_comes_from_is_said_with_its_age() -> None:
    for ms, said in CASES["ago"]:
        assert formats.ago(ms) == said
    for venues, source, said in CASES["origin"]:
        bitcoin = quote(venues=tuple(venues), updated_at=AT)
        assert formats.origin(bitcoin, source, AT + 2400) == f"{said}, 2 sec. ago"
    assert formats.origin(quote(), "coingecko", AT) == "CoinGecko", "which did not say when"


def test_how_often_is_said_in_words() -> None:
    said = [formats.every(seconds) for seconds in (30, 60, 90, 300)]
    assert said == ["every 30 seconds", "every minute", "every 90 seconds", "every 5 minutes"]


@given(NUMBERS)
def test_no_number_breaks_the_page_or_shows_as_another(value: Decimal) -> None:
    assert formats.compact(value, "usd")
    assert formats.percent(value).endswith("%")
    if abs(value) >= 10**10:
        return  # as `compact` has it
    zeros = {ord(digit): str(number) for number, digit in enumerate("₀₁₂₃₄₅₆₇₈₉")}
    text = formats.price(value, "usd").replace("$", "").replace(",", "")
    text = re.sub("0([₀-₉]+)", lambda it: "0" * int(it[1].translate(zeros)), text)
    shown = Decimal(text)
    unit = Decimal((0, (1,), int(shown.as_tuple().exponent)))
    assert abs(shown - value) <= max(unit / 2, abs(value) / 2000)
