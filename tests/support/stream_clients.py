"""The other end of a hub's socket: a reader that reads when it is told to."""

import _socket
import codecs
import json
import socket
import zlib
from typing import Any, Self

from httpx_sse import ServerSentEvent
from httpx_sse._decoders import SSEDecoder, SSELineDecoder

SMALLEST_BUFFER = 1
"""The kernel makes of it the least it allows: a few thousand bytes."""


def decode(chunks: list[bytes]) -> list[ServerSentEvent]:
    """Return the events in *chunks*, as httpx-sse understands them."""
    lines, events = SSELineDecoder(), SSEDecoder()
    # A chunk may end in the middle of a character.
    text = codecs.iterdecode(chunks, "utf-8")
    decoded = (events.decode(line) for chunk in text for line in lines.decode(chunk))
    return [event for event in decoded if event is not None]


class Reader:
    """A reader over a real socket pair; *ours* is the end to give to the hub."""

    def __init__(self, *, gzip: bool = False, buffer: int | None = None) -> None:
        near, self.far = socket.socketpair()
        if buffer is not None:
            near.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, buffer)
        self.far.setblocking(False)
        self.ours = _socket.socket(fileno=near.detach())
        self.ours.setblocking(False)
        self._gunzip = zlib.decompressobj(31) if gzip else None
        self._lines, self._decoder = SSELineDecoder(), SSEDecoder()
        self.raw = b""
        self.events: list[ServerSentEvent] = []
        self.ended = False

    def read(self, most: int = 1 << 20) -> int:
        """Read up to *most* bytes of what is there; return how many there were."""
        try:
            data = self.far.recv(most)
        except BlockingIOError:
            return 0
        except ConnectionResetError:
            data = b""
        if not data:
            self.ended = True
        plain = self._gunzip.decompress(data) if self._gunzip else data
        self.raw += plain
        if plain:
            found = (self._decoder.decode(line) for line in self._lines.decode(plain.decode()))
            self.events += [event for event in found if event is not None]
        return len(data)

    def read_all(self) -> Self:
        """Read all that is there now."""
        while self.read():
            pass
        return self

    def close(self) -> None:
        """Hang up."""
        self.far.close()

    @property
    def ids(self) -> list[int]:
        """The ids of the messages and prices it got, in order."""
        return [int(event.id) for event in self.events if event.event in ("message", "prices")]

    @property
    def statuses(self) -> list[str]:
        """The data of each status it got."""
        return [event.data for event in self.events if event.event == "status"]

    @property
    def verdicts(self) -> list[dict[str, Any]]:
        """What it was told of its place in the stream."""
        return [json.loads(event.data) for event in self.events if event.event == "resume"]
