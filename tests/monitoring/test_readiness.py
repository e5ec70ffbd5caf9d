"""`/healthz` and `/readyz`: alive is not ready, and nothing that hangs holds them up."""

import json
import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from flask import Flask
from sqlalchemy import text

from dev.embedded_redis import EmbeddedRedis, free_port
from tests.conftest import AppFactory, SettingsFactory, as_setting, migrate
from tests.support.postgres import EmbeddedPostgres, programs
from tests.support.proxy import Proxy
from tests.support.tools import now_ms, quote, save, wait_for
from tests.support.web_process import Web, tick
from tracker import __version__, concurrency
from tracker.market.freshness import SourceHealth
from tracker.monitoring import readiness
from tracker.services import services
from tracker.storage import disk
from tracker.storage.engine import writing
from tracker.times import HOUR_MS

WORDS = r"the database has [0-9.]+ MB, its disk [0-9.]+ [MG]B left"
PROMPTLY_S = 10.0
"""What hangs in these tests would hang for half a minute, or for ever."""


def becomes(app: Flask, status: int) -> dict[str, Any]:
    """Return the checks of the first answer of `/readyz` with *status*."""

    def answer() -> dict[str, Any] | None:
        began_at = time.monotonic()
        response = app.test_client().get("/readyz")
        assert time.monotonic() - began_at < PROMPTLY_S
        assert response.headers["Cache-Control"] == "no-store"
        assert response.headers["Content-Type"] == "application/json"
        body: dict[str, Any] = json.loads(response.text)
        assert body["status"] == {200: "ready", 503: "not ready"}[response.status_code]
        return body["checks"] if response.status_code == status else None

    found = wait_for(answer, what=f"/readyz {status}")
    assert found
    return found


class TestReadyz:
    @pytest.fixture(autouse=True)
    def _patient(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(readiness, "DATABASE_TIMEOUT_S", 20.0)  # slow is not hanging

    def test_it_is_ready_as_long_as_the_feed_has_lately_proved_to_deliver(
        self, app: Flask, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Under a server that has not started the relay, this does."""
        tick(app)
        checks = becomes(app, 200)
        assert list(checks) == ["hub", "feed", "database", "disk", "prices", "coins"]
        assert all(check["ok"] for check in checks.values()), checks
        monkeypatch.setattr(readiness, "MAX_PROOF_AGE_S", -1)
        assert "no message to itself" in becomes(app, 503)["feed"]["detail"]

    def test_no_prices_or_old_ones_are_no_reason_to_send_readers_away(
        self, make_app: AppFactory
    ) -> None:
        assert becomes(make_app(), 200)["prices"]["detail"] == "there are none"
        app = make_app()
        save(services(app).backend.store, at=now_ms() - 200_000)
        prices = becomes(app, 200)["prices"]
        assert (prices["ok"], prices["fatal"]) == (False, False)
        assert prices["detail"].startswith("the newest are 20")
        app = make_app()
        store, now = services(app).backend.store, now_ms()
        save(store, quote(updated_at=now - 5 * HOUR_MS), at=now)
        prices = becomes(app, 200)["prices"]
        assert prices["detail"].startswith("The source answers, but its newest prices are from ")

    def test_a_coin_that_the_source_does_not_know_is_told(self, app: Flask) -> None:
        told = SourceHealth("coingecko", True, reason="no bitcon")
        services(app).backend.store.change_state(lambda state: replace(state, sources=(told,)))
        coins = becomes(app, 200)["coins"]
        assert coins["detail"] == "no bitcon"
        assert (coins["ok"], coins["fatal"]) == (False, False)

    def test_a_disk_that_is_nearly_full_is_told_with_its_numbers(
        self, app: Flask, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert re.fullmatch(WORDS, becomes(app, 200)["disk"]["detail"])
        monkeypatch.setattr(disk, "LOW_BYTES", 2**63)
        services(app).readiness.checks.cache.clear()  # type: ignore[attr-defined]
        found = becomes(app, 200)["disk"]
        assert (found["ok"], found["fatal"]) == (False, False)

    def test_without_redis_it_is_not_ready_until_it_is_back(
        self, make_app: AppFactory, own_redis: EmbeddedRedis
    ) -> None:
        app = make_app(redis_url=own_redis.url)
        becomes(app, 200)
        own_redis.kill()
        found = becomes(app, 503).items()
        assert [name for name, check in found if not check["ok"]] == ["feed", "prices"]
        own_redis.start()
        becomes(app, 200)

    def test_a_database_that_cannot_be_read_is_not_ready_and_one_that_is_written_is(
        self, app: Flask
    ) -> None:
        becomes(app, 200)
        engine = services(app).backend.engine
        with writing(engine) as connection:
            connection.execute(text("DELETE FROM tick"))
            assert all(one.ok for one in services(app).readiness._run() if one.fatal)
            connection.execute(text("ALTER TABLE tick RENAME TO hidden"))
        detail = becomes(app, 503)["database"]["detail"]
        assert detail == "it cannot be read: OperationalError"
        with writing(engine) as connection:
            connection.execute(text("ALTER TABLE hidden RENAME TO tick"))
        becomes(app, 200)

    def test_a_hub_that_drains_or_has_ended_is_not_ready(self, make_app: AppFactory) -> None:
        app, other = make_app(), make_app()
        becomes(app, 200)
        services(app).hub.drain(0)
        assert "is ending" in becomes(app, 503)["hub"]["detail"]
        becomes(other, 200)
        services(other).hub.close()
        assert becomes(other, 503)["hub"]["detail"] == "its threads do not run"

    def test_without_both_it_tells_no_address_and_no_password_and_is_alive(
        self, make_app: AppFactory
    ) -> None:
        app = make_app(
            database_url=f"postgresql+psycopg://user:hunter22@127.0.0.1:{free_port()}/base",
            redis_url=f"redis://:hunter33@127.0.0.1:{free_port()}",
        )
        text = json.dumps(becomes(app, 503))
        assert not any(word in text for word in ("hunter", "user", "127.0.0.1", "base:"))
        response = app.test_client().get("/healthz")
        assert response.status_code == 200
        assert response.json == {"status": "alive", "version": __version__}
        assert response.headers["Cache-Control"] == "no-store"


@pytest.mark.faults
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_under_gunicorn_a_locked_table_hangs_nobody(
    settings: SettingsFactory, own_database_url: str, tmp_path: Path
) -> None:
    def status() -> int:
        began_at = time.monotonic()
        found = web.get("/readyz")[0].status
        assert time.monotonic() - began_at < PROMPTLY_S
        return found

    with Web(settings(database_url=own_database_url), tmp_path / "log") as web:
        wait_for(lambda: status() == 200)
        with psycopg.connect(own_database_url.replace("+psycopg", "")) as other:
            other.execute("LOCK TABLE tick IN ACCESS EXCLUSIVE MODE")
            wait_for(lambda: status() == 503)
            assert b"no answer within" in web.get("/readyz")[1]
            with ThreadPoolExecutor(30) as pool:
                assert set(pool.map(lambda _: status(), range(30))) == {503}
            assert web.get("/healthz")[0].status == 200
        wait_for(lambda: status() == 200)


@pytest.mark.faults
def test_a_database_whose_packets_a_proxy_swallows_is_read_again_after(
    make_app: AppFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(concurrency, "ABANDON_AFTER_S", 1.5)
    bin = programs()
    if bin is None:
        pytest.skip("PostgreSQL is not installed")
    with EmbeddedPostgres(bin, port=free_port()) as server, Proxy(server.port or 0) as proxy:
        url = as_setting(server.url(server.create()))
        migrate(url)
        app = make_app(database_url=url.replace(f":{server.port}/", f":{proxy.port}/"))
        becomes(app, 200)
        proxy.swallow()
        assert "no answer within" in becomes(app, 503)["database"]["detail"]
        proxy.mend()
        becomes(app, 200)
    wait_for(lambda: not [one for one in threading.enumerate() if one.name == "timed call"])
