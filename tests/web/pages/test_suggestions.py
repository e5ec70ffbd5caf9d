"""Suggestions for a word that is no coin's id."""

from __future__ import annotations

import pytest

from tests.support.fake_site import quote
from tracker.web.pages.suggestions import MAX_SUGGESTIONS, suggest

COINS = [
    quote("bitcoin", symbol="btc"),
    quote("ethereum", symbol="eth"),
    quote("bitcoin-cash", symbol="bch", name="Bitcoin Cash"),
    quote("staked-ether", symbol="steth", name="Lido Staked Ether"),
]


@pytest.mark.parametrize(
    ("word", "first"),
    [("BTC", "bitcoin"), ("bitcion", "bitcoin"), ("bitcoincash", "bitcoin-cash"),
     ("lido", "staked-ether"), (" eth ", "ethereum")],
)  # fmt: skip
def test_symbols_names_beginnings_and_typos_are_understood(word: str, first: str) -> None:
    assert suggest(word, COINS)[0].id == first


@pytest.mark.parametrize("word", ["", "-", "zzzzzz", "b", "x" * 5000, "💰"])
def test_what_is_like_no_coin_suggests_none(word: str) -> None:
    assert suggest(word, COINS) == []


def test_each_coin_is_suggested_once_and_few_are() -> None:
    many = [quote(f"coin-{number}", symbol="coin") for number in range(9)]
    found = [quote.id for quote in suggest("coin", many)]
    assert len(set(found)) == len(found) == MAX_SUGGESTIONS
