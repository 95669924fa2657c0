"""What the journal remembers of an account: runs, what they wrote, and learned defaults."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from reconciler.engine.body import Absent, compared, value_at, written
from reconciler.journal.entries import (
    ADOPT,
    DIED,
    MAY_BE_DONE,
    RESULTS,
    DeliveryState,
    Mail,
    Operation,
    Run,
    RunRecord,
    shown_accounts,
)
from reconciler.render.values import (
    FORMAT_VERSION,
    PLAIN,
    Document,
    Paint,
    columns,
    counted,
    harmless,
    moment,
    shortened,
    shown,
    shown_field,
)

if TYPE_CHECKING:
    from reconciler.engine.apply import LearnedDefaults
    from reconciler.engine.classify import Default, Defaults
    from reconciler.engine.kind import Effect, Field, Json, Kind

_MAIL = {
    DeliveryState.INTENDED: ("→", "update"),
    DeliveryState.SENT: ("→", "create"),
    DeliveryState.REFUSED: ("✗", "delete"),
    DeliveryState.NOT_SENT: ("✗", "delete"),
    DeliveryState.FOUND: ("!", "blocked"),
    DeliveryState.IN_DOUBT: ("?", "doubt"),
}
"""The symbol of what became of a batch, and how `Paint` calls its style."""
_SAID = {DeliveryState.INTENDED: "under way"}
_SYMBOLS = {"create": "+", "update": "~", "delete": "-", ADOPT: "="}
_CHANGES = ("adopted", *RESULTS)  # what of the counts of a run is of resources
_LONGEST_COMMAND = 40  # characters of a command in a list


def history_text(
    target: str, runs: Sequence[Run], zone: ZoneInfo, now: float, *, paint: Paint = PLAIN
) -> str:
    """Return one line a run, newest first."""
    if not runs:
        return f"No runs of target {harmless(target)}."
    rows = [
        (
            str(run.number),
            datetime.fromtimestamp(run.began, zone).strftime("%Y-%m-%d %H:%M"),
            shortened(harmless(run.start.command), _LONGEST_COMMAND),
            f"{harmless(run.start.who)} on {harmless(run.start.process.host)}",
            _end(run, now),
        )
        for run in runs
    ]
    title = f"Runs of target {harmless(target)}, newest first; times in {zone.key}:"
    return "\n".join([title, *(f"  {line}" for line in columns(rows, max(0, paint.width - 2)))])


def _end(run: Run, now: float) -> str:
    """Return what a run wrote, whom it sent to, and how it ended."""
    counts = {what: number for what, number in run.counts.items() if number}
    found = counts.pop("changes resolved", 0)
    changes = ", ".join(
        [
            *(f"{number} {what}" for what, number in counts.items() if what in _CHANGES),
            *([f"{counted(found, 'change')} of earlier runs resolved"] if found else []),
        ]
    )
    mail = {what.removeprefix("customers "): n for what, n in counts.items() if what not in _CHANGES}
    customers = ", ".join(
        f"{number} {what}" if place else f"{counted(number, 'customer')} {what}"
        for place, (what, number) in enumerate(mail.items())
    )
    wrote = [part for part in (changes, customers) if part]
    if run.is_open:
        return "; ".join([f"open, last heard of {max(0, round(now - run.latest))} s ago", *wrote])
    note = [harmless(run.note)] if run.note else []
    if run.exit is None:
        return "; ".join([*wrote, *note])
    return f"{'; '.join([*(wrote or ['nothing written']), *note])}, exit {run.exit}"


def run_text(
    record: RunRecord, kinds: Mapping[str, Kind], zone: ZoneInfo, now: float, *, paint: Paint = PLAIN
) -> str:
    """Return a run with every field that it wrote, and all that it did with customers."""
    run, start = record.run, record.run.start
    accounts = ", ".join(shown_accounts(start.accounts))
    at = datetime.fromtimestamp(run.began, zone).strftime("%Y-%m-%d %H:%M:%S")
    head = [
        f"Run {run.number}: {start.command} on target {start.target}, account {accounts}",
        f"  begun    {at} {zone.key}",
        f"  by       {start.who} on {start.process.host}, reconciler {start.version}",
        f"  commit   {start.commit}" if start.commit else "",
        f"  CI run   {start.ci_run}" if start.ci_run else "",
        f"  plan     {start.fingerprint}" if start.fingerprint else "",
        f"  ended    {_end(run, now)}",
    ]
    blocks = ["\n".join(harmless(line) for line in head if line)]
    for operation in record.operations:
        intent, ending = operation.intent, operation.ending
        unknown = "under way" if run.is_open else f"in doubt: {DIED}"
        result = harmless(ending.result) if ending else unknown
        reason = f"  {harmless(ending.reason)}" if ending and ending.reason else ""
        if intent.action == ADOPT:
            result, reason = reason.strip(), ""
        what = f"{intent.action}{'' if operation.id is None else f' id {operation.id}'}"
        symbol = getattr(paint, intent.action, paint.kept)(_SYMBOLS[intent.action])
        title = f"{symbol} {paint.strong(harmless(intent.key))}  {what}: {result}{reason}"
        blocks.append("\n".join([title, *_field_lines(operation, kinds, paint)]))
    blocks += ["\n".join(_mail_lines(one, paint)) for one in record.mail]
    for operation in record.resolved:
        ending = operation.ending
        found = f"{harmless(ending.reason)}, id {ending.id}" if ending else ""
        what = f"{operation.intent.action} of run {operation.run}, in doubt until then"
        blocks.append(f"{paint.create('✓')} {paint.strong(harmless(operation.intent.key))}  {what}: {found}")
    if record.learned:
        paths: dict[str, list[str]] = {}
        for path, value in sorted(record.learned.items()):
            paths.setdefault(shown(value), []).append(harmless(path))
        lines = (f"    {value}: {', '.join(some)}" for value, some in paths.items())
        blocks.append("\n".join(["Learned of what a reset leaves behind:", *lines]))
    return "\n\n".join(blocks)


def _mail_lines(mail: Mail, paint: Paint) -> Iterator[str]:
    """Yield what was done with customers of a seed, when they are mailed, and how they stand now."""
    key, customers = paint.strong(harmless(mail.seed)), counted(mail.customers, "customer")
    where = f"round {harmless(mail.round)}, batch {mail.batch}"
    note = f": {harmless(mail.note)}" if mail.note else ""
    if mail.was is not None:
        where += f" of run {mail.sender}" if mail.sender else ""
        was = "found" if mail.was is DeliveryState.FOUND else "in doubt"
        yield f"{paint.create('✓')} {key}  {where}: {customers} {was}, resolved as {mail.standing}{note}"
        return
    symbol, style = _MAIL[mail.standing]
    what = _SAID.get(mail.standing, mail.standing.value)
    apart = ", not sent to" if mail.standing is DeliveryState.FOUND else ""
    yield f"{getattr(paint, style)(symbol)} {key}  {where}: {customers} {what}{apart}{note}"
    for member, at in mail.moments.items():
        name = re.sub(r"\B(?=[A-Z])", "_", member).lower()  # as it is called in the files
        yield f"    {harmless(f'{name} {at}')}"
    if mail.now:
        yield f"    now: {', '.join(f'{number} {standing}' for standing, number in mail.now.items())}"


def _field_lines(operation: Operation, kinds: Mapping[str, Kind], paint: Paint) -> Iterator[str]:
    """Yield how each field that was written looks: its symbol, its path, and what became of it."""
    rows, action = _written_fields(operation, kinds), operation.intent.action
    effects = _effects(operation, kinds)
    width = max((len(field.path) for field, *_ in rows), default=0)
    for field, before, after, left_out in rows:
        old, new = shown_field(field, before, beside=after), shown_field(field, after, beside=before)
        if action == "delete":
            symbol, style, text = "-", paint.delete, old
        elif left_out and action == "update":
            symbol, style, text = "↺", paint.reset, f"{old} → {new}"
        elif before is None:
            symbol, style, text = "+", paint.create, new
        else:
            symbol, style, text = "~", paint.update, f"{old} → {new}"
        yield f"    {style(f'{symbol} {field.path:<{width}}  {text}')}"
    yield from (f"    ⇒ {harmless(f'{one.text} [{one.name}]')}" for one in effects)


def _effects(operation: Operation, kinds: Mapping[str, Kind]) -> Sequence[Effect]:
    """Return what a write did to people, by its fields alone; nothing of one that was surely not done."""
    intent, ending = operation.intent, operation.ending
    kind = kinds.get(intent.key.partition(".")[0].partition(":")[0])
    if kind is None or intent.action == ADOPT or (ending and ending.result not in MAY_BE_DONE):
        return []
    before = {one.path: compared(one, value_at(intent.before or {}, one.member)) for one in kind.fields}
    after = before | {field.path: value for field, _, value, _ in _written_fields(operation, kinds)}
    made, gone = intent.action == "create", intent.action == "delete"
    return kind.effects(None if made else before, None if gone else after, None)


def _written_fields(
    operation: Operation, kinds: Mapping[str, Kind]
) -> Sequence[tuple[Field, Json, Json, bool]]:
    """Return each field that a write changed, its compared values, and whether the body left it out.

    The server resets what is left out. Nothing is returned of a kind that is not known.
    """
    intent, ending = operation.intent, operation.ending
    kind = kinds.get(intent.key.partition(".")[0].partition(":")[0])
    if kind is None:
        return []
    rows = []
    for field in kind.fields:
        before = compared(field, value_at(intent.before or {}, field.member))
        sent = value_at(intent.body or {}, field.member)
        left_out = isinstance(sent, Absent)
        seen = value_at(ending.after or {}, field.member) if ending and left_out else sent
        after = compared(field, seen) if ending or not left_out else None
        if before != after:
            rows.append((field, before, after, left_out))
    return rows


def history_document(runs: Sequence[Run]) -> Document:
    """Return runs as a document, newest first."""
    return {"format_version": FORMAT_VERSION, "runs": [_run_document(run) for run in runs]}


def run_document(record: RunRecord, kinds: Mapping[str, Kind]) -> Document:
    """Return a run with everything that it wrote down, as a document."""
    return {
        "format_version": FORMAT_VERSION,
        "run": _run_document(record.run),
        "operations": [_operation_document(one, kinds, record.run) for one in record.operations],
        "mail": [
            {
                "key": one.seed,
                "round": one.round,
                "batch": one.batch,
                "customers": one.customers,
                "result": _underscored(_SAID.get(one.standing, one.standing)),
                "note": one.note,
                "resolves": _underscored(one.was) if one.was else None,
                "resolves_run": one.sender,
                "moments": dict(one.moments),
                "now": {_underscored(standing): number for standing, number in one.now.items()} or None,
            }
            for one in record.mail
        ],
        "resolved": [_operation_document(one, {}, record.run) for one in record.resolved],
        "learned": dict(record.learned),
    }


def _underscored(words: str) -> str:
    return words.replace(" ", "_")


def _operation_document(operation: Operation, kinds: Mapping[str, Kind], run: Run) -> Document:
    intent, ending = operation.intent, operation.ending
    unknown = ("under_way", "") if run.is_open else ("in_doubt", DIED)
    result, reason = (_underscored(ending.result), ending.reason) if ending else unknown
    return {
        "key": intent.key,
        "run": operation.run,
        "account": shown_accounts([intent.account])[0],
        "action": intent.action,
        "id": operation.id,
        "at": moment(operation.at),
        "digest": intent.digest,
        "result": result,
        "reason": reason,
        "fields": [
            {
                "path": field.path,
                "before": written(field, before),
                "after": written(field, after),
                "left_out": left_out,
            }
            for field, before, after, left_out in _written_fields(operation, kinds)
        ],
        "effects": [
            {"name": one.name, "text": one.text, "fields": [*one.paths]} for one in _effects(operation, kinds)
        ],
        "body_before": intent.before,
        "body_sent": intent.body,
        "body_after": ending.after if ending else None,
    }


def _run_document(run: Run) -> Document:
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
        "began": moment(run.began),
        "ended": None if run.ended is None else moment(run.ended),
        "exit_code": run.exit,
        "counts": dict(run.counts),
        "note": run.note,
    }


def defaults_text(kind: Kind, target: str, known: Defaults) -> str:
    """Return the default of every field that a PUT may reset, and how it is known."""
    found = _defaults(kind, known)
    width = max(len(field.path) for field, _ in found)
    lines = (
        f"  {field.path:<{width}}  {shown_field(field, default.value)}  {default.source.words}"
        for field, default in found
    )
    return "\n".join([f"What a reset of {kind.name} leaves behind on target {harmless(target)}:", *lines])


def defaults_document(kind: Kind, target: str, known: Defaults) -> Document:
    """Return the same as a document."""
    defaults = [
        {"path": field.path, "value": written(field, default.value), "source": default.source.value}
        for field, default in _defaults(kind, known)
    ]
    return {"format_version": FORMAT_VERSION, "target": target, "defaults": defaults}


def _defaults(kind: Kind, known: Defaults) -> Sequence[tuple[Field, Default]]:
    """Return the fields that a PUT may reset, with their defaults: the name and the visibility never are."""
    from reconciler.engine.classify import ASSUMED_EMPTY  # only here: history shows no defaults

    fields = (field for field in kind.fields if field.path not in (kind.name_field, kind.visible_field))
    return [(field, known.get(field.path, ASSUMED_EMPTY)) for field in fields]


def learned_text(kind: Kind, target: str, learned: LearnedDefaults) -> str:
    """Return what was found out, as the block to commit, and what may be left over."""
    ends = []
    for outcome in filter(None, (learned.created, learned.deleted)):
        symbol = "✓" if outcome.result.value == "applied" else "✗"
        action = outcome.action.value if outcome.action else ""
        id = "" if outcome.id is None else f" id {outcome.id}"
        reason = f"  {harmless(outcome.reason)}" if outcome.reason else ""
        ends.append(f"{symbol} {action}{id} {outcome.result.value}{reason}")
    found = [
        harmless(f"{path}: {json.dumps(written(kind.by_path[path], value), ensure_ascii=False)}")
        for path, value in learned.values.items()
        if value is not None
    ]
    if learned.created.body is None:
        block = ""
    elif found:
        title = f"To commit, on target {harmless(target)}:"
        block = "\n".join([title, "", "    defaults:", *(f"      {line}" for line in found)])
    else:
        block = "Every field that was seen is empty by default; there is nothing to commit."
    texts = ["\n".join(ends), block]
    if learned.unknown:
        # They are unknown because their whole group was not shown.
        groups = ", ".join(dict.fromkeys(path.partition(".")[0] for path in learned.unknown))
        texts.append(f"Not shown by an empty configuration, and so still unknown: everything in {groups}.")
    if learned.is_left_over:
        name = learned.created.key.partition(":")[2]
        id = "" if learned.created.id is None else f" (id {learned.created.id})"
        texts.append(f'It may still be there: "{harmless(name)}"{id}. Look in the Tool, and delete it there.')
    return "\n\n".join(filter(None, texts))


def learned_document(kind: Kind, target: str, learned: LearnedDefaults) -> Document:
    """Return what was found out as a document."""
    return {
        "format_version": FORMAT_VERSION,
        "target": target,
        "defaults": {path: written(kind.by_path[path], value) for path, value in learned.values.items()},
        "unknown": list(learned.unknown),
        "leftover": learned.created.key.partition(":")[2] if learned.is_left_over else None,
        "exit_code": int(learned.exit),
    }
