"""A person with files: writes a situation as a workspace, and does what a report says, line by line."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from io import StringIO
from pathlib import Path
from typing import Any

from msgspec.structs import replace
from ruamel.yaml import YAML

from reconciler.checkmarket.effects import RULES
from reconciler.checkmarket.model import IMPORT_CONFIGS
from reconciler.engine.body import put, read_back, written
from reconciler.engine.kind import Declared, Given, Json, Kind, Policy, Reference, Ruling
from reconciler.engine.outcome import Line
from tests.properties.situations import RESOURCE
from tests.properties.world import TARGET, Report, Situation

# One request at a time, so that the ids of what is created do not depend on which thread is first.
_CHECKMARKET: dict[str, Json] = {"url": "sandbox:", "parallelism": 1}
_EFFECTS = {name: "allow" for name, rule in RULES.items() if rule.refused and name != "hides"}
_LIMITS: dict[str, Json] = {"updates": "100%", "deletes": 99, "effects": {**_EFFECTS}}


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


def all_lines(report: Report) -> list[Line]:
    """Return every line that a report asks to write."""
    return [line for outcome in report.outcomes for line in (*outcome.lines, *outcome.if_again)]


def with_lines(situation: Situation, report: Report) -> Situation:
    """Return the situation once every line of the report is written into the files."""
    for line in all_lines(report):
        situation = _with_line(situation, line)
    return situation


def _with_line(situation: Situation, line: Line) -> Situation:
    written = YAML(typ="safe", pure=True).load(StringIO(line.text))
    if line.where == f"targets.{TARGET}.defaults":
        return replace(situation, defaults={**situation.defaults, **written})
    declared = (
        _declaring(d, written, situation.kind) if d.key == line.where else d for d in situation.declared
    )
    return replace(situation, declared=tuple(declared))


def _declaring(declared: Declared, written: Mapping[str, Any], kind: Kind) -> Declared:
    match written:
        case {"hidden": True}:
            return replace(declared, hidden=True)
        case {"targets": {"sandbox": {"id": int(id)}}}:
            return replace(declared, id=id)
    given = {path: Given(read_back(kind.by_path[path], value), RESOURCE) for path, value in _leaves(written)}
    return replace(
        declared,
        given={**declared.given, **given},
        rulings={path: ruling for path, ruling in declared.rulings.items() if path not in given},
    )


def _leaves(written: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in written.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{above}{name}.")
        else:
            yield f"{above}{name}", value


def paths_told_of(warnings: Iterable[str]) -> set[str]:
    """Return the fields that warnings are about: each begins with the one that it means."""
    return {warning.partition(":")[0] for warning in warnings}
