"""Takes secrets out of texts: the settings' own, and any password in a URL.

A net below the rule that nothing tells a secret: what other libraries put into
their errors is not ours to choose.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import fields
from urllib.parse import unquote, unquote_plus

from tracker.config import Settings

HIDDEN = "(hidden)"

SHORTEST = 8
"""Characters: shorter ones may be words of any line. In a URL every password is hidden."""

_IN_URL = re.compile(r"(?P<before>\b[a-z][a-z0-9+.-]*://[^\s:/@'\"]*):[^\s/'\"]+@", re.IGNORECASE)

_NAMES = ("password", "api_key")
"""How the names of secret parts of a query end: libpq, redis-py and CoinGecko have them there."""
_IN_QUERY = re.compile(rf"(?P<before>[?&]\w*(?:{'|'.join(_NAMES)})=)[^&\s'\"]+", re.IGNORECASE)


def hiding(settings: Settings | None) -> Callable[[str], str]:
    """Return what takes the secrets of *settings* out of a text."""
    known = sorted(set(_secrets(settings)) if settings else (), key=len, reverse=True)
    pattern = re.compile("|".join(map(re.escape, known))) if known else None

    def hide(text: str) -> str:
        text = pattern.sub(HIDDEN, text) if pattern else text
        if "://" in text:
            text = _IN_URL.sub(rf"\g<before>:{HIDDEN}@", text)
            text = _IN_QUERY.sub(rf"\g<before>{HIDDEN}", text)
        return text

    return hide


def _secrets(settings: Settings) -> Iterator[str]:
    """Yield each secret as it is written, and as it is meant where it is part of a URL."""
    for field in fields(settings):
        value = getattr(settings, field.name)
        if not field.metadata["secret"] or value is None:
            continue
        # What else may be "://" is part of a password or a key.
        forms = set(_in_url(value)) if field.name.endswith("_url") else {value}
        yield from (form for form in forms if len(form) >= SHORTEST)


def _in_url(url: str) -> Iterator[str]:
    """Yield the passwords and keys in *url*, as written and as meant."""
    address, _, query = url.partition("://")[2].partition("?")
    userinfo = address.partition("/")[0].rpartition("@")[0]
    pairs = [pair.partition("=") for pair in query.split("&")]
    found = [value for name, _, value in pairs if name.lower().endswith(_NAMES)]
    for written in (userinfo.partition(":")[2], *found):
        yield from (written, unquote(written), unquote_plus(written))
