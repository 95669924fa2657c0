"""A log in a database of PostgreSQL, for a team whose runs are at work on more than one machine.

Its table lies in a schema of its own, `reconciler`, so that it never meets others of a shared database. No
transaction relies on what a session keeps: a pooler may hand each one another connection.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from difflib import get_close_matches
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlencode

import certifi
import psycopg
from psycopg import pq
from psycopg.conninfo import conninfo_to_dict

from reconciler.access import Access, is_loopback
from reconciler.errors import Refused, UsageError
from reconciler.journal.database import DAMAGED, NOTHING_SENT, DatabaseLog, damaged
from reconciler.journal.entries import other_format

SCHEMA = "reconciler"

PATIENCE = 30.0  # seconds to wait for another process that is writing

# What libpq does unless the address says otherwise (PostgreSQL manual, "Parameter Key Words").
_CONNECTED = {
    "application_name": "reconciler",
    "connect_timeout": 10,
    "keepalives_idle": 15,
    "keepalives_interval": 5,
    "keepalives_count": 3,
}

_LOCK = 0x7265636A_00000001  # the advisory lock of a transaction that writes to the journal of the database

_READS = f"BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY; SET LOCAL search_path = {SCHEMA}, pg_temp"

# Each statement has to see what the one that held the lock before has written: hence "read committed".
_WRITES = (
    f"BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL search_path = {SCHEMA}, pg_temp; "
    "SELECT set_config('synchronous_commit', 'on', true) "
    "WHERE current_setting('synchronous_commit') = 'off'; "
    "SET LOCAL lock_timeout = {patience}; "
    f"SELECT pg_advisory_xact_lock({_LOCK})"
)

# What an address that stands in a file may say. Everything else names files of this machine, other addresses
# or ways to log in, and is for an operator to say.
_FROM_FILES = {"host", "port", "user", "dbname", "sslmode", "application_name", "connect_timeout"} | {
    *("keepalives", "keepalives_idle", "keepalives_interval", "keepalives_count"),
    *("tcp_user_timeout", "target_session_attrs"),
}
_HOST = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*\.?|[0-9a-f.]*:[0-9a-f:.]*")
_VERIFIED = ("verify-ca", "verify-full")
_HARMLESS = {"user", "dbname", "client_encoding", "connect_timeout"} | {
    *("min_protocol_version", "max_protocol_version")
}
"""What the environment may say of an address all the same."""
_NO_FILE = f"{os.devnull}/none"  # a path at which no file can be, so that none is read

# A password can hold no @, / or ? here, so that no part of a broken address is taken for a host and shown.
_ADDRESS = re.compile(
    r"postgres(?:ql)?://(?:(?P<user>[^:@/?#]*)(?::[^@/?#]*)?@)?(?P<hosts>[^@/?#]*)(?P<path>/[^@/?#]*)?"
    r"(?:\?(?P<query>[^@#]*))?"
)
_HOSTS = re.compile(r"(?:(?:[^:\[\],]*|\[[0-9A-Fa-f:.]+\])(?::\d*)?(?:,|$))*")


_BROKEN_OFF = (
    f"broke off, and what was just being written may have been written; {NOTHING_SENT}. Run it again: what "
    f"is written counts"
)
_NO_RIGHTS = (
    f"cannot be used with the rights of its user; {NOTHING_SENT}. Let the owner of its tables grant it "
    f"SELECT, INSERT and DELETE on every table of the schema reconciler"
)

# PostgreSQL's error code, or its first two characters, its class
# (https://www.postgresql.org/docs/current/errcodes-appendix.html) → what it means.
_MEANINGS: dict[str, str] = {
    "": _BROKEN_OFF,  # the library's own word: the server did not say any
    "08": _BROKEN_OFF,
    "25006": f"cannot be written: the server takes it for read-only; {NOTHING_SENT}",
    "25": _BROKEN_OFF,
    "40": f"is in use by other transactions; {NOTHING_SENT}. Try again",
    "42501": _NO_RIGHTS,
    "42": DAMAGED,  # a table or column that is not there
    "3F": DAMAGED,
    "53100": f"cannot be written: the disk of its server is full; {NOTHING_SENT}",
    "53": f"cannot be used: its server has too little left, of memory or connections; {NOTHING_SENT}",
    "54": f"cannot hold what is to be written: it is too big; {NOTHING_SENT}",
    "55P03": "is in use by another process that does not let go of it; try again when that has ended",
    "57014": f"did not answer within the time that its server allows (statement_timeout); {NOTHING_SENT}",
    "57": _BROKEN_OFF,
    "58": f"cannot be read or written: the disk of its server fails; {NOTHING_SENT}",
    "XX": DAMAGED,
}


def server_at(address: str) -> tuple[str, dict[str, Any]]:
    """Return what messages call the database at an address, a URL as for `psql`, and how it is reached.

    One elsewhere has to prove its name by a certificate, unless the address, or an operator's environment as
    for `psql`, says otherwise. Raises `UsageError` for an address of another form, and shows nothing of it
    but the name of a parameter that there is not.
    """
    name, parameters = _parsed(address)
    said = any(variable in os.environ for variable in ("PGSSLMODE", "PGREQUIRESSL", "PGSERVICE"))
    if not (said or "sslmode" in parameters or "service" in parameters or _is_local(parameters)):
        parameters["sslmode"] = "verify-full"
    if parameters.get("sslmode") in _VERIFIED:
        parameters.setdefault("sslrootcert", _authorities())
    return name, parameters


def confined(address: str, access: Access) -> str:
    """Return an address that stands in a file, in a form for which nothing of an operator's is used.

    That is: no password, other host, service or file that the environment or this user has for databases.
    Each host must be trusted by its name and port, and prove its name by a certificate unless it is here.
    Errors: `Refused` for what only an operator may give, `UsageError` as for `server_at`.
    """
    _, parameters = _parsed(address)
    if forbidden := sorted(set(parameters) - _FROM_FILES):
        raise _operators_only(f"says {', '.join(forbidden)}. Take that out")
    if "PGSERVICE" in os.environ:
        raise Refused("PGSERVICE is set, and would lead the journal that the files name elsewhere: unset it")
    places = _places(parameters)
    for host, port in places:
        if not host:
            raise _operators_only("names no host, or a socket. Name a host")
        if not access.trusts(host, port):
            right = f"If {host} is right: {access.line_to_trust(host, port)}"
            raise _operators_only(f"names a host that is not trusted at port {port}. {right}")
    is_here = all(is_loopback(host) for host, _ in places)
    protection = parameters.get("sslmode", "prefer" if is_here else "verify-full")
    if not is_here and protection != "verify-full":
        raise _operators_only("asks for less than sslmode=verify-full. Take sslmode out")
    # The library looks for what is not said in the environment and in files of this user.
    unsaid = {
        option.keyword.decode(): (option.compiled or b"").decode()
        for option in pq.Conninfo.get_defaults()
        if option.envvar and option.envvar.decode() in os.environ
    }
    nowhere = {"password": "", "hostaddr": "", "passfile": _NO_FILE, "sslcert": _NO_FILE, "sslkey": _NO_FILE}
    settled = {"sslmode": protection, "gssencmode": "disable", "port": parameters.get("port", "5432")}
    authorities = {"sslrootcert": _authorities()} if protection in _VERIFIED else {}
    added = {name: value for name, value in unsaid.items() if name not in _HARMLESS | {*parameters}}
    query = urlencode({**added, **nowhere, **settled, **authorities}, quote_via=quote)
    return f"{address}{'&' if '?' in address else '?'}{query}"


def protection_of(address: str) -> str:
    """Return how the way to a database elsewhere is protected: its `sslmode`; empty for this machine."""
    _, parameters = server_at(address)
    if _is_local(parameters):
        return ""
    return str(parameters.get("sslmode") or os.environ.get("PGSSLMODE") or "prefer")


def _parsed(address: str) -> tuple[str, dict[str, Any]]:
    """Return what messages call the database at an address, and all that the address says."""
    found = _ADDRESS.fullmatch(address)
    if not found or not address.isprintable() or not _HOSTS.fullmatch(found["hosts"]):
        raise _malformed()
    known = {option.keyword.decode() for option in pq.Conninfo.get_defaults()} | {"ssl", "requiressl"}
    query = [part.partition("=") for part in (found["query"] or "").split("&") if part]
    stated = [(unquote(name), equals, value) for name, equals, value in query]
    for what, names, mend in (
        (
            "that PostgreSQL's library does not know",
            [_with_nearest(name, known) for name, _, _ in stated if name not in known],
            "Take it out; it is meant for another program",
        ),
        ("without a value", [name for name, equals, _ in stated if not equals], "Write NAME=VALUE"),
        ("with a second = in it", [n for n, _, v in stated if "=" in v], "In a value write %3D for it"),
    ):
        if names:
            shown = ", ".join(name for name in sorted(names) if re.fullmatch(r"\w{1,40}( \(\w+\?\))?", name))
            raise UsageError(
                f"the address of the journal has a parameter {what}{': ' if shown else ''}{shown}. {mend}"
            )
    try:
        parameters = conninfo_to_dict(address)
    except psycopg.Error:
        raise _malformed() from None  # it quotes the address
    user = f"{found['user']}@" if found["user"] else ""
    return f"postgresql://{user}{found['hosts']}{found['path'] or ''}", parameters


def _with_nearest(name: str, known: Iterable[str]) -> str:
    near = get_close_matches(name.lower(), known, n=1, cutoff=0.8)
    return f"{name} ({near[0]}?)" if near else name


def _authorities() -> str:
    """Return the file with the authorities whose certificates count: an operator's, or those of the APIs."""
    own = ""
    with suppress(OSError, RuntimeError):  # no home, as in many containers, or one that cannot be looked into
        usual = Path.home() / ".postgresql" / "root.crt"  # where the library looks unless told otherwise
        own = str(usual) if usual.exists() else ""
    return os.environ.get("PGSSLROOTCERT") or own or os.environ.get("SSL_CERT_FILE") or certifi.where()


def _is_local(parameters: Mapping[str, Any]) -> bool:
    """Tell whether every address leads to this machine, so that no network lies between."""
    address = parameters.get("hostaddr", os.environ.get("PGHOSTADDR"))
    hosts = str(address or parameters.get("host", os.environ.get("PGHOST")) or "")
    return all(not host or host[0] in "/@" or is_loopback(host.lower()) for host in hosts.split(","))


def _places(parameters: Mapping[str, Any]) -> list[tuple[str, int]]:
    """Return each host, in lower case, with its port; what is no name or address of a host is empty."""
    hosts = str(parameters.get("host", "")).lower().split(",")
    ports = str(parameters.get("port", "")).split(",")
    ports = ports * len(hosts) if len(ports) == 1 else ports
    try:
        numbers = [int(port or 5432) for port in ports]
        return [
            (host.removesuffix(".") if _HOST.fullmatch(host) else "", port)
            for host, port in zip(hosts, numbers, strict=True)
        ]
    except ValueError:
        raise _malformed() from None


def _operators_only(what: str) -> Refused:
    return Refused(
        f"the address of the journal stands in the files, and {what}. Or let an operator give the address: "
        "export RECONCILER_JOURNAL=…, and write journal: {env: RECONCILER_JOURNAL}"
    )


class PostgresqlLog(DatabaseLog):
    """Keeps a log in a schema of a database, which has to be there. One connection serves all transactions.

    Nothing is asked of the server yet. `patience` is for another process that writes.
    """

    mark = "%s"
    slack = 15.0  # seconds beyond `patience` for an answer, after which a server counts as gone

    def __init__(self, address: str, patience: float = PATIENCE) -> None:
        self.name, self._parameters = server_at(address)
        self._patience = patience
        self._connection: _Bounded | None = None

    @contextmanager
    def transaction(self, *, writes: bool) -> Iterator[_Bounded]:
        """Open a transaction on the connection of the last one, or a new one where that answers no more."""
        connection = self._live()
        try:
            connection.execute(
                _WRITES.format(patience=max(1, round(self._patience * 1000))) if writes else _READS
            )
            yield connection
            if connection.execute("COMMIT").statusmessage != "COMMIT":
                raise psycopg.OperationalError("the transaction was rolled back")
        except psycopg.Error as error:
            self.close()
            state = error.sqlstate or ""
            # Beyond its first line a message of PostgreSQL holds values.
            unknown = f"failed: {str(error).partition(chr(10))[0]}; {NOTHING_SENT}"
            said = _MEANINGS.get(state) or _MEANINGS.get(state[:2]) or unknown
            raise Refused(f"journal {self.name} {said}") from error
        except BaseException:
            self.close()  # which rolls back
            raise

    def _live(self) -> _Bounded:
        if self._connection is not None:
            with suppress(psycopg.Error):
                self._connection.execute("SELECT 1")
                return self._connection
            self.close()
        # What is prepared stays in a session, and a pooler hands the next transaction another one.
        parameters = {**_CONNECTED, **self._parameters, "client_encoding": "utf8"}
        try:
            self._connection = _Bounded.connect(**parameters, prepare_threshold=None, autocommit=True)
        except psycopg.Error as error:
            said = hidden(str(error), parameters)
            if found := re.match(r"invalid (\w+) value: ", said):  # of the library, before it asks anybody
                mend = f"In its address, or the environment, write one that it knows, or take {found[1]} out"
                raise UsageError(f"journal {self.name}: PostgreSQL's library says: {said}. {mend}") from None
            if parameters.get("sslmode") in _VERIFIED and re.search("SSL|certificate", said):
                said += (
                    "; it has to prove its name (sslmode=verify-full): add sslrootcert=FILE with its "
                    "authority to the operator's address, or the sslmode that is right there"
                )
            raise Refused(
                f"journal {self.name} cannot be reached: {said}; {NOTHING_SENT}. Look at its address, its "
                f"user and password, and at the way there"
            ) from None
        self._connection.patience = self._patience + self.slack
        return self._connection

    def is_there(self, connection: _Bounded) -> bool:
        """Tell whether the schema holds a log."""
        asked = "SELECT has_schema_privilege(to_regnamespace(%s), 'USAGE')"
        if connection.execute(asked, [SCHEMA]).fetchall() == [(False,)]:  # null where there is no such schema
            raise _no_rights(self.name, f"GRANT USAGE, CREATE ON SCHEMA {SCHEMA} TO …")
        asked = "SELECT relname FROM pg_class WHERE relnamespace = to_regnamespace(%s) AND relkind = ANY(%s)"
        tables = {table for (table,) in connection.execute(asked, [SCHEMA, ["r", "p"]])}
        if "entries" in tables or not tables:
            return bool(tables)
        if not tables & {"versions", "deliveries", "runs"}:
            raise UsageError(
                f"journal {self.name}: its schema {SCHEMA} belongs to something else; name another database"
            )
        ((found,),) = connection.execute("SELECT max(number) FROM versions").fetchall()
        raise other_format(self.name, found) if found is not None else damaged(self.name)

    def make(self, connection: _Bounded) -> None:
        """Make the schema, and the table in it."""
        if connection.execute("SELECT to_regnamespace(%s)", [SCHEMA]).fetchall() == [(None,)]:
            try:  # asking for it "if not exists" takes the right to make one
                connection.execute(f"CREATE SCHEMA {SCHEMA}")
            except psycopg.errors.InsufficientPrivilege as error:
                raise _no_rights(self.name, f"CREATE SCHEMA {SCHEMA} AUTHORIZATION …") from error
        connection.execute(
            "CREATE TABLE entries (n bigint PRIMARY KEY, run bigint, entry text NOT NULL, bodies text)"
        )

    def close(self) -> None:
        """Let go of the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class _Bounded(psycopg.Connection[tuple[Any, ...]]):
    """A connection on which no answer is waited for without end, for a server may stop and stay connected."""

    patience = PATIENCE

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        """Return what was waited for. Raises `psycopg.OperationalError`, and closes, when time is up."""
        try:
            return super().wait(gen, interval, self.patience if timeout is None else timeout)
        except psycopg.OperationalError as error:
            if error.sqlstate is None:  # not the server's word, so the connection is of no more use
                self.pgconn.finish()
            raise


def hidden(text: str, parameters: Mapping[str, Any]) -> str:
    """Return what a server or its library says, without the secrets of the address, on one line."""
    text = text.removeprefix("connection failed: ").removeprefix("connection is bad: ")
    for name in ("password", "sslpassword"):
        if secret := parameters.get(name):
            text = text.replace(secret, "…")
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _no_rights(name: str, remedy: str) -> Refused:
    return Refused(
        f"journal {name} cannot be used with the rights of its user; without it nothing is sent. Let the "
        f"database's owner say: {remedy}"
    )


def _malformed() -> UsageError:
    return UsageError(
        "the address of the journal is not of the form postgresql://USER:PASSWORD@HOST:PORT/DATABASE; in a "
        "user or password write %40 for @, %2F for /, %3A for :, %3F for ?, %23 for # and %25 for %"
    )
