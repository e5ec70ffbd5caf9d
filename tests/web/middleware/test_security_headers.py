"""What browsers may load, run and frame, on every response."""

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.support.fake_site import BITCOIN, FakeRelay, make_app, make_tick
from tests.support.web_process import tick

SCRIPT = "/assets/0123456789ab/js/live/live.js"
PATHS = ("/", "/cryptos/", "/nothing", "/embed", "/api/prices", "/robots.txt", SCRIPT)


@pytest.fixture
def client() -> FlaskClient:
    return make_app(FakeRelay(make_tick(BITCOIN))).test_client()


def rules(response: Any) -> dict[str, str]:
    """Return the response's policy as rules by name."""
    parts = response.headers["Content-Security-Policy"].split("; ")
    return dict(part.split(" ", 1) for part in parts)


def test_every_answer_has_a_policy_that_lets_nothing_inline_in(client: FlaskClient) -> None:
    for path in PATHS:
        response = client.get(path)
        assert rules(response)["default-src"] == "'none'", path
        assert "unsafe" not in response.headers["Content-Security-Policy"]
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert "Cross-Origin-Resource-Policy" not in response.headers  # CORS decides


def test_a_page_may_load_its_own_and_be_framed_by_nobody(client: FlaskClient) -> None:
    response = client.get("/cryptos/")
    found = rules(response)
    kinds = ("script", "style", "connect", "worker", "manifest")
    assert {found[f"{kind}-src"] for kind in kinds} == {"'self'"}
    assert found["img-src"] == "'self' data: https:"
    assert found["base-uri"] == found["frame-ancestors"] == "'none'"
    assert response.headers["X-Frame-Options"] == "DENY"
    assert response.headers["Referrer-Policy"] == "same-origin"
    assert response.headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "geolocation=()" in response.headers["Permissions-Policy"]
    assert "Strict-Transport-Security" not in response.headers
    secure = client.get("/cryptos/", base_url="https://tracker.example")
    assert "max-age=31536000" in secure.headers["Strict-Transport-Security"]


def test_a_worker_may_import_and_connect_and_do_no_more(client: FlaskClient) -> None:
    """A worker's policy is that of its own script."""
    allowed = {"default-src": "'none'", "script-src": "'self'", "connect-src": "'self'"}
    assert rules(client.get(SCRIPT)) == allowed


def test_only_what_is_for_embedding_may_be_framed(client: FlaskClient) -> None:
    response = client.get("/embed")
    assert rules(response)["frame-ancestors"] == "* file:", "pages on the reader's disk too"
    assert rules(response)["script-src"] == "'self'"
    assert {"X-Frame-Options", "Set-Cookie"}.isdisjoint(response.headers.keys())
    assert rules(client.get("/embedded"))["frame-ancestors"] == "'none'"


def test_a_trusted_proxy_names_the_scheme_and_never_the_host() -> None:
    """A cache in front tells pages apart by their Host, and by nothing else."""
    sent = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "evil.example"}
    for proxies in (0, 1):
        client = make_app(FakeRelay(), trusted_proxies=proxies).test_client()
        for path in ("/", "/cryptos", "/cryptos/"):
            response = client.get(path, headers=sent)
            assert ("Strict-Transport-Security" in response.headers) is bool(proxies)
            assert "evil.example" not in f"{response.headers}{response.text}"


def test_what_a_view_has_set_stays() -> None:
    app = make_app(FakeRelay())
    own = {"Content-Security-Policy": "default-src 'self'"}
    app.add_url_rule("/own", view_func=lambda: ("", own))
    assert rules(app.test_client().get("/own")) == {"default-src": "'self'"}


def test_the_stream_has_them_and_is_not_compressed_twice(app: Flask) -> None:
    tick(app)
    response = app.test_client().get("/stream", headers={"Accept-Encoding": "br"}, buffered=False)
    with response:
        assert rules(response) == {"default-src": "'none'", "frame-ancestors": "'none'"}
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["Vary"] == "Accept-Encoding"
        assert "Content-Encoding" not in response.headers
