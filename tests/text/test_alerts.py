"""Alerts in words."""

from dataclasses import replace
from decimal import Decimal

import pytest

from tests.support.tools import quote
from tracker.market.alerts import Firing, Rule
from tracker.text.alerts import Event, description, message, one_line, sentence, standing

AT = 1795643000000
ABOVE = Rule(id=1, kind="above", coin="bitcoin", currency="eur", limit=Decimal(100000))
FALLS = Rule(id=1, kind="falls", coin="bitcoin", limit=Decimal(5), window="1h")
STALE = Rule(id=1, kind="stale", limit=Decimal(10))


@pytest.mark.parametrize(
    ("rule", "value", "described", "said"),
    [
        (
            ABOVE,
            "100012.5",
            "bitcoin above 100,000 EUR",
            "Bitcoin rose above 100,000 EUR: it is €100,012.50.",
        ),
        (
            replace(ABOVE, kind="below", currency="chf"),
            "99999",
            "bitcoin below 100,000 CHF",
            "Bitcoin fell below 100,000 CHF: it is CHF 99,999.00.",
        ),
        (
            FALLS,
            "-5.314",
            "bitcoin falls more than 5 % in 1 hour",
            "Bitcoin fell by 5.31% in 1 hour (limit 5 %).",
        ),
        (STALE, "11", "prices are stale for 10 minutes", "Prices are stale for 10 minutes"),
        (replace(STALE, kind="live"), "0", "prices are live again", "Prices are live again."),
    ],
)
def test_a_rule_and_what_it_says(rule: Rule, value: str, described: str, said: str) -> None:
    its = quote() if rule.coin else None
    assert description(rule) == described
    assert sentence(Firing(rule, AT, its, Decimal(value))).startswith(said)


def test_how_a_rule_stands() -> None:
    armed = replace(ABOVE, armed=True)
    assert standing(armed, 0, Decimal("4.2")) == "armed; 4.20 % away"
    assert (
        standing(replace(FALLS, armed=True), 0, Decimal(1)) == "armed; 1.00 percentage points away"
    )
    assert standing(replace(armed, armed=False), 0).startswith("beyond its limit; armed again")
    assert standing(replace(STALE, armed=False), 0).startswith("prices are stale; armed again")
    assert standing(ABOVE, 0) == "waits for a first price"
    assert standing(replace(armed, paused=True), 0) == "paused"
    assert standing(replace(armed, expires_at=0), 0) == "expired"
    assert standing(replace(armed, once=True, fired_at=0), 0) == "done"


def test_one_event_is_a_title_with_note_time_link_and_number() -> None:
    event = Event(41, AT, "Bitcoin rose.", "sell half", "bitcoin")
    assert message([event], "https://p.example") == (
        "Bitcoin rose.",
        "sell half\n2026-11-25 21:43:20 UTC\nhttps://p.example/cryptos/bitcoin\nAlert no. 41",
    )
    assert message([event._replace(note="")]).body == "2026-11-25 21:43:20 UTC\nAlert no. 41"


def test_a_storm_is_one_message_that_says_how_many_more_there_are() -> None:
    events = [Event(id, AT, f"Coin {id} rose.", "", "x") for id in range(7, 107)]
    text = message(events, "https://p.example", 1000)
    assert text.title == "100 alerts: Coin 7 rose."
    assert len(text.body) <= 1000
    *lines, more, link, numbers = text.body.splitlines()
    assert lines[0] == "2026-11-25 21:43:20 UTC: Coin 7 rose."
    assert more == f"… and {100 - len(lines)} more"
    assert (link, numbers) == ("https://p.example/cryptos/", "Alerts no. 7-106")


def test_numbers_of_a_message_are_all_there() -> None:
    events = [Event(id, AT, "x") for id in (1, 2, 3, 5, 8, 9)]
    assert message(events).body.endswith("Alerts no. 1-3, 5, 8-9")


def test_no_name_and_no_note_can_begin_a_line_or_control_anything() -> None:
    assert one_line("a\r\nBcc: x\x1b[2J\u202e y") == "a Bcc: x [2J y"
    assert len(one_line("x" * 500)) == 200
    firing = Firing(ABOVE, AT, quote(name="Bit\ncoin\x00"), Decimal(1))
    assert "\n" not in sentence(firing)
