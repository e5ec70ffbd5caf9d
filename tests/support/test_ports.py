"""The ports of a run: a block of its own, as long as it lives."""

from dev.embedded_redis import PORTS, free_port
from tests.support.ports import BLOCK, reserve


def test_two_runs_have_ports_of_their_own_as_this_one_has() -> None:
    one, ours = reserve()
    other, theirs = reserve()
    assert one
    assert other
    with one, other:
        assert len(ours) == len(theirs) == BLOCK - 1
        assert not set(ours) & set(theirs)
    assert len({free_port() // BLOCK for _ in range(50)}) == 1


def test_without_a_free_block_all_ports_are_had() -> None:
    lock, _ = reserve(PORTS[:BLOCK])
    assert reserve(PORTS[:BLOCK]) == (None, PORTS[:BLOCK])
    if lock:  # else another run has it
        lock.close()
