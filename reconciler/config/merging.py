"""A resource that comes to live on one more target: what is common stays on top, what differs goes below."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from reconciler.config.adopting import CANNOT_HOLD, Teller, Told
from reconciler.config.blocks import ResourceEditor
from reconciler.config.contents import TARGETS
from reconciler.config.editing.patch import Put, Remove
from reconciler.config.resources import Decisions, Resource
from reconciler.engine.declared import Given
from reconciler.engine.kind import Body


class Merge(Struct, frozen=True):
    """A live resource of one target that is declared already, on others."""

    editor: ResourceEditor
    target: str
    id: int
    body: Body

    def write(self, teller: Teller) -> None:
        """Edit the resource so that it lives on the target too, with what differs there in its block.

        A value on top that only one other target has moves into the block of that target, unless a person
        wrote a comment beside it.
        """
        shared = shared_decisions(self.editor.resource)
        alone = self._moved(teller.tell(self.body, shared), shared)
        self._move_id()
        self.editor.write_id(self.target, self.id)
        self._move(alone)
        told = teller.tell(self.body, {path: one for path, one in shared.items() if path not in alone})
        for path, put in told.values.items():
            self.editor.edit(path.split("."), put, target=self.target)
        if told.keep:
            self.editor.edit(("keep",), Put(list(told.keep), CANNOT_HOLD), target=self.target)

    def _moved(self, told: Told, shared: Decisions) -> Mapping[str, tuple[str, ...]]:
        """Return the fields whose value on top is that of one other target: field → where it is written."""
        resource = self.editor.resource
        if len(resource.blocks) != 1 or resource.own.controls.targets is None:
            return {}
        found = {path: self._place(path) for path in told.fields if isinstance(shared.get(path), Given)}
        return {path: place for path, place in found.items() if place and self._may_move(place)}

    def _move_id(self) -> None:
        """Let an id that stands on top, which counts for one target only, stand in the block of that one."""
        id = self.editor.resource.own.controls.id
        if id is not None:
            for home in self.editor.resource.blocks:
                self.editor.write_id(home, id)
            self.editor.edit(("id",), Remove())

    def _place(self, path: str) -> tuple[str, ...] | None:
        """Return where a field is written on top, by its own name or by the other that it has."""
        names = [path, *(named.path for named in self.editor.section.named if named.field == path)]
        steps = (tuple(name.split(".")) for name in names)
        return next((place for place in steps if self.editor.resource.written.find(*place)), None)

    def _may_move(self, place: tuple[str, ...]) -> bool:
        home = next(iter(self.editor.resource.blocks))
        is_said_below = self.editor.resource.written.find(TARGETS, home, *place)
        return not is_said_below and self.editor.is_without_comment(place)

    def _move(self, alone: Mapping[str, tuple[str, ...]]) -> None:
        written = self.editor.resource.written
        for place in alone.values():
            home = next(iter(self.editor.resource.blocks))
            self.editor.edit(place, Put(written.at(*place).value), target=home)
            self.editor.edit(place, Remove())
        self._remove_hollow_groups({place[:-1] for place in alone.values() if len(place) > 1}, alone)

    def _remove_hollow_groups(
        self, groups: set[tuple[str, ...]], alone: Mapping[str, tuple[str, ...]]
    ) -> None:
        for group in groups:
            names = {name for name, _ in self.editor.resource.written.at(*group).entries()}
            if names == {place[-1] for place in alone.values() if place[:-1] == group}:
                self.editor.edit(group, Remove())


def shared_decisions(resource: Resource) -> Decisions:
    """Return what a resource says on every target on which no block says something else."""
    return {**(resource.preset.decisions if resource.preset else {}), **resource.own.decisions}
