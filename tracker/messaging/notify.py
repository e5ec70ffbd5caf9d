"""Sends messages to the targets of `TRACKER_NOTIFY`, by Apprise.

Apprise takes 14 MB and a third of a second: it is imported when there is something to send or a
target to check. What it logs may hold a target's secrets, so nothing of that is kept but a
status; a redirect is not followed, since it would take the message and its keys elsewhere.
"""

import logging
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from tracker.config import Target
from tracker.errors import ConfigError, NotifyError
from tracker.text.alerts import MAX_BODY, MAX_TITLE, Event, message

if TYPE_CHECKING:
    from apprise import NotifyBase

_STATUS = re.compile(r"error[ =:]*(\d{3})\b|\b(?:code|status)[ =:]*(\d{3})\b", re.IGNORECASE)


class Notifier:
    """Sends to *targets*; *url* is the base URL of the page, for links.

    Raises `ConfigError` if Apprise does not accept one of them.
    """

    def __init__(self, targets: Iterable[Target], url: str | None = None) -> None:
        self._url = url
        self._services = {target.name: _service(target) for target in targets}

    def send(self, name: str, events: tuple[Event, ...]) -> None:
        """Send one message about *events* to the target *name*. Raises `NotifyError`.

        That may take long: a service has a few seconds for each step.
        """
        from apprise import Apprise, NotifyFormat

        service = self._services[name]
        # Where there are no titles, Apprise puts them into the body.
        title_size = 0 if service.title_maxlen else MAX_TITLE + 2
        text = message(events, self._url, (service.body_maxlen or MAX_BODY) - title_size)
        sender = Apprise(asset=service.asset)
        sender.add(service)
        try:
            result: Any = sender.notify(
                title=text.title, body=text.body, body_format=NotifyFormat.TEXT
            )
        except Exception as error:  # noqa: BLE001 - of any service's code; it may hold a secret
            raise NotifyError(f"Apprise failed with {type(error).__name__}") from None
        if not result:
            raise NotifyError(_why(result))


def _service(target: Target) -> "NotifyBase":
    from apprise import Apprise, AppriseAsset

    quiet = logging.getLogger("apprise")
    quiet.propagate = False
    if not quiet.handlers:
        quiet.addHandler(logging.NullHandler())
    asset = AppriseAsset(
        app_id="Crypto tracker",
        app_desc="Crypto tracker",
        app_url="",
        http_redirects=False,
        async_mode=False,
        secure_logging=True,
        service_timeout=0,  # else it has threads of its own, which the end waits for
    )
    service = Apprise.instantiate(target.url, asset=asset, suppress_exceptions=True)
    if service is None:
        scheme = target.url.partition("://")[0]
        raise ConfigError(
            f"TRACKER_NOTIFY: Apprise does not accept {target.name}={scheme}://(hidden); "
            f"accepted: what https://appriseit.com/services/ says of {scheme}"
        )
    service.redirects = False  # whatever its URL says
    return service


def _why(result: Any) -> str:
    """Return in a few words why there is no success, from what was logged, without any of it."""
    lines = [str(line) for one in result for attempt in one for line in attempt]
    for line in lines:
        if found := _STATUS.search(line):
            return f"it answered with status {found[1] or found[2]}"
    if any("onnection" in line or "ocket" in line for line in lines):
        return "no connection, or no answer in time"
    return "the service refused it"
