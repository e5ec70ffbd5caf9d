"""The description of what programs read: OpenAPI 3.1, made of the code's own limits and fields.

Pure: it knows no request. `description` serves it, and a test holds it to the
routes, both ways. See https://spec.openapis.org/oas/v3.1.1.html
"""

from __future__ import annotations

from typing import Any, get_args

from tracker.config import MAX_COINS
from tracker.market.candles import MOST
from tracker.market.freshness import State
from tracker.market.quotes import Direction
from tracker.storage.history import RANGES, Resolution
from tracker.web.api import history, stream

VERSION = "1.0.0"
"""Of the interface: it rises with what is added, and its first number with what is broken."""

Json = dict[str, Any]

TIME = {"type": "string", "format": "date-time", "examples": ["2026-11-23T05:54:07.352Z"]}
MOMENT = {
    "type": "integer",
    "format": "int64",
    "description": "Unix milliseconds.",
    "examples": [1795413247352],
}
PRICE = {
    "type": "number",
    "description": "With every digit the source sent.",
    "examples": [97012.5],
}
POINT = {
    "type": "array",
    "items": {"type": "number"},
    "minItems": 2,
    "maxItems": 2,
    "description": "Unix milliseconds, an integer, and the price then.",
    "examples": [[1795413247352, 97012.5]],
}
"""Not by `prefixItems`, which would say it better: generators and testers stumble over it."""
POINTS = {"type": "array", "items": POINT, "maxItems": MOST}


def document(root: str = "") -> Json:
    """Return the description of a product whose addresses begin with *root*."""
    return {
        "openapi": "3.1.1",
        "info": {
            "title": "Crypto Tracker",
            "version": VERSION,
            "summary": "Live cryptocurrency prices, as a stream of events and on request.",
            "description": (
                "Every event and answer is of one market: one source, one currency. A tick's id is "
                "its time in unix milliseconds and strictly rises; it is the event's id too. What "
                "the source does not know is null. Errors are problem details (RFC 9457)."
            ),
        },
        "servers": [{"url": root or "/"}],
        "tags": [
            {"name": "prices", "description": "The newest tick, and each as it comes."},
            {"name": "history", "description": "What prices were."},
            {"name": "operations", "description": "Whether it lives and delivers."},
        ],
        "paths": {
            "/stream": {"get": _stream()},
            "/api/prices": {"get": _prices()},
            "/api/coins/{coin}/history": {"get": _history_of_coin()},
            "/api/history": {"get": _history_of_coins()},
            "/healthz": {"get": _healthz()},
            "/readyz": {"get": _readyz()},
            "/metrics": {"get": _metrics()},
        },
        "components": {"schemas": _schemas(), "responses": _errors()},
    }


def _stream() -> Json:
    return {
        "operationId": "stream",
        "tags": ["prices"],
        "summary": "Every tick as it comes, as Server-Sent Events",
        "description": (
            "First `retry`; then `event: status`, again at each change; after a Last-Event-ID "
            "`event: resume`, which says whether all that was missed follows; then "
            "`event: prices`: on a new connection the newest tick at once, after a Last-Event-ID "
            "every tick since, each once, in order, then each as it comes. In silence a "
            "comment. A server without room answers those who accept text/event-stream with a "
            "long `retry` and hangs up, and others with 503."
        ),
        "parameters": [
            _coins(MAX_COINS),
            {
                "name": "last_event_id",
                "in": "query",
                "description": "As the header of that name, for those who cannot set it.",
                "schema": {"type": "string"},
                "example": "1795413247352",
            },
            {
                "name": "Last-Event-ID",
                "in": "header",
                "description": (
                    "The id of the newest tick that the reader has. What is no id of a tick is no "
                    f"error: nothing is recovered then. {stream.MAX_ID} characters are looked at."
                ),
                "schema": {"type": "string"},
                "example": "1795413247352",
            },
        ],
        "responses": {
            "200": {
                "description": "The events. Their data is `Status`, `Resume` or `Tick` as JSON.",
                "content": {
                    "text/event-stream": {
                        "schema": {"type": "string"},
                        "example": (
                            "retry: 2354\nevent: status\n"
                            'data: {"state": "live", "since": "2026-11-23T05:54:07.352Z", '
                            '"reason": null, "next_attempt_at": "2026-11-23T05:55:07.352Z"}\n\n'
                            "event: prices\nid: 1795413247352\n"
                            'data: {"id":1795413247352,"at":"2026-11-23T05:54:07.352Z", …}\n\n'
                        ),
                    }
                },
            },
            "400": _ref("responses", "BadRequest"),
            "503": _ref("responses", "Unavailable"),
        },
    }


def _prices() -> Json:
    return {
        "operationId": "prices",
        "tags": ["prices"],
        "summary": "The newest tick",
        "description": "As in the stream's data. Its ETag is the tick's id.",
        "responses": {
            "200": {
                "description": "The newest tick.",
                "headers": {
                    "ETag": {"schema": {"type": "string"}, "description": "The tick's id."},
                    "Tracker-Status": {
                        "description": "How fresh it is: `Status` as JSON.",
                        "schema": {"type": "string"},
                    },
                },
                "content": {"application/json": {"schema": _ref("schemas", "Tick")}},
            },
            "304": {"description": "The reader has it already (If-None-Match)."},
            "429": _ref("responses", "TooMany"),
            "503": _ref("responses", "Unavailable"),
        },
    }


def _history_of_coin() -> Json:
    coin = {
        "name": "coin",
        "in": "path",
        "required": True,
        "description": "An id as in `/api/prices`.",
        "schema": {"type": "string", "minLength": 1},
        "example": "bitcoin",
    }
    form = {
        "name": "format",
        "in": "query",
        "description": "For those who cannot send `Accept`, which it wins over.",
        "schema": {"enum": list(history.FORMS)},
    }
    csv = {
        "schema": {"type": "string"},
        "example": "time,price\n2026-11-23T05:54:07.352Z,97012.5\n",
    }
    return {
        "operationId": "historyOfCoin",
        "tags": ["history"],
        "summary": "One coin's prices in a range",
        "parameters": [coin, _range(), form],
        "responses": {
            "200": {
                "description": f"At most {MOST} points, oldest first.",
                "content": {
                    history.JSON: {"schema": _ref("schemas", "CoinHistory")},
                    history.CSV: csv,
                },
            },
            "304": {"description": "The reader has it already (If-None-Match)."},
            "400": _ref("responses", "BadRequest"),
            "404": _ref("responses", "NotFound"),
            "429": _ref("responses", "TooMany"),
            "503": _ref("responses", "Unavailable"),
        },
    }


def _history_of_coins() -> Json:
    points = {
        "name": "points",
        "in": "query",
        "description": "How many of each coin, at most.",
        "schema": {"type": "integer", "minimum": 2, "maximum": MOST, "default": history.FEW},
    }
    return {
        "operationId": "historyOfCoins",
        "tags": ["history"],
        "summary": "A few points of many coins",
        "parameters": [_coins(MAX_COINS), _range(), points],
        "responses": {
            "200": {
                "description": "The points of each coin, oldest first.",
                "content": {"application/json": {"schema": _ref("schemas", "History")}},
            },
            "304": {"description": "The reader has it already (If-None-Match)."},
            "400": _ref("responses", "BadRequest"),
            "429": _ref("responses", "TooMany"),
            "503": _ref("responses", "Unavailable"),
        },
    }


def _healthz() -> Json:
    body = {
        "schema": {"type": "object", "required": ["status"]},
        "example": {"status": "alive", "version": "1.1.0"},
    }
    return {
        "operationId": "healthz",
        "tags": ["operations"],
        "summary": "Is the process alive",
        "responses": {"200": {"description": "It is.", "content": {"application/json": body}}},
    }


def _readyz() -> Json:
    content = {"application/json": {"schema": _ref("schemas", "Readiness")}}
    return {
        "operationId": "readyz",
        "tags": ["operations"],
        "summary": "Does it deliver",
        "responses": {
            "200": {"description": "It does.", "content": content},
            "503": {"description": "It does not, and which check says so.", "content": content},
        },
    }


def _metrics() -> Json:
    return {
        "operationId": "metrics",
        "tags": ["operations"],
        "summary": "Numbers for Prometheus",
        "responses": {
            "200": {
                "description": "In the text format.",
                "content": {"text/plain": {"schema": {"type": "string"}}},
            }
        },
    }


def _coins(most: int) -> Json:
    return {
        "name": "coins",
        "in": "query",
        "description": f"Ids as in `/api/prices`, with commas; at most {most}; all if none.",
        "schema": {"type": "string"},
        "example": "bitcoin,ethereum",
    }


def _range() -> Json:
    schema = {"enum": list(RANGES), "default": history.RANGE}
    return {"name": "range", "in": "query", "description": "Up to now.", "schema": schema}


def _ref(kind: str, name: str) -> Json:
    return {"$ref": f"#/components/{kind}/{name}"}


def _or_null(schema: Json) -> Json:
    return {"anyOf": [schema, {"type": "null"}]}


def _object(properties: Json, **also: Any) -> Json:
    return {"type": "object", "properties": properties, "required": list(properties)} | also


def _schemas() -> Json:
    resolution = {"enum": list(get_args(Resolution)), "description": "The coarsest of its points."}
    about = {"currency": {"type": "string", "examples": ["usd"]}, "range": {"enum": list(RANGES)}}
    check = _object(
        {"ok": {"type": "boolean"}, "fatal": {"type": "boolean"}}, description="A check."
    )
    return {
        "Tick": _object(
            {
                "id": MOMENT,
                "at": TIME,
                "currency": {"type": "string", "examples": ["usd"]},
                "source": {"type": "string", "examples": ["coingecko"]},
                "quotes": {"type": "array", "items": _ref("schemas", "Quote")},
            },
            description="One poll's quotes: all the coins, so the newest one is the whole state.",
        ),
        "Quote": _quote(),
        "Status": _object(
            {
                "state": {"enum": list(get_args(State))},
                "since": _or_null(TIME),
                "reason": _or_null({"type": "string"}),
                "next_attempt_at": _or_null(TIME),
            },
            description="How fresh the prices are, and what fails, if anything does.",
        ),
        "Resume": _object(
            {
                "last_event_id": {"type": "string"},
                "recovered": {"type": "boolean"},
                "replayed": {"type": "integer", "minimum": 0},
            },
            description="Whether all that was missed follows, and how much that is.",
        ),
        "CoinHistory": _object(
            {"coin": {"type": "string"}, **about, "points": POINTS, "resolution": resolution}
        ),
        "History": _object(
            {
                **about,
                "resolution": resolution,
                "coins": {"type": "object", "additionalProperties": POINTS},
            }
        ),
        "Readiness": _object(
            {
                "status": {"enum": ["ready", "not ready"]},
                "checks": {"type": "object", "additionalProperties": check},
            }
        ),
        "Problem": _object(
            {
                "type": {"type": "string"},
                "title": {"type": "string"},
                "status": {"type": "integer"},
                "detail": {
                    "type": "string",
                    "description": "What was wrong, and what is accepted.",
                },
            },
            description="Problem details, RFC 9457.",
        ),
    }


def _quote() -> Json:
    unknown = _or_null({"type": "number"})
    return _object(
        {
            "id": {"type": "string", "examples": ["bitcoin"]},
            "rank": _or_null({"type": "integer"}),
            "symbol": {"type": "string", "examples": ["btc"]},
            "name": {"type": "string", "examples": ["Bitcoin"]},
            "image": _or_null({"type": "string"}),
            "price": PRICE,
            "direction": {
                "enum": list(get_args(Direction)),
                "description": "Against the same coin in the tick before.",
            },
            "change_1h": unknown | {"description": "Percent; so are the other changes."},
            "change_24h": unknown,
            "change_7d": unknown,
            "market_cap": unknown,
            "volume_24h": unknown,
            "high_24h": unknown,
            "low_24h": unknown,
            "updated_at": _or_null(TIME),
        },
        description="One coin at one time. What the source does not know is null.",
    )


def _errors() -> Json:
    retry = {
        "Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}},
    }
    return {
        "BadRequest": _problem("A parameter is not accepted; `detail` says what is."),
        "NotFound": _problem("No such coin was ever followed."),
        "TooMany": _problem("Too many requests from this address.") | {"headers": retry},
        "Unavailable": _problem("No prices yet, no room, or the history cannot be read.")
        | {"headers": retry},
    }


def _problem(description: str) -> Json:
    content = {"application/problem+json": {"schema": _ref("schemas", "Problem")}}
    return {"description": description, "content": content}
