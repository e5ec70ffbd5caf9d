"""`/api/prices`: the newest tick for those who ask, and how fresh it is."""

from __future__ import annotations

import json
from typing import Any

from flask import Flask

from tests.support.tools import now_ms, quote, wait_for
from tests.support.web_process import tick
from tracker.messaging.feed import Message
from tracker.services import services


def test_it_is_the_newest_tick_to_the_digit(app: Flask) -> None:
    sent = tick(app, quote("bitcoin", "97012.50"), quote("pepe", "1.20e-09"))
    response = app.test_client().get("/api/prices")
    assert response.text == sent.to_json()
    assert '"price":97012.50' in response.text
    assert response.content_type == "application/json"


def test_who_has_it_already_gets_304(app: Flask) -> None:
    sent = tick(app)
    client = app.test_client()
    etag = client.get("/api/prices").headers["ETag"]
    assert etag == f'"{sent.id}"'
    again = client.get("/api/prices", headers={"If-None-Match": etag})
    assert (again.status_code, again.data) == (304, b"")
    newer = tick(app)
    wait_for(lambda: client.get("/api/prices").headers["ETag"] == f'"{newer.id}"')
    assert client.get("/api/prices", headers={"If-None-Match": etag}).status_code == 200


def test_before_the_first_tick_it_says_when_to_come_again(app: Flask) -> None:
    response = app.test_client().get("/api/prices")
    assert response.status_code == 503
    assert response.content_type == "application/problem+json"
    assert int(response.headers["Retry-After"]) > 0
    assert "no prices yet" in json.loads(response.text)["detail"]


def test_how_fresh_it_is_stands_beside_it(app: Flask) -> None:
    tick(app)
    client = app.test_client()

    def status() -> Any:
        return json.loads(client.get("/api/prices").headers["Tracker-Status"])

    assert (status()["state"], status()["reason"]) == ("live", None)
    with app.app_context():
        health = services(app).backend.store.save_failure(
            "CoinGecko: “busy”", at=now_ms(), next_attempt_at=now_ms() + 60_000
        )
    services(app).backend.feed.publish(Message(health))
    wait_for(lambda: status()["reason"] == "CoinGecko: “busy”")
