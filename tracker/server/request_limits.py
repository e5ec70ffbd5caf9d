"""Limits on requests before the application sees them: bytes, fields and seconds.

gevent's handler waits without a limit, reads whatever is sent, and logs a
traceback for what it cannot parse. Here a request is complete in time and small,
or it gets an error that says what is accepted, and its connection ends. Whatever
a proxy in front may parse differently is refused: more than one Host or
Content-Length, lengths that are not digits, and any Transfer-Encoding.

gunicorn's own parser (27.0) is no replacement: it has no time limits, and accepts 13 of
the 40 requests that `tests/server` has refused.

It knows no address and no view. See https://www.rfc-editor.org/rfc/rfc9112 (the
syntax) and https://www.rfc-editor.org/rfc/rfc6585#section-5 (431).
"""

from __future__ import annotations

import io
import json
import logging
import re
from contextlib import suppress
from http import HTTPStatus
from socket import SHUT_RD, SHUT_WR
from typing import Any, ClassVar

import gevent
from gevent.pywsgi import Input
from gunicorn.workers.ggevent import PyWSGIHandler

IDLE_LIMIT = 10.0
"""Seconds that a connection may wait before its next request begins."""
LAST_LIMIT = 1.0
"""The same for a connection accepted after the process began to end."""
REQUEST_LIMIT = 10.0
"""Seconds from a request's first byte to its last."""
ANSWER_LIMIT = 30.0
"""Seconds that a part of an answer may wait for its reader to take it."""
LINGER = 2.0
"""Seconds in which a refused client may still send: a reset would lose the answer."""

MAX_LINE = 8 * 1024
"""Bytes that the request line stays below: the ids of all coins that can be followed fit in."""
MAX_HEAD = 16 * 1024
"""Bytes of all header fields."""
MAX_FIELDS = 99
"""Header fields: as many as `http.client`, which reads them, takes."""
MAX_BODY = 64 * 1024
"""Bytes of a body: nothing here takes more than a small form."""
MOST_IDLE = 0.75
"""Share of the places for requests that connections without one may hold."""

_LINE = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+ [\x21-\xff]+ HTTP/1\.[01]\r?\n")
_FIELD = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t\x20-\x7e\x80-\xff]*\r?\n")
_LENGTH = re.compile(r"[0-9]{1,18}")
_HOST = re.compile(r"[\w.~:%!$&'()*+,;=\[\]-]*", re.ASCII)
_ABSOLUTE = re.compile(r"https?://([^/?#]*)(.*)", re.IGNORECASE)

log = logging.getLogger(__name__)


class RefusedError(ValueError):
    """A request is refused with *status*; the answer says what would have been *accepted*."""

    def __init__(self, status: int, accepted: str) -> None:
        super().__init__(f"accepted: {accepted}")
        self.status = HTTPStatus(status)

    def answer(self) -> bytes:
        """Return the whole response, a problem as in RFC 9457."""
        status, title = self.status.value, self.status.phrase
        problem = {"type": "about:blank", "title": title, "status": status, "detail": str(self)}
        body = json.dumps(problem).encode()
        head = (
            f"HTTP/1.1 {status} {title}\r\n"
            "Content-Type: application/problem+json\r\n"
            "Cache-Control: no-store\r\n"
            "X-Content-Type-Options: nosniff\r\n"
            f"Content-Length: {len(body)}\r\n"
            "Connection: close\r\n\r\n"
        )
        return head.encode() + body


class LimitedHandler(PyWSGIHandler):  # type: ignore[misc]
    """gunicorn's gevent handler, for requests that are whole, small and in time."""

    idle: ClassVar[dict[LimitedHandler, None]] = {}
    """Handlers that wait for a request to begin or to be whole, the longest first."""
    ending: ClassVar[bool] = False
    """Whether a connection has its first request answered, and no other."""

    path: str
    wsgi_input: Any
    _limit = gevent.Timeout(None)
    _has_begun = False

    @classmethod
    def end_all(cls) -> None:
        """End all connections that wait for a request, now and from now on."""
        LimitedHandler.ending = True
        for handler in list(cls.idle):
            handler._hang_up()

    def handle(self) -> None:
        """Answer the connection's requests."""
        self.socket.settimeout(ANSWER_LIMIT)
        super().handle()

    def handle_one_request(self) -> Any:
        """Answer the next request; None ends the connection, True goes on."""
        if self.ending and self._has_begun:
            return None
        self._has_begun = False
        self._begin_to_wait(LAST_LIMIT if self.ending else IDLE_LIMIT)
        try:
            if not self.rfile.peek(1):
                return None
            self._has_begun = True
            self._begin_to_wait(REQUEST_LIMIT)
            return super().handle_one_request()
        except gevent.Timeout as error:
            if error is not self._limit:
                raise
            if self._has_begun:  # a connection that sent nothing gets no answer
                self._refuse(RefusedError(408, f"requests within {REQUEST_LIMIT:.0f} s"))
        except RefusedError as refusal:
            self._refuse(refusal)
        except OSError:  # it hung up
            pass
        finally:
            self._end_wait()
        return None

    def read_requestline(self) -> str:
        """Return the first line. Raises `RefusedError`."""
        line: bytes = self.rfile.readline(MAX_LINE)
        if len(line) == MAX_LINE:
            raise RefusedError(414, f"a request line below {MAX_LINE} bytes")
        if not line.endswith(b"\n"):
            raise ConnectionResetError("the peer ended in the middle of a request")
        if not _LINE.fullmatch(line):
            raise RefusedError(400, "a request line as GET /stream HTTP/1.1")
        return line.decode("latin-1")

    def read_request(self, raw_requestline: str) -> bool:
        """Read the head. Raises `RefusedError`."""
        super().read_request(raw_requestline)
        self._read_host()
        lengths = self.headers.get_all("content-length", [])
        if "transfer-encoding" in self.headers:
            raise RefusedError(411, "bodies with Content-Length")
        if len(lengths) > 1 or not all(map(_LENGTH.fullmatch, lengths)):
            raise RefusedError(400, "one Content-Length, in digits")
        if (self.content_length or 0) > MAX_BODY:
            raise RefusedError(413, f"bodies of {MAX_BODY} bytes")
        return True

    def _read_host(self) -> None:
        """Check the Host; that of an address with one counts instead (RFC 9112, §3.2.2)."""
        hosts = self.headers.get_all("host", [])
        if len(hosts) > 1 or not (hosts or self.request_version == "HTTP/1.0"):
            raise RefusedError(400, "one Host")
        if absolute := _ABSOLUTE.fullmatch(self.path):
            hosts = [absolute[1]]
            del self.headers["host"]
            self.headers["Host"] = absolute[1]
            self.path = absolute[2] if absolute[2].startswith("/") else f"/{absolute[2]}"
        if not all(map(_HOST.fullmatch, hosts)) or (absolute and not absolute[1]):
            raise RefusedError(400, "a Host as example.com:8000")

    def MessageClass(self, *args: Any) -> Any:
        """Return the header fields, read from the connection. Raises `RefusedError`."""
        return super().MessageClass(_read_fields(self.rfile))

    def get_environ(self) -> dict[str, Any]:
        """Return the WSGI environment with the whole body in it; the limit is over."""
        environ: dict[str, Any] = super().get_environ()
        body = self.wsgi_input.read()  # says `100 Continue` where that is waited for
        self.wsgi_input = environ["wsgi.input"] = Input(io.BytesIO(body), len(body))
        self._end_wait()
        return environ

    def handle_error(self, kind: type, error: BaseException, traceback: Any) -> None:
        """Log an error of the application; a peer that takes no answer is only disconnected."""
        if isinstance(error, TimeoutError):
            self.close_connection = True
        else:
            super().handle_error(kind, error, traceback)

    def _handle_client_error(self, error: Exception) -> Any:
        """Raise what gevent would log."""
        if isinstance(error, RefusedError | OSError):
            raise error
        raise RefusedError(400, "a request of HTTP/1.1") from error

    def _begin_to_wait(self, seconds: float) -> None:
        """Give up after *seconds*; where too many wait, the longest gives up now."""
        self._end_wait()
        self.idle[self] = None
        self._limit = gevent.Timeout.start_new(seconds)
        size = self.server.pool.size if self.server.pool is not None else None
        if size and len(self.idle) > max(1, size * MOST_IDLE):
            longest = next(iter(self.idle))
            del self.idle[longest]
            longest._hang_up()

    def _end_wait(self) -> None:
        self._limit.close()
        self.idle.pop(self, None)

    def _hang_up(self) -> None:
        with suppress(OSError):
            self.socket.shutdown(SHUT_RD)

    def _refuse(self, refusal: RefusedError) -> None:
        """Answer, and read on for a little while: a reset would cost the peer the answer."""
        self._end_wait()
        log.debug("%s of %s: %s", refusal.status.value, self.client_address, refusal)
        with suppress(OSError), gevent.Timeout(LINGER, False):
            self.socket.sendall(refusal.answer())
            self.socket.shutdown(SHUT_WR)
            while self.socket.recv(MAX_BODY):
                pass


def _read_fields(rfile: io.BufferedReader) -> io.BytesIO:
    """Return the lines up to the empty one. Raises `RefusedError`."""
    head = b""
    count = 0
    while (line := rfile.readline(MAX_HEAD + 1)) not in (b"\r\n", b"\n"):
        head += line
        count += 1
        if len(head) > MAX_HEAD or count > MAX_FIELDS:
            raise RefusedError(431, f"{MAX_FIELDS} header fields, {MAX_HEAD} bytes in all")
        if not line.endswith(b"\n"):
            raise ConnectionResetError("the peer ended in the middle of a request")
        if not _FIELD.fullmatch(line):
            raise RefusedError(400, "header fields as Name: value")
    return io.BytesIO(head + b"\r\n")
