"""The places for readers: counted here and nowhere else, by the hub under its lock."""

from collections import Counter
from typing import Literal, NoReturn

from tracker.stream.frames import Variant
from tracker.stream.stats import Kind, kind_of

MAX_CHOICES = 256
"""Distinct topics read at one time: each costs a rendering per frame."""

Refusal = Literal["full", "address", "choices"]
"""No place is left in the process, or for the address, or too many distinct topics are read."""
REFUSALS: tuple[Refusal, ...] = ("full", "address", "choices")


class NotAdmittedError(Exception):
    """A reader is refused: *why* is for the metrics, the message for the reader."""

    def __init__(self, why: Refusal, message: str) -> None:
        super().__init__(message)
        self.why = why


class Admission:
    """At most *limit* readers in all, and *per_client* from one address."""

    def __init__(self, *, limit: int, per_client: int) -> None:
        self.limit = limit
        self.per_client = per_client
        self.variants: Counter[Variant] = Counter()
        """Readers now, by variant; those whose response is just beginning count as well."""
        self.refused: Counter[Refusal] = Counter()
        """Readers refused so far."""
        self._clients: Counter[str] = Counter()

    @property
    def total(self) -> int:
        """Readers now."""
        return self.variants.total()

    def present(self, kind: Kind) -> int:
        """Return how many readers of *kind* there are now."""
        variants = list(self.variants.items())
        return sum(readers for variant, readers in variants if kind_of(variant) == kind)

    def enter(self, client: str, variant: Variant) -> None:
        """Count a reader of *variant* from the address *client* in. Raises `NotAdmittedError`."""
        if self.total >= self.limit:
            self._refuse("full", f"this server has its {self.limit} readers")
        if self._clients[client] >= self.per_client:
            self._refuse("address", f"your address {client} has its {self.per_client} readers here")
        if not self._accepts(variant.topics):
            self._refuse(
                "choices",
                "too many different choices of coins are being read; leave `coins` out for all",
            )
        self._clients[client] += 1
        self.variants[variant] += 1

    def leave(self, client: str, variant: Variant) -> None:
        """Count a reader out that was counted in."""
        self._clients[client] -= 1
        if not self._clients[client]:
            del self._clients[client]
        self.variants[variant] -= 1
        if not self.variants[variant]:
            del self.variants[variant]

    def _refuse(self, why: Refusal, message: str) -> NoReturn:
        self.refused[why] += 1
        raise NotAdmittedError(why, message)

    def _accepts(self, topics: tuple[str, ...]) -> bool:
        if not topics or len(self.variants) < MAX_CHOICES:
            return True
        read = {variant.topics for variant in self.variants} - {()}
        return topics in read or len(read) < MAX_CHOICES
