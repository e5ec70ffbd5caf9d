"""Processes by name, across hosts: who holds something, and whether it still lives."""

import os
import socket


def this_process() -> str:
    """Return the name of this process: its host and id."""
    return f"{socket.gethostname()}:{os.getpid()}"


def may_live(name: str) -> bool:
    """Return whether the process *name* may live: of another host that is not known."""
    host, _, pid = name.rpartition(":")
    if host != socket.gethostname() or not pid.isdecimal():
        return True
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass
    return True
