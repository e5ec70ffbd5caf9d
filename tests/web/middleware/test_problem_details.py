"""Every error of every address is a problem or a page, and shows no internals."""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.conftest import AppFactory
from tests.support.tools import quote, wait_for
from tests.support.web_process import exchange_rates, tick
from tracker.services import services
from tracker.web.middleware.problem_details import MACHINE_PATHS

SECRET = "hush-hush-hush"
METHODS = {"GET", "POST", "BREW"}
BAD = ("", "-1", "\0", "\u0663", "9" * 400, "//[", "\udc80")  # the last: a byte that is no UTF-8
NAMES = (
    "coins", "range", "format", "points", "last_event_id", "theme", "next", "page", "page_size",
    "sort", "desc", "search", "id", "flt0_0", "currency", "from", "to", "amount",
)  # fmt: skip
INSIDE = ("Traceback", 'File "', ".py", "SELECT", SECRET)


@pytest.fixture
def app(make_app: AppFactory) -> Flask:
    """All there is, the admin too, prices and exchange rates."""
    app = make_app(admin_password=SECRET, api_key=SECRET)
    exchange_rates(app)
    services(app).relay.start()
    tick(app, quote("bitcoin"))
    wait_for(lambda: services(app).relay.state.tick)
    return app


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """One who may do all there is to do."""
    client = app.test_client()

    def token(path: str) -> str:
        return client.get(path).text.split('name="csrf_token" value="')[1].split('"')[0]

    form = {"user": "admin", "password": SECRET, "csrf_token": token("/admin/login")}
    assert client.post("/admin/login", data=form).status_code == 302
    client.environ_base["HTTP_X_CSRFTOKEN"] = token("/admin/")
    return client


def addresses(app: Flask, value: str = "1") -> Iterator[tuple[set[str], str]]:
    """Yield each address of *app*, with *value* in its place, and the methods it has."""
    for prefix, one in (("", app), ("/admin", app.extensions["admin"])):
        for rule in one.url_map.iter_rules():
            if rule.endpoint != "admin.logout":  # it would spoil the rest
                path = prefix + re.sub(r"<int:[^>]*>", "0", rule.rule)
                yield rule.methods or set(), re.sub(r"<[^>]*>", value, path)


def ask(client: FlaskClient, path: str, method: str = "GET", **query: str) -> int:
    """Return the answer's status, having checked how an error is reported."""
    environ = {
        "PATH_INFO": path.encode(errors="surrogateescape").decode("latin-1"),
        "QUERY_STRING": urlencode(query, errors="surrogateescape"),
    }
    with client.open(environ_overrides=environ, method=method, buffered=False) as response:
        status = response.status_code
        if status >= 400:
            text = response.get_data(as_text=True)
            is_for_programs = path.startswith(MACHINE_PATHS)
            kind = "application/problem+json" if is_for_programs else "text/html"
            assert response.mimetype == kind, path
            assert [word for word in INSIDE if word in text] == [], path
            if text and is_for_programs:
                body = response.get_json()
                assert body.keys() == {"type", "title", "status", "detail"}
                assert body["status"] == status
        return status


def test_a_wrong_address_or_method_is_an_error_like_others(app: Flask, client: FlaskClient) -> None:
    for path in ("/no", "/api/no", "/streamed", "/admin/no", "/api/%00"):
        assert ask(client, path) == 404
    for methods, path in addresses(app):
        for method in METHODS - methods:
            assert ask(client, path, method) in (404, 405), f"{method} {path}"


@pytest.mark.faults
def test_bad_arguments_are_the_senders_fault(app: Flask, client: FlaskClient) -> None:
    for value in BAD:
        for methods, path in addresses(app, value):
            for method in {"GET", "POST"} & methods:
                status = ask(client, path, method, **dict.fromkeys(NAMES, value))
                assert status < 500, f"{method} {path!r} with {value!r}"


def test_what_breaks_within_stays_within(app: Flask, client: FlaskClient) -> None:
    def explode(**_: Any) -> str:
        raise LookupError(f"{SECRET} in tracker/somewhere.py")

    for one in (app, app.extensions["admin"]):
        one.view_functions = dict.fromkeys(one.view_functions, explode)
    seen = {
        ask(client, path, method)
        for methods, path in addresses(app, "bitcoin")
        for method in {"GET", "POST"} & methods
    }
    assert seen - {302, 308, 405} == {500}  # another address for the same, or none by GET


def test_clients_that_accept_json_get_json_anywhere(client: FlaskClient) -> None:
    for accept, kind in {
        "application/json": "application/problem+json",
        "application/problem+json, text/html;q=0.5": "application/problem+json",
        "text/html,application/xhtml+xml,*/*;q=0.8": "text/html",
    }.items():
        for path in ("/no", "/admin/no"):
            response = client.get(path, headers={"Accept": accept})
            assert (response.status_code, response.mimetype) == (404, kind)
            assert "Accept" in response.vary
