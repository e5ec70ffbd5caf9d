"""Redis, and the way to it: the bell, and the queue of jobs. The truth is not there."""

import time

import redis

from tests.faults.breaks.processes import freeze
from tests.faults.harness.fault import LATER, STILL, Fault, way_broken
from tests.faults.harness.product import Product
from tests.support.proxy import Proxy
from tracker.messaging.key_types import TYPES

cut = way_broken("to_redis", Proxy.cut, 4)


def restart(product: Product) -> None:
    """Kill Redis, and start one that knows nothing: no schedule, no queue."""
    product.redis.kill()
    product.redis.start()


def fill(product: Product) -> None:
    """Let Redis have no memory left for anything new."""
    with redis.Redis.from_url(product.redis.url) as client:
        client.config_set("maxmemory", "1")
        time.sleep(4)
        client.config_set("maxmemory", "0")


def kill_clients(product: Product) -> None:
    """Let Redis hang up on every client."""
    with redis.Redis.from_url(product.redis.url) as client:
        for kind in ("normal", "pubsub"):
            client.client_kill_filter(_type=kind, skipme=True)


def garble(product: Product) -> None:
    """Let another program write texts where RQ has lists, sets and hashes."""
    with redis.Redis.from_url(product.redis.url) as client:
        client.mset(dict.fromkeys((key for key, type in TYPES.items() if type != "string"), "x"))


FAULTS = (
    Fault("Redis: kill -9, restarted empty", restart, LATER),
    Fault("Redis: STOP, CONT after 4 s", freeze("redis"), STILL),
    Fault("Redis: cut off for 4 s", cut, STILL, 20),
    Fault(
        "Redis: half-open for 7 s, packets vanish",
        way_broken("to_redis", Proxy.swallow, 7),
        STILL,
        20,
    ),
    Fault(
        "Redis: 0.3 s for each packet",
        way_broken("to_redis", lambda proxy: proxy.slow(0.3), 6),
        "ticks come later, and fewer",
    ),
    Fault("Redis: out of memory for 4 s", fill, STILL, 20),
    Fault("Redis: CLIENT KILL of all", kill_clients, LATER),
    Fault("Redis: all keys of RQ are texts", garble, LATER, 20),
)
