"""`reconciler adopt`: live configurations into the files, so that the next plan is empty."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path

from msgspec import Struct, field

from reconciler.checkmarket.model import SECTION
from reconciler.commands.console import Console
from reconciler.commands.edit import as_edited, edits_of, finish
from reconciler.commands.environment import Environment
from reconciler.commands.memory import remembered
from reconciler.commands.plan import LiveSnapshot, read_live
from reconciler.commands.session import Session, open_session
from reconciler.commands.workspace import Selection
from reconciler.config.adopting import Entry, Exporter, Merge, Name, is_one_line, shared_decisions
from reconciler.config.discovery import is_workspace_file
from reconciler.config.file_edits import FileEdits, ResourceEditor
from reconciler.config.key_order import ranks_of
from reconciler.config.names import keys_for, meant, visible
from reconciler.config.resources import Decisions, Resource
from reconciler.config.sections import Named
from reconciler.engine.body import written
from reconciler.engine.change import Change, Plan
from reconciler.engine.classify import FieldClass, FieldView
from reconciler.engine.declared import Declared, Given
from reconciler.engine.identity import Listing, name_of
from reconciler.engine.kind import Json, Live, Namer
from reconciler.engine.plan import Consent
from reconciler.errors import BadAnswer, Declined, Exit, Forbidden, NotFound, UsageError
from reconciler.problems import Place
from reconciler.render.listing import (
    Adopted,
    Brought,
    adopted_document,
    adopted_text,
    brought_document,
    brought_text,
    left_text,
)

_NO_NAMES = (Forbidden, NotFound, Declined, BadAnswer)
"""What a list of names can fail with while everything else works: its role, or a path that is inferred."""

EVERYTHING = Consent(resets=None)
"""Consent by which a plan shows everything."""


class _Names(Struct):
    """Names of ids on one target, from its tables or through the API."""

    session: Session
    namer: Namer
    console: Console
    _silent: set[str] = field(default_factory=set)

    def name_of(self, named: Named, id: int) -> Name:
        """Return the name of an id, if no other has it."""
        if named.mapped:
            names = [name for name, one in self._table(named).items() if one == id]
            return Name(names[0]) if len(names) == 1 else Name()
        if named.what in self._silent:
            return Name()
        try:
            return self._through_api(named.what, id)
        except _NO_NAMES as error:
            self._silent.add(named.what)
            self.console.say(f"Names of {named.what}s cannot be read, so their ids are written: {error}")
            return Name()

    def _through_api(self, what: str, id: int) -> Name:
        name = self.namer.name(what, id)
        if name is None:
            return Name()
        if len(self.namer.find(what, name)) > 1:
            return Name(comment=f'"{name}", like another {what}')
        return Name(name) if is_one_line(name) else Name(comment=f'"{name}"')

    def id_of(self, named: Named, name: str) -> int | None:
        """Return the id of a name, `None` where it is not exactly one."""
        if named.mapped:
            return self._table(named).get(name)
        found = self.namer.find(named.what, name)
        return found[0] if len(found) == 1 else None

    def _table(self, named: Named) -> dict[str, int]:
        return dict(self.session.target.ids[named.mapped])


def exporter_for(snapshot: LiveSnapshot, console: Console) -> Exporter:
    """Return what says in the words of the files what is live."""
    names = _Names(snapshot.session, snapshot.session.client, console)
    return Exporter(SECTION, snapshot.account, names.name_of, names.id_of)


def every_change(plan: Plan) -> Iterator[Change]:
    """Yield every change of a plan to what is live, those that are blocked too."""
    blocked = (one.change for one in plan.blocked if one.change)
    yield from (change for change in (*plan.changes, *blocked) if change.live)


class Wanted(Struct, frozen=True):
    """Which live configurations are adopted, and into which files."""

    everything: bool = False
    ids: tuple[int, ...] = ()
    names: tuple[str, ...] = ()
    into: Path | None = None
    split: bool = False
    preset: str = ""

    def chooses(self, live: Live) -> bool:
        """Tell whether a configuration that nothing declares is wanted."""
        return self.everything or live.id in self.ids or any(fnmatchcase(live.name, n) for n in self.names)


def adopt(
    wanted: Wanted, selection: Selection, console: Console, environment: Environment, *, diff: bool = False
) -> Exit:
    """Write what is live and declared nowhere into the files; with `diff`, show it and write nothing.

    Errors: `NotEdited` where a file cannot be edited safely; `UsageError` for what is not there.
    """
    if not (wanted.everything or wanted.ids or wanted.names):
        raise UsageError("say what to adopt: --all, --id N or --name GLOB; or --update, for what is declared")
    with open_session(selection, environment) as session, remembered(session, console) as memory:
        snapshot = read_live(session, _to_read(session, wanted), memory, _listing(wanted), console)
        adoption = _Adoption(
            wanted,
            snapshot,
            exporter_for(snapshot, console),
            edits_of(session.workspace, environment),
            environment,
        )
        adopted = adoption.write()
        edits = adoption.edits.edited()
        after = as_edited(session.workspace, edits, environment)
        _check_others(session, after.declared)
        left = snapshot.plan_of(_only(after.declared[session.target.name], adopted), EVERYTHING)
    text = adopted_text(adopted, len(edits), len(adoption.managed), writes=not diff, paint=console.paint)
    finish(edits, session.workspace, console, diff=diff, text=text, document=adopted_document(adopted))
    if left.changes or left.blocked:
        console.say(left_text(left))
    return Exit.DONE


def _to_read(session: Session, wanted: Wanted) -> list[Declared]:
    """Return what is declared, and a stand-in for every id that is asked for."""
    place = Place("", 1, 1)
    declared = [one for one in session.declared if not one.hidden]
    return [*declared, *(Declared("", place, id=id) for id in wanted.ids)]


def _listing(wanted: Wanted) -> Listing:
    return Listing.EVERYTHING if wanted.everything or wanted.names else Listing.DECLARED


def _only(declared: Sequence[Declared], adopted: Sequence[Adopted]) -> list[Declared]:
    keys = {one.key for one in adopted}
    return [one for one in declared if one.key in keys]


def _check_others(session: Session, after: Mapping[str, Sequence[Declared]]) -> None:
    """Check that nothing declared on another target came out different: what moved says the same there."""
    for target, before in session.workspace.declared.items():
        if target != session.target.name and [*map(_said, before)] != [*map(_said, after[target])]:
            raise UsageError(f"this would change what is declared on {target}; nothing was written")


def _said(declared: Declared) -> tuple[object, ...]:
    given = {path: one.value for path, one in declared.given.items()}
    rulings = {path: one.policy for path, one in declared.rulings.items()}
    return declared.key, declared.id, declared.absent, declared.hidden, declared.undeclared, given, rulings


class _Adoption(Struct, dict=True):
    """One run of `adopt`: what is live finds its place in the files."""

    wanted: Wanted
    snapshot: LiveSnapshot
    teller: Exporter
    edits: FileEdits
    environment: Environment
    _adopted: list[Adopted] = field(default_factory=list)

    @property
    def _session(self) -> Session:
        return self.snapshot.session

    @property
    def _target(self) -> str:
        return self._session.target.name

    @cached_property
    def _resources(self) -> Mapping[str, Resource]:
        return self._session.workspace.readers[SECTION.kind.name].resources

    @cached_property
    def _plan(self) -> Plan:
        return self.snapshot.plan_of([one for one in self._session.declared if not one.hidden], EVERYTHING)

    @cached_property
    def _free(self) -> Mapping[int, Live]:
        """What is live and meant by nothing declared, neither by its id nor by its name."""
        hidden = {one.id for one in self._session.declared if one.hidden}
        whole = self.snapshot.inventory.by_id
        return {live.id: whole[live.id] for live in self._plan.unmanaged if live.id not in hidden}

    @cached_property
    def managed(self) -> Mapping[int, str]:
        """Live ids that are declared already, with their keys."""
        found = [(one.id, one.key) for one in self._plan.unchanged]
        found += [(change.id, change.key) for change in every_change(self._plan)]
        return {id: key for id, key in found if id is not None}

    def write(self) -> list[Adopted]:
        """Edit the files, in memory, and return what was adopted."""
        chosen = self._chosen()
        merges = self._merges(chosen)
        for live in chosen:
            if live.id in merges:
                self._merge(live, merges[live.id])
        self._write_new([live for live in chosen if live.id not in merges])
        return self._adopted

    def _chosen(self) -> list[Live]:
        listed = self.snapshot.inventory.listed
        for id in self.wanted.ids:
            self._check_id(id)
        for glob in self.wanted.names:
            if not any(fnmatchcase(live.name, glob) for live in listed):
                raise UsageError(f"nothing live on {self._target} is named {visible(glob)}")
        return [live for live in self._free.values() if self.wanted.chooses(live)]

    def _check_id(self, id: int) -> None:
        live = self.snapshot.inventory.by_id.get(id)
        if live is None:
            raise UsageError(f"there is no id {id} on {self._target}")
        if not live.listed:
            raise UsageError(f"id {id} is hidden, for good: there is nothing to adopt")
        if id in self.managed:
            raise UsageError(
                f"id {id} is declared already, as {self.managed[id]}; to bring it in, use --update"
            )
        if id not in self._free:
            raise UsageError(f"id {id} has the name of something declared without an id; write the id there")

    # One more target

    def _merges(self, chosen: Sequence[Live]) -> Mapping[int, Resource]:
        """Return the resource that each one is by its name, declared on other targets, where that is sure."""
        by_name: dict[str, list[Resource]] = {}
        for resource in self._resources.values():
            if self._target not in resource.blocks and not _is_gone(resource):
                by_name.setdefault(_name(resource), []).append(resource)
        names = [live.name for live in self.snapshot.inventory.listed]
        return {
            live.id: by_name[live.name][0]
            for live in chosen
            if len(by_name.get(live.name, ())) == 1
            and names.count(live.name) == 1
            and not self._is_taken(live)
        }

    def _is_taken(self, live: Live) -> bool:
        return live.name in self._taken_names

    @cached_property
    def _taken_names(self) -> frozenset[str | None]:
        """The names that stand in the files for this target."""
        return frozenset(name_of(one, self._session.kind) for one in self._session.declared if not one.hidden)

    def _merge(self, live: Live, resource: Resource) -> None:
        editor = ResourceEditor(self.edits, SECTION, resource, self._session.workspace.targets)
        Merge(editor, self._target, live.id, live.body).write(self.teller)
        self._adopted.append(Adopted(resource.key, live.id, live.name, resource.written.file, merged=True))

    # New resources

    def _write_new(self, chosen: Sequence[Live]) -> None:
        keys = keys_for(
            [(live.id, live.name) for live in chosen], self._taken_keys(), _singular(SECTION.kind.name)
        )
        below = self._below()
        names = set(self._taken_names)
        for live in sorted(chosen, key=lambda live: live.id):
            told = self.teller.tell(live.body, below)
            note = ""
            if live.name in names:
                told, note = told.without_name(SECTION.kind.name_field), "another one has the same name"
            names.add(live.name)
            entry = Entry(SECTION, keys[live.id], self._target, live.id, told, self.wanted.preset, note)
            path = self._file(entry.key)
            self.edits.put(path, entry.path, entry.patch(ranks_of([SECTION])))
            self._adopted.append(
                Adopted(SECTION.kind.key(entry.key), live.id, live.name, self.edits.shown(path))
            )

    def _taken_keys(self) -> list[str]:
        taken = (*self._resources, *self._session.workspace.moved)
        return [key.removeprefix(f"{SECTION.kind.name}.") for key in taken]

    def _below(self) -> Decisions:
        if not self.wanted.preset:
            return {}
        presets = self._session.workspace.readers[SECTION.kind.name].presets
        if self.wanted.preset not in presets:
            hint = meant(self.wanted.preset, presets)
            raise UsageError(f"there is no preset {visible(self.wanted.preset)}; {hint}")
        return presets[self.wanted.preset].decisions

    def _file(self, key: str) -> Path:
        if self.wanted.split:
            return self._into(SECTION.kind.name) / f"{key}.yaml"
        return self._into(f"{SECTION.kind.name}.yaml", is_file=True)

    def _into(self, otherwise: str, *, is_file: bool = False) -> Path:
        """Return the file or folder that is named, from where one stands or else from the workspace."""
        folder = self._session.workspace.folder
        named = self.wanted.into or Path(otherwise)
        for start in (self.environment.folder, folder) if self.wanted.into else (folder,):
            place = (start / named).resolve()
            if place.is_relative_to(folder.resolve()):
                inside = place.relative_to(folder.resolve())
                self._check_visible(inside, is_file=is_file)
                return folder / inside
        raise UsageError(f"{named} does not lie in the workspace {folder}")

    @staticmethod
    def _check_visible(inside: Path, *, is_file: bool) -> None:
        if any(part.startswith(".") for part in inside.parts):
            raise UsageError(f"{inside} would be hidden from the workspace by its dot")
        if is_file and not is_workspace_file(inside.name):
            raise UsageError(f"{inside} is no .yaml or .yml file; for a folder, add --split")


def _name(resource: Resource) -> str:
    given = shared_decisions(resource).get(SECTION.kind.name_field)
    return str(given.value) if isinstance(given, Given) else ""


def _is_gone(resource: Resource) -> bool:
    return bool(resource.own.controls.absent or resource.own.controls.hidden)


def _singular(section: str) -> str:
    return section.removesuffix("s").replace("_", "-")


def adopt_update(
    selection: Selection, console: Console, environment: Environment, *, diff: bool = False
) -> Exit:
    """Let every declared field that is another one live say what is live; write nothing with `diff`.

    Where a resource lives on several targets, or a preset speaks, the block of this target says it, so that
    nothing else changes. What is not declared stays so. Errors: `NotEdited`.
    """
    with open_session(selection, environment) as session, remembered(session, console) as memory:
        declared = [one for one in session.declared if not one.hidden]
        snapshot = read_live(session, declared, memory, Listing.DECLARED, console)
        update = _Update(session, exporter_for(snapshot, console), edits_of(session.workspace, environment))
        plan = snapshot.plan_of(declared, EVERYTHING)
        brought = [*update.write(plan)]
        edits = update.edits.edited()
        as_edited(session.workspace, edits, environment)
    text = brought_text(brought, len(edits), writes=not diff, paint=console.paint)
    finish(edits, session.workspace, console, diff=diff, text=text, document=brought_document(brought))
    resets = sum(len(change.resets) for change in every_change(plan))
    if resets:
        console.say(f"Live fields that nothing declares stay undeclared: {resets}. See them with plan.")
    return Exit.DONE


class _Update(Struct, frozen=True):
    session: Session
    teller: Exporter
    edits: FileEdits

    def write(self, plan: Plan) -> Iterator[Brought]:
        """Edit the files, in memory, and yield every declared field that is another one live."""
        resources = self.session.workspace.readers[SECTION.kind.name].resources
        for change in every_change(plan):
            for view in change.differing:
                if view.cls is FieldClass.SET and change.live:
                    yield self._bring(change.key, resources[change.key], view, change.live)

    def _bring(self, key: str, resource: Resource, view: FieldView, live: Live) -> Brought:
        field = SECTION.kind.by_path[view.path]
        value = self.teller.value(field, live.body)
        before, after = (written(field, one) for one in (view.after, view.before))
        if reason := self._why_not(view, value):
            return Brought(key, view.path, before, after, reason)
        editor = ResourceEditor(self.edits, SECTION, resource, self.session.workspace.targets)
        path, put = self.teller.put(field, value)
        editor.edit_field(path.split("."), put, target=self._level(resource, view))
        shown = put.value if path != view.path else after
        return Brought(key, view.path, str(view.named.name) if view.named else before, shown)

    def _why_not(self, view: FieldView, value: Json) -> str:
        if view.path == SECTION.kind.visible_field and not value:
            return "it was hidden live; that is not brought into the files"
        field = SECTION.kind.by_path[view.path]
        if not self.teller.can_hold(field, value):
            return "the files cannot hold the live value; name the field under keep"
        return ""

    def _level(self, resource: Resource, view: FieldView) -> str:
        """Return the target whose block has to say it, nothing where the resource itself can."""
        target = self.session.target.name
        said_in_block = view.origin is not None and view.origin.level == f"target {target}"
        return target if said_in_block or len(resource.blocks) > 1 else ""
