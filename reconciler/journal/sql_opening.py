"""What opening a journal is in every SQL database: recognising it, making it, and bringing it up to date."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from msgspec import Struct
from sqlalchemy import Connection, Engine

from reconciler.clock import Clock
from reconciler.journal.database import reading
from reconciler.journal.earlier import brought_up_to_date
from reconciler.journal.failures import translated
from reconciler.journal.migrations import Step, is_current, migrate, version
from reconciler.journal.sql import SqlJournal


class Place(Struct, frozen=True):
    """A database in which a journal is, or can be made. `name` is what errors call it."""

    engine: Engine
    name: str
    recognise: Callable[[Connection, str], None]
    """Returns if there is a sound journal, or nothing at all; raises `Refused` or `UsageError` otherwise."""
    make_room: Callable[[Connection, str], None]
    """Makes what has to be there before the first table."""


def open_place(place: Place, steps: Sequence[Step], clock: Clock) -> SqlJournal:
    """Open a journal; make it, or bring it to the version that `steps` lead to."""
    with _released_on_failure(place):
        is_new = _prepare(place, steps, clock)
        return SqlJournal(place.engine, clock, place.name, is_new=is_new)


def read_place(place: Place, steps: Sequence[Step], clock: Clock) -> SqlJournal | None:
    """Open a journal to read it, as if it had the version that `steps` lead to; `None` if there is none."""
    with _released_on_failure(place):
        engine = _readable(place, steps, clock)
        if engine is not place.engine:
            place.engine.dispose()
        return SqlJournal(engine, clock, place.name, is_new=False) if engine else None


@contextmanager
def _released_on_failure(place: Place) -> Iterator[None]:
    try:
        with translated(place.name):
            yield
    except BaseException:
        place.engine.dispose()
        raise


def _prepare(place: Place, steps: Sequence[Step], clock: Clock) -> bool:
    """Make the journal one of the current version; tell whether there was none before."""
    with reading(place.engine).begin() as connection:
        place.recognise(connection, place.name)
        if is_current(connection, place.name, steps):  # so that one that may only be read can be read
            return False
    with place.engine.begin() as connection:
        found = version(connection)
        if not is_current(connection, place.name, steps):  # another process may have been faster
            place.make_room(connection, place.name)
            migrate(connection, steps, clock.now())
        return found == 0


def _readable(place: Place, steps: Sequence[Step], clock: Clock) -> Engine | None:
    """Return the database with a journal of the current version: the place's own, or a copy in memory."""
    with reading(place.engine).begin() as connection:
        place.recognise(connection, place.name)
        if version(connection) == 0:
            return None
        if is_current(connection, place.name, steps):
            return place.engine
        return brought_up_to_date(connection, steps, clock.now())
