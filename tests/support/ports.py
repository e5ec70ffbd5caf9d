"""Ports of this run's own, so that runs side by side do not meet.

A port that was free a moment ago may be another's by now: a web takes most of a
second until it listens on it. So each process that runs tests, every worker of
pytest-xdist among them, has a block of ports to itself. The lowest of a block is
its lock: who listens on it has the block, until the process ends, however it does.
"""

import secrets
import socket
from contextlib import suppress

from dev import embedded_redis

BLOCK = 200
"""Ports for one process: so many that one just given back is seldom the next."""


def reserve(ports: range = embedded_redis.PORTS) -> tuple[socket.socket | None, range]:
    """Return a block out of *ports* with its lock; all of them and no lock if none is free."""
    blocks = [ports[start : start + BLOCK] for start in range(0, len(ports), BLOCK)]
    secrets.SystemRandom().shuffle(blocks)
    for block in blocks:
        with suppress(OSError):
            return socket.create_server((embedded_redis.HOST, block[0])), block[1:]
    return None, ports
