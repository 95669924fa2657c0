"""What the journal remembers of an account: a plan is made without it too, and says so."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager

from msgspec import Struct, field
from msgspec.structs import replace

from reconciler.commands.console import Console
from reconciler.commands.journal import open_past
from reconciler.commands.session import Session, tenant_account
from reconciler.engine.body import Normal, value_at, written
from reconciler.engine.change import Action, Plan
from reconciler.engine.classify import CreateInDoubt, contradicted
from reconciler.engine.drift import LastWrite, attribute_drift
from reconciler.engine.identity import name_of
from reconciler.engine.kind import Json, Kind
from reconciler.engine.outcome import Result
from reconciler.errors import ReconcilerError
from reconciler.journal.entries import Operation
from reconciler.journal.journal import ReadOnlyJournal
from reconciler.problems import Problem, Severity

RESTORE = "restore "
"""How the command of a run begins that was a way back."""


class Memory(Struct, frozen=True):
    """What is remembered. `trouble` says why nothing is, where the journal cannot be read."""

    past: ReadOnlyJournal = field(default_factory=ReadOnlyJournal)
    learned: Mapping[str, Json] = field(default_factory=dict)
    """What resets were seen to leave behind: path → value in compared form."""
    known_ids: Mapping[str, int] = field(default_factory=dict)
    """The id that each key of today had when it was last written."""
    in_doubt: Mapping[str, CreateInDoubt] = field(default_factory=dict)
    """The keys of today that were last written by a create in doubt."""
    last_writes: Mapping[str, LastWrite] = field(default_factory=dict)
    """How each key of today was last written."""
    unsure: Mapping[str, int] = field(default_factory=dict)
    """The keys of today of which nobody knows whether their last write was carried out → its run."""
    untrue: tuple[Problem, ...] = ()
    """The defaults that the files state and a read-back of the account has contradicted."""
    trouble: ReconcilerError | None = None

    def told_apart(self, plan: Plan) -> Plan:
        """Return the plan in which what changed in git is told from what changed live."""
        told = attribute_drift(plan, self.last_writes)
        runs = {self.last_writes[key].run for key in _worded(told) if key in self.last_writes}
        restores = {number for number in runs if self._is_restore(number)}
        if not restores:
            return told
        last = {key: replace(one, restored=one.run in restores) for key, one in self.last_writes.items()}
        return attribute_drift(plan, last)

    def _is_restore(self, number: int) -> bool:
        run = self.past.run(number)
        return bool(run and run.start.command.startswith(RESTORE))


def _worded(plan: Plan) -> Iterator[str]:
    """Yield the keys of which something is said."""
    changes = [*plan.changes, *(blocked.change for blocked in plan.blocked if blocked.change)]
    views = {**{one.key: one.views for one in plan.unchanged}, **{one.key: one.fields for one in changes}}
    yield from (key for key, some in views.items() if any(view.drift for view in some))


@contextmanager
def remembered(session: Session, console: Console) -> Iterator[Memory]:
    """Open the journal for planning. Where it cannot be read, or contradicts the files, that is said."""
    with recalled(session) as memory:
        if memory.trouble is not None:
            reason = str(memory.trouble).rstrip(".")
            console.warn(f"{reason}. This plan is made without the journal, and apply would refuse.")
        if not console.quiet:
            console.problems(memory.untrue)
        yield memory


@contextmanager
def recalled(session: Session) -> Iterator[Memory]:
    """Open the journal to read it. Where it cannot be read, the memory says why, and holds nothing."""
    with ExitStack() as opened:
        try:
            memory = memory_in(session, opened.enter_context(open_past(session)))
        except ReconcilerError as error:
            memory = Memory(trouble=error)
        yield memory


def memory_in(session: Session, past: ReadOnlyJournal) -> Memory:
    """Return what an open journal remembers of the target. Errors: `Refused` where it cannot be read."""
    by_key = dict(past.latest(session.account))
    if session.seeds:  # a ledger that cannot be read is found out here, before anything goes by it
        for tenant in tenant_account(session.target):
            past.past(tenant)
    for old, new in session.workspace.moved.items():
        moved = [by_key[key] for key in (old, new) if key in by_key]
        if moved:
            by_key[new] = max(moved, key=lambda operation: operation.number)
    by_key = {**_under_other_keys(session, by_key), **by_key}
    ids = {key: id for key, operation in by_key.items() if (id := _id_after(operation)) is not None}
    doubts = {key: doubt for key, one in by_key.items() if (doubt := _create_in_doubt(one, session.kind))}
    writes = {key: write for key, operation in by_key.items() if (write := _last_write(operation))}
    unsure = {key: operation.run for key, operation in by_key.items() if not _is_applied(operation)}
    learned = past.learned(session.account)
    return Memory(past, learned, ids, doubts, writes, unsure, tuple(_untrue(session, learned)))


def _under_other_keys(session: Session, by_key: Mapping[str, Operation]) -> dict[str, Operation]:
    """Return by keys of today what was last written in their name under a key that nobody declares any more.

    A create in doubt counts under whatever key: it is the name that must not be there twice.
    """
    declared = session.workspace.declared[session.target.name]
    keys = {one.key for one in declared}
    written = sorted(by_key.items(), key=lambda item: item[1].number)
    named = {
        _sent_name(operation, session.kind): operation
        for key, operation in written
        if operation.intent.body and (key not in keys or _create_in_doubt(operation, session.kind))
    }
    names = {one.key: name_of(one, session.kind) for one in declared}
    return {key: named[name] for key, name in names.items() if name and name in named}


def _untrue(session: Session, learned: Mapping[str, Json]) -> Iterator[Problem]:
    """Yield a warning for each stated default that is another one, on its line."""
    target, contents = session.target, session.workspace.contents
    normal = Normal(session.kind, explicit_empties=False)
    for path, value in contradicted(normal, target.defaults, learned).items():
        field = session.kind.by_path[path]
        said, seen = (
            json.dumps(written(field, one), ensure_ascii=False) for one in (target.defaults[path], value)
        )
        yield Problem(
            "untrue-default",
            contents.place_of(target.name, "defaults", path) or target.place,
            f"targets.{target.name}",
            f"defaults.{path} says {said}, and a read-back of this account has shown {seen}, which counts",
            "remove the line" if value is None else f"write {path}: {seen}",
            Severity.WARNING,
        )


def _create_in_doubt(operation: Operation, kind: Kind) -> CreateInDoubt | None:
    if operation.intent.action != Action.CREATE or _is_applied(operation):
        return None
    name, id = _sent_name(operation, kind), _id_after(operation)
    return CreateInDoubt(operation.number, operation.run, operation.at, name, id)


def _sent_name(operation: Operation, kind: Kind) -> str:
    name = value_at(operation.intent.body or {}, kind.by_path[kind.name_field].member)
    return name if isinstance(name, str) else ""


def _last_write(operation: Operation) -> LastWrite | None:
    """Return what an operation left behind, `None` where that is nothing."""
    intent, ending = operation.intent, operation.ending
    if intent.body is None:
        return None
    after = ending.after if ending else None
    sure = _is_applied(operation)
    return LastWrite(operation.run, _id_after(operation), intent.before, intent.body, after, sure)


def _is_applied(operation: Operation) -> bool:
    return bool(operation.ending and operation.ending.result == Result.APPLIED)


def _id_after(operation: Operation) -> int | None:
    """Return the id that a resource has after its last write, `None` where it has none or it is unknown."""
    intent, ending = operation.intent, operation.ending
    if intent.action == Action.DELETE:
        return None
    return ending.id if ending and ending.id is not None else intent.id
