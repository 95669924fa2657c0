"""`reconciler adopt --update`: what somebody changed live comes back into the files that declare it."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from reconciler.checkmarket.model import SECTION
from reconciler.commands.console import Console
from reconciler.commands.editing import as_edited, edition_of, finish
from reconciler.commands.environment import Environment
from reconciler.commands.live import Scene, every_change
from reconciler.commands.memory import remembered
from reconciler.commands.session import Session, open_session
from reconciler.commands.workspace import Selection
from reconciler.config.adopting import Teller
from reconciler.config.blocks import ResourceEditor
from reconciler.config.editing.edition import Edition
from reconciler.config.resources import Resource
from reconciler.engine.body import written
from reconciler.engine.change import Plan
from reconciler.engine.classify import FieldClass, FieldView
from reconciler.engine.identity import Listing
from reconciler.engine.kind import Json, Live
from reconciler.errors import Exit
from reconciler.render.listing import Brought, brought_document, brought_text


def adopt_update(
    selection: Selection, console: Console, environment: Environment, *, diff: bool = False
) -> Exit:
    """Let every declared field that is another one live say what is live; write nothing with `diff`.

    Where a resource lives on several targets, or a preset speaks, the block of this target says it, so that
    nothing else changes. What is not declared stays so. Errors: `NotEdited`.
    """
    with open_session(selection, environment) as session, remembered(session, console) as memory:
        declared = [one for one in session.declared if not one.hidden]
        scene = Scene.of(session, declared, memory, Listing.DECLARED, console)
        update = _Update(session, scene.teller(console), edition_of(session.workspace, environment))
        plan = scene.plan(declared)
        brought = [*update.write(plan)]
        edits = update.edition.edited()
        as_edited(session.workspace, edits, environment)
    text = brought_text(brought, len(edits), writes=not diff, paint=console.paint)
    finish(edits, session.workspace, console, diff=diff, text=text, document=brought_document(brought))
    resets = sum(len(change.resets) for change in every_change(plan))
    if resets:
        console.say(f"Live fields that nothing declares stay undeclared: {resets}. See them with plan.")
    return Exit.DONE


class _Update(Struct, frozen=True):
    session: Session
    teller: Teller
    edition: Edition

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
        editor = ResourceEditor(self.edition, SECTION, resource, self.session.workspace.targets)
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
