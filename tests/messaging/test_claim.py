"""The claim on a database of Redis: one tracker's at a time."""

from collections.abc import Iterator

import pytest
from redis import Redis

from dev.embedded_redis import EmbeddedRedis
from tracker.messaging.claim import KEY, Claim, DatabaseTakenError


@pytest.fixture
def connection(redis_server: EmbeddedRedis) -> Iterator[Redis]:
    with Redis.from_url(redis_server.url) as connection:
        yield connection


def test_all_workers_of_one_tracker_hold_it_and_another_trackers_is_told_what_to_do(
    connection: Redis,
) -> None:
    one, again = Claim(connection, lambda: "a"), Claim(connection, lambda: "a")
    other = Claim(connection, lambda: "b")
    one.hold()
    connection.expire(KEY, 10)
    again.hold()
    assert connection.ttl(KEY) > 60
    with pytest.raises(DatabaseTakenError, match="let REDIS_URL end in /1, or wait for 120 s"):
        other.hold()
    connection.persist(KEY)
    with pytest.raises(DatabaseTakenError):
        other.hold()
    assert 0 < connection.ttl(KEY) <= 120
    other.release()
    assert connection.exists(KEY), "it is not the other's to give back"
    one.release()
    other.hold()
    with pytest.raises(DatabaseTakenError):
        one.hold()


def test_without_an_id_nothing_is_claimed(connection: Redis) -> None:
    Claim(connection, lambda: None).hold()
    assert not connection.exists(KEY)
