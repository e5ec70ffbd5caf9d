"""Keys of another type than their own, which somebody else has written."""

import pytest
from redis import Redis

from dev.embedded_redis import EmbeddedRedis
from tracker.messaging.key_types import TYPES, remove_wrong_types


def test_what_has_another_type_is_removed_with_a_line_and_the_rest_stays(
    redis_server: EmbeddedRedis, caplog: pytest.LogCaptureFixture
) -> None:
    with Redis.from_url(redis_server.url) as redis:
        for key, type in TYPES.items():
            if type != "string":
                redis.set(key, "x")
        redis.rpush("tracker:installation", "x")
        redis.set("rq:scheduler:scheduler_lock", "1")
        redis.set("rq:queue:of others", "x")
        remove_wrong_types(redis)
        assert set(redis.keys()) == {b"rq:scheduler:scheduler_lock", b"rq:queue:of others"}
    assert "rq:queue:tracker was a string, not a list: removed" in caplog.messages
    assert len(caplog.messages) == len(TYPES) - 1
