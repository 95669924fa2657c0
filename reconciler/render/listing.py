"""What the smaller verbs print, as text and as documents: list, adopt, sandbox and doctor."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from msgspec.structs import asdict

from reconciler.errors import Exit, ReconcilerError
from reconciler.render.values import FORMAT_VERSION, PLAIN, Paint, counted, harmless, shown

if TYPE_CHECKING:
    from reconciler.engine.change import Plan
    from reconciler.engine.kind import Json
    from reconciler.problems import Place


class Sending(Struct, frozen=True):
    """What a seed says of when and to how many it goes."""

    send: str
    round: str
    customers: int


class Listed(Struct, frozen=True):
    """A resource, or a seed, with the targets on which it was found."""

    key: str
    place: Place
    targets: Mapping[str, int | None]
    """Target → the id of a resource there, as far as one is declared."""
    name: str | None = None
    """Its declared name on the first of the targets, `None` where none is declared."""
    sending: Sending | None = None
    """Of a seed, on the first of the targets; `None` for a resource."""


def listing_text(found: Sequence[Listed], *, paint: Paint = PLAIN) -> str:
    """Return one line for each, and how many there are."""
    rows = [(one.key, _what(one), _targets(one), str(one.place)) for one in found]
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(3)]
    lines = [
        "  ".join(
            [paint.strong(f"{row[0]:<{widths[0]}}"), f"{row[1]:<{widths[1]}}", f"{row[2]:<{widths[2]}}"]
        )
        + f"  {harmless(row[3])}"
        for row in rows
    ]
    return "\n".join([*lines, *([""] if lines else []), f"{_total(found)}."])


def _what(one: Listed) -> str:
    if one.sending is None:
        return shown(one.name)
    customers = counted(one.sending.customers, "customer")
    return f"{one.sending.send}, round {harmless(one.sending.round)}, {customers}"


def _total(found: Sequence[Listed]) -> str:
    seeds = sum(one.sending is not None for one in found)
    resources = counted(len(found) - seeds, "resource")
    return f"{resources}, {counted(seeds, 'seed')}" if seeds else resources


def _targets(one: Listed) -> str:
    return ", ".join(target if id is None else f"{target} {id}" for target, id in one.targets.items())


def listing_document(found: Sequence[Listed]) -> dict[str, Any]:
    """Return the same as a document."""
    return {
        "format_version": FORMAT_VERSION,
        "resources": [
            {"key": one.key, "name": one.name, "targets": dict(one.targets), **_place(one)}
            for one in found
            if one.sending is None
        ],
        "seeds": [
            {"key": one.key, **asdict(one.sending), "targets": [*one.targets], **_place(one)}
            for one in found
            if one.sending is not None
        ],
    }


def _place(one: Listed) -> dict[str, Any]:
    return {"file": one.place.file, "line": one.place.line}


class Adopted(Struct, frozen=True):
    """A live configuration that found its place in the files."""

    key: str
    id: int
    name: str
    file: str
    merged: bool = False
    """It was declared on other targets already, and now lives on this one too."""


class Brought(Struct, frozen=True):
    """A live value that was brought back into the files, or the reason why it was not."""

    key: str
    path: str
    before: Json = None
    after: Json = None
    reason: str = ""


def adopted_text(
    adopted: Sequence[Adopted], files: int, managed: int, *, writes: bool, paint: Paint = PLAIN
) -> str:
    """Return one line a configuration, and the summary."""
    merged = sum(one.merged for one in adopted)
    verb = "Adopted" if writes else "Would adopt"
    summary = (
        f"{verb}: {len(adopted) - merged} new, {merged} merged, {managed} declared already; "
        f"{counted(files, 'file')}."
    )
    return "\n".join([*_lines(adopted, paint), *([""] if adopted else []), summary])


def _lines(adopted: Sequence[Adopted], paint: Paint) -> Iterator[str]:
    width = max((len(one.key) for one in adopted), default=0)
    for one in adopted:
        symbol = paint.update("~") if one.merged else paint.create("+")
        key = paint.strong(f"{one.key:<{width}}")
        yield f"{symbol} {key}  id {one.id} {shown(one.name)}  {harmless(one.file)}"


def adopted_document(adopted: Sequence[Adopted]) -> dict[str, Any]:
    """Return the same as a document."""
    return {
        "format_version": FORMAT_VERSION,
        "adopted": [
            {"key": one.key, "id": one.id, "name": one.name, "file": one.file, "merged": one.merged}
            for one in adopted
        ],
    }


def left_text(plan: Plan) -> str:
    """Return what a plan would still do to what was just adopted."""
    changes = [f"{c.key}: {', '.join(view.path for view in c.differing)}" for c in plan.changes]
    blocked = [f"{b.key}: {'; '.join(block.message for block in b.blocks)}" for b in plan.blocked]
    return harmless("The next plan would not be empty: " + " | ".join([*changes, *blocked]))


def brought_text(brought: Sequence[Brought], files: int, *, writes: bool, paint: Paint = PLAIN) -> str:
    """Return one line a field, and the summary."""
    done = [one for one in brought if not one.reason]
    verb = "Updated" if writes else "Would update"
    keys = {one.key for one in done}
    summary = (
        f"{verb}: {counted(len(done), 'field')} of {counted(len(keys), 'resource')}, "
        f"{len(brought) - len(done)} left; {counted(files, 'file')}."
    )
    return "\n".join([*_brought_lines(brought, paint), *([""] if brought else []), summary])


def _brought_lines(brought: Sequence[Brought], paint: Paint) -> Iterator[str]:
    for one in brought:
        if one.reason:
            yield f"{paint.blocked('!')} {paint.strong(one.key)}  {one.path}  left: {harmless(one.reason)}"
        else:
            change = f"{shown(one.before)} → {shown(one.after)}"
            yield f"{paint.update('~')} {paint.strong(one.key)}  {one.path}  {change}"


def brought_document(brought: Sequence[Brought]) -> dict[str, Any]:
    """Return the same as a document."""
    return {
        "format_version": FORMAT_VERSION,
        "fields": [
            {
                "key": one.key,
                "path": one.path,
                "before": one.before,
                "after": one.after,
                "reason": one.reason or None,
            }
            for one in brought
        ],
    }


def sandbox_text(inventory: Mapping[str, Any]) -> str:
    """Return a sandbox's configurations, surveys, last requests and mails, a paragraph each."""
    blocks = [
        _block("Import configurations", _configs(inventory["import_configs"])),
        _block("Surveys", (f"  {s['Id']} {shown(s.get('Title'))}" for s in inventory["surveys"])),
        _block("Last requests", _requests(inventory["requests"])),
        _block("Mails", (f"  {shown(mail)}" for mail in inventory["mails"])),
    ]
    return "\n\n".join(block for block in blocks if block)


def _block(title: str, lines: Iterator[str]) -> str:
    text = "\n".join(lines)
    return f"{title}:\n{text}" if text else ""


def _configs(configs: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for config in configs:
        members = {k: v for k, v in config.items() if k not in ("ImportConfigId", "Name", "hidden")}
        hidden = "  hidden" if config["hidden"] else ""
        yield f"  {config['ImportConfigId']} {shown(config.get('Name'))}{hidden}"
        yield from (f"      {harmless(name)}: {shown(value, longest=90)}" for name, value in members.items())


def _requests(requests: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for request in requests:
        query = f"?{request['query']}" if request["query"] else ""
        status = request["status"] if request["status"] is not None else request["fault"]
        yield harmless(f"  {request['method']} {request['path']}{query} → {status}")


class State(StrEnum):
    """How one thing stands."""

    OK = "ok"
    PROBLEM = "problem"
    NOT_CHECKABLE = "not checkable"
    """Nothing tells, or nothing was asked because of another problem."""


class Check(Struct, frozen=True):
    """One thing that was looked at. It holds no secret."""

    subject: str
    state: State
    message: str
    mend: str = ""
    """What to do about it, empty where nothing is to be done or the message says so."""
    exit: Exit = Exit.DONE
    """What a problem means for the whole."""


class Part(Struct, frozen=True):
    """What was looked at of one thing: of this installation, the workspace, a target."""

    title: str
    checks: Sequence[Check]


def ok(subject: str, message: str) -> Check:
    """Return that a thing is as it should be."""
    return Check(subject, State.OK, message)


def problem(subject: str, message: str, mend: str = "", exit: Exit = Exit.ERROR) -> Check:
    """Return that a thing is not as it should be."""
    return Check(subject, State.PROBLEM, message, mend, exit)


def failed(subject: str, error: ReconcilerError) -> Check:
    """Return a failure as a problem; that an API is unavailable stays told apart."""
    exit = Exit.UNAVAILABLE if error.exit is Exit.UNAVAILABLE else Exit.ERROR
    return problem(subject, str(error), exit=exit)


def not_checkable(subject: str, message: str, mend: str = "") -> Check:
    """Return that it cannot be told how a thing stands."""
    return Check(subject, State.NOT_CHECKABLE, message, mend)


def exit_of(parts: Iterable[Part]) -> Exit:
    """Return what all of it together means: 0, 1, or 7 where nothing but an API is wrong."""
    return Exit.gravest(check.exit for part in parts for check in part.checks)


_SYMBOLS = {State.OK: "✓", State.PROBLEM: "!", State.NOT_CHECKABLE: "?"}


def doctor_text(parts: Sequence[Part], paint: Paint) -> str:
    """Return the parts with a line for each thing, and the way to mend it below; the counts come last."""
    return "\n\n".join([*("\n".join(_part(part, paint)) for part in parts), _summary(parts)])


def _part(part: Part, paint: Paint) -> Iterator[str]:
    yield paint.strong(harmless(part.title))
    width = max((len(check.subject) for check in part.checks), default=0)
    for check in part.checks:
        style = {State.OK: paint.create, State.PROBLEM: paint.blocked, State.NOT_CHECKABLE: paint.doubt}
        symbol = style[check.state](_SYMBOLS[check.state])
        yield f"  {symbol} {check.subject.ljust(width)}  {harmless(_message(check))}"
        if check.mend:
            yield f"    {' ' * width}  → {harmless(check.mend)}"


def _message(check: Check) -> str:
    return f"not checkable: {check.message}" if check.state is State.NOT_CHECKABLE else check.message


def _summary(parts: Sequence[Part]) -> str:
    states = [check.state for part in parts for check in part.checks]
    problems, unknown = counted(states.count(State.PROBLEM), "problem"), states.count(State.NOT_CHECKABLE)
    return f"Checked: {states.count(State.OK)} ok, {problems}, {unknown} not checkable."


def doctor_document(parts: Sequence[Part]) -> dict[str, Any]:
    """Return the parts as a JSON document."""
    return {
        "format_version": FORMAT_VERSION,
        "parts": [
            {"title": part.title, "checks": [_check_document(check) for check in part.checks]}
            for part in parts
        ],
    }


def _check_document(check: Check) -> dict[str, Any]:
    unavailable = {"unavailable": check.exit is Exit.UNAVAILABLE} if check.state is State.PROBLEM else {}
    return {
        "subject": check.subject,
        "state": check.state,
        "message": check.message,
        "mend": check.mend or None,
        **unavailable,
    }
