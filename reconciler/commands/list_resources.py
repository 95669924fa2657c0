"""`reconciler list`: which resources there are, where they stand, and which of them say what. Offline."""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.commands.console import Console
from reconciler.commands.matching import matching
from reconciler.commands.outside import Outside
from reconciler.commands.session import chosen_target
from reconciler.commands.workspace import Selection, open_workspace
from reconciler.config.assignments import candidates, full_path, split_assignment
from reconciler.config.load import Workspace
from reconciler.config.section import Section
from reconciler.engine.declared import Declared, Reference
from reconciler.engine.kind import Json
from reconciler.errors import Exit
from reconciler.expoints.seed import Seed
from reconciler.render.listing import Listed, listing_document, listing_text


def list_resources(
    glob: str, where: Sequence[str], selection: Selection, console: Console, outside: Outside
) -> Exit:
    """Print the resources that the glob names and that declare every `PATH=VALUE` of `where` on a target.

    What presets and blocks of targets say counts; without a target in the selection, any target will do.
    """
    workspace = open_workspace(selection, outside)
    targets = [chosen_target(workspace, selection.target).name] if selection.target else [*workspace.targets]
    found = []
    for section, resource in matching(workspace, glob):
        on = {target: declared for target in targets if (declared := _on(workspace, resource.key, target))}
        chosen = {target: declared for target, declared in on.items() if _says(section, declared, where)}
        if chosen:
            found.append(Listed(resource.key, resource.written.key_place, chosen, section.kind.name_field))
    console.result(listing_text(found, paint=console.paint), listing_document(found))
    return Exit.DONE


def _on(workspace: Workspace[Seed], key: str, target: str) -> Declared | None:
    return next((one for one in workspace.declared[target] if one.key == key), None)


def _says(section: Section, declared: Declared, where: Sequence[str]) -> bool:
    return all(_says_one(section, declared, *split_assignment(text)) for text in where)


def _says_one(section: Section, declared: Declared, text: str, value: str) -> bool:
    path = full_path(section, text)
    field = next((named.field for named in section.named if named.path == path), path)
    given = declared.given.get(field)
    if given is None:
        return False
    if field != path:
        name = given.named or given.value
        return isinstance(name, Reference) and name.name in candidates(value)
    normal = section.kind.by_path[field].normal
    wanted = [normal(one) for one in candidates(value)]
    return any(_same(normal(given.value), one) for one in wanted if not isinstance(given.value, Reference))


def _same(one: Json, other: Json) -> bool:
    return one == other and type(one) is type(other)
