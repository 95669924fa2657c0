"""The settings of the workspace and its targets, each with its guardrails and defaults."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from msgspec import Struct
from pydantic import BaseModel

from reconciler.config.contents import GUARDRAILS, TARGETS, Contents
from reconciler.config.levels import DEFAULTS, LevelReader
from reconciler.config.nodes import Written
from reconciler.config.report import Report
from reconciler.config.section import Section
from reconciler.config.settings import (
    Guardrails,
    GuardrailSettings,
    Settings,
    Target,
    TargetSettings,
)
from reconciler.config.validation import Model, kind_of, validated
from reconciler.engine.declared import Given, Reference
from reconciler.engine.kind import Json, Policy
from reconciler.engine.limits import Limits
from reconciler.problems import Place


def read_settings(contents: Contents, report: Report) -> Settings | None:
    """Return what counts for the whole workspace, `None` where that cannot be told."""
    if not contents.settings.whole:
        return None
    top = contents.settings.top
    if not contents.targets:
        hint = 'add targets: {sandbox: {checkmarket: {url: "sandbox:"}}}'
        report.error("missing-field", top.at(TARGETS).key_place, "", "there is no target", hint)
    fields = {name: written.value for name, written in top.entries() if name in Settings.model_fields}
    settings = validated(Settings, fields, top, report)
    if settings and settings.default_target is not None:
        contents.has_target(settings.default_target, top.at("default_target").place, "", report)
    return settings


class _Said(NamedTuple):
    """A guardrail of a target, and where it is said."""

    thing: str
    value: Any
    place: Place


class TargetReader(Struct, frozen=True):
    """Reads the targets of a workspace in `folder`; what is wrong goes to the report."""

    contents: Contents
    sections: Sequence[Section]
    folder: Path
    report: Report

    def read(self, settings: Settings | None) -> dict[str, Target | None]:
        """Return the targets by name, `None` for one whose settings cannot be told."""
        policy = settings.undeclared if settings else Policy.RESET
        apart = self._guardrails_apart()
        return {
            name: self._target(name, written, policy, apart.get(name, []))
            for name, written in self.contents.named(TARGETS, self.report).items()
        }

    def _target(self, name: str, written: Written, policy: Policy, apart: list[_Said]) -> Target | None:
        settings = self._settings(TargetSettings, written, name)
        if settings is None:
            return None
        if settings.checkmarket is not None:
            self._check_never_sent(written.at("checkmarket", "server_members"), key_of(name))
        at_target = [*_said(settings, written), *_said(settings.expoints, written.at("expoints"))]
        return Target(
            name=name,
            place=written.key_place,
            settings=settings,
            written=frozenset(thing for thing, one in written.entries() if one.value is not None),
            guardrails=_in_force(self._once([*at_target, *apart], key_of(name))),
            undeclared=settings.undeclared or policy,
            defaults=self._defaults(name, written.at("defaults")) if settings.defaults else {},
        )

    def _check_never_sent(self, written: Written, key: str) -> None:
        """Report members that the files may declare: left out of a PUT, they would be reset in no plan."""
        fields = [field for section in self.sections for field in section.kind.fields]
        writable = {field.member[:end] for field in fields for end in range(1, len(field.member) + 1)}
        writable |= {(*field.member, name) for field in fields if field.rows for name in field.rows.names}
        for one in written.items():
            if tuple(str(one.value).split(".")) in writable:
                message = f"{one.value} is for the files to declare, or to keep"
                hint = "leave it out; name only what the server alone writes"
                self.report.error("invalid-value", one.place, key, message, hint)

    def _settings(self, model: type[Model], written: Written, name: str) -> Model | None:
        key = key_of(name)
        if isinstance(written.value, dict):
            return validated(model, written.value, written, self.report, key=key, context=self.folder)
        message = f"a mapping is expected, this is {kind_of(written.value)}"
        self.report.error("wrong-type", written.place, key, message, "write a mapping: {name: value}")
        return None

    def _guardrails_apart(self) -> dict[str, list[_Said]]:
        found: dict[str, list[_Said]] = {}
        for name, written in self.contents.entries(GUARDRAILS):
            settings = self._settings(GuardrailSettings, written, name)
            if self.contents.has_target(name, written.key_place, "", self.report):
                found.setdefault(name, []).extend(_said(settings, written))
        return found

    def _once(self, said: list[_Said], key: str) -> dict[str, Any]:
        first: dict[str, _Said] = {}
        for one in said:
            other = first.setdefault(one.thing, one)
            if other is not one:
                message = f"{one.thing} of this target already stands at {other.place}"
                self.report.error("declared-twice", one.place, key, message, "keep one of the two")
        return {thing: one.value for thing, one in first.items()}

    def _defaults(self, target: str, written: Written) -> dict[str, Json]:
        said: dict[str, Given] = {}
        for name, default in written.entries():
            for field, given in self._default(name, default, key_of(target)):
                other = said.setdefault(field, given)
                if other is not given:
                    message = f"{field} already has a default on line {other.origin.place.line}"
                    place = given.origin.place
                    self.report.error("named-twice", place, key_of(target), message, "keep one of the two")
        return {field: given.value for field, given in said.items() if not isinstance(given.value, Reference)}

    def _default(self, name: str, written: Written, key: str) -> Iterator[tuple[str, Given]]:
        path = name.split(".")
        section = next((s for s in self.sections if path[0] in s.model.model_fields), self.sections[0])
        level = LevelReader(section, self.report).read(written.wrapped(*path), DEFAULTS, "defaults", key)
        for field, given in level.decisions.items():
            if isinstance(given, Given):
                yield field, given


def key_of(target: str) -> str:
    """Return the key under which the problems of a target's settings are reported."""
    return f"{TARGETS}.{target}"


def _said(settings: BaseModel | None, written: Written) -> Iterator[_Said]:
    for thing in GuardrailSettings.model_fields:
        value = getattr(settings, thing, None)
        if value is not None:
            yield _Said(thing, value, written.at(thing).key_place)


def _in_force(said: Mapping[str, Any]) -> Guardrails:
    limits = said["limits"].limits if "limits" in said else Limits()
    return Guardrails(**{**said, "limits": limits})
