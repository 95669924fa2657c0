"""`PATH=VALUE` on a command line: a field of a resource, and a value of the field's own type."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
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

    @property
    def dotted(self) -> str:
        """The path as people write it, below its level."""
        return ".".join(self.path)


def split_assignment(text: str) -> tuple[str, str]:
    """Return both sides of `PATH=VALUE`. Errors: `UsageError` where it is none."""
    path, sign, value = text.partition("=")
    if not sign or not path.strip(".") or ".." in path:
        raise UsageError(f"{visible(text)} is not of the form PATH=VALUE, like update_type_id=1")
    return path, value


def assignment(section: Section, text: str, targets: Collection[str]) -> Assignment:
    """Return what `PATH=VALUE` says of resources of a section. Errors: `UsageError` for an unknown path."""
    dotted, value = split_assignment(text)
    target, path = _split_target(dotted, targets)
    _check_known(section, path)
    return Assignment(tuple(path.split(".")), value_of(section, path, value), target)


def seed_assignment(
    section: SeedSection[Any, Any, Any], text: str, fields: Collection[str], targets: Collection[str]
) -> Assignment:
    """Return what `PATH=VALUE` says of seeds. Errors: `UsageError` unless it is one of these plain fields."""
    dotted, value = split_assignment(text)
    target, name = _split_target(dotted, targets)
    if name not in fields:
        hint = meant(name, sorted(fields))
        raise UsageError(f"{visible(name)} is no field of a seed that can be set so; {hint}")
    *first, last = candidates(value)
    fitting = (v for v in (*first, last) if _fits_model(section.fields, name, v))
    return Assignment((name,), next(fitting, first[0] if first else last), target)


def _split_target(dotted: str, targets: Collection[str]) -> tuple[str, str]:
    """Return the target whose block a path leads into, if it does, and the path in it."""
    if not dotted.startswith(f"{TARGETS}."):
        return "", dotted
    rest = dotted.removeprefix(f"{TARGETS}.")
    # A name of a target may hold dots: the longest one that fits is meant.
    fitting = sorted((name for name in targets if rest.startswith(f"{name}.")), key=len)
    if not fitting:
        raise UsageError(f"{visible(dotted)}: write targets.NAME.FIELD, with one of {', '.join(targets)}")
    return fitting[-1], rest.removeprefix(f"{fitting[-1]}.")


def _check_known(section: Section, path: str) -> None:
    known = LevelReader(section, Report()).field_paths
    words = (*known, *Controls.model_fields)
    if path not in words:
        parent, _, name = path.rpartition(".")
        saying = unknown_name(name, parent, Vocabulary(words, section.older_names))
        raise UsageError(f"{visible(path)}: {saying.message}; {saying.hint}")


def full_path(section: Section, text: str) -> str:
    """Return the path that a text names: itself, or the only one that ends with it. `UsageError` if none."""
    known = LevelReader(section, Report()).field_paths
    if text in known:
        return text
    fitting = [path for path in known if path.endswith(f".{text}")]
    if len(fitting) != 1:
        _check_known(section, text)
        raise UsageError(f"{visible(text)} is no field that can be compared")
    return fitting[0]


def value_of(section: Section, path: str, text: str) -> Json:
    """Return the value that a text stands for: as YAML reads it where that fits the field, else as text."""
    *first, last = candidates(text)
    is_name = any(path == named.path for named in section.named)
    fitting = (v for v in (*first, last) if (isinstance(v, str) if is_name else _fits(section, path, v)))
    return next(fitting, first[0] if first else last)


def candidates(text: str) -> Sequence[Json]:
    """Return what a text can mean, the likelier first: a YAML value, and the text itself."""
    return [*_as_yaml(text), text]


def _as_yaml(text: str) -> Iterator[Json]:
    document = read(f"value: {text}\n".encode("utf-8", "replace"), "")
    if not document.problems and isinstance(document.top.value, dict) and len(document.top.value) == 1:
        yield document.top.value["value"]


def _fits(section: Section, path: str, value: Json) -> bool:
    first, *rest = path.split(".")
    for step in reversed(rest):
        value = {step: value}
    return _fits_model(Controls if first in Controls.model_fields else section.model, first, value)


def _fits_model(model: type[BaseModel], name: str, value: Json) -> bool:
    try:
        model.model_validate({name: value})
    except ValidationError:
        return False
    return True
