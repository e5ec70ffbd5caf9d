"""Each venue: what it makes of its exchange's answers, and how it asks."""

from collections.abc import Iterator
from contextlib import suppress
from decimal import Decimal

import pytest

from tests.support.fake_exchanges import Exchanges
from tracker.config import EXCHANGE_URLS
from tracker.errors import SourceError
from tracker.times import MINUTE_MS, now_ms
from worker.sources.http import Client
from worker.venues import VENUES
from worker.venues.base import Trade, Venue, price
from worker.venues.consensus import YOUNG_MS, young
from worker.venues.exchanges import Exchanges as Asked

PRICES = {"BTC": "97012.5", "DOGE": "0.10", "USDT": "0.5"}


@pytest.fixture
def exchanges(monkeypatch: pytest.MonkeyPatch) -> Iterator[Exchanges]:
    monkeypatch.setenv("NO_PROXY", "*")
    with Exchanges(**PRICES) as exchanges:
        yield exchanges


def venue(name: str, exchanges: Exchanges) -> Venue:
    return VENUES[name](Client(name, f"{exchanges.url}/{name}", setting="X_URL", read=5))


def shown(trades: list[Trade]) -> dict[str, str]:
    return {f"{one.symbol}/{one.currency}": str(one.price) for one in trades}


def test_every_exchange_of_the_settings_has_its_venue() -> None:
    assert set(VENUES) == set(EXCHANGE_URLS)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("kraken", {"BTC/USD": "97012.5", "DOGE/USD": "0.10"}),
        ("bitstamp", {"BTC/USD": "97012.5", "DOGE/USD": "0.10"}),
        ("gemini", {"BTC/USD": "97012.5", "DOGE/USD": "0.10"}),
        ("binance", {"BTC/USDT": "194025", "DOGE/USDT": "0.2"}),
    ],
)
def test_it_gives_the_trades_of_the_symbols_that_it_lists(
    exchanges: Exchanges, name: str, expected: dict[str, str]
) -> None:
    its = venue(name, exchanges)
    for _ in range(2):
        found = its.fetch({"BTC", "DOGE", "KASPA"}, "EUR")
        assert {pair: Decimal(text) for pair, text in shown(found).items()} == {
            pair: Decimal(text) for pair, text in expected.items()
        }
    has_times = name in ("bitstamp", "binance")
    assert all((trade.at is not None) == has_times for trade in found)


def test_what_is_not_listed_is_asked_for_once(exchanges: Exchanges) -> None:
    venues = [venue(name, exchanges) for name in VENUES]
    for _ in range(3):
        for one in venues:
            one.fetch({"BTC", "KASPA"}, "USD")
    assert exchanges.asked == {"kraken": 4, "binance": 4, "bitstamp": 3, "gemini": 3}
    assert sum("KASPA" in path for path in exchanges.paths) == 1


def test_binance_is_asked_again_for_what_it_did_not_list_after_an_hour(
    exchanges: Exchanges, monkeypatch: pytest.MonkeyPatch
) -> None:
    its = venue("binance", exchanges)
    its.fetch({"BTC", "KASPA"}, "USD")
    exchanges.prices["KASPA"] = Decimal("0.05")
    assert len(its.fetch({"BTC", "KASPA"}, "USD")) == 1
    monkeypatch.setattr("worker.venues.binance.LEARN_EVERY_S", 0)
    assert len(its.fetch({"BTC", "KASPA"}, "USD")) == 2


def test_binance_s_pairs_are_learned_anew_when_one_is_gone_but_not_at_each_error(
    exchanges: Exchanges, monkeypatch: pytest.MonkeyPatch
) -> None:
    its = venue("binance", exchanges)
    its.fetch({"BTC", "DOGE", "KASPA"}, "USD")
    monkeypatch.setattr("worker.venues.binance.LEARN_AGAIN_S", 0)
    del exchanges.prices["DOGE"]
    assert set(shown(its.fetch({"BTC", "DOGE"}, "USD"))) == {"BTC/USDT"}
    assert exchanges.asked == {"binance": 4}
    monkeypatch.setattr("worker.venues.binance.LEARN_AGAIN_S", 60)
    exchanges.scripts["binance"] = (400, {"code": -1121}, {})
    with pytest.raises(SourceError, match="-1121"):
        its.fetch({"BTC"}, "USD")
    assert exchanges.asked == {"binance": 5}


def test_kraken_goes_on_with_the_pairs_it_knows_when_no_new_list_comes(
    exchanges: Exchanges, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("worker.venues.kraken.LEARN_EVERY_S", -1)
    kraken = venue("kraken", exchanges)
    kraken.fetch({"BTC"}, "USD")
    exchanges.lists["kraken"] = {"error": [], "result": {}}
    for _ in range(2):
        assert kraken.fetch({"BTC"}, "USD")
    assert caplog.messages == ["Kraken: a list without pairs; the known pairs stay"]


def test_a_symbol_in_letters_that_no_pair_has_spoils_nothing(exchanges: Exchanges) -> None:
    assert venue("binance", exchanges).fetch({"BTC", "币安人生"}, "USD")
    assert exchanges.asked == {"binance": 1}


def test_kraken_s_pairs_are_learned_anew_when_one_is_gone_and_not_after_other_errors(
    exchanges: Exchanges,
) -> None:
    kraken = venue("kraken", exchanges)
    for error in ("EService:Busy", "EQuery:Unknown asset pair"):
        kraken.fetch({"BTC"}, "USD")
        exchanges.scripts["kraken"] = (200, {"error": [error]}, {})
        with suppress(SourceError):
            kraken.fetch({"BTC"}, "USD")
        exchanges.scripts.clear()
    kraken.fetch({"BTC"}, "USD")
    assert sum("AssetPairs" in path for path in exchanges.paths) == 2


def test_a_venue_that_lists_nothing_of_it_is_not_asked(exchanges: Exchanges) -> None:
    assert venue("binance", exchanges).fetch({"USDT"}, "USD") == []
    assert venue("kraken", exchanges).fetch({"KASPA"}, "USD") == []
    assert exchanges.asked == {"kraken": 1}


@pytest.mark.parametrize(
    ("name", "answer", "kind", "retry_after"),
    [
        ("kraken", (200, {"error": ["EAPI:Rate limit exceeded"]}, {}), "rate_limit", None),
        ("kraken", (200, {"error": ["EService:Unavailable"]}, {}), "server", None),
        ("kraken", (200, {"error": ["EGeneral:Temporary lockout"]}, {}), "refused", None),
        ("kraken", (200, [], {}), "unusable", None),
        ("binance", (418, {"code": -1003}, {"Retry-After": "120"}), "refused", 120),
        ("binance", (418, {"code": -1003}, {}), "refused", None),
        ("binance", (451, {"msg": "restricted location"}, {}), "refused", None),
        ("bitstamp", (200, "<html>", {}), "unusable", None),
        ("gemini", (502, "bad gateway", {}), "server", None),
    ],
)
def test_a_refusal_is_an_error_with_its_kind_and_what_the_exchange_said(
    exchanges: Exchanges,
    name: str,
    answer: tuple[int, object, dict[str, str]],
    kind: str,
    retry_after: float | None,
) -> None:
    exchanges.scripts[name] = answer
    with pytest.raises(SourceError) as caught:
        venue(name, exchanges).fetch({"BTC"}, "USD")
    assert (caught.value.kind, caught.value.retry_after) == (kind, retry_after)
    assert str(caught.value).lower().startswith(name)


@pytest.mark.parametrize(
    "nonsense", ["0", "-1", "NaN", "Infinity", "", "x", "1e99", "9" * 50, 5, None]
)
def test_a_price_is_a_number_above_zero(nonsense: object) -> None:
    assert price(nonsense) is None
    assert price("0.00001261") == Decimal("0.00001261")


@pytest.mark.parametrize("name", VENUES)
@pytest.mark.parametrize("body", [{}, [], [1, None, "x"], {"result": {"XXBTZUSD": 5}}, "null"])
def test_nonsense_gives_no_trades_and_no_bug(exchanges: Exchanges, name: str, body: object) -> None:
    exchanges.scripts[name] = (200, body, {})
    with suppress(SourceError):
        assert venue(name, exchanges).fetch({"BTC"}, "USD") == []


@pytest.mark.parametrize("at", [-(10**4000), 10**300, True, 0], ids=range(4))
def test_an_impossible_time_makes_no_trade(exchanges: Exchanges, at: object) -> None:
    row = {"symbol": "BTCUSDT", "lastPrice": "1", "closeTime": at}
    exchanges.scripts["binance"] = (200, [row], {})
    assert venue("binance", exchanges).fetch({"BTC"}, "USD") == []


@pytest.mark.parametrize("minutes", [-10, 10])
@pytest.mark.parametrize("name", ["bitstamp", "binance"])
def test_a_trade_is_as_old_as_the_exchange_s_clock_says_however_wrong_ours_is(
    exchanges: Exchanges, name: str, minutes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = now_ms() + minutes * MINUTE_MS
    monkeypatch.setattr("worker.venues.exchanges.now_ms", lambda: ours)
    asked = Asked([venue(name, exchanges)], interval_s=0)
    for age_s, count in ((0, 1), (180, 0)):
        exchanges.ages[name] = age_s
        asked.request({"BTC"}, "USD")
        assert len(young(asked.trades(5)[name], ours)) == count


def test_an_answer_of_a_cache_ages_with_it_and_when_it_comes_again(
    exchanges: Exchanges, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = now_ms()
    monkeypatch.setattr("worker.venues.exchanges.now_ms", lambda: ours)
    asked = Asked([venue("bitstamp", exchanges)], interval_s=0)
    body = [{"pair": "BTC/USD", "last": "97000", "timestamp": "1795413247"}]
    for headers, later_ms, count in (
        ({"Date": "Mon, 23 Nov 2026 05:54:07 GMT"}, 0, 1),
        ({"Date": "Mon, 23 Nov 2026 05:54:07 GMT"}, YOUNG_MS + 1, 0),
        ({"Date": "Mon, 23 Nov 2026 05:54:17 GMT", "Age": "115"}, 0, 0),
    ):
        ours += later_ms
        exchanges.scripts["bitstamp"] = (200, body, headers)
        asked.request({"BTC"}, "USD")
        assert len(young(asked.trades(5)["bitstamp"], ours)) == count, headers


@pytest.mark.parametrize("name", ["kraken", "binance"])
def test_a_list_of_all_markets_may_take_longer_than_prices(exchanges: Exchanges, name: str) -> None:
    exchanges.slow_lists_s = 0.3
    client = Client(name, f"{exchanges.url}/{name}", setting="X_URL", read=0.1, total=0.1)
    assert VENUES[name](client).fetch({"BTC", "KASPA"}, "USD")
    assert exchanges.asked[name] == 2
