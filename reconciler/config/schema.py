"""What a person may write into the files of a workspace, as one JSON Schema, for editors.

It comes from the models that the files are read with, and the tables of each section. A file may hold any of
the sections, so one schema is for all. It never refuses what the reader accepts; what only the reader can
see, such as a preset that does not exist, it lets through.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from functools import cached_property
from typing import Any, Literal

from msgspec import Struct
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from reconciler.config.contents import GUARDRAILS, MOVED, PRESETS, TARGETS
from reconciler.config.names import LONGEST_NAME, NAME
from reconciler.config.resources import BLOCK, DEFAULTS, PRESET, RESOURCE, Controls, Role
from reconciler.config.sections import Named, Section, SeedsByName, SeedSection
from reconciler.config.settings import GuardrailSettings, Settings, TargetSettings
from reconciler.config.validation import DIALECT, Schema, pattern_of, without_null

SCHEMA_FILE = ".schema.json"
"""Where the schema lies in a workspace; the dot keeps it out of what is read."""

_SAID = {
    TARGETS: "The named environments: where resources live, and what a run may do there.",
    GUARDRAILS: "limits and allowed recipients of targets, apart from them, for a file that owners protect.",
    PRESETS: "Fields that many resources share: a resource names one with preset:.",
    MOVED: "Keys that changed: {old-key: new-key} keeps the history of a resource.",
}


def workspace_schema(sections: Sequence[Section], seed_sections: Sequence[SeedsByName[Any]]) -> Schema:
    """Return the schema of every file of a workspace whose sections these are."""
    opened = [one.opened() for one in seed_sections]
    models = _Models.of(sections, opened)
    resources = {one.kind.name: _named(_resource(one, models)) for one in sections}
    seeds = {one.name: _named(_seed(one, models)) for one in opened}
    presets = [_level(one, PRESET, models) for one in sections]
    targets = _targets(sections, models)
    properties = {
        **models.fields(Settings),
        TARGETS: _named(targets, _SAID[TARGETS]),
        GUARDRAILS: _named(models.reference(GuardrailSettings), _SAID[GUARDRAILS]),
        PRESETS: _named(presets[0] if len(presets) == 1 else {"anyOf": presets}, _SAID[PRESETS]),
        MOVED: _named({"type": "string"}, _SAID[MOVED]),
        **resources,
        **seeds,
    }
    # A file may be empty, or hold comments only.
    whole = {**_object(properties), "type": ["object", "null"], "$defs": models.definitions}
    titled = {"$schema": DIALECT, "title": "A file of a reconciler workspace"}
    return {**titled, **_reachable(_tidied(whole))}


def _object(properties: Mapping[str, Schema], said: str = "", **keywords: Any) -> Schema:
    description = {"description": said} if said else {}
    return {
        **description,
        "type": "object",
        "properties": dict(properties),
        "additionalProperties": False,
        **keywords,
    }


def _named(schema: Schema, said: str = "") -> Schema:
    """Return the schema of a mapping from names that people choose to things of one sort."""
    description = {"description": said or schema.get("description", "")}
    names = {"propertyNames": {"pattern": pattern_of(NAME)}}
    return {**description, "type": "object", **names, "additionalProperties": schema}


class _Models(Struct, frozen=True):
    """The schemas of all models, as pydantic derives them."""

    references: Mapping[type[BaseModel], Schema]
    definitions: dict[str, Schema]

    @classmethod
    def of(cls, sections: Iterable[Section], seed_sections: Iterable[SeedSection[Any, Any, Any]]) -> _Models:
        models: set[type[BaseModel]] = {Settings, TargetSettings, GuardrailSettings, Controls}
        models |= {one.model for one in sections}
        models |= {model for one in seed_sections for model in (one.fields, one.row, one.defaults)}
        ordered = sorted(models, key=lambda model: f"{model.__module__}.{model.__name__}")
        inputs: list[tuple[type[BaseModel], Literal["validation"]]] = [(one, "validation") for one in ordered]
        references, whole = models_json_schema(inputs, by_alias=False)
        return cls({one: references[one, "validation"] for one in ordered}, whole["$defs"])

    def reference(self, model: type[BaseModel]) -> Schema:
        """Return what points to the schema of a model."""
        return dict(self.references[model])

    def fields(self, model: type[BaseModel]) -> dict[str, Schema]:
        """Return a copy of the schemas of a model's fields."""
        return deepcopy(self.defined(self.references[model])["properties"])

    def defined(self, reference: Schema) -> Schema:
        """Return what a reference points to."""
        return self.definitions[str(reference["$ref"]).rpartition("/")[2]]

    def defining(self, name: str, schema: Schema) -> Schema:
        """Return what points to a schema that stands under a name from now on."""
        self.definitions[name] = schema
        return {"$ref": f"#/$defs/{name}"}

    def group(self, field: Schema) -> Schema:
        """Return the schema of the model that a field holds."""
        return next(self.defined(choice) for choice in field.get("anyOf", [field]) if "$ref" in choice)


def _resource(section: Section, models: _Models) -> Schema:
    level = _level(section, RESOURCE, models)
    block = models.defining(f"{section.kind.name}.block", _level(section, BLOCK, models))
    level["properties"]["targets"] = _homes(block, level["properties"]["targets"])
    return level


def _homes(block: Schema, targets: Schema) -> Schema:
    """Return the schema of the targets that something lives on, and of what differs there."""
    listed, mapped = targets["anyOf"]
    names = {"pattern": pattern_of(NAME)}
    each = {**listed, "items": {"type": "string", **names}}
    return {**targets, "anyOf": [each, {**mapped, "propertyNames": names, "additionalProperties": block}]}


def _level(section: Section, role: Role, models: _Models) -> Schema:
    """Return the schema of one level that says something of a section's fields."""
    fields = _Fields(section, models)
    level = fields.by_name if role.by_name else fields.by_path
    said = level["properties"]
    if not role.identifies:
        del said[section.kind.name_field]
    controls = {name: without_null(field) for name, field in models.fields(Controls).items()}
    paths = models.defining(f"{section.kind.name}.paths", {"enum": fields.paths})
    for ruling in ("keep", "reset"):
        controls[ruling]["items"] = paths
    controls["accept"]["items"] = models.defining(f"{section.kind.name}.accept", _acceptance(paths, models))
    level["properties"] = {**said, **{name: controls[name] for name in controls if name in role.controls}}
    return level


def _acceptance(paths: Schema, models: _Models) -> Schema:
    """Return the schema of one accepted difference of a field that the section has."""
    accepted = deepcopy(models.defined(models.fields(Controls)["accept"]["items"]))
    accepted["properties"]["field"] |= paths
    return accepted


class _Fields(Struct, frozen=True, dict=True):
    """The fields of a section, as they may be written at its levels."""

    section: Section
    models: _Models

    @property
    def by_name(self) -> Schema:
        """The fields, with those that hold an id by name too."""
        whole = _object(self._fields, self._said)
        for named in self.section.named:
            *groups, name = named.path.split(".")
            place = whole
            for group in groups:
                place = self._own(place["properties"], group)
            _add_name(place, name, named)
        return whole

    @property
    def by_path(self) -> Schema:
        """The fields as defaults hold them: nested, or by their paths."""
        paths = {path: schema for path, schema in self._leaves(self._fields).items() if "." in path}
        return _object({**self._fields, **paths}, self._said)

    @cached_property
    def paths(self) -> list[str]:
        """What `keep` and `reset` may name: fields, groups, and fields by name."""
        fields = [field.path for field in self.section.kind.fields]
        groups = [path.rpartition(".")[0] for path in fields if "." in path]
        return sorted({*fields, *groups, *(named.path for named in self.section.named)})

    @property
    def _fields(self) -> dict[str, Schema]:
        return self.models.fields(self.section.model)

    @property
    def _said(self) -> str:
        return str(self.models.defined(self.models.reference(self.section.model)).get("description", ""))

    def _own(self, properties: dict[str, Schema], group: str) -> Schema:
        """Return the schema of a group, which from now on is only that of this place."""
        field = properties[group]
        inner = deepcopy(self.models.group(field))
        properties[group] = {**inner, "type": ["object", "null"]}
        if "description" in field:
            properties[group]["description"] = field["description"]
        return properties[group]

    def _leaves(self, fields: Mapping[str, Schema], above: str = "") -> dict[str, Schema]:
        found: dict[str, Schema] = {}
        for name, field in fields.items():
            path = f"{above}{name}"
            if self.section.kind.by_path.get(path):
                found[path] = field
            else:
                found |= self._leaves(self.models.group(field)["properties"], f"{path}.")
        return found


def _add_name(place: Schema, name: str, named: Named) -> None:
    """Let a field that holds an id be written by name, at one of two places, not at both."""
    id = named.field.rpartition(".")[2]
    where = f"Names stand in {named.mapped} of the target." if named.mapped else "It is looked up."
    said = f"The {named.what} by its name, instead of {id}. {where}"
    place["properties"] = {
        name: {"type": ["string", "null"], "minLength": 1, "maxLength": LONGEST_NAME, "description": said},
        **place["properties"],
    }
    place.setdefault("allOf", []).append({"not": {"type": "object", "required": [name, id]}})


def _seed(section: SeedSection[Any, Any, Any], models: _Models) -> Schema:
    fields = models.fields(section.fields)
    fields["customers"]["items"] = models.reference(section.row)
    fields["defaults"] = {
        "description": fields["defaults"]["description"],
        **models.reference(section.defaults),
    }
    said = str(models.defined(models.reference(section.fields)).get("description", ""))
    block = models.defining(f"{section.name}.block", _object(fields, said))
    homes = _homes(block, without_null(models.fields(Controls)["targets"]))
    homes["description"] = "Where it is sent: [a, b], or {a: {what differs there}}."
    return _object({"targets": homes, **fields}, said, required=["targets"])


def _targets(sections: Sequence[Section], models: _Models) -> Schema:
    fields = models.fields(TargetSettings)
    levels = [_level(section, DEFAULTS, models) for section in sections]
    known = {name: field for level in levels for name, field in level["properties"].items()}
    fields["defaults"] = _object(known, fields["defaults"]["description"])
    said = str(models.defined(models.reference(TargetSettings)).get("description", ""))
    return _object(fields, said, anyOf=[{"required": ["checkmarket"]}, {"required": ["expoints"]}])


def _tidied(part: Any, *, names: bool = False) -> Any:
    """Return a part of a schema without what an editor would show for nothing, and in its shortest form.

    Nothing is said by titles, which only repeat a name, and by empty defaults. A mapping of `names` has none.
    """
    if isinstance(part, list):
        return [_tidied(item) for item in part]
    if not isinstance(part, dict):
        return part
    part = part if names else _nullable(part)
    kept = {name: value for name, value in part.items() if names or not _says_nothing(name, value)}
    return {
        name: _tidied(value, names=not names and name in ("properties", "$defs"))
        for name, value in kept.items()
    }


def _nullable(part: Schema) -> Schema:
    """Return a choice between a type and null as one type, for which an editor has better words."""
    match part:
        case {"anyOf": [{"type": str(kind)} as choice, {"type": "null"}]} if "enum" not in choice:
            beside = {name: value for name, value in part.items() if name != "anyOf"}
            return {**choice, **beside, "type": [kind, "null"]}
    return part


def _says_nothing(name: str, value: Any) -> bool:
    return name == "title" or (name == "default" and value in (None, [], {}))


def _reachable(whole: Schema) -> Schema:
    """Return the schema without the definitions that nothing points to."""
    definitions = whole.pop("$defs")
    wanted = {name for name in definitions if _points_to(name, whole)}
    while more := {
        name for name in definitions.keys() - wanted if any(_points_to(name, definitions[w]) for w in wanted)
    }:
        wanted |= more
    return {**whole, "$defs": {name: definitions[name] for name in sorted(wanted)}}


def _points_to(name: str, part: Any) -> bool:
    if isinstance(part, list):
        return any(_points_to(name, item) for item in part)
    if not isinstance(part, dict):
        return False
    return part.get("$ref") == f"#/$defs/{name}" or any(_points_to(name, inner) for inner in part.values())
