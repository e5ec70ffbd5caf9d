"""How often one network may ask the API, with Redis, without it, and with one that hangs."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from redis import Redis

from dev.embedded_redis import EmbeddedRedis, free_port
from tests.conftest import AppFactory, SettingsFactory
from tests.support.proxy import Proxy
from tests.support.tools import wait_for
from tests.support.web_process import tick
from tracker.config import Settings
from tracker.services import services
from tracker.web.middleware import rate_limit
from tracker.web.middleware.rate_limit import RateLimits

PATH = "/api/openapi.json"


@pytest.fixture
def app(make_app: AppFactory) -> Flask:
    """An application whose API may be asked three times a minute."""
    app = make_app(rate_limit=3, trusted_proxies=1, cors_origins=("https://a.example",))
    tick(app)
    return app


def statuses(client: FlaskClient, times: int, path: str = PATH, **more: str) -> list[int]:
    headers = {name.replace("_", "-"): value for name, value in more.items()}
    return [client.get(path, headers=headers).status_code for _ in range(times)]


def test_one_request_too_many_gets_429_with_the_time_to_retry(app: Flask) -> None:
    client = app.test_client()
    assert statuses(client, 3) == [200] * 3
    response = client.get("/api/prices", headers={"Origin": "https://a.example"})
    assert (response.status_code, response.content_type) == (429, "application/problem+json")
    assert "127.0.0.1 has sent 3 requests within a minute" in response.text
    assert 1 <= int(response.headers["Retry-After"]) <= 60
    assert response.headers["Access-Control-Allow-Origin"] == "https://a.example"


def test_all_of_the_api_is_counted_together_and_nothing_else(app: Flask) -> None:
    client = app.test_client()
    for path in ("/healthz", "/readyz", "/metrics", "/cryptos/"):
        assert 429 not in statuses(client, 5, path)
    preflight = {"Origin": "https://a.example", "Access-Control-Request-Method": "GET"}
    assert [client.options(PATH, headers=preflight).status_code for _ in range(5)] == [200] * 5
    for path in (PATH, "/api/made-up", "/api/history"):
        assert statuses(client, 1, path) != [429]
    assert statuses(client, 1, "/api/docs") == [429]


def test_a_client_is_the_network_of_the_address_that_the_proxy_names(app: Flask) -> None:
    client = app.test_client()
    one, same, other = "2001:db8::1", "2001:db8::ffff:2", "2001:db8:0:1::1"
    forwarded = f"203.0.113.7, {one}"
    assert statuses(client, 4, X_Forwarded_For=forwarded) == [200, 200, 200, 429]
    assert statuses(client, 1, X_Forwarded_For=f"{one}, {same}") == [429]
    assert statuses(client, 1, X_Forwarded_For=f"{one}, {other}") == [200]


@pytest.mark.parametrize("garbage", ["x", ["x"]])
def test_what_something_else_has_written_to_a_count_is_counted_over(
    app: Flask, redis_server: EmbeddedRedis, garbage: Any
) -> None:
    client = app.test_client()
    assert statuses(client, 1) == [200]
    with Redis.from_url(redis_server.url) as redis:
        [key] = redis.keys("LIMITS:*")
        redis.delete(key)
        redis.set(key, garbage) if isinstance(garbage, str) else redis.rpush(key, *garbage)
        assert statuses(client, 4) == [200, 200, 200, 429]
        assert redis.get(key) == b"4"


def test_zero_is_no_limit_and_the_default_is_far_from_what_pages_need(make_app: AppFactory) -> None:
    assert set(statuses(make_app(rate_limit=0).test_client(), 50)) == {200}
    assert Settings().rate_limit >= 150, "ten tabs that are reloaded three times a minute"


def test_processes_count_together_or_each_in_memory_while_redis_is_away(
    settings: SettingsFactory, own_redis: EmbeddedRedis, caplog: pytest.LogCaptureFixture
) -> None:
    one, other = (RateLimits(settings(redis_url=own_redis.url)) for _ in range(2))
    assert [limits.hit(3, "x") for limits in (one, other, one)] == [None] * 3
    assert other.hit(3, "x")
    own_redis.kill()
    assert [one.hit(3, "x") for _ in range(3)] == [None] * 3
    assert one.hit(3, "x")
    assert caplog.text.count("requests are counted in memory") == 1
    own_redis.start()
    wait_for(lambda: one.hit(3, "x") is None, what="Redis to be used again")
    one.close()
    other.close()


def test_requests_that_wait_while_redis_goes_away_are_counted_as_well(
    make_app: AppFactory,
) -> None:
    with Proxy(free_port()) as deaf, ThreadPoolExecutor(20) as many:
        deaf.swallow()
        app = make_app(rate_limit=15, redis_url=f"redis://127.0.0.1:{deaf.port}/0")
        found = list(many.map(lambda _: statuses(app.test_client(), 1)[0], range(20)))
    assert sorted(found) == [200] * 15 + [429] * 5
    assert services(app).rate_limits._failures < 3, "those that fail together are one failure"


def test_a_redis_that_fails_is_left_alone_for_longer_each_time(
    settings: SettingsFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that hangs costs a request its timeout once, not each request."""
    now, asked = 100.0, []
    monkeypatch.setattr(time, "monotonic", lambda: now)
    limits = RateLimits(settings(redis_url=f"redis://127.0.0.1:{free_port()}"))
    hit = rate_limit._hit

    def counted(limiter: Any, *args: Any) -> int | None:
        asked.extend([now] if limiter is limits._redis else [])
        return hit(limiter, *args)

    monkeypatch.setattr(rate_limit, "_hit", counted)
    for _ in range(16):
        limits.hit(1000, "x")
        now += 0.5
    assert asked == [100, 101, 103, 107]
