"""Redis, and the way to it: the bell, and the queue of jobs. The truth is not there."""

from __future__ import annotations

import time

from tests.faults.breaks.processes import freeze
from tests.faults.harness.fault import LATER, STILL, Fault
from tests.faults.harness.product import Product


def restart(product: Product) -> None:
    """Kill Redis, and start one that knows nothing: no schedule, no queue."""
    product.redis.kill()
    product.redis.start()


def cut(product: Product) -> None:
    """Reset all connections to Redis, and refuse new ones."""
    product.to_redis.cut()
    time.sleep(4)
    product.to_redis.mend()


def swallow(product: Product) -> None:
    """Leave all connections to Redis open, and let nothing pass."""
    product.to_redis.swallow()
    time.sleep(7)
    product.to_redis.mend()


def slow(product: Product) -> None:
    """Let each packet to and from Redis take a third of a second."""
    product.to_redis.slow(0.3)
    time.sleep(6)
    product.to_redis.mend()


def fill(product: Product) -> None:
    """Let Redis have no memory left for anything new."""
    with product.redis_client() as client:
        client.config_set("maxmemory", "1")
        time.sleep(4)
        client.config_set("maxmemory", "0")


def kill_clients(product: Product) -> None:
    """Let Redis hang up on every client."""
    with product.redis_client() as client:
        for kind in ("normal", "pubsub"):
            client.client_kill_filter(_type=kind, skipme=True)


FAULTS = (
    Fault("Redis: kill -9, restarted empty", restart, LATER),
    Fault("Redis: STOP, CONT after 4 s", freeze("redis"), STILL),
    Fault("Redis: cut off for 4 s", cut, STILL, 20),
    Fault("Redis: half-open for 7 s, packets vanish", swallow, STILL, 20),
    Fault("Redis: 0.3 s for each packet", slow, "ticks come later, and fewer"),
    Fault("Redis: out of memory for 4 s", fill, STILL, 20),
    Fault("Redis: CLIENT KILL of all", kill_clients, LATER),
)
