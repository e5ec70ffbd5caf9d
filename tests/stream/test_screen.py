"""A terminal shows the newest screen and nothing else, whatever its size: here pyte is one."""

import re
import zlib
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.terminal import Terminal
from tracker.stream.frames import GZIP_HEADER, Variant
from tracker.stream.screen import CLEAR, GOODBYE, Screen, paint

ROWS, COLUMNS = 8, 20

lines = st.text(st.sampled_from("ab0▲█漢"), max_size=COLUMNS // 2)  # each has two columns at most
texts = st.lists(lines, min_size=1, max_size=ROWS - 1).map("\n".join)


def shown(*sent: bytes, rows: int = ROWS) -> Terminal:
    """Return a terminal after *sent* came."""
    terminal = Terminal(rows, COLUMNS)
    terminal.feed(*sent)
    return terminal


@given(st.lists(texts, min_size=1, max_size=4))
def test_of_any_texts_the_last_is_seen_alone_and_nothing_has_scrolled(drawn: Sequence[str]) -> None:
    terminal = shown(CLEAR, *map(paint, drawn))
    assert terminal.lines == drawn[-1].rstrip("\n").split("\n")
    assert (terminal.scrolled, terminal.wraps) == (0, True)


def test_a_line_is_erased_before_it_is_written() -> None:
    """Most terminals, if not pyte, would erase the last letter of one as wide as they are."""
    assert re.findall(rb"\x1b\[K(\w+)\x1b", paint("a\nb")) == [b"a", b"b"]


def test_what_is_larger_than_the_terminal_is_cut_and_the_last_row_left_for_the_prompt() -> None:
    large = "\n".join(str(number) * 50 for number in range(9) for _ in range(2))
    terminal = shown(CLEAR, *[paint(large)] * 3)
    assert [line[0] for line in terminal.lines] == ["0", "0", "1", "1", "2", "2", "3"]
    assert (terminal.cursor, terminal.scrolled) == ((ROWS - 1, 0), 0)


@pytest.mark.parametrize("lines", [1, 3, 40])
def test_the_goodbye_is_below_the_screen_and_the_prompt_below_it(lines: int) -> None:
    terminal = shown(CLEAR, paint("\n".join(map(str, range(lines)))), GOODBYE, b"\r$ ")
    assert terminal.lines[-1] == "$"
    assert "Run the command again." in "".join(terminal.lines)


def test_no_other_escape_sequence_is_sent() -> None:
    text = (CLEAR + paint("a\n\x1b[32mb\x1b[0m") + GOODBYE).decode()
    assert set(re.findall(r"\x1b[^A-Za-z]*[A-Za-z]", text)) == {
        *("\x1b[H", "\x1b[2J", "\x1b[K", "\x1b[J"),
        *(f"\x1b[{row};1H" for row in (1, 2, 3)),
        *("\x1b[?7l", "\x1b[?7h"),
        *("\x1b[32m", "\x1b[0m"),
    }


def test_it_is_drawn_once_for_each_variant_until_it_is_to_be_drawn_again() -> None:
    drawn = []

    def draw(topics: tuple[str, ...], look: tuple[object, ...]) -> str:
        drawn.append((topics, look))
        return f"{topics}, {look}"

    variants = [
        Variant(topics, gzip, look)
        for topics in ((), ("a",))
        for look in ((), (40,))
        for gzip in (False, True)
    ]
    screen = Screen(draw)
    made = [screen.bytes_for(variant) for variant in variants]
    assert [screen.bytes_for(variant) for variant in variants] == made
    assert drawn == [((), ()), ((), (40,)), (("a",), ()), (("a",), (40,))]
    for plain, zipped in zip(made[::2], made[1::2], strict=True):
        assert zlib.decompressobj(31).decompress(GZIP_HEADER + zipped) == plain
    assert screen.again().bytes_for(variants[0]) == made[0]
    assert len(drawn) == 5
