"""The door to a journal. A database library is imported only behind it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol, Self

from msgspec import Struct

from reconciler.access import Access
from reconciler.clock import Clock
from reconciler.errors import UsageError
from reconciler.journal.blank import BlankRecords
from reconciler.journal.ledger import Ledger, Records
from reconciler.journal.runs import RunLog, Runs


class Past(Records, Runs, Protocol):
    """What planning and looking back ask of an open journal, which is a context manager that closes it."""

    @property
    def is_new(self) -> bool:
        """Whether it knows nothing of the past because it was not there before it was opened."""

    def close(self) -> None:
        """Let go of it. What was written is safe without that; closing twice is allowed."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...


class Journal(Past, Ledger, RunLog, Protocol):
    """An open journal."""


def open_journal(address: str, folder: Path, clock: Clock) -> Journal:
    """Open the journal at an address; make it where it is not there, and bring an older one up to date.

    Its forms are `sqlite:PATH`, a file that only this user can read, whose path counts from `folder`,
    `postgresql://…`, a database as `psql` takes it, and `git+branch:NAME`, a branch of the repository that
    `folder` lies in. A current one that may only be read can be opened, and refuses to be written.

    Raises `UsageError` if the address has another form, what is there is something else, or a newer
    reconciler has written it; and `Refused` if it cannot be reached, made, read or brought up to date, is
    damaged, or is held by another process. No error shows a password.
    """
    return _form_of(address).open(address, folder, clock)


def read_journal(address: str, folder: Path, clock: Clock) -> Past:
    """Open the journal at an address to read it. Nothing is made there, and nothing is changed.

    One that is not there yet has nothing to say; an older one is read as if it were up to date. Errors as
    for `open_journal`.
    """
    return _form_of(address).read(address, folder, clock) or BlankRecords()


def name_of(address: str, folder: Path) -> str:
    """Return what messages call the journal at an address; no password is in it. Errors: `UsageError`."""
    _form_of(address)
    if address.startswith("sqlite:"):
        return str(_file(address, folder))
    if address.startswith("git+branch:"):
        return address
    with _driver():
        from reconciler.journal.postgresql import server_at
    return server_at(address).name


def confined(address: str, access: Access) -> str:
    """Return an address that files name, so that opening it uses no credential of an operator's.

    Raises `Refused` for one that only an operator may give, and says what to set or write instead.
    """
    if not address.startswith(("postgresql://", "postgres://")):
        return address
    with _driver():
        from reconciler.journal import postgresql
    return postgresql.confined(address, access)


def protection_of(address: str) -> str:
    """Return the `sslmode` of a database elsewhere; empty for this machine, and what is no database."""
    if not address.startswith(("postgresql://", "postgres://")):
        return ""
    with _driver():
        from reconciler.journal import postgresql
    return postgresql.protection_of(address)


class Form(Struct, frozen=True):
    """A form of addresses: how such a journal is opened, and how it is read, `None` if it is not there."""

    open: Callable[[str, Path, Clock], Journal]
    read: Callable[[str, Path, Clock], Past | None]


def _open_file(address: str, folder: Path, clock: Clock) -> Journal:
    from reconciler.journal.sqlite import open_file

    return open_file(_file(address, folder), clock)


def _read_file(address: str, folder: Path, clock: Clock) -> Past | None:
    file = _file(address, folder)
    if not os.path.lexists(file):
        return None
    from reconciler.journal.sqlite import read_file

    return read_file(file, clock)


def _file(address: str, folder: Path) -> Path:
    path = address.removeprefix("sqlite:").removeprefix("//")
    if not path or "\0" in path:
        raise UsageError("the address of the journal names no file: write sqlite:PATH")
    return folder / path


def _open_server(address: str, folder: Path, clock: Clock) -> Journal:
    del folder
    with _driver():
        from reconciler.journal.postgresql import open_server
    return open_server(address, clock)


def _read_server(address: str, folder: Path, clock: Clock) -> Past | None:
    del folder
    with _driver():
        from reconciler.journal.postgresql import read_server
    return read_server(address, clock)


def _open_branch(address: str, folder: Path, clock: Clock) -> Journal:
    from reconciler.journal.git import open_branch

    return open_branch(folder, address.removeprefix("git+branch:"), clock)


def _read_branch(address: str, folder: Path, clock: Clock) -> Past | None:
    from reconciler.journal.git import read_branch

    return read_branch(folder, address.removeprefix("git+branch:"), clock)


@contextmanager
def _driver() -> Iterator[None]:
    try:
        yield
    except ImportError as error:
        raise UsageError(
            "a journal in PostgreSQL needs a library that is not there: pip install 'reconciler[postgresql]'"
        ) from error


FORMS: Mapping[str, Form] = {
    "sqlite:": Form(_open_file, _read_file),
    "postgresql://": Form(_open_server, _read_server),
    "postgres://": Form(_open_server, _read_server),
    "git+branch:": Form(_open_branch, _read_branch),
}
"""What an address begins with → what it means."""


def _form_of(address: str) -> Form:
    for beginning, form in FORMS.items():
        if address.startswith(beginning):
            return form
    # An address may hold a password, so none is shown.
    raise UsageError(
        f"the address of the journal has no form that is known; it begins with one of {', '.join(FORMS)}"
    )
