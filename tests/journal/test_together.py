"""Writes of many threads in one commit: each as durable as by itself, and none of them another's trouble."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Connection, event, insert, text

from reconciler.errors import Refused
from reconciler.journal.database import Database
from reconciler.journal.schema import meta
from reconciler.journal.sqlite import engine_of, open_file
from reconciler.journal.together import Together
from tests.clock import FakeClock

WRITERS = 8

Work = Callable[[Connection], str]


@pytest.fixture
def path(tmp_path: Path, clock: FakeClock) -> Path:
    path = tmp_path / "journal.db"
    open_file(path, clock).close()
    return path


@pytest.fixture
def database(path: Path, clock: FakeClock) -> Database:
    return Database(engine_of(path), clock, "the journal")


@pytest.fixture
def commits(database: Database) -> list[Connection]:
    made: list[Connection] = []
    event.listen(database.engine, "commit", made.append)
    return made


def writing(name: str) -> Work:
    def work(connection: Connection) -> str:
        connection.execute(insert(meta), {"name": name, "value": name})
        return name

    return work


def is_kept(path: Path, name: str) -> bool:
    """Tell whether it can be read by somebody else, which what is not committed cannot."""
    with closing(engine_of(path).raw_connection()) as connection:
        return bool(connection.execute("SELECT 1 FROM meta WHERE name = ?", (name,)).fetchall())


@contextmanager
def behind_another(together: Together, works: list[Work]) -> Iterator[list[Future[str]]]:
    """Let all `works` come while another write is being carried out; they end with the block."""
    begun, go_on = threading.Event(), threading.Event()

    def first(connection: Connection) -> str:
        begun.set()
        assert go_on.wait(60)
        return writing("first")(connection)

    with ThreadPoolExecutor(len(works) + 1) as pool:
        pool.submit(together.write, first)
        assert begun.wait(60)
        futures = [pool.submit(together.write, work) for work in works]
        while together.waiting < len(works):
            os.sched_yield()
        go_on.set()
        yield futures


def test_who_comes_while_another_commits_shares_the_next_commit(
    database: Database, path: Path, commits: list[Connection]
) -> None:
    names = [f"writer-{number}" for number in range(WRITERS)]
    with behind_another(Together(database), [writing(name) for name in names]) as futures:
        assert [future.result() for future in futures] == names
    assert len(commits) == 2
    assert all(is_kept(path, name) for name in ["first", *names])


def test_nobody_goes_on_before_its_write_can_be_read_by_others(database: Database, path: Path) -> None:
    together = Together(database)

    def written_and_seen(number: int) -> bool:
        return is_kept(path, together.write(writing(str(number))))

    with ThreadPoolExecutor(WRITERS) as pool:
        assert all(pool.map(written_and_seen, range(50)))


def test_one_by_one_each_has_a_commit_of_its_own(database: Database, commits: list[Connection]) -> None:
    together = Together(database)
    assert [together.write(writing(name)) for name in ("a", "b", "c")] == ["a", "b", "c"]
    assert len(commits) == 3


def refusing(_: Connection) -> str:
    raise LookupError("there is no such thing")


def test_what_one_is_refused_for_keeps_no_other_back(database: Database, path: Path) -> None:
    works = [writing("before"), refusing, writing("after")]
    with behind_another(Together(database), works) as (before, refused, after):
        assert (before.result(), after.result()) == ("before", "after")
        with pytest.raises(LookupError, match="no such thing"):
            refused.result()
    assert is_kept(path, "before")
    assert is_kept(path, "after")


def breaking(connection: Connection) -> str:
    connection.execute(text("INSERT INTO nowhere VALUES (1)"))
    return "never"


def too_large(connection: Connection) -> str:
    connection.execute(text("INSERT INTO meta VALUES ('half', 'half')"))
    connection.execute(text("INSERT INTO meta VALUES (:number, '')"), {"number": 2**70})
    return "never"


def a_bug(connection: Connection) -> str:
    connection.execute(text("INSERT INTO meta VALUES ('half', 'half')"))
    raise AttributeError("there is no such attribute")


@pytest.mark.parametrize(
    ("bad", "error"), [(breaking, Refused), (too_large, Refused), (a_bug, AttributeError)]
)
def test_what_cannot_be_written_fails_alone_and_leaves_nothing_behind(
    database: Database, path: Path, commits: list[Connection], bad: Work, error: type[Exception]
) -> None:
    works = [writing("before"), refusing, bad, writing("after"), bad]
    with behind_another(Together(database), works) as (before, refused, first, after, second):
        assert (before.result(), after.result()) == ("before", "after")
        for future, told in ((refused, LookupError), (first, error), (second, error)):
            with pytest.raises(told):
                future.result()
    assert [is_kept(path, name) for name in ("before", "half", "after")] == [True, False, True]
    assert len(commits) == 2


def test_whose_write_is_over_goes_on_while_the_next_ones_are_carried_out(database: Database) -> None:
    together, gone_on = Together(database), [threading.Event(), threading.Event()]
    later: list[Future[str]] = []

    def held(_: Connection) -> str:
        assert all(event.wait(60) for event in gone_on)
        return "held"

    def joined_by_another(_: Connection) -> str:
        later.append(pool.submit(together.write, held))
        while together.waiting < 1:
            os.sched_yield()
        return "joined"

    with ThreadPoolExecutor(1) as pool:
        with behind_another(together, [joined_by_another, writing("beside it")]) as futures:
            for future, event in zip(futures, gone_on, strict=True):
                future.add_done_callback(lambda _, event=event: event.set())  # type: ignore[misc]
        assert later[0].result() == "held"
