"""The ledger: what was committed, held against what each reader got. Pure."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NamedTuple

from tests.faults.harness.readers import Got, Reader


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

    @property
    def is_good(self) -> bool:
        """Whether the promise was kept."""
        return not (self.lost or self.doubled or self.invented)


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


def accounts(readers: Sequence[Reader], ask: Callable[[], Sequence[int]]) -> list[Account]:
    """Return the account of each reader; *ask* tells what was committed.

    What they got is copied before: so a tick that anybody had before it was
    committed counts as invented.
    """
    got = [list(reader.got) for reader in readers]
    committed = ask()
    return [account(each, committed) for each in got]


def complaints(
    readers: Sequence[Reader], accounts: Sequence[Account], *, may_be_told: bool
) -> list[str]:
    """Return a line for each reader to whom the promise was not kept, at most five.

    Where *may_be_told* is False, enough is kept for everybody: to be told of a
    tick is to have lost it.
    """
    return [
        f"reader {number} ({reader.kind}): {account} {reader.faults[:2]}"
        for number, (reader, account) in enumerate(zip(readers, accounts, strict=True))
        if not account.is_good or (account.told and not may_be_told) or reader.faults
    ][:5]
