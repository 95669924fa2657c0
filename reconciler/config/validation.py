"""Problems of the files: gathered in a report, and what pydantic says in words a person can act on."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from typing import Any, NamedTuple, NoReturn, TypeAlias, TypeVar, get_args

from msgspec import Struct, field
from pydantic import BaseModel, Field, ValidationError, WithJsonSchema
from pydantic_core import ErrorDetails, PydanticCustomError

from reconciler.config.names import listed, nearest, snake, visible
from reconciler.config.nodes import Node
from reconciler.config.yaml import quoted
from reconciler.problems import Place, Problem, Severity

MOST_IN_WORKSPACE = 2_000
"""Of a whole workspace; nobody reads more at once."""


class Full(Exception):
    """Nothing more of the files is looked at; the last problem of the report says why."""


class Report:
    """Takes every problem once, and drops what only follows from the YAML problem at the same place.

    Raises `Full` where there are too many of them.
    """

    def __init__(self) -> None:
        self._problems: dict[Problem, None] = {}
        self._unread: set[Place] = set()
        self._doubtful: set[str] = set()

    @property
    def total(self) -> int:
        """How many problems there are by now."""
        return len(self._problems)

    def take(self, problems: Iterable[Problem]) -> None:
        """Take problems of the reading itself: whatever is wrong at the same place follows from them."""
        for problem in problems:
            self._unread.add(problem.place)
            self._take(problem)

    def error(self, code: str, place: Place, key: str, message: str, hint: str = "") -> None:
        """Add an error; `key` as in `Problem`."""
        self.add(Problem(code, place, key, message, hint))

    def warning(self, code: str, place: Place, key: str, message: str, hint: str = "") -> None:
        """Add a warning; `key` as in `Problem`."""
        self.add(Problem(code, place, key, message, hint, Severity.WARNING))

    def add(self, problem: Problem) -> None:
        """Add a problem, unless its place could not be read anyway."""
        if problem.severity is Severity.ERROR:
            self._doubtful.add(problem.key)
        if problem.place not in self._unread:
            self._take(problem)

    def stop(self, code: str, place: Place, key: str, message: str, hint: str) -> NoReturn:
        """Add the last error and raise `Full`."""
        self._problems[Problem(code, place, key, message, hint)] = None
        raise Full(code)

    def _take(self, problem: Problem) -> None:
        self._problems[problem] = None
        if len(self._problems) >= MOST_IN_WORKSPACE:
            message = "the rest of the workspace is not looked at"
            self.stop("too-many-problems", problem.place, "", message, "solve the others first")

    @property
    def misses_something(self) -> bool:
        """Whether there is any place that could not be read."""
        return bool(self._unread)

    def unread(self, place: Place) -> bool:
        """Return whether what stands at `place` could not be read."""
        return place in self._unread

    def doubt(self, key: str) -> None:
        """Note that what is known of `key` is not all that the files say."""
        self._doubtful.add(key)

    def doubts(self, key: str) -> bool:
        """Return whether what is known of `key` is not all that the files say, for one error or another."""
        return key in self._doubtful

    def errors(self) -> tuple[Problem, ...]:
        """Return the errors, by place."""
        return _sorted(p for p in self._problems if p.severity is Severity.ERROR)

    def warnings(self) -> tuple[Problem, ...]:
        """Return the warnings, by place."""
        return _sorted(p for p in self._problems if p.severity is Severity.WARNING)

    def all(self) -> tuple[Problem, ...]:
        """Return errors and warnings together, by place."""
        return _sorted(self._problems)


def _sorted(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    return tuple(sorted(problems, key=lambda p: (p.place, p.code, p.key, p.message)))


Schema: TypeAlias = dict[str, Any]
"""A JSON Schema, or a part of one."""

DIALECT = "https://json-schema.org/draft/2020-12/schema"
"""What every schema of ours is written in."""

NOT_BLANK = r"\S"
"""The pattern of a text in which something can be seen."""


def shape(**keywords: Any) -> Any:
    """Return the annotation that adds these keywords of JSON Schema to those of a type."""
    return Field(json_schema_extra=keywords)


def shaped(**keywords: Any) -> WithJsonSchema:
    """Return the annotation that makes these keywords the whole schema of a type that has none itself."""
    return WithJsonSchema(keywords)


def pattern_of(form: re.Pattern[str] | str) -> str:
    """Return the pattern of the texts that match a form from end to end, as every dialect reads it."""
    text = form if isinstance(form, str) else form.pattern
    # Only Python writes the names of groups so; no form refers back to one.
    return f"^(?:{re.sub(r'[(][?]P<[a-z]+>', '(?:', text)})$"


def without_null(schema: Mapping[str, Any]) -> Schema:
    """Return the schema of a value that may be anything else than null."""
    choices = [choice for choice in schema.get("anyOf", ()) if choice != {"type": "null"}]
    beside = {name: part for name, part in schema.items() if name != "anyOf"}
    # What stands beside the choice, its description, is about this very place: it counts.
    return (
        {**choices[0], **beside}
        if len(choices) == 1
        else {**schema, **({"anyOf": choices} if choices else {})}
    )


MOST_PROBLEMS = 100
"""Of one mapping; more are counted, not listed."""

Fields = Mapping[str, Any]
Location = tuple[int | str, ...]
Model = TypeVar("Model", bound=BaseModel)


class Vocabulary(Struct, frozen=True):
    """The names that may stand in a mapping, nested ones dotted, for suggestions."""

    paths: tuple[str, ...]
    older_names: Mapping[str, str] = field(default_factory=dict)
    elsewhere: Mapping[str, str] = field(default_factory=dict)
    """Names that are right in another place → where that is."""


class Saying(NamedTuple):
    """What is wrong and what to write instead."""

    code: str
    message: str
    hint: str = ""


def refusal(code: str, message: str, hint: str = "") -> PydanticCustomError:
    """Return the error with which a validator of a model says why, in its own words and with its own code.

    The message is shown, so it repeats nothing that is secret or personal.
    """
    return PydanticCustomError(code, "{message}", {"message": message, "hint": hint})


@cache
def paths(model: type[BaseModel]) -> tuple[str, ...]:
    """Return every name that `model` knows, nested ones dotted, groups before what is in them."""
    return tuple(_paths(model))


def _paths(model: type[BaseModel]) -> Iterator[str]:
    for name, info in model.model_fields.items():
        yield name
        for inner in _models(info.annotation):
            yield from (f"{name}.{path}" for path in paths(inner))


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models(inner)


def validated(
    model: type[Model],
    fields: Fields,
    written: Node,
    report: Report,
    *,
    key: str = "",
    words: Vocabulary | None = None,
    context: object = None,
) -> Model | None:
    """Return `fields` as a `model`, without those that are wrong; `None` where nothing is left to go by.

    Whatever is wrong goes to the report, placed by `written`, the mapping that the fields come from.
    """
    try:
        return model.model_validate(fields, context=context)
    except ValidationError as invalid:
        errors = invalid.errors(include_url=False)
    words = words or Vocabulary(paths(model))
    for error in errors[:MOST_PROBLEMS]:
        _add(error, written, report, key, words)
    if len(errors) > MOST_PROBLEMS:
        message = f"{len(errors) - MOST_PROBLEMS} more problems are not listed"
        report.error("too-many-problems", written.key_place, key, message, "solve the others first")
        return None
    return _second_try(model, fields, [error["loc"] for error in errors], context)


def _second_try(model: type[Model], fields: Fields, wrong: list[Location], context: object) -> Model | None:
    parts = {location[0] for location in wrong if location}
    left = {name: value for name, value in fields.items() if name not in parts}
    for location in wrong:
        fields = _without(fields, location)
    # What is wrong may be needed by what it stands in: then that is left out as a whole.
    for attempt in (fields, left):
        try:
            return model.model_validate(attempt, context=context)
        except ValidationError:
            continue
    return None


def _without(fields: Fields, location: Location) -> Fields:
    if not location:
        return {}
    first, *rest = location
    inner = fields.get(str(first))
    if rest and isinstance(inner, dict):
        return {**fields, str(first): _without(inner, tuple(rest))}
    return {name: value for name, value in fields.items() if name != first}


def _add(error: ErrorDetails, written: Node, report: Report, key: str, words: Vocabulary) -> None:
    location = error["loc"]
    there = written.at(*location)
    place = there.key_place if error["type"] in _AT_THE_KEY else there.place
    saying = _unknown(location, words) if error["type"] == "extra_forbidden" else _saying(error)
    report.error(saying.code, place, key, saying.message, saying.hint)


_AT_THE_KEY = {"extra_forbidden", "missing", "missing-credentials"}


def dotted(location: Location) -> str:
    """Return where something stands as people name it: `column_mappings[0].target_column_name`."""
    text = ""
    for step in location:
        text += f"[{step}]" if isinstance(step, int) else f".{visible(step)}"
    return text.lstrip(".")


def unknown_name(name: str, parent: str, words: Vocabulary) -> Saying:
    """Return what to say of a name that may not stand below `parent` (dotted; empty for the top)."""
    if not parent and name in words.elsewhere:
        return Saying("misplaced", f"{visible(name)} does not belong here", words.elsewhere[name])
    message = f"{visible(name)} is not known here"
    meant = _meant(name, parent, words)
    return Saying("unknown-field", message, _write(meant, parent) if meant else _known(parent, words))


def _unknown(location: Location, words: Vocabulary) -> Saying:
    *above, name = location
    return unknown_name(str(name), ".".join(str(step) for step in above if isinstance(step, str)), words)


def _meant(name: str, parent: str, words: Vocabulary) -> str | None:
    if name in words.older_names:
        return words.older_names[name]
    plain = snake(name)
    here = _names_below(parent, words)
    if plain in here:
        return _join(parent, plain)
    if elsewhere := [path for path in words.paths if _last(path) == plain]:
        return elsewhere[0]
    if near := nearest(plain, here):
        return _join(parent, near)
    near = nearest(plain, map(_last, words.paths))
    return next((path for path in words.paths if _last(path) == near), None)


def _names_below(parent: str, words: Vocabulary) -> list[str]:
    return [_last(path) for path in words.paths if path.rpartition(".")[0] == parent]


def _known(parent: str, words: Vocabulary) -> str:
    return f"known here: {listed(_names_below(parent, words))}"


def _write(path: str, parent: str) -> str:
    group, _, name = path.rpartition(".")
    if group == parent:
        return f"write {name}"
    return (
        f"write {path}: {name} stands under {group}"
        if group
        else f"write {name} one level up, beside {visible(parent)}"
    )


def _join(parent: str, name: str) -> str:
    return f"{parent}.{name}" if parent else name


def _last(path: str) -> str:
    return path.rpartition(".")[2]


def _saying(error: ErrorDetails) -> Saying:
    code, context = error["type"], error.get("ctx", {})
    if "hint" in context:
        return Saying(code, _about(error, str(context["message"])), str(context["hint"]))
    if code in _EXPECTED:
        return _wrong_type(error)
    return _SAYINGS.get(code, _invalid)(error, context)


def _about(error: ErrorDetails, message: str) -> str:
    name = dotted(error["loc"])
    return f"{name}: {message}" if name else message


_EXPECTED = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "list_type": "a list",
    "tuple_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
}


def kind_of(value: object) -> str:
    """Return what sort of plain value this is, in words."""
    return _KINDS.get(type(value), "something else")


_KINDS = {
    type(None): "null",
    bool: "true or false",
    int: "a whole number",
    float: "a fraction",
    str: "text",
    list: "a list",
    dict: "a mapping",
}


def _wrong_type(error: ErrorDetails) -> Saying:
    expected = _EXPECTED[error["type"]]
    message = _about(error, f"{expected} is expected, this is {kind_of(error['input'])}")
    return Saying("wrong-type", message, _right_form(expected, error["input"]))


def _right_form(expected: str, value: object) -> str:
    if expected == "text" and isinstance(value, bool | int | float):
        return f"write {quoted(str(value).lower())}" if not isinstance(value, float) else "write it in quotes"
    if isinstance(value, str) and expected in {"a whole number", "a number", "true or false"}:
        return "write it without quotes" if _looks_like(expected, value) else f"write {expected}"
    return _FORMS.get(expected, f"write {expected}")


def _looks_like(expected: str, value: str) -> bool:
    return value in {"true", "false"} if expected == "true or false" else value.isdecimal()


_FORMS = {"a list": "write a list: [one, two]", "a mapping": "write a mapping: {name: value}"}


def _missing(error: ErrorDetails, _: Fields) -> Saying:
    name = str(error["loc"][-1])
    return Saying("missing-field", f"{dotted(error['loc'])} is missing", f"add {name}: …")


def _too_long(error: ErrorDetails, context: Fields) -> Saying:
    unit = "characters" if isinstance(error["input"], str) else "items"
    message = f"it has {len(error['input'])} {unit}, and {context['max_length']} is the most"
    return Saying("too-long", _about(error, message), "shorten it")


def _too_short(error: ErrorDetails, _: Fields) -> Saying:
    return Saying(
        "too-short", _about(error, "nothing stands in it"), "write at least one, or leave the key out"
    )


def _out_of_range(words: str, bound: str) -> Callable[[ErrorDetails, Fields], Saying]:
    def saying(error: ErrorDetails, context: Fields) -> Saying:
        message = _about(error, f"{error['input']} is {words} {context[bound]}")
        return Saying("out-of-range", message, f"write a number {_RANGES[bound]} {context[bound]}")

    return saying


_RANGES = {"ge": "not below", "gt": "above", "le": "not above", "lt": "below"}


def _choice(error: ErrorDetails, context: Fields) -> Saying:
    return Saying(
        "unknown-choice", _about(error, "this is none of the choices"), f"write {context['expected']}"
    )


def _said(error: ErrorDetails, context: Fields) -> Saying:
    return Saying("invalid-value", _about(error, "this cannot be"), str(context["error"]))


def _invalid(error: ErrorDetails, _: Fields) -> Saying:
    return Saying("invalid-value", _about(error, error["msg"]))


_SAYINGS: Mapping[str, Callable[[ErrorDetails, Fields], Saying]] = {
    "missing": _missing,
    "string_too_long": _too_long,
    "too_long": _too_long,
    "string_too_short": _too_short,
    "too_short": _too_short,
    "greater_than_equal": _out_of_range("below", "ge"),
    "greater_than": _out_of_range("not above", "gt"),
    "less_than_equal": _out_of_range("above", "le"),
    "less_than": _out_of_range("not below", "lt"),
    "literal_error": _choice,
    "enum": _choice,
    "value_error": _said,
}
