"""One answer for all who ask at about the same time: who comes meanwhile waits for it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Shared(Generic[T]):
    """What *make* returns, made anew when it is older than *fresh_for* seconds."""

    def __init__(self, make: Callable[[], T], *, fresh_for: float = 1.0) -> None:
        self._make = make
        self._fresh_for = fresh_for
        self._lock = threading.Lock()
        self._made: list[T] = []
        self._made_at = 0.0

    def get(self) -> T:
        """Return the answer. Raises what *make* raises."""
        with self._lock:
            if not self._made or time.monotonic() - self._made_at > self._fresh_for:
                self._made = [self._make()]
                self._made_at = time.monotonic()
            return self._made[0]
