"""Messages to real receivers: what arrives, what a failure says, and what never leaks."""

import asyncio
import email.policy
from collections.abc import Iterator
from email.message import EmailMessage
from email.parser import BytesParser

import pytest
from aiosmtpd.controller import Controller

from dev.embedded_redis import free_port
from tests.support.fake_receiver import Receiver
from tracker.config import Target
from tracker.errors import ConfigError, NotifyError
from tracker.messaging.notify import Notifier
from tracker.text.alerts import Event

EVENT = Event(7, 1795643000000, "Bitcoin rose.", "<b>sell</b> $(rm) %0aX: y", "bitcoin")
SECRET = "s3cr3t-of-the-hook"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as server:
        yield server


def notifier(url: str) -> Notifier:
    return Notifier([Target("it", url)], "https://p.example")


def why_not(url: str) -> str:
    with pytest.raises(NotifyError) as error:
        notifier(url).send("it", (EVENT,))
    return str(error.value)


def test_a_webhook_gets_title_and_body_as_they_are(receiver: Receiver) -> None:
    notifier(f"json://{receiver.address}/{SECRET}").send("it", (EVENT,))
    (got,) = receiver.received
    assert got.path == f"/{SECRET}"
    assert got.body["title"] == "Bitcoin rose."
    assert got.body["message"].splitlines() == [
        "<b>sell</b> $(rm) %0aX: y",
        "2026-11-25 21:43:20 UTC",
        "https://p.example/cryptos/bitcoin",
        "Alert no. 7",
    ]


def test_an_ntfy_server_of_ones_own_gets_it_on_its_topic(receiver: Receiver) -> None:
    notifier(f"ntfy://{receiver.address}/my-topic").send("it", (EVENT,))
    (got,) = receiver.received
    assert got.body["topic"] == "my-topic"
    assert (got.body["title"], "Alert no. 7" in got.body["message"]) == ("Bitcoin rose.", True)
    assert not {"X", "Bcc"} & got.headers.keys()


@pytest.mark.parametrize("status", [400, 429, 500])
def test_a_status_that_is_no_success_is_said_without_the_address(
    receiver: Receiver, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    receiver.status = status
    why = why_not(f"json://user:{SECRET}@{receiver.address}/{SECRET}")
    assert why == f"it answered with status {status}"
    assert SECRET not in caplog.text


def test_where_nobody_answers_that_is_said(receiver: Receiver) -> None:
    receiver.status = 0
    assert why_not(f"json://{receiver.address}/?rto=0.1") == "no connection, or no answer in time"
    assert why_not("json://127.0.0.1:1/") == "no connection, or no answer in time"


def test_a_redirect_is_not_followed_whatever_the_url_says(receiver: Receiver) -> None:
    with Receiver() as other:
        receiver.status, receiver.to = 307, f"{other.url}/elsewhere"
        why = why_not(f"json://{receiver.address}/?redirect=yes")
        assert (why, other.received) == ("it answered with status 307", [])


class Mailbox:
    """Keeps the mails that come."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []

    async def handle_DATA(self, _server: object, _session: object, envelope: object) -> str:
        content: bytes = envelope.content  # type: ignore[attr-defined]
        parsed = BytesParser(policy=email.policy.default).parsebytes(content)
        assert isinstance(parsed, EmailMessage)
        self.mails.append(parsed)
        return "250 OK"


@pytest.mark.parametrize("form", ["text", "html"])
def test_a_mail_holds_the_note_as_text_and_no_other_header(form: str) -> None:
    mailbox, loop = Mailbox(), asyncio.new_event_loop()
    port = free_port()
    controller = Controller(mailbox, hostname="127.0.0.1", port=port, loop=loop)
    controller.start()
    try:
        event = EVENT._replace(text="Bitcoin rose\r\nBcc: all@example.org")
        url = f"mailto://127.0.0.1:{port}/?from=a@b.example&to=c@d.example&format={form}"
        notifier(url).send("it", (event,))
    finally:
        controller.stop()
    (mail,) = mailbox.mails
    assert (mail["Subject"], mail["Bcc"]) == ("Bitcoin rose Bcc: all@example.org", None)
    part = mail.get_body((form if form == "html" else "plain",))
    assert part
    shown = "&lt;b&gt;sell&lt;/b&gt;" if form == "html" else "<b>sell</b>"
    assert shown in part.get_content()


@pytest.mark.parametrize("url", ["nonsense://x", "tgram://x", f"mailto://:{SECRET}@"])
def test_what_apprise_does_not_take_is_said_in_a_line_without_secrets(
    url: str, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(ConfigError, match=r"TRACKER_NOTIFY: Apprise does not accept it=") as error:
        notifier(url)
    assert f"{url.partition(':')[0]}://(hidden)" in str(error.value)
    assert SECRET not in str(error.value) + caplog.text
