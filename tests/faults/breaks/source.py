"""The source: everything that CoinGecko, or who stands between, may answer."""

from decimal import Decimal
from typing import Any

from simplejson import RawJSON

from tests.faults.harness.fault import REASON, Act, Fault, way_broken
from tests.faults.harness.product import Product
from tests.support.fake_coingecko import Manner, coin
from tests.support.proxy import Proxy
from tests.support.tools import wait_for

ONE_LESS = "that coin is missing, for one tick"
OTHERS = "other coins, for one tick"
HTML = "<!doctype html><title>Attention Required! | Cloudflare</title>"
TOLD_IN_200 = {"status": {"error_code": 429, "error_message": "slow down"}}


def answers(
    status: int = 200,
    body: Any = b"",
    *,
    manner: Manner = "whole",
    headers: dict[str, str] | None = None,
) -> Act:
    """Give this answer once."""

    def act(product: Product) -> None:
        asked = len(product.gecko.requests)
        product.gecko.answer(status, body, headers, times=1, manner=manner)
        wait_for(lambda: len(product.gecko.requests) > asked, 30, "the source to be asked")

    return act


def _market(price: object) -> list[dict[str, Any]]:
    return [coin("bitcoin", current_price=price), coin("ethereum", price="3000.5", rank=2)]


FAULTS = (
    Fault("source: 429, Retry-After 2", answers(429, {}, headers={"Retry-After": "2"}), REASON),
    Fault("source: 500", answers(500, {"error": "internal"}), REASON),
    Fault("source: 403", answers(403, "no"), REASON),
    Fault("source: an error with status 200", answers(200, TOLD_IN_200), REASON),
    Fault("source: a web page", answers(200, HTML), REASON),
    Fault("source: an empty answer", answers(200, ""), REASON),
    Fault("source: an empty list", answers(200, []), REASON),
    Fault("source: half an answer", answers(200, "[{}]", manner="truncated"), REASON),
    Fault("source: a reset", answers(manner="reset"), REASON),
    Fault("source: no HTTP", answers(200, "hello\r\n", manner="raw"), REASON),
    Fault("source: an answer that drips for ever", answers(200, "[", manner="drip"), REASON, 30),
    Fault("source: takes the question and hangs", answers(manner="hang"), REASON, 30),
    Fault("source: cut off for 3 s", way_broken("to_source", Proxy.cut, 3), REASON),
    Fault(
        "source: half-open for 3 s, packets vanish",
        way_broken("to_source", Proxy.swallow, 3),
        REASON,
        30,
    ),
    Fault("source: a price of null", answers(200, _market(None)), ONE_LESS),
    Fault("source: a price of NaN", answers(200, _market(Decimal("NaN"))), ONE_LESS),
    Fault("source: a price of 1e999", answers(200, _market(RawJSON("1e999"))), ONE_LESS),
    Fault("source: unknown coins", answers(200, [coin("never-heard-of")]), OTHERS),
)
