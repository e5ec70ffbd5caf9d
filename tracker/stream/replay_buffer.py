"""The replay buffer: the newest frames, shared by all readers that are behind.

Each frame has a position, counted from 0 since the process began; positions
never repeat and say nothing outside this process. Ids are what readers know.
A reader at a position below `start` has missed something.
"""

from collections import deque
from collections.abc import Iterable

from tracker.stream.frames import Frame


class ReplayBuffer:
    """The last *size* frames, found by position or by id."""

    def __init__(self, size: int) -> None:
        self._frames: deque[Frame] = deque(maxlen=size)
        self._position_of: dict[int, int] = {}
        self._last_gone: int | None = None
        self.end = 0
        """The position of the next frame."""

    @property
    def start(self) -> int:
        """The position of the oldest frame kept."""
        return self.end - len(self._frames)

    @property
    def newest(self) -> Frame | None:
        """The newest frame."""
        return self._frames[-1] if self._frames else None

    def append(self, frame: Frame, *, after_gap: bool = False) -> None:
        """Add *frame*, whose id is above all before; the oldest leaves a full buffer.

        *after_gap*: those before do not join on to it, so they leave, and its id is any.
        Raises `ValueError` if the id does not rise.
        """
        if after_gap:
            self._clear()
        if self.newest is not None and frame.id <= self.newest.id:
            raise ValueError(f"frame {frame.id} does not come after {self.newest.id}")
        if len(self._frames) == self._frames.maxlen:
            self._forget(self._frames[0])
        self._frames.append(frame)
        self._position_of[frame.id] = self.end
        self.end += 1

    def replace(self, frames: Iterable[Frame]) -> None:
        """Have *frames*, oldest first, in place of all: those behind have missed something.

        Raises `ValueError` if their ids do not rise.
        """
        self._clear()
        for frame in frames:
            self.append(frame)

    def __getitem__(self, position: int) -> Frame:
        """Return the frame at *position*. Raises `LookupError` if it has left."""
        if not self.start <= position < self.end:
            raise LookupError(position)
        return self._frames[position - self.start]

    def after(self, id: int) -> int | None:
        """Return the position after the frame *id*; None if what followed is not all here."""
        position = self._position_of.get(id)
        return None if position is None else position + 1

    def _clear(self) -> None:
        if not self._frames:
            return
        self._frames.clear()
        self._position_of.clear()
        self._last_gone = None
        self.end += 1  # no reader's next position: those behind have missed something

    def _forget(self, leaving: Frame) -> None:
        """Remember the leaving frame's id: all that followed it is still here."""
        if self._last_gone is not None:
            del self._position_of[self._last_gone]
        self._last_gone = leaving.id
