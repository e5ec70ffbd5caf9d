"""CoinGecko as a source: what it asks, what it understands, and what it says when it fails."""

from __future__ import annotations

import gzip
import inspect
import logging
import pickle
import socket
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from simplejson import RawJSON

from tests.support.fake_coingecko import CoinGecko as StandIn
from tests.support.fake_coingecko import Manner, coin, dumps
from tracker import __version__
from tracker.config import Settings
from tracker.errors import SourceError
from tracker.market.quotes import Quote, Tick
from tracker.messaging.job_queue import REFRESH_TIMEOUT
from worker.sources import Fetched, build
from worker.sources.coingecko import responses
from worker.sources.coingecko.client import CoinGecko

KEY = "CG-s3cr3t0key"
RATE_LIMIT = {"status": {"error_code": 429, "error_message": "You've exceeded the Rate Limit."}}
NESTED = '{"error":' * 800 + "1" + "}" * 800


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")


@pytest.fixture
def gecko() -> Iterator[StandIn]:
    with StandIn() as gecko:
        yield gecko


Ask = Callable[..., CoinGecko]


@pytest.fixture
def ask(gecko: StandIn) -> Ask:
    """Return a maker of sources that ask the stand-in."""

    def make(*, read: float = 5, total: float = 20, **settings: Any) -> CoinGecko:
        return CoinGecko(
            Settings(**({"coingecko_url": gecko.url} | settings)), read=read, total=total
        )

    return make


def fetch(source: CoinGecko, **asked: Any) -> Fetched:
    fetched = source.fetch(**asked)
    assert fetched is not None
    return fetched


def quotes(source: CoinGecko) -> list[Quote]:
    return fetch(source).quotes


def weeks(source: CoinGecko) -> dict[str, list[str | None]]:
    return {
        id: [None if price is None else str(price) for price in prices]
        for id, prices in fetch(source, week=True).weeks.items()
    }


def failure(source: CoinGecko, **asked: Any) -> str:
    with pytest.raises(SourceError) as caught:
        source.fetch(**asked)
    return str(caught.value)


class TestRequest:
    def test_one_request_asks_for_everything(self, gecko: StandIn, ask: Ask) -> None:
        ask(coins=7, currency="eur").fetch()
        [request] = gecko.requests
        assert request.path == "/api/v3/coins/markets"
        assert request.query == {
            "vs_currency": "eur",
            "order": "market_cap_desc",
            "per_page": "7",
            "page": "1",
            "price_change_percentage": "1h,24h,7d",
            "sparkline": "false",
        }
        assert request.headers["user-agent"] == (
            f"live-crypto-tracker/{__version__} (python-requests)"
        )
        assert not [name for name in request.headers if name.startswith("x-cg")]

    @pytest.mark.parametrize(
        ("plan", "sent", "unsent"),
        [
            ("demo", "x-cg-demo-api-key", "x-cg-pro-api-key"),
            ("pro", "x-cg-pro-api-key", "x-cg-demo-api-key"),
        ],
    )
    def test_the_key_goes_in_the_header_of_its_plan(
        self, gecko: StandIn, ask: Ask, plan: str, sent: str, unsent: str
    ) -> None:
        ask(api_key=KEY, api_plan=plan).fetch()
        [request] = gecko.requests
        assert request.headers[sent] == KEY
        assert unsent not in request.headers
        assert KEY not in str(request.query)

    @pytest.mark.parametrize(
        ("plan", "host"), [("demo", "api.coingecko.com"), ("pro", "pro-api.coingecko.com")]
    )
    def test_the_address_follows_from_the_plan(
        self, monkeypatch: pytest.MonkeyPatch, plan: str, host: str
    ) -> None:
        def unknown(name: str | bytes, *_: Any) -> Any:
            asked.append(name if isinstance(name, str) else name.decode())
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

        asked: list[str] = []
        monkeypatch.setattr(socket, "getaddrinfo", unknown)
        assert f"https://{host}/api/v3" in failure(CoinGecko(Settings(api_plan=plan, api_key=KEY)))
        assert asked == [host]

    def test_a_redirect_is_not_followed_so_that_the_key_stays_here(
        self, gecko: StandIn, ask: Ask
    ) -> None:
        gecko.answer(302, "", {"Location": f"http://u:pw@localhost:{gecko.port}/elsewhere?k=1"})
        assert failure(ask(api_key=KEY)) == (
            f"CoinGecko: it redirects to http://localhost:{gecko.port}/elsewhere;"
            " check COINGECKO_URL (HTTP 302)"
        )
        assert len(gecko.requests) == 1

    def test_a_demo_key_polled_too_often_for_its_month_is_told_at_the_start(
        self, ask: Ask, caplog: pytest.LogCaptureFixture
    ) -> None:
        ask(api_key=KEY, interval=60)
        assert caplog.messages == [
            "TRACKER_INTERVAL=60 makes 43200 calls a month, and a Demo key has 10000:"
            " set it to 260 or more, or use a Pro key"
        ]
        caplog.clear()
        ask(api_key=KEY, interval=260)
        ask(api_key=KEY, api_plan="pro")
        ask()
        assert caplog.messages == []


class TestQuotes:
    def test_a_coin_becomes_a_quote_with_every_field(self, gecko: StandIn, ask: Ask) -> None:
        gecko.coins = [coin("bitcoin", "btc", "Bitcoin", "97012.50", 19_950_000)]
        [quote] = quotes(ask())
        shown = Tick(id=1, currency="usd", source="coingecko", quotes=(quote,)).to_json()
        assert shown.partition('"quotes":[')[2] == (
            '{"id":"bitcoin","rank":1,"symbol":"btc","name":"Bitcoin",'
            '"image":"https://coin-images.coingecko.com/coins/images/1/large/bitcoin.png?1696501400",'
            '"price":97012.50,"direction":"same","change_1h":0.12000000000000455,"change_24h":1.23,'
            '"change_7d":-3.4,"market_cap":1935399375000,"volume_24h":77415975000,'
            '"high_24h":194025.00,"low_24h":48506.25,"updated_at":"2026-11-23T06:14:00.123Z"}]}'
        )

    @pytest.mark.parametrize(
        ("sent", "kept"),
        [
            ("0.10", "0.10"),
            ("1.2e-09", "1.2E-9"),
            ("20087696.0", "20087696.0"),
            ("85696", "85696"),
            ("0.1234567890123456789012345", "0.1234567890123456789012345"),
            ("5e3", "5000"),
        ],
    )
    def test_a_price_keeps_its_digits(self, gecko: StandIn, ask: Ask, sent: str, kept: str) -> None:
        gecko.set("bitcoin", current_price=RawJSON(sent))
        assert str(quotes(ask())[0].price) == kept

    @pytest.mark.parametrize(
        "sent", ["null", "0.0", "-1", "true", '"97012.5"', "NaN", "1e999999", "1" + "0" * 5000]
    )
    def test_a_coin_without_a_price_is_left_out_and_the_others_stay(
        self, gecko: StandIn, ask: Ask, caplog: pytest.LogCaptureFixture, sent: str
    ) -> None:
        gecko.set("ethereum", current_price=RawJSON(sent))
        assert [quote.id for quote in quotes(ask(coins=3))] == ["bitcoin", "tether"]
        assert caplog.messages == ["CoinGecko: left out: ethereum (no price)"]

    @pytest.mark.parametrize("sent", ["null", "-1", "NaN", "1e999999", '"12"', "false"])
    def test_another_number_that_is_none_is_unknown(
        self, gecko: StandIn, ask: Ask, sent: str
    ) -> None:
        raw = RawJSON(sent)
        gecko.coins = [coin("bitcoin", total_volume=raw, high_24h=raw, market_cap_rank=raw)]
        [quote] = quotes(ask())
        assert (quote.volume_24h, quote.high_24h, quote.rank) == (None, None, None)

    def test_a_change_may_be_negative_and_the_one_of_a_day_has_a_second_place(
        self, gecko: StandIn, ask: Ask
    ) -> None:
        gecko.coins = [
            coin(
                "bitcoin",
                price_change_percentage_1h_in_currency=RawJSON("-99.90"),
                price_change_percentage_24h_in_currency=None,
                price_change_percentage_24h=RawJSON("-1.50"),
                price_change_percentage_7d_in_currency=RawJSON("1e999"),
            )
        ]
        [quote] = quotes(ask())
        assert (str(quote.change_1h), str(quote.change_24h)) == ("-99.90", "-1.50")
        assert quote.change_7d is None

    def test_a_coin_that_only_says_what_it_must_is_quoted(self, gecko: StandIn, ask: Ask) -> None:
        gecko.answer(200, [{"id": "a", "symbol": "b", "name": "c", "current_price": 1}])
        [quote] = quotes(ask())
        assert (quote.id, quote.price, quote.image, quote.rank) == ("a", Decimal(1), None, None)
        assert (quote.market_cap, quote.change_24h, quote.updated_at) == (None, None, None)

    @pytest.mark.parametrize("key", ["id", "symbol", "name"])
    @pytest.mark.parametrize("text", [None, " ", 7, "a\x00b", "a\nb", "\ud800", "x" * 201])
    def test_a_coin_without_a_usable_name_is_left_out(
        self, gecko: StandIn, ask: Ask, caplog: pytest.LogCaptureFixture, key: str, text: object
    ) -> None:
        gecko.coins = [coin("bitcoin"), coin("other", rank=2) | {key: text}]
        assert [quote.id for quote in quotes(ask())] == ["bitcoin"]
        [message] = caplog.messages
        assert message.startswith(
            f"CoinGecko: left out: {'entry 2' if key == 'id' else 'other'} (no "
        )

    def test_names_in_any_script_are_kept(self, gecko: StandIn, ask: Ask) -> None:
        gecko.coins = [coin("bitcoin", "₿", "比特币 👩\u200d🚀 O'Neil <b>")]
        [quote] = quotes(ask())
        assert (quote.symbol, quote.name) == ("₿", "比特币 👩\u200d🚀 O'Neil <b>")

    @pytest.mark.parametrize(
        "field",
        [
            *({"image": image} for image in (
                "missing_large.png", "javascript:alert(1)", "https://", 'https://a/"onerror="', 5,
                "https://" + "x" * 600,
            )),
            *({"last_updated": time} for time in (
                5, "yesterday", "2026-11-23T06:14:00", "9999-12-31T23:59:59.999999Z",
                "0001-01-01T00:00:00+14:00",
            )),
            *({"rank": rank} for rank in (0, -1, 2**31)),
        ],
        ids=str,
    )  # fmt: skip
    def test_an_image_a_time_or_a_rank_that_is_none_is_unknown(
        self, gecko: StandIn, ask: Ask, field: dict[str, Any]
    ) -> None:
        gecko.coins = [coin("bitcoin", **field)]
        [quote] = quotes(ask())
        shown = {"image": quote.image, "last_updated": quote.updated_at, "rank": quote.rank}
        assert shown[next(iter(field))] is None

    def test_the_order_is_the_one_that_came_and_no_more_than_was_asked_for(
        self, gecko: StandIn, ask: Ask
    ) -> None:
        gecko.answer(200, [coin("c", rank=3), coin("a", rank=1), coin("b", rank=2)])
        assert [(quote.id, quote.rank) for quote in quotes(ask(coins=2))] == [("c", 3), ("a", 1)]

    def test_the_first_of_two_entries_for_one_coin_counts(
        self, gecko: StandIn, ask: Ask, caplog: pytest.LogCaptureFixture
    ) -> None:
        gecko.answer(200, [coin("a", price="1.5"), coin("a", price="2.5"), 7, coin("b")])
        assert [(quote.id, str(quote.price)) for quote in quotes(ask())] == [
            ("a", "1.5"), ("b", "1.5"),
        ]  # fmt: skip
        assert caplog.messages == [
            "CoinGecko: left out: a (a second time), entry 3 (not an object)"
        ]

    def test_a_compressed_body_is_understood(self, gecko: StandIn, ask: Ask) -> None:
        body = gzip.compress(dumps([coin("bitcoin", price="0.10")]).encode())
        gecko.answer(200, body, {"Content-Encoding": "gzip"})
        assert str(quotes(ask())[0].price) == "0.10"

    def test_one_warning_names_twenty_coins_and_counts_the_rest(
        self, gecko: StandIn, ask: Ask, caplog: pytest.LogCaptureFixture
    ) -> None:
        gecko.answer(200, [coin("bitcoin"), *range(100)])
        quotes(ask())
        [message] = caplog.messages
        assert message.endswith("entry 21 (not an object) and 80 more")

    def test_a_name_cannot_reach_the_terminal_of_who_reads_the_log(
        self, gecko: StandIn, ask: Ask, caplog: pytest.LogCaptureFixture
    ) -> None:
        gecko.answer(200, [coin("bitcoin"), coin("a\x9b31m\x85\u202eb", price="0")])
        quotes(ask())
        assert caplog.messages == ["CoinGecko: left out: a 31m b (no price)"]


class TestUnchanged:
    def test_an_answer_that_has_not_changed_since_the_etag_is_none(
        self, gecko: StandIn, ask: Ask
    ) -> None:
        source = ask(api_key=KEY)
        first = fetch(source)
        assert source.fetch(etag=first.etag) is None
        assert [request.headers.get("if-none-match") for request in gecko.requests] == [
            None,
            first.etag,
        ]
        assert gecko.requests[1].query == gecko.requests[0].query
        assert gecko.requests[1].headers["x-cg-demo-api-key"] == KEY
        gecko.set_price("bitcoin", "98000.10")
        second = fetch(source, etag=first.etag)
        assert str(second.quotes[0].price) == "98000.10"
        assert second.etag not in (None, first.etag)

    def test_a_week_is_fetched_without_an_etag_and_gives_none(
        self, gecko: StandIn, ask: Ask
    ) -> None:
        assert fetch(ask(), etag='W/"abc"', week=True).etag is None
        assert "if-none-match" not in gecko.requests[0].headers

    @pytest.mark.parametrize("asked", [{}, {"etag": ""}, {"etag": 'W/"abc"', "week": True}])
    def test_a_304_to_a_request_without_an_etag_is_an_error(
        self, gecko: StandIn, ask: Ask, asked: dict[str, Any]
    ) -> None:
        gecko.answer(304)
        assert failure(ask(), **asked) == (
            "CoinGecko: it says that nothing has changed, but was not asked that (HTTP 304)"
        )

    @pytest.mark.parametrize(
        ("sent", "is_kept"),
        [
            *((etag, True) for etag in ('"abc"', 'W/"a,b!~"', f'"{"x" * 198}"')),
            *((etag, False) for etag in ("*", "abc", '"a b"', '"\xe9"', '"a", "b"', '""')),
            (f'"{"x" * 199}"', False),
        ],
    )
    def test_an_etag_is_kept_if_it_can_be_sent_back(
        self, gecko: StandIn, ask: Ask, sent: str, is_kept: bool
    ) -> None:
        gecko.answer(200, [coin("bitcoin")], {"ETag": sent})
        assert fetch(ask()).etag == (sent if is_kept else None)


class TestWeek:
    def test_one_request_asks_for_quotes_and_weeks(self, gecko: StandIn, ask: Ask) -> None:
        fetched = fetch(ask(coins=3), week=True)
        assert [quote.id for quote in fetched.quotes] == ["bitcoin", "ethereum", "tether"]
        assert list(fetched.weeks) == ["bitcoin", "ethereum", "tether"]
        bitcoin = fetched.weeks["bitcoin"]
        assert (len(bitcoin), bitcoin[-1]) == (168, fetched.quotes[0].price)
        assert bitcoin == sorted(bitcoin, key=lambda price: price or 0)
        assert [request.query["sparkline"] for request in gecko.requests] == ["true"]
        gecko.answer(200, [coin("bitcoin", sparkline_in_7d={"price": [1]})])
        assert fetch(ask()).weeks == {}

    @pytest.mark.parametrize(
        ("sent", "kept"),
        [
            ("[0.10, 97012.512345678901234567, 1.2e-09]", ["0.10", "97012.512345678901234567",
                                                           "1.2E-9"]),
            ('[null, 1, "2", NaN, Infinity, -3, 0, 0.0, true, [4], {}, 1e999, 1e35, 5]',
             [None, "1", *[None] * 11, "5"]),
            (f"[{', '.join(str(hour) for hour in range(1, 1000))}]",
             [str(hour) for hour in range(800, 1000)]),
        ],
    )  # fmt: skip
    def test_each_price_keeps_its_digits_and_its_place(
        self, gecko: StandIn, ask: Ask, sent: str, kept: list[str | None]
    ) -> None:
        gecko.set("bitcoin", sparkline_in_7d={"price": RawJSON(sent)})
        assert weeks(ask(coins=1)) == {"bitcoin": kept}

    @pytest.mark.parametrize(
        "sent", [None, [1, 2], "x", {}, {"price": None}, {"price": []}, {"price": {"0": 1}}]
    )
    def test_a_week_that_is_none_is_not_there_and_its_quote_is(
        self, gecko: StandIn, ask: Ask, sent: object
    ) -> None:
        gecko.set("bitcoin", sparkline_in_7d=sent)
        fetched = fetch(ask(coins=2), week=True)
        assert [quote.id for quote in fetched.quotes] == ["bitcoin", "ethereum"]
        assert list(fetched.weeks) == ["ethereum"]

    def test_only_coins_with_a_quote_have_a_week_and_the_first_one_counts(
        self, gecko: StandIn, ask: Ask
    ) -> None:
        gecko.answer(
            200,
            [
                coin("none", current_price=None, sparkline_in_7d={"price": [1]}),
                coin("a", sparkline_in_7d={"price": [2]}),
                coin("a", sparkline_in_7d={"price": [3]}),
                coin("too-many", sparkline_in_7d={"price": [4]}),
                {"id": ["a"]},
                5,
            ],
        )
        assert weeks(ask(coins=1)) == {"a": ["2"]}


class TestRefusals:
    @pytest.mark.parametrize(
        ("status", "body", "says"),
        [
            (429, RATE_LIMIT, "rate limit reached (HTTP 429)"),
            (200, RATE_LIMIT, "rate limit reached (HTTP 200, error 429)"),
            (429, "", "rate limit reached (HTTP 429)"),
            (429, "error code: 1015", "rate limit reached (HTTP 429, error 1015)"),
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
            (200, NESTED,
             f'an answer without a list of coins (HTTP 200): "{NESTED[:160]}…"'),
            (500, "oops\x1b[31m\u202e\r\n\x00!", 'a failure on its side (HTTP 500): "oops [31m !"'),
            (200, "", "an empty answer (HTTP 200)"),
            (200, b'["\xff"]', "the answer is not UTF-8 text (HTTP 200)"),
            (200, '[{"id":"bit',
             "the answer is not JSON, or was cut short after 11 bytes (HTTP 200):"
             ' "[{"id":"bit"'),
            (200, "[" * 100_000,
             "the answer is not JSON, or was cut short after 100000 bytes (HTTP 200):"
             f' "{"[" * 160}…"'),
            (500, [coin("a")], f'a failure on its side (HTTP 500): "{dumps([coin("a")])[:160]}…"'),
            (200, "[]", "not one coin with a price: the list is empty"),
            (200, [coin("bitcoin", current_price=None), 5],
             "not one coin with a price: bitcoin (no price), entry 2 (not an object)"),
        ],
    )  # fmt: skip
    def test_each_shape_of_error_is_told_in_words(
        self, gecko: StandIn, ask: Ask, status: int, body: Any, says: str
    ) -> None:
        gecko.answer(status, body)
        assert failure(ask(coins=2)) == f"CoinGecko: {says}"

    def test_the_next_fetch_succeeds_when_coingecko_has_recovered(
        self, gecko: StandIn, ask: Ask
    ) -> None:
        gecko.answer(500, "oops", times=1)
        source = ask(coins=1)
        failure(source)
        assert [quote.id for quote in quotes(source)] == ["bitcoin"]

    def test_the_api_key_is_never_repeated(
        self, gecko: StandIn, ask: Ask, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        source = ask(api_key=KEY)
        gecko.answer(401, {"error": f"{'x' * 155} {KEY} is not valid"})
        told = failure(source)
        gecko.answer(401, f"<title>{KEY}</title>")
        told += failure(source)
        assert "(key" in told
        assert "s3cr3t" not in told + caplog.text

    @pytest.mark.parametrize(
        ("sent", "kept"),
        [("60", 60.0), ("119", 119.0), ("86400", 3600.0), ("-5", None), ("soon", None), ("", None)],
    )
    def test_a_wait_that_is_asked_for_is_kept(
        self, gecko: StandIn, ask: Ask, sent: str, kept: float | None
    ) -> None:
        gecko.answer(429, RATE_LIMIT, {"Retry-After": sent})
        with pytest.raises(SourceError) as caught:
            ask().fetch()
        asks = f"; it asks to wait {kept:.0f} s" if kept else ""
        assert str(caught.value) == f"CoinGecko: rate limit reached (HTTP 429){asks}"
        assert caught.value.retry_after == kept
        assert pickle.loads(pickle.dumps(caught.value)).retry_after == kept  # noqa: S301 - our own

    @pytest.mark.parametrize(
        ("sent", "seconds"),
        [
            ("Mon, 23 Nov 2026 06:14:37 GMT", 30.0),
            ("Mon, 23 Nov 2026 06:14:37 -0000", 30.0),
            ("Mon, 23 Nov 2026 06:00:00 GMT", 0.0),
            ("Fri, 31 Dec 9999 23:59:59 GMT", 3600.0),
            ("Mon, 99 Nov 2026 06:00:00 GMT", None),
            (None, None),
        ],
    )
    def test_a_wait_may_be_a_date(self, sent: str | None, seconds: float | None) -> None:
        now = datetime(2026, 11, 23, 6, 14, 7, tzinfo=UTC)
        assert responses.retry_after(sent, now) == seconds


class TestNetwork:
    def test_a_refused_connection_is_told_with_the_address(self) -> None:
        source = CoinGecko(Settings(coingecko_url="http://user:pw@127.0.0.1:1/api/v3"))
        assert failure(source) == (
            "CoinGecko cannot be reached at http://127.0.0.1:1/api/v3: connection refused"
        )

    def test_an_earlier_error_of_the_caller_is_not_taken_for_the_cause(
        self, gecko: StandIn, ask: Ask
    ) -> None:
        gecko.answer(200, "[]", manner="truncated")
        try:
            raise ConnectionRefusedError  # noqa: TRY301 - what the caller is busy with
        except ConnectionRefusedError:
            assert failure(ask()) == "CoinGecko: the answer was cut short"

    def test_a_name_that_is_not_known(self) -> None:
        source = CoinGecko(Settings(coingecko_url="http://coingecko.invalid/api/v3"))
        assert failure(source) == (
            "CoinGecko cannot be reached at http://coingecko.invalid/api/v3:"
            " its name is not known; check the network and COINGECKO_URL"
        )

    def test_tls_that_fails(self, gecko: StandIn, ask: Ask) -> None:
        url = gecko.url.replace("http:", "https:")
        told = failure(ask(coingecko_url=url))
        assert told.startswith(f"CoinGecko cannot be reached at {url}: TLS failed: ")

    @pytest.mark.parametrize("host", ["...", "127.0.0.1:99999", "x" * 80])
    def test_an_address_that_is_none(self, host: str) -> None:
        assert failure(CoinGecko(Settings(coingecko_url=f"http://{host}/v3"))) == (
            f"CoinGecko cannot be reached at http://{host}/v3: not an address; check COINGECKO_URL"
        )

    def test_something_else_than_http_answers(self, gecko: StandIn, ask: Ask) -> None:
        gecko.answer(200, "SSH-2.0-OpenSSH_9.2\r\n", manner="raw")
        assert failure(ask()) == (
            f"CoinGecko cannot be reached at {gecko.url}:"
            " what answers there does not speak HTTP; check COINGECKO_URL"
        )

    @pytest.mark.parametrize(
        ("manner", "says"),
        [
            ("hang", "no answer, or no more of it, for 0.05 s"),
            ("reset", "the connection was reset before the answer was whole"),
            ("truncated", "the answer was cut short"),
        ],
    )
    def test_an_answer_that_does_not_come_whole(
        self, gecko: StandIn, ask: Ask, manner: Manner, says: str
    ) -> None:
        gecko.answer(200, [coin("bitcoin")], manner=manner)
        assert failure(ask(read=0.05 if manner == "hang" else 5)) == f"CoinGecko: {says}"

    def test_an_answer_that_drips_ends_with_the_total_time(self, gecko: StandIn, ask: Ask) -> None:
        gecko.answer(200, "[", manner="drip")
        told = failure(ask(total=0.1))
        assert told.startswith("CoinGecko: the answer was not whole after 0.1 s (")

    def test_an_answer_ends_before_its_job_would_be_ended(self) -> None:
        times = inspect.signature(CoinGecko).parameters
        assert times["total"].default + times["read"].default < REFRESH_TIMEOUT

    @pytest.mark.parametrize(
        ("status", "headers"), [(200, {"Content-Encoding": "gzip"}), (302, {"Location": "/"})]
    )
    def test_a_huge_body_is_not_read(
        self, gecko: StandIn, ask: Ask, status: int, headers: dict[str, str]
    ) -> None:
        body = b"[" + b" " * 9 * 2**20
        gecko.answer(status, gzip.compress(body, 1) if status == 200 else body, headers)
        assert failure(ask()) == "CoinGecko: the answer is larger than 8 MiB; it was not read"

    def test_a_compression_that_is_broken(self, gecko: StandIn, ask: Ask) -> None:
        gecko.answer(200, b"no gzip", {"Content-Encoding": "gzip"})
        assert failure(ask()) == "CoinGecko: the answer's compression is broken"


def test_the_setting_names_the_source() -> None:
    names = {source: build(Settings(source=source)).name for source in ("coingecko", "simulated")}
    assert names == {"coingecko": "coingecko", "simulated": "simulated"}
