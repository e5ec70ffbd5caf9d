"""The admin: who gets in, what a change must carry, and what is logged of it."""

import logging
import subprocess
import sys
import time

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.admin.conftest import PASSWORD, TABLES, log_in, post, token
from tests.conftest import AppFactory
from tests.support.tools import ROOT, newest_of, quote
from tests.support.web_process import tick
from tracker.admin import auth
from tracker.services import services

HOSTILE_PATHS = (
    "//admin/coins/", "/admin/./coins/", "/ADMIN/coins/", "/cryptos/../admin/coins/",
    "/admin;/coins/", "/admin/login/../coins/", "/admin/coins/\0", "admin/coins/",
)  # fmt: skip
FOREIGN_ADDRESSES = (
    "", "/cryptos/", "//evil.example/admin/", "https://evil.example/admin/", "//[",
    "/admin/\\evil.example", "javascript:alert(1)//admin/", "/admin/\r\nSet-Cookie: a=b",
    "/administration",
)  # fmt: skip
CHANGES = (
    "/admin/refresh", "/admin/logout", "/admin/coins/edit/?id=bitcoin",
    "/admin/jobs/x/retry", "/admin/jobs/x/delete", "/admin/alerts/add", "/admin/alerts/1",
    "/admin/alerts/1/pause", "/admin/alerts/1/delete", "/admin/alerts/test/phone",
)  # fmt: skip


def cookie_of(client: FlaskClient) -> str:
    cookie = client.get_cookie("admin", path="/admin")
    assert cookie is not None
    return cookie.value


def test_without_a_password_there_is_no_admin_and_its_code_is_not_loaded() -> None:
    code = """
import sys; from tracker import create_app; from tracker.config import Settings
client = create_app(Settings(redis_url='redis://x')).test_client()
for path in ('/admin', '/admin/', '/admin/login', '/admin/coins/'):
    print(client.get(path).status_code)
print(sorted({'flask_admin', 'flask_wtf', 'rq'} & sys.modules.keys()))"""
    said = subprocess.check_output([sys.executable, "-c", code], cwd=ROOT, text=True)
    assert said.split() == ["404"] * 4 + ["[]"]


class TestWithoutASession:
    def test_every_address_leads_to_the_login(self, app: Flask) -> None:
        client = app.test_client()
        admin: Flask = app.extensions["admin"]
        adapter = admin.url_map.bind("localhost")
        rules = list(admin.url_map.iter_rules())
        assert len(rules) > 30
        for rule in rules:
            if rule.endpoint in auth.OPEN_ENDPOINTS:
                continue
            path = "/admin" + adapter.build(rule.endpoint, dict.fromkeys(rule.arguments, "1"))
            for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
                response = client.open(path, method=method)
                assert response.status_code == (302 if method == "GET" else 401), path
                if method == "GET":
                    assert response.location.startswith("/admin/login?next=")
        for path in ("/admin", "/admin/made-up"):
            assert client.get(path, follow_redirects=True).request.path == "/admin/login"

    def test_no_way_of_writing_a_path_passes(self, app: Flask) -> None:
        tick(app)
        for path in HOSTILE_PATHS:
            response = app.test_client().get(environ_overrides={"PATH_INFO": path})
            assert response.status_code in (302, 308, 404), path
            assert "bitcoin" not in response.text, path

    def test_user_and_password_must_be_right(self, app: Flask) -> None:
        client = app.test_client()
        for user, password in (
            ("admin", ""), ("admin", PASSWORD[:-1]), ("admin", f"{PASSWORD} "), ("root", PASSWORD),
            ("admin", "ü\0\ud800"),
        ):  # fmt: skip
            assert log_in(client, password, user).status_code == 401
            assert client.get("/admin/").status_code == 302
        assert log_in(client, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 400

    def test_an_old_form_is_answered_with_one_that_logs_in(self, app: Flask) -> None:
        """Of before a restart without SECRET_KEY, say."""
        client, address = app.test_client(), "/admin/login?next=/admin/quotes/"
        form = {"user": "admin", "password": PASSWORD}
        for old in ({}, {"csrf_token": token(app.test_client())}):
            answer = client.post(address, data=form | old)
            assert (answer.status_code, auth.OLD_FORM in answer.text) == (400, True)
            assert client.get("/admin/").status_code == 302
        fresh = {"csrf_token": answer.text.split('name="csrf_token" value="')[1].split('"')[0]}
        assert client.post(address, data=form | fresh).location == "/admin/quotes/"

    def test_a_forged_cookie_is_no_session(self, app: Flask) -> None:
        for cookie in ("", "x", "eyJzaW5jZSI6MX0.x.y", "ü" * 5000):
            headers = {"Cookie": f"admin={cookie}".encode().decode("latin-1")}
            assert app.test_client().get("/admin/", headers=headers).status_code == 302


def test_login_and_forms_lead_to_the_admin_only(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auth, "ATTEMPTS", 20)
    tick(app)
    client = app.test_client()
    ours = "/admin/quotes/?page=2"
    assert log_in(client, query_string={"next": ours}).location == ours
    mine = {"csrf_token": token(client, "/admin/")}
    for wanted in FOREIGN_ADDRESSES:
        response = log_in(app.test_client(), query_string={"next": wanted})
        assert (response.status_code, response.location) == (302, "/admin/")
        for table in TABLES:
            query, address = {"id": "bitcoin", "url": wanted}, f"/admin/{table}/edit/"
            assert client.get(address, query_string=query).status_code == 400
            assert client.post(address, query_string=query, data=mine).status_code == 400


class TestSession:
    def test_the_cookie_is_for_the_admin_only(self, app: Flask) -> None:
        tick(app)
        client = app.test_client()
        for scheme in ("http", "https"):
            response = log_in(client, base_url=f"{scheme}://localhost")
            cookie = response.headers["Set-Cookie"].split("; ")
            assert {"HttpOnly", "Path=/admin", "SameSite=Strict"} <= set(cookie)
            assert ("Secure" in cookie) == (scheme == "https")
            assert ("Strict-Transport-Security" in response.headers) == (scheme == "https")
        for path in ("/", "/cryptos/", "/api/prices", "/healthz", "/no", "/administration"):
            headers = client.get(path).headers
            assert "Set-Cookie" not in headers
            assert "Cookie" not in headers.get("Vary", "")

    def test_logging_out_ends_it_for_copies_of_the_cookie_as_well(
        self, client: FlaskClient, app: Flask
    ) -> None:
        thief = app.test_client()
        thief.set_cookie("admin", cookie_of(client), path="/admin")
        assert thief.get("/admin/").status_code == 200
        assert client.get("/admin/logout").status_code == 405
        assert post(client, "/admin/logout").location == "/admin/login"
        assert client.get("/admin/").status_code == thief.get("/admin/").status_code == 302
        assert log_in(client).status_code == 302
        assert client.get("/admin/").status_code == 200

    def test_a_planted_cookie_is_of_no_use(self, app: Flask) -> None:
        """Session fixation: an attacker's cookie, put into the victim's browser."""
        attacker, victim = app.test_client(), app.test_client()
        known = token(attacker)
        victim.set_cookie("admin", cookie_of(attacker), path="/admin")
        assert log_in(victim).status_code == 302
        assert attacker.get("/admin/").status_code == 302
        assert victim.post("/admin/refresh", data={"csrf_token": known}).status_code == 400

    def test_it_ends_after_its_time_and_with_another_password(
        self, client: FlaskClient, make_app: AppFactory, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for password, status in ((PASSWORD, 200), ("another horse", 302)):
            later = make_app(admin_password=password).test_client()
            later.set_cookie("admin", cookie_of(client), path="/admin")
            assert later.get("/admin/").status_code == status
        began_at = time.time()
        for more, status in ((-10, 200), (10, 302)):
            now = began_at + auth.SESSION_S + more
            monkeypatch.setattr(time, "time", lambda now=now: now)
            assert client.get("/admin/").status_code == status


class TestAttempts:
    def test_a_network_has_a_few_a_minute_over_all_processes(
        self, app: Flask, make_app: AppFactory
    ) -> None:
        clients = [app.test_client(), make_app(admin_password=PASSWORD).test_client()]
        for method in ("GET", "HEAD", "OPTIONS") * 2:  # looking at the form is no attempt
            assert clients[0].open("/admin/login", method=method).status_code == 200
        for number in range(auth.ATTEMPTS):
            assert log_in(clients[number % 2], "wrong").status_code == 401
        for client in clients:
            response = log_in(client)
            assert response.status_code == 429
            assert 1 <= int(response.headers["Retry-After"]) <= 60
        elsewhere = {"REMOTE_ADDR": "192.0.2.9"}
        assert log_in(app.test_client(), environ_overrides=elsewhere).status_code == 302

    def test_an_address_is_not_what_its_sender_says(self, make_app: AppFactory) -> None:
        for proxies, forwarded in ((0, "192.0.2.{}"), (1, "192.0.2.{}, 198.51.100.7")):
            client = make_app(admin_password=PASSWORD, trusted_proxies=proxies).test_client()
            headers = [{"X-Forwarded-For": forwarded.format(n)} for n in range(auth.ATTEMPTS + 1)]
            statuses = [log_in(client, "wrong", headers=sent).status_code for sent in headers]
            assert statuses == [401] * auth.ATTEMPTS + [429]

    def test_all_networks_together_have_some_also_without_redis(
        self, make_app: AppFactory, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """And a password without end is not read."""
        monkeypatch.setattr(auth, "ATTEMPTS_OF_ALL", 7)
        client = make_app(admin_password=PASSWORD, redis_url="redis://127.0.0.1:1").test_client()
        assert log_in(client, "x" * 100_000).status_code == 413
        senders = [{"REMOTE_ADDR": f"192.0.2.{n}"} for n in range(8)]
        statuses = [log_in(client, "no", environ_overrides=one).status_code for one in senders]
        assert statuses == [401] * 7 + [429]


class TestChanges:
    def test_they_need_the_sessions_token(self, app: Flask, client: FlaskClient) -> None:
        tick(app)
        mine = {"csrf_token": token(client, "/admin/")}
        others = {"csrf_token": token(app.test_client())}
        for path in CHANGES:
            for form in ({}, {"csrf_token": "forged"}, others):
                assert client.post(path, data=form).status_code == 400, path
            headers = {"Sec-Fetch-Site": "same-site"}
            assert client.post(path, data=mine, headers=headers).status_code == 400, path

    def test_the_tables_have_none_but_a_coins_name_and_visibility(
        self, app: Flask, client: FlaskClient
    ) -> None:
        before = tick(app, quote("bitcoin"))
        form = {"id": "bitcoin", "rowid": "bitcoin", "name": "x", "symbol": "x", "image": "x"}
        post(client, "/admin/coins/edit/?id=bitcoin", **form)
        form["csrf_token"] = token(client, "/admin/")
        for table in TABLES:
            for action in {"new", "delete", "action", "ajax/update", "edit"}:
                if (table, action) != ("coins", "edit"):
                    response = client.post(f"/admin/{table}/{action}/", data=form)
                    assert response.status_code in (302, 404, 405)
        assert newest_of(services(app).backend.store) == before
        assert tick(app, quote("bitcoin")).quotes == before.quotes


def test_each_login_and_change_is_logged(app: Flask, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "tracker.audit")
    tick(app, quote("bitcoin"), quote("ether"))
    client = app.test_client()
    log_in(client, "wrong\nforged=line")
    log_in(client, "wrong", user="a\nb")
    log_in(client)
    post(client, "/admin/refresh")
    post(client, "/admin/coins/edit/?id=ether", display_name="Ether", hidden="y")
    post(client, "/admin/jobs/x/delete")
    client.post("/admin/refresh")
    post(client, "/admin/logout")
    for _ in range(auth.ATTEMPTS):
        log_in(client, "wrong")
    lines = [record.getMessage() for record in caplog.records if record.name == "tracker.audit"]
    begins = [
        "login: refused, user 'admin', from 127.0.0.1",
        r"login: refused, user 'a\nb', from",
        "login: accepted, from",
        "refresh now: Not queued",
        "coin ether: display name None → 'Ether', hidden False → True, from",
        "job x: Not deleted",
        "refused: The CSRF token is missing. (/admin/refresh), from",
        "logout, from",
    ]
    assert [line[: len(begin)] for line, begin in zip(lines, begins, strict=False)] == begins
    assert lines[-1].startswith("login: locked out")
    assert not [line for line in lines if "wrong" in line or PASSWORD in line]


def test_headers_allow_nothing_inline_or_foreign_and_nothing_is_cached(client: FlaskClient) -> None:
    policies = []
    for path in ("/admin/", "/admin/login", "/admin/coins/", "/admin/no"):
        headers = client.get(path).headers
        policies.append(headers["Content-Security-Policy"])
        assert "'unsafe-" not in policies[-1]
        assert "frame-ancestors 'none'" in policies[-1]
        assert "https:" not in policies[-1]
        assert headers["Cache-Control"] == "no-store"
    assert len(set(policies)) == len(policies), "a nonce is new each time"
