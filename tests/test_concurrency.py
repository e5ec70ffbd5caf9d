"""A question that may hang: asked once at a time, and no answer is older than who asks."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from tests.support.tools import wait_for
from tracker.concurrency import Inquiry

LONG = 20.0


class Question:
    """Says how often it was asked, once it is let."""

    def __init__(self) -> None:
        self.asked = 0
        self.let = threading.Event()

    def __call__(self) -> int:
        self.asked += 1
        mine = self.asked
        self.let.wait()
        return mine


@pytest.fixture
def question() -> Iterator[Question]:
    question = Question()
    yield question
    question.let.set()
    wait_for(lambda: not is_asked())


def is_asked() -> bool:
    return any(thread.name == "inquiry" for thread in threading.enumerate())


def test_it_is_asked_once_while_it_hangs_and_who_waits_longer_gets_the_answer(
    question: Question,
) -> None:
    inquiry = Inquiry(question)
    for _ in range(2):
        with pytest.raises(TimeoutError, match="no answer within"):
            inquiry.answer(0.01)
    threading.Timer(0.05, question.let.set).start()
    assert inquiry.answer(LONG) == 1
    assert question.asked == 1


def test_an_answer_that_came_while_nobody_waited_is_not_given(question: Question) -> None:
    inquiry = Inquiry(question)
    with pytest.raises(TimeoutError):
        inquiry.answer(0.01)
    question.let.set()
    wait_for(lambda: not is_asked())
    assert inquiry.answer(LONG) == 2


def test_each_who_asks_gets_an_answer_of_its_own(question: Question) -> None:
    question.let.set()
    inquiry = Inquiry(question)
    assert [inquiry.answer(LONG) for _ in range(3)] == [1, 2, 3]


def test_an_error_is_raised_where_it_is_waited_for() -> None:
    def fail() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        Inquiry(fail).answer(LONG)
