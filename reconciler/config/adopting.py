"""From a live resource to what the files say of it, so that nothing is left for a plan to do. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection

from msgspec import Struct

from reconciler.config.discovery import TARGETS
from reconciler.config.edits import REMOVE, Edits, Put
from reconciler.config.edits import Path as KeyPath
from reconciler.config.file_edits import ResourceEditor, fits, with_meaning
from reconciler.config.layout import comment_at
from reconciler.config.names import LINE_BREAK, LONGEST_NAME, UNWRITABLE, visible
from reconciler.config.resources import Decisions, Named, Section
from reconciler.engine.body import compared, value_at, written
from reconciler.engine.classify import AccountProfile
from reconciler.engine.kind import (
    Body,
    Declared,
    Field,
    Given,
    Json,
    Live,
    Origin,
    Policy,
    Reference,
    Ruling,
)
from reconciler.problems import Place, Severity

NameOf = Callable[[Named, int], tuple[str | None, str]]
"""Turns an id into its name, if no other has that, and into a comment to write beside the id otherwise."""
Find = Callable[[Named, str], "int | None"]  # turns a name into its id, `None` where it is not exactly one

_NOWHERE = Origin("", Place("", 1, 1))  # of what is in no file yet


class Exporter(Struct, frozen=True):
    """Says what is live on an account in the words of a section."""

    section: Section
    account: AccountProfile
    name_of: NameOf
    find: Find
    undeclared: Policy  # what becomes of a field of which nothing is said
    ignored: Collection[str] = ()  # the codes of warnings that are switched off

    def export(
        self, body: Body, below: Decisions, before: Decisions | None = None, *, is_twin: bool = False
    ) -> Edits:
        """Return what has to be said of a live resource over what weaker levels say of it already.

        These said `before` what is warned of anyway: the same, unless something of them moves away.
        What the files cannot hold, or would warn of, is kept with the reason, and so is the name of a twin,
        which another resource declares.
        """
        name_field = self.section.kind.name_field if is_twin else ""
        keep, own = dict[str, str](), dict[str, Given]()  # path → why, path → what is said of it
        for one in self.section.kind.fields:
            if one.path == name_field:
                keep[one.path] = "another one has the same name"
            elif not self.has_to_be_said(one, body, below):
                continue
            elif one.fills_itself or not self.can_hold(one, self.value(one, body)):
                keep[one.path] = "live values that these files cannot hold"
            else:
                own[one.path] = Given(self.value(one, body), _NOWHERE)
        known = self._warnings(below if before is None else before)
        while warnings := self._warnings({**below, **own}, keep).items() - known.items():
            keep |= {path: message.partition(";")[0] for path, message in warnings}
            own = {path: one for path, one in own.items() if path not in keep}
        said = (one for one in self.section.kind.fields if one.path in own)
        puts = (self.put(one, self.value(one, body)) for one in said)
        values: dict[KeyPath, Put] = {tuple(path.split(".")): put for path, put in puts}
        kept = [one.path for one in self.section.kind.fields if one.path in keep]
        reasons = tuple(visible(keep[path], LONGEST_NAME) for path in kept)
        return {**values, ("keep",): Put(list(kept), reasons=reasons)} if kept else values

    def _warnings(self, decisions: Decisions, keep: Collection[str] = ()) -> dict[str, str]:
        """Return the fields that would be warned of, and why, with these decisions but for what is kept."""
        decisions = {**decisions, **{path: Ruling(Policy.KEEP, _NOWHERE, own=True) for path in keep}}
        given = {path: one for path, one in decisions.items() if isinstance(one, Given)}
        rulings = {path: one for path, one in decisions.items() if isinstance(one, Ruling)}
        declared = Declared("", _NOWHERE.place, 1, given=given, rulings=rulings, undeclared=self.undeclared)
        found = [one for one in self.section.check(declared) if one.code not in self.ignored]
        warnings = (one for one in found if one.severity is Severity.WARNING and one.path in given)
        return {one.path: one.message for one in warnings}

    def value(self, one: Field, body: Body) -> Json:
        """Return the live value of a field as the files write it, with an explicit false or 0."""
        return written(one, compared(one, value_at(body, one.member), strict=True))

    def put(self, one: Field, value: Json) -> tuple[str, Put]:
        """Return the path under which a value is written, by its name where it has one, and the value."""
        named = next((named for named in self.section.named if named.field == one.path), None)
        if named is None or not isinstance(value, int):
            return one.path, with_meaning(self.section, one.path, value)
        name, comment = self.name_of(named, value)
        if name is not None and is_one_line(name):
            return named.path, Put(name)
        return one.path, Put(value, visible(comment))

    def can_hold(self, one: Field, value: Json) -> bool:
        """Tell whether the files can hold a value of a field."""
        if one.path == self.section.kind.name_field and not (isinstance(value, str) and is_one_line(value)):
            return False
        if isinstance(value, str) and UNWRITABLE.search(value):
            return False
        return fits(self.section.model, one.path, value)

    def has_to_be_said(self, one: Field, body: Body, below: Decisions) -> bool:
        """Tell whether the weaker levels, or the defaults, would make another value of a field.

        A field at its default does not have to be said, nor one that fills itself or the flag of visibility.
        """
        if one.path == self.section.kind.visible_field:
            return False
        said = below.get(one.path)
        if isinstance(said, Given):
            value = said.value
            if isinstance(value, Reference):
                named = next(named for named in self.section.named if named.field == one.path)
                found = self.find(named, value.name)
                # A name that leads nowhere equals nothing live.
                value = -1 if found is None else found
            return compared(one, value, strict=self.account.explicit_empties) != self.account.value(one, body)
        if one.fills_itself or (said and said.policy is Policy.KEEP):
            return False
        if one.path == self.section.kind.name_field or self.value(one, body) is not None:
            return True
        # A reset would fill an empty field that has a default; the defaults of a group come with the group.
        default = self.account.defaults.get(one.path)
        is_there = not one.group or bool(value_at(body, one.group))
        return default is not None and is_there and compared(one, default.value) is not None


def is_one_line(text: str) -> bool:
    """Tell whether a text can be a name in the files."""
    return bool(text.strip()) and not UNWRITABLE.search(text) and not LINE_BREAK.search(text)


def merge(editor: ResourceEditor, exporter: Exporter, target: str, live: Live) -> None:
    """Edit a resource that is declared on other targets so that it lives on this one too, as it is live.

    What is common stays on top, and what differs goes into the block of the target. A value on top that only
    one other target has moves into the block of that target, unless a person wrote a comment beside it.
    """
    resource, on_top = editor.resource, editor.resource.written
    shared = resource.shared
    home = next(iter(resource.blocks), "")
    moved: dict[str, tuple[str, ...]] = {}
    if len(resource.blocks) == 1 and resource.own.controls.targets is not None:
        for one in editor.section.kind.fields:
            if isinstance(shared.get(one.path), Given) and exporter.has_to_be_said(one, live.body, shared):
                place = _place_on_top(editor, one.path)
                usual = {"", *editor.section.meanings.get(".".join(place), {}).values()}
                if place and not on_top.find(TARGETS, home, *place) and comment_at(on_top, place) in usual:
                    moved[one.path] = place
    if resource.own.controls.id is not None:
        # An id on top counts for one target only.
        for other in resource.blocks:
            editor.edit(("id",), Put(resource.own.controls.id), target=other)
        editor.edit(("id",), REMOVE)
    editor.edit(("id",), Put(live.id), target=target)
    for place in moved.values():
        editor.edit(place, Put(on_top.at(*place).value), target=home)
        editor.edit(place, REMOVE)
    for group in dict.fromkeys(place[:-1] for place in moved.values() if len(place) > 1):
        names = {name for name, _ in on_top.at(*group).entries()}
        if names == {place[-1] for place in moved.values() if place[:-1] == group}:
            editor.edit(group, REMOVE)
    below = {path: one for path, one in shared.items() if path not in moved}
    for path, put in exporter.export(live.body, below, shared).items():
        editor.edit(path, put, target=target)


def _place_on_top(editor: ResourceEditor, path: str) -> tuple[str, ...]:
    """Return where a field is written on top, by one of the names that it has; empty if nowhere."""
    names = [path, *(named.path for named in editor.section.named if named.field == path)]
    places = (tuple(name.split(".")) for name in names)
    return next((place for place in places if editor.resource.written.find(*place)), ())
