"""Whose a database of Redis is: one tracker's, as long as a worker of it says so.

RQ's names are the same in all trackers, so that two on one database would run each other's
jobs, each into its own tables. The second one's worker waits, and says what to do.
"""

from collections.abc import Callable

from redis import Redis
from redis.exceptions import RedisError

from tracker.messaging.redis_client import number_of

KEY = "tracker:installation"
LIVES_S = 120
"""A worker says that it lives between two jobs, which take a minute at most."""


class DatabaseTakenError(RedisError):
    """Another tracker works on this database of Redis."""


class Claim:
    """The claim on the database that *connection* leads to.

    *installation* returns the claimant's id or, while that cannot be read, None: then nothing is
    claimed.
    """

    def __init__(self, connection: Redis, installation: Callable[[], str | None]) -> None:
        self._connection = connection
        self._installation = installation

    def hold(self) -> None:
        """Take the database, or keep it. Raises `DatabaseTakenError`, and what Redis raises."""
        id = self._installation()
        if id is None or self._connection.set(KEY, id, nx=True, ex=LIVES_S):
            return
        if self._connection.get(KEY) == id.encode():
            self._connection.expire(KEY, LIVES_S)
            return
        if self._connection.ttl(KEY) < 0:  # no worker has written that
            self._connection.expire(KEY, LIVES_S)
        number = number_of(self._connection)
        raise DatabaseTakenError(
            f"another tracker works on database {number} of this Redis, and each needs its own: "
            f"let REDIS_URL end in /{number + 1}, or wait for {LIVES_S} s after the other's end"
        )

    def release(self) -> None:
        """Let another tracker have the database; a worker that goes on takes it again."""
        id = self._installation()
        if id is not None and self._connection.get(KEY) == id.encode():
            self._connection.delete(KEY)
