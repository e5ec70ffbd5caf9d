"""The places for readers: counted here and nowhere else, by the hub under its lock."""

from collections import Counter
from collections.abc import Collection
from typing import Literal, NoReturn, TypeVar

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

T = TypeVar("T")


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
        if _is_choice(variant):
            self._check_choice(client, variant.plain)
            self._choices.setdefault(client, Counter())[variant.plain] += 1
        self._clients[client] += 1
        self.variants[variant] += 1

    def leave(self, client: str, variant: Variant) -> None:
        """Count a reader out that was counted in."""
        _count_down(self._clients, client)
        _count_down(self.variants, variant)
        if _is_choice(variant):
            _count_down(self._choices[client], variant.plain)
            if not self._choices[client]:
                del self._choices[client]

    def _refuse(self, why: Refusal, message: str) -> NoReturn:
        self.refused[why] += 1
        raise NotAdmittedError(why, message)

    def _check_choice(self, client: str, choice: Variant) -> None:
        """Raise `NotAdmittedError` if *choice* is one too many, of all or of the *client*'s."""
        most = MAX_SCREENS if choice.is_screen else MAX_CHOICES
        left_out = "all parameters" if choice.is_screen else "`coins`"
        if _is_too_many(choice, {variant.plain for variant in self.variants}, most):
            self._refuse(
                "choices", f"too many different choices are being read; leave {left_out} out"
            )
        if _is_too_many(choice, self._choices.get(client, ()), most * MOST_OF_A_CLIENT):
            many = f"your address {client} reads too many different choices"
            self._refuse("choices", f"{many}; leave {left_out} out")


def _is_choice(variant: Variant) -> bool:
    """Return whether *variant* is not the usual one of its form."""
    return bool(variant.topics or variant.screen)


def _is_too_many(choice: Variant, read: Collection[Variant], most: float) -> bool:
    """Return whether *choice* is none of those *read*, of which *most* have its form already."""
    if choice in read:
        return False
    return sum(_is_choice(one) and one.is_screen == choice.is_screen for one in read) >= most


def _count_down(counter: Counter[T], key: T) -> None:
    """Take one of *key* from *counter*, which has no zeros."""
    counter[key] -= 1
    if not counter[key]:
        del counter[key]
