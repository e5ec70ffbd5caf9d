"""The description of the interface says what is there, all of it, and nothing else."""

import json
import re
from typing import get_args

from flask import Flask

from tests.support.fake_site import BITCOIN, make_tick
from tracker.config import MAX_COINS
from tracker.market.candles import MAX_POINTS
from tracker.market.freshness import State, Status
from tracker.market.quotes import Direction
from tracker.storage.history import RANGES, Resolution
from tracker.web.api import stream
from tracker.web.api.docs import DOCUMENT, coded
from tracker.web.middleware import query_params

FOR_PROGRAMS = ("/api", "/stream", "/watch", "/healthz", "/readyz", "/metrics")
SCHEMAS = DOCUMENT["components"]["schemas"]


def test_every_address_that_programs_read_is_described_and_no_other(app: Flask) -> None:
    found = {re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule) for rule in app.url_map.iter_rules()}
    described = {*DOCUMENT["paths"], "/api/openapi.json", "/api/docs"}
    assert {rule for rule in found if rule.startswith(FOR_PROGRAMS)} == described
    for path, operations in DOCUMENT["paths"].items():
        assert ("429" in operations["get"]["responses"]) == path.startswith("/api/"), path


def test_it_is_served_with_the_path_it_is_below(app: Flask) -> None:
    client = app.test_client()
    response = client.get("/api/openapi.json", environ_overrides={"SCRIPT_NAME": "/coins"})
    assert response.content_type == "application/json"
    document = json.loads(response.text)
    assert document == DOCUMENT | {"servers": [{"url": "/coins"}]}
    at_root = client.get("/api/openapi.json")
    for tag, status in ((response.headers["ETag"], 200), (at_root.headers["ETag"], 304)):
        again = client.get("/api/openapi.json", headers={"If-None-Match": tag})
        assert again.status_code == status


def test_a_tick_has_the_keys_that_are_described() -> None:
    tick, status = json.loads(make_tick(BITCOIN).to_json()), json.loads(Status("live").to_json())
    for name, body in {"Tick": tick, "Quote": tick["quotes"][0], "Status": status}.items():
        assert set(body) == set(SCHEMAS[name]["required"])


def test_limits_and_choices_are_the_codes_own() -> None:
    of_coin, of_coins = (
        {one["name"]: one for one in DOCUMENT["paths"][path]["get"]["parameters"]}
        for path in ("/api/coins/{coin}/history", "/api/history")
    )
    for range in (of_coin["range"], of_coins["range"]):
        assert range["schema"] == {"enum": list(RANGES), "default": query_params.DEFAULT_RANGE}
    assert of_coin["format"]["schema"] == {"enum": list(query_params.FORMATS)}
    points = of_coins["points"]["schema"]
    assert (points["minimum"], points["maximum"]) == (2, MAX_POINTS)
    assert points["default"] == query_params.DEFAULT_POINTS
    assert f"at most {MAX_COINS};" in of_coins["coins"]["description"]
    coins, _, last_event_id = DOCUMENT["paths"]["/stream"]["get"]["parameters"]
    assert coins == of_coins["coins"]
    assert f"{stream.MAX_ID} characters" in last_event_id["description"]
    history_of_coin = DOCUMENT["paths"]["/api/coins/{coin}/history"]["get"]["responses"]["200"]
    assert f"At most {MAX_POINTS} points" in history_of_coin["description"]
    assert list(history_of_coin["content"]) == ["application/json", "text/csv"]
    for name in ("CoinHistory", "History"):
        assert SCHEMAS[name]["properties"]["range"] == {"enum": list(RANGES)}
        assert SCHEMAS[name]["properties"]["resolution"]["enum"] == list(get_args(Resolution))
    assert SCHEMAS["CoinHistory"]["properties"]["points"]["maxItems"] == MAX_POINTS
    assert SCHEMAS["Quote"]["properties"]["direction"]["enum"] == list(get_args(Direction))
    assert SCHEMAS["Status"]["properties"]["state"]["enum"] == list(get_args(State))
    for name, one in SCHEMAS.items():
        with_currency = {"converted"} if name == "Tick" else set()
        assert set(one["properties"]) - with_currency == set(one["required"]), name
    *_, format = DOCUMENT["paths"]["/api/price/{coin}"]["get"]["parameters"]
    assert format["schema"] == {"enum": list(query_params.VALUE_FORMATS)}


def test_every_reference_leads_somewhere_and_nothing_is_left_over() -> None:
    components = DOCUMENT["components"]
    there = {f"#/components/{kind}/{name}" for kind, named in components.items() for name in named}
    used = set(re.findall(r'"\$ref": "([^"]+)"', json.dumps(DOCUMENT)))
    of_events = {"#/components/schemas/Status", "#/components/schemas/Resume"}
    assert used | of_events == there


def test_it_can_be_read(app: Flask) -> None:
    assert coded("of `a<b>` & `c`") == "of <code>a&lt;b&gt;</code> &amp; <code>c</code>"
    response = app.test_client().get("/api/docs")
    assert response.status_code == 200
    example = "/api/convert?amount=0.5&amp;from=bitcoin&amp;to=eur'"
    for words in ("/api/coins/{coin}/history", "Last-Event-ID", "RFC 9457", "curl", example):
        assert words in response.text
    assert "style-src 'self'" in response.headers["Content-Security-Policy"]
