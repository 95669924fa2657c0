"""What the smaller verbs print, as text and as documents: list, adopt, sandbox and doctor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

from msgspec import Struct
from msgspec.structs import asdict

from reconciler.errors import Exit, ReconcilerError
from reconciler.render.values import (
    FORMAT_VERSION,
    PLAIN,
    Document,
    Paint,
    columns,
    counted,
    first_of,
    harmless,
    in_short,
    problem_document,
    shown,
    wrapped,
)

if TYPE_CHECKING:
    from reconciler.engine.change import Plan
    from reconciler.engine.kind import Json
    from reconciler.problems import Place, Problem


class Listed(Struct, frozen=True):
    """A resource, or a seed, with the targets on which it was found."""

    key: str
    place: Place
    targets: Mapping[str, int | None]  # target → the id of a resource there, as far as one is declared
    name: str | None = None  # its declared name on the first of the targets, `None` where none is declared
    send: str = ""  # of a seed, on the first of the targets: when it goes; empty for a resource
    round: str = ""
    customers: int = 0


def listing_text(found: Sequence[Listed], *, paint: Paint = PLAIN) -> str:
    """Return one line for each, and how many there are."""
    rows = []
    for one in found:
        what = f"{one.send}, round {harmless(one.round)}, {counted(one.customers, 'customer')}"
        ids = (target if id is None else f"{target} {id}" for target, id in one.targets.items())
        rows.append(
            (one.key, what if one.send else shown(one.name), ", ".join(ids), harmless(str(one.place)))
        )
    width = max((len(key) for key, *_ in rows), default=0)
    lines = [f"{paint.strong(line[:width])}{line[width:]}" for line in columns(rows, paint.width)]
    seeds = sum(bool(one.send) for one in found)
    total = counted(len(found) - seeds, "resource") + (f", {counted(seeds, 'seed')}" if seeds else "")
    return _summed(lines, f"{total}.")


def _summed(lines: Sequence[str], summary: str) -> str:
    return "\n".join([*lines, "", summary] if lines else [summary])


def listing_document(found: Sequence[Listed]) -> Document:
    """Return the same as a document."""
    resources, seeds = list[Document](), list[Document]()
    for one in found:
        place = {"file": one.place.file, "line": one.place.line}
        if one.send:
            goes = {"send": one.send, "round": one.round, "customers": one.customers}
            seeds.append({"key": one.key, **goes, "targets": [*one.targets], **place})
        else:
            resources.append({"key": one.key, "name": one.name, "targets": dict(one.targets), **place})
    return {"format_version": FORMAT_VERSION, "resources": resources, "seeds": seeds}


class Adopted(Struct, frozen=True):
    """A live configuration that found its place in the files."""

    key: str
    id: int
    name: str
    file: str
    merged: bool = False  # it was declared on other targets already, and now lives on this one too


class Brought(Struct, frozen=True):
    """A live value that was brought back into the files, or the reason why it was not."""

    key: str
    path: str
    before: Json = None
    after: Json = None
    reason: str = ""


def adopted_text(
    adopted: Sequence[Adopted],
    files: int,
    managed: int,
    *,
    writes: bool,
    paint: Paint = PLAIN,
    verbose: bool = False,
) -> str:
    """Return one line a configuration, of many for the first ones, and the summary."""
    width = max((len(one.key) for one in adopted), default=0)
    lines = []
    for one in adopted:
        symbol = paint.update("~") if one.merged else paint.create("+")
        key = paint.strong(f"{one.key:<{width}}")
        lines.append(f"{symbol} {key}  id {one.id} {shown(one.name)}  {harmless(one.file)}")
    merged = sum(one.merged for one in adopted)
    counts = f"{len(adopted) - merged} new, {merged} merged, {managed} declared already"
    summary = f"{'Adopted' if writes else 'Would adopt'}: {counts}; {counted(files, 'file')}."
    return _summed(first_of(lines, every=verbose), summary)


def adopted_document(adopted: Sequence[Adopted], warnings: Sequence[Problem] = ()) -> Document:
    """Return the same as a document, with the warnings about the files."""
    found = {"adopted": [asdict(one) for one in adopted], "problems": [*map(problem_document, warnings)]}
    return {"format_version": FORMAT_VERSION, **found}


def left_text(plan: Plan) -> str:
    """Return what a plan would still do to what was just adopted."""
    changes = [f"{c.key}: {', '.join(view.path for view in c.differing)}" for c in plan.changes]
    blocked = [f"{b.key}: {'; '.join(block.message for block in b.blocks)}" for b in plan.blocked]
    return harmless("The next plan would not be empty: " + in_short([*changes, *blocked], apart=" | "))


def brought_text(
    brought: Sequence[Brought], files: int, *, writes: bool, paint: Paint = PLAIN, verbose: bool = False
) -> str:
    """Return one line a field, of many for the first ones, and the summary."""
    lines, left = list[str](), list[str]()
    for one in brought:
        before, after = shown(one.before, beside=one.after), shown(one.after, beside=one.before)
        symbol, change = paint.update("~"), f"{before} → {after}"
        if one.reason:
            symbol, change = paint.blocked("!"), f"left: {harmless(one.reason)}"
        (left if one.reason else lines).append(f"{symbol} {paint.strong(one.key)}  {one.path}  {change}")
    done = [one.key for one in brought if not one.reason]
    counts = (
        f"{counted(len(done), 'field')} of {counted(len(set(done)), 'resource')}, {len(brought) - len(done)}"
    )
    summary = f"{'Updated' if writes else 'Would update'}: {counts} left; {counted(files, 'file')}."
    return _summed([*first_of(lines, every=verbose), *first_of(left, every=verbose)], summary)


def brought_document(brought: Sequence[Brought], warnings: Sequence[Problem] = ()) -> Document:
    """Return the same as a document, with the warnings about the files."""
    fields = [asdict(one) | {"reason": one.reason or None} for one in brought]
    problems = [*map(problem_document, warnings)]
    return {"format_version": FORMAT_VERSION, "fields": fields, "problems": problems}


class Found(Struct, frozen=True):
    """One thing that an account has: `paste` is how the files name it, `about` what stands beside that."""

    id: int
    name: str | None
    paste: str | None  # `None` where the files may not name it
    about: str
    more: Document = {}  # what a program may want to know of it, too


def lookup_text(
    found: Sequence[Found], under: str, ends: Sequence[str], summary: str, *, paint: Paint = PLAIN
) -> str:
    """Return lines of YAML, below the key `under` if there is one, then the `ends` and the summary.

    What is no YAML of theirs is a comment, and they are whole on a terminal of any width: people copy them.
    """
    indent = "  " if under else ""
    pastes = [indent + (f"# {shown(one.name)}" if one.paste is None else one.paste) for one in found]
    rows = [(paste, f"# {harmless(one.about)}") for paste, one in zip(pastes, found, strict=True)]
    lines = [
        f"{line[: len(paste)]}{paint.faint(line[len(paste) :])}"
        for paste, line in zip(pastes, columns(rows, paint.width) if rows else [], strict=True)
    ]
    blocks = ["\n".join([under, *lines] if under and lines else lines), *ends, wrapped(summary, paint.width)]
    return "\n\n".join(filter(None, blocks))


def lookup_document(target: str, what: str, found: Sequence[Found], note: str) -> Document:
    """Return the same as a document."""
    things = [{"id": one.id, "name": one.name, "paste": one.paste, **one.more} for one in found]
    return {"format_version": FORMAT_VERSION, "target": target, what: things, "note": note or None}


def sandbox_text(inventory: Mapping[str, Any]) -> str:
    """Return a sandbox's configurations, surveys, last requests and mails, a paragraph each."""
    configs, named = [], ("ImportConfigId", "Name", "hidden")
    for config in inventory["import_configs"]:
        hidden = "  hidden" if config["hidden"] else ""
        configs.append(f"  {config['ImportConfigId']} {shown(config.get('Name'))}{hidden}")
        others = ((name, value) for name, value in config.items() if name not in named)
        configs += [f"      {harmless(name)}: {shown(value, longest=90)}" for name, value in others]
    requests = []
    for request in inventory["requests"]:
        query = f"?{request['query']}" if request["query"] else ""
        status = request["status"] if request["status"] is not None else request["fault"]
        requests.append(harmless(f"  {request['method']} {request['path']}{query} → {status}"))
    blocks = {
        "Import configurations": configs,
        "Surveys": [f"  {survey['Id']} {shown(survey.get('Title'))}" for survey in inventory["surveys"]],
        "Last requests": requests,
        "Mails": [f"  {shown(mail)}" for mail in inventory["mails"]],
    }
    return "\n\n".join("\n".join([f"{title}:", *lines]) for title, lines in blocks.items() if lines)


State: TypeAlias = Literal["ok", "problem", "not checkable"]
"""Not checkable is what cannot be known, or was not asked because of another problem."""


class Check(Struct, frozen=True):
    """One thing that was looked at. It holds no secret."""

    subject: str
    state: State
    message: str
    mend: str = ""  # what to do about it, empty where nothing is to be done or the message says so
    exit: Exit = Exit.DONE  # what a problem means for the whole


Checks: TypeAlias = Sequence[tuple[str, Sequence[Check]]]
"""What was looked at of this installation, of the workspace and of each target, under their titles."""


def ok(subject: str, message: str) -> Check:
    """Return that a thing is as it should be."""
    return Check(subject, "ok", message)


def problem(subject: str, message: str, mend: str = "", exit: Exit = Exit.ERROR) -> Check:
    """Return that a thing is not as it should be."""
    return Check(subject, "problem", message, mend, exit)


def failed(subject: str, error: ReconcilerError) -> Check:
    """Return a failure as a problem, of an API that is unavailable as such."""
    exit = Exit.UNAVAILABLE if error.exit is Exit.UNAVAILABLE else Exit.ERROR
    return problem(subject, str(error), exit=exit)


def not_checkable(subject: str, message: str, mend: str = "") -> Check:
    """Return that the state of a thing cannot be found out."""
    return Check(subject, "not checkable", message, mend)


def exit_of(parts: Checks) -> Exit:
    """Return what all of it together means: 0, 1, or 7 where nothing but an API is wrong."""
    return Exit.gravest(check.exit for _, checks in parts for check in checks)


def doctor_text(parts: Checks, paint: Paint) -> str:
    """Return the parts with a line for each thing, and the way to mend it below; the counts come last."""
    signs = {"ok": paint.create("✓"), "problem": paint.blocked("!"), "not checkable": paint.doubt("?")}
    blocks = []
    for title, checks in parts:
        lines = [paint.strong(harmless(title))]
        width = max((len(check.subject) for check in checks), default=0)
        for check in checks:
            prefix = "not checkable: " if check.state == "not checkable" else ""
            message = harmless(f"{prefix}{check.message}")
            lines.append(f"  {signs[check.state]} {check.subject.ljust(width)}  {message}")
            if check.mend:
                lines.append(f"    {' ' * width}  → {harmless(check.mend)}")
        blocks.append("\n".join(lines))
    states = [check.state for _, checks in parts for check in checks]
    ok, problems, unknown = (states.count(state) for state in get_args(State))
    summary = f"Checked: {ok} ok, {counted(problems, 'problem')}, {unknown} not checkable."
    return "\n\n".join([*blocks, summary])


def doctor_document(parts: Checks) -> Document:
    """Return the parts as a JSON document."""

    def document(check: Check) -> Document:
        about = {"subject": check.subject, "state": check.state, "message": check.message}
        unavailable = {"unavailable": check.exit is Exit.UNAVAILABLE} if check.state == "problem" else {}
        return {**about, "mend": check.mend or None, **unavailable}

    documents = [{"title": title, "checks": [*map(document, checks)]} for title, checks in parts]
    return {"format_version": FORMAT_VERSION, "parts": documents}
