"""CoinGecko over HTTP: one request for all coins, and what can go wrong on the way.

What an answer means is in `answers`, what a coin in it means in `coins`.
The API key travels in a header only, redirects are not followed (they would
take the key along), and no message ever holds it.

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
"""CoinGecko answers 403 to requests that do not say what they are."""

BASE_URLS = {
    "demo": "https://api.coingecko.com/api/v3",
    "pro": "https://pro-api.coingecko.com/api/v3",
}
"""By plan; without a key the Demo address serves too."""

KEY_HEADERS = {"demo": "x-cg-demo-api-key", "pro": "x-cg-pro-api-key"}

DEMO_CALLS = 10_000
"""What a Demo key may ask for in a month."""

MONTH = 30 * 86400
"""Seconds."""

MAX_BODY = 8 * 1024 * 1024
"""Bytes, unpacked. 250 coins take about 250 kB; more than this is no answer."""

PIECE = 64 * 1024
"""Bytes taken from the connection at once."""

MAX_NAMED = 20
"""Coins that one warning names."""


class _Session(requests.Session):
    """A session that leaves redirects alone.

    Without this it would, even if told not to follow them, read their body
    whole and fail on a Location that is no address.
    """

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """Return None: there is nowhere to go."""
        return None


class CoinGecko:
    """The source that asks CoinGecko's `/coins/markets`."""

    name: Final = "coingecko"

    def __init__(
        self, settings: Settings, *, connect: float = 5, read: float = 5, total: float = 20
    ) -> None:
        """Prepare for *settings*; connects to nothing.

        Times in seconds: *connect* until there is a connection, *read* of
        silence, *total* for a whole answer that keeps trickling in. *total* is
        looked at when something came, so that *read* may come on top of it.
        """
        self._url = settings.coingecko_url or BASE_URLS[settings.api_plan]
        self._most = settings.coins
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
        """Return the coins with the largest market cap, in the order CoinGecko sent them.

        None if nothing has changed since the answer that *etag* names. An
        answer with a *week* has another address, so that the one's name says
        nothing of the other: it takes no *etag* and gives none.

        A coin without a price is left out, with one warning for all of them.
        Raises `SourceError`, also when no coin is left.
        """
        known = None if week else etag
        answer = self._ask(known, week)
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
        found = found[: self._most]
        return Fetched(
            quotes=found,
            etag=None if week else responses.etag(answer.headers.get("ETag")),
            weeks=quotes.weeks(rows, {quote.id for quote in found}) if week else {},
        )

    def _ask(self, etag: str | None, week: bool) -> responses.Answer:
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
            late = isinstance(error, requests.Timeout | urllib3.exceptions.TimeoutError)
            kind = "timeout" if late else "unreachable"
            raise SourceError(self._words(error, _cause(error, before)), kind=kind) from error

    def _body(self, response: requests.Response, deadline: float) -> bytes:
        """Return the body, piece by piece: `response.content` knows no limit of size or time."""
        body = bytearray()
        while piece := response.raw.read1(PIECE, decode_content=True):
            body += piece
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

    def _words(self, error: Exception, cause: OSError | None) -> str:
        """Say what went wrong on the way, and what to look at."""
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
    """Return the operating system's error that led to *error*, None if none did.

    The libraries raise one error from another; the chain goes on into what the
    caller was dealing with *before*.
    """
    while error is not None and error is not before:
        if isinstance(error, OSError) and not isinstance(error, requests.RequestException):
            return error
        error = error.__cause__ or error.__context__
    return None


def _warn_of_quota(settings: Settings) -> None:
    calls = MONTH // settings.interval
    if settings.api_key and settings.api_plan == "demo" and calls > DEMO_CALLS:
        log.warning(
            "TRACKER_INTERVAL=%d makes %d calls a month, and a Demo key has %d:"
            " set it to %d or more, or use a Pro key",
            settings.interval, calls, DEMO_CALLS, -(-MONTH // DEMO_CALLS),
        )  # fmt: skip
