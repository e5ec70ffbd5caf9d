"""The places for readers: counted here and nowhere else, by the hub under its lock."""

from collections import Counter
from typing import Literal, NoReturn

from tracker.stream.frames import Variant
from tracker.stream.stats import Kind, kind_of

MAX_CHOICES = 256
"""Distinct topics read at one time: each costs a rendering per frame."""
MAX_SCREENS = 64
"""Distinct screens watched at one time: each costs a drawing, which is dearer."""
MOST_OF_A_CLIENT = 1 / 8
"""Share of these that the readers of one address may begin: else a stranger could take all."""

Refusal = Literal["full", "address", "choices"]
"""No place is left in the process, or for the address, or too many distinct variants are read."""
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
        self._choices: dict[str, Counter[Variant]] = {}
        """Choices of each client that are not the usual ones, plain, with their readers."""

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
        left_out = "`coins`" if variant.screen is None else "all parameters"
        if not self._accepts(variant):
            self._refuse(
                "choices", f"too many different choices are being read; leave {left_out} out"
            )
        if not self._is_within_share(client, variant):
            many = f"your address {client} reads too many different choices"
            self._refuse("choices", f"{many}; leave {left_out} out")
        self._clients[client] += 1
        self.variants[variant] += 1
        if variant.topics or variant.screen:
            self._choices.setdefault(client, Counter())[variant._replace(gzip=False)] += 1

    def leave(self, client: str, variant: Variant) -> None:
        """Count a reader out that was counted in."""
        self._clients[client] -= 1
        if not self._clients[client]:
            del self._clients[client]
        self.variants[variant] -= 1
        if not self.variants[variant]:
            del self.variants[variant]
        if variant.topics or variant.screen:
            choices = self._choices[client]
            choices[variant._replace(gzip=False)] -= 1
            choices += Counter()  # without those that nobody reads
            if not choices:
                del self._choices[client]

    def _refuse(self, why: Refusal, message: str) -> NoReturn:
        self.refused[why] += 1
        raise NotAdmittedError(why, message)

    def _accepts(self, variant: Variant) -> bool:
        """Return whether *variant* is the usual one of its form, or read already, or may be new."""
        most = _most(variant)
        if not (variant.topics or variant.screen) or len(self.variants) < most:
            return True
        same_form = (one for one in self.variants if type(one.screen) is type(variant.screen))
        read = {(one.topics, one.screen) for one in same_form if one.topics or one.screen}
        return (variant.topics, variant.screen) in read or len(read) < most

    def _is_within_share(self, client: str, variant: Variant) -> bool:
        """Return whether *client* may read *variant* besides what it reads already."""
        its = self._choices.get(client)
        if its is None or not (variant.topics or variant.screen):
            return True
        if variant._replace(gzip=False) in its:
            return True
        same_form = [one for one in its if type(one.screen) is type(variant.screen)]
        return len(same_form) < _most(variant) * MOST_OF_A_CLIENT


def _most(variant: Variant) -> int:
    """Return how many choices of the form of *variant* may be read."""
    return MAX_CHOICES if variant.screen is None else MAX_SCREENS
