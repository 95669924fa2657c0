"""Which guardrails allow more than they did: what a reviewer has to see first. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from pydantic import BaseModel

from reconciler.config.load import Workspace
from reconciler.config.settings import SANDBOX, Account, GuardrailSettings, Secret, Target
from reconciler.engine.change import SHARE_COUNTS_FROM, Share
from reconciler.engine.kind import Declared, Policy
from reconciler.problems import Place, Problem, Severity

CODE = "guardrail-loosened"
_MOST_NAMED = 5
_LONGEST = 200
_NONE = "(none)"


def loosened(before: Workspace[Any], now: Workspace[Any], target: str) -> Sequence[Problem]:
    """Return a warning for whatever the files of now allow and those of before did not.

    `key` is the setting, `message` the value before and after: of an address no more than its domain, of a
    credential no more than where it stands. What `target` says comes first; other targets follow, for their
    own plan may never be looked at; resources come last. A new target is compared with one that opens the
    same accounts, if there is any.
    """
    names = sorted(now.targets, key=lambda name: name != target)
    compared = [(_counterpart(before, now, now.targets[name]), now.targets[name]) for name in names]
    found = [one for old, new in compared for one in _settings(before, now, old, new)]
    first, then = before.settings.default_target, now.settings.default_target
    if then not in (None, first):
        place = now.contents.settings.top.at("default_target").key_place
        found.append(_warning(place, "default_target", first or _NONE, str(then)))
    for code, reason in now.settings.ignore_warnings.items():
        if code not in before.settings.ignore_warnings:
            place = now.contents.settings.top.at("ignore_warnings", code).key_place
            found.append(_warning(place, f"ignore_warnings.{code}", _NONE, reason[:_LONGEST]))
    found += [one for old, new in compared if old for one in _resources(before, now, old, new)]
    return tuple(dict.fromkeys(found))


def _warning(place: Place, setting: str, before: str, after: str, was: Place | None = None) -> Problem:
    hidden = ", in a part that is not shown" if before == after else ""
    gone = f"stood at {was}" if was else ""
    return Problem(CODE, place, setting, f"{before} → {after}{hidden}", gone, Severity.WARNING)


def _counterpart(before: Workspace[Any], now: Workspace[Any], target: Target) -> Target | None:
    """Return the target of before: that of the same name, else one with the same accounts, first one gone.

    Two sandboxes are two accounts, so that one which is still there says nothing of another.
    """
    if target.name in before.targets:
        return before.targets[target.name]
    kept = [f"{section}.{name}" for section in _SECTIONS for name in ("url", "master_key", "token")]
    accounts = [*map(_flat(target).get, kept)]
    alike = [one for one in before.targets.values() if [*map(_flat(one).get, kept)] == accounts]
    gone = [one for one in alike if one.name not in now.targets]
    return next(iter(gone if SANDBOX in accounts else [*gone, *alike]), None)


def _settings(
    before: Workspace[Any], now: Workspace[Any], old: Target | None, new: Target
) -> Iterator[Problem]:
    """Yield what a target itself allows in addition, and that it is new where it is."""
    name = f"targets.{new.name}"
    if old is None:
        yield _warning(new.place, name, _NONE, "a new target, of which nothing can be compared")
        return
    former = f"targets.{old.name}"
    if old.name in now.targets and former != name:
        yield _warning(new.place, name, _NONE, f"a new target with the accounts of {former}")
    elif former != name:
        yield _warning(new.place, name, former, f"{name}, renamed")
    was, flat = _flat(old), _flat(new)
    for path in dict.fromkeys([*flat, *was]):
        section = path.partition(".")[0]
        if section in _SECTIONS and flat.get(section, "") is None:
            continue  # there is no such account any more, so nothing of it can allow anything
        if section in _SECTIONS and was.get(section, "") is None and path != f"{section}.url":
            continue  # the account itself is new, and named by its address
        if not _rule_of(path)(was.get(path), flat.get(path)):
            continue
        # The path of a default may be one key.
        steps: tuple[str, ...] = tuple(path.split(".", 1 if path.startswith("defaults.") else -1))
        place, gone = now.contents.place_of(new.name, *steps), None
        said, value = _shown(path, was.get(path)), flat.get(path)
        shown = _shown(path, value)
        if isinstance(value, tuple):
            added = [one for one in value if one not in (was.get(path) or ())]
            said, shown = f"{len(was.get(path) or ())} of them", _shown_list(path, value, added)
            place = now.contents.place_of(new.name, *steps, value.index(added[0]))
        if place is None:
            # It is left out now: what it stood in is the line to look at.
            above = (now.contents.place_of(new.name, *steps[:end]) for end in range(len(steps) - 1, 0, -1))
            place, gone = (
                next((one for one in above if one), new.place),
                before.contents.place_of(old.name, *steps),
            )
        if path == "undeclared" and new.settings.undeclared is None:
            yield _warning(now.contents.settings.top.at(path).key_place, path, said, shown)
        else:
            yield _warning(place, f"{name}.{path}", said, shown, gone)


def _resources(before: Workspace[Any], now: Workspace[Any], old: Target, new: Target) -> Iterator[Problem]:
    """Yield every resource, or preset, that lets a PUT reset what is not declared, and did not."""
    kind = now.section.kind
    former = {key: old_key for old_key, key in now.moved.items()}

    def marks(one: Declared) -> Iterator[object]:
        """Yield what a resource can be found by on its target: key, id, name."""
        yield one.key
        if one.id is not None:
            yield one.id
        named = one.given.get(kind.name_field)
        if named is not None and isinstance(named.value, str):
            yield kind.name, named.value

    # By its key, or what that was, or else its id or name: a new key alone makes no new resource.
    known = {mark: one for one in before.declared[old.name] for mark in marks(one)}
    for one in now.declared[new.name]:
        was = next(
            (known[mark] for mark in (one.key, former.get(one.key), *marks(one)) if mark in known), None
        )
        if was is None or was.undeclared is Policy.RESET or one.undeclared is not Policy.RESET:
            continue
        said, level = _decides(before, old, was), _decides(now, new, one)
        # Without either the target or the workspace decides, and is named by itself.
        if said or level:
            name, place = level or (f"{one.key}.undeclared", one.place)
            gone = said[1] if said and not level else None
            yield _warning(place, name, was.undeclared.value, one.undeclared.value, gone)


def _decides(workspace: Workspace[Any], target: Target, one: Declared) -> tuple[str, Place] | None:
    """Return the setting that says what happens to what a resource does not declare, and its place."""
    resource = workspace.resources[one.key]
    for level in resource.levels(target.name):
        if level.controls.undeclared is not None:
            place = level.written.at("undeclared").key_place
            in_preset = level is resource.preset
            name = f"presets.{resource.own.controls.preset}" if in_preset else one.key
            return f"{name}.undeclared", place
    return None


_SECTIONS = ("checkmarket", "expoints")


def _flat(target: Target) -> Mapping[str, Any]:
    """Return every setting of a target that is in force, defaults too: its path → its value."""
    found = dict(_leaves(target.settings, ""))
    for name in GuardrailSettings.model_fields:
        value = getattr(target.guardrails, name)
        if name == "limits":
            found |= {f"limits.{part}": getattr(value, part) for part in ("resets", "deletes", "updates")}
            found |= {f"limits.effects.{effect}": "refuse" for effect in value.refused_effects}
        else:
            found[name] = value
    found["undeclared"] = target.undeclared
    return found | {f"defaults.{path}": value for path, value in target.defaults.items()}


def _leaves(settings: BaseModel, above: str) -> Iterator[tuple[str, Any]]:
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        # The value in force of these is not simply what stands at their path.
        if name in {*GuardrailSettings.model_fields, "defaults", "undeclared"}:
            continue
        if isinstance(value, Secret):
            yield f"{above}{name}", value.model_dump()
        elif isinstance(value, BaseModel) and not isinstance(value, Account):
            yield from _leaves(value, f"{above}{name}.")
        else:
            yield f"{above}{name}", value


def _raised(old: int | Share | None, new: int | Share | None) -> bool:
    """Tell whether a limit was raised; a number and a share, which cannot be compared, count as raised."""
    match old, new:
        case Share(), Share():
            return new.percent > old.percent
        case int(), int():
            return new > old
    return old is not None and old != new


_RULES: Mapping[str, Callable[[Any, Any], bool]] = {
    **dict.fromkeys(("resets", "deletes", "updates", "requests_per_minute", "requests_per_run"), _raised),
    **dict.fromkeys(("patience", "settle_after"), lambda old, new: bool(old) and (not new or new < old)),
    **dict.fromkeys(
        ("allowed_recipients", "allowed_phone_numbers", "server_members"),
        lambda old, new: bool(set(new or ()) - set(old or ())),
    ),
    "allow_copies": lambda old, new: bool(new) and not old,
    "undeclared": lambda old, new: new is Policy.RESET and old is not Policy.RESET,
    "account_must_have": lambda old, new: old is not None and old != new,
    **dict.fromkeys(("parallelism", "contact_lists"), lambda _old, _new: False),
}
"""The name of a setting → whether it allows more than it did."""


def _rule_of(path: str) -> Callable[[Any, Any], bool]:
    """Return what tells whether a setting allows more; one of which no rule is known does when it changes."""
    if path.startswith("limits.effects."):
        return lambda old, new: bool(old and not new)  # one that is allowed has no value
    name = "" if path.startswith("defaults.") else path.rpartition(".")[2]
    return _RULES.get(name, lambda old, new: bool(old != new))


def _shown(path: str, value: Any) -> str:
    match value:
        case None if path.startswith("limits.effects."):
            text = "allow"
        case None:
            text = "any number" if _rule_of(path) is _raised else _NONE
        case _ if path.startswith("defaults."):
            text = json.dumps(value, ensure_ascii=False)
        case Share():
            text = f"{value} from {SHARE_COUNTS_FROM} live on"
        case timedelta():
            text = f"{value // timedelta(seconds=1)}s"
        case {"env": None, "file": None, "text": said}:
            text = _address(said) if path == "journal" else "(text)"
        case Account() | {"env": _}:
            said = value if isinstance(value, dict) else value.model_dump()
            text = f"{{{', '.join(f'{name}: {one}' for name, one in said.items() if one is not None)}}}"
        case bool():
            text = str(value).lower()
        case _:
            text = _address(str(value))
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _address(text: str) -> str:
    try:
        parts = urlsplit(text)
        host = parts.hostname or ""
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "(text)"
    return f"{parts.scheme}://{host}{port}{parts.path}" if parts.netloc else text.partition("?")[0]


def _shown_list(path: str, now: Sequence[str], added: Sequence[str]) -> str:
    if path == "allowed_phone_numbers":
        return f"{len(now)}, {len(added)} added"
    shown = [*added][:_MOST_NAMED]
    if path == "allowed_recipients":
        # A pattern of many addresses is shown as it is, one address no more than by its domain.
        parts = [one.rpartition("@") for one in shown]
        shown = ["".join(part) if "*" in part[0] else f"***@{part[2]}" for part in parts]
    more = f" and {len(added) - _MOST_NAMED} more" if len(added) > _MOST_NAMED else ""
    return f"{len(now)}, added: {', '.join(shown)}{more}"
