"""The way back from a run: what has to be declared for it. It is planned and carried out like any plan."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec.structs import replace

from reconciler.commands.history import the_run
from reconciler.commands.journal import RESTORE, Memory, id_after
from reconciler.commands.session import Session
from reconciler.engine.body import Absent, unknown_members, value_at
from reconciler.engine.classify import known_defaults
from reconciler.engine.drift import rollback
from reconciler.engine.kind import Declared, Kind
from reconciler.engine.outcome import Result
from reconciler.errors import Refused
from reconciler.journal.entries import ADOPT, MAY_BE_DONE, Operation, Run, shown_accounts
from reconciler.journal.journal import ReadOnlyJournal
from reconciler.render.values import counted, in_short


def way_back(number: int, session: Session, memory: Memory) -> tuple[list[Declared], tuple[str, ...]]:
    """Return what takes a run back, and what a person should know of it. Asks no API.

    Errors: `UsageError` where there is no such run; `Refused` where it was on another account or wrote
    nothing that can be restored.
    """
    if memory.trouble is not None:
        raise memory.trouble
    run = the_run(memory.past, number)
    made_here = (o for o in memory.past.operations(number) if o.intent.account == session.account)
    operations = [o for o in made_here if o.intent.action != ADOPT]
    if session.account not in run.start.accounts:
        there, accounts = run.start.target, ", ".join(shown_accounts(run.start.accounts))
        mend = (
            f"add --target {there}" if there != session.target.name else "it had another address or key then"
        )
        raise Refused(
            f"run {number} was on target {there}, account {accounts}, "
            f"and this is {session.account_name}: {mend}"
        )
    mailed = _mailed(memory.past, run)
    if not operations:
        mail = f" {mailed}" if mailed else ""
        raise Refused(f"run {number} wrote no configuration; there is nothing to be restored.{mail}")
    # A write that was refused has changed nothing.
    changed = [
        o for o in operations if not (end := o.ending) or end.result in MAY_BE_DONE or end.after is not None
    ]
    # Where something may have been created and no id of it is known, nothing is deleted for it.
    nameless = [o for o in changed if o.intent.before is None and id_after(o) is None]
    # Several are written at once, in any order.
    named = sorted((o for o in changed if o not in nameless), key=lambda o: o.intent.key)
    defaults = known_defaults(session.kind, session.target.defaults, memory.learned)
    declared = [
        rollback(
            session.kind,
            f"run {number}",
            o.intent.key,
            defaults,
            id=id_after(o),
            before=o.intent.before,
            sent=o.intent.body,
        )
        for o in named
    ]
    # A way back from the same run that ended half-way is no other run.
    runs = (one for one in memory.past.runs(session.account) if one.number > number)
    others = {r.number for r in runs if r.start.command.split()[:2] != f"{RESTORE}{number}".split()}
    latest = memory.past.latest(session.account, adopted=False)
    later = [k for o in changed if (k := o.intent.key) in latest and latest[k].run in others]
    lost = [f"{path} of {o.intent.key}" for o in changed for path in _taken_away(session.kind, o)]
    doubtful = [o.intent.key for o in named if o.ending is None or o.ending.result == Result.IN_DOUBT]
    notes = _notes(run, [o.intent.key for o in nameless], doubtful, later, lost)
    return declared, (*([mailed] if mailed else []), *notes)


def _mailed(past: ReadOnlyJournal, run: Run) -> str:
    """Return whom a run sent to, or may have, and that it cannot be taken back; empty for nobody."""
    counts = past.record(run).run.counts
    sent, doubtful = counts.get("sent", 0), counts.get("customers in doubt", 0)
    parts = [f"sent to {counted(sent, 'customer')}"] if sent else []
    parts += [f"may have sent to {counted(doubtful, 'customer')}"] if doubtful else []
    return f"Run {run.number} {' and '.join(parts)}: mail cannot be restored." if parts else ""


def _taken_away(kind: Kind, operation: Operation) -> Iterator[str]:
    """Yield what a write took away that no field of the kind holds: what a body had, and has no more."""
    ending, intent = operation.ending, operation.intent
    after = (ending.after if ending else None) or intent.body or {}
    for member, value in unknown_members(replace(kind, server_members=frozenset()), intent.before or {}):
        if value and member != (kind.id_member,) and isinstance(value_at(after, member), Absent):
            yield ".".join(member)


def _notes(
    run: Run, nameless: Sequence[str], doubtful: Sequence[str], later: Sequence[str], lost: Sequence[str]
) -> Iterator[str]:
    """Yield what a person should know before the way back is taken."""
    if nameless:
        yield (
            f"No id is known of what run {run.number} may have created, so nothing is deleted for it: "
            f"{in_short(nameless)}. Look in the Tool."
        )
    if doubtful:
        yield (
            f"Whether run {run.number} has written these is in doubt, so the way back starts from what is "
            f"live now; plan it again later: {in_short(doubtful)}."
        )
    if later:
        yield f"Written again by later runs, which goes back too: {in_short(later)}."
    if lost:
        yield (
            f"Run {run.number} took away what this tool does not know, and the way back does not bring it: "
            f"{in_short(lost)}. `history show {run.number} --format json` has the values."
        )
    yield (
        f"The files may still declare what run {run.number} wrote: change them too, or the next apply brings "
        "it back."
    )
