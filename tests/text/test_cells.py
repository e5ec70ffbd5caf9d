"""Text of others in columns: as wide as wanted, and harmless."""

import pytest

from tracker.text import cells


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ("Bitcoin", "Bitcoin"),
        ("\x1b[2J\x9b31mred\x07", "[2J31mred"),
        ("a\u202eb\u2066c\u200bd\u00ad\ufeff", "abcd"),
        ("two\r\nlines\u2028three", "two lines three"),
        ("e\u0301", "é"),
        ("z" + "\u0335" * 9, "z\u0335\u0335"),
        ("\u0301a \u0301b", "a b"),
        ("☀️👍🏽", "☀👍"),
        ("\ud800\ue000\u3164x", "x"),
    ],
)
def test_what_a_terminal_might_obey_is_left_out(sent: str, said: str) -> None:
    assert cells.clean(sent) == said


@pytest.mark.parametrize(
    ("text", "columns", "said"),
    [
        ("Bitcoin", 7, "Bitcoin"),
        ("Bitcoin Cash", 9, "Bitcoin…"),
        ("漢字コイン", 6, "漢字…"),
        ("漢字", 2, "…"),
        ("Bitcoin", 0, ""),
    ],
)
def test_what_is_too_wide_is_cut_between_letters(text: str, columns: int, said: str) -> None:
    assert cells.cut(text, columns) == said
    assert cells.width(cells.padded(text, columns)) == columns


def test_a_sentence_is_broken_at_blanks_and_a_word_that_is_too_long_anywhere() -> None:
    assert cells.wrapped("all of it fits nowhere", 9) == ["all of it", "fits", "nowhere"]
    assert cells.wrapped("漢字コイン", 5) == ["漢字", "コイ", "ン"]
    commands = "curl -N localhost/watch · ?a=b · ?c=d"
    assert cells.wrapped(commands, 24, " · ") == ["curl -N localhost/watch", "?a=b · ?c=d"]
    assert cells.wrapped(commands, 15, " · ") == ["curl -N", "localhost/watch", "?a=b · ?c=d"]
