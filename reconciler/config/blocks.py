"""Where an edit of a resource goes: to the resource itself, or to its block for one target."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from reconciler.config.contents import TARGETS
from reconciler.config.editing.edition import Edition
from reconciler.config.editing.patch import Edit, Put
from reconciler.config.nodes import Written
from reconciler.config.resources import Resource
from reconciler.config.sections import Named, Section
from reconciler.engine.kind import Json


class ResourceEditor(Struct, frozen=True):
    """Edits one resource that stands in the files of an edition."""

    edition: Edition
    section: Section
    resource: Resource
    all_targets: Iterable[str]
    """The targets of the workspace: where a resource lives that names none."""

    @property
    def _name(self) -> str:
        return self.resource.key.removeprefix(f"{self.section.kind.name}.")

    def put(self, path: Sequence[str], value: Json, *, target: str = "") -> None:
        """Let a field have this value, on one target only if one is named; by its id or by its name.

        The other name of the field, if it stands there, makes room; a code gets its meaning beside it.
        """
        meanings = self.section.meanings.get(".".join(path), {})
        meaning = meanings.get(value, "") if not isinstance(value, list | dict) else ""
        self.edit_field(path, Put(value, meaning, frozenset(meanings.values())), target=target)

    def edit_field(self, path: Sequence[str], put: Put, *, target: str = "") -> None:
        """Edit a field by one of its names; the other name, if that stands there, makes room."""
        there, name = self._name_there(path, target), path[-1]
        change = replace(put, key=name) if there != name else put
        self.edit((*path[:-1], there), change, target=target)

    def write_id(self, target: str, id: int) -> None:
        """Let the resource have this live id on a target, in the block of the target."""
        self._make_block(target)
        self._edit(("id",), Put(id), target)

    def edit(self, path: Sequence[str], change: Edit, *, target: str = "") -> None:
        """Edit whatever stands at a path of the resource, or of its block for a target."""
        if target:
            self._make_block(target)
        self._edit(tuple(path), change, target)

    def is_without_comment(self, path: Sequence[str]) -> bool:
        """Tell whether nobody wrote a comment on the lines of what stands at a path, but for a meaning."""
        place = (self.section.kind.name, self._name, *path)
        comment = self.edition.comment_at(self._file(), place)
        return comment is not None and comment in {
            "",
            *self.section.meanings.get(".".join(path), {}).values(),
        }

    def _edit(self, path: tuple[str, ...], change: Edit, target: str) -> None:
        above = (TARGETS, target) if target else ()
        self.edition.put(self._file(), (self.section.kind.name, self._name, *above, *path), change)

    def _file(self) -> Path:
        found = self.edition.home(self.section.kind.name, self._name)
        if found is None:
            raise LookupError(self.resource.key)
        return found

    def _make_block(self, target: str) -> None:
        """Let the resource name its targets, if it lives on all of them without a word."""
        if self.resource.own.controls.targets is not None:
            return
        for other in self.all_targets:
            if other != target:
                self.edition.put(self._file(), (self.section.kind.name, self._name, TARGETS, other), Put({}))

    def _name_there(self, path: Sequence[str], target: str) -> str:
        """Return the name under which a field stands at a level: its own, or the other one that it has."""
        level = self._level(target)
        for other in other_names(self.section.named, ".".join(path)):
            *_, name = steps = other.split(".")
            if level and level.find(*steps):
                return name
        return path[-1]

    def _level(self, target: str) -> Written | None:
        written = self.resource.written
        return written.find(TARGETS, target) if target else written


def other_names(named: Iterable[Named], path: str) -> list[str]:
    """Return the other path of a field that has two: the id's for a name, and the name's for an id."""
    return [one.field for one in named if one.path == path] + [one.path for one in named if one.field == path]
