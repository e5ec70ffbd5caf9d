"""Takes secrets out of texts: the settings' own, and any password in a URL.

A net below the rule that nothing tells a secret: what other libraries put into
their errors is not ours to choose.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import fields
from urllib.parse import unquote, urlsplit

from tracker.config import Settings

HIDDEN = "(hidden)"

SHORTEST = 8
"""Characters: shorter ones may be words of any line. In a URL every password is hidden."""

_IN_URL = re.compile(r"(?P<before>\b[a-z][a-z0-9+.-]*://[^\s:/@'\"]*):[^\s/'\"]+@", re.IGNORECASE)


def hiding(settings: Settings | None) -> Callable[[str], str]:
    """Return what takes the secrets of *settings* out of a text."""
    known = sorted(set(_secrets(settings)) if settings else (), key=len, reverse=True)
    pattern = re.compile("|".join(map(re.escape, known))) if known else None

    def hide(text: str) -> str:
        text = _IN_URL.sub(rf"\g<before>:{HIDDEN}@", text) if "://" in text else text
        return pattern.sub(HIDDEN, text) if pattern else text

    return hide


def _secrets(settings: Settings) -> Iterator[str]:
    """Yield each secret as it is written, and as it is meant where it is part of a URL."""
    for field in fields(settings):
        value = getattr(settings, field.name)
        if not field.metadata["secret"] or value is None:
            continue
        password = _password(value) if "://" in value else value
        for form in {password, unquote(password)}:
            if len(form) >= SHORTEST:
                yield form


def _password(url: str) -> str:
    userinfo = urlsplit(url).netloc.rpartition("@")[0]
    return userinfo.partition(":")[2]
