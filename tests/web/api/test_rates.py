"""`/api/rates`: the newest exchange rates, until they are a day old."""

import json
from decimal import Decimal

from tests.support.fake_site import FakeRelay, make_app
from tests.support.tools import now_ms
from tracker.market.rates import Rates
from tracker.times import HOUR_MS, iso


def rates(age_ms: int = 0) -> Rates:
    return Rates("usd", now_ms() - age_ms, {"usd": Decimal(1), "xau": Decimal("0.000240")})


def test_they_are_exact_and_old_ones_say_so() -> None:
    found = rates()
    client = make_app(FakeRelay(rates=found)).test_client()
    response = client.get("/api/rates")
    assert response.text == (
        f'{{"base":"usd","at":"{iso(found.at)}","old":false,"rates":{{"usd":1,"xau":0.000240}}}}'
    )
    again = client.get("/api/rates", headers={"If-None-Match": response.headers["ETag"]})
    assert again.status_code == 304
    old = make_app(FakeRelay(rates=rates(HOUR_MS))).test_client().get("/api/rates")
    assert json.loads(old.text)["old"] is True


def test_without_any_or_after_a_day_there_are_none() -> None:
    for found, why in ((None, "none have come yet"), (rates(25 * HOUR_MS), "are too old")):
        response = make_app(FakeRelay(rates=found)).test_client().get("/api/rates")
        assert (response.status_code, response.headers["Retry-After"]) == (503, "5")
        assert why in json.loads(response.text)["detail"]
