"""The poller reports hang-ups and room to write, with epoll and without."""

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


def test_a_hang_up_is_told_and_room_to_write_while_it_is_wanted(poller: Poller) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        poller.add(ours.fileno())
        assert poller.ready() == []
        poller.want_write(ours.fileno(), True)
        assert wait_for(poller.ready) == [(ours.fileno(), WRITABLE)]
        poller.want_write(ours.fileno(), False)
        assert poller.ready() == []
        theirs.close()
        poller.wait()
        ((fd, mask),) = wait_for(poller.ready)
        assert (fd, mask & HUNG_UP > 0) == (ours.fileno(), True)
        poller.remove(ours.fileno())
        assert poller.ready() == []


def test_a_wake_ends_the_wait_and_is_no_socket_of_a_readers(poller: Poller) -> None:
    poller.wake()
    poller.wait()
    assert poller.ready() == []
