"""The order in which the keys of a resource should stand, derived from the section that describes it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from reconciler.config.contents import PRESETS, TARGETS
from reconciler.config.editing.patch import Path, Ranks
from reconciler.config.sections import Section, SeedsByName, SeedSection
from reconciler.config.validation import paths

_BEFORE = ("<<", "preset")
_BEHIND = ("undeclared", "keep", "reset", "accept", "hidden", "absent")
_WHERE = ("id", "targets")


def ranks_of(sections: Sequence[Section], seed_sections: Sequence[SeedsByName[Any]] = ()) -> Ranks:
    """Return the order of the keys of resources, presets and seeds; every other mapping has none.

    A resource begins with what it builds on and its name, and ends with where it lives; its fields stand in
    the order of the model, a field's name beside its id. In the block of a target the id comes first. A seed
    begins with where and when it is sent, and ends with to whom; its list of customers is left as it is.
    """
    by_name = {section.kind.name: section for section in sections}
    seeds = {section.name: section for section in seed_sections}

    def ranks(path: Path) -> Sequence[str]:
        match path:
            case (name, _, *below) if name in by_name:
                return _resource(by_name[name], below)
            case (name, _, *below) if name in seeds:
                return _seed(seeds[name].opened(), below)
            case (name, _, *below) if name == PRESETS:
                return [key for section in sections for key in _level(section, below)]
        return ()

    return ranks


def _resource(section: Section, below: Sequence[str]) -> Sequence[str]:
    match below:
        case ["targets"]:
            return ()
        case ["targets", _]:
            return ["<<", "id", *_level(section, ())[len(_BEFORE) :]]
        case ["targets", _, *inner]:
            return _level(section, inner)
        case []:
            return [*_level(section, ()), *_WHERE]
    return _level(section, below)


def _seed(section: SeedSection[Any, Any, Any], below: Sequence[str]) -> Sequence[str]:
    match below:
        case []:
            return ["<<", *section.order]
        case ["targets", _]:
            return ["<<", *(name for name in section.order if name != TARGETS)]
        case ["defaults"] | ["targets", _, "defaults"]:
            return ["<<", *section.defaults.model_fields]
    return ()


def _level(section: Section, below: Sequence[str]) -> list[str]:
    fields = list(_fields(section, ".".join(below)))
    return fields if below else [*_BEFORE, *fields, *_BEHIND]


def _fields(section: Section, group: str) -> Iterator[str]:
    for path in paths(section.model):
        parent, _, name = path.rpartition(".")
        if parent == group:
            yield from (named.path.rpartition(".")[2] for named in section.named if named.field == path)
            yield name
