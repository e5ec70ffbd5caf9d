"""The history at its addresses: as JSON, as CSV, and what is refused."""

import csv
from decimal import Decimal
from typing import Any

import pytest
import simplejson
from flask.testing import FlaskClient

from tests.support.fake_site import FakeHistory, FakeRelay, make_app, make_tick, quote
from tracker.market.candles import Point
from tracker.storage.history import RANGES
from tracker.times import iso

AT = 1795414447352
BITCOIN = "/api/coins/bitcoin/history"
IDS = "accepted: ids or symbols as in /api/prices, for example bitcoin"
POINTS: list[Point] = [
    (AT - 2000, Decimal("0.10")),
    (AT - 1000, Decimal("1.2E-9")),
    (AT, Decimal("97012.50")),
]


@pytest.fixture
def history() -> FakeHistory:
    return FakeHistory({"bitcoin": POINTS, "ether": [(AT, Decimal(2))]})


@pytest.fixture
def client(history: FakeHistory) -> FlaskClient:
    relay = FakeRelay(make_tick(quote("bitcoin"), quote("ether"), at=AT))
    return make_app(relay, history, currency="eur").test_client()


def exact(text: str) -> Any:
    return simplejson.loads(text, use_decimal=True)


def test_a_coins_history_has_the_points_with_all_their_digits(client: FlaskClient) -> None:
    response = client.get("/api/coins/Bit/history")
    assert (response.status_code, response.content_type) == (200, "application/json")
    assert exact(response.text) == {
        "coin": "bitcoin",
        "currency": "eur",
        "range": "24h",
        "resolution": "tick",
        "points": [list(point) for point in POINTS],
    }
    assert "0.10" in response.text


def test_each_range_has_its_points(client: FlaskClient, history: FakeHistory) -> None:
    for n, range in enumerate(RANGES):
        history.told[f"bitcoin {range}"] = [(AT, Decimal(n))]
        body = exact(client.get(f"{BITCOIN}?range={range}").text)
        assert (body["range"], body["points"]) == (range, [[AT, n]])
        assert body["resolution"] == ("tick" if range in ("1h", "24h") else "hour")


def test_csv_is_a_file_of_times_and_prices(client: FlaskClient) -> None:
    response = client.get(BITCOIN, headers={"Accept": "text/csv"})
    assert response.content_type == "text/csv; charset=utf-8"
    name = "attachment; filename=bitcoin-eur-24h.csv"
    assert response.headers["Content-Disposition"] == name
    assert list(csv.reader(response.text.splitlines())) == [
        ["time", "price"],
        [iso(AT - 2000), "0.10"],
        [iso(AT - 1000), "0.0000000012"],
        [iso(AT), "97012.50"],
    ]
    assert client.get(f"{BITCOIN}?format=csv").text == response.text
    as_json = client.get(BITCOIN, headers={"If-None-Match": response.headers["ETag"]})
    assert as_json.status_code == 200


def test_format_wins_over_accept(client: FlaskClient) -> None:
    for query, accept, kind in (
        ("", "text/csv;q=0.5, application/json", "application/json"),
        ("", "application/json;q=0.5, text/csv", "text/csv; charset=utf-8"),
        ("?format=csv", "application/json", "text/csv; charset=utf-8"),
        ("?format=json", "text/csv", "application/json"),
    ):
        response = client.get(f"{BITCOIN}{query}", headers={"Accept": accept})
        assert response.content_type == kind
        assert ("accept" in response.vary) is not bool(query)


def test_many_coins_have_as_many_points_as_are_wanted_in_the_order_of_their_names(
    client: FlaskClient, history: FakeHistory
) -> None:
    response = client.get("/api/history?coins=ether,%20Bit,,ether&range=1h")
    assert list(exact(response.text).items()) == [
        ("currency", "eur"),
        ("range", "1h"),
        ("resolution", "tick"),
        ("coins", {"ether": [[AT, 2]], "bitcoin": [list(point) for point in POINTS]}),
    ]
    history.told["ether"] = [(AT + n, Decimal(n % 7)) for n in range(700)]
    for query, most in (("", 50), ("&points=2", 2), ("&points=500", 500)):
        body = exact(client.get(f"/api/history?range=7d{query}").text)
        assert (list(body["coins"]), body["resolution"]) == (["bitcoin", "ether"], "hour")
        assert most - 2 <= len(body["coins"]["ether"]) <= most


@pytest.mark.parametrize(
    ("path", "status", "detail"),
    [
        ("coins/b%C3%BCttcoin/history", 404, f"unknown: büttcoin; {IDS}; did you mean bitcoin?"),
        ("coins/bitcoin/history?range=5y", 400, "range '5y'; accepted: 1h, 24h, 7d, 30d, 1y"),
        ("coins/bitcoin/history?format=CSV", 400, "format 'CSV'; accepted: json, csv"),
        ("history?points=1", 400, "points '1'; accepted: a whole number from 2 to 500"),
        ("history?points=many", 400, "points 'many'; accepted: a whole number from 2 to 500"),
        ("history?coins=bitcoin,dodge", 400, f"unknown: dodge; {IDS}"),
        (f"history?coins={','.join(map(str, range(251)))}", 400,
         "251 coins; accepted: at most 250, or leave `coins` out for all"),
    ],
)  # fmt: skip
def test_a_refusal_says_what_is_accepted(
    client: FlaskClient, path: str, status: int, detail: str
) -> None:
    response = client.get(f"/api/{path}")
    assert (response.status_code, response.content_type) == (status, "application/problem+json")
    assert exact(response.text)["detail"] == detail


@pytest.mark.parametrize("path", [BITCOIN, "/api/history?range=7d"])
def test_nothing_is_sent_before_the_first_tick_nor_again_until_the_next(path: str) -> None:
    relay = FakeRelay()
    client = make_app(relay, FakeHistory({"bitcoin": POINTS})).test_client()
    before = client.get(path)
    assert (before.status_code, before.headers["Retry-After"]) == (503, "5")
    headers: dict[str, str] = {}
    for at in (AT, AT + 1):
        relay.tick = make_tick(quote("bitcoin"), at=at)
        first = client.get(path, headers=headers)
        assert (first.status_code, first.get_etag()) == (200, (str(at), False))
        assert first.headers["Cache-Control"] == "public, max-age=10"
        headers = {"If-None-Match": first.headers["ETag"]}
        again = client.get(path, headers=headers)
        assert (again.status_code, again.data) == (304, b"")
