"""Resources and seeds in a list: what each is called, and where it lives and stands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct
from msgspec.structs import asdict

from reconciler.problems import Place
from reconciler.render.document import FORMAT_VERSION
from reconciler.render.paint import PLAIN, Paint
from reconciler.render.values import counted, harmless, shown


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
