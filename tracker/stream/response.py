"""How a web server's socket comes to the hub.

A view returns `EventStream` as its WSGI body. Under gunicorn with `Worker`, the
handler writes the headers, gives the hub a duplicate of the socket, and its
greenlet ends: an idle reader costs no stack. Under any other server (Flask's
own, a test client, TLS in this process) the server iterates over the body: the
hub then writes into one end of a socket pair, and the iteration reads the other.

The one trap: the handed-over response has no length and no chunks, so it must
end with the connection; the handler says `Connection: close`.
"""

import _socket
import socket
from collections.abc import Iterator

from tracker.stream.hub import Ticket

SEND_BUFFER = 128 * 1024
"""Bytes the kernel may hold for one reader (Linux doubles it for its own use)."""

USER_TIMEOUT = 30_000
"""Milliseconds that sent bytes may stay unacknowledged: a vanished peer ends then."""

_CHUNK = 64 * 1024


class EventStream:
    """A WSGI body that a hub writes, for the reader with *ticket*."""

    def __init__(self, ticket: Ticket) -> None:
        self._ticket = ticket
        self._far_end: socket.socket | None = None

    def hand_over(self, fd: int) -> None:
        """Give the hub the socket *fd*, which is the hub's to close from now on."""
        sock = _socket.socket(fileno=fd)
        sock.setblocking(False)
        if sock.family != socket.AF_UNIX:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if hasattr(socket, "TCP_USER_TIMEOUT"):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, USER_TIMEOUT)
        self._ticket.join(sock)

    def __iter__(self) -> Iterator[bytes]:
        """Yield what the hub writes, until this reader leaves."""
        ours, self._far_end = socket.socketpair()
        self.hand_over(ours.detach())
        while data := self._far_end.recv(_CHUNK):
            yield data

    def close(self) -> None:
        """Called by the server when the response is over, or was never begun."""
        if self._far_end is not None:
            self._far_end.close()
        self._ticket.cancel()
