"""A client of a real server: an answer comes whole and in time, or one line says what failed."""

import gzip
import inspect
from datetime import UTC, datetime
from typing import Any

import pytest

from dev.embedded_redis import free_port
from tests.support.fake_coingecko import CoinGecko, Manner
from tracker.errors import SourceError
from tracker.messaging.job_queue import REFRESH_TIMEOUT
from worker.sources.http import Answer, Client, retry_after

NOW = datetime(2026, 11, 23, 6, 14, 7, tzinfo=UTC)


def failure(url: str, **timeouts: Any) -> SourceError:
    """Return how the service "Shop", whose address is the setting SHOP_URL, fails at *url*."""
    with (
        Client("Shop", url, setting="SHOP_URL", **timeouts) as client,
        pytest.raises(SourceError) as caught,
    ):
        client.ask("/goods", {})
    return caught.value


@pytest.mark.parametrize(
    ("host", "says"),
    [
        ("user:pw@127.0.0.1:1", "connection refused"),
        ("shop.invalid", "its name is not known; check the network and SHOP_URL"),
        ("...", "not an address; check SHOP_URL"),
        ("127.0.0.1:99999", "not an address; check SHOP_URL"),
    ],
)
def test_a_service_that_is_not_there_is_named_with_its_address(
    monkeypatch: pytest.MonkeyPatch, host: str, says: str
) -> None:
    monkeypatch.setenv("NO_PROXY", "*")
    error = failure(f"http://{host}/v3")
    shown = host.removeprefix("user:pw@")
    assert str(error) == f"Shop cannot be reached: {says} (http://{shown}/v3)"
    assert error.kind == "unreachable"


HEAD = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(
    "begin",
    [
        b"HTTP/1.1 2",
        HEAD + b"A: ",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\nA: ",
        HEAD + b"Content-Encoding: gzip\r\n\r\n\x1f\x8b\x08\x08" + b"\0" * 6,
        HEAD + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(b"[]") + b"garbage after it",
        HEAD + b"\r\n",
    ],
    ids=["status", "header", "chunk", "trailer", "gzip header", "after gzip", "body"],
)
def test_an_answer_ends_at_its_deadline_wherever_it_drips(gecko: CoinGecko, begin: bytes) -> None:
    gecko.answer(200, begin, manner="raw drip")
    error = failure(gecko.url, total=0.1)
    assert str(error) == "Shop: no whole answer within 0.1 s"
    assert error.kind == "timeout"


def test_nothing_repeats_the_key_and_no_cookie_is_kept(gecko: CoinGecko) -> None:
    headers = {"ETag": '"s3cr3t"', "Location": "http://x/s3cr3t", "Set-Cookie": "a=s3cr3t"}
    gecko.answer(302, "s3cr3t", headers)
    with Client("Shop", gecko.url, setting="SHOP_URL", key=("x-key", "s3cr3t")) as client:
        answers = [client.ask("/goods", {}) for _ in range(2)]
    assert "s3cr3t" not in str(answers)
    assert "(key)" in str(answers)
    assert [request.headers.get("cookie") for request in gecko.requests] == [None, None]


NO_HTTP = "does not speak HTTP; check SHOP_URL"


@pytest.mark.parametrize(
    ("manner", "body", "says"),
    [
        ("hang", "", "no answer, or no more of it, for 0.2 s"),
        ("reset", "", "the connection was reset before the answer was whole"),
        ("truncated", "[]", "the answer was cut short"),
        ("raw", "SSH-2.0-OpenSSH_9.2\r\n", NO_HTTP),
        ("raw", "", "Shop"),
        ("raw", "HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n[]", "cut short"),
        ("raw", f"HTTP/1.1 200 OK\r\nA: {'b' * 70_000}\r\n\r\n", NO_HTTP),
    ],
    ids=range(7),
)
def test_an_answer_that_does_not_come_whole_is_told_in_one_line(
    gecko: CoinGecko, manner: Manner, body: str, says: str
) -> None:
    gecko.answer(200, body, manner=manner)
    error = failure(gecko.url, read=0.2 if manner == "hang" else 5)
    assert says in str(error)
    assert str(error).startswith("Shop")
    assert str(error).isprintable()
    assert error.kind == ("timeout" if manner == "hang" else "unreachable")


def test_an_answer_ends_before_its_job_would_be_ended() -> None:
    times = inspect.signature(Client).parameters
    assert times["connect"].default + times["total"].default < REFRESH_TIMEOUT


@pytest.mark.parametrize(
    ("status", "headers"), [(200, {"Content-Encoding": "gzip"}), (302, {"Location": "http://["})]
)
def test_a_huge_body_is_not_read(gecko: CoinGecko, status: int, headers: dict[str, str]) -> None:
    body = b"[" + b" " * 9 * 2**20
    gecko.answer(status, gzip.compress(body, 1) if status == 200 else body, headers)
    assert str(failure(gecko.url)) == "Shop: the answer is larger than 8 MiB; it was not read"


def test_a_compressed_body_is_decompressed_and_a_broken_one_and_broken_tls_are_told(
    gecko: CoinGecko,
) -> None:
    gecko.answer(200, gzip.compress(b"[1]"), {"Content-Encoding": "gzip"})
    with Client("Shop", gecko.url, setting="SHOP_URL") as client:
        assert client.ask("/goods", {}).body == b"[1]"
    gecko.answer(200, b"no gzip", {"Content-Encoding": "gzip"})
    assert str(failure(gecko.url)) == "Shop: the answer's compression is broken"
    url = gecko.url.replace("http:", "https:")
    assert str(failure(url)).startswith("Shop cannot be reached: TLS failed: ")


def test_an_etag_is_kept_if_it_can_be_sent_back() -> None:
    for etag in ('"abc"', 'W/"a,b!~"', f'"{"x" * 198}"'):
        assert Answer(200, {"ETag": etag}, b"").etag() == etag
    for etag in ("*", "abc", '"a b"', '"\xe9"', '"a", "b"', '""', f'"{"x" * 199}"'):
        assert Answer(200, {"ETag": etag}, b"").etag() is None


@pytest.mark.parametrize(
    ("sent", "seconds"),
    [
        ("119", 119.0),
        ("86400", 3600.0),
        ("soon", None),
        (None, None),
        ("Mon, 23 Nov 2026 06:14:37 GMT", 30.0),
        ("Mon, 23 Nov 2026 06:14:37 -0000", 30.0),
        ("Mon, 23 Nov 2026 06:00:00 GMT", 0.0),
        ("Mon, 99 Nov 2026 06:00:00 GMT", None),
    ],
)
def test_retry_after_is_seconds_or_a_date_and_an_hour_at_most(
    sent: str | None, seconds: float | None
) -> None:
    assert retry_after(sent, NOW) == seconds


def test_a_proxy_of_the_environment_leads_to_the_network_and_not_to_this_machine(
    gecko: CoinGecko, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{free_port()}")
    monkeypatch.delenv("NO_PROXY", raising=False)
    with Client("Shop", gecko.url, setting="SHOP_URL") as client:
        assert client.ask("/ping", {}).status
    with (
        Client("Shop", "http://shop.test", setting="SHOP_URL") as client,
        pytest.raises(SourceError, match="the proxy does not connect; check HTTPS_PROXY"),
    ):
        client.ask("/ping", {})
