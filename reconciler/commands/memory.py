"""What the journal remembers of an account: a plan is made without it too, and says so."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from reconciler.commands.console import Console
from reconciler.commands.journal import open_past
from reconciler.commands.session import Session
from reconciler.engine.kind import Json
from reconciler.engine.plan import Action
from reconciler.errors import ReconcilerError
from reconciler.journal.blank import BlankRecords
from reconciler.journal.opening import Past
from reconciler.journal.runs import Operation


@dataclass(frozen=True)
class Memory:
    """What is remembered. `trouble` says why nothing is, where the journal cannot be read."""

    past: Past = field(default_factory=BlankRecords)
    learned: Mapping[str, Json] = field(default_factory=dict)
    """What resets were seen to leave behind: path → value in compared form."""
    known_ids: Mapping[str, int] = field(default_factory=dict)
    """The id that each key of today had when it was last written."""
    trouble: ReconcilerError | None = None


@contextmanager
def remembered(session: Session, console: Console) -> Iterator[Memory]:
    """Open the journal for planning. Where it cannot be read, that is said, and nothing is remembered."""
    with ExitStack() as opened:
        try:
            memory = _recalled(session, opened.enter_context(open_past(session)))
        except ReconcilerError as error:
            console.say(f"Warning: {error} This plan is made without the journal, and apply would refuse.")
            memory = Memory(trouble=error)
        yield memory


def _recalled(session: Session, past: Past) -> Memory:
    latest = past.latest(session.account)
    moved = session.workspace.moved
    ids = {key: id for key, operation in latest.items() if (id := _id_after(operation)) is not None}
    former = {new: ids[old] for old, new in moved.items() if old in ids}
    return Memory(past, past.learned(session.account), {**former, **ids})


def _id_after(operation: Operation) -> int | None:
    """Return the id that a resource has after its last write, `None` where it has none or it is unknown."""
    intent, ending = operation.intent, operation.ending
    if intent.action == Action.DELETE:
        return None
    return ending.id if ending and ending.id is not None else intent.id
