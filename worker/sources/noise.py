"""Value noise: a smooth random function of a number, the same in every process.

At whole numbers it is a random value from -1 to 1, between them a smooth
blend of both neighbours. The randomness is a hash, so any point costs the
same and nothing has to be kept.

See https://en.wikipedia.org/wiki/Value_noise
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b
from math import floor
from struct import unpack

BLOCK = 16
"""How many values one hash gives: neighbours are mostly asked for together."""


class Noise:
    """Any number of noises, each with a name, that all follow from one seed."""

    def __init__(self, seed: int) -> None:
        """Start from *seed*: the same one gives the same noises."""
        self._seed = seed

    def at(self, name: str, x: float) -> float:
        """Return the noise *name* at *x*, from -1 to 1."""
        n = floor(x)
        part = x - n
        blend = part * part * (3 - 2 * part)
        before = self.lattice(name, n)
        return before + (self.lattice(name, n + 1) - before) * blend

    def lattice(self, name: str, n: int) -> float:
        """Return the random value of *name* at the whole number *n*, from -1 to 1."""
        block, place = divmod(n, BLOCK)
        return _block(self._seed, name, block)[place] / 2**31 - 1


@lru_cache(maxsize=4096)
def _block(seed: int, name: str, block: int) -> tuple[int, ...]:
    """Return `BLOCK` random values from 0 up to 2**32."""
    key = f"{seed} {name} {block}".encode()
    return unpack(f">{BLOCK}I", blake2b(key, digest_size=4 * BLOCK).digest())
