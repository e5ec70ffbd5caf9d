"""CoinGecko over HTTP: one request for all coins, and the network's failures in words.

What a response means is in `responses`, what a coin in it means in `quotes`.
The API key is sent in a header only, redirects are not followed (they would
take the key along), and no message contains it.

See https://docs.coingecko.com/reference/coins-markets
"""

from __future__ import annotations

import logging
import ssl
import sys
from socket import gaierror
from time import monotonic
from typing import Final

import requests
import urllib3

from tracker import __version__
from tracker.config import Settings
from tracker.errors import SourceError
from worker.sources.base import Fetched
from worker.sources.coingecko import quotes, responses

log = logging.getLogger(__name__)

USER_AGENT = f"live-crypto-tracker/{__version__} (python-requests)"
"""CoinGecko answers 403 to requests without a User-Agent of their own."""

BASE_URLS = {
    "demo": "https://api.coingecko.com/api/v3",
    "pro": "https://pro-api.coingecko.com/api/v3",
}
"""By plan; the Demo address also serves requests without a key."""

KEY_HEADERS = {"demo": "x-cg-demo-api-key", "pro": "x-cg-pro-api-key"}

DEMO_CALLS_A_MONTH = 10_000
MONTH_S = 30 * 86400

MAX_BODY = 8 * 1024 * 1024
"""Bytes, decompressed; 250 coins take about 250 kB."""

CHUNK = 64 * 1024
"""Bytes read at once."""

MAX_NAMED = 20
"""Coins that one warning lists."""


class _Session(requests.Session):
    """A session that ignores redirects.

    `allow_redirects=False` is not enough: requests would still read the whole
    body of a redirect, and fail on a Location that is not an address.
    """

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        return None


class CoinGecko:
    """The source that requests CoinGecko's `/coins/markets`."""

    name: Final = "coingecko"

    def __init__(
        self, settings: Settings, *, connect: float = 5, read: float = 5, total: float = 20
    ) -> None:
        """Prepare the request for *settings*; connects to nothing.

        Timeouts in seconds: *connect* for the connection, *read* for each wait
        for data, *total* for a whole answer. *total* is checked when data
        arrives, so an answer takes at most *total* + *read*.
        """
        self._url = settings.coingecko_url or BASE_URLS[settings.api_plan]
        self._max_coins = settings.coins
        self._connect, self._read, self._total = connect, read, total
        self._query = {
            "vs_currency": settings.currency,
            "order": "market_cap_desc",
            "per_page": str(settings.coins),
            "page": "1",
            "price_change_percentage": "1h,24h,7d",
        }
        self._secret = settings.api_key or ""
        self._session = _Session()
        self._session.headers["User-Agent"] = USER_AGENT
        if settings.api_key:
            self._session.headers[KEY_HEADERS[settings.api_plan]] = settings.api_key
        _warn_of_quota(settings)

    def fetch(self, *, etag: str | None = None, week: bool = False) -> Fetched | None:
        """Return the coins with the largest market cap, in CoinGecko's order.

        None if nothing has changed since the answer *etag*. An answer with a
        *week* has another URL, so it neither takes an *etag* nor gives one.
        Coins without a price are left out, with one warning for all of them.
        Raises `SourceError`, also if no coin is left.
        """
        known = None if week else etag
        answer = self._request(known, week)
        if answer.status == 304 and known:
            return None
        rows = responses.rows(answer)
        found, left_out = quotes.quotes(rows)
        if not found:
            why = responses.clean(", ".join(left_out)) or "the list is empty"
            raise SourceError(f"CoinGecko: not one coin with a price: {why}")
        if left_out:
            named = ", ".join(map(responses.clean, left_out[:MAX_NAMED]))
            more = f" and {len(left_out) - MAX_NAMED} more" if len(left_out) > MAX_NAMED else ""
            log.warning("CoinGecko: left out: %s%s", named, more)
        found = found[: self._max_coins]
        return Fetched(
            quotes=found,
            etag=None if week else responses.etag(answer.headers.get("ETag")),
            weeks=quotes.weeks(rows, {quote.id for quote in found}) if week else {},
        )

    def _request(self, etag: str | None, week: bool) -> responses.Answer:
        deadline = monotonic() + self._total
        before = sys.exception()
        try:
            with self._session.get(
                f"{self._url}/coins/markets",
                params=self._query | {"sparkline": "true" if week else "false"},
                headers={"If-None-Match": etag} if etag else None,
                timeout=(self._connect, self._read),
                stream=True,
                allow_redirects=False,
            ) as response:
                body = self._body(response, deadline)
                return responses.Answer(response.status_code, response.headers, body, self._secret)
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            timed_out = isinstance(error, requests.Timeout | urllib3.exceptions.TimeoutError)
            kind = "timeout" if timed_out else "unreachable"
            raise SourceError(self._describe(error, _cause(error, before)), kind=kind) from error

    def _body(self, response: requests.Response, deadline: float) -> bytes:
        """Read the body in chunks: `response.content` has no limit of size or time."""
        body = bytearray()
        while chunk := response.raw.read1(CHUNK, decode_content=True):
            body += chunk
            if len(body) > MAX_BODY:
                raise SourceError(
                    f"CoinGecko: the answer is larger than {MAX_BODY // 2**20} MiB; it was not read"
                )
            if monotonic() > deadline:
                raise SourceError(
                    f"CoinGecko: the answer was not whole after {self._total:g} s"
                    f" ({len(body)} bytes came)",
                    kind="timeout",
                )
        return bytes(body)

    def _describe(self, error: Exception, cause: OSError | None) -> str:
        """Return what failed in the network, and what to check."""
        match error, cause:
            case ((requests.exceptions.InvalidURL() | urllib3.exceptions.LocationValueError()), _):
                reason = "not an address; check COINGECKO_URL"
            case requests.exceptions.ProxyError(), _:
                reason = "the proxy does not connect; check HTTPS_PROXY"
            case requests.ConnectTimeout(), _:
                reason = f"no connection within {self._connect:g} s"
            case ((requests.ReadTimeout() | urllib3.exceptions.ReadTimeoutError()), _):
                return f"CoinGecko: no answer, or no more of it, for {self._read:g} s"
            case urllib3.exceptions.DecodeError(), _:
                return "CoinGecko: the answer's compression is broken"
            case _, ConnectionResetError() | BrokenPipeError():
                return "CoinGecko: the connection was reset before the answer was whole"
            case _, gaierror():
                reason = "its name is not known; check the network and COINGECKO_URL"
            case _, ssl.SSLCertVerificationError():
                reason = f"TLS failed: {cause.verify_message}"
            case _, ssl.SSLError():
                reason = f"TLS failed: {(cause.reason or 'unknown').replace('_', ' ').lower()}"
            case _, OSError():
                reason = (cause.strerror or type(cause).__name__).lower()
            case urllib3.exceptions.HTTPError(), _:
                return "CoinGecko: the answer was cut short"
            case _:
                reason = "what answers there does not speak HTTP; check COINGECKO_URL"
        return f"CoinGecko cannot be reached at {responses.address(self._url)}: {reason}"


def _cause(error: BaseException | None, before: BaseException | None) -> OSError | None:
    """Return the operating system's error that led to *error*, if there was one.

    The libraries raise one error from another. The chain ends at *before*, an
    exception that the caller was already handling.
    """
    while error is not None and error is not before:
        if isinstance(error, OSError) and not isinstance(error, requests.RequestException):
            return error
        error = error.__cause__ or error.__context__
    return None


def _warn_of_quota(settings: Settings) -> None:
    calls = MONTH_S // settings.interval
    if settings.api_key and settings.api_plan == "demo" and calls > DEMO_CALLS_A_MONTH:
        log.warning(
            "TRACKER_INTERVAL=%d makes %d calls a month, and a Demo key has %d:"
            " set it to %d or more, or use a Pro key",
            settings.interval, calls, DEMO_CALLS_A_MONTH, -(-MONTH_S // DEMO_CALLS_A_MONTH),
        )  # fmt: skip
