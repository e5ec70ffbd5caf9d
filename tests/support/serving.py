"""Any WSGI application on a port of its own, in threads."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread
from typing import TYPE_CHECKING

from werkzeug.serving import BaseWSGIServer, make_server

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication


@contextmanager
def serving(app: "WSGIApplication", port: int = 0) -> Iterator[BaseWSGIServer]:
    """Serve *app* on the loopback, on *port* or any that is free, the `port` of what is given."""
    with make_server("127.0.0.1", port, app, threaded=True) as server:
        thread = Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
