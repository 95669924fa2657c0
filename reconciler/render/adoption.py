"""What came into the files from an account."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from msgspec import Struct

from reconciler.engine.kind import Json
from reconciler.engine.plan import Plan
from reconciler.render.document import FORMAT_VERSION
from reconciler.render.paint import PLAIN, Paint
from reconciler.render.values import counted, harmless, shown


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
