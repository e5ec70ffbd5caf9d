"""Quotes and ticks: exact numbers, directions, times, and JSON both ways."""

import json
from decimal import Decimal
from typing import Any

import pytest
import simplejson
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.tools import quote
from tracker.errors import MessageError
from tracker.market.quotes import MAX_EXPONENT, NUMBERS, Quote, Tick, TickJson, directed, number
from tracker.times import LAST_MS

NUMBER = st.decimals(-(10**20), 10**20, allow_nan=False, allow_infinity=False).filter(
    lambda value: number(value) == value
)
PRICE = NUMBER.filter(lambda value: value >= 0)
MAYBE = st.none() | NUMBER.map(number)
MOMENT = st.integers(0, LAST_MS)


@st.composite
def quotes(draw: st.DrawFn) -> Quote:
    return Quote(
        id=draw(st.text()),
        rank=draw(st.none() | st.integers(1, 10**6)),
        symbol=draw(st.text()),
        name=draw(st.text()),
        image=draw(st.none() | st.text()),
        price=number(draw(PRICE)) or Decimal(0),
        direction=draw(st.sampled_from(["up", "down", "same"])),
        updated_at=draw(st.none() | MOMENT),
        venues=draw(st.lists(st.sampled_from(["kraken", "gemini"]), unique=True).map(tuple)),
        **{field: draw(MAYBE) for field in NUMBERS if field != "price"},
    )


SOME = st.lists(quotes(), min_size=1, max_size=4, unique_by=lambda quote: quote.id).map(tuple)
TICKS = st.builds(Tick, id=MOMENT, currency=st.text(), source=st.text(), quotes=SOME)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


class TestNumber:
    def test_the_digits_that_came_are_the_digits_that_leave(self) -> None:
        for text in ("0.10", "1.2E-9", "20087696.0", "0", "-3.400", "1.23456789012345678901"):
            sent = simplejson.loads(text, use_decimal=True)
            assert str(number(sent)) == text
            shown = Tick(id=1, currency="usd", source="s", quotes=(quote(price=sent),)).to_json()
            assert f'"price":{text},' in shown

    def test_large_numbers_are_written_out_and_floats_taken_as_they_are_written(self) -> None:
        """Readers with a JSON of their own need not know exponents for whole numbers."""
        assert str(number(Decimal("1.90e12"))) == "1900000000000"
        assert number(0.1) == Decimal("0.1")
        assert [str(number(zero)) for zero in (-0.0, Decimal("-0.00"))] == ["0.0", "0.00"]
        assert str(number(1e30)) == f"1{'0' * 30}"

    def test_what_is_no_usable_number_is_none(self) -> None:
        too_long = (f"1E+{MAX_EXPONENT + 1}", f"1E-{MAX_EXPONENT + 1}", "1e999999999", "NaN")
        unusable: tuple[object, ...] = (None, True, "97012.5", [], float("inf"))
        for sent in (*unusable, *map(Decimal, too_long)):
            assert number(sent) is None


def test_each_price_is_compared_exactly_with_the_coins_own_before() -> None:
    before = {"a": "1", "b": "2", "c": "0.1", "d": "1.0000000000000000001"}
    now = {"a": "2", "b": "1", "c": "0.10", "d": "1.0000000000000000002", "new": "1"}
    found = directed(
        [quote(*one) for one in now.items()], {id: Decimal(price) for id, price in before.items()}
    )
    assert [one.direction for one in found] == ["up", "down", "same", "up", "same"]


class TestJson:
    def test_a_tick_is_written_as_documented(self) -> None:
        bitcoin = quote("bitcoin", image="/b.png", direction="up", updated_at=1_795_413_240_000)
        tick = Tick(id=1_795_413_247_352, currency="usd", source="coingecko", quotes=(bitcoin,))
        shown: dict[str, Any] = {"id": "bitcoin", "rank": 1, "symbol": "bit", "name": "Bitcoin"}
        shown |= dict.fromkeys(NUMBERS) | {"image": "/b.png", "price": 97012.5, "direction": "up"}
        shown["venues"] = []
        assert json.loads(tick.to_json()) == {
            "id": 1795413247352,
            "at": "2026-11-23T05:54:07.352Z",
            "currency": "usd",
            "source": "coingecko",
            "quotes": [shown | {"updated_at": "2026-11-23T05:54:00.000Z"}],
        }

    @settings(max_examples=25)
    @given(TICKS)
    def test_every_tick_comes_back_as_it_went_and_others_read_it_too(self, tick: Tick) -> None:
        text = tick.to_json()
        assert Tick.from_json(text) == tick
        assert not {"\r", "\n"} & set(text), "one tick is one `data:` line of the stream"
        body = json.loads(text, parse_float=Decimal, parse_int=Decimal)
        assert [one["price"] for one in body["quotes"]] == [one.price for one in tick.quotes]
        relayed = TickJson.from_text(text)
        assert (relayed.text, relayed.id, relayed.tick) == (text, tick.id, tick)
        assert relayed.renewed == TickJson.of_tick(tick).renewed
        parts = [json.loads(relayed.of((coin,)))["quotes"] for coin in relayed.coins]
        assert parts == [[quote] for quote in json.loads(text)["quotes"]]

    def test_some_coins_are_shown_in_the_order_of_all(self) -> None:
        names = quote("a", name="a\r\nb\rc\nd"), quote("b"), quote("c")
        tick = Tick(id=1, currency="usd", source="s", quotes=names)
        some = json.loads(TickJson.of_tick(tick).of(("c", "a", "unknown")))
        assert [one["id"] for one in some["quotes"]] == ["a", "c"]
        assert some | {"quotes": ()} == json.loads(tick.to_json()) | {"quotes": ()}
        assert TickJson.of_tick(tick).of() == tick.to_json()
        assert not {"\r", "\n"} & set(tick.to_json())

    def test_a_name_that_no_coin_has_is_the_largest_coin_of_that_symbol(self) -> None:
        """As of a reader who came before any coin was known."""
        quotes = quote("fake", symbol="btc"), quote("bitcoin", symbol="btc", market_cap=Decimal(9))
        tick = Tick(id=1, currency="usd", source="s", quotes=(*quotes, quote("dai", symbol="x")))
        for names, coins in ((("btc",), ["bitcoin"]), (("dai", "zzz"), ["dai"])):
            some = json.loads(TickJson.of_tick(tick).of(names))
            assert [one["id"] for one in some["quotes"]] == coins

    @settings(max_examples=30)
    @given(st.dictionaries(st.sampled_from(["id", "currency", "source", "quotes"]), JSON) | JSON)
    def test_no_other_json_or_text_is_a_tick(self, body: Any) -> None:
        for wrong in (json.dumps(body), "", "NaN", "[" * 100_000):
            for read in (Tick.from_json, TickJson.from_text):
                with pytest.raises(MessageError):
                    read(wrong)

    def test_json_that_is_written_otherwise_is_not_relayed(self) -> None:
        """Its parts would not be found, or it would end the line of the stream."""
        text = Tick(id=1, currency="usd", source="s", quotes=(quote("a"), quote("b"))).to_json()
        for ours, otherwise in (('s":[', 's": ['), ('{"id":"a"', '{ "id":"a"'), ("}]}", "}]}\n")):
            assert ours in text
            with pytest.raises(MessageError):
                TickJson.from_text(text.replace(ours, otherwise))
