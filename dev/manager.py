"""honcho's manager, with what a launcher of long-running processes needs on top.

Each command runs in a shell that leads a group of its own, under a fork of the launcher that
reads its output. honcho's `Manager` starts, prefixes and ends them; this adds:

- time to drain: honcho kills after 5 s, gunicorn alone drains for 10;
- signals that only leave a note: honcho's handler prints, which fails while children start;
- an end also when nothing reads the output any more, or when the launcher is killed.
"""

import ctypes
import gc
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Self

from honcho import manager, process
from honcho.printer import Message, Printer

GRACE_S = 10  # between the first TERM and the second
SECOND_GRACE_S = 5.0  # between the second TERM, at which RQ's worker drops its job, and KILL
IDLE_S = 0.5  # longest time until a signal's note is read
ORPHANS_GRACE_S = 5  # between TERM and KILL after the launcher was killed

manager.KILL_WAIT = GRACE_S
LIBC = ctypes.CDLL(None)
PR_SET_PDEATHSIG = 1


def signal_at_parents_death(number: int = signal.SIGTERM) -> None:
    """Let this process get signal *number* when the thread that started it ends.

    Linux only: on macOS a launcher that is killed with -9 leaves its children running.
    """
    if sys.platform == "linux":
        LIBC.prctl(PR_SET_PDEATHSIG, number)


class Process(process.Process):  # type: ignore[misc]
    """One command and the reader of its output, which ends the command if the launcher dies."""

    def run(self, events: object = None, ignore_signals: bool = False) -> None:
        """Run the command in a fork of the launcher until its output is closed."""
        # A closed terminal is the launcher's affair. No SIG_IGN: the command would inherit it.
        signal.signal(signal.SIGHUP, lambda *_: None)
        signal.signal(signal.SIGUSR1, self._end_orphan)
        signal.signal(signal.SIGALRM, self._end_orphan)
        signal_at_parents_death(signal.SIGUSR1)
        super().run(events, ignore_signals)
        if self.quiet:
            os._exit(0)  # else multiprocessing waits until someone has read all events

    def _end_orphan(self, number: int, _frame: object) -> None:
        self.quiet = True
        if self._child is None:
            os._exit(0)
        with suppress(ProcessLookupError):
            is_first = number == signal.SIGUSR1
            os.killpg(self._child.pid, signal.SIGTERM if is_first else signal.SIGKILL)
        signal.alarm(ORPHANS_GRACE_S)


class Manager(manager.Manager):  # type: ignore[misc]
    """Runs commands until one ends or a signal asks for it: Ctrl-C, TERM or a closed terminal.

    Asked again, it sends the second TERM at once, and asked a third time KILL. *once_started* is
    called in a thread of its own.
    """

    returncode: int | None

    def __init__(self, once_started: Callable[[Self], None] | None = None) -> None:
        super().__init__(_Printer(sys.stdout))
        self._process_ctor = Process
        self._once_started = once_started
        self.times_asked = 0
        self._second_term_at: float | None = None
        self.events.get = partial(self._next_event, self.events.get)
        self._take_signals()

    def run(self, commands: Mapping[str, str], env: Mapping[str, str], cwd: Path) -> int:
        """Run *commands* until all have ended; return the exit status as a shell gives it."""
        for name, command in commands.items():
            self.add_process(name, command, env=env, cwd=cwd)
        if commands:
            self.loop()
        status = self.returncode or 0
        return status if status >= 0 else 128 - status

    def say(self, line: str) -> None:
        """Print *line* among the output; from any thread, once the commands run."""
        name = manager.SYSTEM_PRINTER_NAME
        self.events.put(Message("line", line, self._clock.now(), name, None))

    def kill(self) -> None:
        """Send the second TERM, later KILL; honcho calls this all the time after `GRACE_S`."""
        now = time.monotonic()
        if self._second_term_at is None:
            self._second_term_at = now
            self._killall()
        elif now - self._second_term_at > SECOND_GRACE_S:
            self._second_term_at = float("inf")
            self._killall(force=True)

    def _next_event(self, get: Callable[..., Message], timeout: float) -> Message:
        """Return the next event. honcho looks around ten times a second, which costs CPU."""
        return get(timeout=timeout if self.returncode is not None else IDLE_S)

    def _take_signals(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) is not signal.SIG_IGN:  # nohup
                signal.signal(number, self._note)

    def _note(self, *_: object) -> None:
        self.times_asked += 1
        if self.returncode is None:
            self.returncode = 0
        if self.times_asked > 1:
            send = self._procmgr.terminate if self.times_asked == 2 else self._procmgr.kill
            for one in self._processes.values():
                if "pid" in one and "returncode" not in one:
                    send(one["pid"])

    def _start(self) -> None:
        self._take_signals()  # back from honcho's loop
        gc.freeze()  # what the forks have from here stays shared: no collection touches it
        super()._start()
        if self._once_started:  # not before: a fork while threads run may deadlock
            threading.Thread(target=self._once_started, args=(self,), daemon=True).start()

    def _any_stopped(self) -> bool:
        if self._printer.has_failed and not self.times_asked:
            self._note()
        return self.returncode is not None


class _Printer(Printer):  # type: ignore[misc]
    has_failed = False

    def write(self, message: Message) -> None:
        try:
            super().write(message)
        except OSError:  # the terminal or the pipe's reader is gone
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            self.has_failed = True
