"""A journal in PostgreSQL: what is special there, and every way in which a server can fail."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress

import pytest

from reconciler.errors import ReconcilerError, Refused, UsageError
from reconciler.journal import postgresql as module
from reconciler.journal.entries import Ending
from reconciler.journal.journal import Journal
from reconciler.journal.postgresql import PostgresqlLog, hidden, server_at
from tests.clock import FakeClock

from .backends import open_at, read_at
from .conftest import Reopen
from .runs import intent, run_start
from .server import PASSWORD, QUOTED, Server, free_port

NOTHING_SENT = "without it nothing is sent"


@pytest.fixture
def address(postgresql: str) -> str:
    """Every test of this file is about this backend."""
    return postgresql


@pytest.fixture
def own(server: Server) -> Iterator[str]:
    """The name of a database of which a test changes more than its journal."""
    name = server.new_database()
    yield name
    with server.admin() as admin:
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


def refusal(address: str, clock: FakeClock) -> ReconcilerError:
    """Return why a journal cannot be opened, to write it and to read it alike, which shows no password."""
    with pytest.raises(ReconcilerError) as writing:
        open_at(address, clock)
    with pytest.raises(type(writing.value)) as reading:
        read_at(address, clock)
    assert str(reading.value) == str(writing.value)
    shown = [repr(error) for error in chain(writing.value)]
    assert [text for text in shown if PASSWORD in text or QUOTED in text] == []
    return writing.value


def chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("postgresql://u:secret@h:1/db", "postgresql://u@h:1/db"),
        ("postgres://u:secret@h/db?sslmode=require", "postgresql://u@h/db"),
        ("postgresql://u:sec%40re%2Ft@[::1]:5/db?password=secret", "postgresql://u@[::1]:5/db"),
    ],
)
def test_a_server_is_called_without_what_is_secret(address: str, name: str) -> None:
    assert server_at(address)[0] == name
    _, parameters = server_at(f"postgresql://u:{QUOTED}@h/db")  # and what a server repeats of it is hidden
    assert hidden(f"FATAL:\n\tno \x1b[31m{PASSWORD} here", parameters) == "FATAL: no [31m… here"


@pytest.mark.parametrize(
    "address",
    [
        *(f"postgresql://u:sec{wrong}ret@h/db" for wrong in ("@", "/", "#", "?", "%zz")),
        *("postgresql://u:secret@h:port/db", "postgresql://u:secret@h/\x1b[31m", "postgresql:secret"),
    ],
)
def test_a_broken_address_is_refused_and_nothing_of_it_is_shown(address: str) -> None:
    with pytest.raises(UsageError, match=r"not of the form postgresql://USER:.*%40 for @") as raised:
        server_at(address)
    assert "sec" not in repr(raised.value)
    assert raised.value.__suppress_context__ or raised.value.__context__ is None


def test_what_keeps_one_out_is_told_in_the_words_of_the_server(server: Server, clock: FakeClock) -> None:
    wrong = server.address("postgres").replace(QUOTED, "wrong")
    for address, said in (
        (wrong, "password authentication failed"),
        (server.address("nowhere"), 'database "nowhere" does not exist'),
        (f"postgresql://tester:{QUOTED}@127.0.0.1:{free_port()}/x", "Connection refused"),
        (server.address("postgres?sslmode=require"), "SSL"),
    ):
        error = refusal(address, clock)
        assert isinstance(error, Refused)
        assert said in str(error)
        assert 'cannot be reached: connection to server at "127.0.0.1"' in str(error)
        assert f"{NOTHING_SENT}. Look at its address, its user and password" in str(error)


def test_a_server_that_says_nothing_is_given_up(clock: FakeClock) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        port = silent.getsockname()[1]
        with pytest.raises(Refused, match=r"cannot be reached: .*timeout"):
            open_at(f"postgresql://u:{QUOTED}@127.0.0.1:{port}/db?connect_timeout=1", clock)


def test_missing_rights_are_told_with_the_statement(server: Server, own: str, clock: FakeClock) -> None:
    with server.admin(own) as admin:
        admin.execute(f"ALTER DATABASE {own} OWNER TO admin")
        with pytest.raises(Refused, match=r"rights of its user; .*CREATE SCHEMA reconciler AUTHORIZATION"):
            open_at(server.address(own), clock)
        admin.execute("CREATE SCHEMA reconciler")  # which is not taken for an empty one
        assert "GRANT USAGE, CREATE ON SCHEMA reconciler" in str(refusal(server.address(own), clock))
        admin.execute("ALTER SCHEMA reconciler OWNER TO tester")
    with open_at(server.address(own), clock) as journal:
        assert journal.is_new


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("53100", "disk of its server is full"),
        ("40001", "in use by other transactions"),
        ("XX001", "damaged"),
    ],
)
def test_errors_are_told(server: Server, own: str, clock: FakeClock, code: str, said: str) -> None:
    with open_at(server.address(own), clock) as journal:
        run = journal.begin_run(run_start())
        with server.admin(own) as admin:
            admin.execute(
                "CREATE FUNCTION public.fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION "
                f"'no luck' USING ERRCODE = '{code}', DETAIL = 'Row (ann@example.com)'; END $$"
            )
            admin.execute(
                "CREATE TRIGGER fail AFTER INSERT ON reconciler.entries EXECUTE FUNCTION public.fail()"
            )
        with pytest.raises(Refused) as raised:
            journal.begin_operation(run, intent())
        assert said in str(raised.value)
        assert NOTHING_SENT in str(raised.value)
        assert "ann@example.com" not in str(raised.value)
        assert list(journal.operations(run)) == []


def test_a_connection_that_is_lost_in_the_middle_is_told_and_leaves_no_half(
    server: Server, database: str, journal: Journal
) -> None:
    lock = f"SELECT pg_advisory_xact_lock({module._LOCK})"
    with server.admin(database) as admin, admin.transaction(), ThreadPoolExecutor(1) as pool:
        admin.execute(lock)  # as a process does that is in the middle of writing
        begun = pool.submit(journal.begin_run, run_start())
        while not server.disconnect(database, waiting_for="Lock", admin=admin):
            assert not begun.done()
        with pytest.raises(Refused, match=f"broke off, .* may have been written; {NOTHING_SENT}"):
            begun.result()
    assert list(journal.runs()) == []
    journal.begin_run(run_start())


def test_a_server_that_stops_answering_and_stays_connected_is_given_up(address: str) -> None:
    with closing(PostgresqlLog(address, patience=0.1)) as log:
        log.slack = 0.2
        with pytest.raises(Refused, match="broke off"):
            ask_one_that_gets(signal.SIGSTOP, log)


@pytest.mark.parametrize("rights", ["SELECT", "SELECT, INSERT, DELETE"])
def test_the_rights_that_are_enough(server: Server, own: str, clock: FakeClock, rights: str) -> None:
    with open_at(server.address(own), clock) as journal:
        run = journal.begin_run(run_start())
    user = f"user_of_{own}"
    with server.admin(own) as admin:
        admin.execute(f"CREATE ROLE {user} LOGIN PASSWORD '{PASSWORD}'")
        admin.execute(f"GRANT USAGE ON SCHEMA reconciler TO {user}")
        admin.execute(f"GRANT {rights} ON ALL TABLES IN SCHEMA reconciler TO {user}")
    with open_at(server.address(own, user), clock) as journal:
        assert [told.number for told in journal.runs()] == [run]
        if rights == "SELECT":
            with pytest.raises(Refused, match=r"user; .*SELECT, INSERT and DELETE"):
                journal.begin_operation(run, intent())
        else:
            journal.end_operation(journal.begin_operation(run, intent()), Ending("failed"))
            journal.end_run(run, 0, {})
            assert journal.prune(clock.now() + 1).operations == 1


@pytest.mark.parametrize(("setting", "kept"), [("off", "on"), ("remote_apply", "remote_apply")])
def test_settings_weaken_no_promise(server: Server, own: str, setting: str, kept: str) -> None:
    with server.admin() as admin:
        admin.execute(f"ALTER DATABASE {own} SET synchronous_commit = '{setting}'")
        admin.execute(f"ALTER DATABASE {own} SET default_transaction_isolation = 'serializable'")
    with closing(PostgresqlLog(server.address(own))) as log, log.transaction(writes=True) as connection:
        assert connection.execute("SHOW synchronous_commit").fetchone() == (kept,)
        assert connection.execute("SHOW transaction_isolation").fetchone() == ("read committed",)


def ask_one_that_gets(sent: signal.Signals, log: PostgresqlLog) -> None:
    """Send a signal to the process of the server that is at work on a transaction, and ask it for more."""
    with log.transaction(writes=True) as connection:
        [(pid,)] = connection.execute("SELECT pg_backend_pid()")
        os.kill(pid, sent)
        try:
            connection.execute("SELECT 1")
        finally:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


def test_a_server_that_is_gone_and_comes_back(server: Server, journal: Journal) -> None:
    run = journal.begin_run(run_start())
    server.stop()
    try:
        with pytest.raises(Refused, match=f"cannot be reached: .*refused.*{NOTHING_SENT}"):
            journal.begin_operation(run, intent())
    finally:
        server.start()
    operation = journal.begin_operation(run, intent())
    assert [told.number for told in journal.operations(run)] == [operation]


def test_a_crash_keeps_what_was_told(server: Server, database: str, journal: Journal, reopen: Reopen) -> None:
    run = journal.begin_run(run_start())
    told = [journal.begin_operation(run, intent(f"key-{number}")) for number in range(5)]
    with pytest.raises(Refused, match="broke off"):
        ask_one_that_gets(signal.SIGKILL, PostgresqlLog(server.address(database)))
    server.wait()
    assert [operation.number for operation in reopen().operations(run)] == told
