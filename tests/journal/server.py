"""A real server of PostgreSQL for the tests, in a folder of its own, on a free port of this machine only."""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psycopg

NOBODY = 65534
PASSWORD = "p@ss:w/rd?#%"
QUOTED = "p%40ss%3Aw%2Frd%3F%23%25"

# Nothing has to survive a power cut here, and nothing may take long.
SETTINGS = (
    *("--listen_addresses=127.0.0.1", "--unix_socket_directories=", "--fsync=off", "--full_page_writes=off"),
    *("--shared_buffers=16MB", "--max_wal_size=128MB", "--max_connections=40", "--autovacuum=off"),
)


def programs() -> Path | None:
    """Return the folder of the newest server that is installed, `None` where there is none."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if named := shutil.which("initdb"):
        found.insert(0, Path(named).resolve())
    return found[-1].parent if found else None


class Server:
    """A running server. Its superuser is `admin`; `tester` may do what the owner of a database may."""

    def __init__(self, bin: Path, folder: Path) -> None:
        self._bin, self._folder = bin, folder
        self._numbers = count(1)
        self.port = 0
        self._process: subprocess.Popen[Any] | None = None

    def prepare(self) -> None:
        """Make the files of the server."""
        secret = self._folder / "secret"
        secret.write_text(PASSWORD)
        if os.geteuid() == 0:
            for path in (self._folder, secret):
                os.chown(path, NOBODY, NOBODY)
        who = ["--username=admin", f"--pwfile={secret}", "--auth=scram-sha-256"]
        made = ["--no-sync", "--encoding=UTF8", "--locale=C", f"--pgdata={self._folder / 'data'}"]
        self._run("initdb", *who, *made).check_returncode()

    def start(self) -> None:
        """Start the server, and return when it lets connections in."""
        self.port = self.port or free_port()
        data = str(self._folder / "data")
        command = [str(self._bin / "postgres"), "-D", data, "-p", str(self.port), *SETTINGS]
        with (self._folder / "log").open("ab") as log:
            process = subprocess.Popen(
                command, stdout=log, stderr=log, preexec_fn=end_with_parent, **ordinary_user()
            )
        self._process = process
        self.wait()

    def wait(self) -> None:
        """Return when the server lets connections in."""
        while self._run("pg_isready", "--host=127.0.0.1", f"--port={self.port}").returncode != 0:
            assert self._process is not None
            assert self._process.poll() is None, (self._folder / "log").read_text()

    def stop(self) -> None:
        """Stop the server at once, as a machine does that goes down."""
        assert self._process is not None
        self._process.send_signal(signal.SIGQUIT)
        self._process.wait()

    def admin(self, database: str = "postgres") -> psycopg.Connection[tuple[Any, ...]]:
        """Return a connection of the superuser, on which each statement is a transaction."""
        told = f"host=127.0.0.1 port={self.port} user=admin dbname={database}"
        return psycopg.connect(told, password=PASSWORD, autocommit=True)

    def new_database(self) -> str:
        """Make a database that belongs to `tester`; return its name."""
        name = f"journal_{next(self._numbers)}"
        with self.admin() as admin:
            admin.execute(f"CREATE DATABASE {name} OWNER tester")
        return name

    def clear(self, name: str) -> None:
        """Remove the journal of a database, whoever is at work there."""
        self.disconnect(name)
        with self.admin(name) as admin:
            admin.execute("DROP SCHEMA IF EXISTS reconciler CASCADE")

    def disconnect(
        self, database: str, waiting_for: str = "", admin: psycopg.Connection[Any] | None = None
    ) -> bool:
        """Cut off who is connected with a database, or waits for something there; tell whether any was."""
        with nullcontext(admin) if admin else self.admin() as asked:
            cut = asked.execute(
                "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = %s "
                "AND pid <> pg_backend_pid() AND wait_event_type LIKE %s",
                [database, waiting_for or "%"],
            )
            return bool(cut.fetchall())

    def address(self, database: str, user: str = "tester") -> str:
        """Return the address of a journal."""
        return f"postgresql://{user}:{QUOTED}@127.0.0.1:{self.port}/{database}"

    def _run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[Any]:
        return subprocess.run(
            [self._bin / program, *arguments], capture_output=True, check=False, **ordinary_user()
        )


def ordinary_user() -> dict[str, Any]:
    """Return how a process is started without the rights of root, which the server refuses to have."""
    return {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}


def end_with_parent() -> None:
    """Let the server stop at once when the tests are killed, where the system can do that."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGQUIT)  # PR_SET_PDEATHSIG, prctl(2)


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@contextmanager
def serving(bin: Path) -> Iterator[Server]:
    """Run a server that is gone afterwards, with its files."""
    with TemporaryDirectory(prefix="reconciler-") as folder:
        server = Server(bin, Path(folder))
        server.prepare()
        server.start()
        try:
            with server.admin() as admin:
                admin.execute(f"CREATE ROLE tester LOGIN PASSWORD '{PASSWORD}'")
            yield server
        finally:
            server.stop()
