"""Allowed pages read what they need, errors too; others read nothing, whatever caches do."""

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.conftest import AppFactory
from tests.support.web_process import tick

FRIEND = "https://a.example"
STRANGER = "https://b.example"
PATHS = (
    "/stream", "/stream?coins=made-up", "/stream/", "/api/prices", "/api/price/bitcoin",
    "/api/made-up", "/api/rates", "/api/docs", "/api/openapi.json",
    "/api/coins/bitcoin/history?range=never", "/api/history",
)  # fmt: skip
"""Answered with 200, 400, 404 and 503."""


@pytest.fixture
def app(make_app: AppFactory) -> Flask:
    app = make_app(cors_origins=(FRIEND, "http://localhost:3000"), rate_limit=1000)
    tick(app)
    return app


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


def test_pages_of_allowed_origins_may_read_and_others_may_not(client: FlaskClient) -> None:
    for path in PATHS:
        for origin, allowed in ((FRIEND, FRIEND), (STRANGER, None), ("null", None), ("", None)):
            answer = client.head(path, headers={"Origin": origin} if origin else {})
            assert answer.headers.get("Access-Control-Allow-Origin") == allowed, path
    for path in ("/cryptos/", "/metrics", "/apiary"):
        answer = client.get(path, headers={"Origin": FRIEND})
        assert "Access-Control-Allow-Origin" not in answer.headers


def test_no_cache_gives_one_origin_what_another_got(client: FlaskClient) -> None:
    statuses = set()
    for path in PATHS:
        for method in ("HEAD", "POST", "OPTIONS"):
            for headers in ({}, {"Origin": STRANGER}, {"Origin": FRIEND}):
                answer = client.open(path, method=method, headers=headers)
                assert "Origin" in answer.vary, (method, path, headers)
                statuses.add(answer.status_code)
    assert statuses >= {200, 400, 404, 405, 503}


def test_a_page_reads_when_to_ask_again_and_the_request_of_which_to_complain(
    make_app: AppFactory,
) -> None:
    client = make_app(cors_origins=(FRIEND,), rate_limit=1).test_client()
    client.get("/api/docs")
    answer = client.get("/api/docs", headers={"Origin": FRIEND})
    assert answer.status_code == 429
    exposed = answer.headers["Access-Control-Expose-Headers"].split(", ")
    for name in ("Retry-After", "X-Request-ID"):
        assert answer.headers[name]
        assert name in exposed
    assert {"ETag", "Tracker-Status"} < set(exposed)


def test_pages_may_send_what_readers_of_event_streams_send(client: FlaskClient) -> None:
    asked = {
        "Origin": FRIEND,
        "Access-Control-Request-Method": "GET",
        "Access-Control-Request-Headers": "cache-control,last-event-id",
    }
    answer = client.options("/stream", headers=asked)
    assert (answer.status_code, answer.headers["Access-Control-Allow-Origin"]) == (200, FRIEND)
    allowed = answer.headers["Access-Control-Allow-Headers"].lower().split(", ")
    assert {"cache-control", "last-event-id", "if-none-match", "x-request-id"} <= set(allowed)
    refused = client.options("/stream", headers=asked | {"Origin": STRANGER})
    assert "Access-Control-" not in str(refused.headers)


def test_where_all_may_read_all_get_the_same(make_app: AppFactory) -> None:
    client = make_app(cors_origins=("*",)).test_client()
    for headers in ({}, {"Origin": STRANGER}):
        answer = client.head("/stream", headers=headers)
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert "Origin" not in answer.vary
