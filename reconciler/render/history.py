"""What is remembered of an account: runs, what they wrote, and learned defaults, as text and as documents."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from msgspec import Struct

from reconciler.engine.apply import LearnedDefaults
from reconciler.engine.body import Absent, Normal, value_at, written
from reconciler.engine.classify import ASSUMED_EMPTY, Default, Defaults
from reconciler.engine.kind import Field, Json, Kind
from reconciler.engine.outcome import Outcome, Result
from reconciler.journal.entries import Operation, Run, shown_accounts
from reconciler.render.values import (
    FORMAT_VERSION,
    PLAIN,
    Document,
    Paint,
    Style,
    counted,
    harmless,
    shown_field,
)

_SYMBOLS = {"create": "+", "update": "~", "delete": "-"}


class WrittenField(Struct, frozen=True):
    """One field of one write, in compared form: what stood there, what was sent, and what was read back."""

    field: Field
    before: Json
    sent: Json
    left_out: bool
    """The body did not have it, so that the server reset it."""
    after: Json

    @property
    def now(self) -> Json:
        """What the field became, as far as it is known."""
        return self.after if self.left_out else self.sent


def fields_of(operation: Operation, kind: Kind) -> Iterator[WrittenField]:
    """Yield every field to which a write did something, in the order of the kind's table."""
    intent, ending = operation.intent, operation.ending
    normal = Normal(kind, explicit_empties=False)
    for field in kind.fields:
        before = normal.value(field, value_at(intent.before or {}, field.member))
        sent = value_at(intent.body or {}, field.member)
        after = normal.value(field, value_at(ending.after or {}, field.member)) if ending else None
        one = WrittenField(field, before, normal.value(field, sent), isinstance(sent, Absent), after)
        if one.before != one.now:
            yield one


def history_text(target: str, runs: Sequence[Run], zone: ZoneInfo, now: float) -> str:
    """Return one line a run, newest first."""
    if not runs:
        return f"No runs of target {harmless(target)}."
    rows = [_row(run, zone, now) for run in runs]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)) for row in rows]
    title = f"Runs of target {harmless(target)}, newest first; times in {zone.key}:"
    return "\n".join([title, *(f"  {line.rstrip()}" for line in lines)])


def _row(run: Run, zone: ZoneInfo, now: float) -> tuple[str, ...]:
    start = run.start
    at = datetime.fromtimestamp(run.began, zone).strftime("%Y-%m-%d %H:%M")
    return (
        str(run.number),
        at,
        harmless(start.command),
        f"{harmless(start.who)} on {harmless(start.process.host)}",
        _end(run, now),
    )


def _end(run: Run, now: float) -> str:
    """Return what a run wrote, and how it ended."""
    counts = ", ".join(f"{number} {what}" for what, number in run.counts.items() if number and what != "sent")
    sent = f"{counted(run.counts['sent'], 'customer')} sent" if run.counts.get("sent") else ""
    written = "; ".join(filter(None, (counts, sent)))
    if run.is_open:
        heard = f"open, last heard of {max(0, round(now - run.latest))} s ago"
        return "; ".join(filter(None, (heard, written)))
    if run.exit is None:
        return "; ".join(filter(None, (written, harmless(run.note))))
    return f"{'; '.join(filter(None, (written or 'nothing written', harmless(run.note))))}, exit {run.exit}"


def run_text(
    run: Run,
    operations: Sequence[Operation],
    kinds: Mapping[str, Kind],
    zone: ZoneInfo,
    now: float,
    *,
    paint: Paint = PLAIN,
) -> str:
    """Return a run with every field that it wrote."""
    blocks = [_head(run, zone, now), *(_operation(operation, kinds, paint) for operation in operations)]
    return "\n\n".join(blocks)


def _head(run: Run, zone: ZoneInfo, now: float) -> str:
    start = run.start
    accounts = ", ".join(shown_accounts(start.accounts))
    at = datetime.fromtimestamp(run.began, zone).strftime("%Y-%m-%d %H:%M:%S")
    lines = [
        f"Run {run.number}: {start.command} on target {start.target}, account {accounts}",
        f"  begun    {at} {zone.key}",
        f"  by       {start.who} on {start.process.host}, reconciler {start.version}",
        f"  commit   {start.commit}" if start.commit else "",
        f"  CI run   {start.ci_run}" if start.ci_run else "",
        f"  plan     {start.fingerprint}" if start.fingerprint else "",
        f"  ended    {_end(run, now)}",
    ]
    return "\n".join(harmless(line) for line in lines if line)


def _operation(operation: Operation, kinds: Mapping[str, Kind], paint: Paint) -> str:
    intent, ending = operation.intent, operation.ending
    id = ending.id if ending and ending.id is not None else intent.id
    result = harmless(ending.result) if ending else "in doubt: the run died before it could be told"
    reason = f"  {harmless(ending.reason)}" if ending and ending.reason else ""
    what = f"{intent.action}{'' if id is None else f' id {id}'}"
    symbol = getattr(paint, intent.action)(_SYMBOLS[intent.action])
    title = f"{symbol} {paint.strong(harmless(intent.key))}  {what}: {result}{reason}"
    kind = kinds.get(intent.key.partition(".")[0].partition(":")[0])
    return "\n".join([title, *(_fields(operation, kind, paint) if kind else ())])


def _fields(operation: Operation, kind: Kind, paint: Paint) -> Iterator[str]:
    rows = list(fields_of(operation, kind))
    width = max((len(row.field.path) for row in rows), default=0)
    for row in rows:
        symbol, style, text = _look(row, operation.intent.action, paint)
        yield f"    {style(f'{symbol} {row.field.path:<{width}}  {text}')}"


def _look(row: WrittenField, action: str, paint: Paint) -> tuple[str, Style, str]:
    """Return how a field that was written looks: its symbol, its colour, and what became of it."""
    before, now = shown_field(row.field, row.before), shown_field(row.field, row.now)
    if action == "delete":
        return "-", paint.delete, before
    if row.left_out and action == "update":
        return "↺", paint.reset, f"{before} → {now}"
    return ("+", paint.create, now) if row.before is None else ("~", paint.update, f"{before} → {now}")


def history_document(runs: Sequence[Run]) -> Document:
    """Return runs as a document, newest first."""
    return {"format_version": FORMAT_VERSION, "runs": [_run(run) for run in runs]}


def run_document(run: Run, operations: Sequence[Operation], kinds: Mapping[str, Kind]) -> Document:
    """Return a run with everything that it wrote, as a document."""
    return {
        "format_version": FORMAT_VERSION,
        "run": _run(run),
        "operations": [_written(operation, kinds) for operation in operations],
    }


def _run(run: Run) -> Document:
    start = run.start
    return {
        "id": run.number,
        "command": start.command,
        "target": start.target,
        "accounts": shown_accounts(start.accounts),
        "who": start.who,
        "host": start.process.host,
        "version": start.version,
        "commit": start.commit or None,
        "ci_run": start.ci_run or None,
        "fingerprint": start.fingerprint or None,
        "began": _iso(run.began),
        "ended": None if run.ended is None else _iso(run.ended),
        "exit_code": run.exit,
        "counts": dict(run.counts),
        "note": run.note,
    }


def _written(operation: Operation, kinds: Mapping[str, Kind]) -> Document:
    intent, ending = operation.intent, operation.ending
    kind = kinds.get(intent.key.partition(".")[0].partition(":")[0])
    return {
        "key": intent.key,
        "account": shown_accounts([intent.account])[0],
        "action": intent.action,
        "id": ending.id if ending and ending.id is not None else intent.id,
        "at": _iso(operation.at),
        "digest": intent.digest,
        "result": ending.result.replace(" ", "_") if ending else "in_doubt",
        "reason": ending.reason if ending else "the run died before it could be told",
        "fields": [_field(row) for row in fields_of(operation, kind)] if kind else [],
        "body_before": intent.before,
        "body_sent": intent.body,
        "body_after": ending.after if ending else None,
    }


def _field(row: WrittenField) -> Document:
    return {
        "path": row.field.path,
        "before": written(row.field, row.before),
        "after": written(row.field, row.now),
        "left_out": row.left_out,
    }


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")


def defaults_text(kind: Kind, target: str, known: Defaults) -> str:
    """Return the default of every field, and how it is known."""
    fields = _resettable(kind)
    width = max(len(field.path) for field in fields)
    lines = [f"  {field.path:<{width}}  {_default_told(field, known)}" for field in fields]
    title = f"What a reset of {kind.name} leaves behind on target {harmless(target)}:"
    return "\n".join([title, *lines])


def _resettable(kind: Kind) -> list[Field]:
    """Return the fields that a PUT may reset: the name and the visibility never are."""
    return [field for field in kind.fields if field.path not in (kind.name_field, kind.visible_field)]


def _default_told(field: Field, known: Defaults) -> str:
    default = _default(field, known)
    return f"{shown_field(field, default.value)}  {default.source.words}"


def _default(field: Field, known: Defaults) -> Default:
    return known.get(field.path, ASSUMED_EMPTY)


def defaults_document(kind: Kind, target: str, known: Defaults) -> Document:
    """Return the default of every field, and how it is known, as a document."""
    return {
        "format_version": FORMAT_VERSION,
        "target": target,
        "defaults": [
            {
                "path": field.path,
                "value": written(field, _default(field, known).value),
                "source": _default(field, known).source.value,
            }
            for field in _resettable(kind)
        ],
    }


def lesson_text(kind: Kind, target: str, lesson: LearnedDefaults) -> str:
    """Return what was found out, as the block to commit, and what may be left over."""
    blocks = [
        "\n".join(_lesson_ends(lesson)),
        _to_commit(kind, target, lesson),
        _unknown(lesson),
        _leftover(lesson),
    ]
    return "\n\n".join(block for block in blocks if block)


def _lesson_ends(lesson: LearnedDefaults) -> Iterator[str]:
    for outcome in (lesson.created, lesson.deleted):
        if outcome is not None:
            yield _lesson_end(outcome)


def _lesson_end(outcome: Outcome) -> str:
    symbol = "✓" if outcome.result is Result.APPLIED else "✗"
    action = outcome.action.value if outcome.action else ""
    id = "" if outcome.id is None else f" id {outcome.id}"
    reason = f"  {harmless(outcome.reason)}" if outcome.reason else ""
    return f"{symbol} {action}{id} {outcome.result.value}{reason}"


def _to_commit(kind: Kind, target: str, lesson: LearnedDefaults) -> str:
    if lesson.created.body is None:
        return ""
    found = _default_lines(kind, lesson)
    if not found:
        return "Every field that was seen is empty by default; there is nothing to commit."
    title = f"To commit, on target {harmless(target)}:"
    return "\n".join([title, "", "    defaults:", *(f"      {line}" for line in found)])


def _default_lines(kind: Kind, lesson: LearnedDefaults) -> list[str]:
    values = {path: value for path, value in lesson.values.items() if value is not None}
    return [
        harmless(f"{path}: {json.dumps(written(kind.by_path[path], value), ensure_ascii=False)}")
        for path, value in values.items()
    ]


def _unknown(lesson: LearnedDefaults) -> str:
    if not lesson.unknown:
        return ""
    # They are unknown because their whole group was not shown.
    groups = ", ".join(dict.fromkeys(path.partition(".")[0] for path in lesson.unknown))
    return f"Not shown by an empty configuration, and so still unknown: everything in {groups}."


def _leftover(lesson: LearnedDefaults) -> str:
    if not lesson.is_left_over:
        return ""
    name = lesson.created.key.partition(":")[2]
    id = "" if lesson.created.id is None else f" (id {lesson.created.id})"
    return f'It may still be there: "{harmless(name)}"{id}. Look in the Tool, and delete it there.'


def lesson_document(kind: Kind, target: str, lesson: LearnedDefaults) -> Document:
    """Return what was found out as a document."""
    return {
        "format_version": FORMAT_VERSION,
        "target": target,
        "defaults": {path: written(kind.by_path[path], value) for path, value in lesson.values.items()},
        "unknown": list(lesson.unknown),
        "leftover": lesson.created.key.partition(":")[2] if lesson.is_left_over else None,
        "exit_code": int(lesson.exit),
    }
