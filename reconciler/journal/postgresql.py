"""A journal in a database of PostgreSQL, for a team whose runs are at work on more than one machine.

Its tables lie in a schema of their own, `reconciler`, so that they never meet others of a shared database.
Between two transactions it relies on nothing that a session keeps: a pooler may hand each one another
connection.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import quote, unquote, urlencode

import certifi
import psycopg
from psycopg import pq
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import Connection, Engine, cast, create_engine, event, func, inspect, select
from sqlalchemy.dialects.postgresql import OID
from sqlalchemy.exc import DBAPIError

from reconciler.access import Access, is_loopback
from reconciler.clock import Clock
from reconciler.errors import Refused, UsageError
from reconciler.journal.database import READS_ONLY
from reconciler.journal.failures import damaged, unreachable
from reconciler.journal.forms import readable
from reconciler.journal.migrations import STEPS, Step, version
from reconciler.journal.schema import TABLES
from reconciler.journal.sql import SqlJournal
from reconciler.journal.sql_opening import Place, open_place, read_place
from reconciler.problems import Redacted

SCHEMA = "reconciler"

PATIENCE = 30.0
"""Seconds to wait for another process that is writing, and for a free connection."""

SLACK = 15.0
"""Seconds beyond that for an answer, after which a server counts as gone."""

CONNECTIONS = 4
"""How many are open at once at the most. Writes follow one another anyway."""

# What libpq does unless the address says otherwise (PostgreSQL manual, "Parameter Key Words").
_CONNECTED = {
    "application_name": "reconciler",
    "connect_timeout": 10,
    "keepalives_idle": 15,
    "keepalives_interval": 5,
    "keepalives_count": 3,
}

_LOCK = 0x7265636A_00000001
"""Whoever holds this in a transaction is the only one that writes to the journal of the database."""

_READS = (
    f"SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY; SET LOCAL search_path = {SCHEMA}, pg_temp"
)

# Each statement has to see what the one that held the lock before has written: hence "read committed".
_WRITES = (
    f"SET TRANSACTION ISOLATION LEVEL READ COMMITTED; SET LOCAL search_path = {SCHEMA}, pg_temp; "
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
    *("min_protocol_version", "max_protocol_version"),
}
"""What the environment may say of an address all the same."""
_NO_FILE = f"{os.devnull}/none"
"""A path at which no file can be, so that none is read."""

# A password can hold no @, / or ? here, so that no part of a broken address is taken for a host and shown.
_ADDRESS = re.compile(
    r"postgres(?:ql)?://(?:(?P<user>[^:@/?#]*)(?::[^@/?#]*)?@)?(?P<hosts>[^@/?#]*)(?P<path>/[^@/?#]*)?"
    r"(?:\?(?P<query>[^@#]*))?"
)
_HOSTS = re.compile(r"(?:(?:[^:\[\],]*|\[[0-9A-Fa-f:.]+\])(?::\d*)?(?:,|$))*")


class Server(Redacted, frozen=True):
    """A database by its address, without which no secret of it is ever shown."""

    shown: ClassVar = ("name",)

    name: str
    parameters: dict[str, Any]

    def hidden(self, text: str) -> str:
        """Return what the server or its library says, without the secrets of the address, on one line."""
        text = text.removeprefix("connection failed: ").removeprefix("connection is bad: ")
        for name in ("password", "sslpassword"):
            if secret := self.parameters.get(name):
                text = text.replace(secret, "…")
        return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def server_at(address: str) -> Server:
    """Return the database at an address, which is a URL as `psql` takes it; nothing is asked of it.

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
    return Server(name, parameters)


def confined(address: str, access: Access) -> str:
    """Return an address that stands in a file, in a form for which nothing of an operator's is used.

    That is: no password, other host, service or file that the environment or this user has for databases.
    Each host must be trusted by its name and port, and prove its name by a certificate unless it is here.
    Raises `Refused` for what only an operator may give, `UsageError` as `server_at` does.
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
    parameters = server_at(address).parameters
    if _is_local(parameters):
        return ""
    return str(parameters.get("sslmode") or os.environ.get("PGSSLMODE") or "prefer")


def _parsed(address: str) -> tuple[str, dict[str, Any]]:
    """Return what messages call the database at an address, and all that the address says."""
    found = _ADDRESS.fullmatch(address)
    if not found or not address.isprintable() or not _HOSTS.fullmatch(found["hosts"]):
        raise _malformed()
    known = {option.keyword.decode() for option in pq.Conninfo.get_defaults()} | {"ssl", "requiressl"}
    stated = {unquote(part.partition("=")[0]) for part in (found["query"] or "").split("&") if part}
    if unknown := sorted(stated - known):
        names = [name for name in unknown if re.fullmatch(r"\w{1,40}", name)]
        raise UsageError(
            "the address of the journal has a parameter that PostgreSQL's library does not know"
            f"{': ' if names else ''}{', '.join(names)}. Take it out; it is meant for another program"
        )
    try:
        parameters = conninfo_to_dict(address)
    except psycopg.Error:
        raise _malformed() from None  # it quotes the address
    user = f"{found['user']}@" if found["user"] else ""
    return f"postgresql://{user}{found['hosts']}{found['path'] or ''}", parameters


def _authorities() -> str:
    """Return the file with the authorities whose certificates count: an operator's, or those of the APIs."""
    own = ""
    with suppress(OSError, RuntimeError):  # no home, as in many containers, or one that cannot be looked into
        usual = Path.home() / ".postgresql" / "root.crt"  # where the library looks unless told otherwise
        own = str(usual) if usual.exists() else ""
    return os.environ.get("PGSSLROOTCERT") or own or os.environ.get("SSL_CERT_FILE") or certifi.where()


def _is_local(parameters: Mapping[str, Any]) -> bool:
    """Tell whether every address leads to this machine, where nobody listens in between."""
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


def open_server(
    address: str, clock: Clock, *, steps: Sequence[Step] = STEPS, patience: float = PATIENCE
) -> SqlJournal:
    """Open the journal in a database; make it, or bring it to the version that `steps` lead to.

    The database itself has to be there, in UTF-8. Errors as for `reconciler.journal.opening.open_journal`.
    """
    return open_place(_place(address, patience), steps, clock)


def read_server(
    address: str, clock: Clock, *, steps: Sequence[Step] = STEPS, patience: float = PATIENCE
) -> SqlJournal | None:
    """Open the journal in a database to read it; `None` where there is none yet. Nothing is changed there.

    Errors as for `reconciler.journal.opening.read_journal`.
    """
    return read_place(_place(address, patience), steps, clock)


def _place(address: str, patience: float) -> Place:
    server = server_at(address)
    return Place(engine_of(server, patience), server.name, _recognise, _make_schema)


def engine_of(server: Server, patience: float = PATIENCE, slack: float = SLACK) -> Engine:
    """Return what makes connections to a database. A transaction that may write waits until it is alone.

    Connections are kept for the next transaction, and looked at before.
    """
    engine = create_engine(
        "postgresql+psycopg://",
        creator=lambda: _connect(server, patience + slack),
        pool_size=CONNECTIONS,
        max_overflow=0,
        pool_timeout=patience,
        pool_pre_ping=True,
        use_native_hstore=False,
        hide_parameters=True,
        json_deserializer=readable,
    )
    begun = _WRITES.format(patience=max(1, round(patience * 1000)))
    event.listen(engine, "begin", lambda connection: _begin(connection, begun))
    return engine


class _Bounded(psycopg.Connection[tuple[Any, ...]]):
    """A connection on which no answer is waited for without end, for a server may stop and stay connected."""

    patience = PATIENCE + SLACK

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        """Return what was waited for. Raises `psycopg.OperationalError`, and closes, when time is up."""
        try:
            return super().wait(gen, interval, self.patience if timeout is None else timeout)
        except psycopg.OperationalError as error:
            if error.sqlstate is None:  # not the server's word, so the connection is of no more use
                self.pgconn.finish()
            raise


def _connect(server: Server, patience: float) -> _Bounded:
    try:
        # What is prepared stays in a session, and a pooler hands the next transaction another one.
        parameters = {**_CONNECTED, **server.parameters, "client_encoding": "utf8"}
        connection = _Bounded.connect(**parameters, prepare_threshold=None)
    except psycopg.Error as error:
        said = server.hidden(str(error))
        if parameters.get("sslmode") in _VERIFIED and re.search("SSL|certificate", said):
            said += (
                "; it has to prove its name (sslmode=verify-full): add sslrootcert=FILE with its authority "
                "to the operator's address, or the sslmode that is right there"
            )
        raise unreachable(server.name, said) from None
    connection.patience = patience
    if connection.info.parameter_status("server_encoding") != "UTF8":
        connection.close()
        raise UsageError(f"journal {server.name} has to be in UTF-8: CREATE DATABASE … ENCODING 'UTF8'")
    return connection


def _begin(connection: Connection, writes: str) -> None:
    reads_only = connection.get_execution_options().get(READS_ONLY)
    statements = _READS if reads_only else writes
    connection.exec_driver_sql(statements, execution_options={"no_parameters": True})


def _recognise(connection: Connection, name: str) -> None:
    """Return if the schema is a journal that can be read, holds nothing, or is not there."""
    usable = select(func.has_schema_privilege(cast(func.to_regnamespace(SCHEMA), OID), "USAGE"))
    if connection.scalar(usable) is False:  # null where there is no such schema
        raise _no_rights(name, f"GRANT USAGE, CREATE ON SCHEMA {SCHEMA} TO …")
    tables = set(inspect(connection).get_table_names())
    if tables and not tables & set(TABLES.tables):
        raise UsageError(
            f"journal {name}: its schema {SCHEMA} belongs to something else; name another database"
        )
    if tables and version(connection) == 0:
        raise damaged(name)


def _make_schema(connection: Connection, name: str) -> None:
    if connection.scalar(select(func.to_regnamespace(SCHEMA))):
        return  # asking for it "if not exists" takes the right to make one
    try:
        connection.exec_driver_sql(f"CREATE SCHEMA {SCHEMA}")
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) != "42501":
            raise
        raise _no_rights(name, f"CREATE SCHEMA {SCHEMA} AUTHORIZATION …") from error


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
