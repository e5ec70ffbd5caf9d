"""Screens: text that is drawn over the text before, for terminals that read on (`curl -N`).

A screen is a state: only the newest one counts, and none is replayed. Each line is put at its
place by its number, without a line break, and lines do not wrap: what is larger than the terminal
is cut off, and nothing ever scrolls. The cursor rests on the line below, where the prompt is
after Ctrl-C. Nothing could be restored then, so neither the alternate screen nor a hidden cursor
is used, and lines wrap again at the end of each drawing.

The escape sequences are CUP, EL and ED of ECMA-48 (8.3.21, 8.3.41, 8.3.39), and DEC's DECAWM.
A line is erased before it is written: else one as wide as the terminal would lose its last letter.
"""

import time
from collections.abc import Callable
from typing import Any, Self

from tracker.stream.frames import Variant, gzip_block

CLEAR = b"\x1b[H\x1b[2J"
"""The first bytes: an empty terminal. Most keep what they had shown, to be scrolled back to."""
NOTHING = b"\x1b[0m"
"""Bytes that change nothing on a terminal between two drawings."""
GOODBYE = b"The server ends this table: it stops or restarts. Run the command again.\n"
"""The last bytes, below the last drawing: the prompt begins a line of its own."""

Draw = Callable[[tuple[str, ...], tuple[Any, ...]], str]
"""Returns the lines for a variant's topics and how its screen is wanted; () is the usual way."""


class Screen:
    """What terminals show now: drawn once for each variant, when first asked for."""

    __slots__ = ("_draw", "_made", "began_at")

    def __init__(self, draw: Draw) -> None:
        self._draw = draw
        self._made: dict[Variant, bytes] = {}
        self.began_at = time.monotonic()
        """From when on it is drawn, in monotonic seconds: no age in it is younger."""

    def bytes_for(self, variant: Variant) -> bytes:
        """Return the bytes for *variant*, which is one of a screen."""
        made = self._made.get(variant)
        if made is None:
            if variant.gzip:
                made = gzip_block(self.bytes_for(variant.plain))
            else:
                made = paint(self._draw(variant.topics, variant.screen or ()))
            self._made[variant] = made
        return made

    def again(self) -> Self:
        """Return the same, to be drawn anew: ages have grown."""
        return type(self)(self._draw)


def paint(text: str) -> bytes:
    """Return what puts *text* on a terminal, over what is there.

    It has no controls but line feeds and those of colours.
    """
    lines = text.rstrip("\n").split("\n")
    rows = [f"\x1b[{row};1H\x1b[K{line}" for row, line in enumerate(lines, 1)]
    below = f"\x1b[{len(lines) + 1};1H\x1b[J"
    return "".join(["\x1b[?7l", *rows, below, "\x1b[?7h"]).encode()
