"""Who is answered in text: clients that want no HTML.

`Accept` decides where it names `text/html` or `text/plain`. curl and its like accept anything, and
are known by their names. Browsers and crawlers ask for HTML, or have other names.
"""

import re
from typing import TypeVar

from flask import request
from werkzeug.wrappers import Response

R = TypeVar("R", bound=Response)

TEXT, HTML = "text/plain", "text/html"

_IN_TERMINALS = re.compile(
    r"(curl|wget2?|httpie|xh|fetch libfetch|openbsd ftp|lwp-request|nushell|httpx|aiohttp"
    r"|python-requests|python-httpx|python-urllib|python|go-http-client|node|undici|deno|bun"
    r"|axios|ruby|java|java-http-client|okhttp|reqwest)(?:[/ ]|$)|.*powershell/",
    re.IGNORECASE,
)
"""Names of programs, and of libraries that fetch for programs, at the start of a `User-Agent`.

PowerShell's begins as a browser's.
"""
_IN_COLOR = re.compile(r"(curl|httpie|xh)/", re.IGNORECASE)
"""Those whose output is looked at, most of the time. Wget writes a file."""


def wants_text() -> bool:
    """Return whether the current request is to be answered in text rather than HTML."""
    named = {kind.lower(): quality for kind, quality in request.accept_mimetypes if quality > 0}
    if TEXT in named or HTML in named:
        return named.get(TEXT, 0) > named.get(HTML, 0)
    agent = request.headers.get("User-Agent", "").strip()
    if not agent:  # browsers and crawlers give their name
        return True
    return _IN_TERMINALS.match(agent) is not None


def wants_color() -> bool:
    """Return whether the client is one that shows what it gets in a terminal.

    No client says whether its output is one.
    """
    return _IN_COLOR.match(request.headers.get("User-Agent", "")) is not None


def varied(response: R) -> R:
    """Return *response*, of an address that has both forms, with what decides between them."""
    response.vary.update(("Accept", "User-Agent"))
    return response
