"""The folder in which the web processes of one gunicorn keep their numbers for each other.

It must exist and be named in the environment before `prometheus_client` is
first imported, so this does not import it.
"""

import fcntl
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
_PREFIX = "tracker-metrics-"


def prepare() -> None:
    """Make the folder of this process and its children, once, and set `VARIABLE`.

    A reload (HUP) keeps it; a new master (USR2), which inherits the variable of
    the one before, makes its own. The folders of killed processes are removed.
    """
    own = f"{_PREFIX}{os.getpid()}-"
    if not Path(os.environ.get(VARIABLE, "")).name.startswith(own):
        _sweep(Path(tempfile.gettempdir()))
        os.environ[VARIABLE] = tempfile.mkdtemp(prefix=own)


def files(pattern: str) -> Iterator[Path]:
    """Yield those of the files that can be read: for a moment, a new one has no bytes."""
    for path in Path(os.environ[VARIABLE]).glob(pattern):
        with suppress(FileNotFoundError):  # of a process that ended just now
            if path.stat().st_size:
                yield path


@contextmanager
def locked(how: int) -> Iterator[None]:
    """Hold the folder: `fcntl.LOCK_SH` to read its files, `LOCK_EX` to move numbers in it."""
    with open(Path(os.environ[VARIABLE]) / "lock", "a") as file:
        fcntl.flock(file, how)
        yield


def fold(pid: int) -> None:
    """Add what the dead process *pid* has counted to what all dead ones have, and remove its files.

    Else each death would leave two files, which every scrape reads.
    """
    from prometheus_client.mmap_dict import MmapedDict

    with locked(fcntl.LOCK_EX):
        for path in [*files(f"counter_{pid}.db"), *files(f"histogram_{pid}.db")]:
            total = MmapedDict(str(path.with_name(path.name.replace(str(pid), "dead"))))
            for key, value, *_ in MmapedDict.read_all_values_from_file(str(path)):
                total.write_value(key, total.read_value(key)[0] + value, 0.0)
            total.close()
            path.unlink()


def remove() -> None:
    """Remove the folder, at the end."""
    shutil.rmtree(os.environ.pop(VARIABLE), ignore_errors=True)


def _sweep(temporary: Path) -> None:
    """Remove the folders of processes that are gone."""
    for folder in temporary.glob(f"{_PREFIX}*"):
        found = re.match(r"tracker-metrics-([0-9]{1,9})-", folder.name)
        if found and not _is_alive(int(found[1])):
            shutil.rmtree(folder, ignore_errors=True)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # another user's
        pass
    return True
