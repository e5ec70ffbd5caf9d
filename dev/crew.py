"""Commands that run side by side and end together.

honcho's `Process`, `Printer` and colours, under a loop of our own: its `Manager`
acts in the signal's handler, where a Ctrl-C before the last child has started
ends in a traceback, and it never ends a child that ignores TERM.

The trap: a child counts as ended when its output is closed, so one that leaves a
process of its own behind would be waited for. The last stage leaves it.

Knows nothing of settings, ports or Redis.
"""

from __future__ import annotations

import datetime as dt
import os
import queue
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Mapping
from pathlib import Path

from honcho.colour import get_colours
from honcho.printer import Message, Printer
from honcho.process import Process

from dev.keeper import Keeper, signal_group

STAGES = ((0, signal.SIGTERM), (10, signal.SIGTERM), (15, signal.SIGKILL), (17, None))
"""Seconds after the end began, and what each child's group gets then.

Time to drain and to finish a job first; at the second TERM RQ's worker drops its
job; `None` leaves what cannot be killed. A further Ctrl-C takes the next at once.
"""

OURS = "system"
"""The name before the launcher's own lines."""


class Crew:
    """Commands by name; what they print comes out with their names before it."""

    def __init__(self, directory: Path, keeper: Keeper) -> None:
        self.asked = False
        """Whether the user asked for the end."""
        self.over = threading.Event()
        """Set when the end has begun."""
        self._directory = directory
        self._keeper = keeper
        # Unlike Queue it is reentrant: a handler may put while the loop gets.
        self._messages: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self._colours = get_colours()
        self._printer = Printer(sys.stdout)
        self._alive: dict[str, int | None] = {}
        self._stages: deque[tuple[float, signal.Signals | None]] = deque()
        self._status: int | None = None

    def ask_to_end(self, number: int, _frame: object = None) -> None:
        """End everything; asked again, more firmly. Made to be a signal's handler."""
        self._put("asked", signal.Signals(number).name)

    def tell(self, text: str) -> None:
        """Print *text* among the output, unless the end has begun; from any thread."""
        self._put("told", text)

    def run(self, commands: Mapping[str, str], env: Mapping[str, str]) -> int:
        """Run *commands* until all have ended; return the exit status.

        That is 0 if the user asked for the end, else that of the first to end:
        128 + the signal's number if it was a signal's.
        """
        self._status = None
        self._alive = dict.fromkeys(commands)
        self._printer.width = max(map(len, [OURS, *commands]))
        for name, command in commands.items():
            self._start(name, command, env)
        while self._alive:
            self._take_due_stages()
            try:
                self._handle(self._messages.get(timeout=self._patience()))
            except queue.Empty:
                continue
        return 0 if self.asked else self._status or 0

    def _start(self, name: str, command: str, env: Mapping[str, str]) -> None:
        process = Process(
            command, name=name, colour=next(self._colours), env=env, cwd=self._directory
        )
        threading.Thread(target=process.run, args=(self._messages,), daemon=True).start()

    def _handle(self, message: Message) -> None:
        match message.type:
            case "line":
                self._print(message)
            case "told" if not self.over.is_set():
                self._print(message._replace(type="line", name=None))
            case "start":
                self._started(message.name, message.data["pid"])
            case "stop":
                self._stopped(message.name, message.data["returncode"])
            case "asked":
                self._asked(message.data)

    def _started(self, name: str, pid: int) -> None:
        self._keeper.group(pid)
        self._alive[name] = pid
        if self.over.is_set():
            signal_group(pid, signal.SIGTERM)

    def _stopped(self, name: str, returncode: int) -> None:
        self._alive.pop(name, None)
        if self._status is None:
            self._status = returncode if returncode >= 0 else 128 - returncode
        if self.over.is_set() or not (returncode or self._alive):
            return
        how = f"with status {returncode}" if returncode >= 0 else _by_signal(returncode)
        self._say(f"{name} ended {how}: so everything ends")
        self._begin_to_end()

    def _asked(self, how: str) -> None:
        if self.over.is_set():
            self._say(f"{how} again: not waiting for {', '.join(self._alive)}")
            if self._stages:
                self._take_stage()
            return
        self.asked = True
        self._say(f"{how}: ending {', '.join(self._alive)}")
        self._begin_to_end()

    def _begin_to_end(self) -> None:
        self.over.set()
        now = time.monotonic()
        self._stages = deque((now + after, number) for after, number in STAGES)
        self._take_due_stages()

    def _patience(self) -> float | None:
        return max(0.0, self._stages[0][0] - time.monotonic()) if self._stages else None

    def _take_due_stages(self) -> None:
        while self._patience() == 0.0:
            self._take_stage()

    def _take_stage(self) -> None:
        _, number = self._stages.popleft()
        if number is None:
            self._alive.clear()
        for name, pid in self._alive.items():
            if number is signal.SIGKILL:
                self._say(f"{name} does not end: killing it")
            if pid is not None and number is not None:
                signal_group(pid, number)

    def _say(self, text: str) -> None:
        self._print(_message("line", text))

    def _put(self, kind: str, data: str) -> None:
        self._messages.put(_message(kind, data))

    def _print(self, message: Message) -> None:
        try:
            self._print_or_fail(message)
        except OSError:  # the terminal or the pipe's reader is gone
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            self.ask_to_end(signal.SIGPIPE)

    def _print_or_fail(self, message: Message) -> None:
        if message.name is None:
            sys.stdout.write(f"{message.data}\n")
            sys.stdout.flush()
        else:
            self._printer.write(message)


def _message(kind: str, data: str) -> Message:
    now = dt.datetime.now().astimezone()
    return Message(type=kind, data=data, time=now, name=OURS, colour=None)


def _by_signal(returncode: int) -> str:
    return f"by {signal.Signals(-returncode).name}"
