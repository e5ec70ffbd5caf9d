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


class Reply(Generic[T]):
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
        self._reply: Reply[T] = Reply()

    def answer(self, within: float) -> T:
        """Ask, unless the question is still asked, and return the answer.

        Raises what the question raises, and `TimeoutError` after *within*
        seconds: the question stays asked, and is not asked a second time. An
        answer that came while nobody waited is old, and nobody's.
        """
        asking = self._asking
        if asking is None or not asking.is_alive() or self._is_given_up():
            asking = self._begin()
        asking.join(within)
        if asking.is_alive():
            raise TimeoutError(f"no answer within {within} s")
        if self._reply.errors:
            raise self._reply.errors.pop()
        return self._reply.answers.pop()

    def _is_given_up(self) -> bool:
        return time.monotonic() - self._asked_at > GIVEN_UP

    def _begin(self) -> threading.Thread:
        self._reply = reply = Reply[T]()
        self._asked_at = time.monotonic()
        self._asking = threading.Thread(
            target=self._ask, args=(reply,), name="inquiry", daemon=True
        )
        self._asking.start()
        return self._asking

    def _ask(self, reply: Reply[T]) -> None:
        try:
            reply.answers.append(self._question())
        except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
            reply.errors.append(error)
