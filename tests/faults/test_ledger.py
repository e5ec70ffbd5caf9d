"""The ledger finds what it is there to find: a harness that cannot fail proves nothing."""

import pytest

from tests.faults.harness.held import Held
from tests.faults.harness.ledger import Account, Ledger, account
from tests.faults.harness.readers import Got, Reader

COMMITTED = [10, 20, 30, 40, 50]
GOOD = Account(lost=(), told=(), doubled=(), invented=())


def got(*ids: int) -> list[Got]:
    return [Got("tick", id) for id in ids]


def reader(*ids: int) -> Reader:
    return Reader("steady", got=got(*ids))


@pytest.mark.parametrize(
    ("got", "wrong"),
    [
        (got(10, 20, 30, 40, 50), {}),
        (got(30, 40, 50), {}),  # of a late reader
        (got(10, 20, 40, 50), {"lost": (30,)}),
        (got(10, 20, 20, 30), {"doubled": (20,)}),
        (got(10, 30, 20, 40), {"doubled": (20,)}),  # out of order
        (got(10, 20, 25, 30), {"invented": (25,)}),
        ([*got(10), Got("gap_after", 10), *got(30, 50)], {"told": (20,), "lost": (40,)}),
    ],
)
def test_each_wrong_is_found_and_nothing_else(
    got: list[Got], wrong: dict[str, tuple[int, ...]]
) -> None:
    assert account(got, COMMITTED) == GOOD._replace(**wrong)


def test_all_readers_are_counted_and_who_was_wronged_is_named() -> None:
    readers = [reader(1, 2, 4), reader(1, 2, 2, 3, 4), reader(1, 2, 3, 5, 4), reader(1)]
    readers[3].got += [Got("gap_after", 1), *got(4)]
    readers[3].faults.append("not UTF-8")
    ledger = Ledger()
    ledger.look(readers, lambda: [1, 2, 3, 4])
    assert (ledger.lost, ledger.doubled, ledger.invented, ledger.told) == (1, 2, 1, 2)
    assert ledger.remarks[0] == (
        "a steady reader: Account(lost=(3,), told=(), doubled=(), invented=())"
    )
    assert ledger.remarks[3:] == ["a steady reader: not UTF-8"]


def test_what_a_reader_got_before_it_was_told_that_it_is_not_true_is_forgotten() -> None:
    one, ledger = reader(1, 2, 90), Ledger()
    one.got += [Got("gap_after", 90), *got(3, 5)]
    ledger.look([one], lambda: [1, 2, 3, 4, 5])
    assert (ledger.lost, ledger.told, ledger.invented, ledger.doubled) == (1, 0, 0, 0)


def test_nothing_falls_between_two_looks_and_what_came_during_one_is_left_for_the_next() -> None:
    one, ledger = reader(1, 2), Ledger()

    def ask() -> list[int]:
        one.got += got(4, 5)
        return [1, 2, 3, 4, 5]

    ledger.look([one], ask)
    assert (ledger.delivered, ledger.lost) == (1, 0)
    ledger.look([one], lambda: [1, 2, 3, 4, 5])
    assert (ledger.delivered, ledger.lost) == (3, 1)
    ledger.look([reader(1, 2)], lambda: [1])
    assert ledger.invented == 1, "for it was had before it was committed"
    ledger.close([reader(1, 2, 3), reader(1)], [1, 2, 3])
    assert (ledger.lost, ledger.remarks[-1]) == (3, "a steady reader: lacks the last 2")


def test_each_thing_that_a_process_holds_beyond_its_base_is_told() -> None:
    base = Held(descriptors=10, connections=1, threads=2, greenlets=3, rss=60)
    most = base.plus(Held(descriptors=2, connections=0, threads=0, greenlets=0, rss=10))
    assert base._replace(descriptors=12, rss=70).beyond(most) == []
    assert base._replace(descriptors=13, threads=3).beyond(most) == [
        "descriptors: 13, at most 12 expected",
        "threads: 3, at most 2 expected",
    ]
