"""The poller tells of hang-ups and of room to write, with epoll and without."""

from __future__ import annotations

import select
import socket
from collections.abc import Iterator

import pytest

from tests.support.tools import wait_for
from tracker.stream.poller import HUNG_UP, WRITABLE, Poller

EPOLL = [
    pytest.param(True, marks=pytest.mark.skipif(not hasattr(select, "epoll"), reason="no epoll")),
    False,
]


@pytest.fixture(params=EPOLL)
def poller(request: pytest.FixtureRequest) -> Iterator[Poller]:
    poller = Poller(epoll=request.param)
    yield poller
    poller.close()


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def test_a_hang_up_is_told(poller: Poller, pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    poller.add(ours.fileno())
    assert poller.ready() == []
    theirs.close()
    poller.wait()
    ((fd, mask),) = wait_for(poller.ready)
    assert fd == ours.fileno()
    assert mask & HUNG_UP


def test_room_to_write_is_told_only_while_it_is_wanted(
    poller: Poller, pair: tuple[socket.socket, socket.socket]
) -> None:
    ours, _ = pair
    poller.add(ours.fileno())
    poller.want_write(ours.fileno(), True)
    ((fd, mask),) = wait_for(poller.ready)
    assert (fd, mask) == (ours.fileno(), WRITABLE)
    poller.want_write(ours.fileno(), False)
    assert poller.ready() == []


def test_who_was_removed_is_told_of_no_more(
    poller: Poller, pair: tuple[socket.socket, socket.socket]
) -> None:
    ours, theirs = pair
    poller.add(ours.fileno())
    poller.remove(ours.fileno())
    theirs.close()
    assert poller.ready() == []


def test_a_wake_ends_the_wait_and_is_no_socket_of_a_readers(poller: Poller) -> None:
    poller.wake()
    poller.wait()
    assert poller.ready() == []
