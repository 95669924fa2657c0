"""What a person may write into the files of a workspace, as one JSON Schema, for editors.

It comes from the models that the files are read with, and the tables of the sections. A file may hold any of
the sections, so one schema is for all. It never refuses what the reader accepts; what only the reader can
see, such as a preset that does not exist, it lets through.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from copy import deepcopy
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from reconciler.config.discovery import GUARDRAILS, MOVED, PRESETS, TARGETS
from reconciler.config.names import LONGEST_NAME, NAME
from reconciler.config.resources import BLOCK, DEFAULTS, PRESET, RESOURCE, Controls, Named, Role, Section
from reconciler.config.settings import GuardrailSettings, Settings, TargetSettings
from reconciler.config.validation import DIALECT, SCHEMA_ID, Schema, pattern_of, without_null

if TYPE_CHECKING:
    from reconciler.config.load import SeedsByName
    from reconciler.config.seeds import SeedSection

SCHEMA_FILE = ".schema.json"  # where the schema lies in a workspace; the dot keeps it out of what is read

_SAID = {
    TARGETS: "The named environments: where resources live, and what a run may do there.",
    GUARDRAILS: "Limits and allowed recipients of targets, apart from them, for a file that owners protect.",
    PRESETS: "Fields that many resources share: a resource names one with preset:.",
    MOVED: "Keys that changed: {old-key: new-key} keeps the history of a resource.",
}


def workspace_schema(section: Section, seeds: SeedsByName[Any]) -> Schema:
    """Return the schema of every file of a workspace with these sections."""
    models = _Models(section, seeds.opened())
    properties = {
        **models.fields(Settings)[0],
        TARGETS: _named(models.target(), _SAID[TARGETS]),
        GUARDRAILS: _named(models.references[GuardrailSettings], _SAID[GUARDRAILS]),
        PRESETS: _named(models.level(PRESET), _SAID[PRESETS]),
        MOVED: _named({"type": "string"}, _SAID[MOVED]),
        section.kind.name: _named(models.resource()),
        seeds.name: _named(models.seed()),
    }
    # A file may be empty, or hold comments only.
    whole = {**_object(properties), "type": ["object", "null"], "$defs": models.definitions}
    titled = {
        "$schema": DIALECT,
        "$id": f"{SCHEMA_ID}workspace",
        "title": "A file of a reconciler workspace",
    }
    return {**titled, **_reachable(_tidied(whole))}


def _object(properties: Mapping[str, Schema], said: str = "", **keywords: Any) -> Schema:
    return {
        **({"description": said} if said else {}),
        "type": "object",
        "properties": dict(properties),
        "additionalProperties": False,
        **keywords,
    }


def _named(schema: Schema, said: str = "") -> Schema:
    """Return the schema of a mapping from names that people choose to things of one sort."""
    return {
        "description": said or schema.get("description", ""),
        "type": "object",
        "propertyNames": {"pattern": pattern_of(NAME)},
        "additionalProperties": schema,
    }


def _blocks(block: Schema, targets: Schema) -> Schema:
    """Return the schema of `targets`, a list of names or a mapping from them to a block."""
    listed, mapped = targets["anyOf"]
    names = {"pattern": pattern_of(NAME)}
    each = {**listed, "items": {"type": "string", **names}}
    return {**targets, "anyOf": [each, {**mapped, "propertyNames": names, "additionalProperties": block}]}


class _Models:
    """The schemas of all models, as pydantic derives them, and of the things that are made of them."""

    def __init__(self, section: Section, seeds: SeedSection[Any, Any, Any]) -> None:
        self._section = section
        self._seeds = seeds
        models: set[type[BaseModel]] = {Settings, TargetSettings, GuardrailSettings, Controls, section.model}
        models |= {seeds.fields, seeds.row, seeds.defaults}
        ordered = sorted(models, key=lambda model: f"{model.__module__}.{model.__name__}")
        inputs: list[tuple[type[BaseModel], Literal["validation"]]] = [(one, "validation") for one in ordered]
        references, whole = models_json_schema(inputs, by_alias=False)
        self.definitions: dict[str, Schema] = whole["$defs"]
        self.references: dict[type[BaseModel], Schema] = {
            one: references[one, "validation"] for one in ordered
        }
        names = {"enum": [*section.kind.effect_rules]}
        self.definitions["LimitSettings"]["properties"]["effects"]["propertyNames"] = names

    def fields(self, model: type[BaseModel]) -> tuple[dict[str, Schema], str]:
        """Return a copy of the schemas of a model's fields, and what is said of the model."""
        whole = self._defined(self.references[model])
        return deepcopy(whole["properties"]), str(whole.get("description", ""))

    def _defined(self, reference: Schema) -> Schema:
        return self.definitions[str(reference["$ref"]).rpartition("/")[2]]

    def _defining(self, name: str, schema: Schema) -> Schema:
        """Return what points to a schema that stands under a name from now on."""
        self.definitions[name] = schema
        return {"$ref": f"#/$defs/{name}"}

    def _group(self, field: Schema) -> Schema:
        return next(self._defined(choice) for choice in field.get("anyOf", [field]) if "$ref" in choice)

    def resource(self) -> Schema:
        """Return the schema of a resource."""
        level = self.level(RESOURCE)
        block = self._defining(f"{self._section.kind.name}.block", self.level(BLOCK))
        level["properties"]["targets"] = _blocks(block, level["properties"]["targets"])
        return level

    def level(self, role: Role) -> Schema:
        """Return the schema of one level that says something of the fields of a resource."""
        section = self._section
        fields, said = self.fields(section.model)
        if role.by_name:
            level = _object(fields, said)
            for named in section.named:
                self._add_name(level, named)
        else:  # nested, or by their paths
            paths = {path: schema for path, schema in self._leaves(fields).items() if "." in path}
            level = _object({**fields, **paths}, said)
        if not role.own:
            del level["properties"][section.kind.name_field]
        controls = {name: without_null(field) for name, field in self.fields(Controls)[0].items()}
        accepted = deepcopy(self._defined(controls["accept"]["items"]))
        # What keep and reset may name: fields, groups, and fields by name.
        fields_paths = [field.path for field in section.kind.fields]
        groups = [path.rpartition(".")[0] for path in fields_paths if "." in path]
        known = sorted({*fields_paths, *groups, *(named.path for named in section.named)})
        paths_of_all = self._defining(f"{section.kind.name}.paths", {"enum": known})
        controls["keep"]["items"] = controls["reset"]["items"] = paths_of_all
        accepted["properties"]["field"] |= paths_of_all
        controls["accept_effects"]["items"] = {"enum": [*section.kind.effect_rules]}
        controls["accept"]["items"] = self._defining(f"{section.kind.name}.accept", accepted)
        level["properties"] |= {name: control for name, control in controls.items() if name in role.controls}
        return level

    def _leaves(self, fields: Mapping[str, Schema], above: str = "") -> dict[str, Schema]:
        found: dict[str, Schema] = {}
        for name, field in fields.items():
            path = f"{above}{name}"
            if self._section.kind.by_path.get(path):
                found[path] = field
            else:
                found |= self._leaves(self._group(field)["properties"], f"{path}.")
        return found

    def _add_name(self, place: Schema, named: Named) -> None:
        """Let a field that holds an id be written by name, at one of two places, not at both."""
        *groups, name = named.path.split(".")
        for group in groups:
            # From now on the schema of the group is only that of this place.
            field = place["properties"][group]
            beside = {"description": field["description"]} if "description" in field else {}
            inner = {**deepcopy(self._group(field)), "type": ["object", "null"], **beside}
            place["properties"][group] = inner
            place = inner
        id = named.field.rpartition(".")[2]
        where = f"Names stand in {named.mapped} of the target." if named.mapped else "It is looked up."
        said = f"The {named.what} by its name, instead of {id}. {where}"
        text = {"type": ["string", "null"], "minLength": 1, "maxLength": LONGEST_NAME, "description": said}
        place["properties"] = {name: text, **place["properties"]}
        place.setdefault("allOf", []).append({"not": {"type": "object", "required": [name, id]}})

    def seed(self) -> Schema:
        """Return the schema of a seed."""
        seeds = self._seeds
        fields, said = self.fields(seeds.fields)
        fields["customers"]["items"] = self.references[seeds.row]
        description = {"description": fields["defaults"]["description"]}
        fields["defaults"] = {**description, **self.references[seeds.defaults]}
        block = self._defining(f"{seeds.name}.block", _object(fields, said))
        targets = _blocks(block, without_null(self.fields(Controls)[0]["targets"]))
        targets["description"] = "Where it is sent: [a, b], or {a: {what differs there}}."
        return _object({"targets": targets, **fields}, said, required=["targets"])

    def target(self) -> Schema:
        """Return the schema of a target."""
        fields, said = self.fields(TargetSettings)
        known = self.level(DEFAULTS)["properties"]
        fields["defaults"] = _object(known, fields["defaults"]["description"])
        accounts = [{"required": ["checkmarket"]}, {"required": ["expoints"]}]
        return _object(fields, said, anyOf=accounts)


def _tidied(part: Any, *, names: bool = False) -> Any:
    """Return a part of a schema in its shortest form; a mapping of `names` is no part itself.

    Titles, which only repeat a name, and empty defaults are left out: an editor would show them for nothing.
    """
    if isinstance(part, list):
        return [_tidied(item) for item in part]
    if not isinstance(part, dict):
        return part
    if names:
        return {name: _tidied(value) for name, value in part.items()}
    match part:
        # A choice between a type and null is one type, for which an editor has better words.
        case {"anyOf": [{"type": str(kind)} as choice, {"type": "null"}], **beside} if "enum" not in choice:
            part = {**choice, **beside, "type": [kind, "null"]}
    return {
        name: _tidied(value, names=name in ("properties", "$defs"))
        for name, value in part.items()
        if not (name == "title" or (name == "default" and value in (None, [], {})))
    }


def _reachable(whole: Schema) -> Schema:
    definitions, wanted = whole.pop("$defs"), set[str]()
    found = _references(whole)
    while found:
        wanted |= found
        found = {name for one in found for name in _references(definitions[one])} - wanted
    return {**whole, "$defs": {name: definitions[name] for name in sorted(wanted)}}


def _references(part: Any) -> set[str]:
    return set(re.findall(r'"#/\$defs/([^"]+)"', json.dumps(part)))
