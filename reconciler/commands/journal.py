"""The journal of a target: the way to it, and what it remembers for a plan."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from msgspec import Struct, field

from reconciler.commands.console import Console
from reconciler.commands.session import (
    STATE,
    Chosen,
    Session,
    check_journal_file,
    check_state_folder,
    state_folder,
)
from reconciler.config.discovery import MOVED
from reconciler.config.settings import checkouts_of
from reconciler.engine.body import value_at, written
from reconciler.engine.change import Action
from reconciler.engine.classify import DefaultSource, LastWrite, known_defaults
from reconciler.engine.inventory import name_of
from reconciler.engine.kind import Json, Kind
from reconciler.engine.outcome import Result
from reconciler.errors import ReconcilerError, Refused, UsageError
from reconciler.git import find_repository, top_of
from reconciler.journal.entries import ADOPT, Operation
from reconciler.journal.journal import (
    Journal,
    ReadOnlyJournal,
    confined,
    open_journal,
    read_journal,
    shown_address,
)
from reconciler.problems import ALIKE, Problem, Severity, lookalikes, told_apart

_DATABASES = (".db", ".sqlite", ".sqlite3")


def open_past(chosen: Chosen) -> ReadOnlyJournal:
    """Open the journal to read it. One that is not there yet is not made: it has nothing to say."""
    return read_journal(
        _checked_address(chosen, make=False), chosen.workspace.folder, chosen.environment.clock
    )


@contextmanager
def open_to_write(chosen: Chosen) -> Iterator[Journal]:
    """Open the journal to write it; make it where it is not there yet."""
    address = _checked_address(chosen, make=True)
    environment, around = chosen.environment, chosen.environment.crash.around_addition
    with open_journal(address, chosen.workspace.folder, environment.clock, around) as journal:
        yield journal


def _checked_address(chosen: Chosen, *, make: bool) -> str:
    """Return the address, after a check that no other user can have put a file there.

    Makes the folder of the default one.
    """
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
        check_journal_file(Path(shown_address(address, folder)), folder, chosen.environment)
    return address


def journal_address(chosen: Chosen) -> str:
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
            _check_is_inside(Path(shown_address(address, chosen.workspace.folder)), chosen.workspace.folder)
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


RESTORE = "restore "  # how the command of a run begins that was a way back


class Memory(Struct, frozen=True):
    """What the journal remembers of a target. `trouble` says why nothing is, where it cannot be read."""

    past: ReadOnlyJournal = field(default_factory=ReadOnlyJournal)
    learned: Mapping[str, Json] = field(default_factory=dict)
    """What resets were seen to leave behind: path → value in compared form."""
    last_writes: Mapping[str, LastWrite] = field(default_factory=dict)  # the last write of each key of today
    unsure: Mapping[str, int] = field(default_factory=dict)
    """The keys of today whose last write may or may not have been carried out → its run."""
    untrue: tuple[Problem, ...] = ()
    """The stated defaults that it contradicts, and the keys under `moved` that it knows otherwise."""
    trouble: ReconcilerError | None = None


@contextmanager
def remembered(session: Session, console: Console | None = None) -> Iterator[Memory]:
    """Open the journal for planning; the console says where it cannot be read, or contradicts the files."""
    with ExitStack() as opened:
        try:
            memory = memory_in(session, opened.enter_context(open_past(session)))
        except ReconcilerError as error:
            memory = Memory(trouble=error)
            if console is not None:
                reason = str(error).rstrip(".")
                console.warn(f"{reason}. This plan is made without the journal, and apply would refuse.")
        if console is not None:
            console.problems(memory.untrue, every=True)
        yield memory


def memory_in(session: Session, past: ReadOnlyJournal) -> Memory:
    """Return what an open journal remembers of the target. Errors: `Refused` where it cannot be read."""
    kind, by_key = session.kind, dict(past.latest(session.account))
    names = {one.key: name_of(one, kind) for one in session.workspace.declared[session.target.name]}
    untrue = [*_untrue(session, past.learned(session.account))]
    for old, new in session.workspace.moved.items():
        if not {old, new} & by_key.keys():
            # A key of before that only looks like the one that is named has its history all the same.
            for other in lookalikes(old, by_key.keys() - names.keys()):
                untrue.append(_moved_lookalike(session, old, other))
                by_key[old] = by_key[other]
        moved = [by_key[key] for key in (old, new) if key in by_key]
        if moved:
            by_key[new] = max(moved, key=lambda operation: operation.number)
    # What was written in a declared name under a key that is declared no more is that resource's. A create in
    # doubt counts under whatever key: it is the name that must not be there twice.
    named = {}
    for key, operation in sorted(by_key.items(), key=lambda item: item[1].number):
        is_doubtful_create = operation.intent.action == Action.CREATE and not _is_applied(operation)
        if operation.intent.body and (key not in names or is_doubtful_create):
            named[_sent_name(operation, kind)] = operation
    by_key = {**{key: named[name] for key, name in names.items() if name and name in named}, **by_key}
    restores = {run.number for run in past.runs(session.account) if run.start.command.startswith(RESTORE)}
    writes = {
        key: LastWrite(
            operation.run,
            id_after(operation),
            operation.intent.before,
            operation.intent.body,
            operation.ending.after if operation.ending else None,
            _is_applied(operation),
            restored=operation.run in restores,
            adopted=operation.intent.action == ADOPT,
            operation=operation.number,
            at=operation.at,
            name=_sent_name(operation, kind),
        )
        for key, operation in by_key.items()
        if operation.intent.body is not None
    }
    unsure = {key: operation.run for key, operation in by_key.items() if not _is_applied(operation)}
    return Memory(past, past.learned(session.account), writes, unsure, tuple(untrue))


def _moved_lookalike(session: Session, old: str, other: str) -> Problem:
    """Return a warning for a key under `moved` that looks like the one that the journal knows."""
    said = session.workspace.contents.sections.get(MOVED, ())
    places = [node.key_place for name, node in said if old in (name, f"{session.kind.name}.{name}")]
    message = f"moved: the journal knows {' as '.join(told_apart(old, other))}; {ALIKE}"
    place = next(iter(places), session.target.place)
    return Problem("moved-lookalike", place, old, message, f"write {other}", Severity.WARNING)


def _untrue(session: Session, learned: Mapping[str, Json]) -> Iterator[Problem]:
    """Yield a warning for each stated default that is another one, on its line."""
    target, contents = session.target, session.workspace.contents
    known = known_defaults(session.kind, target.defaults, learned)
    for path in [path for path in target.defaults if known[path].source is DefaultSource.LEARNED]:
        field, value = session.kind.by_path[path], known[path].value
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


def _sent_name(operation: Operation, kind: Kind) -> str:
    name = value_at(operation.intent.body or {}, kind.by_path[kind.name_field].member)
    return name if isinstance(name, str) else ""


def _is_applied(operation: Operation) -> bool:
    return bool(operation.ending and operation.ending.result == Result.APPLIED)


def id_after(operation: Operation) -> int | None:
    """Return the id that a resource has after its last write, `None` where it has none or it is unknown."""
    return None if operation.intent.action == Action.DELETE else operation.id
