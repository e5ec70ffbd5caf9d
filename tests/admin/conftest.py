"""An application with an admin, and a client that has logged in."""

import re
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.conftest import AppFactory

PASSWORD = "correct horse"
TABLES = ("coins", "ticks", "quotes", "candles")


@pytest.fixture
def app(make_app: AppFactory) -> Flask:
    return make_app(admin_password=PASSWORD)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    client = app.test_client()
    assert log_in(client).status_code == 302
    return client


def token(client: FlaskClient, path: str = "/admin/login", **options: Any) -> str:
    page = client.get(path, follow_redirects=True, **options).text
    found = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert found, page
    return found[1]


def log_in(
    client: FlaskClient, password: str = PASSWORD, user: str = "admin", **more: Any
) -> TestResponse:
    known = token(client, base_url=more.get("base_url"))
    form = {"user": user, "password": password.encode(errors="replace"), "csrf_token": known}
    return client.post("/admin/login", data=form, **more)


def post(client: FlaskClient, path: str, **form: str) -> TestResponse:
    return client.post(path, data={"csrf_token": token(client, "/admin/")} | form)
