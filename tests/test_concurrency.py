"""Calls that may hang: one at a time, and no result is older than its caller."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.tools import wait_for
from tracker.concurrency import TimedCall, shared

LONG_S = 20.0


class Counter:
    """Returns how often it was called, once it may."""

    def __init__(self) -> None:
        self.calls = 0
        self.may_return = threading.Event()

    def __call__(self) -> int:
        self.calls += 1
        mine = self.calls
        self.may_return.wait()
        return mine


def runs() -> bool:
    return any(thread.name == "timed call" for thread in threading.enumerate())


@pytest.fixture
def counter() -> Iterator[Counter]:
    counter = Counter()
    yield counter
    counter.may_return.set()
    wait_for(lambda: not runs())


def test_a_call_that_hangs_runs_once_and_a_later_caller_gets_its_result(counter: Counter) -> None:
    call = TimedCall(counter)
    for _ in range(2):
        with pytest.raises(TimeoutError, match="no answer within"):
            call.result(0)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(call.result, LONG_S)
        counter.may_return.set()
        assert waiting.result() == 1
    assert counter.calls == 1


def test_a_result_that_came_while_nobody_waited_is_not_given(counter: Counter) -> None:
    call = TimedCall(counter)
    with pytest.raises(TimeoutError):
        call.result(0)
    counter.may_return.set()
    wait_for(lambda: not runs())
    assert [call.result(LONG_S) for _ in range(2)] == [2, 3]


def test_an_error_is_raised_in_the_caller() -> None:
    def fail() -> None:
        raise TimeoutError("of its own")

    with pytest.raises(TimeoutError, match="of its own"):
        TimedCall(fail).result(LONG_S)


def test_concurrent_callers_share_one_call_until_it_is_too_old(counter: Counter) -> None:
    call = shared(counter, ttl_s=0.1)
    with ThreadPoolExecutor(4) as pool:
        results = [pool.submit(call) for _ in range(4)]
        wait_for(lambda: counter.calls)
        counter.may_return.set()
        assert {one.result() for one in results} == {1}
    wait_for(lambda: call() == 2)
