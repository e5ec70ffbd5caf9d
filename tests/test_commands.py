"""`flask alerts …`: what it does, and what it says to a mistake."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import Result
from flask import Flask

from tests.conftest import AppFactory
from tests.support.fake_receiver import Receiver
from tests.support.tools import now_ms, quote, save
from tracker.services import services


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as server:
        yield server


@pytest.fixture
def app(make_app: AppFactory, receiver: Receiver) -> Flask:
    app = make_app(notify=f"phone=json://{receiver.address}/a json://127.0.0.1:1/")
    save(services(app).backend.store, quote(price="100", symbol="btc"), at=now_ms())
    return app


@pytest.fixture
def run(app: Flask) -> Callable[[str], Result]:
    return lambda line: app.test_cli_runner().invoke(args=["alerts", *line.split()])


def test_rules_are_added_listed_paused_resumed_and_removed(run: Callable[[str], Result]) -> None:
    assert "No rules. Add one" in run("list").output
    assert run("add btc above 105 --once --note sell --expires 7d").output.startswith(
        "Added 1: bitcoin above 105 USD, one time only, until 20"
    )
    run("add btc below 99 --margin 2")
    listed = run("list").output.splitlines()
    assert listed[0].endswith("UTC (sell): armed; 5.00 % away")
    assert listed[1:] == [
        "   2  bitcoin below 99 USD: armed; 1.00 % away",
        "   →  phone: no message yet",
        "   →  json: no message yet",
    ]
    assert run("pause 2").output == "2: bitcoin below 99 USD: paused\n"
    assert run("resume 2").output == "2: bitcoin below 99 USD: armed\n"
    assert run("remove 1 2").output.splitlines()[1] == "Removed 2: bitcoin below 99 USD"
    assert "No rules" in run("list").output


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("add btc near 5", "Error: 'btc near 5' is no rule; accepted: COIN above|below PRICE"),
        ("add doge above 5", "Error: 'doge' is no coin that is followed; accepted: bitcoin (btc)"),
        ("add btc above 5 --margin x", "the margin, percent; accepted: a number from 0 to 50"),
        ("remove 9", "Error: there is no rule 9; there are: none: add one first"),
        ("pause x", "Invalid value for 'NUMBER…'"),
        ("test nobody", "Error: 'nobody' is no target; accepted: phone, json"),
    ],
)
def test_a_mistake_is_told_what_is_accepted(
    run: Callable[[str], Result], line: str, answer: str
) -> None:
    result = run(line)
    assert answer in result.output
    assert result.exit_code
    assert "Traceback" not in result.output


def test_a_test_goes_to_each_target_at_once_and_says_which_failed(
    run: Callable[[str], Result], receiver: Receiver
) -> None:
    assert (run("test phone").exit_code, len(receiver.received)) == (0, 1)
    result = run("test")
    assert result.exit_code == 1
    assert result.output == "phone: sent\njson: not sent: no connection, or no answer in time\n"
    assert receiver.titles[0] == "This is a test of the crypto tracker's alerts."


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("sqlite:///{folder}/empty.db", "no such table: "),
        ("postgresql+psycopg://u@127.0.0.1:1/n", "connection failed: "),
        ("sqlite://", "SQLite has journal_mode memory"),
    ],
)
def test_a_database_that_cannot_be_read_is_told_in_one_line(
    make_app: AppFactory, tmp_path: Path, url: str, reason: str
) -> None:
    app = make_app(database_url=url.format(folder=tmp_path))
    result = app.test_cli_runner().invoke(args=["alerts", "list"])
    assert result.exit_code == 1
    (line,) = result.output.splitlines()
    assert line.startswith("Error: the database does not answer, or is not migrated: ")
    assert reason in line


def test_without_targets_it_says_so(make_app: AppFactory) -> None:
    runner = make_app().test_cli_runner()
    assert (
        "TRACKER_NOTIFY is not set: nothing is sent"
        in runner.invoke(args=["alerts", "list"]).output
    )
    assert runner.invoke(args=["alerts", "test"]).exit_code == 1
