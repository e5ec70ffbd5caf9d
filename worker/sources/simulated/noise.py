"""Value noise: a smooth random function of a number, the same in every process.

At whole numbers it is a random value from -1 to 1, in between a smooth blend of
both neighbours. The random values are hashes, so every point costs the same and
no state is kept.

See https://en.wikipedia.org/wiki/Value_noise
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b
from math import floor
from struct import Struct

BLOCK = 16
"""Values from one hash: neighbouring ones are mostly needed together."""

_unpack = Struct(f">{BLOCK}I").unpack


class Noise:
    """Any number of named noises, all determined by one seed."""

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def at(self, name: str, x: float) -> float:
        """Return the noise *name* at *x*, from -1 to 1."""
        n = floor(x)
        part = x - n
        blend = part * part * (3 - 2 * part)
        block, place = divmod(n, BLOCK)
        values = _block(self._seed, name, block)
        before = values[place]
        is_last = place == BLOCK - 1
        after = _block(self._seed, name, block + 1)[0] if is_last else values[place + 1]
        return (before + (after - before) * blend) / 2**31 - 1

    def lattice(self, name: str, n: int) -> float:
        """Return the random value of *name* at the whole number *n*, from -1 to 1."""
        block, place = divmod(n, BLOCK)
        return _block(self._seed, name, block)[place] / 2**31 - 1


@lru_cache(maxsize=4096)
def _block(seed: int, name: str, block: int) -> tuple[int, ...]:
    """Return `BLOCK` random values from 0 up to 2**32."""
    return _unpack(blake2b(f"{seed} {name} {block}".encode(), digest_size=4 * BLOCK).digest())
