"""From a live resource to what the files say of it, so that nothing is left for a plan to do. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from msgspec import Struct, field
from pydantic import BaseModel, ValidationError

from reconciler.config.contents import TARGETS
from reconciler.config.edits import Edit, Edits, OverNames, Patch, Put, Ranks, Remove
from reconciler.config.edits import Path as KeyPath
from reconciler.config.file_edits import ResourceEditor
from reconciler.config.names import CONTROL, LINE_BREAK, visible
from reconciler.config.resources import Decisions, Resource
from reconciler.config.sections import Named, Section
from reconciler.engine.body import Normal, value_at, written
from reconciler.engine.classify import Account
from reconciler.engine.declared import Given, Reference
from reconciler.engine.kind import Body, Field, Json, Policy

CANNOT_HOLD = "live values that these files cannot hold"


class Name(Struct, frozen=True):
    """The name of an id, if it has one that no other has, and what to say beside the id otherwise."""

    name: str | None = None
    comment: str = ""


NameOf = Callable[[Named, int], Name]
Find = Callable[[Named, str], "int | None"]
"""Turns a name into its id on the account, `None` where it is not exactly one."""


class ExportedFields(Struct, frozen=True):
    """What one level has to say: values by the path under which they are written, and fields to be kept."""

    values: Mapping[str, Put] = field(default_factory=dict)
    keep: tuple[str, ...] = ()
    fields: frozenset[str] = frozenset()
    """The paths of `Kind.fields` that any of this is about."""

    def without_name(self, name_field: str) -> ExportedFields:
        """Return the same, with a name that is kept as it is instead of declared."""
        values = {path: put for path, put in self.values.items() if path != name_field}
        keep = dict.fromkeys((name_field, *self.keep))
        return ExportedFields(values, tuple(keep), self.fields)


class Exporter(Struct, frozen=True):
    """Says what is live on an account in the words of a section."""

    section: Section
    account: Account
    name_of: NameOf
    find: Find

    def tell(self, body: Body, below: Decisions) -> ExportedFields:
        """Return what has to be said of a live resource over what weaker levels say of it already.

        Every field that is not at its default is said, with its explicit false or 0; one that fills itself
        and the flag of visibility are not. What the files cannot hold is kept.
        """
        values: dict[str, Put] = {}
        keep: list[str] = []
        about: set[str] = set()
        for one in self.section.kind.fields:
            if not self._is_to_be_said(one, body, below):
                continue
            about.add(one.path)
            value = self.value(one, body)
            if one.fills_itself or not self.can_hold(one, value):
                keep.append(one.path)
            else:
                path, put = self.put(one, value)
                values[path] = put
        return ExportedFields(values, tuple(keep), frozenset(about))

    def value(self, one: Field, body: Body) -> Json:
        """Return the live value of a field as the files write it, with an explicit false or 0."""
        explicit = Normal(self.section.kind, explicit_empties=True)
        return written(one, explicit.value(one, value_at(body, one.member)))

    def put(self, one: Field, value: Json) -> tuple[str, Put]:
        """Return the path under which a value is written, by its name where it has one, and the value."""
        named = next((named for named in self.section.named if named.field == one.path), None)
        if named is None or not isinstance(value, int):
            meanings = self.section.meanings.get(one.path, {})
            meaning = meanings.get(value, "") if not isinstance(value, list | dict) else ""
            return one.path, Put(value, meaning, frozenset(meanings.values()))
        name = self.name_of(named, value)
        if name.name is not None and is_one_line(name.name):
            return named.path, Put(name.name)
        return one.path, Put(value, visible(name.comment))

    def can_hold(self, one: Field, value: Json) -> bool:
        """Tell whether the files can hold a value of a field."""
        if one.path == self.section.kind.name_field and not (isinstance(value, str) and is_one_line(value)):
            return False
        if isinstance(value, str) and not _is_writable(value):
            return False
        return _fits(self.section.model, one.path, value)

    def _is_to_be_said(self, one: Field, body: Body, below: Decisions) -> bool:
        if one.path == self.section.kind.visible_field:
            return False
        said, normal = below.get(one.path), self.account.normal
        live = normal.value(one, value_at(body, one.member))
        if isinstance(said, Given):
            return normal.value(one, self._known(one, said.value)) != live
        if one.fills_itself or (said and said.policy is Policy.KEEP):
            return False
        if one.path == self.section.kind.name_field:
            return True
        return self.value(one, body) is not None or self._has_another_default(one, body)

    def _known(self, one: Field, value: Json | Reference) -> Json:
        """Return a declared value as it stands in a body; a name that leads nowhere equals nothing live."""
        if not isinstance(value, Reference):
            return value
        named = next(named for named in self.section.named if named.field == one.path)
        found = self.find(named, value.name)
        return -1 if found is None else found

    def _has_another_default(self, one: Field, body: Body) -> bool:
        """Tell whether a reset would fill a field that is empty; the defaults of a group come with it."""
        default = self.account.defaults.get(one.path)
        is_there = not one.group or bool(value_at(body, one.group))
        lenient = self.account.normal.lenient
        return default is not None and is_there and lenient.value(one, default.value) is not None


def is_one_line(text: str) -> bool:
    """Tell whether a text can be a name in the files."""
    return bool(text.strip()) and _is_writable(text) and not LINE_BREAK.search(text)


def _is_writable(text: str) -> bool:
    is_unicode = not any("\ud800" <= character <= "\udfff" for character in text)
    return is_unicode and not CONTROL.search(text)


def _fits(model: type[BaseModel], path: str, value: Json) -> bool:
    first, *rest = path.split(".")
    for step in reversed(rest):
        value = {step: value}
    try:
        model.model_validate({first: value})
    except ValidationError:
        return False
    return True


class Entry(Struct, frozen=True):
    """A resource that comes into the files."""

    section: Section
    key: str
    """Without its section."""
    target: str
    id: int
    told: ExportedFields
    preset: str = ""
    note: str = ""
    """Why something is kept, as a comment."""

    @property
    def path(self) -> KeyPath:
        """Where it goes in its file."""
        return (self.section.kind.name, self.key)

    def patch(self, ranks: Ranks) -> Patch:
        """Return the whole resource, in the order in which its keys should stand."""
        edits = Edits()
        if self.preset:
            edits.put(("preset",), Put(self.preset))
        for path, put in self.told.values.items():
            edits.put(tuple(path.split(".")), put)
        if self.told.keep:
            edits.put(("keep",), Put(list(self.told.keep), self.note or CANNOT_HOLD))
        edits.put(("targets",), OverNames({self.target: {"id": Put(self.id)}}))
        return dict(_sorted(edits.tree, self.path, ranks))


def _sorted(patch: Patch, path: KeyPath, ranks: Ranks) -> Iterator[tuple[str, Edit]]:
    order = {name: rank for rank, name in enumerate(ranks(path))}
    for name in sorted(patch, key=lambda name: order.get(name, len(order))):
        edit = patch[name]
        yield name, dict(_sorted(edit, (*path, name), ranks)) if isinstance(edit, Mapping) else edit


class Merge(Struct, frozen=True):
    """A live resource of one target that is declared already, on others."""

    editor: ResourceEditor
    target: str
    id: int
    body: Body

    def write(self, teller: Exporter) -> None:
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

    def _moved(self, told: ExportedFields, shared: Decisions) -> Mapping[str, tuple[str, ...]]:
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
