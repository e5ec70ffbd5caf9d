"""A question that may never be answered, and must not hold up who asks it.

A database can hang: a server that is stopped still acknowledges every packet.
So the question is asked in a thread of its own, and waited for a short time.
One that stays without an answer for long is given up, since the connection it
was asked on may be dead, and the next one need not be.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

GIVEN_UP = 60.0
"""Seconds after which a question is asked anew, whatever became of it."""

T = TypeVar("T")


class Outcome(Generic[T]):
    """The answer, or the error, in the list of its own; both are empty while it is waited for."""

    def __init__(self) -> None:
        self.answers: list[T] = []
        self.errors: list[BaseException] = []


class Inquiry(Generic[T]):
    """One *question*, asked at most once at a time."""

    def __init__(self, question: Callable[[], T]) -> None:
        self._question = question
        self._asking: threading.Thread | None = None
        self._asked_at = 0.0
        self._outcome: Outcome[T] = Outcome()

    def answer(self, within: float) -> T:
        """Ask and return the answer; or that to the last time, if it came only now.

        Raises what the question raises, and `TimeoutError` after *within*
        seconds: the question stays asked, and is not asked a second time.
        """
        if self._asking is None or time.monotonic() - self._asked_at > GIVEN_UP:
            self._begin()
        assert self._asking is not None
        self._asking.join(within)
        if self._asking.is_alive():
            raise TimeoutError(f"no answer within {within} s")
        self._asking = None
        if self._outcome.errors:
            raise self._outcome.errors.pop()
        return self._outcome.answers.pop()

    def _begin(self) -> None:
        self._outcome = outcome = Outcome[T]()
        self._asked_at = time.monotonic()
        self._asking = threading.Thread(
            target=self._ask, args=(outcome,), name="inquiry", daemon=True
        )
        self._asking.start()

    def _ask(self, outcome: Outcome[T]) -> None:
        try:
            outcome.answers.append(self._question())
        except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
            outcome.errors.append(error)
