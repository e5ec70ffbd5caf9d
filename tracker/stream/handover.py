"""How a web server's socket comes to the hub.

A view returns `EventStream` as its WSGI body. Under gunicorn with `Worker`, the
handler writes the headers, gives the hub a duplicate of the socket, and its
greenlet ends: an idle reader costs no stack. Under any other server (Flask's
own, a test client, TLS in this process) the server iterates over the body: the
hub then writes into one end of a socket pair, and the iteration reads the other.

The one trap: the handed-over response has no length and no chunks, so it must
end with the connection; the handler says `Connection: close`.
"""

from __future__ import annotations

import _socket
import os
import socket
import time
from collections.abc import Callable, Iterator

import gevent
from gevent.pywsgi import format_date_time
from gevent.socket import socket as GeventSocket
from gunicorn.workers.ggevent import GeventPyWSGIWorker

from tracker.stream.limits import LimitedHandler
from tracker.stream.server import PatientServer, tell_exhausted

SEND_BUFFER = 128 * 1024
"""Bytes the kernel may hold for one reader (Linux doubles it for its own use)."""

USER_TIMEOUT = 30_000
"""Milliseconds that sent bytes may stay unacknowledged: a vanished peer ends then."""

_CHUNK = 64 * 1024
_ALIVE_CHECK = 0.1
"""Seconds between two looks whether the worker was told to end."""

Join = Callable[[_socket.socket], None]


class EventStream:
    """A WSGI body that a hub writes. *join* gives the hub a non-blocking socket.

    *leave* is called once if the body is closed before anybody joined.
    """

    def __init__(self, join: Join, leave: Callable[[], None] = lambda: None) -> None:
        self._join = join
        self._leave = leave
        self._joined = False
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
        self._join(sock)
        self._joined = True

    def __iter__(self) -> Iterator[bytes]:
        """Yield what the hub writes, until it lets this reader go."""
        ours, self._far_end = socket.socketpair()
        self.hand_over(ours.detach())
        while data := self._far_end.recv(_CHUNK):
            yield data

    def close(self) -> None:
        """Called by the server when the response is over, or was never begun."""
        if self._far_end is not None:
            self._far_end.close()
        if not self._joined:
            self._joined = True
            self._leave()


class Handler(LimitedHandler):
    """The handler that hands an `EventStream`'s socket over."""

    def log_request(self) -> None:
        """Log the request, where somebody wants to know."""
        if self.server.log.cfg.accesslog:
            super().log_request()

    def _hands_over(self) -> bool:
        return isinstance(self.result, EventStream) and type(self.socket) is GeventSocket

    def finalize_headers(self) -> None:
        """Add the last headers; a handed-over response ends with its connection."""
        if not self._hands_over():
            super().finalize_headers()
            return
        headers = self.response_headers
        headers[:] = [header for header in headers if header[0].lower() != b"connection"]
        headers.append((b"Date", format_date_time(time.time())))
        headers.append((b"Connection", b"close"))
        self.close_connection = True

    def process_result(self) -> None:
        """Write the response, or its head alone and leave the rest to the hub."""
        if not self._hands_over():
            super().process_result()
            return
        self.write(b"")
        try:
            fd = os.dup(self.socket.fileno())
        except OSError as error:  # its stream ends here, so it comes back
            tell_exhausted(error)
        else:
            self.result.hand_over(fd)


class Worker(GeventPyWSGIWorker):  # type: ignore[misc]
    """gunicorn's gevent worker with the handler above, which lets readers go before it ends."""

    server_class = PatientServer
    wsgi_handler = Handler

    drain: Callable[[], None] = staticmethod(lambda: None)
    """Set it once the application is there; called when the worker is told to end."""

    def run(self) -> None:
        """Serve until told to end, then wait for the drain."""
        drainer = gevent.spawn(self._drain_at_the_end)
        super().run()
        drainer.join()
        self.drain()  # those who came in between

    def _drain_at_the_end(self) -> None:
        while self.alive:
            gevent.sleep(_ALIVE_CHECK)
        Handler.end_all()
        self.drain()
