"""All errors that the product raises on purpose, in one tree.

    TrackerError
    ├── ConfigError     a setting is wrong: the process ends with one line
    ├── SourceError     the source gave no prices: readers see why, and it is tried again
    ├── MessageError    a published message cannot be parsed
    ├── NotifyError     a message was not sent: it is tried again
    ├── RateError       an amount cannot be converted: there is no exchange rate
    ├── RuleError       a rule of an alert is not accepted: it says what is
    └── StoreError      the database is not as the store needs it

`tracker.stream` stands on its own and has its own `FrameError`.
Each message says what was wrong, what is accepted, and what to do.
"""


class TrackerError(Exception):
    """Base of all errors below."""


class ConfigError(TrackerError):
    """A setting is missing or has a value that is not accepted."""


class SourceError(TrackerError):
    """A source gave no usable prices; `str()` of it is shown to readers.

    It begins with the source's name, and is a sentence for all of them up to a ` (`, after
    which there is what an operator wants besides: a status, an address, the service's own words.

    `retry_after` is the seconds that the source asked to wait, if it did. `kind`
    is the failure in one word, for the metrics: `unreachable`, `timeout`,
    `rate_limit`, `refused` (4xx), `server` (5xx) or `unusable` (no prices in it).
    """

    def __init__(
        self, message: str, *, retry_after: float | None = None, kind: str = "unusable"
    ) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.kind = kind


class MessageError(TrackerError):
    """A text is not a tick, a health or a message of the feed."""


class NotifyError(TrackerError):
    """A target did not take a message; `str()` of it says why, without any secret."""


class RateError(TrackerError):
    """There is no exchange rate of a currency, or none at all."""


class RuleError(TrackerError):
    """A rule of an alert is not one, or names what there is not.

    *field* is the part that is not accepted, as `market.alerts.Rule` names it, if it is one.
    """

    def __init__(self, text: str, field: str = "") -> None:
        super().__init__(text)
        self.field = field


class StoreError(TrackerError):
    """The database is not as the store needs it."""
