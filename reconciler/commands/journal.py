"""The way to the journal of a target."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from reconciler.commands.session import Chosen, Session, state_folder
from reconciler.errors import Refused
from reconciler.journal.blank import BlankRecords
from reconciler.journal.mortal import mortal
from reconciler.journal.opening import Journal, Past, open_journal

SQLITE = "sqlite:"


@contextmanager
def open_past(chosen: Chosen | Session) -> Iterator[Past]:
    """Open the journal to read it. One that is not there yet is not made: it has nothing to say."""
    path = journal_path(chosen)
    if not path.exists():
        yield BlankRecords()
        return
    with open_journal(path, chosen.outside.clock) as journal:
        yield journal


@contextmanager
def open_to_write(chosen: Chosen | Session) -> Iterator[Journal]:
    """Open the journal to write it; make it where it is not there yet."""
    with open_journal(journal_path(chosen), chosen.outside.clock) as journal:
        yield mortal(journal, chosen.outside.crash)


def journal_path(chosen: Chosen | Session) -> Path:
    """Return the file of the journal: the declared one, or that beside the workspace.

    Errors: `Refused` for a journal of another form than `sqlite:PATH`.
    """
    declared = chosen.target.journal
    if declared is None:
        return state_folder(chosen.workspace.folder) / "journal.db"
    address = declared.read(chosen.outside.environ)
    if not address.startswith(SQLITE):
        raise Refused("this version keeps its journal in a file: write journal: sqlite:PATH")
    return chosen.workspace.folder / address.removeprefix(SQLITE).removeprefix("//")
