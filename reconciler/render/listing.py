"""Resources in a list: what each is called, and where it lives and stands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reconciler.engine.declared import Declared, Given
from reconciler.engine.kind import Json
from reconciler.problems import Place
from reconciler.render.document import FORMAT_VERSION
from reconciler.render.paint import PLAIN, Paint
from reconciler.render.values import counted, harmless, shown


@dataclass(frozen=True, slots=True)
class Listed:
    """A resource with what is declared of it on each target where it was looked for."""

    key: str
    place: Place
    on: Mapping[str, Declared]
    name_field: str

    @property
    def name(self) -> Json:
        """Its declared name on the first of the targets, `None` where none is declared."""
        given = next((one.given.get(self.name_field) for one in self.on.values()), None)
        return given.value if isinstance(given, Given) and isinstance(given.value, str) else None


def listing_text(found: Sequence[Listed], *, paint: Paint = PLAIN) -> str:
    """Return one line a resource, and how many there are."""
    rows = [(one.key, shown(one.name), _targets(one), str(one.place)) for one in found]
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(3)]
    lines = [
        "  ".join(
            [paint.strong(f"{row[0]:<{widths[0]}}"), f"{row[1]:<{widths[1]}}", f"{row[2]:<{widths[2]}}"]
        )
        + f"  {harmless(row[3])}"
        for row in rows
    ]
    return "\n".join([*lines, *([""] if lines else []), f"{counted(len(found), 'resource')}."])


def _targets(one: Listed) -> str:
    return ", ".join(
        target if declared.id is None else f"{target} {declared.id}" for target, declared in one.on.items()
    )


def listing_document(found: Sequence[Listed]) -> dict[str, Any]:
    """Return the same as a document."""
    return {
        "format_version": FORMAT_VERSION,
        "resources": [
            {
                "key": one.key,
                "name": one.name,
                "targets": {target: declared.id for target, declared in one.on.items()},
                "file": one.place.file,
                "line": one.place.line,
            }
            for one in found
        ],
    }
