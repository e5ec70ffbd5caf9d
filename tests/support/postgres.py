"""A PostgreSQL of one's own: a new cluster, reached by a socket file, gone after use.

The trap: PostgreSQL refuses to run as root, so for root it runs as `postgres`
or `nobody`, in a directory that is theirs. It is told not to care for the disk.
"""

import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import psycopg
from psycopg import sql

from tests.support.tools import wait_for

USER = "postgres"
CARELESS = {"fsync": "off", "full_page_writes": "off"}
"""A power cut may cost everything."""
HURRIED = {"synchronous_commit": "off"}
"""A crash may cost what was committed last."""


def programs() -> Path | None:
    """Return the folder with the newest `initdb` and `postgres`, if there are any."""
    if on_path := shutil.which("initdb"):
        return Path(on_path).parent
    debian = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    newest = max(debian, key=lambda initdb: int(initdb.parts[-3]), default=None)
    return newest and newest.parent


class EmbeddedPostgres:
    """One cluster, for a `with` block, with as many databases as are asked for.

    With *port* it is reached over loopback as well, with any password. If it
    *survives*, a crash costs nothing that was committed.
    """

    def __init__(self, bin: Path, port: int | None = None, *, survives: bool = False) -> None:
        self._bin = bin
        self.port = port
        self._options = CARELESS | ({} if survives else HURRIED) | {"listen_addresses": ""}
        if port:
            self._options |= {"listen_addresses": "127.0.0.1", "port": str(port)}
        self._names = (f"test_{number}" for number in itertools.count(1))

    def __enter__(self) -> Self:
        self._directory = tempfile.mkdtemp(prefix="tracker-pg-")
        self._as: dict[str, Any] = {"cwd": self._directory, "stdin": subprocess.DEVNULL}
        if os.geteuid() == 0:
            account = _account()
            os.chown(self._directory, account.pw_uid, account.pw_gid)
            self._as |= {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
        self._data = ["-D", f"{self._directory}/data"]
        how = ["-U", USER, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]
        subprocess.run(
            [self._bin / "initdb", *self._data, *how], check=True, capture_output=True, **self._as
        )
        self._start()
        return self

    def restart(self, *, after: float = 0) -> None:
        """End it without a goodbye to its clients, and start it again *after* so many seconds."""
        self._process.send_signal(signal.SIGQUIT)
        self._process.wait(30)
        time.sleep(after)
        self._start()

    def _start(self) -> None:
        options = self._options | {"unix_socket_directories": self._directory}
        given = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        with open(f"{self._directory}/log", "ab") as log:
            self._process = subprocess.Popen(
                [self._bin / "postgres", *self._data, *given], stdout=log, stderr=log, **self._as
            )
        try:
            wait_for(self._answers, 60, "PostgreSQL answers")
        except BaseException:  # Ctrl-C among them: no __exit__ follows
            self.__exit__()
            raise

    def __exit__(self, *_: object) -> None:
        self._process.send_signal(signal.SIGINT)
        self._process.wait(30)
        shutil.rmtree(self._directory, ignore_errors=True)

    def url(self, name: str) -> str:
        """Return the URL of the database *name*, as a user would give it."""
        if self.port:
            return f"postgresql://{USER}:secret@127.0.0.1:{self.port}/{name}"
        return f"postgresql://{USER}@/{name}?host={self._directory}"

    def create(self, *, template: str | None = None) -> str:
        """Make a database, a copy of *template* if given; return its name."""
        name = next(self._names)
        names = sql.Identifier(name), sql.Identifier(template or "template0")
        with self._connect(USER) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(*names))
        return name

    def empty(self, name: str) -> None:
        """Hang up on all who use the database *name*, and take all rows but Alembic's out of it."""
        with self._connect(name) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            tables = connection.execute(
                "SELECT tablename FROM pg_tables"
                " WHERE schemaname = 'public' AND tablename <> 'alembic_version'"
            )
            names = sql.SQL(", ").join(sql.Identifier(table) for (table,) in tables)
            connection.execute(sql.SQL("TRUNCATE {} RESTART IDENTITY").format(names))

    def _answers(self) -> bool:
        with suppress(psycopg.OperationalError), self._connect(USER):
            return True
        return False

    def _connect(self, name: str) -> psycopg.Connection[Any]:
        return psycopg.connect(self.url(name), autocommit=True)


def _account() -> pwd.struct_passwd:
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        return pwd.getpwnam("nobody")
