"""A question that may never be answered, and must not hold up who asks it.

A database can hang: a server that is stopped still acknowledges every packet.
So the question is asked in a thread of its own, and waited for a short time.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Inquiry(Generic[T]):
    """One *question*, asked at most once at a time."""

    def __init__(self, question: Callable[[], T]) -> None:
        self._question = question
        self._answers: list[T] = []
        self._errors: list[BaseException] = []
        self._asking: threading.Thread | None = None

    def answer(self, within: float) -> T:
        """Ask and return the answer; or that to the last time, if it came only now.

        Raises what the question raises, and `TimeoutError` after *within*
        seconds: the question stays asked, and is not asked a second time.
        """
        if self._asking is None:
            self._asking = threading.Thread(target=self._ask, name="inquiry", daemon=True)
            self._asking.start()
        self._asking.join(within)
        if self._asking.is_alive():
            raise TimeoutError(f"no answer within {within} s")
        self._asking = None
        if self._errors:
            raise self._errors.pop()
        return self._answers.pop()

    def _ask(self) -> None:
        try:
            self._answers.append(self._question())
        except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
            self._errors.append(error)
