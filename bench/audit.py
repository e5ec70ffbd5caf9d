"""The ledger of a long run: what was committed and what all readers got, counted as it goes.

The trap: readers go on reading while they are audited, so what is forgotten is
just what was looked at, up to the newest tick in it.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tests.faults.harness.ledger import Account, account
from tests.faults.harness.readers import Reader

MOST_REMARKS = 10


@dataclass(slots=True)
class Audit:
    """What became of the ticks so far: counts of one tick for one reader each."""

    delivered: int = 0
    """But for the first of each reader."""
    lost: int = 0
    """Committed, never received, and not reported as missing."""
    told: int = 0
    """Missing, and reported as missing."""
    doubled: int = 0
    """Got again, or after a later one."""
    invented: int = 0
    """Got, and not committed."""
    faults: int = 0
    """Violations of the stream's format."""
    remarks: list[str] = field(default_factory=list)
    """The first things that went wrong."""

    def look(self, readers: Sequence[Reader], ask: Callable[[], Sequence[int]]) -> None:
        """Hold what *readers* got since the last look against what *ask* says was committed."""
        got = [list(reader.got) for reader in readers]
        committed = ask()  # afterwards: what anybody had before it was committed is invented
        oldest = min((one.id for each in got for one in each if one.what == "tick"), default=0)
        recent = committed[bisect_left(committed, oldest) :]
        for reader, each in zip(readers, got, strict=True):
            self._add(reader, account(each, recent))
            ticks = [number for number, one in enumerate(each) if one.what == "tick"]
            self.delivered += max(0, len(ticks) - 1)
            del reader.got[: ticks[-1] if ticks else 0]

    def close(self, readers: Sequence[Reader], committed: Sequence[int]) -> None:
        """Count as lost what readers still lack of all that was *committed*."""
        for reader in readers:
            lacking = len(committed) - bisect_right(committed, reader.last)
            self.lost += lacking
            if lacking:
                self._remark(f"a {reader.kind} reader lacks the last {lacking}")

    def _add(self, reader: Reader, found: Account) -> None:
        self.lost += len(found.lost)
        self.told += len(found.told)
        self.doubled += len(found.doubled)
        self.invented += len(found.invented)
        if not found.is_good:
            self._remark(f"a {reader.kind} reader: {found}")
        faults, reader.faults = reader.faults, []
        self.faults += len(faults)
        for fault in faults:
            self._remark(f"a {reader.kind} reader: {fault}")

    def _remark(self, what: str) -> None:
        if len(self.remarks) < MOST_REMARKS:
            self.remarks.append(what)
