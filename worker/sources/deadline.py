"""A deadline for all that a response is read from: its head, its chunks, its compression.

`requests` limits each wait for data and nothing in total: a server that sends a byte a second,
be it of a header or of a chunk's length, would hold its reader for ever.
"""

import io
import threading
from http.client import HTTPResponse
from time import monotonic
from typing import TYPE_CHECKING, Any

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_thread = threading.local()


def set_deadline(at: float) -> None:
    """Let what this thread reads from now on end *at* this time, in monotonic seconds."""
    _thread.deadline = at


class DeadlineAdapter(HTTPAdapter):
    """Its connections raise `TimeoutError` when a response is not whole at the deadline."""

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> Any:
        """Return the pool of connections for a request."""
        pool: Any = super().get_connection_with_tls_context(*args, **kwargs)
        pool.ConnectionCls = _CONNECTIONS.get(pool.ConnectionCls, pool.ConnectionCls)
        return pool


class _Socket(io.RawIOBase):
    """What *raw* receives, each wait no longer than the socket's own timeout and the deadline."""

    def __init__(self, raw: io.RawIOBase, connection: Any) -> None:
        self._raw, self._connection = raw, connection
        self._deadline, self._read_s = _thread.deadline, connection.gettimeout()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer", /) -> int | None:
        left_s = self._deadline - monotonic()
        if left_s <= 0:
            raise TimeoutError("the deadline is over")
        self._connection.settimeout(min(left_s, self._read_s))
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Response(HTTPResponse):
    def __init__(self, sock: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp = io.BufferedReader(_Socket(self.fp.detach(), sock))


class _HTTPConnection(HTTPConnection):
    response_class = _Response


class _HTTPSConnection(HTTPSConnection):
    response_class = _Response


_CONNECTIONS = {HTTPConnection: _HTTPConnection, HTTPSConnection: _HTTPSConnection}
