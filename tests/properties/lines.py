"""A person who does what a report says: writes each line of it where it tells to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from io import StringIO
from typing import Any

from msgspec.structs import replace
from ruamel.yaml import YAML

from reconciler.engine.declared import Declared, Given
from reconciler.engine.kind import Json, Kind
from reconciler.engine.outcome import Line, Report
from tests.properties.situations import RESOURCE
from tests.properties.world import TARGET, Situation


def all_lines(report: Report) -> list[Line]:
    """Return every line that a report asks to write."""
    return [line for outcome in report.outcomes for line in outcome.lines]


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
    given = {path: Given(_in_body(kind, path, value), RESOURCE) for path, value in _leaves(written)}
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


def _in_body(kind: Kind, path: str, value: Json) -> Json:
    rows = kind.by_path[path].rows
    if rows is None or not isinstance(value, list):
        return value
    members = {name: member for member, name in rows.names.items()}
    return [_renamed(row, members) for row in value]


def _renamed(row: Json, names: Mapping[str, str]) -> Json:
    assert isinstance(row, dict)
    return {names[name]: value for name, value in row.items()}


def paths_told_of(warnings: Iterable[str]) -> set[str]:
    """Return the fields that warnings are about: each begins with the one that it means."""
    return {warning.partition(":")[0] for warning in warnings}
