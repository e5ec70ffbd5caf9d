"""Which coins are followed, and what a table of them is called."""

import pytest

from tracker.market.coins import Coins


@pytest.mark.parametrize(
    ("top", "shown", "text"),
    [
        (10, 10, "Top 10 by market cap"),
        (50, 9, "Top 9 by market cap"),
        (10, 12, "Top 10 and 2 more"),
        (0, 3, "Your 3 coins"),
        (0, 1, "Your coin"),
    ],
)
def test_the_heading_says_what_the_table_shows(top: int, shown: int, text: str) -> None:
    assert Coins(top).heading(shown) == text
