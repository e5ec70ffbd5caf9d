"""The admin's alerts page: rules are added, changed, paused and deleted; a test goes out."""

import html
import logging
import re
from dataclasses import replace

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.admin.conftest import PASSWORD, log_in, post
from tests.conftest import AppFactory
from tests.support.tools import now_ms, quote
from tests.support.web_process import tick
from tracker.admin import alerts as page
from tracker.messaging import json_jobs
from tracker.messaging.job_queue import ALERTS, ALERTS_NOW_ID
from tracker.messaging.redis_client import connect
from tracker.services import services
from worker.alerts import deliver_alerts

SECRET = "hush-hush-topic"
NOTIFY = f"phone=json://127.0.0.1:1/{SECRET} ntfys://{SECRET}"
RULE = {"kind": "above", "coin": "btc", "limit": "105"}


@pytest.fixture
def app(make_app: AppFactory) -> Flask:
    app = make_app(admin_password=PASSWORD, notify=NOTIFY)
    tick(app, quote(price="100", symbol="btc"))
    return app


def act(client: FlaskClient, path: str, **form: str) -> str:
    """Return the page that a change leads to, or that refuses it, as one line of text."""
    answer = post(client, f"/admin/alerts/{path}", **form)
    return text_of(client.get(answer.location).text if answer.location else answer.text)


def text_of(page: str) -> str:
    assert SECRET not in page
    return html.unescape(" ".join(re.sub(r"<(?!input|option)[^>]+>", "", page).split()))


def test_a_rule_is_added_changed_paused_resumed_and_deleted_and_each_is_logged(
    client: FlaskClient, app: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "tracker.audit")
    shown = act(client, "add", **RULE, once="once", note="<b>sell</b>\nnow", expires_at="7d")
    assert "Added 1: bitcoin above 105 USD." in shown
    assert "1: bitcoin above 105 USD, one time only, until 2" in shown
    assert "armed; 5.00 % away" in shown
    assert "&lt;b&gt;sell&lt;/b&gt; now" in client.get("/admin/alerts/").text
    form = client.get("/admin/alerts/1").text
    assert 'value="105"' in form
    assert 'name="margin" value=""' in form, "it is another one of another kind"
    assert "Changed 1: bitcoin falls more than 5 % in 1 hour." in act(
        client, "1", **RULE | {"kind": "falls", "limit": "5%", "window": "1h"}
    )
    assert "Paused 1: bitcoin falls" in act(client, "1/pause")
    assert "paused" in act(client, "1", **RULE), "a change resumes nothing"
    assert "armed; 5.00 % away" in act(client, "1/resume")
    assert "None yet." in act(client, "1/delete")
    assert "Not deleted: there is no rule 1" in act(client, "1/delete")
    lines = [line.getMessage() for line in caplog.records]
    assert [line.partition(":")[0] for line in lines] == ["alert 1"] * 6
    assert lines[0] == "alert 1: added: bitcoin above 105 USD, from 127.0.0.1"


@pytest.mark.parametrize(
    ("field", "text", "says"),
    [
        ("kind", "near", "'near' is no rule; accepted: above, below"),
        ("coin", "<i>", "'<i>' is no coin that is followed; accepted: bitcoin (btc)"),
        ("limit", "-1", "'-1' is not accepted as a price in usd; accepted: a number above 0"),
        ("currency", "xyz", "accepted: usd"),
        ("margin", "51", "accepted: a number from 0 to 50"),
        ("expires_at", "yesterday", "'yesterday' is no time to come; accepted: 30m, 12h, 7d"),
    ],
)
def test_what_is_not_accepted_is_said_beside_its_field_and_the_form_keeps_its_texts(
    client: FlaskClient, app: Flask, field: str, text: str, says: str
) -> None:
    answer = post(client, "/admin/alerts/add", **RULE | {field: text, "note": "kept"})
    assert answer.status_code == 422
    beside = re.search(rf'id="{field}-error">([^<]*)<', answer.text)
    assert beside, answer.text
    assert says in html.unescape(beside[1])
    assert f'aria-describedby="{field}-hint {field}-error"' in answer.text
    assert 'value="kept"' in answer.text
    assert services(app).backend.alerts.all() == []


def test_a_one_time_rule_that_has_fired_is_done_until_it_is_changed(
    client: FlaskClient, app: Flask
) -> None:
    store, at = services(app).backend.alerts, now_ms()
    act(client, "add", **RULE, once="once")
    store.change(1, lambda rule: replace(rule, fired_at=at), at)
    assert "done · last fired 2" in text_of(client.get("/admin/alerts/").text)
    assert "armed; 5.00 % away" in act(client, "1", **RULE, once="once")


def test_a_test_waits_in_the_outbox_for_the_worker(client: FlaskClient, app: Flask) -> None:
    assert f"{deliver_alerts.__module__}.{deliver_alerts.__name__}" == ALERTS
    shown = act(client, "test/phone")
    assert "A test to phone waits to be sent; no worker is alive" in shown
    assert "phone: no message yet, 1 waiting" in shown
    outbox = services(app).backend.outbox
    assert outbox.waiting() == {"phone": 1}
    with connect(services(app).settings) as redis:
        assert json_jobs.queue(redis).job_ids == [ALERTS_NOW_ID]
    parcel = outbox.claim("phone", now_ms(), hold_ms=1000, is_alive=lambda _: False)
    assert parcel
    assert parcel.events[0].text == page.TEST
    outbox.failed(parcel, f"it answered {SECRET} <b>", now_ms())
    assert "at attempt 1: it answered (hidden) <b>." in text_of(client.get("/admin/alerts/").text)
    assert "Not sent: TRACKER_NOTIFY has no target" in act(client, "test/nobody")
    assert outbox.waiting() == {"phone": 1}


def test_many_rules_are_shown_page_by_page(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page, "PAGE", 1)
    for _ in range(2):
        act(client, "add", **RULE)
    first, second = (client.get(f"/admin/alerts/?first={n}").text for n in range(2))
    assert ("Pause rule 1" in first, "Pause rule 2" in first) == (True, False)
    assert ("Pause rule 1" in second, "Pause rule 2" in second) == (False, True)
    assert "Later rules" in first
    assert "Earlier rules" in second


def test_without_targets_or_prices_the_page_says_what_to_do(make_app: AppFactory) -> None:
    client = make_app(admin_password=PASSWORD).test_client()
    log_in(client)
    assert "Nothing is sent: TRACKER_NOTIFY is not set." in text_of(
        client.get("/admin/alerts/").text
    )
    assert "there are no prices yet" in act(client, "add", **RULE)


def test_the_pages_dialog_says_that_messages_can_be_sent_if_they_can(
    app: Flask, make_app: AppFactory
) -> None:
    told = "This tracker can also send messages"
    other = make_app()
    tick(other)
    for path in ("/cryptos/", "/cryptos/bitcoin"):
        assert app.test_client().get(path).text.count(told) == 1
        assert told not in other.test_client().get(path).text
