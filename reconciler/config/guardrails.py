"""Which guardrails allow more than they did: what a reviewer has to see first. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from msgspec import Struct
from pydantic import BaseModel

from reconciler.config.load import Workspace
from reconciler.config.settings import SANDBOX, Account, GuardrailSettings, SecretReference, Target
from reconciler.engine.change import SHARE_COUNTS_FROM, Share
from reconciler.engine.declared import Declared
from reconciler.engine.kind import Policy
from reconciler.problems import Place, Problem, Severity

CODE = "guardrail-loosened"
_MOST_NAMED = 5
_LONGEST = 200
_NONE = "(none)"


class _Source(NamedTuple):
    """Where a value stands that is not in the files, or the text that is; as it can be compared."""

    env: str | None
    file: str | None
    text: str | None


def loosened(before: Workspace[Any], now: Workspace[Any], target: str) -> Sequence[Problem]:
    """Return a warning for whatever the files of now allow and those of before did not.

    `key` is the setting, `message` the value before and after: of an address no more than its domain, of a
    credential no more than where it stands. What `target` says comes first; other targets follow, for their
    own plan may never be looked at; resources come last. A new target is compared with one that opens the
    same accounts, if there is any.
    """
    names = sorted(now.targets, key=lambda name: name != target)
    compared = [_Comparison(before, now, now.targets[name]) for name in names]
    found = [one for target in compared for one in target.settings()]
    first, then = before.settings.default_target, now.settings.default_target
    if then not in (None, first):
        place = now.contents.settings.top.at("default_target").key_place
        found.append(_warning(place, "default_target", first or _NONE, str(then)))
    found += [one for target in compared for one in target.resources()]
    return tuple(dict.fromkeys(found))


def _warning(place: Place, setting: str, before: str, after: str, was: Place | None = None) -> Problem:
    hidden = ", in a part that is not shown" if before == after else ""
    gone = f"stood at {was}" if was else ""
    return Problem(CODE, place, setting, f"{before} → {after}{hidden}", gone, Severity.WARNING)


class _Comparison(Struct, frozen=True):
    """One target as it was and as it is."""

    before: Workspace[Any]
    now: Workspace[Any]
    target: Target

    def settings(self) -> Iterator[Problem]:
        """Yield what the target itself allows in addition, and that it is new where it is."""
        old, name = self._counterpart(), f"targets.{self.target.name}"
        if old is None:
            yield _warning(self.target.place, name, _NONE, "a new target, of which nothing can be compared")
            return
        former = f"targets.{old.name}"
        if old.name in self.now.targets and former != name:
            yield _warning(self.target.place, name, _NONE, f"a new target with the accounts of {former}")
        elif former != name:
            yield _warning(self.target.place, name, former, f"{name}, renamed")
        was, now = _flat(old), _flat(self.target)
        for path in dict.fromkeys([*now, *was]):
            section = path.partition(".")[0]
            if section in _SECTIONS and now.get(section, "") is None:
                continue  # there is no such account any more, so nothing of it can allow anything
            if section in _SECTIONS and was.get(section, "") is None and path != f"{section}.url":
                continue  # the account itself is new, and named by its address
            if _rule_of(path)(was.get(path), now.get(path)):
                yield self._setting(old, path, was.get(path), now.get(path))

    def _counterpart(self) -> Target | None:
        """Return the target of before: that of the same name, else one with the same accounts.

        One that is gone since comes first. Two sandboxes are two accounts, so that one which is still there
        says nothing of another.
        """
        if self.target.name in self.before.targets:
            return self.before.targets[self.target.name]
        accounts = _accounts(self.target)
        alike = [one for one in self.before.targets.values() if _accounts(one) == accounts]
        gone = [one for one in alike if one.name not in self.now.targets]
        return next(iter(gone if SANDBOX in accounts else [*gone, *alike]), None)

    def _setting(self, old: Target, path: str, was: Any, now: Any) -> Problem:
        name = f"targets.{self.target.name}.{path}"
        # The path of a default may be one key.
        steps: tuple[str | int, ...] = tuple(path.split(".", 1 if path.startswith("defaults.") else -1))
        before, after = _shown(path, was), _shown(path, now)
        at = steps
        if isinstance(now, tuple) and not isinstance(now, _Source):
            added = [one for one in now if one not in (was or ())]
            before, after = f"{len(was or ())} of them", _shown_list(path, now, added)
            at = (*steps, now.index(added[0]))
        place = _place(self.now, self.target, *at)
        if path == "undeclared" and self.target.settings.undeclared is None:
            name, place = path, self.now.contents.settings.top.at(path).key_place
        if place is not None:
            return _warning(place, name, before, after)
        # It is left out now: what it stood in is the line to look at.
        above = (_place(self.now, self.target, *steps[:end]) for end in range(len(steps) - 1, 0, -1))
        nearest = next((place for place in above if place), self.target.place)
        return _warning(nearest, name, before, after, _place(self.before, old, *steps))

    def resources(self) -> Iterator[Problem]:
        """Yield every resource, or preset, that lets a PUT reset what is not declared, and did not."""
        old = self._counterpart()
        if old is None:
            return
        former = {new: key for key, new in self.now.moved.items()}
        # By its key, or what that was, or else its id or name: a new key alone makes no new resource.
        known = {mark: one for one in self.before.declared[old.name] for mark in self._marks(one)}
        for one in self.now.declared[self.target.name]:
            marks = (one.key, former.get(one.key), *self._marks(one))
            before = next((known[mark] for mark in marks if mark in known), None)
            if before is None or before.undeclared is Policy.RESET or one.undeclared is not Policy.RESET:
                continue
            was, level = _decides(self.before, old, before), _decides(self.now, self.target, one)
            # Without either the target or the workspace decides, and is named by itself.
            if was or level:
                name, place = level or (f"{one.key}.undeclared", one.place)
                gone = was[1] if was and not level else None
                yield _warning(place, name, before.undeclared.value, one.undeclared.value, gone)

    def _marks(self, one: Declared) -> Iterator[str | int | tuple[str, str]]:
        """Yield what a resource can be found by on its target: key, id, name."""
        yield one.key
        if one.id is not None:
            yield one.id
        kind = self.now.section.kind
        named = one.given.get(kind.name_field)
        if named is not None and isinstance(named.value, str):
            yield kind.name, named.value


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
        if isinstance(value, SecretReference):
            yield f"{above}{name}", _Source(value.env, value.file, getattr(value, "text", None))
        elif isinstance(value, BaseModel) and not isinstance(value, Account):
            yield from _leaves(value, f"{above}{name}.")
        else:
            yield f"{above}{name}", value


def _accounts(target: Target) -> Sequence[Any]:
    """Return what tells two accounts from each other, as far as files can."""
    flat = _flat(target)
    return [flat.get(f"{section}.{name}") for section in _SECTIONS for name in ("url", "master_key", "token")]


def _place(workspace: Workspace[Any], target: Target, *steps: str | int) -> Place | None:
    found = workspace.contents.place_of(target.name, *steps)
    # The allowed recipients of a tenant can stand beside its address as well.
    return found or workspace.contents.place_of(target.name, "expoints", *steps)


def _raised(old: int | Share | None, new: int | Share | None) -> bool:
    """Tell whether a limit was raised; a number and a share, which cannot be compared, count as raised."""
    if old is None or old == new:
        return False
    if isinstance(old, Share) and isinstance(new, Share):
        return new.percent > old.percent
    if isinstance(old, int) and isinstance(new, int):
        return new > old
    return True


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
    name = "" if path.startswith("defaults.") else path.rpartition(".")[2]
    return _RULES.get(name, lambda old, new: bool(old != new))


def _shown(path: str, value: Any) -> str:
    match value:
        case None:
            text = "any number" if _rule_of(path) is _raised else _NONE
        case _ if path.startswith("defaults."):
            text = json.dumps(value, ensure_ascii=False)
        case Share():
            text = f"{value} from {SHARE_COUNTS_FROM} live on"
        case timedelta():
            text = f"{value // timedelta(seconds=1)}s"
        case _Source(env=None, file=None):
            text = _address(value.text or "") if path == "journal" else "(text)"
        case _Source():
            text = f"{{env: {value.env}}}" if value.file is None else f"{{file: {value.file}}}"
        case Account():
            said = value.model_dump(exclude_none=True)
            text = f"{{{', '.join(f'{name}: {one}' for name, one in said.items())}}}"
        case bool():
            text = str(value).lower()
        case _:
            text = _address(str(value))
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _address(text: str) -> str:
    """Return an address without what may be a password in it."""
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
