"""The admin's tables, on each database: what is shown, and what can be changed."""

import time

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import QueuePool, event, text

from tests.admin.conftest import PASSWORD, log_in, post
from tests.conftest import AppFactory
from tests.support.tools import newest_of, now_ms, quote, succeeded
from tests.support.web_process import tick
from tracker.admin import model_views
from tracker.services import services

SHOWN: list[tuple[str, list[str], list[str]]] = [
    ("coins/", ["bitcoin", "Ether&lt;b&gt;"], ["<b>"]),
    ("coins/?search=ETH", ["ether"], ["bitcoin"]),
    ("coins/?search=%25", [], ["bitcoin"]),
    ("coins/?sort=0&desc=1", ["bitcoin", "ether"], []),
    ("ticks/", ["simulated"], []),
    ("ticks/?search=2020-01-01", [], ["simulated"]),
    ("ticks/?search=9999-99-99", [], ["simulated"]),
    ("quotes/", ["bitcoin", "97012.5", "ether"], []),
    ("quotes/?search=Bitcoin", ["97012.5"], ["ether"]),
    ("quotes/?search=99999999999999999999", [], ["bitcoin"]),
    ("quotes/?page=-5&page_size=100000&sort=99", ["bitcoin"], []),
    ("candles/?search=bitcoin", [], ["97012.5"]),
]
"""An address, what its table shows, and what it does not."""


@pytest.fixture
def app(make_app: AppFactory, database_url: str) -> Flask:
    """Two coins, on each database."""
    app = make_app(admin_password=PASSWORD, database_url=database_url)
    tick(app, quote("bitcoin", "97012.5"), quote("ether", "3512.25", name="Ether<b>"))
    return app


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    client = app.test_client()
    log_in(client)
    return client


def test_what_is_stored_is_shown_and_found_by_one_of_the_webs_connections(
    app: Flask, client: FlaskClient
) -> None:
    """A pool of the admin's own would double what PostgreSQL has to allow."""
    engine, checkouts = services(app).backend.engine, []
    event.listen(engine, "checkout", lambda *_: checkouts.append(1))
    today = time.strftime("%Y-%m-%d", time.gmtime())
    for path, wanted, unwanted in [*SHOWN, (f"ticks/?search={today}", ["simulated"], [])]:
        response = client.get(f"/admin/{path}")
        assert len(checkouts) == 1, path
        checkouts.clear()
        assert response.status_code == 200, path
        table = response.text.partition("</thead>")[2]
        assert [word for word in wanted if word not in table] == [], path
        assert [word for word in unwanted if word in table] == [], path
    assert isinstance(engine.pool, QueuePool)
    assert engine.pool.checkedout() == 0


def test_a_query_that_takes_long_ends(
    app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_views, "QUERY_TIMEOUT_S", 0.05)
    endless = {
        "sqlite": "(WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "
                  "SELECT count(*) FROM n) = 1",
        "postgresql": "(SELECT count(pg_sleep(0.1)) FROM generate_series(1, 100000)) = 1",
    }  # fmt: skip
    slow = text(endless[services(app).backend.engine.dialect.name])
    monkeypatch.setattr(model_views.Quotes, "found", lambda self, term: slow)
    assert "That took longer" in client.get("/admin/quotes/?search=x").text
    assert "97012.5" in client.get("/admin/quotes/").text


def test_a_coin_is_renamed_and_hidden_from_the_next_tick_on(
    app: Flask, client: FlaskClient
) -> None:
    quotes = (quote("bitcoin"), quote("ether"))
    store = services(app).backend.store
    for name in ("x" * 201, "a\nb", "\u202eniocti\0b"):
        post(client, "/admin/coins/edit/?id=bitcoin", display_name=name)
    assert tick(app, *quotes).quotes[0].name == "Bitcoin"
    store.change_state(lambda state: succeeded(state, now_ms(), '"same"'))
    post(client, "/admin/coins/edit/?id=bitcoin", display_name=" Digital gold ")
    assert store.source_state().etag is None, "the source is asked for all again"
    assert [one.name for one in tick(app, *quotes).quotes] == ["Digital gold", "Ether"]
    post(client, "/admin/coins/edit/?id=bitcoin", display_name="")
    post(client, "/admin/coins/edit/?id=ether", hidden="y")
    without = tick(app, *quotes)
    assert [(one.id, one.name) for one in without.quotes] == [("bitcoin", "Bitcoin")]
    assert newest_of(store) == without
    response = post(client, "/admin/coins/edit/?id=bitcoin", hidden="y")
    assert "bitcoin is the last coin that is shown" in response.text
    assert len(tick(app, *quotes).quotes) == 1
    assert len(tick(app, quote("ether")).quotes) == 1, "a tick without quotes says nothing"
    post(client, "/admin/coins/edit/?id=ether")
    assert [one.id for one in tick(app, *quotes).quotes] == ["bitcoin", "ether"]
    assert post(client, "/admin/coins/edit/?id=no", hidden="y").status_code in (302, 404)
