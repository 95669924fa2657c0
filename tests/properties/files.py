"""A situation as a person would write it: `reconciler.yaml`, and one file with every resource."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from reconciler.checkmarket.model import IMPORT_CONFIGS
from reconciler.engine.body import put, written
from reconciler.engine.declared import Declared, Given, Reference, Ruling
from reconciler.engine.kind import Json, Policy
from tests.properties.world import TARGET, Situation

# One request at a time, so that the ids of what is created do not depend on which thread is first.
_CHECKMARKET: dict[str, Json] = {"url": "sandbox:", "parallelism": 1}
_LIMITS: dict[str, Json] = {"updates": "100%", "deletes": 99}


def write_workspace(folder: Path, situation: Situation) -> Path:
    """Write the files that declare a situation; JSON is YAML, and leaves no doubt about any scalar."""
    strict = situation.kind.server_members - IMPORT_CONFIGS.server_members
    names: list[Json] = [*sorted(".".join(member) for member in strict)]
    never_sent: dict[str, Json] = {"server_members": names} if names else {}
    target = {
        "checkmarket": {**_CHECKMARKET, **never_sent},
        "limits": _LIMITS,
        "defaults": situation.defaults,
    }
    sections = {
        "presets": {f"of-{_name(d)}": {"reset": resets} for d in situation.declared if (resets := _lent(d))},
        "import_configs": {_name(d): _resource(d) for d in situation.declared},
    }
    _write(folder / "reconciler.yaml", {"version": 1, "targets": {TARGET: target}})
    _write(folder / "resources.yaml", sections)
    return folder


def _write(path: Path, document: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(document), encoding="utf-8")


def _name(declared: Declared) -> str:
    return declared.key.partition(".")[2]


def _lent(declared: Declared) -> list[str]:
    """Return the fields that a preset resets for the resource."""
    return [path for path, ruling in declared.rulings.items() if not ruling.own]


def _resource(declared: Declared) -> dict[str, Json]:
    resource: dict[str, Json] = {"undeclared": str(declared.undeclared)}
    for path, given in declared.given.items():
        name, value = _as_written(path, given)
        put(resource, tuple(name.split(".")), value)
    for policy in (Policy.KEEP, Policy.RESET):
        named: list[Json] = [path for path, ruling in declared.rulings.items() if _is_own(ruling, policy)]
        if named:
            resource[str(policy)] = named
    if _lent(declared):
        resource["preset"] = f"of-{_name(declared)}"
    if declared.absent:
        resource["absent"] = True
    if declared.id is not None:
        resource["targets"] = {TARGET: {"id": declared.id}}
    return resource


def _is_own(ruling: Ruling, policy: Policy) -> bool:
    return ruling.own and ruling.policy is policy


def _as_written(path: str, given: Given) -> tuple[str, Json]:
    if isinstance(given.value, Reference):
        return path.removesuffix("_id"), given.value.name
    return path, written(IMPORT_CONFIGS.by_path[path], given.value)
