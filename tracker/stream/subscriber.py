"""One reader: its socket, its variant, and how far it has read.

While it keeps up it is only a socket in a set. When the kernel takes less than
a whole frame, *pending* is that frame (the bytes all share, not a copy) and
*offset* how much of it has gone; *position* is the next frame in the buffer.
"""

from __future__ import annotations

import _socket
import time

from tracker.stream.frames import GZIP_HEADER, ControlFrame, Variant, gzip_block


class Subscriber:
    """A reader of the hub, which alone changes it."""

    __slots__ = (
        "client",
        "cursor",
        "fd",
        "moved_at",
        "offset",
        "pending",
        "position",
        "retained",
        "sock",
        "variant",
    )

    def __init__(self, sock: _socket.socket, variant: Variant, client: str) -> None:
        self.sock = sock
        self.fd = sock.fileno()
        self.variant = variant
        self.client = client
        self.pending = b""
        self.offset = 0
        self.position = 0
        self.cursor: int | None = None
        """The id of the newest frame it was given: what it missed begins there."""
        self.retained: ControlFrame | None = None
        """The retained frame that it was given."""
        self.moved_at = time.monotonic()
        """When it last took a byte, while it is behind, in monotonic seconds."""

    def encoded(self, private: bytes) -> bytes:
        """Return *private*, bytes for this reader alone, in its encoding."""
        return gzip_block(private) if self.variant.gzip else private

    def opening(self, private: bytes) -> bytes:
        """Return *private* as the first bytes of this reader's stream."""
        return GZIP_HEADER + gzip_block(private) if self.variant.gzip else private

    @property
    def left(self) -> int:
        """Bytes of what is pending that have not gone."""
        return len(self.pending) - self.offset

    def push(self) -> bool:
        """Send what is pending; True when all of it has gone. Raises `OSError`."""
        while self.offset < len(self.pending):
            try:
                sent = self.sock.send(memoryview(self.pending)[self.offset :])
            except BlockingIOError:
                return False
            self.offset += sent
            self.moved_at = time.monotonic()
        self.pending, self.offset = b"", 0
        return True
