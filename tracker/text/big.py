"""Numbers three lines high, in half blocks: a price that is seen from across the room."""

import re

from tracker.text.cells import width

ROWS = 3
_GLYPHS = {
    "0": ("█▀█", "█ █", "▀▀▀"),
    "1": ("▀█ ", " █ ", "▀▀▀"),
    "2": ("▀▀█", "█▀▀", "▀▀▀"),
    "3": ("▀▀█", "▀▀█", "▀▀▀"),
    "4": ("█ █", "▀▀█", "  ▀"),
    "5": ("█▀▀", "▀▀█", "▀▀▀"),
    "6": ("█▀▀", "█▀█", "▀▀▀"),
    "7": ("▀▀█", "  █", "  ▀"),
    "8": ("█▀█", "█▀█", "▀▀▀"),
    "9": ("█▀█", "▀▀█", "▀▀▀"),
    ".": (" ", " ", "▀"),
    ",": (" ", " ", "█"),
}


def big(text: str) -> list[str]:
    """Return *text* in `ROWS` lines; what is no digit, as a currency's sign, stays small."""
    parts = re.findall(r"[\d.,]|[^\d.,]+", text, re.ASCII)
    glyphs = [_GLYPHS.get(part) or (part, *[" " * width(part)] * 2) for part in parts]
    return [" ".join(glyph[row] for glyph in glyphs) for row in range(ROWS)]
