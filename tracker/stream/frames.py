"""Server-Sent Events frames: how one message looks on the wire.

A frame is `field: value` lines ended by a blank line. Only CR, LF and CRLF end
a line here; `str.splitlines` also breaks on U+2028, so it must not be used.

Nothing here does I/O, knows Flask, or knows what a price is.
See https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

import re
import zlib
from collections.abc import Callable
from functools import cached_property
from typing import Any, NamedTuple, Self

HEARTBEAT = b":\n"
"""A comment: no event fires, but proxies and dead sockets notice it.

Without a blank line, on which some clients fire an empty event.
"""

GZIP_HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
"""The start of a gzip stream without name or time (RFC 1952, 2.3)."""

_LINE_END = re.compile("\r\n|\r|\n")
_GZIP_LEVEL = 6


class FrameError(ValueError):
    """A message cannot be written as a frame."""


class Variant(NamedTuple):
    """What a subscriber gets: the *topics* of each message, without any the whole, or as gzip.

    They come as events; with *screen*, which is how it is wanted, they are drawn on one.
    """

    topics: tuple[str, ...] = ()
    gzip: bool = False
    screen: tuple[Any, ...] | None = None

    @property
    def is_screen(self) -> bool:
        """Whether it is drawn, and does not come as events."""
        return self.screen is not None

    @property
    def plain(self) -> Self:
        """The same, not as gzip."""
        return self._replace(gzip=False)


class LastEventId(NamedTuple):
    """What a returning reader says that it got last: the *text* of it, and the id if it is one."""

    text: str
    id: int | None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return *text* parsed: an id as frames carry it is digits alone."""
        is_id = text.isascii() and text.isdigit() and len(text) < 20
        return cls(text, int(text) if is_id else None)


class ControlFrame:
    """Bytes that every reader gets alike and that are never replayed: a state, a heartbeat."""

    def __init__(self, plain: bytes) -> None:
        self.plain = plain

    def bytes_for(self, variant: Variant) -> bytes:
        """Return the bytes for *variant*; its topics make no difference."""
        return self._zipped if variant.gzip else self.plain

    @cached_property
    def _zipped(self) -> bytes:
        return gzip_block(self.plain)


class Frame:
    """One message with an id, made into bytes once for each variant, when first asked for.

    *render* takes a variant's topics and returns what `encode` gives for it.
    """

    __slots__ = ("_keeps_topics", "_made", "_render", "id")

    def __init__(self, id: int, render: Callable[[tuple[str, ...]], bytes]) -> None:
        self.id = id
        self._render = render
        self._made: dict[Variant, bytes] = {}
        self._keeps_topics = True

    def bytes_for(self, variant: Variant) -> bytes:
        """Return the bytes for *variant*."""
        made = self._made.get(variant)
        if made is None:
            if variant.gzip:
                made = gzip_block(self.bytes_for(variant.plain))
            else:
                made = self._render(variant.topics)
            if self._keeps_topics or not variant.topics:
                self._made[variant] = made
        return made

    def forget_topics(self) -> None:
        """Free what was made for some topics, and keep none: few readers come late."""
        self._keeps_topics = False
        self._made = {variant: made for variant, made in self._made.items() if not variant.topics}


def encode(data: str, *, event: str | None = None, id: int | None = None) -> bytes:
    """Return *data* as one frame, ready for the socket.

    Pass *id* only for what can be replayed: it comes back as Last-Event-ID. Raises
    `FrameError` if *event* holds a line break, which would let a message forge
    further fields, or if *data* is empty, which no browser would dispatch.
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
    """Return the line that sets the reader's reconnect delay, before a frame or at the end.

    Without a blank line of its own, on which some clients fire an empty event.
    """
    return b"retry: %d\n" % milliseconds


def comment(text: str) -> bytes:
    """Return *text* as a comment, which no program acts on but a person may read."""
    return "".join(f": {line}\n" for line in _LINE_END.split(text)).encode()


def gzip_block(data: bytes) -> bytes:
    """Return *data* as a piece of a gzip stream that refers back to nothing (a full flush).

    So pieces can be made once and sent to readers who came at different times.
    """
    deflate = zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
    return deflate.compress(data) + deflate.flush(zlib.Z_FULL_FLUSH)
