"""Who may still come in: so many subscribers in all, so many from one address."""

from __future__ import annotations

import threading
from collections import Counter
from typing import Literal

Refusal = Literal["full", "address", "choices"]
"""The process has no room, the address has its readers, or too many parts are looked at."""
REFUSALS: tuple[Refusal, ...] = ("full", "address", "choices")


class Admission:
    """Counts subscribers against the limits of this process."""

    def __init__(self, *, limit: int, per_client: int) -> None:
        self.limit = limit
        self.per_client = per_client
        self._lock = threading.Lock()
        self._clients: Counter[str] = Counter()
        self.total = 0
        self.refused: Counter[Refusal] = Counter()
        """How many were not let in so far."""

    def enter(self, client: str) -> str | None:
        """Count *client* (an address) in, or return why it may not enter."""
        with self._lock:
            if self.total >= self.limit:
                self.refused["full"] += 1
                return f"this server has its {self.limit} readers"
            if self._clients[client] >= self.per_client:
                self.refused["address"] += 1
                return f"your address {client} has its {self.per_client} readers here"
            self.total += 1
            self._clients[client] += 1
            return None

    def leave(self, client: str) -> None:
        """Count *client* out again."""
        with self._lock:
            self.total -= 1
            self._clients[client] -= 1
            if not self._clients[client]:
                del self._clients[client]
