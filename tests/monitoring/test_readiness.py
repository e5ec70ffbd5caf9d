"""`/healthz` and `/readyz`: alive is not ready, and nothing that hangs holds them up."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from flask import Flask
from sqlalchemy import text

from dev.embedded_redis import EmbeddedRedis, free_port
from tests.conftest import AppFactory, SettingsFactory, as_setting, migrate
from tests.support.postgres import EmbeddedPostgres, programs
from tests.support.tools import DeafProxy, now_ms, quote, wait_for
from tests.support.web_process import Web, tick
from tracker import __version__, concurrency
from tracker.messaging import feed
from tracker.monitoring import readiness
from tracker.services import db, services
from tracker.storage.engine import writing

WITHIN = 2.0
"""Seconds in which an answer is promised."""


class Answer:
    """What `/readyz` said, and how long it took."""

    def __init__(self, app: Flask) -> None:
        began_at = time.monotonic()
        response = app.test_client().get("/readyz")
        self.seconds = time.monotonic() - began_at
        self.status = response.status_code
        self.headers = response.headers
        self.body: dict[str, Any] = json.loads(response.text)

    def __getitem__(self, check: str) -> dict[str, Any]:
        found: dict[str, Any] = self.body["checks"][check]
        return found


def becomes(app: Flask, status: int, timeout: float = 15) -> Answer:
    """Return the first answer with *status*."""

    def asked() -> Answer | None:
        answer = Answer(app)
        return answer if answer.status == status else None

    found = wait_for(asked, timeout, f"/readyz {status}")
    assert found
    return found


class TestHealthz:
    def test_who_answers_is_alive_whatever_is_away(self, make_app: AppFactory) -> None:
        app = make_app(
            redis_url=f"redis://127.0.0.1:{free_port()}",
            database_url=f"postgresql+psycopg://127.0.0.1:{free_port()}/none",
        )
        response = app.test_client().get("/healthz")
        assert (response.status_code, response.json) == (
            200,
            {"status": "alive", "version": __version__},
        )
        assert response.headers["Cache-Control"] == "no-store"


class TestReadyz:
    def test_it_is_ready_once_the_feed_has_proved_to_deliver(self, app: Flask) -> None:
        """Nobody has asked for a stream so far: to be asked whether it is ready begins it."""
        tick(app)
        answer = becomes(app, 200)
        assert answer.body["status"] == "ready"
        assert list(answer.body["checks"]) == ["hub", "feed", "database", "prices"]
        for name in answer.body["checks"]:
            assert answer[name]["ok"], answer.body
            assert answer[name]["seconds"] < 1
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Content-Type"] == "application/json"

    def test_old_prices_are_told_and_no_reason_to_send_readers_away(self, app: Flask) -> None:
        with app.app_context():
            services(app).backend.store.save([quote()], at=now_ms() - 200_000, next_attempt_at=0)
        answer = becomes(app, 200)
        assert (answer["prices"]["ok"], answer["prices"]["fatal"]) == (False, False)
        assert answer["prices"]["detail"].startswith("the newest are 20")

    def test_no_prices_are_none_either(self, app: Flask) -> None:
        assert becomes(app, 200)["prices"]["detail"] == "there are none"

    def test_without_redis_it_is_not_ready_until_it_is_back(
        self, make_app: AppFactory, own_redis: EmbeddedRedis
    ) -> None:
        app = make_app(redis_url=own_redis.url)
        becomes(app, 200)
        own_redis.kill()
        answer = becomes(app, 503)
        assert answer.body["status"] == "not ready"
        assert [name for name, check in answer.body["checks"].items() if not check["ok"]] == [
            "feed", "prices",
        ]  # fmt: skip
        own_redis.start()
        becomes(app, 200, 30)

    def test_a_feed_that_is_connected_and_silent_is_not_ready(
        self, make_app: AppFactory, own_redis: EmbeddedRedis, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(feed, "PROBE_EVERY_S", 0.2)
        monkeypatch.setattr(feed, "PROBE_TIMEOUT_S", 0.3)
        assert own_redis.port
        with DeafProxy(own_redis.port) as proxy:
            app = make_app(redis_url=f"redis://127.0.0.1:{proxy.port}?socket_timeout=0.5")
            becomes(app, 200)
            proxy.deaf = True
            assert not becomes(app, 503)["feed"]["ok"]
            proxy.deaf = False
            becomes(app, 200, 30)

    def test_a_proof_that_is_old_is_none(self, app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
        becomes(app, 200)
        monkeypatch.setattr(readiness, "PROOF_LIMIT", -1)
        assert "no message to itself" in becomes(app, 503)["feed"]["detail"]

    def test_a_database_that_cannot_be_read_is_not_ready(self, app: Flask) -> None:
        becomes(app, 200)
        with app.app_context(), writing(db.engine) as connection:
            connection.execute(text("ALTER TABLE tick RENAME TO hidden"))
        answer = becomes(app, 503)
        assert answer["database"]["detail"] == "it cannot be read: OperationalError"
        with app.app_context(), writing(db.engine) as connection:
            connection.execute(text("ALTER TABLE hidden RENAME TO tick"))
        becomes(app, 200)

    def test_a_writer_of_sqlite_is_no_trouble(self, app: Flask) -> None:
        becomes(app, 200)
        time_of_cached = 1.1
        with app.app_context(), writing(db.engine) as connection:
            connection.execute(text("DELETE FROM tick"))
            ends_at = time.monotonic() + time_of_cached
            while time.monotonic() < ends_at:
                assert Answer(app).status == 200

    def test_a_hub_that_drains_is_not_ready(self, app: Flask) -> None:
        becomes(app, 200)
        services(app).hub.drain(0)
        assert "ends" in becomes(app, 503)["hub"]["detail"]

    def test_a_hub_whose_threads_are_gone_is_not_ready(self, app: Flask) -> None:
        becomes(app, 200)
        services(app).hub.close()
        assert becomes(app, 503)["hub"]["detail"] == "its threads do not run"

    def test_it_tells_no_address_and_no_password(self, make_app: AppFactory) -> None:
        app = make_app(
            database_url=f"postgresql+psycopg://user:hunter22@127.0.0.1:{free_port()}/base",
            redis_url=f"redis://:hunter33@127.0.0.1:{free_port()}",
        )
        text = json.dumps(becomes(app, 503).body)
        assert not any(word in text for word in ("hunter", "user", "127.0.0.1", "base:"))


@pytest.fixture(scope="module")
def tcp_postgres() -> Any:
    """A PostgreSQL that is reached over loopback."""
    bin = programs()
    if bin is None:
        pytest.skip("PostgreSQL is not installed")
    with EmbeddedPostgres(bin, port=free_port()) as server:
        yield server


@pytest.fixture
def postgres_url(tcp_postgres: EmbeddedPostgres) -> str:
    url = tcp_postgres.url(tcp_postgres.create())
    migrate(as_setting(url))
    return url


def is_told_in_time(ready: Callable[[], tuple[int, float, dict[str, Any]]]) -> None:
    """Wait for a 503 because of the database; each answer came in time."""

    def not_ready() -> bool:
        status, seconds, body = ready()
        assert seconds < WITHIN
        return status == 503 and "no answer within" in body["checks"]["database"]["detail"]

    wait_for(not_ready, 15)


class TestPostgres:
    def test_a_table_that_is_locked_hangs_no_check(
        self, make_app: AppFactory, postgres_url: str
    ) -> None:
        app = make_app(database_url=as_setting(postgres_url))
        becomes(app, 200)

        def ready() -> tuple[int, float, dict[str, Any]]:
            answer = Answer(app)
            return answer.status, answer.seconds, answer.body

        with psycopg.connect(postgres_url) as other:
            other.execute("LOCK TABLE tick IN ACCESS EXCLUSIVE MODE")
            is_told_in_time(ready)
            self.many_at_once_share_one_look(app)
            asking = [one for one in threading.enumerate() if one.name == "timed call"]
            assert len(asking) <= 2, "readiness and relay ask once each"
        becomes(app, 200)

    def many_at_once_share_one_look(self, app: Flask) -> None:
        answers: list[Answer] = []
        threads = [threading.Thread(target=lambda: answers.append(Answer(app))) for _ in range(30)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert {answer.status for answer in answers} == {503}
        assert max(answer.seconds for answer in answers) < WITHIN

    def test_under_gunicorn_a_locked_table_hangs_nobody(
        self, settings: SettingsFactory, postgres_url: str, tmp_path: Path
    ) -> None:
        with Web(settings(database_url=as_setting(postgres_url)), tmp_path / "log") as web:

            def ready() -> tuple[int, float, dict[str, Any]]:
                began_at = time.monotonic()
                response, body = web.get("/readyz")
                return response.status, time.monotonic() - began_at, json.loads(body)

            wait_for(lambda: ready()[0] == 200)
            with psycopg.connect(postgres_url) as other:
                other.execute("LOCK TABLE tick IN ACCESS EXCLUSIVE MODE")
                is_told_in_time(ready)
                began_at = time.monotonic()
                assert web.get("/healthz")[0].status == 200
                assert time.monotonic() - began_at < 1
            wait_for(lambda: ready()[0] == 200)

    def test_a_proxy_that_swallows_packets_is_told_and_forgotten_when_it_passes_them(
        self,
        make_app: AppFactory,
        tcp_postgres: EmbeddedPostgres,
        postgres_url: str,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """The connection that was asked on stays dead: the question is asked on another."""
        monkeypatch.setattr(concurrency, "ABANDON_AFTER_S", 1.5)
        assert tcp_postgres.port
        with DeafProxy(tcp_postgres.port) as proxy:
            url = postgres_url.replace(f":{tcp_postgres.port}/", f":{proxy.port}/")
            app = make_app(database_url=as_setting(url))
            becomes(app, 200)

            def ready() -> tuple[int, float, dict[str, Any]]:
                answer = Answer(app)
                return answer.status, answer.seconds, answer.body

            proxy.deaf = True
            is_told_in_time(ready)
            proxy.deaf = False
            becomes(app, 200, 30)
        wait_for(lambda: not [one for one in threading.enumerate() if one.name == "timed call"])
