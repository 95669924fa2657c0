"""The way to the journal of a target."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from reconciler.commands.session import Chosen, Session, state_folder
from reconciler.errors import UsageError
from reconciler.git import find_repository, top_of
from reconciler.journal.mortal import mortal
from reconciler.journal.opening import Journal, Past, open_journal, read_journal


def open_past(chosen: Chosen | Session) -> Past:
    """Open the journal to read it. One that is not there yet is not made: it has nothing to say."""
    return read_journal(journal_address(chosen), chosen.workspace.folder, chosen.outside.clock)


@contextmanager
def open_to_write(chosen: Chosen | Session) -> Iterator[Journal]:
    """Open the journal to write it; make it where it is not there yet."""
    address = journal_address(chosen)
    with open_journal(address, chosen.workspace.folder, chosen.outside.clock) as journal:
        yield mortal(journal, chosen.outside.crash)


def journal_address(chosen: Chosen | Session) -> str:
    """Return where the journal is: as declared, or in a file beside the workspace. It may hold a password.

    Errors: `UsageError` where it cannot be told, and for a branch of a repository in which the user does not
    stand: git would use the programs that the settings of that one name.
    """
    declared = chosen.target.journal
    if declared is not None:
        address = declared.read(chosen.outside.environ)
        if address.startswith("git+branch:"):
            folder, environ = chosen.workspace.folder, chosen.outside.environ
            top = top_of(folder, environ)
            if top and not chosen.outside.folder.resolve().is_relative_to(top):
                find_repository(folder, environ)  # where files brought it along, that is the thing to say
                raise UsageError(
                    f"journal {address} lies in the repository in {top}, and you stand outside of it, so git "
                    f"does not use its settings: cd '{top}', and run this there"
                )
        return address
    return f"sqlite:{state_folder(chosen.workspace.folder) / 'journal.db'}"
