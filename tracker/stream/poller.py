"""What the kernel says of many sockets at once: which hung up, which take bytes again.

One epoll for all, so an idle socket costs a kernel entry and no greenlet. Where
there is none (macOS) `poll` stands in, asked a few times a second.

gevent hides `select.epoll` from patched programs, since waiting on it would
block every greenlet; here only its descriptor is waited for, the gevent way.
"""

import os
import select
import sys
import time
from typing import Any

from gevent import monkey

WRITABLE = 0x004
FAILED = 0x008
"""Error: the socket says which (EPOLLERR)."""
HUNG_UP = FAILED | 0x010
"""Error, or hang-up of both sides (EPOLLERR, EPOLLHUP)."""
SENDS_NO_MORE = 0x2000
"""The peer has hung up, or only sends no more and still reads, as `nc -N` (EPOLLRDHUP)."""

_READABLE = 0x001
_POLL_PAUSE = 0.25
"""Seconds between two looks where only `poll` is to be had."""


class Poller:
    """Watches sockets, by descriptor, for hang-ups and, when asked, for room to write."""

    def __init__(self, *, epoll: bool = sys.platform == "linux") -> None:
        self._epoll = epoll
        self._poll: Any = monkey.get_original("select", "epoll" if epoll else "poll")()
        self._always = SENDS_NO_MORE if epoll else 0
        self._silent: set[int] = set()
        self._woken, self._waker = os.pipe()
        self._poll.register(self._woken, _READABLE)

    def add(self, fd: int) -> None:
        """Watch *fd* for hang-ups."""
        self._poll.register(fd, self._always)

    def want_write(self, fd: int, wanted: bool) -> None:
        """Watch *fd* for room to write as well, or no longer."""
        always = 0 if fd in self._silent else self._always
        self._poll.modify(fd, always | (WRITABLE if wanted else 0))

    def note_silence(self, fd: int, *, wants_write: bool) -> None:
        """Report `SENDS_NO_MORE` of *fd* no longer: its peer may go on reading for long."""
        self._silent.add(fd)
        self.want_write(fd, wants_write)

    def remove(self, fd: int) -> None:
        """Watch *fd* no longer."""
        self._silent.discard(fd)
        self._poll.unregister(fd)

    def wait(self) -> None:
        """Return when `ready` may have something to say; other greenlets run meanwhile."""
        if self._epoll:
            select.select([self._poll.fileno()], [], [])
        else:
            time.sleep(_POLL_PAUSE)

    def ready(self) -> list[tuple[int, int]]:
        """Return (descriptor, mask of `WRITABLE`, `HUNG_UP`, `SENDS_NO_MORE`) without waiting."""
        return [(fd, mask) for fd, mask in self._poll.poll(0) if fd != self._woken]

    def wake(self) -> None:
        """Let `wait` return, now and from now on."""
        os.write(self._waker, b".")

    def close(self) -> None:
        """Give the descriptors back."""
        os.close(self._woken)
        os.close(self._waker)
        if self._epoll:
            self._poll.close()
