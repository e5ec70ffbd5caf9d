"""A response of CoinGecko: the list of coins or the rates in it, or the error in words.

Errors come in many shapes, some with HTTP 200, so the body is parsed whatever
the status:

    {"status": {"error_code": 429, "error_message": "…"}}
    {"timestamp": "…", "error_code": 10011, "status": {"error_message": "…"}}
    {"error": {"status": {"error_code": 10002, "error_message": "…"}}}
    {"error": "…"}      {"status": 500, "error": "…"}      plain text      HTML

Nothing here does I/O or knows what a quote is.
See https://docs.coingecko.com/docs/errors-and-rate-limits
"""

import re
from datetime import UTC, datetime
from typing import Any

from tracker.errors import SourceError
from worker.sources.http import Answer, address, clean, loads, retry_after

MAX_ROWS = 1000  # coins; no request asks for more than 250
MAX_DEPTH = 3  # nested objects searched for an error; CoinGecko sends up to two
RATE_LIMITS = {429, 1015}  # 1015 is Cloudflare's own code; it stands in front of CoinGecko

MEANINGS = {
    304: "it says that nothing has changed, but was not asked that",
    400: "the request was not accepted",
    401: "the API key is missing or wrong; check COINGECKO_API_KEY and COINGECKO_API_PLAN",
    403: "access denied",
    404: "nothing is served at this address; check COINGECKO_URL",
    408: "the request took too long",
    422: "the request was not accepted",
    503: "out of service; see https://status.coingecko.com",
    1020: "access denied by its firewall",
    10002: "the API key is missing or wrong; check COINGECKO_API_KEY and COINGECKO_API_PLAN",
    10005: "the API key's plan does not include this request",
    10010: "a Pro key is not served here; set COINGECKO_API_PLAN=pro and unset COINGECKO_URL",
    10011: "a Demo key is not served here; set COINGECKO_API_PLAN=demo and unset COINGECKO_URL",
}
"""By HTTP status and by CoinGecko's and Cloudflare's codes."""


def rows(answer: Answer) -> list[Any]:
    """Return the list in *answer*, numbers as `Decimal` or `int` with all their digits.

    Of a list longer than any that is asked for, the rest is left out. Raises `SourceError` if
    there is no list, with `retry_after` after a rate limit.
    """
    parsed, text = _parsed(answer)
    if isinstance(parsed, list) and answer.status == 200:
        return parsed[:MAX_ROWS]
    raise _refused(answer, parsed, text, "an answer without a list of coins")


def rates(answer: Answer) -> dict[str, Any]:
    """Return what a bitcoin is worth in each currency, by its code; unchecked, as sent.

    Raises `SourceError` as `rows` does.
    """
    parsed, text = _parsed(answer)
    match parsed:
        case {"rates": dict(found)} if found and answer.status == 200:
            return {code: one.get("value") for code, one in found.items() if isinstance(one, dict)}
    raise _refused(answer, parsed, text, "an answer without exchange rates")


def _parsed(answer: Answer) -> tuple[Any, str]:
    """Return the JSON in *answer*, and its text. Raises `SourceError` if it is no JSON."""
    if not answer.body.strip():
        raise _error(answer, "an empty answer")
    try:
        text = answer.body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise _error(answer, "the answer is not UTF-8 text") from None
    try:
        return loads(text), text
    except (ValueError, RecursionError):
        raise _not_json(answer, text) from None


def _refused(answer: Answer, parsed: Any, text: str, otherwise: str) -> SourceError:
    """Return the error in *answer*; *otherwise* says what it lacks if it names none."""
    code, message = _code_and_message(parsed)
    if code is None and not message:
        message = text
    return _error(answer, otherwise, message, code)


def _code_and_message(parsed: Any, depth: int = 0) -> tuple[int | None, str]:
    """Return the code and the message of an error body of any shape."""
    if isinstance(parsed, str):
        return None, parsed
    if not isinstance(parsed, dict) or depth == MAX_DEPTH:
        return None, ""
    inner = (parsed[key] for key in ("status", "error") if isinstance(parsed.get(key), dict))
    code, message = _code_and_message(next(inner, None), depth + 1)
    code = _code(parsed.get("error_code")) or _code(parsed.get("status")) or code
    for key in ("error_message", "error", "message"):
        message = message or (parsed[key] if isinstance(parsed.get(key), str) else "")
    return code, message


def _code(value: object) -> int | None:
    if type(value) is int:
        return value
    return int(value) if isinstance(value, str) and re.fullmatch(r"[0-9]{3,6}", value) else None


def _not_json(answer: Answer, text: str) -> SourceError:
    if text.lstrip().startswith("<"):
        title = re.search(r"<title[^>]*>(.*?)</title>", text[:4000], re.IGNORECASE | re.DOTALL)
        return _error(answer, "a web page instead of prices", title[1] if title else "")
    cloudflare = re.fullmatch(r"error code: ([0-9]{3,4})", text.strip())
    what = f"the answer is not JSON, or was cut short after {len(answer.body)} bytes"
    return _error(answer, what, text, int(cloudflare[1]) if cloudflare else None)


def _error(
    answer: Answer, otherwise: str, message: str = "", code: int | None = None
) -> SourceError:
    """Return the error to raise; *otherwise* describes the body if its code means nothing."""
    code = code or answer.status
    where = f"HTTP {answer.status}" + (f", error {code}" if code != answer.status else "")
    if code in RATE_LIMITS:
        wait = retry_after(answer.headers.get("Retry-After"), datetime.now(UTC))
        asks = f"; wait {wait:.0f} s" if wait else ""
        return SourceError(
            f"CoinGecko asks us to slow down ({where}{asks})", retry_after=wait, kind="rate_limit"
        )
    if 300 <= code < 400 and code not in MEANINGS:
        message, to = "", address(answer.headers.get("Location", ""))
        meaning = f"it redirects to {to or 'nowhere'}; check COINGECKO_URL"
    elif "vs_currency" in message:
        meaning = "it does not know the currency; check TRACKER_CURRENCY"
    elif 500 <= code < 600:
        meaning = MEANINGS.get(code, "a failure on its side")
    else:
        meaning = MEANINGS.get(code, otherwise if code < 300 else "the request was refused")
    kind = {4: "refused", 5: "server"}.get(code // 100, "unusable")
    quoted = f': "{text}"' if (text := clean(message)) else ""
    return SourceError(f"CoinGecko: {meaning} ({where}){quoted}", kind=kind)
