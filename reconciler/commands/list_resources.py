"""`reconciler list`: which resources and seeds there are, where they stand, and which say what. Offline."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from reconciler.commands.console import Console
from reconciler.commands.environment import Environment
from reconciler.commands.matching import matching_any
from reconciler.commands.session import chosen_target
from reconciler.commands.workspace import SECTIONS, Selection, open_workspace
from reconciler.config.assignments import candidates, full_path, split_assignment
from reconciler.config.load import Workspace
from reconciler.config.resources import Resource
from reconciler.config.sections import Section
from reconciler.engine.declared import Declared, Given, Reference
from reconciler.engine.kind import Json
from reconciler.errors import Exit
from reconciler.expoints.model import PLAIN_FIELDS, plain_fields
from reconciler.expoints.seed import Seed
from reconciler.render.listing import Listed, Sending, listing_document, listing_text


def list_resources(
    glob: str, where: Sequence[str], selection: Selection, console: Console, environment: Environment
) -> Exit:
    """Print the resources and seeds that the glob names and that say every `PATH=VALUE` of `where`.

    What presets and blocks of targets say counts; without a target in the selection, any target will do. Of a
    seed its plain fields can be compared. Errors: `UsageError` for a path that neither has.
    """
    workspace = open_workspace(selection, environment)
    targets = [chosen_target(workspace, selection.target).name] if selection.target else [*workspace.targets]
    search = _Search(workspace, targets, [split_assignment(text) for text in where])
    resources, seeds = matching_any(workspace, glob)
    search.check_paths()
    found = [*(search.resource(*one) for one in resources), *map(search.seed, seeds)]
    shown = [one for one in found if one.targets]
    console.result(listing_text(shown, paint=console.paint), listing_document(shown))
    return Exit.DONE


class _Search(Struct, frozen=True):
    """What is looked for, on which targets: both sides of each `PATH=VALUE`."""

    workspace: Workspace[Seed]
    targets: Sequence[str]
    wanted: Sequence[tuple[str, str]]

    def check_paths(self) -> None:
        """Check that every path is one of a resource or of a seed. Errors: `UsageError`."""
        for path, _ in self.wanted:
            for section in () if path in PLAIN_FIELDS else SECTIONS:
                full_path(section, path)

    def resource(self, section: Section, one: Resource) -> Listed:
        """Return a resource with the targets on which it says what is wanted."""
        declared = {t: found for t in self.targets if (found := _on(self.workspace, one.key, t))}
        chosen = {target: on for target, on in declared.items() if self._says(section, on)}
        given = next((on.given.get(section.kind.name_field) for on in chosen.values()), None)
        name = given.value if isinstance(given, Given) and isinstance(given.value, str) else None
        return Listed(one.key, one.written.key_place, {t: on.id for t, on in chosen.items()}, name)

    def seed(self, key: str) -> Listed:
        """Return a seed with the targets on which it says what is wanted."""
        sown = {t: seed for t, seeds in self.workspace.seeds.items() for seed in seeds if seed.key == key}
        chosen = [t for t in self.targets if t in sown and self._seed_says(sown[t])]
        seed = sown[chosen[0]] if chosen else next(iter(sown.values()))
        sending = Sending(seed.send.value, seed.round, len(seed.customers))
        return Listed(key, seed.place, dict.fromkeys(chosen), sending=sending)

    def _says(self, section: Section, declared: Declared) -> bool:
        return all(
            path not in PLAIN_FIELDS and _says_one(section, declared, path, value)
            for path, value in self.wanted
        )

    def _seed_says(self, seed: Seed) -> bool:
        said = plain_fields(seed)
        return all(
            any(path in said and _same(said[path], one) for one in candidates(value))
            for path, value in self.wanted
        )


def _on(workspace: Workspace[Seed], key: str, target: str) -> Declared | None:
    return next((one for one in workspace.declared[target] if one.key == key), None)


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
