"""The ledger finds what it is there to find: a harness that cannot fail proves nothing."""

from __future__ import annotations

import pytest

from tests.faults.harness.held import Held
from tests.faults.harness.ledger import Account, account, accounts, complaints
from tests.faults.harness.readers import Got, Reader

COMMITTED = [10, 20, 30, 40, 50]
GOOD = Account(lost=(), told=(), doubled=(), invented=())


def got(*ids: int) -> list[Got]:
    return [Got("tick", id) for id in ids]


def told_after(id: int) -> Got:
    return Got("gap_after", id)


@pytest.mark.parametrize(
    ("got", "wrong"),
    [
        (got(10, 20, 30, 40, 50), {}),
        (got(30, 40, 50), {}),  # of a late reader
        ([], {}),
        (got(10, 20, 40, 50), {"lost": (30,)}),
        (got(10, 20, 20, 30), {"doubled": (20,)}),
        (got(10, 30, 20, 40), {"doubled": (20,)}),  # out of order
        (got(10, 20, 25, 30), {"invented": (25,)}),
        ([*got(10), told_after(10), *got(40, 50)], {"told": (20, 30)}),
        ([*got(10), told_after(10), *got(30, 50)], {"told": (20,), "lost": (40,)}),
    ],
)
def test_each_wrong_is_found_and_nothing_else(
    got: list[Got], wrong: dict[str, tuple[int, ...]]
) -> None:
    result = account(got, COMMITTED)
    assert result == GOOD._replace(**wrong)
    assert result.is_good == (set(wrong) <= {"told"})


def test_a_tick_that_was_had_before_it_was_committed_is_invented() -> None:
    """What the readers have is noted first, and what is committed is asked then."""
    reader = Reader("steady", got=got(10, 20))

    def ask() -> list[int]:
        reader.got.append(Got("tick", 30))
        return [10]

    assert accounts([reader], ask)[0].invented == (20,)


def test_who_was_wronged_is_named() -> None:
    """What breaks the format of the stream is a wrong too."""
    readers = [Reader("steady"), Reader("gzip"), Reader("slow", faults=["not UTF-8"])]
    gzip, slow = complaints(readers, [GOOD, GOOD._replace(lost=(30,)), GOOD], may_be_told=True)
    assert gzip.startswith("reader 1 (gzip)")
    assert "lost=(30,)" in gzip
    assert "not UTF-8" in slow


def test_what_was_told_is_lost_too_where_all_is_kept() -> None:
    told = [GOOD._replace(told=(20,))]
    assert complaints([Reader("steady")], told, may_be_told=True) == []
    (line,) = complaints([Reader("steady")], told, may_be_told=False)
    assert "told=(20,)" in line


def test_what_is_forgotten_leaves_what_the_next_account_begins_with() -> None:
    reader = Reader("steady", got=[*got(10, 20), told_after(20)])
    reader.forget(len(reader.got))
    assert reader.got == [*got(20), told_after(20)]


def test_each_thing_that_a_process_holds_beyond_its_base_is_told() -> None:
    base = Held(descriptors=10, connections=1, threads=2, greenlets=3, rss=60)
    most = base.plus(Held(descriptors=2, connections=0, threads=0, greenlets=0, rss=10))
    assert base._replace(descriptors=12, rss=70).beyond(most) == []
    assert base._replace(descriptors=13, threads=3).beyond(most) == [
        "descriptors: 13, at most 12 expected",
        "threads: 3, at most 2 expected",
    ]
