"""A week in block characters."""

from decimal import Decimal

from tracker.text.sparkline import sparkline


def test_the_lowest_block_is_the_lowest_price_and_the_last_is_the_newest() -> None:
    assert sparkline([1, 2, 3, 4, 5, 6, 7, 8], 8) == "▁▂▃▄▅▆▇█"
    assert sparkline([Decimal(8), Decimal(1), Decimal(8)], 8) == "█▁█"
    assert sparkline([1, 1, 2, 2, 1, 9], 3) == "▁▂█"


def test_what_never_moves_is_in_the_middle_and_one_price_is_no_line() -> None:
    assert sparkline([5, 5, 5], 10) == "▄▄▄"
    assert sparkline([5], 10) == ""
