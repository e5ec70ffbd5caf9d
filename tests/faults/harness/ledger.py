"""The ledger: what was committed, held against what each reader got. Does no I/O."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

from tests.faults.harness.readers import Got, Reader

MOST_REMARKS = 10


class Account(NamedTuple):
    """What became of the ticks for one reader."""

    lost: tuple[int, ...]
    """Committed, never got, and never told to be missing."""
    told: tuple[int, ...]
    """Missing, and told so."""
    doubled: tuple[int, ...]
    """Got again, or after a later one."""
    invented: tuple[int, ...]
    """Got, and not committed."""


def account(got: Sequence[Got], committed: Sequence[int]) -> Account:
    """Hold what a reader *got*, in order, against the *committed* ids, in order.

    What was committed before its first tick is nothing it could have missed.
    """
    ids = [one.id for one in got if one.what == "tick"]
    first, last = (ids[0], max(ids)) if ids else (0, 0)
    expected = committed[bisect_left(committed, first) : bisect_right(committed, last)]
    missing, excused = sorted(set(expected) - set(ids)), _excused(got, committed)
    known = set(committed)
    return Account(
        lost=tuple(id for id in missing if id not in excused),
        told=tuple(id for id in missing if id in excused),
        doubled=tuple(id for before, id in pairwise(ids) if id <= before),
        invented=tuple(id for id in ids if id not in known),
    )


def _excused(got: Sequence[Got], committed: Sequence[int]) -> set[int]:
    """Return the ids between what a reader was told it had last and the tick it got then."""
    excused: set[int] = set()
    since: int | None = None
    for what, id in got:
        if what == "gap_after":
            since = id
        elif since is not None:
            excused.update(committed[bisect_right(committed, since) : bisect_left(committed, id)])
            since = None
    return excused


def _begin_of_truth(got: Sequence[Got]) -> int:
    """Return how much was *got* before a reader was told that its newest ticks are not true.

    It was told of a gap, and the next tick's id is lower.
    """
    pairs = list(pairwise(list(got)))
    falls = (told.what == "gap_after" and tick.id < told.id for told, tick in pairs)
    return max((at + 1 for at, falls_ in enumerate(falls) if falls_), default=0)


@dataclass(slots=True)
class Ledger:
    """What became of the ticks for all readers, look by look: counts of one tick for one each.

    The trap: readers go on reading meanwhile, so what they forget is just what
    was looked at, up to the newest tick in it.
    """

    delivered: int = 0
    """But for the first of each reader."""
    lost: int = 0
    told: int = 0
    doubled: int = 0
    invented: int = 0
    remarks: list[str] = field(default_factory=list)
    """The first things that went wrong, violations of the stream's format among them."""

    def look(self, readers: Sequence[Reader], ask: Callable[[], Sequence[int]]) -> None:
        """Hold what *readers* got since the last look against what *ask* says was committed."""
        for reader in readers:
            del reader.got[: _begin_of_truth(reader.got)]
        got = [list(reader.got) for reader in readers]
        committed = ask()  # afterwards: what anybody had before it was committed is invented
        oldest = min((id for each in got for what, id in each if what == "tick"), default=0)
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
                self._remark(reader, f"lacks the last {lacking}")

    def _add(self, reader: Reader, found: Account) -> None:
        self.lost += len(found.lost)
        self.told += len(found.told)
        self.doubled += len(found.doubled)
        self.invented += len(found.invented)
        if found.lost or found.doubled or found.invented:
            self._remark(reader, str(found))
        faults, reader.faults = reader.faults, []
        for fault in faults:
            self._remark(reader, fault)

    def _remark(self, reader: Reader, what: str) -> None:
        if len(self.remarks) < MOST_REMARKS:
            self.remarks.append(f"a {reader.kind} reader: {what}")
