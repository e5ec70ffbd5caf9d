"""Which coins somebody may have meant by a word that is no coin's id.

People write symbols (`btc`), names (`Bitcoin Cash`) and typos (`bitcion`).
Nothing here knows of requests or of pages.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from tracker.market.quotes import Quote

MOST = 3
"""Coins to suggest."""
LONGEST = 50
"""Characters of the word that are compared: no coin's name needs more."""
ALIKE = 0.7
"""How alike two words must be, from 0 to 1, for one to be a typo of the other."""


def near(word: str, quotes: Iterable[Quote]) -> list[Quote]:
    """Return at most `MOST` of *quotes*, the most probable first.

    One whose symbol or name is exactly *word* comes before those that begin
    with it, and these before typos.
    """
    word = _plain(word[:LONGEST])
    if not word:
        return []
    by_word: dict[str, list[Quote]] = {}
    for quote in quotes:
        for text in dict.fromkeys(map(_plain, (quote.symbol, quote.name, quote.id))):
            by_word.setdefault(text, []).append(quote)
    words = [word] if word in by_word else []
    if len(word) >= MOST:
        words += [text for text in by_word if text.startswith(word)]
    words += get_close_matches(word, by_word, MOST, ALIKE)
    found = {quote.id: quote for text in words for quote in by_word[text]}
    return list(found.values())[:MOST]


def _plain(text: str) -> str:
    """Return *text* as people write it in a hurry: `bitcoin-cash` is `Bitcoin Cash`."""
    return "".join(letter for letter in text.casefold() if letter.isalnum())
