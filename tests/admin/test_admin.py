"""The admin: who gets in, what can be seen and changed there, and what comes of it."""

from __future__ import annotations

import logging
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
from flask import Flask
from flask.testing import FlaskClient
from playwright.sync_api import Page, expect
from redis import Redis
from rq import Queue
from werkzeug.test import TestResponse

from tests.conftest import AppFactory, SettingsFactory
from tests.support.browser import Open, needs_chromium
from tests.support.tools import ROOT, Child, environment, newest_of, now_ms, quote, wait_for
from tests.support.web_process import Web, tick
from tracker.admin import auth, job_status, model_views
from tracker.messaging.job_queue import QUEUE, REFRESH, REFRESH_NOW_ID
from tracker.messaging.redis_client import connect
from tracker.services import db, services
from worker import scheduler
from worker.jobs import refresh_prices

PASSWORD = "correct horse"
TABLES = ("coins", "ticks", "quotes", "candles")


@pytest.fixture
def app(make_app: AppFactory) -> Flask:
    return make_app(admin_password=PASSWORD)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """Somebody who has logged in."""
    client = app.test_client()
    assert log_in(client).status_code == 302
    return client


@pytest.fixture
def redis(app: Flask) -> Iterator[Redis]:
    """The application's Redis; the admin's own connection is given back as well."""
    with connect(services(app).settings) as found:
        yield found


def token(client: FlaskClient, path: str = "/admin/login") -> str:
    page = client.get(path, follow_redirects=True).text
    found = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert found, page
    return found[1]


def log_in(
    client: FlaskClient, password: str = PASSWORD, user: str = "admin", query: str = "", **more: Any
) -> TestResponse:
    form = {"user": user, "password": password, "csrf_token": token(client)}
    return client.post(f"/admin/login{query}", data=form, **more)


def post(client: FlaskClient, path: str, **form: str) -> TestResponse:
    return client.post(path, data={"csrf_token": token(client, "/admin/")} | form)


class TestWithoutAPassword:
    @pytest.mark.parametrize(
        "path", ["/admin", "/admin/", "/admin/login", "/admin/rq/", "/admin/coins/"]
    )
    def test_there_is_no_admin(self, make_app: AppFactory, path: str) -> None:
        assert make_app().test_client().get(path).status_code == 404

    def test_nobody_pays_for_it(self) -> None:
        code = (
            "import sys; from tracker import create_app; from tracker.config import Settings;"
            "create_app(Settings(redis_url='redis://x'));"
            "admins = {'flask_admin', 'flask_wtf', 'rq_dashboard', 'rq', 'arrow'};"
            "assert not admins & sys.modules.keys()"
        )
        subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


class TestTheDoor:
    @pytest.mark.parametrize(
        "path",
        ["/admin", "/admin/", "/admin/made-up", "/admin/rq/", "/admin/rq/0/data/queues.json"]
        + [f"/admin/{table}/" for table in TABLES],
    )
    def test_is_closed_to_strangers(self, app: Flask, path: str) -> None:
        response = app.test_client().get(path, follow_redirects=False)
        while response.status_code == 308:
            response = app.test_client().get(response.location)
        assert response.status_code == 302
        assert response.location.startswith("/admin/login?next=")

    def test_has_no_other_way_in(self, app: Flask, make_app: AppFactory) -> None:
        """Every view that is there by the password alone."""
        adapter = app.url_map.bind("localhost")
        without = {rule.rule for rule in make_app().url_map.iter_rules()}
        rules = [rule for rule in app.url_map.iter_rules() if rule.rule not in without]
        assert len(rules) > 40
        for rule in rules:
            values = {name: 0 if "number" in name else "1" for name in rule.arguments}
            path = adapter.build(rule.endpoint, values)
            assert path.startswith("/admin/")
            for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
                if rule.endpoint in ("admin.login", "admin.static"):
                    continue
                response = app.test_client().open(path, method=method)
                wanted = (302, 405) if method == "GET" else (401,)
                assert response.status_code in wanted, f"{method} {path}"

    @pytest.mark.parametrize(
        "path",
        ["//admin/coins/", "/admin//coins/", "/admin/./coins/", "/./admin/coins/", "/ADMIN/coins/",
         "/cryptos/../admin/coins/", "/admin;/coins/", "/admin/static/../coins/",
         "/admin/login/../coins/", "/admin/coins/\0", "/admin\\coins\\", "admin/coins/"],
    )  # fmt: skip
    def test_is_not_passed_by_writing_a_path_otherwise(self, app: Flask, path: str) -> None:
        tick(app)
        response = app.test_client().get(environ_overrides={"PATH_INFO": path})
        assert response.status_code in (302, 308, 404)
        assert "bitcoin" not in response.text

    def test_a_strangers_change_is_refused(self, app: Flask) -> None:
        client = app.test_client()
        for path in (
            "/admin/refresh",
            "/admin/rq/requeue/tracker",
            "/admin/coins/edit/?id=bitcoin",
        ):
            assert client.post(path, data={"csrf_token": token(client)}).status_code == 401

    @pytest.mark.parametrize(
        ("user", "password"),
        [("admin", ""), ("admin", PASSWORD[:-1]), ("admin", f"{PASSWORD} "), ("root", PASSWORD),
         ("admin", "ü\0\ud800")],
    )  # fmt: skip
    def test_wants_the_user_and_the_password(self, app: Flask, user: str, password: str) -> None:
        client = app.test_client()
        form = {
            "user": user,
            "password": password.encode(errors="replace"),
            "csrf_token": token(client),
        }
        assert client.post("/admin/login", data=form).status_code == 401
        assert client.get("/admin/").status_code == 302

    def test_a_form_from_elsewhere_lets_nobody_in(self, app: Flask) -> None:
        client = app.test_client()
        form = {"user": "admin", "password": PASSWORD}
        assert client.post("/admin/login", data=form).status_code == 400
        headers = {"Sec-Fetch-Site": "cross-site"}
        assert log_in(client, headers=headers).status_code == 400
        assert client.get("/admin/").status_code == 302

    @pytest.mark.parametrize("scheme", ["http", "https"])
    def test_the_cookie_goes_no_further_than_the_admin(self, app: Flask, scheme: str) -> None:
        client = app.test_client()
        form = {"user": "admin", "password": PASSWORD}
        address = f"{scheme}://localhost"
        page = client.get("/admin/login", base_url=address).text
        form["csrf_token"] = re.findall(r'name="csrf_token" value="([^"]+)"', page)[0]
        response = client.post("/admin/login", data=form, base_url=address)
        cookie = response.headers["Set-Cookie"]
        assert {"HttpOnly", "Path=/admin", "SameSite=Strict"} <= set(cookie.split("; "))
        assert ("Secure" in cookie.split("; ")) == (scheme == "https")

    def test_elsewhere_there_is_no_cookie(self, client: FlaskClient, app: Flask) -> None:
        tick(app)
        for path in ("/", "/cryptos/", "/api/prices", "/healthz", "/no", "/administration"):
            headers = client.get(path).headers
            assert "Set-Cookie" not in headers
            assert "Cookie" not in headers.get("Vary", "")

    @pytest.mark.parametrize(
        ("wanted", "goes_to"),
        [
            ("/admin/quotes/?page=2", "/admin/quotes/?page=2"),
            ("", "/admin/"),
            ("/cryptos/", "/admin/"),
            ("//evil.example/admin/", "/admin/"),
            ("https://evil.example/admin/", "/admin/"),
            ("/admin/\\evil.example", "/admin/"),
            ("javascript:alert(1)//admin/", "/admin/"),
            ("/\\evil.example/admin/", "/admin/"),
            ("/admin/\r\nSet-Cookie: a=b", "/admin/"),
            ("//[", "/admin/"),
            ("/administration", "/admin/"),
        ],
    )
    def test_goes_on_to_pages_of_its_own_alone(self, app: Flask, wanted: str, goes_to: str) -> None:
        client = app.test_client()
        form = {"user": "admin", "password": PASSWORD, "csrf_token": token(client)}
        response = client.post("/admin/login", data=form, query_string={"next": wanted})
        assert (response.status_code, response.location) == (302, goes_to)

    @pytest.mark.parametrize(
        "wanted", ["https://evil.example/", "//evil.example", "/\\evil.example", "///evil.example",
                   "javascript:alert(1)", "//[", "/admin/\n", "/cryptos/", ""]
    )  # fmt: skip
    def test_a_form_goes_on_to_pages_of_its_own_alone(
        self, app: Flask, client: FlaskClient, wanted: str
    ) -> None:
        tick(app)
        mine = {"csrf_token": token(client, "/admin/")}
        for table in TABLES:
            address = f"/admin/{table}/edit/"
            query = {"id": "bitcoin", "url": wanted}
            assert client.get(address, query_string=query).status_code == 400
            assert client.post(address, query_string=query, data=mine).status_code == 400

    def test_the_session_ends_with_logging_out(self, client: FlaskClient) -> None:
        assert client.get("/admin/logout").status_code == 405
        assert client.get("/admin/").status_code == 200
        assert post(client, "/admin/logout").location == "/admin/login"
        assert client.get("/admin/").status_code == 302

    def test_who_has_copied_the_cookie_is_out_as_well(
        self, client: FlaskClient, app: Flask
    ) -> None:
        cookie = client.get_cookie("admin", path="/admin")
        assert cookie is not None
        thief = app.test_client()
        thief.set_cookie("admin", cookie.value, path="/admin")
        assert thief.get("/admin/").status_code == 200
        post(client, "/admin/logout")
        assert thief.get("/admin/").status_code == 302
        assert log_in(client).status_code == 302
        assert client.get("/admin/").status_code == 200

    def test_whose_cookie_was_there_before_is_not_let_in_with_it(self, app: Flask) -> None:
        """Session fixation: a stranger's cookie, put into the victim's browser."""
        stranger, victim = app.test_client(), app.test_client()
        known = token(stranger)
        planted = stranger.get_cookie("admin", path="/admin")
        assert planted is not None
        victim.set_cookie("admin", planted.value, path="/admin")
        assert log_in(victim).status_code == 302
        assert stranger.get("/admin/").status_code == 302
        assert victim.post("/admin/refresh", data={"csrf_token": known}).status_code == 400

    def test_the_session_ends_after_its_time(
        self, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        begun = time.time()
        monkeypatch.setattr(time, "time", lambda: begun + auth.SESSION_SECONDS - 10)
        assert client.get("/admin/").status_code == 200
        monkeypatch.setattr(time, "time", lambda: begun + auth.SESSION_SECONDS + 10)
        assert client.get("/admin/").status_code == 302

    def test_another_password_ends_all_sessions(
        self, client: FlaskClient, make_app: AppFactory
    ) -> None:
        cookie = client.get_cookie("admin", path="/admin")
        assert cookie is not None
        for password, status in ((PASSWORD, 200), ("another horse", 302)):
            other = make_app(admin_password=password)
            later = other.test_client()
            later.set_cookie("admin", cookie.value, path="/admin")
            assert later.get("/admin/").status_code == status

    @pytest.mark.parametrize("cookie", ["", "x", "eyJzaW5jZSI6MX0.x.y", "ü" * 5000])
    def test_a_forged_cookie_is_none(self, app: Flask, cookie: str) -> None:
        headers = {"Cookie": f"admin={cookie}".encode().decode("latin-1")}
        assert app.test_client().get("/admin/", headers=headers).status_code == 302


class TestAttempts:
    def test_an_address_has_a_few_a_minute(self, app: Flask) -> None:
        client = app.test_client()
        for _ in range(auth.ATTEMPTS):
            assert log_in(client, "wrong").status_code == 401
        response = log_in(client)
        assert response.status_code == 429
        assert 1 <= int(response.headers["Retry-After"]) <= 60
        elsewhere = {"REMOTE_ADDR": "192.0.2.9"}
        assert log_in(app.test_client(), environ_overrides=elsewhere).status_code == 302

    def test_are_not_made_by_looking(self, app: Flask) -> None:
        """Another site's page could have its visitors' browsers do that."""
        client = app.test_client()
        for _ in range(auth.ATTEMPTS + 1):
            for method in ("GET", "HEAD", "OPTIONS"):
                assert client.open("/admin/login", method=method).status_code == 200
        assert log_in(client).status_code == 302

    def test_an_address_is_not_what_its_sender_says(self, app: Flask) -> None:
        statuses = [
            log_in(
                app.test_client(), "wrong", headers={"X-Forwarded-For": f"192.0.2.{number}"}
            ).status_code
            for number in range(auth.ATTEMPTS + 1)
        ]
        assert statuses[-1] == 429

    def test_behind_a_proxy_an_address_is_the_one_it_saw(self, make_app: AppFactory) -> None:
        app = make_app(admin_password=PASSWORD, trusted_proxies=1)

        def attempt(forwarded: str) -> int:
            headers = {"X-Forwarded-For": forwarded}
            return log_in(app.test_client(), "wrong", headers=headers).status_code

        statuses = [attempt(f"192.0.2.{n}, 198.51.100.7") for n in range(auth.ATTEMPTS + 1)]
        assert statuses == [401] * auth.ATTEMPTS + [429]
        assert attempt("198.51.100.8") == 401

    def test_a_password_without_end_is_not_read(self, app: Flask) -> None:
        assert log_in(app.test_client(), "x" * 100_000).status_code == 413

    def test_all_addresses_together_have_some(
        self, app: Flask, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        client = app.test_client()
        statuses = [
            log_in(client, "wrong", environ_overrides={"REMOTE_ADDR": f"192.0.2.{n}"}).status_code
            for n in range(auth.ATTEMPTS_OF_ALL + 1)
        ]
        assert statuses == [401] * auth.ATTEMPTS_OF_ALL + [429]

    def test_are_counted_by_all_processes_together(self, app: Flask, make_app: AppFactory) -> None:
        other = make_app(admin_password=PASSWORD)
        clients = [app.test_client(), other.test_client()]
        for number in range(auth.ATTEMPTS):
            assert log_in(clients[number % 2], "wrong").status_code == 401
        assert [log_in(client).status_code for client in clients] == [429, 429]

    def test_are_counted_without_redis(self, make_app: AppFactory) -> None:
        client = make_app(admin_password=PASSWORD, redis_url="redis://127.0.0.1:1").test_client()
        statuses = [log_in(client, "wrong").status_code for _ in range(auth.ATTEMPTS + 1)]
        assert statuses == [401] * auth.ATTEMPTS + [429]


class TestTheLog:
    def test_tells_who_did_what(self, app: Flask, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.INFO, "tracker.audit")
        tick(app, quote("bitcoin"), quote("ether"))
        client = app.test_client()
        log_in(client, "wrong\nforged=line")
        log_in(client, "wrong", user="a\nb")
        log_in(client)
        post(client, "/admin/refresh")
        post(client, "/admin/coins/edit/?id=ether", display_name="Ether", hidden="y")
        post(client, "/admin/rq/queue/tracker/failed/empty")
        client.post("/admin/refresh")
        post(client, "/admin/logout")
        for _ in range(auth.ATTEMPTS):
            log_in(client, "wrong")
        told = [record.getMessage() for record in caplog.records if record.name == "tracker.audit"]
        begins = [
            "login: refused, user 'admin', from 127.0.0.1",
            r"login: refused, user 'a\nb', from",
            "login: let in, from",
            "refresh now: Not queued",
            "coin ether: display name None → 'Ether', hidden False → True, from",
            "rq: /queue/tracker/failed/empty, from",
            "refused: The CSRF token is missing. (/admin/refresh), from",
            "logout, from",
        ]
        assert [line[: len(begin)] for line, begin in zip(told, begins, strict=False)] == begins
        assert told[-1].startswith("login: locked out")
        assert not [line for line in told if "wrong" in line or PASSWORD in line]


class TestChanges:
    @pytest.mark.parametrize(
        "path",
        ["/admin/refresh", "/admin/logout", "/admin/coins/edit/?id=bitcoin",
         "/admin/rq/requeue/tracker", "/admin/rq/job/x/delete",
         "/admin/rq/queue/tracker/failed/empty"],
    )  # fmt: skip
    def test_need_the_sessions_token(self, app: Flask, client: FlaskClient, path: str) -> None:
        tick(app)
        assert client.post(path).status_code == 400
        assert client.post(path, data={"csrf_token": "forged"}).status_code == 400
        headers = {"Sec-Fetch-Site": "same-site"}
        mine = {"csrf_token": token(client, "/admin/")}
        assert client.post(path, data=mine, headers=headers).status_code == 400
        other = app.test_client()
        assert client.post(path, data={"csrf_token": token(other)}).status_code == 400

    def test_are_not_made_by_looking(self, client: FlaskClient) -> None:
        assert client.get("/admin/rq/requeue/tracker").status_code == 405

    @pytest.mark.parametrize("table", TABLES)
    @pytest.mark.parametrize("action", ["new", "delete", "action", "ajax/update", "edit"])
    def test_to_the_tables_are_none(
        self, app: Flask, client: FlaskClient, table: str, action: str
    ) -> None:
        tick(app)
        if (table, action) == ("coins", "edit"):
            return
        with app.app_context():
            before = newest_of(services(app).backend.store)
        response = post(
            client, f"/admin/{table}/{action}/", id="bitcoin", rowid="bitcoin", name="x"
        )
        assert response.status_code in (302, 404, 405)
        with app.app_context():
            assert newest_of(services(app).backend.store) == before


class TestHeaders:
    @pytest.mark.parametrize(
        "path", ["/admin/", "/admin/login", "/admin/rq/", "/admin/coins/", "/admin/no"]
    )
    def test_allow_nothing_from_elsewhere_and_keep_nothing(
        self, client: FlaskClient, path: str
    ) -> None:
        post_login = client.get(path)
        policy = post_login.headers["Content-Security-Policy"]
        scripts = next(rule for rule in policy.split("; ") if rule.startswith("script-src"))
        assert "'unsafe-inline'" not in scripts
        assert ("'unsafe-eval'" in scripts) == path.startswith("/admin/rq/")
        assert "frame-ancestors 'none'" in policy
        assert "https:" not in policy
        assert post_login.headers["Cache-Control"] == "no-store"

    def test_nonces_are_new_each_time(self, client: FlaskClient) -> None:
        one, other = (client.get("/admin/").headers["Content-Security-Policy"] for _ in "ab")
        assert one != other


class TestTables:
    @pytest.fixture
    def filled(self, make_app: AppFactory, database_url: str) -> Flask:
        """Two coins, on each database."""
        app = make_app(admin_password=PASSWORD, database_url=database_url)
        tick(app, quote("bitcoin", "97012.5"), quote("ether", "3512.25", name="Ether<b>"))
        return app

    @pytest.fixture
    def client(self, filled: Flask) -> FlaskClient:
        client = filled.test_client()
        log_in(client)
        return client

    SHOWN: ClassVar[list[tuple[str, list[str], list[str]]]] = [
        ("coins/", ["bitcoin", "Ether&lt;b&gt;"], ["<b>"]),
        ("coins/?search=ETH", ["ether"], ["bitcoin"]),
        ("coins/?search=%25", [], ["bitcoin"]),
        ("coins/?sort=0&desc=1", ["bitcoin", "ether"], []),
        ("ticks/", ["simulated"], []),
        ("ticks/?search=2020-01-01", [], ["simulated"]),
        ("ticks/?search=%27%3B+drop+table", [], ["simulated"]),
        ("ticks/?search=9999-99-99", [], ["simulated"]),
        ("quotes/", ["bitcoin", "97012.5", "ether"], []),
        ("quotes/?search=Bitcoin", ["97012.5"], ["ether"]),
        ("quotes/?search=99999999999999999999", [], ["bitcoin"]),
        ("quotes/?page=999999999", [], ["bitcoin"]),
        ("quotes/?page=-5&page_size=100000&sort=99", ["bitcoin"], []),
        ("quotes/?sort=3", ["bitcoin"], []),
        ("candles/?search=bitcoin", [], ["97012.5"]),
        ("candles/?sort=0&desc=1", [], []),
    ]
    """What is asked for, what its table shows then, and what it does not."""

    def test_show_what_is_stored(self, client: FlaskClient) -> None:
        for path, wanted, unwanted in self.SHOWN:
            response = client.get(f"/admin/{path}")
            assert response.status_code == 200, path
            table = response.text.partition("</thead>")[2]
            assert [word for word in wanted if word not in table] == [], path
            assert [word for word in unwanted if word in table] == [], path

    def test_today_is_found(self, client: FlaskClient) -> None:
        today = time.strftime("%Y-%m-%d", time.gmtime())
        for path in (f"ticks/?search={today}", f"quotes/?search={today}"):
            assert "There are no items" not in client.get(f"/admin/{path}").text

    def test_a_query_that_takes_long_ends(
        self, filled: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(model_views, "PATIENCE", 0.05)
        endless = {
            "sqlite": "(WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "
                      "SELECT count(*) FROM n) = 1",
            "postgresql": "(SELECT count(pg_sleep(0.1)) FROM generate_series(1, 1000)) = 1",
        }  # fmt: skip
        with filled.app_context():
            slow = db.text(endless[db.engine.dialect.name])
        monkeypatch.setattr(model_views.Quotes, "found", lambda self, term: slow)
        began_at = time.monotonic()
        response = client.get("/admin/quotes/?search=x")
        assert time.monotonic() - began_at < 5
        assert "That took longer" in response.text
        assert "97012.5" in client.get("/admin/quotes/").text

    def test_a_coin_is_renamed_and_hidden_from_the_next_tick_on(
        self, filled: Flask, client: FlaskClient
    ) -> None:
        quotes = (quote("bitcoin"), quote("ether"))
        post(client, "/admin/coins/edit/?id=bitcoin", display_name=" Digital gold ")
        assert [one.name for one in tick(filled, *quotes).quotes] == ["Digital gold", "Ether"]
        post(client, "/admin/coins/edit/?id=bitcoin", display_name="")
        post(client, "/admin/coins/edit/?id=ether", hidden="y")
        told = tick(filled, *quotes)
        assert [(one.id, one.name) for one in told.quotes] == [("bitcoin", "Bitcoin")]
        with filled.app_context():
            assert newest_of(services(filled).backend.store) == told
        post(client, "/admin/coins/edit/?id=ether")
        assert [one.id for one in tick(filled, *quotes).quotes] == ["bitcoin", "ether"]

    def test_the_last_coin_cannot_be_hidden(self, filled: Flask, client: FlaskClient) -> None:
        post(client, "/admin/coins/edit/?id=ether", hidden="y")
        tick(filled, quote("bitcoin"), quote("ether"))
        response = post(client, "/admin/coins/edit/?id=bitcoin", hidden="y")
        assert "bitcoin is the last coin that is shown" in response.text
        assert len(tick(filled, quote("bitcoin"), quote("ether")).quotes) == 1
        assert len(tick(filled, quote("ether")).quotes) == 1, "a tick without quotes says nothing"

    @pytest.mark.parametrize("name", ["x" * 201, "a\nb", "\u202eniocti\0b"])
    def test_a_name_is_short_and_printable(
        self, filled: Flask, client: FlaskClient, name: str
    ) -> None:
        post(client, "/admin/coins/edit/?id=bitcoin", display_name=name)
        assert tick(filled, quote("bitcoin")).quotes[0].name == "Bitcoin"

    def test_nothing_but_name_and_hiding_can_be_changed(
        self, filled: Flask, client: FlaskClient
    ) -> None:
        post(client, "/admin/coins/edit/?id=bitcoin", symbol="x", image="x", id="x", name="x")
        with filled.app_context():
            latest = newest_of(services(filled).backend.store)
        assert latest is not None
        assert latest.quotes[0] == quote("bitcoin", "97012.5", direction="same")

    def test_a_coin_that_is_not_there_cannot_be_changed(self, client: FlaskClient) -> None:
        response = post(client, "/admin/coins/edit/?id=no", hidden="y")
        assert response.status_code in (302, 404)

    def test_a_change_asks_the_source_anew(self, filled: Flask, client: FlaskClient) -> None:
        store = services(filled).backend.store
        with filled.app_context():
            store.save_confirmation(at=now_ms(), next_attempt_at=now_ms(), etag='"same"')
        post(client, "/admin/coins/edit/?id=ether", hidden="y")
        with filled.app_context():
            assert store.source_state().etag is None


class TestRefreshNow:
    def test_names_what_the_worker_has(self) -> None:
        assert f"{refresh_prices.__module__}.{refresh_prices.__name__}" == REFRESH
        assert scheduler.RefreshScheduler.scheduled_jobs_key == job_status.SCHEDULE

    def test_queues_one_and_says_that_no_worker_is_there(
        self, client: FlaskClient, redis: Redis
    ) -> None:
        assert "Queued; no worker is alive" in refresh(client)
        assert Queue(QUEUE, connection=redis).job_ids == [REFRESH_NOW_ID]
        assert "Not queued again: refresh_now waits" in refresh(client)

    def test_queues_none_that_a_worker_would_pass_over(
        self, app: Flask, client: FlaskClient, redis: Redis
    ) -> None:
        tick(app)
        assert "Not queued, a worker would pass over it: the last attempt was" in refresh(client)
        with app.app_context():
            services(app).backend.store.save_failure(
                "busy",
                at=now_ms() - 60_000,
                next_attempt_at=now_ms(),
                not_before=now_ms() + 9_000,
            )
        assert "the source asked to wait 9 s more" in refresh(client)
        assert Queue(QUEUE, connection=redis).job_ids == []

    def test_says_so_without_redis(self, make_app: AppFactory) -> None:
        app = make_app(admin_password=PASSWORD, redis_url="redis://:hush-hush@127.0.0.1:1")
        client = app.test_client()
        log_in(client)
        page = refresh(client)
        assert "Not queued: Redis cannot be reached" in page
        assert "nothing is known of the jobs" in page
        assert "hush-hush" not in page

    def test_a_worker_runs_it(
        self, client: FlaskClient, settings: SettingsFactory, tmp_path: Path, app: Flask
    ) -> None:
        log = tmp_path / "worker.log"
        with Child("-m", "worker", env=environment(settings()), log=log):
            wait_for(lambda: "No worker is alive" not in client.get("/admin/").text)
            page = refresh(client)
            assert "Queued." in page
            wait_for(lambda: ">tick</td>" in client.get("/admin/").text, 20, log.read_text())
        with app.app_context():
            assert newest_of(services(app).backend.store) is not None


def refresh(client: FlaskClient) -> str:
    response = post(client, "/admin/refresh")
    return client.get(response.location).text


def fail(redis: Redis, *arguments: str) -> None:
    """Have a job fail, with *arguments* in what is told of it. A worker would leave a thread."""
    queue = Queue(QUEUE, connection=redis, is_async=False)
    queue.enqueue(f"nowhere.{'-'.join(arguments)}", *arguments, job_id="fails")


def test_secrets_of_errors_are_not_shown(client: FlaskClient, redis: Redis) -> None:
    fail(redis, PASSWORD)
    for path in ("", "rq/0/data/job/fails.json", "rq/0/data/jobs/tracker/failed/8/asc/1.json"):
        page = client.get(f"/admin/{path}").text
        assert "Invalid attribute name" in page
        assert PASSWORD not in page


class TestRqDashboard:
    BAD: ClassVar[list[str]] = [
        "0/view/job/no", "0/data/job/no.json", "1/view/queues", "99999999999999999999/",
        "0/view/jobs/tracker/no/8/asc/x", "0/data/jobs/tracker/no/8/asc/1.json",
        "0/data/jobs/tracker/failed/0/asc/1.json", "0/data/jobs/tracker/queued/8/asc/-5.json",
        "0/data/jobs/tracker/queued/8/asc/x.json", "0/data/jobs/tracker/queued/\u0663/asc/1e9.json",
        f"0/data/jobs/tracker/failed/{'9' * 30}/dsc/{'9' * 30}.json",
        f"0/data/jobs/tracker/failed/{'9' * 400}/asc/1.json",
        "static/../web.py", "static/%2e%2e/web.py", "static/..%2fweb.py",
    ]  # fmt: skip

    @pytest.mark.parametrize("path", BAD)
    def test_says_what_is_not_there(self, client: FlaskClient, path: str) -> None:
        response = client.get(f"/admin/rq/{path}")
        assert response.status_code in (404, 200)
        if response.status_code == 200:
            assert response.json is not None
            assert response.json["jobs"] == []

    def test_what_cannot_be_changed_is_not_there(self, client: FlaskClient, redis: Redis) -> None:
        Queue(QUEUE, connection=redis).enqueue("nowhere.nothing", job_id="waits")
        for path in ("job/no/requeue", "job/waits/requeue"):
            assert post(client, f"/admin/rq/{path}").status_code == 404

    def test_looks_at_our_queue_when_none_is_named(self, client: FlaskClient) -> None:
        response = client.get("/admin/rq/0/view/jobs")
        assert response.location == "/admin/rq/0/view/jobs/tracker/queued/8/asc/1"

    def test_says_that_redis_is_away(self, make_app: AppFactory) -> None:
        client = make_app(admin_password=PASSWORD, redis_url="redis://127.0.0.1:1").test_client()
        log_in(client)
        for path in ("0/view/workers", "0/data/queues.json", "0/view/job/x"):
            assert client.get(f"/admin/rq/{path}").status_code == 503


@needs_chromium
@pytest.mark.skipif(sys.platform != "linux", reason="Debian's Chromium")
class TestInABrowser:
    @pytest.fixture
    def web(self, settings: SettingsFactory, tmp_path: Path, app: Flask) -> Iterator[Web]:
        tick(app, quote("bitcoin"), quote("ether"))
        with Web(settings(admin_password=PASSWORD), tmp_path / "web.log") as web:
            yield web

    def test_a_coin_is_renamed_and_hidden_in_front_of_its_readers(
        self, web: Web, new_page: Open, app: Flask
    ) -> None:
        root = f"http://127.0.0.1:{web.port}"
        reader, admin = new_page(), new_page()
        reader.goto(f"{root}/cryptos/")
        expect(reader.locator("[data-coin=bitcoin]").first).to_contain_text("Bitcoin")
        admin.goto(f"{root}/admin/coins/")
        enter(admin)
        admin.locator("tr", has_text="bitcoin").locator("a.icon").click()
        admin.fill("#display_name", "Digital gold")
        admin.click("input[type=submit] >> nth=0")
        expect(admin.locator("tr", has_text="bitcoin")).to_contain_text("Digital gold")
        admin.locator("tr", has_text="ether").locator("a.icon").click()
        admin.check("#hidden")
        admin.click("input[type=submit] >> nth=0")
        tick(app, quote("bitcoin"), quote("ether"))
        expect(reader.locator("[data-coin=bitcoin]").first).to_contain_text("Digital gold")
        expect(reader.locator("tr[data-coin=ether]")).to_have_count(0)
        for path in ("", "ticks/", "quotes/", "candles/", "rq/", "rq/0/view/workers", "no"):
            admin.goto(f"{root}/admin/{path}")
            admin.wait_for_load_state("networkidle")

    def test_a_failed_job_is_deleted_on_rqs_own_page(
        self, web: Web, new_page: Open, redis: Redis
    ) -> None:
        fail(redis)
        page = new_page()
        page.goto(f"http://127.0.0.1:{web.port}/admin/rq/0/view/job/fails")
        enter(page)
        expect(page.locator("#job-data")).to_contain_text("Invalid attribute name")
        page.click("#delete-job-btn")
        page.click("#confirmation-modal-yes")
        page.wait_for_url("**/admin/rq/")
        assert not redis.exists("rq:job:fails")

    def test_what_jobs_say_is_text(self, web: Web, new_page: Open, redis: Redis) -> None:
        evil = "<img id=evil src=x> & <script>document.title = 'evil'</script>"
        fail(redis, evil)
        page = new_page()
        page.goto(f"http://127.0.0.1:{web.port}/admin/rq/0/view/job/fails")
        enter(page)
        for path in ("job/fails", "jobs/tracker/failed/8/asc/1"):
            page.goto(f"http://127.0.0.1:{web.port}/admin/rq/0/view/{path}")
            expect(page.locator(".exc_info").last).to_contain_text(evil)
            expect(page.locator("#evil")).to_have_count(0)
            assert page.title() == "RQ · Crypto Tracker"

    def test_a_display_name_is_text(self, web: Web, new_page: Open, app: Flask) -> None:
        evil = "<img id=evil src=x onerror=alert(1)>{{7*7}}'\"&amp;"
        root, page = f"http://127.0.0.1:{web.port}", new_page()
        page.goto(f"{root}/admin/coins/edit/?id=bitcoin")
        enter(page)
        page.fill("#display_name", evil)
        page.click("input[type=submit] >> nth=0")
        expect(page.locator("tr", has_text="bitcoin")).to_contain_text(evil)
        tick(app, quote("bitcoin"), quote("ether"))
        for path in ("/cryptos/", "/cryptos/bitcoin", "/embed"):
            page.goto(root + path)
            expect(page.get_by_text(evil).first).to_be_attached()
            assert page.locator("#evil").count() == 0


def enter(page: Page) -> None:
    """Log in on the page that asks for it."""
    page.fill("#password", PASSWORD)
    page.click("text=Log in >> nth=-1")
    page.wait_for_url(lambda url: "/login" not in url)
