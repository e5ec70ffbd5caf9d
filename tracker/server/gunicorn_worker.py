"""gunicorn's gevent worker, which hands the sockets of event streams over to the hub."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

import gevent
from gevent.pywsgi import format_date_time
from gevent.socket import socket as GeventSocket
from gunicorn.workers.ggevent import GeventPyWSGIWorker

from tracker.server.accept import PatientServer, tell_exhausted
from tracker.server.request_limits import LimitedHandler
from tracker.stream.response import EventStream

_ALIVE_CHECK = 0.1
"""Seconds between two checks whether the worker is to end."""


class Handler(LimitedHandler):
    """The handler that hands an `EventStream`'s socket over."""

    def log_request(self) -> None:
        """Log the request, where an access log is set."""
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
    """Set it once the application is there; called when the worker is to end."""

    def run(self) -> None:
        """Serve until the worker is to end, then wait for the drain."""
        drainer = gevent.spawn(self._drain_at_the_end)
        super().run()
        drainer.join()
        self.drain()  # readers that joined in between

    def _drain_at_the_end(self) -> None:
        while self.alive:
            gevent.sleep(_ALIVE_CHECK)
        Handler.end_all()
        self.drain()
