"""A terminal that shows what it is sent, as somebody would see it: pyte's."""

import pyte


class Terminal:
    """A terminal of so many *rows* and *columns*, in which somebody had worked."""

    def __init__(self, rows: int = 24, columns: int = 80) -> None:
        self._screen = pyte.HistoryScreen(columns, rows)
        self._stream = pyte.ByteStream(self._screen)
        self.feed(b"$ make run\r\n$ curl -N localhost:8000/watch\r\n")

    def feed(self, *sent: bytes) -> None:
        """Let it have what was *sent*."""
        for data in sent:
            self._stream.feed(data)

    @property
    def lines(self) -> list[str]:
        """What is to be seen, without the blank lines below."""
        return "\n".join(line.rstrip() for line in self._screen.display).rstrip("\n").split("\n")

    @property
    def cursor(self) -> tuple[int, int]:
        """The cursor's row and column, from 0."""
        return self._screen.cursor.y, self._screen.cursor.x

    @property
    def scrolled(self) -> int:
        """How many lines have gone from its top."""
        return len(self._screen.history.top)

    @property
    def wraps(self) -> bool:
        """Whether a long line goes on in the next row, as before."""
        return pyte.modes.DECAWM in self._screen.mode
