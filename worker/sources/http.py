"""HTTP for sources: one connection, limits of time and size, and failures in words.

A source has a `Client` of the service that it asks. Redirects are not followed: they
would take an API key along. No message contains the key. What a status or a body
means is the source's matter; nothing here knows a service.
"""

import re
import ssl
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Context, Decimal
from email.utils import parsedate_to_datetime
from http.cookiejar import DefaultCookiePolicy
from ipaddress import ip_address
from socket import gaierror
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

import requests
import simplejson
import urllib3

from tracker import __version__
from tracker.errors import SourceError
from worker import told_time
from worker.sources.deadline import DeadlineAdapter, set_deadline

USER_AGENT = f"live-crypto-tracker/{__version__} (python-requests)"
"""CoinGecko answers 403 to requests without a User-Agent of their own."""

MAX_BODY = 8 * 1024 * 1024  # bytes, decompressed; 250 coins of CoinGecko's take about 250 kB
CHUNK = 64 * 1024  # bytes read at once
MAX_QUOTED = 160  # characters of a service's text in our messages
MAX_ETAG = 200  # characters; CoinGecko's have 36
MAX_RETRY_AFTER = 3600.0
"""Seconds: a request an hour is no burden, and a wrong header must not stop prices for days."""
MAX_DIGITS = 100
NUMBERS = Context(prec=MAX_DIGITS, Emax=27, traps=[])
"""From 1e28 on a number is infinite: a cap in any currency is below 1e20, and `Decimal`
computes with 28 digits."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP response, whole and decompressed."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def etag(self) -> str | None:
        """Return the ETag if it is valid (RFC 9110 section 8.8.3), or else None.

        `*` above all must not be sent back: it would match every answer.
        """
        text = self.headers.get("ETag", "")
        is_valid = len(text) <= MAX_ETAG and re.fullmatch(r'(W/)?"[!#-~]+"', text)
        return text if is_valid else None


class Client(requests.Session):
    """Asks the service *name* at *url*, which *setting* changes; connects to nothing yet.

    *key* is a header and the API key to send in it; an answer that repeats the key loses it.
    Timeouts in seconds: *connect* for the connection, *read* for each wait for data, *total* for
    all of it, however slowly an answer comes.
    """

    def __init__(
        self,
        name: str,
        url: str,
        *,
        setting: str,
        key: tuple[str, str] | None = None,
        connect: float = 5,
        read: float = 5,
        total: float = 20,
    ) -> None:
        super().__init__()
        self.service, self._url, self._setting = name, url, setting
        self.trust_env = not _is_loopback(url)  # HTTPS_PROXY and NO_PROXY: no proxy leads back here
        self._connect, self._read, self._total = connect, read, total
        self.headers.update([("User-Agent", USER_AGENT), *([key] if key else [])])
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))
        for scheme in ("http://", "https://"):
            self.mount(scheme, DeadlineAdapter())
        self._secret = key[1] if key else None

    def ask(
        self,
        path: str,
        query: Mapping[str, str],
        *,
        etag: str | None = None,
        timeout_s: float | None = None,
    ) -> Answer:
        """Return the answer, whatever its status. Raises `SourceError` if none came whole.

        *timeout_s* takes the place of *read* and *total* for an answer that takes longer.
        """
        read, total = timeout_s or self._read, timeout_s or self._total
        deadline = monotonic() + total
        set_deadline(deadline)
        try:
            with self.get(
                f"{self._url}{path}",
                params=query,
                headers={"If-None-Match": etag} if etag else None,
                timeout=(self._connect, read),
                stream=True,
                allow_redirects=False,
            ) as response:
                body = self._body(response)
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            timed_out = isinstance(error, requests.Timeout | urllib3.exceptions.TimeoutError)
            if timed_out and monotonic() >= deadline:
                late = f"{self.service}: no whole answer within {total:g} s"
                raise SourceError(late, kind="timeout") from error
            kind = "timeout" if timed_out else "unreachable"
            raise SourceError(self._describe(error, read), kind=kind) from error
        headers = response.headers
        told_time.note(headers)
        if self._secret:
            body = body.replace(self._secret.encode(), b"(key)")
            for name, value in headers.items():
                headers[name] = value.replace(self._secret, "(key)")
        return Answer(response.status_code, headers, body)

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """Ignore redirects: `allow_redirects=False` would still read the whole body of one."""
        return None

    def _body(self, response: requests.Response) -> bytes:
        """Read the body in chunks: `response.content` has no limit of size."""
        body = bytearray()
        while chunk := response.raw.read1(CHUNK, decode_content=True):
            body += chunk
            if len(body) > MAX_BODY:
                limit = f"{MAX_BODY // 2**20} MiB"
                raise SourceError(
                    f"{self.service}: the answer is larger than {limit}; it was not read"
                )
        return bytes(body)

    def _describe(self, error: Exception, read: float) -> str:
        """Return what failed in the network, and what to check."""
        cause = _cause(error)
        match error, cause:
            case ((requests.exceptions.InvalidURL() | urllib3.exceptions.LocationValueError()), _):
                reason = f"not an address; check {self._setting}"
            case requests.exceptions.ProxyError(), _:
                reason = "the proxy does not connect; check HTTPS_PROXY"
            case requests.ConnectTimeout(), _:
                reason = f"no connection within {self._connect:g} s"
            case ((requests.ReadTimeout() | urllib3.exceptions.ReadTimeoutError()), _):
                return f"{self.service}: no answer, or no more of it, for {read:g} s"
            case urllib3.exceptions.DecodeError(), _:
                return f"{self.service}: the answer's compression is broken"
            case _, ConnectionResetError() | BrokenPipeError():
                return f"{self.service}: the connection was reset before the answer was whole"
            case _, gaierror():
                reason = f"its name is not known; check the network and {self._setting}"
            case _, ssl.SSLCertVerificationError():
                reason = f"TLS failed: {cause.verify_message}"
            case _, ssl.SSLError():
                reason = f"TLS failed: {(cause.reason or 'unknown').replace('_', ' ').lower()}"
            case _, OSError():
                reason = (cause.strerror or type(cause).__name__).lower()
            case urllib3.exceptions.HTTPError(), _:
                return f"{self.service}: the answer was cut short"
            case _:
                reason = f"what answers there does not speak HTTP; check {self._setting}"
        return f"{self.service} cannot be reached: {reason} ({address(self._url)})"


def _cause(error: BaseException | None) -> OSError | None:
    """Return the operating system's error from which the libraries raised *error*, if any."""
    while error is not None:
        if isinstance(error, OSError) and not isinstance(error, requests.RequestException):
            return error
        error = error.__cause__ or error.__context__
    return None


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    with suppress(ValueError):
        return ip_address(host).is_loopback
    return host == "localhost"


def loads(text: str) -> Any:
    """Return the JSON in *text*, numbers as `Decimal` or `int` with all their digits.

    An impossible number is not finite. Raises `ValueError` or `RecursionError`.
    """

    def whole(digits: str) -> int | Decimal:  # very long ones take Python long
        return int(digits) if len(digits) <= MAX_DIGITS else Decimal("NaN")

    return simplejson.loads(
        text, parse_float=NUMBERS.create_decimal, parse_int=whole, allow_nan=True
    )


def clean(text: str) -> str:
    """Return *text* as one short line without control characters."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text[:4000]).split())
    return line if len(line) <= MAX_QUOTED else f"{line[:MAX_QUOTED]}…"


def address(url: str) -> str:
    """Return *url* without its possible secrets: user, password and query."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "(not an address)"
    return clean(parts._replace(netloc=parts.netloc.rpartition("@")[2], query="").geturl())


def retry_after(text: str | None, now: datetime) -> float | None:
    """Return a Retry-After header in seconds from *now*; None if it cannot be parsed.

    Seconds or a date, as in RFC 9110 section 10.2.3; `MAX_RETRY_AFTER` at most.
    """
    if text is None:
        return None
    if re.fullmatch(r"[0-9]{1,9}", text.strip()):
        return min(float(text), MAX_RETRY_AFTER)
    try:
        date = parsedate_to_datetime(text)
    except (TypeError, ValueError, OverflowError):
        return None
    seconds = (date.replace(tzinfo=date.tzinfo or UTC) - now).total_seconds()
    return min(max(seconds, 0.0), MAX_RETRY_AFTER)
