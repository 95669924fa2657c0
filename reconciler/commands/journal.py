"""The way to the journal of a target."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from reconciler.commands.session import (
    STATE,
    Chosen,
    Session,
    check_journal_file,
    check_state_folder,
    state_folder,
)
from reconciler.config.settings import checkouts_of
from reconciler.errors import Refused, UsageError
from reconciler.git import find_repository, top_of
from reconciler.journal.journal import Journal, ReadOnlyJournal, confined, name_of, open_journal, read_journal

_DATABASES = (".db", ".sqlite", ".sqlite3")


def open_past(chosen: Chosen | Session) -> ReadOnlyJournal:
    """Open the journal to read it. One that is not there yet is not made: it has nothing to say."""
    return read_journal(
        _checked_address(chosen, make=False), chosen.workspace.folder, chosen.environment.clock
    )


@contextmanager
def open_to_write(chosen: Chosen | Session) -> Iterator[Journal]:
    """Open the journal to write it; make it where it is not there yet."""
    address = _checked_address(chosen, make=True)
    environment, around = chosen.environment, chosen.environment.crash.around_addition
    with open_journal(address, chosen.workspace.folder, environment.clock, around) as journal:
        yield journal


def _checked_address(chosen: Chosen | Session, *, make: bool) -> str:
    """Return the address, once nobody else can have put a file there. Makes the folder of the default one."""
    address, folder = journal_address(chosen), chosen.workspace.folder
    if chosen.target.journal is None:
        try:
            check_state_folder(folder, chosen.environment, make=make)
        except OSError as error:
            raise Refused(
                f"the journal cannot be in {state_folder(folder)}: {error.strerror}; without it nothing is "
                f"sent. Look at the rights on the folder around it, or declare a journal: elsewhere"
            ) from error
    elif address.startswith("sqlite:"):
        check_journal_file(Path(name_of(address, folder)), folder, chosen.environment)
    return address


def journal_address(chosen: Chosen | Session) -> str:
    """Return where the journal is: as declared, or in a file beside the workspace. It may hold a password.

    Errors: `Refused` for an address that files name and only an operator may give, `UsageError` where it
    cannot be told, and for a branch of a repository in which the user does not stand: git would use the
    programs that the settings of that one name.
    """
    declared = chosen.target.journal
    if declared is not None:
        address = declared.read(chosen.environment.environ)
        if address.startswith("git+branch:"):
            folder, environ = chosen.workspace.folder, chosen.environment.environ
            top = top_of(folder, environ)
            if top and not chosen.environment.folder.resolve().is_relative_to(top):
                find_repository(folder, environ)  # where files brought it along, that is the thing to say
                raise UsageError(
                    f"journal {address} lies in the repository in {top}, and you stand outside of it, so git "
                    f"does not use its settings: cd '{top}', and run this there"
                )
        if declared.is_operators():
            return address
        if address.startswith("sqlite:"):
            _check_is_inside(Path(name_of(address, chosen.workspace.folder)), chosen.workspace.folder)
        return confined(address, chosen.environment.access)
    return f"sqlite:{state_folder(chosen.workspace.folder) / 'journal.db'}"


def _check_is_inside(path: Path, folder: Path) -> None:
    """Check that a file of the checkout, and no program's, is what the workspace names. Raises `Refused`."""
    checkout, real = checkouts_of(folder)[0], path.resolve()
    inside = real.relative_to(checkout).parts if real.is_relative_to(checkout) else ("..",)
    if real.suffix not in _DATABASES or any(part.startswith(".") for part in inside if part != STATE):
        raise Refused(
            f"journal {path} is none that files may name: it has to end in .db, and lie in {checkout} where "
            f"no dot hides it, or in {STATE}/. Write such a path, or journal: {{env: RECONCILER_JOURNAL}}, "
            f"and let the operator export RECONCILER_JOURNAL=sqlite:{real}"
        )
