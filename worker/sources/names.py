"""The names in `TRACKER_COINS` that a source does not know, told in a sentence."""

from collections.abc import Iterable, Sequence

from tracker.market.suggestions import Named, suggest

MAX_NAMES = 5
"""Names that one sentence lists."""
MAX_NAME = 40
"""Characters of each."""


def unknown(names: Sequence[str], service: str, coins: Iterable[Named]) -> str:
    """Return that *service* does not know *names*, and which of *coins* may be meant."""
    listed = " and ".join(f'"{name[:MAX_NAME]}"' for name in names[:MAX_NAMES])
    more = f" and {len(names) - MAX_NAMES} more" if len(names) > MAX_NAMES else ""
    coins = list(coins)
    near = {coin.id for name in names[:MAX_NAMES] for coin in suggest(name, coins)[:1]}
    hint = f"; did you mean {' or '.join(sorted(near))}?" if near else ""
    return f"TRACKER_COINS names {listed}{more}, which {service} does not know{hint}"
