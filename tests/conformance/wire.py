"""A strict reader of one event stream over HTTP: standard library only, so that it runs anywhere.

It parses as the standard says and keeps what others throw away: comments, `retry`,
unknown fields and what kind of line ends there were. It knows nothing of prices.
See https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
"""

from __future__ import annotations

import http.client
import re
import ssl
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

LINE_END = re.compile(rb"\r\n|\n|\r")
FIELDS = (b"data", b"event", b"id", b"retry")


@dataclass(frozen=True, slots=True)
class Event:
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
    comments: list[float] = field(default_factory=list)
    """When each comment came."""
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
        self._fields: dict[bytes, list[bytes]] = {}

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
        try:
            line.decode()
        except UnicodeDecodeError as error:
            said.faults.append(f"not UTF-8: {error}")
            return
        if not line:
            self._dispatch()
        elif line.startswith(b":"):
            said.comments.append(time.monotonic())
            said.order.append("comment")
        else:
            name, _, value = line.partition(b":")
            self._field(name, value.removeprefix(b" "))

    def _field(self, name: bytes, value: bytes) -> None:
        said = self.transcript
        if name not in FIELDS:
            said.faults.append(f"a field that no reader knows: {name[:40]!r}")
        elif name == b"retry":
            said.retries.append(value.decode())
            said.order.append("retry")
            if not value.isdigit():
                said.faults.append(f"retry takes digits only: {value[:40]!r}")
        elif name == b"id" and b"\0" in value:
            said.faults.append("an id with NUL is ignored")
        else:
            self._fields.setdefault(name, []).append(value)

    def _dispatch(self) -> None:
        fields, self._fields = self._fields, {}
        if not fields:
            return
        if b"data" not in fields:
            self.transcript.faults.append(f"an event without data is not dispatched: {fields}")
            return
        event = Event(
            type=(fields.get(b"event") or [b"message"])[-1].decode(),
            data=b"\n".join(fields[b"data"]).decode(),
            id=fields[b"id"][-1].decode() if b"id" in fields else None,
            at=time.monotonic(),
        )
        self.transcript.events.append(event)
        self.transcript.order.append(event.type)


class Stream:
    """One request to *url* and what comes back; for a `with` block. Raises `OSError`."""

    def __init__(
        self, url: str, *, method: str = "GET", timeout: float = 10.0, **headers: str
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme == "https":
            context = ssl.create_default_context()
            self._connection: http.client.HTTPConnection = http.client.HTTPSConnection(
                parts.netloc, timeout=timeout, context=context
            )
        else:
            self._connection = http.client.HTTPConnection(parts.netloc, timeout=timeout)
        target = f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}"
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        self._connection.request(method, target, headers={"Accept": "text/event-stream"} | sent)
        # The response takes the socket with it when the server says that it will close.
        self._socket = self._connection.sock
        self.response = self._connection.getresponse()
        self._gunzip = zlib.decompressobj(31) if self.header("Content-Encoding") == "gzip" else None
        self._parser = Parser()
        self.ended = False

    def header(self, name: str) -> str:
        """Return a header of the answer in lower case, `` when there is none."""
        return (self.response.getheader(name) or "").lower()

    @property
    def said(self) -> Transcript:
        """What was read so far."""
        return self._parser.transcript

    def read_until(self, done: Callable[[Transcript], bool], limit: float) -> bool:
        """Read until *done*, or for *limit* seconds; return whether it is."""
        end = time.monotonic() + limit
        while not done(self.said) and not self.ended:
            left = end - time.monotonic()
            if left <= 0:
                return False
            self._read(left)
        return done(self.said)

    def _read(self, limit: float) -> None:
        self._socket.settimeout(max(limit, 0.001))
        try:
            chunk = self.response.read1(65536)
        except TimeoutError:
            return
        self.ended = not chunk
        self._parser.feed(self._gunzip.decompress(chunk) if self._gunzip else chunk)

    def close(self) -> None:
        """Hang up."""
        self.response.close()
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
