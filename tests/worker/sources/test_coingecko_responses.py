"""Whatever CoinGecko sends: quotes that can be kept and shown, or one line that says why not.

The bodies are the stand-in's, with something done to them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
import simplejson
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from simplejson import RawJSON

from tests.support.fake_coingecko import CoinGecko as StandIn
from tests.support.fake_coingecko import coin, dumps, market
from tracker.config import Settings
from tracker.errors import SourceError
from tracker.market.quotes import MAX_EXPONENT, NUMBERS, Quote, Tick
from tracker.storage.models import CoinRow
from worker.sources.coingecko import quotes, responses
from worker.sources.coingecko.client import CoinGecko

MAX_LINE = 400
"""Characters of a message: a reader sees it in one line."""

SECRET = "CG-s3cr3t0key"

FIELDS = (
    *coin("bitcoin"),
    "sparkline_in_7d",
    "never_heard_of",
)

RAW = (
    "null", "true", "false", "NaN", "Infinity", "-Infinity", "0", "-0", "0.0", "-0.0", "-1",
    "-97012.5", "5e-324", "1e27", "1e28", "1E+40", "1e999", "-1e999", "1e-999", "1e-40",
    "1e99999999999999999999", "9" * 27, "9" * 100, "9" * 101, "-" + "9" * 5000, "0." + "3" * 98,
    "0." + "3" * 5000, "9007199254740993", "2147483648", "18446744073709551616", '"97012.5"',
    '"NaN"', '""', '" "', '"\\u0000"', '"\\ud800"', '"\\u2028"', '"a\\nb"', '"' + "x" * 201 + '"',
    '"\\u202e<script>"', "[]", "{}", "[[[]]]", '{"price": 1}', '{"price": [1, null, "x", 1e999]}',
    '"2026-11-23T06:14:00+23:59"', '"0001-01-01T00:00:00+14:00"', '"9999-12-31T23:59:59.9999Z"',
    '"2026-11-23T06:14:00.0004999Z"', '"2026-W48-1T00:00:00Z"', '"https://a/b.png"',
)  # fmt: skip
"""Values as text: JSON's own and what Python's parser takes on top of it."""

values = st.one_of(
    st.sampled_from(RAW),
    st.integers().map(str),
    st.decimals(allow_nan=False, allow_infinity=False).map(str),
    st.floats().map(repr).map(lambda one: one.replace("inf", "Infinity").replace("nan", "NaN")),
    st.text(max_size=20).map(simplejson.dumps),
    st.datetimes(timezones=st.timezones()).map(lambda one: f'"{one.isoformat()}"'),
).map(RawJSON)


@st.composite
def lists(draw: st.DrawFn) -> str:
    """Return the text of a list of coins in which up to eight things are not as they should be."""
    rows: list[Any] = [
        row | {"sparkline_in_7d": {"price": [row["current_price"], None]}} for row in market()[:4]
    ]
    for _ in range(draw(st.integers(0, 8))):
        row = rows[draw(st.integers(0, 3))]
        match draw(st.sampled_from(["replace", "drop", "point", "again", "other", "shuffle"])):
            case "replace" if isinstance(row, dict):
                row[draw(st.sampled_from(FIELDS))] = draw(values)
            case "drop" if isinstance(row, dict):
                row.pop(draw(st.sampled_from(FIELDS)), None)
            case "point" if isinstance(row, dict):
                row["sparkline_in_7d"] = {"price": draw(st.lists(values, max_size=5))}
            case "again":
                rows.append(row)
            case "other":
                rows.append(draw(values))
            case "shuffle":
                keys = draw(st.permutations(range(len(rows))))
                rows = [rows[key] for key in keys]
    return dumps(rows)


def nested(inner: str, key: str, depth: int) -> str:
    return f'{{"{key}":' * depth + inner + "}" * depth


words = st.text(max_size=300)
codes = st.one_of(
    st.sampled_from([200, 304, 301, 429, 500, 1015, 10002, -1, 10**99]), st.integers()
)

refusals = st.one_of(
    words,
    st.recursive(
        st.none() | codes | words,
        lambda inner: st.dictionaries(
            st.sampled_from(["status", "error", "error_code", "error_message", "data"]),
            inner,
            max_size=3,
        ) | st.lists(inner, max_size=2),
    ),
).map(dumps)  # fmt: skip

texts = st.one_of(
    words,
    words.map(lambda said: f"<!DOCTYPE html><html><title>{said}</title><p>"),
    st.builds(
        nested,
        st.sampled_from(["1", '"x"', "[]"]),
        st.sampled_from(["error", "status", "data"]),
        st.integers(0, 3000),
    ),
    st.integers(0, 5000).map(lambda depth: "[" * depth),
    st.integers(0, 5000).map(lambda depth: "[" * depth + "]" * depth),
    st.integers(0, 99_999).map(lambda code: f"error code: {code}"),
    lists().map(lambda text: f'{{"data": {text}}}'),
    lists().map(lambda text: text.replace(",", ",,", 1)),
)


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    """Return a body: a list, a refusal or something else, whole or damaged on its way."""
    text = draw(st.one_of(lists(), refusals, texts))
    body = text.encode("utf-8", "surrogatepass")
    match draw(st.sampled_from(["whole", "whole", "cut", "bytes", "bom", "utf-16", "noise"])):
        case "cut":
            return body[: draw(st.integers(0, len(body)))]
        case "bytes":
            at = draw(st.integers(0, len(body)))
            return body[:at] + draw(st.binary(min_size=1, max_size=4)) + body[at:]
        case "bom":
            return b"\xef\xbb\xbf" + body
        case "utf-16":
            return text.encode("utf-16", "surrogatepass")
        case "noise":
            return draw(st.binary(max_size=100))
    return body


statuses = st.sampled_from([200] * 8 + [201, 204, 302, 304, 400, 401, 403, 404, 429, 500, 503, 520])

headers = st.dictionaries(
    st.sampled_from(["Retry-After", "Location", "ETag"]),
    st.one_of(
        st.sampled_from(["60", "-1", "Mon, 23 Nov 2026 06:14:37 GMT", "http://[", "//a:b@c/d?e"]),
        st.text(st.characters(max_codepoint=255), max_size=400),
    ),
)


def check_refusal(error: SourceError) -> None:
    line = str(error)
    assert line.startswith("CoinGecko")
    assert len(line) < MAX_LINE
    assert line.isprintable()
    assert SECRET not in line
    assert error.retry_after is None or 0 <= error.retry_after <= responses.MAX_RETRY_AFTER


def check_quotes(quotes: list[Quote]) -> None:
    """Each can be stored in any database, and read back from its JSON as it was."""
    assert len({quote.id for quote in quotes}) == len(quotes)
    for quote in quotes:
        check_texts(quote)
        check_numbers(quote)
    tick = Tick(id=1, currency="usd", source="coingecko", quotes=tuple(quotes))
    text = tick.to_json()
    assert Tick.from_json(text.encode()) == tick
    assert Tick.from_json(text).to_json() == text
    simplejson.loads(text, allow_nan=False)


def check_texts(quote: Quote) -> None:
    columns = CoinRow.__table__.columns
    for field in ("id", "symbol", "name"):
        text = getattr(quote, field)
        assert isinstance(text, str)
        assert text.strip()
        assert len(text) <= columns[field].type.length  # type: ignore[attr-defined]
        assert not re.search(r"[\x00-\x1f]", text)
        text.encode()
    assert quote.image is None or quote.image.startswith("https://")


def check_numbers(quote: Quote) -> None:
    assert quote.price > 0
    for field in NUMBERS:
        number = getattr(quote, field)
        if number is not None:
            assert isinstance(number, Decimal)
            assert number.is_finite()
            assert abs(number.adjusted()) <= MAX_EXPONENT
    for number in (quote.market_cap, quote.volume_24h, quote.high_24h, quote.low_24h):
        assert number is None or number >= 0
    assert quote.rank is None or (type(quote.rank) is int and 1 <= quote.rank < 2**31)
    assert quote.updated_at is None or 0 < quote.updated_at < quotes.YEAR_2100
    assert quote.direction == "same"


def check_weeks(weeks: dict[str, list[Decimal | None]], ids: set[str]) -> None:
    assert weeks.keys() <= ids
    for week in weeks.values():
        assert 1 <= len(week) <= quotes.MAX_WEEK
        for price in week:
            assert price is None or (price.is_finite() and price > 0)


def understand(status: int, headers: dict[str, str], body: bytes) -> list[Quote] | None:
    """Return the checked quotes in an answer; None if it was refused, properly."""
    try:
        rows = responses.rows(responses.Answer(status, headers, body, SECRET))
    except SourceError as error:
        check_refusal(error)
        return None
    found, _ = quotes.quotes(rows)
    check_quotes(found)
    ids = {quote.id for quote in found}
    check_weeks(quotes.weeks(rows, ids), ids)
    return found


quick = settings(
    deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


@settings(quick, max_examples=100)
@given(body=lists())
def test_a_list_with_anything_in_it_gives_quotes_that_can_be_kept_and_shown(body: str) -> None:
    assert understand(200, {}, body.encode()) is not None


@settings(quick, max_examples=150)
@given(status=statuses, headers=headers, body=bodies())
@example(429, {"Retry-After": "\x00"}, b"")
@example(401, {}, f'{{"error": "{"x" * 155} {SECRET}"}}'.encode())
def test_any_answer_is_understood_or_refused_in_one_line(
    status: int, headers: dict[str, str], body: bytes
) -> None:
    understand(status, headers, body)


@pytest.mark.parametrize("field", FIELDS)
def test_any_value_in_any_field_costs_its_own_coin_at_most(field: str) -> None:
    for raw in RAW:
        rows = [coin("bitcoin") | {field: RawJSON(raw)}, coin("tether")]
        quotes = understand(200, {}, dumps(rows).encode())
        assert quotes is not None
        assert quotes[-1].id == "tether"


def test_a_list_that_is_cut_off_anywhere_is_refused() -> None:
    rows = [{"id": "a", "symbol": "b", "name": "比特币", "current_price": 1}, coin("tether")]
    body = dumps([{key: row[key] for key in rows[0]} for row in rows]).encode()
    for length in range(len(body)):
        assert understand(200, {}, body[:length]) is None
    assert understand(200, {}, body) is not None


@pytest.mark.parametrize("key", ["error", "status", "data"])
def test_an_error_of_any_depth_is_refused(key: str) -> None:
    """Not left to chance: what hurts is near Python's limit, which Hypothesis lifts."""
    for depth in range(0, 2000, 50):
        assert understand(200, {}, nested('"x"', key, depth).encode()) is None


@settings(quick, max_examples=100)
@given(
    text=st.text(max_size=60)
    | st.from_regex(
        r"[A-Z][a-z]{2},? [0-9]+ [A-Z][a-z]{2} [0-9]+ [0-9:+ -]+",
        fullmatch=True,
        alphabet=st.characters(codec="ascii"),
    )
)
def test_any_wait_is_none_or_within_the_limit(text: str) -> None:
    seconds = responses.retry_after(text, datetime(2026, 11, 23, tzinfo=UTC))
    assert seconds is None or 0 <= seconds <= responses.MAX_RETRY_AFTER


class TestOverHttp:
    """The same with a real server: what the way adds, and what the libraries make of it."""

    @pytest.fixture
    def gecko(self) -> Iterator[StandIn]:
        with StandIn() as gecko:
            yield gecko

    @pytest.fixture
    def fetch(self, gecko: StandIn, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
        monkeypatch.setenv("NO_PROXY", "*")

        def fetch(**asked: Any) -> None:
            source = CoinGecko(Settings(coingecko_url=gecko.url, api_key=SECRET, interval=600))
            try:
                fetched = source.fetch(**asked)
            except SourceError as error:
                check_refusal(error)
                return
            if fetched is None:
                assert asked["etag"]
                assert not asked["week"]
                return
            assert fetched.quotes
            check_quotes(fetched.quotes)
            check_weeks(fetched.weeks, {quote.id for quote in fetched.quotes})
            assert fetched.etag is None or re.fullmatch(r"[!-~]{1,200}", fetched.etag)

        return fetch

    over_http = settings(
        quick, max_examples=30,
        suppress_health_check=[*quick.suppress_health_check, HealthCheck.function_scoped_fixture],
    )  # fmt: skip

    @over_http
    @given(
        status=statuses,
        headers=headers,
        body=bodies(),
        etag=st.sampled_from([None, 'W/"abc"']),
        week=st.booleans(),
    )
    def test_any_answer_is_understood_or_refused_in_one_line(
        self,
        gecko: StandIn,
        fetch: Callable[..., None],
        status: int,
        headers: dict[str, str],
        body: bytes,
        etag: str | None,
        week: bool,
    ) -> None:
        sent = {name: re.sub(r"[\r\n]", " ", value) for name, value in headers.items()}
        gecko.answer(status, body, {"Connection": "close"} | sent)
        fetch(etag=etag, week=week)

    @over_http
    @given(
        head=st.sampled_from(
            [
                *(
                    b"HTTP/1.1 200 OK\r\n" + lines + b"\r\n\r\n"
                    for lines in (
                        b"Content-Length: x",
                        b"Content-Length: 1\r\nContent-Length: 2",
                        b"Content-Length: 99999999",
                        b"Transfer-Encoding: chunked",
                        b"Content-Encoding: deflate, gzip, br",
                        b"Set-Cookie: \xff=;;expires=\x01",
                        b"A: " + b"b" * 70_000,
                    )
                ),
                b"HTTP/1.1 302 Found\r\nLocation: http://[\r\n\r\n",
                b"HTTP/1.1 204 No Content\r\n\r\n",
                b"HTTP/1.1 100 Continue\r\n\r\n",
                b"HTTP/1.1 99999 \r\n\r\n",
                b"HTTP/0.9 200 OK\r\n\r\n",
                b"",
            ]
        ),
        body=bodies(),
    )
    def test_a_broken_head_is_told_in_one_line_too(
        self, gecko: StandIn, fetch: Callable[..., None], head: bytes, body: bytes
    ) -> None:
        gecko.answer(200, head + body, manner="raw")
        fetch(etag=None, week=False)
