"""Requests in threads of their own, which hold up neither a tick nor the end of the process."""

from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread
from typing import ParamSpec, TypeVar

from tracker.errors import SourceError

P = ParamSpec("P")
T = TypeVar("T")


def in_thread(function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
    """Call *function* in a new thread; return the future of what it returns or raises.

    A pool would wait for its threads when the process ends, also for those that hang.
    """
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(function(*args, **kwargs))
        except BaseException as error:  # noqa: BLE001 - raised by the future
            future.set_exception(error)

    Thread(target=run, name="request", daemon=True).start()
    return future


def in_line(function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
    """Call *function* at once; return the future of what it returned, which is there.

    A signal can interrupt it: only a `SourceError` is in the future, all else is raised.
    """
    future: Future[T] = Future()
    try:
        future.set_result(function(*args, **kwargs))
    except SourceError as error:
        future.set_exception(error)
    return future
