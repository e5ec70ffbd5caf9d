"""CoinGecko as a source: what it asks, and what becomes of the answer."""

import logging
import pickle
import socket
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.fake_coingecko import CoinGecko as StandIn
from tests.support.fake_coingecko import coin
from tests.support.tools import now_ms
from tracker import __version__
from tracker.config import Settings
from tracker.errors import SourceError
from tracker.market.coins import Coins
from worker import told_time
from worker.sources import Fetched, build
from worker.sources.coingecko import client
from worker.sources.coingecko.client import CoinGecko

KEY = "CG-s3cr3t0key"
Ask = Callable[..., CoinGecko]


@pytest.fixture
def ask(gecko: StandIn) -> Ask:
    """Return a maker of sources that ask the stand-in."""
    return lambda **settings: CoinGecko(Settings(coingecko_url=gecko.url, **settings))


def fetch(source: CoinGecko, **asked: Any) -> Fetched:
    fetched = source.fetch(**asked)
    assert fetched is not None
    return fetched


def failure(source: CoinGecko, **asked: Any) -> SourceError:
    with pytest.raises(SourceError) as caught:
        source.fetch(**asked)
    return caught.value


class TestRequest:
    def test_an_answer_tells_the_time(self, ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(told_time, "_newest", None)
        ask().fetch()
        assert abs((told_time.told_ms() or 0) - now_ms()) < 30_000

    def test_one_request_asks_for_everything(self, gecko: StandIn, ask: Ask) -> None:
        ask(coins=Coins(7), currency="eur").fetch()
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
        ("plan", "host"), [("demo", "api.coingecko.com"), ("pro", "pro-api.coingecko.com")]
    )
    def test_the_address_and_the_header_of_the_key_follow_from_the_plan(
        self, gecko: StandIn, ask: Ask, monkeypatch: pytest.MonkeyPatch, plan: str, host: str
    ) -> None:
        ask(api_key=KEY, api_plan=plan).fetch()
        [request] = gecko.requests
        keys = {name: sent for name, sent in request.headers.items() if name.startswith("x-cg")}
        assert keys == {f"x-cg-{plan}-api-key": KEY}
        assert KEY not in str(request.query)

        def unknown(name: str | bytes, *_: Any) -> Any:
            asked.append(name if isinstance(name, str) else name.decode())
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

        asked: list[str] = []
        monkeypatch.setattr(socket, "getaddrinfo", unknown)
        told = str(failure(CoinGecko(Settings(api_plan=plan, api_key=KEY))))
        assert told.endswith(f"check the network and COINGECKO_URL (https://{host}/api/v3)")
        assert asked == [host]

    def test_a_redirect_is_not_followed_so_that_the_key_stays_here(
        self, gecko: StandIn, ask: Ask
    ) -> None:
        gecko.answer(302, "", {"Location": f"http://u:pw@localhost:{gecko.port}/elsewhere?k=1"})
        assert str(failure(ask(api_key=KEY))) == (
            f"CoinGecko: it redirects to http://localhost:{gecko.port}/elsewhere;"
            " check COINGECKO_URL (HTTP 302)"
        )
        assert len(gecko.requests) == 1

    def test_a_demo_key_polled_too_often_for_its_month_is_told_at_the_start(
        self, ask: Ask, caplog: pytest.LogCaptureFixture
    ) -> None:
        ask(api_key=KEY, coingecko_interval=280)
        ask(api_key=KEY, api_plan="pro")
        ask()
        assert caplog.messages == []
        ask(api_key=KEY, coingecko_interval=260, coins=Coins(10, ("monero",)))
        assert caplog.messages == [
            "COINGECKO_INTERVAL=260 makes 20658 calls a month, and a Demo key has 10000:"
            " set it to 559 or more, or use a Pro key"
        ]


class TestAnswer:
    def test_quotes_come_in_its_order_and_no_more_than_was_asked_for(
        self, gecko: StandIn, ask: Ask
    ) -> None:
        gecko.answer(200, [coin("c", rank=3), coin("a", rank=1), coin("b", rank=2)])
        found = fetch(ask(coins=Coins(2))).quotes
        assert [(quote.id, quote.rank) for quote in found] == [("c", 3), ("a", 1)]

    def test_one_warning_names_twenty_coins_left_out_and_counts_the_rest(
        self, gecko: StandIn, ask: Ask, caplog: pytest.LogCaptureFixture
    ) -> None:
        gecko.answer(200, [coin("bitcoin"), coin("a\x9b31m\x85\u202eb", price="0"), *range(100)])
        assert fetch(ask(coins=Coins(250))).without_price == {"a\x9b31m\x85\u202eb"}
        [message] = caplog.messages
        assert message.startswith(
            "CoinGecko: left out: a 31m b (no price), entry 3 (not an object)"
        )
        assert message.endswith("entry 21 (not an object) and 81 more")

    def test_without_a_quote_it_fails_and_the_next_fetch_may_succeed(
        self, gecko: StandIn, ask: Ask
    ) -> None:
        source, bad = ask(coins=Coins(2)), [coin("a", current_price=None), 5]
        for rows, why in (
            ([], "the list is empty"),
            (bad, "a (no price), entry 2 (not an object)"),
        ):
            gecko.answer(200, rows, times=1)
            assert str(failure(source)) == f"CoinGecko: not one coin with a price: {why}"
        assert [quote.id for quote in fetch(source).quotes] == ["bitcoin", "ethereum"]

    def test_a_rate_limit_has_the_wait_that_it_asks_for(self, gecko: StandIn, ask: Ask) -> None:
        gecko.answer(429, "error code: 1015", {"Retry-After": "119"})
        error = failure(ask())
        assert str(error) == "CoinGecko asks us to slow down (HTTP 429, error 1015; wait 119 s)"
        assert (error.kind, error.retry_after) == ("rate_limit", 119.0)
        assert pickle.loads(pickle.dumps(error)).retry_after == 119.0  # noqa: S301 - our own

    def test_the_api_key_is_never_repeated(
        self, gecko: StandIn, ask: Ask, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        source = ask(api_key=KEY)
        gecko.answer(401, {"error": f"{'x' * 155} {KEY} is not valid"})
        told = str(failure(source))
        gecko.answer(401, f"<title>{KEY}</title>")
        told += str(failure(source))
        assert "(key" in told
        assert "s3cr3t" not in told + caplog.text


def ids(fetched: Fetched | None) -> list[str]:
    return [quote.id for quote in fetched.quotes] if fetched else []


class TestNames:
    @pytest.fixture(autouse=True)
    def _more_coins(self, gecko: StandIn) -> None:
        gecko.coins += [
            coin("monero", "xmr", price="330", supply=18_000_000),
            coin("fakecoin", "btc", price="3", supply=10),
            coin("eth", "other", price="3", supply=10),
        ]

    def test_they_are_ids_or_else_symbols_of_which_the_largest_coin_is_meant(
        self, gecko: StandIn, ask: Ask, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO)
        fetched = fetch(ask(coins=Coins(names=("eth", "monero", "btc"))), week=True)
        assert ids(fetched) == ["bitcoin", "monero", "eth"]
        assert fetched.weeks.keys() == {*ids(fetched)}
        assert (fetched.warning, caplog.messages) == (None, ["TRACKER_COINS: btc is bitcoin"])

    def test_what_they_are_is_asked_once_and_then_one_request_is_enough(
        self, gecko: StandIn, ask: Ask
    ) -> None:
        source = ask(coins=Coins(names=("monero", "btc")))
        first = fetch(source, etag='W/"of other coins"')
        asked = [(one.query.get("ids"), one.query.get("symbols")) for one in gecko.requests]
        assert asked == [("btc,monero", None), (None, "btc")]
        second = fetch(source, etag=first.etag)
        assert gecko.requests[2].query["ids"] == "bitcoin,monero"
        assert source.fetch(etag=second.etag) is None
        assert len(gecko.requests) == 4
        assert ids(first) == ids(second)

    def test_beside_the_largest_they_take_a_request_if_they_are_not_among_them(
        self, gecko: StandIn, ask: Ask
    ) -> None:
        source = ask(coins=Coins(2, ("monero", "ethereum")))
        assert ids(fetch(source)) == ids(fetch(source)) == ["bitcoin", "ethereum", "monero"]
        assert [one.query.get("ids") for one in gecko.requests] == [None, "monero"] * 2
        gecko.requests.clear()
        assert ids(fetch(ask(coins=Coins(2, ("bitcoin",))))) == ["bitcoin", "ethereum"]
        assert len(gecko.requests) == 1

    def test_an_unknown_one_is_told_once_with_what_is_near_and_stops_no_other(
        self, gecko: StandIn, ask: Ask, caplog: pytest.LogCaptureFixture
    ) -> None:
        source = ask(coins=Coins(names=("bitcon", "monero", "zzzz")))
        fetched = [fetch(source), fetch(source)]
        assert [ids(one) for one in fetched] == [["monero"]] * 2
        told = (
            'TRACKER_COINS names "bitcon" and "zzzz", which CoinGecko does not know;'
            " did you mean bitcoin?"
        )
        assert caplog.messages == [told]
        assert {one.warning for one in fetched} == {told}
        assert len(gecko.requests) == 4, "ids, symbols, what is near; and then ids"

    def test_each_day_it_is_looked_up_again_what_they_are(
        self, gecko: StandIn, ask: Ask, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        source = ask(coins=Coins(names=("btc", "newcoin")))
        assert (ids(first := fetch(source)), bool(first.warning)) == (["bitcoin"], True)
        gecko.coins += [coin("newcoin"), coin("grown", "btc", price="9", supply=10**15)]
        assert ids(fetch(source)) == ["bitcoin"]
        monkeypatch.setattr(client, "LEARN_EVERY_S", 0)
        assert (ids(later := fetch(source)), later.warning) == (["grown", "newcoin"], None)

    def test_without_any_that_is_known_it_fails_and_says_so(self, gecko: StandIn, ask: Ask) -> None:
        source = ask(coins=Coins(names=("dogcoin",)))
        told = 'TRACKER_COINS names "dogcoin", which CoinGecko does not know'
        assert str(failure(source)) == f"{told}; did you mean dogecoin?"
        gecko.coins.append(coin("dogcoin"))
        assert ids(fetch(source)) == ["dogcoin"]


class TestUnchanged:
    def test_an_answer_that_has_not_changed_since_the_etag_is_none(
        self, gecko: StandIn, ask: Ask
    ) -> None:
        source = ask(api_key=KEY)
        first = fetch(source)
        assert source.fetch(etag=first.etag) is None
        told = [request.headers.get("if-none-match") for request in gecko.requests]
        assert told == [None, first.etag]
        assert gecko.requests[1].query == gecko.requests[0].query
        assert gecko.requests[1].headers["x-cg-demo-api-key"] == KEY
        gecko.set_price("bitcoin", "98000.10")
        second = fetch(source, etag=first.etag)
        assert str(second.quotes[0].price) == "98000.10"
        assert second.etag not in (None, first.etag)

    @pytest.mark.parametrize("asked", [{}, {"etag": ""}, {"etag": 'W/"abc"', "week": True}])
    def test_a_304_to_a_request_without_an_etag_is_an_error(
        self, gecko: StandIn, ask: Ask, asked: dict[str, Any]
    ) -> None:
        gecko.answer(304)
        assert str(failure(ask(), **asked)) == (
            "CoinGecko: it says that nothing has changed, but was not asked that (HTTP 304)"
        )


class TestWeek:
    def test_one_request_without_an_etag_asks_for_quotes_and_weeks(
        self, gecko: StandIn, ask: Ask
    ) -> None:
        fetched = fetch(ask(coins=Coins(3)), etag='W/"abc"', week=True)
        assert list(fetched.weeks) == ["bitcoin", "ethereum", "tether"]
        assert list(fetched.weeks) == [quote.id for quote in fetched.quotes]
        bitcoin = fetched.weeks["bitcoin"]
        assert (len(bitcoin), bitcoin[-1]) == (168, fetched.quotes[0].price)
        [request] = gecko.requests
        assert request.query["sparkline"] == "true"
        assert "if-none-match" not in request.headers
        assert fetched.etag is None

        week = {"price": [1]}
        gecko.answer(200, [coin(id, sparkline_in_7d=week) for id in ("a", "too-many")])
        assert list(fetch(ask(coins=Coins(1)), week=True).weeks) == ["a"], "it alone has a quote"
        assert fetch(ask()).weeks == {}


def test_the_setting_names_the_source() -> None:
    for name in ("coingecko", "simulated"):
        assert build(Settings(source=name)).name == name


class TestRates:
    def test_all_currencies_against_the_settings_own(self, gecko: StandIn, ask: Ask) -> None:
        found = ask(currency="eur").fetch_rates()
        assert {code: str(rate) for code, rate in found.rates.items()} == {
            "btc": "0.00001120429349", "eur": "1", "jpy": "164.1304348",
            "usd": "1.086956522", "xau": "0.0002608695652",
        }  # fmt: skip
        assert [request.path for request in gecko.requests] == ["/api/v3/exchange_rates"]

    @pytest.mark.parametrize(
        ("status", "body", "reason"),
        [
            (429, "", "CoinGecko asks us to slow down"),
            (200, [], "CoinGecko: an answer without exchange rates (HTTP 200)"),
            (200, {"rates": {"usd": 1}}, "CoinGecko: no exchange rate of usd among 0 currencies"),
            (200, {"rates": {"usd": {"value": "9"}}}, "CoinGecko: no exchange rate of usd"),
        ],
    )
    def test_an_answer_without_them_is_an_error(
        self, gecko: StandIn, ask: Ask, status: int, body: Any, reason: str
    ) -> None:
        gecko.answer(status, body, {"Retry-After": "60"})
        with pytest.raises(SourceError) as caught:
            ask().fetch_rates()
        assert str(caught.value).startswith(reason)
