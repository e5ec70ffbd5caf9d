"""Value noise: a smooth random function of a number, the same in every process.

At whole numbers it is a random value, in between a smooth blend of both neighbours.
The random values are hashes, so every point costs the same and no state is kept.
See https://en.wikipedia.org/wiki/Value_noise
"""

from functools import lru_cache
from hashlib import blake2b
from math import floor
from struct import Struct

SEED = 2009
"""Another seed makes another market."""
BLOCK = 16
"""Values from one hash: neighbouring ones are mostly needed together."""

_unpack = Struct(f">{BLOCK}I").unpack


def noise(name: str, x: float) -> float:
    """Return the noise *name* at *x*, from -1 to 1."""
    n = floor(x)
    part = x - n
    before, after = lattice(name, n), lattice(name, n + 1)
    return before + (after - before) * part * part * (3 - 2 * part)


def lattice(name: str, n: int) -> float:
    """Return the random value of *name* at the whole number *n*, from -1 to 1."""
    block, place = divmod(n, BLOCK)
    return _block(name, block)[place] / 2**31 - 1


@lru_cache(maxsize=4096)
def _block(name: str, block: int) -> tuple[int, ...]:
    """Return `BLOCK` random values from 0 up to 2**32."""
    return _unpack(blake2b(f"{SEED} {name} {block}".encode(), digest_size=4 * BLOCK).digest())
