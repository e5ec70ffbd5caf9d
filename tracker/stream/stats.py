"""What a hub has done so far, in plain numbers that only rise; the metrics read them.

The hub counts per broadcast and per reader that comes or goes, never per event of one reader.
"""

from collections import Counter
from itertools import product
from typing import Literal, NamedTuple

from tracker.stream.frames import Variant


class Kind(NamedTuple):
    """What the metrics tell apart of variants."""

    is_screen: bool
    is_gzip: bool
    has_topics: bool


KINDS = tuple(Kind(*which) for which in product((False, True), repeat=3))

Why = Literal["hung_up", "timed_out", "stalled", "drained"]
"""Why a reader left: it closed, the kernel gave its peer up, it took no byte for
too long, or this process ended."""
WHYS: tuple[Why, ...] = ("hung_up", "timed_out", "stalled", "drained")


def kind_of(variant: Variant) -> Kind:
    """Return which kind *variant* is of."""
    return Kind(variant.is_screen, variant.gzip, bool(variant.topics))


class Stats:
    """The numbers of one hub, which alone changes them, under its lock."""

    def __init__(self) -> None:
        self.joined: Counter[Kind] = Counter()
        """Readers that came."""
        self.left: Counter[Why] = Counter()
        """Readers that left."""
        self.events = 0
        """Frames and screens given to readers, one by one; no screen that was only drawn anew."""
        self.bytes = 0
        """Bytes that the kernel took for readers."""
        self.slow = 0
        """Times that a reader took less than a frame and fell behind."""
        self.lapped = 0
        """Times that a reader was so far behind that it missed frames."""
        self.resumed: Counter[bool] = Counter()
        """Readers that came back, by whether all that they had missed was there."""
        self.replayed = 0
        """Frames given to those that came back, for what they had missed."""
