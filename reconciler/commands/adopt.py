"""`reconciler adopt`: what is live comes into the files, so that the next plan is empty.

With `--update`, what was changed live comes back into the files that declare it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from msgspec import Struct, field

from reconciler.checkmarket.model import SECTION
from reconciler.commands.console import Console
from reconciler.commands.edit import edited, edits_of, file_in, finish
from reconciler.commands.environment import Environment
from reconciler.commands.journal import remembered
from reconciler.commands.plan import LiveSnapshot, read_live
from reconciler.commands.runs import NO_WAIT, open_run
from reconciler.commands.session import Session, open_session
from reconciler.commands.workspace import Selection, hints
from reconciler.config.adopting import Exporter, is_one_line, merge
from reconciler.config.discovery import TARGETS, shown
from reconciler.config.edits import Edits, Put
from reconciler.config.file_edits import EVERY_TARGET, FileEdits, ResourceEditor
from reconciler.config.names import instead, keys_for, meant, visible
from reconciler.config.resources import Named, Resource
from reconciler.engine.body import written
from reconciler.engine.change import Plan
from reconciler.engine.classify import FieldClass, FieldView, desired
from reconciler.engine.inventory import Listing, name_of
from reconciler.engine.kind import Declared, Given, Live, digest_of
from reconciler.engine.plan import Consent
from reconciler.errors import BadAnswer, Declined, Exit, Forbidden, NotFound, ReconcilerError, UsageError
from reconciler.journal.entries import ADOPT, Intent
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
from reconciler.render.values import counted

_NO_NAMES = (Forbidden, NotFound, Declined, BadAnswer)
"""What a list of names can fail with while everything else works: its role, or a path that is inferred."""
_EVERYTHING = Consent(resets=None)  # consent by which a plan shows everything


class _Names(Struct):
    """Names of ids on one target, from its tables or through the API."""

    session: Session
    console: Console
    _unreadable: set[str] = field(default_factory=set)

    def name_of(self, named: Named, id: int) -> tuple[str | None, str]:
        """Return the name of an id, if no other has it, and a comment to write beside the id otherwise."""
        what = named.what
        if named.mapped:
            names = [name for name, one in self.session.target.ids[named.mapped].items() if one == id]
            return (names[0] if len(names) == 1 else None), ""
        if what not in self._unreadable:
            try:
                name = self.session.client.name(what, id)
                if name is not None and len(self.session.client.find(what, name)) > 1:
                    return None, f'"{name}", like another {what}'
                return (name, "") if name is None or is_one_line(name) else (None, f'"{name}"')
            except _NO_NAMES as error:
                self._unreadable.add(what)
                self.console.say(f"Names of {what}s cannot be read, so their ids are written: {error}")
        return None, ""

    def id_of(self, named: Named, name: str) -> int | None:
        """Return the id of a name, `None` where it is not exactly one."""
        if named.mapped:
            return dict(self.session.target.ids[named.mapped]).get(name)
        found = self.session.client.find(named.what, name)
        return found[0] if len(found) == 1 else None


def _exporter(snapshot: LiveSnapshot, console: Console) -> Exporter:
    names = _Names(snapshot.session, console)
    session = snapshot.session
    undeclared, ignored = session.target.undeclared, session.workspace.settings.ignore_warnings
    return Exporter(SECTION, snapshot.account, names.name_of, names.id_of, undeclared, ignored)


class Wanted(Struct, frozen=True):
    """Which live configurations are adopted, and into which files."""

    everything: bool = False
    ids: tuple[int, ...] = ()
    names: tuple[str, ...] = ()
    into: Path | None = None
    split: bool = False
    preset: str = ""


def adopt(
    wanted: Wanted, selection: Selection, console: Console, environment: Environment, *, diff: bool = False
) -> Exit:
    """Write what is live and declared nowhere into the files; with `diff`, show it and write nothing.

    Errors: `NotEdited` where a file cannot be edited safely; `UsageError` for what is not there.
    """
    if not (wanted.everything or wanted.ids or wanted.names):
        raise UsageError("say what to adopt: --all, --id N or --name GLOB; or --update, for what is declared")
    with open_session(selection, environment) as session:
        with remembered(session, console) as memory:
            declared = [one for one in session.declared if not one.hidden]
            asked = [Declared("", Place("", 1, 1), id=id) for id in wanted.ids]
            listing = Listing.EVERYTHING if wanted.everything or wanted.names else Listing.DECLARED
            snapshot = read_live(session, [*declared, *asked], memory, _EVERYTHING, listing, console)
            plan = snapshot.plan_of(declared)
            known = [(one.id, one.key) for one in plan.unchanged]
            known += [(change.id, change.key) for change in plan.every_change if change.live]
            managed = {id: key for id, key in known if id is not None}
            files = edits_of(session.workspace, environment)
            adoption = _Adoption(wanted, snapshot, _exporter(snapshot, console), files, environment)
            adopted = adoption.write(_chosen(wanted, snapshot, plan, managed))
            edits, after = edited(session.workspace, files, environment)
            _check_others(session, after.declared)
            keys = {one.key for one in adopted}
            now = [one for one in after.declared[session.target.name] if one.key in keys]
            left = snapshot.plan_of(now)
        text = adopted_text(
            adopted, len(edits), len(managed), writes=not diff, paint=console.paint, verbose=console.verbose
        )
        document = adopted_document(adopted, after.warnings)
        finish(session.workspace, edits, console, text, document, diff=diff)
        if not diff:
            _write_down("adopt", snapshot, left, now, console)
    console.problems(after.warnings)
    found = [one for one in hints(after) if one.code not in after.settings.ignore_warnings]
    if found:
        console.say(f"Hint: in {counted(len(found), 'file')}: {EVERY_TARGET} `validate` lists them.")
    if left.changes or left.blocked:
        console.say(left_text(left))
    return Exit.DONE


def _write_down(
    command: str, snapshot: LiveSnapshot, plan: Plan, declared: Sequence[Declared], console: Console
) -> None:
    """Write down in the journal what is live as it is declared now, so that later edits are told apart.

    The files are written already, so what stands in the way of that is a warning.
    """
    session, by_key = snapshot.session, {one.key: one for one in declared}
    agreed = []
    for one in plan.unchanged:
        live = snapshot.inventory.by_id.get(one.id or 0)
        if live is not None:
            sent = desired(session.kind, by_key[one.key], one.fields, live.body)
            agreed.append(Intent(session.account, one.key, ADOPT, live.id, digest_of(sent), live.body, sent))
    if not agreed or snapshot.memory.trouble is not None:
        return
    try:
        with open_run(session, command, NO_WAIT, console) as run:
            run.journal.agree(run.number, agreed)
            run.exit, run.counts = Exit.DONE, {"adopted": len(agreed)}
    except ReconcilerError as error:
        reason = str(error).rstrip(".")
        console.warn(
            f"{reason}. The files are written; plans cannot tell yet which side of them changes later"
        )


def _chosen(wanted: Wanted, snapshot: LiveSnapshot, plan: Plan, managed: Mapping[int, str]) -> list[Live]:
    """Return what is wanted of what is live and meant by nothing declared, neither by its id nor by its name.

    Errors: `UsageError` for an id or name that is asked for and cannot be adopted.
    """
    target, inventory = snapshot.session.target.name, snapshot.inventory
    hidden = {one.id for one in snapshot.session.declared if one.hidden}
    free = {live.id: inventory.by_id[live.id] for live in plan.unmanaged if live.id not in hidden}
    for id in wanted.ids:
        live = inventory.by_id.get(id)
        if live is None:
            raise UsageError(f"there is no id {id} on {target}")
        if not live.listed:
            raise UsageError(f"id {id} is hidden, for good: there is nothing to adopt")
        if id in managed:
            raise UsageError(f"id {id} is declared already, as {managed[id]}; to bring it in, use --update")
        if id not in free:
            raise UsageError(f"id {id} has the name of something declared without an id; write the id there")
    chosen = {*free} if wanted.everything else {*wanted.ids}
    for glob in wanted.names:
        # A name that is live is that one, whatever it would match as a glob.
        named = [live for live in inventory.listed if live.name == glob]
        named = named or [live for live in inventory.listed if fnmatchcase(live.name, glob)]
        if not named:
            hints = [instead(glob, [live.name for live in inventory.listed])]
            hints += ["in a glob [[], [*] and [?] stand for the characters"] if {*glob} & {*"[*?"} else []
            named_so = f"nothing live on {target} is named {visible(glob)}"
            raise UsageError("; ".join(filter(None, [named_so, *hints])))
        chosen |= {live.id for live in named}
    return [free[id] for id in sorted(free) if id in chosen]


def _check_others(session: Session, after: Mapping[str, Sequence[Declared]]) -> None:
    """Check that nothing declared on another target came out different: what moved says the same there."""

    def said(declared: Declared) -> tuple[object, ...]:
        given = {path: one.value for path, one in declared.given.items()}
        rulings = {path: one.policy for path, one in declared.rulings.items()}
        itself = (declared.key, declared.id, declared.absent, declared.hidden, declared.undeclared)
        return itself, given, rulings

    for target, before in session.workspace.declared.items():
        if target != session.target.name and [*map(said, before)] != [*map(said, after[target])]:
            raise UsageError(f"this would change what is declared on {target}; nothing was written")


class _Adoption(Struct, frozen=True):
    """One run of `adopt`: what is live finds its place in the files, in memory."""

    wanted: Wanted
    snapshot: LiveSnapshot
    exporter: Exporter
    files: FileEdits
    environment: Environment

    def write(self, chosen: Sequence[Live]) -> list[Adopted]:
        """Edit the files and return what was adopted, what comes to live on one more target first."""
        session = self.snapshot.session
        names = {name_of(one, session.kind) for one in session.declared if not one.hidden}
        listed = Counter(live.name for live in self.snapshot.inventory.listed)
        elsewhere: dict[str, list[Resource]] = {}
        for resource in session.workspace.resources.values():
            is_gone = resource.own.controls.absent or resource.own.controls.hidden
            if session.target.name not in resource.blocks and not is_gone:
                given = resource.shared.get(SECTION.kind.name_field)
                name = str(given.value) if isinstance(given, Given) else ""
                elsewhere.setdefault(name, []).append(resource)
        adopted: list[Adopted] = []
        new: list[Live] = []
        for live in chosen:
            resources = elsewhere.get(live.name, ())
            if len(resources) != 1 or listed[live.name] != 1 or live.name in names:
                new.append(live)
                continue
            editor = ResourceEditor(self.files, SECTION, resources[0], session.workspace.targets)
            merge(editor, self.exporter, session.target.name, live)
            file = resources[0].written.source.file
            adopted.append(Adopted(resources[0].key, live.id, live.name, file, merged=True))
        return [*adopted, *self._new_resources(new, names)]

    def _new_resources(self, chosen: Sequence[Live], names: set[str | None]) -> Iterator[Adopted]:
        """Write what is declared nowhere; of several with one name, the first alone declares it."""
        workspace, target = self.snapshot.session.workspace, self.snapshot.session.target.name
        section, preset, split = SECTION.kind.name, self.wanted.preset, self.wanted.split
        if preset and preset not in workspace.presets:
            raise UsageError(f"there is no preset {visible(preset)}; {meant(preset, workspace.presets)}")
        below = workspace.presets[preset].decisions if preset else {}
        taken = [key.removeprefix(f"{section}.") for key in (*workspace.resources, *workspace.moved)]
        otherwise = section.removesuffix("s").replace("_", "-")
        keys = keys_for([(live.id, live.name) for live in chosen], taken, otherwise)
        named = self.wanted.into or workspace.folder.resolve() / (section if split else f"{section}.yaml")
        into = file_in(workspace, named, self.environment, split=split)
        for live in sorted(chosen, key=lambda live: live.id):
            key, is_twin = keys[live.id], live.name in names
            names.add(live.name)
            start: Edits = {("preset",): Put(preset)} if preset else {}
            said = self.exporter.export(live.body, below, is_twin=is_twin)
            edits = {**start, **said, (TARGETS, target, "id"): Put(live.id)}
            path = into / f"{key}.yaml" if split else into
            self.files.put(path, edits, section, key)
            yield Adopted(
                f"{SECTION.kind.name}.{key}", live.id, live.name, shown(path, self.environment.folder)
            )


def adopt_update(
    selection: Selection, console: Console, environment: Environment, *, diff: bool = False
) -> Exit:
    """Let every declared field that is another one live say what is live; write nothing with `diff`.

    Where a resource lives on several targets, or a preset speaks, the block of this target says it, so that
    nothing else changes. What is not declared stays so. Errors: `NotEdited`.
    """
    with open_session(selection, environment) as session:
        with remembered(session, console) as memory:
            declared = [one for one in session.declared if not one.hidden]
            snapshot = read_live(session, declared, memory, _EVERYTHING, Listing.DECLARED, console)
            exporter, plan = _exporter(snapshot, console), snapshot.plan_of(declared)
            files = edits_of(session.workspace, environment)
            resources = session.workspace.resources
            brought: list[Brought] = []
            for change in (one for one in plan.every_change if one.live):
                editor = ResourceEditor(files, SECTION, resources[change.key], session.workspace.targets)
                brought += [
                    _bring(editor, exporter, session.target.name, view, change.live)
                    for view in change.differing
                    if view.cls is FieldClass.SET and change.live
                ]
            edits, after = edited(session.workspace, files, environment)
            keys = {one.key for one in brought if not one.reason}
            now = [one for one in after.declared[session.target.name] if one.key in keys]
            left = snapshot.plan_of(now)
        paint, verbose = console.paint, console.verbose
        text = brought_text(brought, len(edits), writes=not diff, paint=paint, verbose=verbose)
        document = brought_document(brought, after.warnings)
        finish(session.workspace, edits, console, text, document, diff=diff)
        if not diff:
            _write_down("adopt --update", snapshot, left, now, console)
    console.problems(after.warnings)
    resets = sum(len(change.resets) for change in plan.every_change)
    if resets:
        console.say(
            f"Live fields that nothing declares stay undeclared: {resets}. See them with plan; declare them, "
            "or name them under keep to have them as they are."
        )
    return Exit.DONE


def _bring(editor: ResourceEditor, exporter: Exporter, target: str, view: FieldView, live: Live) -> Brought:
    """Edit a declared field, in memory, so that it says what is live, and return it or why it is left."""
    key, field = editor.resource.key, SECTION.kind.by_path[view.path]
    value = exporter.value(field, live.body)
    before, after = written(field, view.after), written(field, view.before)
    if view.path == SECTION.kind.visible_field and not value:
        why = "it was hidden live; that is not brought into the files"
        return Brought(key, view.path, before, after, why)
    if not exporter.can_hold(field, value):
        why = "the files cannot hold the live value; name the field under keep"
        return Brought(key, view.path, before, after, why)
    path, put = exporter.put(field, value)
    is_said_in_block = view.origin is not None and view.origin.level == f"target {target}"
    is_below = is_said_in_block or len(editor.resource.blocks) > 1
    editor.put_field(path.split("."), put, target=target if is_below else "")
    before = str(view.named.name) if view.named else before
    return Brought(key, view.path, before, put.value if path != view.path else after)
