"""Every error that the product raises on purpose, one tree.

    TrackerError
    ├── ConfigError     a setting is wrong: the start stops with one line
    ├── SourceError     the source did not give prices: told to readers, tried again
    ├── MessageError    a published text is not what it should be
    └── StoreError      the database is not as it must be

`tracker.stream` stands on its own and has its own `FrameError`.
Each message says what was wrong, what is accepted, and what to do.
"""


class TrackerError(Exception):
    """Base of all errors below."""


class ConfigError(TrackerError):
    """A setting is missing or has a value that is not accepted."""


class SourceError(TrackerError):
    """A source gave no usable prices; `str()` of it is shown to readers.

    `retry_after` is how many seconds the source asked to be left alone for,
    None when it did not say. `kind` is the failure in one word, to be counted:
    `unreachable`, `timeout`, `rate_limit`, `refused` (4xx), `server` (5xx) or
    `unusable`, what came makes no prices.
    """

    def __init__(
        self, message: str, *, retry_after: float | None = None, kind: str = "unusable"
    ) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.kind = kind


class MessageError(TrackerError):
    """A text that should hold a tick, a health or a message of the feed does not."""


class StoreError(TrackerError):
    """The database is not as the store needs it."""
