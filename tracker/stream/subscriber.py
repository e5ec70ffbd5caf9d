"""One reader: its socket, its variant, and how far it has read.

While it keeps up it is only a socket in a set. When the kernel takes less than
a whole frame, *pending* is that frame (the bytes all share, not a copy) and
*offset* how much of it has gone; *position* is the next frame in the buffer.
"""

import _socket
import time
from dataclasses import dataclass, field

from tracker.stream.frames import GZIP_HEADER, ControlFrame, Variant, gzip_block
from tracker.stream.screen import Screen


@dataclass(slots=True, eq=False)
class Subscriber:
    """A reader of the hub, which alone changes it."""

    sock: _socket.socket
    variant: Variant
    client: str
    fd: int = field(init=False)
    pending: bytes = b""
    offset: int = 0
    position: int = 0
    cursor: int | None = None
    """The id of the newest frame it was given: what it missed begins there."""
    retained: ControlFrame | Screen | None = None
    """The retained frame, or the screen, that it was given."""
    moved_at: float = field(default_factory=time.monotonic)
    """When it last took a byte, while it is behind, in monotonic seconds."""

    def __post_init__(self) -> None:
        self.fd = self.sock.fileno()

    def encoded(self, private: bytes, *, opening: bool = False) -> bytes:
        """Return *private*, bytes for this reader alone, in its encoding.

        With *opening* they are the first bytes of its stream.
        """
        if not self.variant.gzip:
            return private
        return (GZIP_HEADER if opening else b"") + gzip_block(private)
