"""Text that fits into columns of a terminal, and cannot command it.

Names come from others. `clean` leaves nothing in them that moves a cursor, turns the direction
of writing or is seen as nothing, and nothing whose width terminals disagree about where
that can be helped. Widths are columns: `漢` has two, an accent has none.
"""

import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from typing import Literal

import wcwidth

MAX_TEXT = 1000
"""Characters of a text that are looked at: more fit into no line."""
MAX_MARKS = 2
"""Accents that one letter keeps: with more it would reach into other lines."""

Style = Literal["up", "down", "same", "bold", "dim", "warn"]

_SGR = {"up": "32", "down": "31", "bold": "1", "dim": "2", "warn": "33"}
"""Select Graphic Rendition (ECMA-48, 8.3.117): the only escape sequences that are written."""
_BLANK = ("Zs", "Zl", "Zp")
_LEFT_OUT = ("Cc", "Cf", "Cs", "Co", "Cn")
"""Controls, formats (bidi's, of no width), surrogates, private use, unassigned."""
_UNSEEN = "\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0\u2800"
"""Letters and marks that are drawn as nothing."""


@lru_cache(4096)
def clean(text: str) -> str:
    """Return *text* on one line, without what a terminal might obey."""
    if text.isascii() and text.isprintable():
        return " ".join(text[:MAX_TEXT].split())
    blanks = (" " if _is_blank(one) else one for one in text[:MAX_TEXT])
    seen = "".join(one for one in blanks if not _is_left_out(one))
    return " ".join("".join(_few_marks(unicodedata.normalize("NFC", seen))).split())


def width(text: str) -> int:
    """Return how many columns *text*, which is clean, takes."""
    return len(text) if text.isascii() else wcwidth.wcswidth(text)


def cut(text: str, columns: int) -> str:
    """Return *text*, which is clean, in at most *columns*; `…` stands for what is left out."""
    if width(text) <= columns:
        return text
    kept = ""
    for letter in wcwidth.iter_graphemes(text):
        if width(kept + letter) > columns - 1:
            break
        kept += letter
    return f"{kept.rstrip()}…" if columns > 0 else ""


def padded(text: str, columns: int, *, right: bool = False) -> str:
    """Return *text*, which is clean, in exactly *columns*, at their left or *right*."""
    text = cut(text, columns)
    blanks = " " * (columns - width(text))
    return blanks + text if right else text + blanks


def wrapped(text: str, columns: int, between: str = " ") -> list[str]:
    """Return *text*, made clean, in lines of at most *columns*.

    They break where *between* is; a part that is wider than a line, at blanks or anywhere.
    """
    lines: list[str] = []
    for part in filter(None, clean(text).split(between)):
        if lines and width(longer := f"{lines[-1]}{between}{part}") <= columns:
            lines[-1] = longer
        elif width(part) <= columns:
            lines.append(part)
        else:
            lines += wrapped(part, columns) if between != " " else _pieces(part, columns)
    return lines


def _pieces(word: str, columns: int) -> list[str]:
    pieces = [""]
    for letter in wcwidth.iter_graphemes(word):
        if width(pieces[-1] + letter) > columns:
            pieces.append("")
        pieces[-1] += letter
    return pieces


def painted(text: str, style: Style, color: bool) -> str:
    """Return *text* in the *style*, if *color* is wanted and there is something to be seen."""
    if not color or style == "same" or not text.strip():
        return text
    return f"\x1b[{_SGR[style]}m{text}\x1b[0m"


def _is_blank(letter: str) -> bool:
    return letter in "\t\n\v\f\r\x85" or unicodedata.category(letter) in _BLANK


def _is_left_out(letter: str) -> bool:
    """Return whether *letter* is not to be seen, or of a width that terminals disagree about."""
    return (
        unicodedata.category(letter) in _LEFT_OUT
        or letter in _UNSEEN
        or "\ufe00" <= letter <= "\ufe0f"  # variation selectors: text or emoji
        or "\U000e0100" <= letter <= "\U000e01ef"
        or "\U0001f3fb" <= letter <= "\U0001f3ff"  # colours of skin
    )


def _few_marks(text: str) -> Iterator[str]:
    """Yield the letters of *text*, each with its first `MAX_MARKS` marks; a blank has none."""
    marks = MAX_MARKS
    for letter in text:
        if not unicodedata.category(letter).startswith("M"):
            marks = MAX_MARKS if letter == " " else 0
        elif (marks := marks + 1) > MAX_MARKS:
            continue
        yield letter
