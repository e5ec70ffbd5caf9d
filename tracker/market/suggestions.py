"""Suggestions for a word that is no coin's id: a symbol (`btc`), a name or a typo (`bitcion`).

Nothing here knows requests or pages.
"""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Protocol, TypeVar

MAX_SUGGESTIONS = 3
MIN_PREFIX = 3
"""Characters of a word from which on coins that begin with it are suggested."""
MAX_WORD = 50
"""Characters of the word that are compared: no coin's name needs more."""
MIN_LIKENESS = 0.7
"""How alike two words must be, from 0 to 1, for one to be a typo of the other."""


class Named(Protocol):
    """What is suggested: a coin, or a quote of one."""

    @property
    def id(self) -> str: ...  # noqa: D102

    @property
    def symbol(self) -> str: ...  # noqa: D102

    @property
    def name(self) -> str: ...  # noqa: D102


N = TypeVar("N", bound=Named)


def suggest(word: str, coins: Iterable[N]) -> list[N]:
    """Return a few of *coins*: whose symbol or name is *word*, then begins with it, then typos."""
    word = _plain(word[:MAX_WORD])
    if not word:
        return []
    by_word: dict[str, list[N]] = {}
    for coin in coins:
        for text in dict.fromkeys(map(_plain, (coin.symbol, coin.name, coin.id))):
            by_word.setdefault(text, []).append(coin)
    words = [word] if word in by_word else []
    if len(word) >= MIN_PREFIX:
        words += [text for text in by_word if text.startswith(word)]
    words += get_close_matches(word, by_word, MAX_SUGGESTIONS, MIN_LIKENESS)
    found = {coin.id: coin for text in words for coin in by_word[text]}
    return list(found.values())[:MAX_SUGGESTIONS]


def _plain(text: str) -> str:
    """Return *text* without case and punctuation: `bitcoin-cash` is `Bitcoin Cash`."""
    return "".join(letter for letter in text.casefold() if letter.isalnum())
