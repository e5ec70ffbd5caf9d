"""What a hub has done so far: plain numbers, which only rise but for those of now.

The hub counts per broadcast and per reader that comes or goes, never per event
of one reader. Whoever wants to show the numbers reads them when it likes.
"""

from __future__ import annotations

from collections import Counter
from typing import Literal

from tracker.stream.frames import Lens

Kind = tuple[bool, bool]
"""Of a lens: whether it is gzip, and whether it shows a part alone."""
KINDS: tuple[Kind, ...] = ((False, False), (False, True), (True, False), (True, True))

Why = Literal["hung_up", "timed_out", "stalled", "drained"]
"""Why a reader left: it closed, the kernel gave its peer up, it took no byte for
too long, or this process let it go."""
WHYS: tuple[Why, ...] = ("hung_up", "timed_out", "stalled", "drained")


class Tally:
    """The numbers of one hub, which alone changes them, under its lock."""

    def __init__(self) -> None:
        self.present: Counter[Kind] = Counter()
        """Readers now."""
        self.joined: Counter[Kind] = Counter()
        """Readers that came."""
        self.left: Counter[Why] = Counter()
        """Readers that left."""
        self.events = 0
        """Frames given to readers, one by one."""
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

    def comes(self, lens: Lens) -> None:
        """Count a reader in."""
        kind = (lens.gzip, bool(lens.part))
        self.present[kind] += 1
        self.joined[kind] += 1

    def leaves(self, lens: Lens, why: Why) -> None:
        """Count a reader out."""
        self.present[lens.gzip, bool(lens.part)] -= 1
        self.left[why] += 1

    def returns(self, replayed: int | None) -> None:
        """Count a reader that came back and gets *replayed* frames; None if some are lost."""
        self.resumed[replayed is not None] += 1
        self.replayed += replayed or 0
