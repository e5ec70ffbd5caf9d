"""The Jinja filters of the pages: `tracker.text.formats`, and what only pages have."""

from collections.abc import Callable
from typing import Any

from tracker.text import formats

ICON_HOSTS = ("https://coin-images.coingecko.com/", "https://assets.coingecko.com/")
"""Hosts that have small icons beside the large ones; `data-icon-hosts` for the scripts."""


def small_icon(url: str) -> str:
    """Return the address of an icon of 50 pixels; CoinGecko sends those of 250, of 10 to 20 KB."""
    return url.replace("/large/", "/small/", 1) if url.startswith(ICON_HOSTS) else url


_SAME_NAME = (
    formats.compact, formats.currency, formats.every, formats.exact, formats.is_old, formats.listed,
    formats.origin, formats.percent, formats.price, formats.source_name, formats.spoken,
    formats.trend, formats.utc_clock, small_icon,
)  # fmt: skip
FILTERS: dict[str, Callable[..., Any]] = {
    "arrow": formats.ARROWS.__getitem__,
    **{one.__name__: one for one in _SAME_NAME},
}
"""The filters by the names that templates use."""
