"""`PATH=VALUE` on a command line: a field of a resource, and a value of the field's own type."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from msgspec import Struct
from pydantic import BaseModel, ValidationError

from reconciler.config.contents import TARGETS
from reconciler.config.names import meant, visible
from reconciler.config.resources import Controls, LevelReader
from reconciler.config.sections import Section, SeedSection
from reconciler.config.validation import Report, Vocabulary, unknown_name
from reconciler.config.yaml import read
from reconciler.engine.kind import Json
from reconciler.errors import UsageError


class Assignment(Struct, frozen=True):
    """A value for a field or control of a resource; with `target`, in the block of that target."""

    path: tuple[str, ...]
    value: Json
    target: str = ""


def split_assignment(text: str) -> tuple[str, str]:
    """Return both sides of `PATH=VALUE`. Errors: `UsageError` where it is none."""
    path, sign, value = text.partition("=")
    if not sign or not path.strip(".") or ".." in path:
        raise UsageError(f"{visible(text)} is not of the form PATH=VALUE, like update_type_id=1")
    return path, value


def assignment(section: Section, text: str, targets: Collection[str]) -> Assignment:
    """Return what `PATH=VALUE` says of resources of a section. Errors: `UsageError` for an unknown path."""
    target, path, value = _sides(text, targets)
    _check_known(section, path)
    if any(path == named.path for named in section.named):
        meant_by_it: Json = next(one for one in candidates(value) if isinstance(one, str))
    else:
        is_control = path.partition(".")[0] in Controls.model_fields
        meant_by_it = _likeliest(Controls if is_control else section.model, path, value)
    return Assignment(tuple(path.split(".")), meant_by_it, target)


def seed_assignment(
    section: SeedSection[Any, Any, Any], text: str, fields: Collection[str], targets: Collection[str]
) -> Assignment:
    """Return what `PATH=VALUE` says of seeds. Errors: `UsageError` unless it is one of these plain fields."""
    target, name, value = _sides(text, targets)
    if name not in fields:
        hint = meant(name, sorted(fields))
        raise UsageError(f"{visible(name)} is no field of a seed that can be set so; {hint}")
    return Assignment((name,), _likeliest(section.fields, name, value), target)


def _sides(text: str, targets: Collection[str]) -> tuple[str, str, str]:
    """Return the target whose block the path leads into, if it does, the path in it, and the value."""
    dotted, value = split_assignment(text)
    if not dotted.startswith(f"{TARGETS}."):
        return "", dotted, value
    rest = dotted.removeprefix(f"{TARGETS}.")
    # A name of a target may hold dots: the longest one that fits is meant.
    fitting = sorted((name for name in targets if rest.startswith(f"{name}.")), key=len)
    if not fitting:
        raise UsageError(f"{visible(dotted)}: write targets.NAME.FIELD, with one of {', '.join(targets)}")
    return fitting[-1], rest.removeprefix(f"{fitting[-1]}."), value


def _check_known(section: Section, path: str) -> None:
    words = (*LevelReader(section, Report()).field_paths, *Controls.model_fields)
    if path not in words:
        parent, _, name = path.rpartition(".")
        saying = unknown_name(name, parent, Vocabulary(words, section.older_names))
        raise UsageError(f"{visible(path)}: {saying.message}; {saying.hint}")


def full_path(section: Section, text: str) -> str:
    """Return the path that a text names: itself, or the only one that ends with it. `UsageError` if none."""
    known = LevelReader(section, Report()).field_paths
    fitting = [text] if text in known else [path for path in known if path.endswith(f".{text}")]
    if len(fitting) != 1:
        _check_known(section, text)
        raise UsageError(f"{visible(text)} is no field that can be compared")
    return fitting[0]


def candidates(text: str) -> Sequence[Json]:
    """Return what a text can mean, the likelier first: a YAML value, and the text itself."""
    document = read(f"value: {text}\n".encode("utf-8", "replace"), "")
    top = document.top.value
    if document.problems or not isinstance(top, dict) or len(top) != 1:
        return [text]
    return [top["value"], text]


def _likeliest(model: type[BaseModel], path: str, text: str) -> Json:
    """Return the value that a text stands for: as YAML reads it where that fits the field, else as text."""
    meanings = candidates(text)
    return next((one for one in meanings if fits(model, path, one)), meanings[0])


def fits(model: type[BaseModel], path: str, value: Json) -> bool:
    """Tell whether a model takes a value at a path, like `survey_settings.survey_id`."""
    for step in reversed(path.split(".")):
        value = {step: value}
    try:
        model.model_validate(value)
    except ValidationError:
        return False
    return True
