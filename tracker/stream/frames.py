"""Server-Sent Events frames: how one message looks on the wire.

A frame is `field: value` lines ended by a blank line. Only CR, LF and CRLF end
a line here; `str.splitlines` also breaks on U+2028, so it must not be used.

Nothing here does I/O, knows Flask, or knows what a price is.
See https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable
from typing import NamedTuple

HEARTBEAT = b":\n"
"""A comment: no event fires, but proxies and dead sockets notice it.

Without a blank line, on which some clients fire an empty event.
"""

GZIP_HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
"""The start of a gzip stream without name or time (RFC 1952, 2.3)."""

_LINE_END = re.compile("\r\n|\r|\n")
_GZIP_LEVEL = 6


class FrameError(ValueError):
    """A part of a message cannot be written as a frame."""


class Lens(NamedTuple):
    """What a subscriber sees: a *part* of each message, plain or gzip.

    An empty *part* is the whole message; what else it means is known only to
    the one who renders frames.
    """

    part: tuple[str, ...] = ()
    gzip: bool = False


class Notice:
    """Bytes that every reader gets alike and that are never replayed: a state, a heartbeat."""

    __slots__ = ("_gzip", "plain")

    def __init__(self, plain: bytes) -> None:
        self.plain = plain
        self._gzip: bytes | None = None

    def seen_through(self, lens: Lens) -> bytes:
        """Return the bytes for *lens*, whatever its part."""
        if not lens.gzip:
            return self.plain
        if self._gzip is None:
            self._gzip = gzip_block(self.plain)
        return self._gzip


class Frame:
    """One message with an id, made into bytes once for each lens, when first asked for.

    *render* takes a lens's part and returns what `encode` gives for it.
    """

    __slots__ = ("_keeps_parts", "_made", "_render", "id")

    def __init__(self, id: int, render: Callable[[tuple[str, ...]], bytes]) -> None:
        self.id = id
        self._render = render
        self._made: dict[Lens, bytes] = {}
        self._keeps_parts = True

    def seen_through(self, lens: Lens) -> bytes:
        """Return the bytes for *lens*."""
        made = self._made.get(lens)
        if made is None:
            if lens.gzip:
                made = gzip_block(self.seen_through(Lens(lens.part)))
            else:
                made = self._render(lens.part)
            if self._keeps_parts or not lens.part:
                self._made[lens] = made
        return made

    def forget_parts(self) -> None:
        """Free what was made for parts, and keep none: only latecomers ask from now on."""
        self._keeps_parts = False
        self._made = {lens: made for lens, made in self._made.items() if not lens.part}


def encode(data: str, *, event: str | None = None, id: int | None = None) -> bytes:
    """Return *data* as one frame, ready for the socket.

    Pass *id* only for what can be replayed: it comes back as Last-Event-ID.
    Raises `FrameError` if *event* holds a line break, which would let a
    message forge further fields, or if *data* is empty, which no browser
    would dispatch.
    """
    if not data:
        raise FrameError("an event without data is never dispatched: give it some")
    lines = []
    if event is not None:
        if _LINE_END.search(event):
            raise FrameError(f"a line break in the event's name {event!r}: leave it out")
        lines.append(f"event: {event}")
    if id is not None:
        lines.append(f"id: {id}")
    one_line = "\n" not in data and "\r" not in data  # most are, and splitting costs
    lines += [f"data: {line}" for line in ([data] if one_line else _LINE_END.split(data))]
    return "\n".join([*lines, "", ""]).encode()


def retry(milliseconds: int) -> bytes:
    """Return the line that sets the reader's reconnect delay, as soon as it is read.

    It goes before a frame, or at the end of a stream: without a blank line of
    its own, on which some clients fire an empty event.
    """
    return b"retry: %d\n" % milliseconds


def comment(text: str) -> bytes:
    """Return *text* as a comment, which no program acts on but a person may read."""
    return "".join(f": {line}\n" for line in _LINE_END.split(text)).encode()


def gzip_block(data: bytes) -> bytes:
    """Return *data* as a piece of a gzip stream that stands by itself.

    It ends at a byte with nothing to refer back to (a full flush), so pieces
    can be made once and sent to readers who came at different times.
    """
    deflate = zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
    return deflate.compress(data) + deflate.flush(zlib.Z_FULL_FLUSH)
