"""What somebody wrote into the database by hand stops no tick, no chart and no upkeep."""

from dataclasses import replace
from decimal import Decimal

import pytest
from sqlalchemy import text

from tests.storage.kept import MINUTE, NOON, Kept, as_points
from tests.support.tools import succeeded
from tracker.market.freshness import SourceState
from tracker.storage import damage
from tracker.storage.engine import writing
from tracker.storage.history import RANGES
from tracker.times import HOUR_MS


@pytest.fixture(autouse=True)
def _unthrottled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(damage, "_failures", {})


def execute(history: Kept, statement: str) -> None:
    with writing(history.engine) as connection:
        connection.execute(text(statement))


ANYWHERE = [
    "UPDATE quote SET price = 'NaN'",
    "UPDATE quote SET price = '1e77', direction = 'odd', updated_at = 253402300800000",
    "UPDATE roll_up SET rolled_up_to = -1",
    "UPDATE candle SET high = 'NaN', close = 'NaN'",
    "UPDATE health SET fresh_at = -5",
    "UPDATE rates SET json = '[1'",
]
SQLITE_ONLY = [
    "UPDATE quote SET price = '12x', rank = 'first', updated_at = 'now'",
    "UPDATE quote SET price = x'ff', market_cap = x'ff', venues = x'ff'",
    "UPDATE quote SET price = CAST(x'ff' AS TEXT)",
    "UPDATE coin SET name = x'ff', symbol = x'00', image = 5, display_name = x'ff'",
    "UPDATE coin SET name = CAST(x'ff' AS TEXT)",
    "UPDATE roll_up SET rolled_up_to = 'x'",
    "UPDATE candle SET high = '12x'",
    "UPDATE OR IGNORE candle SET hour = 'x'",
    "UPDATE health SET fresh_at = 'x', failures = 'many', etag = x'ff', sources = '{x'",
]


@pytest.mark.parametrize(
    ("database_url", "statement"),
    [
        *(("sqlite", statement) for statement in ANYWHERE + SQLITE_ONLY),
        *(("postgresql", statement) for statement in ANYWHERE),
    ],
    indirect=["database_url"],
)
def test_ticks_charts_and_upkeep_go_on(history: Kept, statement: str) -> None:
    store = history.store
    history.save(NOON - HOUR_MS, bitcoin=1, ether=2)
    history.roll_up(NOON)
    history.save(NOON, bitcoin=1, ether=2)
    execute(history, statement)
    for read in (store.coins, store.rates):
        read()
    for one in store.newest_of_source():
        assert isinstance(one.name, str)
    for tick in store.newest(10):
        tick.to_json()
    history.save(NOON + MINUTE, bitcoin=3, ether=4)
    newest = store.newest(1)[0]
    assert [str(one.price) for one in newest.quotes] == ["3", "4"]
    assert '"price":3,' in newest.to_json()
    state = store.source_state()
    assert state == replace(succeeded(SourceState(), NOON + MINUTE), fresh_since=state.fresh_since)
    for name in RANGES:
        points = history.points("bitcoin", name, NOON + 2 * MINUTE).points
        assert points[-1] == (NOON + MINUTE, Decimal(3))
    history.roll_up(NOON + 2 * MINUTE)
    assert history.roll_up(NOON + 2 * MINUTE) == 0
    history.thin(NOON + 2 * HOUR_MS, newest=1)
    assert history.points("bitcoin", "7d", NOON + HOUR_MS).points


def test_the_log_names_the_row_and_the_remedy_once(
    history: Kept, caplog: pytest.LogCaptureFixture
) -> None:
    history.save(NOON, bitcoin=1, ether=2)
    execute(history, "UPDATE quote SET price = 'NaN', market_cap = 'NaN' WHERE coin_id = 'ether'")
    for _ in range(3):
        assert [one.id for one in history.store.newest(1)[0].quotes] == ["bitcoin"]
    row = f"tick_id = {NOON} AND coin_id = 'ether'"
    assert caplog.messages == [
        f"the database has no usable price and market_cap in the quote where {row}:"
        " it is left out until that row is corrected or deleted"
    ]
    assert history.points("bitcoin", "1h", NOON).points == as_points((NOON, 1))
    assert history.points("ether", "1h", NOON).points == []
