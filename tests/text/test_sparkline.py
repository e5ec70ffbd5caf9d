"""A week in block characters."""

from decimal import Decimal

from tracker.text.sparkline import evenly, sparkline


def test_the_lowest_block_is_the_lowest_price_and_the_last_is_the_newest() -> None:
    assert sparkline([1, 2, 3, 4, 5, 6, 7, 8], 8) == "▁▂▃▄▅▆▇█"
    assert sparkline([Decimal(8), Decimal(1), Decimal(8)], 8) == "█▁█"
    assert sparkline([1, 1, 2, 2, 1, 9], 3) == "▁▂█"


def test_what_never_moves_is_in_the_middle_and_one_price_is_no_line() -> None:
    assert sparkline([5, 5, 5], 10) == "▄▄▄"
    assert sparkline([5], 10) == ""


def test_points_become_even_and_a_young_coins_line_begins_later() -> None:
    points = [(20, Decimal(1)), (29, Decimal(2)), (60, Decimal(3)), (100, Decimal(4))]
    assert evenly(points, since=0, until=100, steps=10) == [2, 2, 2, 2, 3, 3, 3, 4]
    assert evenly([], since=0, until=100) == []
