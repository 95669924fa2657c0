"""Problems of the files: gathered in a report, and errors of pydantic in words that a person can act on."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Annotated, Any, NoReturn, TypeAlias, TypeVar, get_args

from msgspec import Struct, field
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from reconciler.config.names import CONTROL, LINE_BREAK, LONGEST_NAME, listed, nearest, snake, visible
from reconciler.config.nodes import Document, Node
from reconciler.config.yaml import Refusal, quoted
from reconciler.engine.kind import POLICIES, Policy
from reconciler.errors import FilesInvalid
from reconciler.problems import Place, Problem, Severity

MOST_IN_WORKSPACE = 2_000  # errors of a whole workspace; warnings have no limit
MOST_PROBLEMS = 100  # of one mapping; more are counted, not listed

Model = TypeVar("Model", bound=BaseModel)
Schema: TypeAlias = dict[str, Any]  # a JSON Schema, or a part of one

DIALECT = "https://json-schema.org/draft/2020-12/schema"  # what every schema of ours is written in
SCHEMA_ID = "urn:survey-reconciler:schema:"  # with a kind behind it, the $id of a schema: it has no address
INT32_MAX = 2**31 - 1  # of the numbers of both APIs
NOT_BLANK = r"\S"  # the pattern of a text in which something can be seen


class Written(BaseModel):
    """Plain data as a person wrote it: nothing is converted, nothing unknown is let through."""

    model_config = ConfigDict(
        strict=True, extra="forbid", frozen=True, hide_input_in_errors=True, defer_build=True
    )


class Report(Struct, eq=False):
    """Takes every problem once, but none that only follows from one of YAML.

    Raises `FilesInvalid` for too many errors. Warnings are never too many.
    """

    found: dict[Problem, None] = field(default_factory=dict)  # every problem by now
    errors: int = 0  # how many of these are errors
    ignored: frozenset[str] = frozenset()  # codes of warnings that are switched off
    doubtful: set[str] = field(default_factory=set)
    """The keys of which what is known is not all that the files say, as after any error."""
    _unread: set[Place] = field(default_factory=set)

    def take(self, document: Document) -> None:
        """Take problems of YAML itself, from which follows what else is wrong at the same place."""
        for problem in document.problems:
            self.add(problem)
        self._unread.update(document.doubted, (problem.place for problem in document.problems))

    def error(self, code: str, place: Place, key: str, message: str, hint: str = "") -> None:
        """Add an error; `key` as in `Problem`."""
        self.add(Problem(code, place, key, message, hint))

    def add(self, problem: Problem) -> None:
        """Add a problem, unless its place could not be read anyway."""
        is_error = problem.severity is Severity.ERROR
        if is_error:
            self.doubtful.add(problem.key)
        if problem.place in self._unread or problem in self.found:
            return
        self.found[problem] = None
        self.errors += is_error
        if is_error and self.errors >= MOST_IN_WORKSPACE:
            message = "the rest of the workspace is not looked at"
            self.stop("too-many-problems", problem.place, "", message, "solve the others first")

    def stop(self, code: str, place: Place, key: str, message: str, hint: str) -> NoReturn:
        """Add the last error, after which nothing more of the files is looked at. Raises `FilesInvalid`."""
        self.found[Problem(code, place, key, message, hint)] = None
        raise FilesInvalid(self.problems())

    def check_mapping(self, node: Node, key: str, hint: str = "write a mapping: {name: value}") -> bool:
        """Return whether a node is a mapping; report it where it is none."""
        if isinstance(node.value, dict):
            return True
        message = f"a mapping is expected, this is {kind_of(node.value)}"
        self.error("wrong-type", node.place, key, message, _mapping_form(node.value, hint))
        return False

    def doubt_if_unread(self, node: Node, key: str) -> None:
        """Doubt `key` where a node that belongs to it could not be read."""
        if self._unread and node.place in self._unread:
            self.doubtful.add(key)

    def problems(self, severity: Severity | None = None) -> tuple[Problem, ...]:
        """Return the problems by place, of one severity if one is given; no warning that is switched off."""
        wanted = [one for one in self.found if severity in (None, one.severity) and not self.ignores(one)]
        return tuple(sorted(wanted, key=lambda one: (one.place, one.code, one.key, one.message)))

    def ignores(self, problem: Problem) -> bool:
        """Tell whether a problem is a warning that is switched off."""
        return problem.severity is Severity.WARNING and problem.code in self.ignored


def refusal(code: str, message: str, hint: str = "") -> PydanticCustomError:
    """Return the error of a validator; its message is shown, so it repeats nothing secret or personal."""
    return PydanticCustomError(code, "{message}", {"message": message, "hint": hint})


def passing(
    test: Callable[[Any], object], code: str, message: str, hint: str | Callable[[Any], str] = ""
) -> AfterValidator:
    """Return a validator that refuses a value that does not pass a test; only a `hint` may repeat it."""

    def check(value: Any) -> Any:
        if not test(value):
            raise refusal(code, message, hint if isinstance(hint, str) else hint(value))
        return value

    return AfterValidator(check)


def _reason(value: str) -> str:
    if not value.strip():
        raise refusal("too-short", "an empty reason is none", "write why this is meant to be so")
    if CONTROL.search(value) or LINE_BREAK.search(value):
        raise refusal("control-character", "it holds what cannot be seen", "write it in one line")
    return value.strip()


def shape(**keywords: Any) -> Any:
    """Return the annotation that adds these keywords of JSON Schema, which an editor can see, to a type.

    They never refuse what the validators of the type accept; these may be stricter.
    """
    return Field(json_schema_extra=keywords)


Id: TypeAlias = Annotated[int, Field(ge=1, le=INT32_MAX)]
Choice: TypeAlias = Annotated[
    Policy, Field(strict=False), shape(enumDescriptions=[POLICIES[one] for one in Policy])
]
Reason: TypeAlias = Annotated[
    str, Field(max_length=LONGEST_NAME), AfterValidator(_reason), shape(pattern=NOT_BLANK)
]
"""Why something is as it is, on one line."""


def pattern_of(form: re.Pattern[str] | str) -> str:
    """Return the pattern of the texts that match a form from end to end, as every dialect reads it."""
    text = form if isinstance(form, str) else form.pattern
    # Only Python writes the names of groups so; no form refers back to one.
    return f"^(?:{re.sub(r'[(][?]P<[a-z]+>', '(?:', text)})$"


def without_null(schema: Mapping[str, Any]) -> Schema:
    """Return the schema of a value that may be anything else than null."""
    choices = [choice for choice in schema.get("anyOf", ()) if choice != {"type": "null"}]
    if len(choices) != 1:
        return {**schema, **({"anyOf": choices} if choices else {})}
    # What stands beside the choice, its description, is about this very place: it counts.
    return {**choices[0], **{name: part for name, part in schema.items() if name != "anyOf"}}


class Vocabulary(Struct, frozen=True):
    """The names that may stand in a mapping, nested ones dotted, for suggestions."""

    paths: tuple[str, ...]
    older_names: Mapping[str, str] = field(default_factory=dict)
    elsewhere: Mapping[str, str] = field(default_factory=dict)  # names that belong in another place → where


@cache
def paths(model: type[BaseModel]) -> tuple[str, ...]:
    """Return every name that `model` knows, nested ones dotted, groups before what is in them."""
    found: list[str] = []
    for name, info in model.model_fields.items():
        found.append(name)
        annotations: list[Any] = [info.annotation]
        for annotation in annotations:
            annotations.extend(get_args(annotation))
            if isinstance(annotation, type) and issubclass(annotation, BaseModel):
                found += [f"{name}.{path}" for path in paths(annotation)]
    return tuple(found)


def validated(
    model: type[Model],
    node: Node,
    report: Report,
    *,
    fields: Mapping[str, Any] | None = None,
    key: str = "",
    words: Vocabulary | None = None,
    context: object = None,
) -> Model | None:
    """Return the mapping `node`, or only these `fields` of it, as a `model`, without those that are wrong.

    Whatever is wrong goes to the report, placed by `node`. `None` where nothing is left to go by.
    """
    if fields is None:
        if not report.check_mapping(node, key):
            return None
        fields = {name: inner.value for name, inner in node.entries()}
    try:
        return model.model_validate(fields, context=context)
    except ValidationError as invalid:
        errors = invalid.errors(include_url=False)
    words = words or Vocabulary(paths(model))
    for error in errors[:MOST_PROBLEMS]:
        code, message, hint = _refusal(error, words)
        there = node.at(*error["loc"])
        is_at_key = error["type"] in ("extra_forbidden", "missing", "missing-credentials")
        is_at_key |= error["loc"][-1:] == (_OF_A_KEY,)
        report.error(code, there.key_place if is_at_key else there.place, key, message, hint)
    if len(errors) > MOST_PROBLEMS:
        message = f"{len(errors) - MOST_PROBLEMS} more problems are not listed"
        report.error("too-many-problems", node.key_place, key, message, "solve the others first")
        return None
    left, wrong = fields, [error["loc"] for error in errors]
    for location in wrong:
        left = without(left, location)
    tops = {location[0] for location in wrong if location}
    # What is wrong may be needed by what it stands in: then that is left out as a whole.
    for attempt in (left, {name: value for name, value in fields.items() if name not in tops}):
        try:
            return model.model_validate(attempt, context=context)
        except ValidationError:
            continue
    return None


def without(fields: Mapping[str, Any], location: Sequence[int | str]) -> dict[str, Any]:
    """Return a mapping without what stands at a place in it, the way there by the names."""
    if not location:
        return {}
    first, *rest = location
    inner = fields.get(str(first))
    if rest and isinstance(inner, dict):
        return {**fields, str(first): without(inner, rest)}
    return {name: value for name, value in fields.items() if name != first}


def unknown_name(name: str, parent: str, words: Vocabulary) -> Refusal:
    """Return what to say of a name that may not stand below `parent` (dotted; empty for the top)."""
    if not parent and name in words.elsewhere:
        return Refusal("misplaced", f"{visible(name)} does not belong here", words.elsewhere[name])
    here = {_last(path): path for path in words.paths if path.rpartition(".")[0] == parent}
    meant = _meant(name, here, words)
    group, _, last = meant.rpartition(".")
    if not meant:
        hint = f"known here: {listed(here)}"
    elif group == parent:
        hint = f"write {last}"
    elif group:
        hint = f"write {meant}: {last} stands under {group}"
    else:
        hint = f"write {last} one level up, beside {visible(parent)}"
    return Refusal("unknown-field", f"{visible(name)} is not known here", hint)


def _meant(name: str, here: Mapping[str, str], words: Vocabulary) -> str:
    """Return the path that a wrong name was probably meant for, empty where none is near."""
    if name in words.older_names:
        return words.older_names[name]
    plain, anywhere = snake(name), {_last(path): path for path in reversed(words.paths)}
    if plain in here or plain in anywhere:
        return here.get(plain) or anywhere[plain]
    if near := nearest(plain, here):
        return here[near]
    if len(parts := [path for last, path in here.items() if plain in last.split("_")]) == 1:
        return parts[0]
    return anywhere.get(nearest(plain, map(_last, words.paths)) or "", "")


def _last(path: str) -> str:
    return path.rpartition(".")[2]


def kind_of(value: object) -> str:
    """Return what sort of plain value this is, in words."""
    return _KINDS.get(type(value), "something else")


_OF_A_KEY = "[key]"  # the last step of the location of an error in a key of a mapping, as pydantic has it
_KINDS = {
    type(None): "null",
    bool: "true or false",
    int: "a whole number",
    float: "a fraction",
    str: "text",
    list: "a list",
    dict: "a mapping",
}
_EXPECTED = {
    "string_type": "text",
    "float_type": "a number",
    "bool_type": "true or false",
    **dict.fromkeys(("int_type", "int_from_float"), "a whole number"),
    **dict.fromkeys(("list_type", "tuple_type"), "a list"),
    **dict.fromkeys(("dict_type", "model_type"), "a mapping"),
}
_RANGES = {
    "greater_than_equal": ("below", "ge", "not below"),
    "greater_than": ("not above", "gt", "above"),
    "less_than_equal": ("above", "le", "not above"),
    "less_than": ("not below", "lt", "below"),
}


def _refusal(error: ErrorDetails, words: Vocabulary) -> Refusal:
    """Return what an error of pydantic means for the files, and what to write instead."""
    kind, location, value, context = error["type"], error["loc"], error["input"], error.get("ctx", {})
    if kind == "extra_forbidden":
        parent = ".".join(step for step in location[:-1] if isinstance(step, str))
        return unknown_name(str(location[-1]), parent, words)
    name = ""
    for step in (step for step in location if step != _OF_A_KEY):
        name += f"[{step}]" if isinstance(step, int) else f".{visible(step)}"
    name = name.lstrip(".")
    if kind == "missing":
        return Refusal("missing-field", f"{name} is missing", f"add {location[-1]}: …")
    if "hint" in context:
        code, message, hint = kind, str(context["message"]), str(context["hint"])
    elif kind in _EXPECTED:
        code, hint = "wrong-type", _right_form(_EXPECTED[kind], value)
        message = f"{_EXPECTED[kind]} is expected, this is {kind_of(value)}"
        if name.endswith("_id") and isinstance(value, str) and (named := name[:-3]) in words.paths:
            hint += f", or {named} for a name"
    elif kind in ("string_too_long", "too_long"):
        unit = "characters" if isinstance(value, str) else "items"
        code, hint = "too-long", "shorten it"
        message = f"it has {len(value)} {unit}, and {context['max_length']} is the most"
    elif kind in ("string_too_short", "too_short"):
        code, message, hint = "too-short", "nothing stands in it", "write at least one, or leave the key out"
    elif kind in _RANGES:
        beyond, bound, instead = _RANGES[kind]
        code, message = "out-of-range", f"{value} is {beyond} {context[bound]}"
        hint = f"write a number {instead} {context[bound]}"
    elif kind in ("literal_error", "enum"):
        code, hint = "unknown-choice", f"write {context['expected']}"
        message = "this is none of the choices"
    elif kind == "value_error":
        code, message, hint = "invalid-value", "this value is not allowed", str(context["error"])
    else:
        code, message, hint = "invalid-value", error["msg"], ""
    return Refusal(code, f"{name}: {message}" if name else message, hint)


def _right_form(expected: str, value: object) -> str:
    if expected == "text" and isinstance(value, bool | int | float):
        return f"write {quoted(str(value).lower())}" if not isinstance(value, float) else "write it in quotes"
    if isinstance(value, str) and expected in {"a whole number", "a number", "true or false"}:
        form = "true|false" if expected == "true or false" else "0|[1-9][0-9]*"
        is_one = re.fullmatch(form, value)
        return "write it without quotes" if is_one else f"write {expected}"
    if expected == "a list" and isinstance(value, dict) and value and all(key[:1] == "-" for key in value):
        return "write a blank behind each dash: - KEY: VALUE"
    form = "write a list: [one, two]" if expected == "a list" else f"write {expected}"
    return _mapping_form(value) if expected == "a mapping" else form


def _mapping_form(value: object, otherwise: str = "write a mapping: {name: value}") -> str:
    """Return how a mapping is written that was written so, `otherwise` where that cannot be said."""
    if isinstance(value, str) and re.match(r"[\w.-]+:\S", value):
        return "write a blank behind the colon: KEY: VALUE"
    if isinstance(value, str) and re.match(r"[\w.-]+\s*[\s=-]", value):
        return "write a colon and a blank behind the key: KEY: VALUE"
    if isinstance(value, list):
        return "write a mapping: {name: value}, without dashes before its names"
    return otherwise
