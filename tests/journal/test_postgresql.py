"""A journal in PostgreSQL: what is special there, and every way in which a server can fail."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from typing import Any

import psycopg
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
from .shipments import ACCOUNT as TENANT
from .shipments import SEED, shipment

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
        ("postgresql://u:sec%40re%2Ft@[::1]:5/db", "postgresql://u@[::1]:5/db"),
        ("postgresql://u@h1:1,h2:2/db?password=secret", "postgresql://u@h1:1,h2:2/db"),
        ("postgresql:///db?host=/var/run/postgresql&password=secret", "postgresql:///db"),
        ("postgresql://h?sslpassword=secret", "postgresql://h"),
    ],
)
def test_a_server_is_called_without_what_is_secret(address: str, name: str) -> None:
    assert server_at(address)[0] == name
    _, parameters = server_at(f"postgresql://u:{QUOTED}@h/db")  # and what a server repeats of it is hidden
    assert hidden(f"FATAL:\n\tno \x1b[31m{PASSWORD} here", parameters) == "FATAL: no [31m… here"


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://u:sec@ret@h/db",
        "postgresql://u:sec/ret@h/db",
        "postgresql://u:sec#ret@h/db",
        "postgresql://u:sec?ret@h/db",
        "postgresql://u:secret",
        "postgresql://u:sec%zzret@h/db",
        "postgresql://u:secret@h:port/db",
        "postgresql://u:secret@h/\x1b[31m",
        "postgresql:secret",
    ],
)
def test_a_broken_address_is_refused_and_nothing_of_it_is_shown(address: str) -> None:
    with pytest.raises(UsageError, match=r"not of the form postgresql://USER:.*%40 for @") as raised:
        server_at(address)
    assert "sec" not in "".join(repr(error) for error in chain(raised.value) if error is raised.value)
    assert raised.value.__suppress_context__ or raised.value.__context__ is None


def test_what_keeps_one_out_is_told_in_the_words_of_the_server(server: Server, clock: FakeClock) -> None:
    wrong = server.address("postgres").replace(QUOTED, "wrong")
    for address, said in (
        (wrong, "password authentication failed"),
        (server.address("nowhere"), 'database "nowhere" does not exist'),
        (f"postgresql://tester:{QUOTED}@127.0.0.1:{free_port()}/x", "Connection refused"),
        (server.address("postgres", more="?sslmode=require"), "SSL"),
    ):
        error = refusal(address, clock)
        assert isinstance(error, Refused)
        assert said in str(error)
        assert 'cannot be reached: connection to server at "127.0.0.1"' in str(error)
        assert f"{NOTHING_SENT}. Look at its address, its user and password" in str(error)


def test_a_server_that_says_nothing_or_lets_nobody_in_is_given_up(
    server: Server, own: str, clock: FakeClock
) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        port = silent.getsockname()[1]
        with pytest.raises(Refused, match=r"cannot be reached: .*timeout"):
            open_at(f"postgresql://u:{QUOTED}@127.0.0.1:{port}/db?connect_timeout=1", clock)
    with server.admin() as admin:
        admin.execute(f"ALTER DATABASE {own} CONNECTION LIMIT 0")
    assert "too many connections" in str(refusal(server.address(own), clock))


def test_a_database_in_another_encoding_will_do(server: Server, clock: FakeClock) -> None:
    name = server.new_database("ENCODING 'LATIN1' TEMPLATE template0")
    with open_at(server.address(name), clock) as journal:
        run = journal.begin_run(run_start(command="apply ünï 🎈"))
    with open_at(server.address(name), clock) as journal:
        assert [told.start.command for told in journal.runs() if told.number == run] == ["apply ünï 🎈"]


def test_a_user_without_the_rights_on_the_schema_is_told_what_its_owner_has_to_say(
    server: Server, own: str, clock: FakeClock
) -> None:
    with server.admin(own) as admin:
        admin.execute(f"ALTER DATABASE {own} OWNER TO admin")
        with pytest.raises(Refused, match=r"rights of its user; .*CREATE SCHEMA reconciler AUTHORIZATION"):
            open_at(server.address(own), clock)
        admin.execute("CREATE SCHEMA reconciler")  # which is not taken for an empty one
        assert "GRANT USAGE, CREATE ON SCHEMA reconciler" in str(refusal(server.address(own), clock))
        admin.execute("ALTER SCHEMA reconciler OWNER TO tester")
    with open_at(server.address(own), clock) as journal:
        assert journal.is_new


def as_user(server: Server, database: str, rights: str) -> str:
    """Return the address for a new user that has some rights on the table of a journal."""
    with server.admin(database) as admin:
        admin.execute(f"CREATE ROLE user_of_{database} LOGIN PASSWORD '{PASSWORD}'")
        admin.execute(f"GRANT USAGE ON SCHEMA reconciler TO user_of_{database}")
        admin.execute(f"GRANT {rights} ON ALL TABLES IN SCHEMA reconciler TO user_of_{database}")
    return server.address(database, f"user_of_{database}")


@pytest.mark.parametrize("only", ["a user", "a server"])
def test_one_that_only_reads_is_read_and_refuses_to_be_written(
    server: Server, own: str, clock: FakeClock, only: str
) -> None:
    with open_at(server.address(own), clock) as journal:
        run = journal.begin_run(run_start())
    address = as_user(server, own, "SELECT") if only == "a user" else server.address(own)
    if only == "a server":
        with server.admin() as admin:
            admin.execute(f"ALTER DATABASE {own} SET default_transaction_read_only = on")
    with open_at(address, clock) as journal:
        assert [told.number for told in journal.runs()] == [run]
        with pytest.raises(Refused, match=r"user; .*SELECT, INSERT and DELETE|takes it for read-only"):
            journal.begin_operation(run, intent())


def test_a_user_that_may_add_and_delete_rows_needs_no_more(
    server: Server, own: str, clock: FakeClock
) -> None:
    with open_at(server.address(own), clock):
        pass
    with open_at(as_user(server, own, "SELECT, INSERT, DELETE"), clock) as journal:
        journal.conclude(journal.intend(shipment("ann")), journal.past(TENANT, SEED)[0].standing)
        run = journal.begin_run(run_start())
        journal.end_operation(journal.begin_operation(run, intent()), Ending("failed"))
        journal.end_run(run, 0, {})
        assert journal.prune(clock.now() + 1).operations == 1


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("53100", "disk of its server is full"),
        ("53200", "too little left"),
        ("54000", "too big"),
        ("40001", "in use by other transactions"),
        ("57014", "within the time that its server allows"),
        ("58030", "disk of its server fails"),
        ("XX001", "is damaged"),
        ("P0001", "failed: no luck"),
    ],
)
def test_what_the_server_says_in_the_middle_of_a_write_is_told_in_our_words(
    server: Server, own: str, clock: FakeClock, code: str, said: str
) -> None:
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


@contextmanager
def writer(server: Server, database: str) -> Iterator[psycopg.Connection[Any]]:
    """Hold the right to write, as a process does that is in the middle of it."""
    with server.admin(database) as admin, admin.transaction():
        admin.execute(f"SELECT pg_advisory_xact_lock({module._LOCK})")
        yield admin


def test_a_connection_that_was_lost_between_two_transactions_is_made_anew(
    server: Server, database: str, journal: Journal
) -> None:
    run = journal.begin_run(run_start())
    server.disconnect(database)
    operation = journal.begin_operation(run, intent())
    server.disconnect(database)
    assert [told.number for told in journal.operations(run)] == [operation]


def test_a_connection_that_is_lost_in_the_middle_is_told_and_leaves_no_half(
    server: Server, database: str, journal: Journal
) -> None:
    with writer(server, database) as admin, ThreadPoolExecutor(1) as pool:
        begun = pool.submit(journal.begin_run, run_start())
        while not server.disconnect(database, waiting_for="Lock", admin=admin):
            assert not begun.done()
        with pytest.raises(Refused, match=f"broke off, .* may have been written; {NOTHING_SENT}"):
            begun.result()
    assert list(journal.runs()) == []
    journal.begin_run(run_start())


def test_a_server_that_stops_answering_and_stays_connected_is_given_up(address: str) -> None:
    log = PostgresqlLog(address, patience=0.1)
    log.slack = 0.2
    with pytest.raises(Refused, match="broke off"):
        ask_one_that_gets(signal.SIGSTOP, log)
    log.close()


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


def test_a_server_that_is_gone_is_told_and_one_that_came_back_is_used_again(
    server: Server, journal: Journal
) -> None:
    run = journal.begin_run(run_start())
    server.stop()
    try:
        with pytest.raises(Refused, match=f"cannot be reached: .*refused.*{NOTHING_SENT}"):
            journal.begin_operation(run, intent())
    finally:
        server.start()
    operation = journal.begin_operation(run, intent())
    assert [told.number for told in journal.operations(run)] == [operation]


def test_a_server_that_crashes_has_kept_what_it_told(
    server: Server, database: str, journal: Journal, reopen: Reopen
) -> None:
    run = journal.begin_run(run_start())
    told = [journal.begin_operation(run, intent(f"key-{number}")) for number in range(5)]
    with pytest.raises(Refused, match="broke off"):
        ask_one_that_gets(signal.SIGKILL, PostgresqlLog(server.address(database)))
    server.wait()
    assert [operation.number for operation in reopen().operations(run)] == told


def test_nothing_that_a_transaction_made_stays_in_the_session(address: str) -> None:
    log = PostgresqlLog(address)
    for _ in range(10):
        with log.transaction(writes=True) as connection:
            connection.execute("SELECT %s::integer", [1])
    asked = {
        "SHOW search_path": '"$user", public',
        "SHOW lock_timeout": "0",
        "SELECT count(*) FROM pg_prepared_statements": 0,
        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database <> 0": 0,
    }
    for statement, said in asked.items():  # as a pooler would hand it on
        assert connection.execute(statement).fetchone() == (said,)
    log.close()


def test_other_tables_of_the_same_names_are_neither_met_nor_touched(
    server: Server, own: str, clock: FakeClock
) -> None:
    with server.admin(own) as admin:
        admin.execute("CREATE TABLE public.versions (number INTEGER)")
        admin.execute("CREATE TABLE public.entries (of_another_kind TEXT)")
        with open_at(server.address(own), clock) as journal:
            assert journal.is_new
            journal.begin_run(run_start())
        assert admin.execute("SELECT count(*) FROM public.entries").fetchone() == (0,)
        assert admin.execute("SELECT count(*) FROM reconciler.entries").fetchone() == (2,)


def test_a_schema_of_another_program_is_refused_and_left_alone(
    server: Server, own: str, clock: FakeClock
) -> None:
    with server.admin(own) as admin:
        admin.execute("CREATE SCHEMA reconciler AUTHORIZATION tester")
        admin.execute("CREATE TABLE reconciler.invoices ()")
        assert "schema reconciler belongs to something else" in str(refusal(server.address(own), clock))
        left = admin.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'reconciler'").fetchall()
        assert left == [("invoices",)]


def test_settings_of_the_server_change_neither_what_is_kept_nor_how_surely(server: Server, own: str) -> None:
    settings = {
        "synchronous_commit": "off",
        "default_transaction_isolation": "serializable",
        "extra_float_digits": "0",
        "TimeZone": "Asia/Tokyo",
        "DateStyle": "SQL, DMY",
        "search_path": "public",
    }
    with server.admin() as admin:
        for name, value in settings.items():
            admin.execute(f"ALTER DATABASE {own} SET {name} = '{value}'")
    clock = FakeClock(1790000000.123456)
    with open_at(server.address(own), clock) as journal:
        run = journal.run(journal.begin_run(run_start()))
    assert run is not None
    assert run.began == pytest.approx(clock.now(), abs=1e-5)
    assert shown(server, own, "synchronous_commit") == "on"
    assert shown(server, own, "transaction_isolation") == "read committed"
    with server.admin() as admin:  # a stronger promise is not weakened
        admin.execute(f"ALTER DATABASE {own} SET synchronous_commit = 'remote_apply'")
    assert shown(server, own, "synchronous_commit") == "remote_apply"


def shown(server: Server, database: str, setting: str) -> object:
    """Return a setting as it is in a transaction that writes."""
    log = PostgresqlLog(server.address(database))
    with log.transaction(writes=True) as connection:
        [(value,)] = connection.execute(f"SHOW {setting}")
    log.close()
    return value
