"""Removes secrets from texts: the settings' own, and any password in a URL.

The code logs no secrets; this catches those that other libraries put into
their errors.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import fields
from urllib.parse import unquote, unquote_plus

from tracker.config import Settings

HIDDEN = "(hidden)"

MIN_LENGTH = 8
"""Characters: a shorter secret may be a word of any line. In a URL every password is hidden."""

_PASSWORD_IN_URL = re.compile(
    r"(?P<before>\b[a-z][a-z0-9+.-]*://[^\s:/@'\"]*):[^\s/'\"]+@", re.IGNORECASE
)
_SECRET_NAMES = ("password", "api_key")
"""How the names of secrets in a query end: libpq, redis-py and CoinGecko accept them there."""
_SECRET_IN_QUERY = re.compile(
    rf"(?P<before>[?&]\w*(?:{'|'.join(_SECRET_NAMES)})=)[^&\s'\"]+", re.IGNORECASE
)

_HOST = re.compile(
    r"localhost|(\d+\.){3}\d+|([a-z0-9-]+\.)+([a-z]{2,24}|xn--[a-z0-9-]+)", re.IGNORECASE
)
"""A host's address or name. Tokens have dots as well, but hardly one ends like a domain."""


def redactor(settings: Settings) -> Callable[[str], str]:
    """Return a function that hides the secrets of *settings* in a text."""
    known = sorted(set(_secrets(settings)), key=len, reverse=True)
    pattern = re.compile("|".join(map(re.escape, known)) or "(?!)")  # else it matches nothing

    def redact(text: str) -> str:
        text = pattern.sub(HIDDEN, text)
        if "://" in text:
            text = _PASSWORD_IN_URL.sub(rf"\g<before>:{HIDDEN}@", text)
            text = _SECRET_IN_QUERY.sub(rf"\g<before>{HIDDEN}", text)
        return text

    return redact


def _secrets(settings: Settings) -> Iterator[str]:
    for field in fields(settings):
        value = getattr(settings, field.name)
        if not field.metadata["secret"] or value is None:
            continue
        if field.name == "notify":
            yield from _parts_of_targets(settings)
            continue
        # Only in a setting that is a URL does "://" mean one: a key may contain it.
        forms = set(_secrets_in_url(value)) if field.name.endswith("_url") else {value}
        yield from (form for form in forms if len(form) >= MIN_LENGTH)


def _parts_of_targets(settings: Settings) -> Iterator[str]:
    """Yield all that Apprise URLs consist of: in each service something else is the secret.

    A host's name or address is none: it may be in any line.
    """
    for target in settings.targets:
        rest = target.url.partition("://")[2]
        for part in (target.url, rest, *re.split(r"[/?&=@:,]", rest)):
            if not _HOST.fullmatch(part):
                yield from (one for one in (part, unquote(part)) if len(one) >= MIN_LENGTH)


def _secrets_in_url(url: str) -> Iterator[str]:
    """Yield the passwords and keys in *url*, percent-encoded as written and decoded."""
    address, _, query = url.partition("://")[2].partition("?")
    userinfo = address.partition("/")[0].rpartition("@")[0]
    pairs = [pair.partition("=") for pair in query.split("&")]
    found = [value for name, _, value in pairs if name.lower().endswith(_SECRET_NAMES)]
    for written in (userinfo.partition(":")[2], *found):
        yield from (written, unquote(written), unquote_plus(written))
