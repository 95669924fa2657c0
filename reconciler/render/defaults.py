"""Defaults and how they are known, as text and as documents."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from reconciler.engine.body import written
from reconciler.engine.defaults import ASSUMED_EMPTY, Default, Defaults
from reconciler.engine.kind import Field, Kind
from reconciler.engine.lesson import Lesson
from reconciler.engine.outcome import Outcome, Result
from reconciler.render.document import FORMAT_VERSION
from reconciler.render.values import harmless, shown_field

Document = dict[str, Any]


def defaults_text(kind: Kind, target: str, known: Defaults) -> str:
    """Return the default of every field, and how it is known."""
    fields = _fields(kind)
    width = max(len(field.path) for field in fields)
    lines = [f"  {field.path:<{width}}  {_told(field, known)}" for field in fields]
    title = f"What a reset of {kind.name} leaves behind on target {harmless(target)}:"
    return "\n".join([title, *lines])


def _fields(kind: Kind) -> list[Field]:
    """Return the fields that a PUT may reset: the name and the visibility never are."""
    return [field for field in kind.fields if field.path not in (kind.name_field, kind.visible_field)]


def _told(field: Field, known: Defaults) -> str:
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
            for field in _fields(kind)
        ],
    }


def lesson_text(kind: Kind, target: str, lesson: Lesson) -> str:
    """Return what was found out, as the block to commit, and what may be left over."""
    blocks = [
        "\n".join(_ends(lesson)),
        _block(kind, target, lesson),
        _unknown(lesson),
        _leftover(lesson),
    ]
    return "\n\n".join(block for block in blocks if block)


def _ends(lesson: Lesson) -> Iterator[str]:
    for outcome in (lesson.created, lesson.deleted):
        if outcome is not None:
            yield _end(outcome)


def _end(outcome: Outcome) -> str:
    symbol = "✓" if outcome.result is Result.APPLIED else "✗"
    action = outcome.action.value if outcome.action else ""
    id = "" if outcome.id is None else f" id {outcome.id}"
    reason = f"  {harmless(outcome.reason)}" if outcome.reason else ""
    return f"{symbol} {action}{id} {outcome.result.value}{reason}"


def _block(kind: Kind, target: str, lesson: Lesson) -> str:
    if lesson.created.body is None:
        return ""
    found = _lines(kind, lesson)
    if not found:
        return "Every field that was seen is empty by default; there is nothing to commit."
    title = f"To commit, on target {harmless(target)}:"
    return "\n".join([title, "", "    defaults:", *(f"      {line}" for line in found)])


def _lines(kind: Kind, lesson: Lesson) -> list[str]:
    values = {path: value for path, value in lesson.values.items() if value is not None}
    return [
        harmless(f"{path}: {json.dumps(written(kind.by_path[path], value), ensure_ascii=False)}")
        for path, value in values.items()
    ]


def _unknown(lesson: Lesson) -> str:
    if not lesson.unknown:
        return ""
    # They are unknown because their whole group was not shown.
    groups = ", ".join(dict.fromkeys(path.partition(".")[0] for path in lesson.unknown))
    return f"Not shown by an empty configuration, and so still unknown: everything in {groups}."


def _leftover(lesson: Lesson) -> str:
    if not lesson.is_left_over:
        return ""
    name = lesson.created.key.partition(":")[2]
    id = "" if lesson.created.id is None else f" (id {lesson.created.id})"
    return f'It may still be there: "{harmless(name)}"{id}. Look in the Tool, and delete it there.'


def lesson_document(kind: Kind, target: str, lesson: Lesson) -> Document:
    """Return what was found out as a document."""
    return {
        "format_version": FORMAT_VERSION,
        "target": target,
        "defaults": {path: written(kind.by_path[path], value) for path, value in lesson.values.items()},
        "unknown": list(lesson.unknown),
        "leftover": lesson.created.key.partition(":")[2] if lesson.is_left_over else None,
        "exit_code": int(lesson.exit),
    }
