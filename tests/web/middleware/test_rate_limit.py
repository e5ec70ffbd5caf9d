"""How often an address may ask the API, and what it is told when it asks more often."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from redis.exceptions import RedisError

from dev.embedded_redis import EmbeddedRedis
from tests.conftest import AppFactory, SettingsFactory
from tests.support.tools import DeafProxy
from tests.support.web_process import Web, tick
from tracker.config import Settings
from tracker.services import services
from tracker.web.middleware.counting import PATIENCE

HERE = "127.0.0.1"


@pytest.fixture
def app(make_app: AppFactory) -> Flask:
    """An application whose API may be asked three times a minute."""
    app = make_app(rate_limit=3, trusted_proxies=1, cors_origins=("https://a.example",))
    tick(app)
    return app


def statuses(client: FlaskClient, times: int, path: str = "/api/prices", **more: str) -> list[int]:
    headers = {name.replace("_", "-"): value for name, value in more.items()}
    return [client.get(path, headers=headers).status_code for _ in range(times)]


def test_one_too_many_is_told_when_to_ask_again(app: Flask) -> None:
    client = app.test_client()
    assert statuses(client, 3) == [200] * 3
    response = client.get("/api/prices", headers={"Origin": "https://a.example"})
    assert response.status_code == 429
    assert response.content_type == "application/problem+json"
    assert response.json is not None
    assert response.json["status"] == 429
    assert "127.0.0.1 has asked 3 times in a minute" in response.json["detail"]
    assert 1 <= int(response.headers["Retry-After"]) <= 60
    assert response.headers["Access-Control-Allow-Origin"] == "https://a.example"


def test_all_of_the_api_is_counted_together_and_nothing_else(app: Flask) -> None:
    client = app.test_client()
    for path in ("/healthz", "/readyz", "/metrics", "/cryptos/", "/manifest.webmanifest"):
        assert 429 not in statuses(client, 5, path)
    for path in ("/api/openapi.json", "/api/made-up", "/api/history"):
        assert statuses(client, 1, path) != [429]
    assert statuses(client, 1, "/api/docs") == [429]
    assert statuses(client, 1, "/cryptos/") == [200]


def test_a_preflight_does_not_count(app: Flask) -> None:
    client = app.test_client()
    asked = {"Origin": "https://a.example", "Access-Control-Request-Method": "GET"}
    for _ in range(5):
        assert client.options("/api/prices", headers=asked).status_code == 200
    assert statuses(client, 3) == [200] * 3


@pytest.mark.parametrize(
    ("one", "other", "are_same"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8::1", "2001:db8::ffff:2", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
    ],
)
def test_an_address_is_what_the_proxy_says_and_of_ipv6_a_network(
    app: Flask, one: str, other: str, are_same: bool
) -> None:
    client = app.test_client()
    assert statuses(client, 4, X_Forwarded_For=f"203.0.113.7, {one}") == [200, 200, 200, 429]
    assert statuses(client, 1, X_Forwarded_For=f"{one}, {other}") == [429 if are_same else 200]


def test_zero_is_no_limit(make_app: AppFactory) -> None:
    app = make_app(rate_limit=0)
    tick(app)
    assert set(statuses(app.test_client(), 400, "/api/openapi.json")) == {200}


def test_the_page_is_far_from_the_limit() -> None:
    """Ten tabs in one minute: each asks for a history, some twice, and for the prices once."""
    assert Settings().rate_limit >= 3 * 10 * 5


def test_processes_count_together(settings: SettingsFactory, tmp_path: Path) -> None:
    with Web(settings(rate_limit=20, web_concurrency=2), tmp_path / "web.log") as web:
        found = [web.get("/api/openapi.json")[0].status for _ in range(30)]
    passed = found.count(200)
    assert passed in (18, 19, 20), "to see that it runs, it was asked before"
    assert found == [200] * passed + [429] * (30 - passed)


class TestWithoutRedis:
    def test_each_process_counts_for_itself(self, make_app: AppFactory) -> None:
        app = make_app(rate_limit=3, redis_url="redis://127.0.0.1:1")
        client = app.test_client()
        assert statuses(client, 4, "/api/openapi.json") == [200, 200, 200, 429]

    def test_it_is_used_again_when_it_is_back(
        self, make_app: AppFactory, own_redis: EmbeddedRedis
    ) -> None:
        app = make_app(rate_limit=3, redis_url=own_redis.url)
        client = app.test_client()
        path = "/api/openapi.json"
        assert statuses(client, 1, path) == [200]
        own_redis.kill()
        assert statuses(client, 4, path) == [200, 200, 200, 429]
        own_redis.start()
        deadline = time.monotonic() + 10
        while statuses(client, 1, path) != [200]:
            assert time.monotonic() < deadline
            time.sleep(0.05)

    @pytest.fixture
    def deaf(self, redis_server: EmbeddedRedis) -> Iterator[DeafProxy]:
        with DeafProxy(int(redis_server.url.rpartition(":")[2].partition("/")[0])) as proxy:
            yield proxy

    def test_those_who_ask_while_it_goes_away_are_counted_as_well(
        self, make_app: AppFactory, deaf: DeafProxy
    ) -> None:
        deaf.deaf = True
        app = make_app(rate_limit=15, redis_url=f"redis://127.0.0.1:{deaf.port}/0")

        def status(_: int) -> int:
            return app.test_client().get("/api/openapi.json").status_code

        with ThreadPoolExecutor(20) as many:
            found = list(many.map(status, range(20)))
        assert sorted(found) == [200] * 15 + [429] * 5

    def test_who_cannot_be_counted_anywhere_passes(
        self, make_app: AppFactory, caplog: pytest.LogCaptureFixture
    ) -> None:
        app = make_app(redis_url="redis://127.0.0.1:1")

        def key() -> str:
            raise RedisError("gone")

        ask = services(app).rate_limits.a_minute(3, "test", key)
        with app.test_request_context("/api/prices"):
            assert [ask() for _ in range(5)] == [None] * 5
        assert caplog.text.count("requests cannot be counted, and pass: gone") == 1

    def test_one_that_hangs_costs_a_moment_once(
        self, settings: SettingsFactory, tmp_path: Path, deaf: DeafProxy
    ) -> None:
        silent = settings(rate_limit=1000, redis_url=f"redis://127.0.0.1:{deaf.port}/0")
        with Web(silent, tmp_path / "web.log") as web:
            assert web.get("/api/openapi.json")[0].status == 200
            deaf.deaf = True
            took = []
            for _ in range(20):
                began_at = time.monotonic()
                assert web.get("/api/openapi.json")[0].status == 200
                took.append(time.monotonic() - began_at)
            waited = [seconds for seconds in took if seconds > PATIENCE * 0.8]
            assert len(waited) <= 2, took
            assert max(took) < PATIENCE * 4, took
            with ThreadPoolExecutor(20) as many:
                began_at = time.monotonic()
                found = list(many.map(lambda _: web.get("/api/openapi.json")[0].status, range(40)))
            assert set(found) == {200}
            assert time.monotonic() - began_at < 3


def test_the_description_tells_it(app: Flask) -> None:
    body = json.loads(app.test_client().get("/api/openapi.json").data)
    for path, operations in body["paths"].items():
        assert ("429" in operations["get"]["responses"]) == path.startswith("/api/"), path
