"""The history at its addresses: as JSON, as CSV, and what is refused."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
import simplejson
from flask import Flask
from flask.testing import FlaskClient

from tests.conftest import AppFactory
from tests.support.tools import now_ms, quote, wait_for
from tests.support.web_process import message_of
from tracker.market.candles import from_sparkline
from tracker.services import services
from tracker.storage.history import RANGES
from tracker.storage.ticks import Saved, Store
from tracker.times import DAY_MS, iso

MINUTE = 60_000
BITCOIN = "/api/coins/bitcoin/history"


@pytest.fixture
def app(make_app: AppFactory) -> Iterator[Flask]:
    app = make_app(currency="eur")
    with app.app_context():
        yield app


@pytest.fixture
def ids(app: Flask) -> list[int]:
    """Make ticks of two coins in the last five minutes; return their ids."""
    store: Store = services(app).backend.store
    begin = now_ms() - 5 * MINUTE
    found = []
    for number, price in enumerate(["0.10", "1.2E-9", "97012.50"]):
        quotes = [quote("bitcoin", price), quote("ether", "2")]
        saved = store.save(quotes, at=begin + number * MINUTE, next_attempt_at=0)
        assert saved
        found.append(saved.tick.id)
    return found


@pytest.fixture
def client(app: Flask, ids: list[int]) -> FlaskClient:
    return app.test_client()


def exact(text: str) -> Any:
    return simplejson.loads(text, use_decimal=True)


def rings(app: Flask, saved: Saved) -> bool:
    """Tell of what was *saved*; the relay may not be listening yet."""
    services(app).backend.feed.publish(message_of(saved))
    return True


class TestOfCoin:
    def test_it_has_the_points_with_all_their_digits(
        self, client: FlaskClient, ids: list[int]
    ) -> None:
        response = client.get(BITCOIN)
        assert (response.status_code, response.content_type) == (200, "application/json")
        assert exact(response.text) == {
            "coin": "bitcoin",
            "currency": "eur",
            "range": "24h",
            "resolution": "tick",
            "points": [
                [ids[0], Decimal("0.10")],
                [ids[1], Decimal("1.2E-9")],
                [ids[2], Decimal("97012.50")],
            ],
        }
        assert "0.10" in response.text
        assert "97012.50" in response.text

    @pytest.mark.parametrize("range", RANGES)
    def test_each_range_has_its_points(self, app: Flask, client: FlaskClient, range: str) -> None:
        history = services(app).backend.rollup
        end = now_ms() - 30 * MINUTE
        history.fill({"bitcoin": from_sparkline([5] * 168, end=end)})
        history.fill({"bitcoin": from_sparkline([5] * 168, end=end - 7 * DAY_MS)})
        body = exact(client.get(f"{BITCOIN}?range={range}").text)
        assert body["range"] == range
        assert len(body["points"]) <= 500
        assert body["points"] == sorted(body["points"], key=lambda point: point[0])
        if range not in ("1h", "24h"):
            assert body["resolution"] == "hour"
            assert body["points"][-1][1] == Decimal("97012.50")
            assert (body["points"][0][0] < now_ms() - 8 * DAY_MS) == (range != "7d")

    def test_the_name_may_be_in_any_case(self, client: FlaskClient) -> None:
        assert client.get("/api/coins/Bitcoin/history").json["coin"] == "bitcoin"  # type: ignore[index]

    def test_a_coin_that_nobody_knows_is_told_what_is_known(self, client: FlaskClient) -> None:
        response = client.get("/api/coins/b%C3%BCttcoin/history")
        assert response.status_code == 404
        assert response.content_type == "application/problem+json"
        assert response.json
        assert response.json["detail"] == (
            "unknown: büttcoin; accepted: ids as in /api/prices, for example bitcoin"
        )

    def test_a_range_that_there_is_not_is_told_which_there_are(self, client: FlaskClient) -> None:
        response = client.get(f"{BITCOIN}?range=5y")
        assert response.status_code == 400
        assert response.content_type == "application/problem+json"
        assert response.json
        assert response.json["detail"] == "range '5y'; accepted: 1h, 24h, 7d, 30d, 1y"

    def test_before_the_first_tick_it_is_to_be_asked_again(self, app: Flask) -> None:
        for path in (BITCOIN, "/api/history"):
            response = app.test_client().get(path)
            assert response.status_code == 503
            assert response.headers["Retry-After"] == "5"


class TestCsv:
    def test_it_is_a_file_of_times_and_prices(self, client: FlaskClient, ids: list[int]) -> None:
        response = client.get(BITCOIN, headers={"Accept": "text/csv"})
        assert response.content_type == "text/csv; charset=utf-8"
        assert response.headers["Content-Disposition"] == (
            "attachment; filename=bitcoin-eur-24h.csv"
        )
        assert list(csv.reader(response.text.splitlines())) == [
            ["time", "price"],
            [iso(ids[0]), "0.10"],
            [iso(ids[1]), "0.0000000012"],
            [iso(ids[2]), "97012.50"],
        ]

    @pytest.mark.parametrize(
        ("accept", "kind"),
        [
            ("*/*", "application/json"),
            ("text/html,*/*;q=0.1", "application/json"),
            ("text/csv;q=0.5, application/json", "application/json"),
            ("application/json;q=0.5, text/csv", "text/csv; charset=utf-8"),
            ("image/png", "application/json"),
        ],
    )
    def test_it_is_given_to_those_who_prefer_it(
        self, client: FlaskClient, accept: str, kind: str
    ) -> None:
        response = client.get(BITCOIN, headers={"Accept": accept})
        assert response.content_type == kind
        assert "Accept" in response.headers["Vary"]


class TestFormat:
    """For those who cannot send an `Accept`: the readers of a link."""

    @pytest.mark.parametrize(
        ("form", "accept", "kind"),
        [
            ("csv", "*/*", "text/csv; charset=utf-8"),
            ("csv", "application/json", "text/csv; charset=utf-8"),
            ("json", "text/csv", "application/json"),
        ],
    )
    def test_it_wins_over_what_is_accepted(
        self, client: FlaskClient, form: str, accept: str, kind: str
    ) -> None:
        response = client.get(f"{BITCOIN}?format={form}", headers={"Accept": accept})
        assert response.content_type == kind
        assert "accept" not in response.vary

    def test_it_gives_the_same_as_the_header(self, client: FlaskClient) -> None:
        asked = client.get(f"{BITCOIN}?range=7d&format=csv")
        accepted = client.get(f"{BITCOIN}?range=7d", headers={"Accept": "text/csv"})
        assert asked.text == accepted.text
        name = "Content-Disposition"
        assert asked.headers[name] == accepted.headers[name]

    @pytest.mark.parametrize("form", ["xml", "", "CSV"])
    def test_one_that_there_is_not_is_told_which_there_are(
        self, client: FlaskClient, form: str
    ) -> None:
        response = client.get(f"{BITCOIN}?format={form}")
        assert response.status_code == 400
        assert response.content_type == "application/problem+json"
        assert response.json
        assert response.json["detail"] == f"format {form!r}; accepted: json, csv"


class TestCaching:
    @pytest.mark.parametrize("path", [BITCOIN, "/api/history?range=7d"])
    def test_nothing_is_sent_again_until_the_next_tick(
        self, app: Flask, client: FlaskClient, ids: list[int], path: str
    ) -> None:
        first = client.get(path)
        assert first.get_etag() == (str(ids[-1]), False)
        assert first.headers["Cache-Control"] == "public, max-age=10"
        again = client.get(path, headers={"If-None-Match": first.headers["ETag"]})
        assert (again.status_code, again.data) == (304, b"")

        saved = services(app).backend.store.save([quote()], at=now_ms(), next_attempt_at=0)
        assert saved
        relay: Any = services(app).relay
        wait_for(lambda: rings(app, saved) and relay.state.newest.id == saved.tick.id)
        later = client.get(path, headers={"If-None-Match": first.headers["ETag"]})
        assert (later.status_code, later.get_etag()) == (200, (str(saved.tick.id), False))

    def test_the_two_forms_are_told_apart(self, client: FlaskClient) -> None:
        tag = client.get(BITCOIN, headers={"Accept": "text/csv"}).headers["ETag"]
        assert client.get(BITCOIN, headers={"If-None-Match": tag}).status_code == 200

    def test_head_has_no_body(self, client: FlaskClient) -> None:
        response = client.head(BITCOIN)
        assert (response.status_code, response.data) == (200, b"")
        assert int(response.headers["Content-Length"]) > 50


class TestOfCoins:
    def test_it_has_the_points_of_those_named(self, client: FlaskClient, ids: list[int]) -> None:
        response = client.get("/api/history?coins=ether,%20Bitcoin,,ether&range=1h")
        assert exact(response.text) == {
            "currency": "eur",
            "range": "1h",
            "resolution": "tick",
            "coins": {
                "ether": [[id, 2] for id in ids],
                "bitcoin": exact(client.get(BITCOIN).text)["points"],
            },
        }

    def test_without_names_it_has_all(self, client: FlaskClient) -> None:
        body = client.get("/api/history").json
        assert body
        assert list(body["coins"]) == ["bitcoin", "ether"]

    def test_it_has_as_many_points_as_are_wanted(self, app: Flask, client: FlaskClient) -> None:
        week = from_sparkline(list(range(168)), end=now_ms())
        services(app).backend.rollup.fill({"bitcoin": week, "ether": week})
        for query, most in (("", 50), ("&points=2", 2), ("&points=500", 500)):
            body = client.get(f"/api/history?range=7d{query}").json
            assert body
            assert body["resolution"] == "hour"
            for points in body["coins"].values():
                assert min(most, 300) - 2 <= len(points) <= most

    @pytest.mark.parametrize(
        ("query", "detail"),
        [
            ("points=1", "points '1'; accepted: a whole number from 2 to 500"),
            ("points=501", "points '501'; accepted: a whole number from 2 to 500"),
            ("points=many", "points 'many'; accepted: a whole number from 2 to 500"),
            ("range=", "range ''; accepted: 1h, 24h, 7d, 30d, 1y"),
            (
                "coins=bitcoin,dodge",
                "unknown: dodge; accepted: ids as in /api/prices, for example bitcoin",
            ),
            (
                f"coins={','.join(map(str, range(251)))}",
                "251 coins; accepted: at most 250, or leave `coins` out for all",
            ),
        ],
    )
    def test_what_is_wrong_is_told(self, client: FlaskClient, query: str, detail: str) -> None:
        response = client.get(f"/api/history?{query}")
        assert response.status_code == 400
        assert response.json
        assert response.json["detail"] == detail
