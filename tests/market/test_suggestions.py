"""Suggestions for a word that is no coin's id."""

from tests.support.fake_site import quote
from tracker.market.suggestions import MAX_SUGGESTIONS, suggest

COINS = [
    quote("bitcoin", symbol="btc"),
    quote("ethereum", symbol="eth"),
    quote("bitcoin-cash", symbol="bch", name="Bitcoin Cash"),
    quote("staked-ether", symbol="steth", name="Lido Staked Ether"),
]


def test_symbols_names_beginnings_and_typos_are_understood() -> None:
    words = ("BTC", "bitcion", "bitcoincash", "lido", " eth ")
    first = ["bitcoin", "bitcoin", "bitcoin-cash", "staked-ether", "ethereum"]
    assert [suggest(word, COINS)[0].id for word in words] == first


def test_what_is_like_no_coin_suggests_none() -> None:
    assert [suggest(word, COINS) for word in ("", "-", "zzzzzz", "b", "x" * 5000, "💰")] == [[]] * 6


def test_each_coin_is_suggested_once_and_few_are() -> None:
    many = [quote(f"coin-{number}", symbol="coin") for number in range(9)]
    found = [quote.id for quote in suggest("coin", many)]
    assert len(set(found)) == len(found) == MAX_SUGGESTIONS
