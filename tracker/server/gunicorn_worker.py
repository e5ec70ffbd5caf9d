"""gunicorn's gevent worker, which hands the sockets of event streams over to the hub.

Where the process has no descriptor left for one more connection, newcomers wait in the
kernel and connected readers are not affected. gevent tries again, too, but writes a
traceback each time.
"""

import errno
import logging
import os
import time
from collections.abc import Callable
from typing import Any

import gevent
from gevent.pywsgi import format_date_time
from gevent.socket import socket as GeventSocket
from gunicorn.workers.ggevent import GeventPyWSGIWorker, PyWSGIServer

from tracker.server.request_limits import LimitedHandler
from tracker.stream.response import EventStream

EXHAUSTED = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}
PAUSE_S = 0.2
"""Time until the next attempt to accept a connection."""
_ALIVE_CHECK_S = 0.1
"""Time between two checks whether the worker is to end."""

log = logging.getLogger(__name__)


class PatientServer(PyWSGIServer):  # type: ignore[misc]
    """gunicorn's gevent server, which waits for a descriptor."""

    def do_read(self) -> Any:
        """Return a connection and its address, or None when there is none now."""
        try:
            return super().do_read()
        except OSError as error:
            if error.errno not in EXHAUSTED:
                raise
            _log_exhausted(error)
            self.stop_accepting()
            self._timer = self.loop.timer(PAUSE_S)
            self._timer.start(self._start_accepting_if_started)
            return None


class Handler(LimitedHandler):
    """The handler that hands an `EventStream`'s socket over."""

    def log_request(self) -> None:
        """Log the request, where an access log is set."""
        if self.server.log.cfg.accesslog:
            super().log_request()

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
            _log_exhausted(error)
        else:
            self.result.hand_over(fd)

    def _hands_over(self) -> bool:
        return isinstance(self.result, EventStream) and type(self.socket) is GeventSocket


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
            gevent.sleep(_ALIVE_CHECK_S)
        Handler.end_all()
        self.drain()


def _log_exhausted(error: OSError) -> None:
    log.warning("a connection has to wait: %s (see ulimit -n)", error)
