"""A strict reader of one event stream over HTTP: standard library only, so that it runs anywhere.

It parses as the standard says and keeps what others throw away: comments, `retry` and
unknown fields. It knows nothing of prices.
See https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
"""

import http.client
import re
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple, Self
from urllib.parse import urlsplit

LINE_END = re.compile(rb"\r\n|\n|\r")


class Event(NamedTuple):
    """One dispatched event; *at* is when it was read, in monotonic seconds."""

    type: str
    data: str
    id: str | None
    at: float


@dataclass(slots=True)
class Transcript:
    """All that a stream said: events in order, and what belongs to none."""

    events: list[Event] = field(default_factory=list)
    retries: list[str] = field(default_factory=list)
    order: list[str] = field(default_factory=list)
    """The kinds in order: `retry`, `comment`, or an event's type."""
    faults: list[str] = field(default_factory=list)
    """What the standard has no sense for, or a browser would ignore."""

    def of(self, type: str) -> list[Event]:
        """Return the events of one *type*."""
        return [event for event in self.events if event.type == type]


class Parser:
    """Bytes in, in pieces of any size; a `Transcript` out."""

    def __init__(self) -> None:
        self.transcript = Transcript()
        self._rest = b""
        self._fields: dict[bytes, list[str]] = {}

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes. A CR at the end waits: an LF may belong to it."""
        self._rest += chunk
        while found := LINE_END.search(self._rest):
            if found.group() == b"\r" and found.end() == len(self._rest):
                return
            line, self._rest = self._rest[: found.start()], self._rest[found.end() :]
            self._line(line)

    def _line(self, line: bytes) -> None:
        said = self.transcript
        name, _, value = line.partition(b":")
        try:
            text = value.removeprefix(b" ").decode()
        except UnicodeDecodeError as error:
            said.faults.append(f"not UTF-8: {error}")
            return
        if not line:
            self._dispatch()
        elif not name:
            said.order.append("comment")
        elif name == b"retry":
            said.retries.append(text)
            said.order.append("retry")
            if not (text.isascii() and text.isdigit()):
                said.faults.append(f"retry takes digits only: {text[:40]!r}")
        elif name not in (b"data", b"event", b"id"):
            said.faults.append(f"a field that no reader knows: {name[:40]!r}")
        elif name == b"id" and "\0" in text:
            said.faults.append("an id with NUL is ignored")
        else:
            self._fields.setdefault(name, []).append(text)

    def _dispatch(self) -> None:
        fields, self._fields = self._fields, {}
        if b"data" in fields:
            type, id = fields.get(b"event", ["message"])[-1], fields.get(b"id", [None])[-1]
            event = Event(type, "\n".join(fields[b"data"]), id, at=time.monotonic())
            self.transcript.events.append(event)
            self.transcript.order.append(type)
        elif fields:
            self.transcript.faults.append(f"an event without data is not dispatched: {fields}")


class Stream:
    """One request to *url* and what comes back; for a `with` block. Raises `OSError`."""

    def __init__(
        self, url: str, *, method: str = "GET", timeout: float = 10.0, **headers: str
    ) -> None:
        parts = urlsplit(url)
        is_tls = parts.scheme == "https"
        connection = http.client.HTTPSConnection if is_tls else http.client.HTTPConnection
        self._connection = connection(parts.netloc, timeout=timeout)
        target = parts._replace(scheme="", netloc="", path=parts.path or "/").geturl()
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        self._connection.request(method, target, headers={"Accept": "text/event-stream"} | sent)
        # The response takes the socket with it when the server says that it will close.
        self._socket = self._connection.sock
        self.response = self._connection.getresponse()
        self._gunzip = zlib.decompressobj(31) if self.header("Content-Encoding") == "gzip" else None
        self._parser = Parser()
        self.said = self._parser.transcript
        """What was read so far."""
        self.ended = False

    def header(self, name: str) -> str:
        """Return a header of the answer in lower case, `` when there is none."""
        return (self.response.getheader(name) or "").lower()

    def read_until(self, done: Callable[[Transcript], bool], limit: float) -> bool:
        """Read until *done*, or for *limit* seconds; return whether it is."""
        end = time.monotonic() + limit
        while not done(self.said) and not self.ended:
            if (left := end - time.monotonic()) <= 0:
                return False
            self._socket.settimeout(max(left, 0.001))
            try:
                chunk = self.response.read1(65536)
            except TimeoutError:
                continue
            self.ended = not chunk
            self._parser.feed(self._gunzip.decompress(chunk) if self._gunzip else chunk)
        return done(self.said)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.response.close()
        self._connection.close()
