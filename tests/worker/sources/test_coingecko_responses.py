"""Whatever CoinGecko sends: quotes that can be kept and shown, or one line that says why not.

The bodies are the stand-in's, with something done to them.
"""

import re
from decimal import Decimal
from itertools import product
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from simplejson import RawJSON

from tests.support.fake_coingecko import coin, dumps, market
from tracker.errors import SourceError
from tracker.market.quotes import MAX_EXPONENT, NUMBERS, Quote, Tick
from tracker.storage.models import CoinRow
from worker.sources.coingecko import quotes, responses
from worker.sources.http import MAX_RETRY_AFTER, Answer

MAX_LINE = 400
"""Characters of a message: a reader sees it in one line."""

FIELDS = (*coin("bitcoin"), "sparkline_in_7d", "never_heard_of")
RATE_LIMIT = {"status": {"error_code": 429, "error_message": "You've exceeded the Rate Limit."}}


def rows(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> list[Any]:
    text = body if isinstance(body, str | bytes) else dumps(body)
    raw = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    return responses.rows(Answer(status, headers or {}, raw))


def one(**fields: Any) -> Quote:
    """Return the quote of bitcoin with *fields*."""
    [quote], _ = quotes.quotes(rows([coin("bitcoin", **fields)]))
    return quote


def left_out(*body: Any) -> list[str]:
    return quotes.quotes(rows(body))[1]


class TestQuotes:
    def test_a_coin_becomes_a_quote_with_every_field(self) -> None:
        at = "2026-11-23T06:14:00.123Z"
        quote = one(symbol="btc", price="97012.50", supply=19_950_000, last_updated=at)
        shown = Tick(id=1, currency="usd", source="coingecko", quotes=(quote,)).to_json()
        assert shown.partition('"quotes":[')[2] == (
            '{"id":"bitcoin","rank":1,"symbol":"btc","name":"Bitcoin",'
            '"image":"https://coin-images.coingecko.com/coins/images/1/large/bitcoin.png?1696501400",'
            '"price":97012.50,"direction":"same","change_1h":0.12000000000000455,"change_24h":1.23,'
            '"change_7d":-3.4,"market_cap":1935399375000,"volume_24h":77415975000,'
            '"high_24h":194025.00,"low_24h":48506.25,"updated_at":"2026-11-23T06:14:00.123Z","venues":[]}]}'
        )

    @pytest.mark.parametrize(
        ("sent", "kept"),
        [("0.10", "0.10"), ("1.2e-09", "1.2E-9"), ("5e3", "5000")],
    )
    def test_a_price_keeps_its_digits(self, sent: str, kept: str) -> None:
        assert str(one(current_price=RawJSON(sent)).price) == kept

    @pytest.mark.parametrize(
        "sent", ["null", "0.0", "-1", "true", '"97012.5"', "NaN", "1e999999", "1" + "0" * 5000]
    )
    def test_a_coin_without_a_price_is_left_out(self, sent: str) -> None:
        assert left_out(coin("a", current_price=RawJSON(sent)), coin("b")) == ["a (no price)"]

    def test_another_number_that_is_none_is_unknown(self) -> None:
        for raw in map(RawJSON, ("null", "-1", "NaN", "1e999999", '"12"', "false")):
            quote = one(total_volume=raw, high_24h=raw, market_cap_rank=raw)
            assert (quote.volume_24h, quote.high_24h, quote.rank) == (None, None, None)

    def test_a_change_may_be_negative_and_the_one_of_a_day_has_a_second_place(self) -> None:
        quote = one(
            price_change_percentage_1h_in_currency=RawJSON("-99.90"),
            price_change_percentage_24h_in_currency=None,
            price_change_percentage_24h=RawJSON("-1.50"),
            price_change_percentage_7d_in_currency=RawJSON("1e999"),
        )
        assert (str(quote.change_1h), str(quote.change_24h)) == ("-99.90", "-1.50")
        assert quote.change_7d is None

    def test_a_coin_that_only_says_what_it_must_is_quoted(self) -> None:
        name = "比特币 👩\u200d🚀 O'Neil <b>"
        least = {"id": "a", "symbol": "₿", "name": name, "current_price": 1}
        [quote], _ = quotes.quotes(rows([least]))
        assert quote == Quote(id="a", symbol="₿", name=name, price=Decimal(1))

    @pytest.mark.parametrize("text", [None, " ", 7, "a\x00b", "a\nb", "\ud800", "x" * 201])
    def test_a_coin_without_a_usable_name_is_left_out(self, text: object) -> None:
        told = left_out(*(coin("other") | {key: text} for key in ("id", "symbol", "name")))
        assert [re.sub(" usable", "", why) for why in told] == [
            "entry 1 (no id)", "other (no symbol)", "other (no name)",
        ]  # fmt: skip

    def test_a_name_turns_no_text_around_and_hides_nothing(self) -> None:
        """On no page, in no terminal, title or message; what is nothing else is no name."""
        evil = {"name": "\u202eniocti\u2066B\u200b \ufeff", "symbol": "\u200ebtc\x9b"}
        [quote], _ = quotes.quotes(rows([coin("a") | evil]))
        assert (quote.name, quote.symbol) == ("nioctiB", "btc")
        assert left_out(coin("a") | {"name": "\u202e"}) == ["a (no usable name)"]

    @pytest.mark.parametrize("id", [".", "..", "a/b", "a\\b", "a\u202eb"])
    def test_a_coin_whose_page_could_have_no_address_is_left_out(self, id: str) -> None:
        assert left_out(coin("a") | {"id": id}, coin("b")) == [f"{id} (no usable id)"]

    def test_of_a_list_longer_than_any_that_is_asked_for_the_rest_is_left_out(self) -> None:
        assert len(rows([0] * 100_000)) == 1000

    def test_an_image_a_time_or_a_rank_that_is_none_is_unknown(self) -> None:
        for image in (
            "missing_large.png", "javascript:alert(1)", "https://", 'https://a/"onerror="', 5,
            "https://" + "x" * 600,
        ):  # fmt: skip
            assert one(image=image).image is None
        for time in (
            5, "yesterday", "2026-11-23T06:14:00", "9999-12-31T23:59:59.999999Z",
            "0001-01-01T00:00:00+14:00",
        ):  # fmt: skip
            assert one(last_updated=time).updated_at is None
        assert {one(rank=rank).rank for rank in (0, -1, 2**31)} == {None}

    def test_the_first_of_two_entries_for_one_coin_counts(self) -> None:
        entries = [
            coin("a", price="1.5", sparkline_in_7d={"price": [2]}),
            coin("a", price="2.5", sparkline_in_7d={"price": [3]}),
            7,
        ]
        [quote], left_out = quotes.quotes(rows(entries))
        assert quote.price == Decimal("1.5")
        assert left_out == ["a (a second time)", "entry 3 (not an object)"]
        assert quotes.weeks(rows([5, {"id": ["a"]}, *entries]), {"a"}) == {"a": [2]}


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("[0.10, 97012.512345678901234567, 1.2e-09]", ["0.10", "97012.512345678901234567",
                                                       "1.2E-9"]),
        ('[null, 1, "2", NaN, Infinity, -3, 0, 0.0, true, [4], {}, 1e999, 1e35, 5]',
         ["None", "1", *["None"] * 11, "5"]),
        (f"[{', '.join(str(hour) for hour in range(1, 1000))}]",
         [str(hour) for hour in range(800, 1000)]),
    ],
)  # fmt: skip
def test_each_price_of_a_week_keeps_its_digits_and_its_place(sent: str, kept: list[str]) -> None:
    found = quotes.weeks(rows([coin("a", sparkline_in_7d={"price": RawJSON(sent)})]), {"a"})
    assert [str(price) for price in found["a"]] == kept


def test_a_week_that_is_none_is_not_there() -> None:
    bad: list[Any] = [None, [1, 2], "x", {}, {"price": None}, {"price": []}, {"price": {"0": 1}}]
    for sent in bad:
        assert quotes.weeks(rows([coin("a", sparkline_in_7d=sent)]), {"a"}) == {}


@pytest.mark.parametrize(
    ("status", "body", "says"),
    [
        (429, RATE_LIMIT, "asks us to slow down (HTTP 429)"),
        (200, RATE_LIMIT, "asks us to slow down (HTTP 200, error 429)"),
        (403, "error code: 1020", "access denied by its firewall (HTTP 403, error 1020):"
         ' "error code: 1020"'),
        (400, {"timestamp": "2025-09-01T13:07:05.880+00:00", "error_code": 10011,
               "status": {"error_message": "change your root URL"}},
         "a Demo key is not served here; set COINGECKO_API_PLAN=demo and unset COINGECKO_URL"
         ' (HTTP 400, error 10011): "change your root URL"'),
        (401, {"error": {"status": {"error_code": 10002, "error_message": "API Key Missing"}}},
         "the API key is missing or wrong; check COINGECKO_API_KEY and COINGECKO_API_PLAN"
         ' (HTTP 401, error 10002): "API Key Missing"'),
        (404, {"error": "coin not found"},
         'nothing is served at this address; check COINGECKO_URL (HTTP 404): "coin not found"'),
        (400, {"error": "invalid vs_currency"},
         "it does not know the currency; check TRACKER_CURRENCY (HTTP 400):"
         ' "invalid vs_currency"'),
        (500, {"status": 500, "error": "Internal Server Error"},
         'a failure on its side (HTTP 500): "Internal Server Error"'),
        (503, "<html><title>Oops\n <b></title>",
         'out of service; see https://status.coingecko.com (HTTP 503): "Oops <b>"'),
        (200, "<!DOCTYPE html><TITLE>Just a moment...</TITLE><p>",
         'a web page instead of prices (HTTP 200): "Just a moment..."'),
        (200, {"gecko_says": "hi"},
         'an answer without a list of coins (HTTP 200): "{"gecko_says": "hi"}"'),
        (500, "oops\x1b[31m\u202e\r\n\x00!", 'a failure on its side (HTTP 500): "oops [31m !"'),
        (200, "", "an empty answer (HTTP 200)"),
        (200, b'["\xff"]', "the answer is not UTF-8 text (HTTP 200)"),
        (200, '[{"id":"bit', "the answer is not JSON, or was cut short after 11 bytes (HTTP 200):"
         ' "[{"id":"bit"'),
        (200, "[" * 100_000, "the answer is not JSON, or was cut short after 100000 bytes"
         f' (HTTP 200): "{"[" * 160}…"'),
    ],
)  # fmt: skip
def test_each_shape_of_error_is_told_in_words(status: int, body: Any, says: str) -> None:
    with pytest.raises(SourceError) as caught:
        rows(body, status)
    assert str(caught.value).removeprefix("CoinGecko").lstrip(": ") == says


RAW = (
    "null", "true", "NaN", "Infinity", "-Infinity", "0", "-0.0", "-97012.5", "5e-324", "1e27",
    "1e28", "1E+40", "-1e999", "1e-999", "1e99999999999999999999", "9" * 100, "-" + "9" * 5000,
    "0." + "3" * 5000, "2147483648", "18446744073709551616", '"97012.5"', '""', '" "', '"\\u0000"',
    '"\\ud800"', '"\\u2028"', '"a\\nb"', '"' + "x" * 201 + '"', '"\\u202e<script>"', "[]", "{}",
    '{"price": [1, null, "x", 1e999]}', '"0001-01-01T00:00:00+14:00"', '"https://a/b.png"',
    '"9999-12-31T23:59:59.9999Z"', '"2026-W48-1T00:00:00Z"',
)  # fmt: skip
"""Values as text: JSON's own and what Python's parser takes on top of it."""

words = st.text(max_size=300)


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    """Return a body: a list, a refusal or something else, whole or damaged on its way."""
    codes = st.sampled_from([200, 304, 301, 429, 500, 1015, 10002, -1, 10**99]) | st.integers()
    keys = st.sampled_from(["status", "error", "error_code", "error_message", "data"])
    refusals = st.recursive(
        st.none() | codes | words, lambda inner: st.dictionaries(keys, inner, max_size=3)
    )
    page = words.map(lambda said: f"<!DOCTYPE html><html><title>{said}</title><p>")
    cloudflare = st.integers(0, 99_999).map(lambda code: f"error code: {code}")
    a_list = st.just(dumps(market()[:4]))
    text = draw(st.one_of(a_list, refusals.map(dumps), words, page, cloudflare))
    encoding = draw(st.sampled_from(["utf-8", "utf-8", "utf-8-sig", "utf-16"]))
    body = text.encode(encoding, "surrogatepass")
    at = draw(st.integers(0, len(body)))
    return draw(st.sampled_from([body, body[:at], body[:at] + b"\xff" + body[at:]]))


def understand(body: bytes, status: int, headers: dict[str, str]) -> list[Quote] | None:
    """Return the checked quotes in an answer; None if it was refused, properly."""
    try:
        found_rows = rows(body, status, headers)
    except SourceError as refusal:
        line, wait = str(refusal), refusal.retry_after or 0.0
    else:
        return check(found_rows)
    assert line.startswith("CoinGecko")
    assert len(line) < MAX_LINE
    assert line.isprintable()
    assert 0 <= wait <= MAX_RETRY_AFTER
    return None


def check(found_rows: list[Any]) -> list[Quote]:
    """Return the quotes in a list: each can be stored, and read back from its JSON as it was."""
    found, _ = quotes.quotes(found_rows)
    for quote in found:
        for field in ("id", "symbol", "name"):
            text = getattr(quote, field)
            assert text.strip()
            assert len(text) <= CoinRow.__table__.columns[field].type.length  # type: ignore[attr-defined]
            assert not re.search(r"[\x00-\x1f]", text)
            text.encode()
        for field in NUMBERS:
            number = getattr(quote, field)
            assert number is None or number.is_finite()
            assert number is None or abs(number.adjusted()) <= MAX_EXPONENT
            assert field.startswith("change") or number is None or number >= 0
        assert quote.price > 0
    tick = Tick(id=1, currency="usd", source="coingecko", quotes=tuple(found))
    assert Tick.from_json(tick.to_json().encode()) == tick
    ids = {quote.id for quote in found}
    assert len(ids) == len(found)
    weeks = quotes.weeks(found_rows, ids)
    assert weeks.keys() <= ids
    for week in weeks.values():
        assert 1 <= len(week) <= quotes.MAX_WEEK
        assert all(price is None or (price.is_finite() and price > 0) for price in week)
    return found


@settings(max_examples=40)
@given(
    status=st.sampled_from([200] * 8 + [201, 204, 302, 304, 400, 401, 404, 429, 500, 520]),
    headers=st.dictionaries(
        st.sampled_from(["Retry-After", "Location"]),
        st.sampled_from(["60", "http://[", "//a:b@c/d?e"]) | words,
    ),
    body=bodies(),
)
@example(429, {"Retry-After": "\x00"}, b"")
def test_any_answer_is_understood_or_refused_in_one_line(
    status: int, headers: dict[str, str], body: bytes
) -> None:
    understand(body, status, headers)


def test_any_value_in_any_field_costs_its_own_coin_at_most() -> None:
    entries, others = [], set()
    for n, (field, raw) in enumerate(product(FIELDS, RAW)):
        entries.append(coin(f"coin-{n}") | {field: RawJSON(raw)})
        if field not in ("id", "symbol", "name", "current_price"):
            others.add(f"coin-{n}")
    found = understand(dumps(entries).encode(), 200, {})
    assert found
    assert others <= {quote.id for quote in found}


def test_an_error_of_any_depth_is_refused() -> None:
    """Not left to chance: what hurts is near Python's limit, which Hypothesis lifts."""
    for key in ("error", "status", "data"):
        for depth in range(0, 2000, 100):
            body = f'{{"{key}":' * depth + '"x"' + "}" * depth
            assert understand(body.encode(), 200, {}) is None
