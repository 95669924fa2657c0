"""What an entry of a journal must look like, wherever it is kept: the forms of its values, and the check.

The structures of `runs` and `ledger` are the models: each backend holds what it reads, and what it is to
write, to them with `checked`. So a journal that somebody else has changed, or a disk has, is refused where it
is read, before anything believes it; and nothing is written that could not be read again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from math import isfinite
from typing import Annotated, Any, NoReturn, TypeAlias, TypeVar

from msgspec import Meta, ValidationError, convert

Model = TypeVar("Model")

_LARGEST = 2**63 - 1  # what every database holds
_LAST = 253_402_128_000.0  # 30 December 9999, so that the time can be shown in every zone
_DEEPEST = 200
_MOST_VALUES = 500_000

Number = Annotated[int, Meta(ge=1, le=_LARGEST)]
"""Of a run, a write, a batch or an entry."""
Count = Annotated[int, Meta(ge=0, le=_LARGEST)]
Id = Annotated[int, Meta(ge=-_LARGEST - 1, le=_LARGEST)]
"""Of a resource, as a server gave it."""
ExitCode = Annotated[int, Meta(ge=0, le=255)]
Time = Annotated[float, Meta(ge=0.0, le=_LAST)]
"""Seconds since 1970 UTC, by the clock of this program."""
ServerTime = Annotated[float, Meta(ge=-_LAST, le=_LAST)]
"""The same by the clock of a server, which may be wrong."""
Text = Annotated[str, Meta(max_length=1_000_000)]
Word = Annotated[str, Meta(pattern=r"^[a-z][a-z _-]{0,40}\Z")]
"""Of this program: how something ended."""
Hash = Annotated[str, Meta(pattern=r"^[0-9a-f]{32}\Z")]
"""What stands for personal text: see `hashing.keyed_hash`."""
Digest = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
"""Of a change or a seed: see `engine.change`."""
Fingerprint = Annotated[str, Meta(pattern=r"^(?:[0-9a-f]{64})?\Z")]
"""Of a plan; empty where a run carries out none."""
Action = Annotated[str, Meta(pattern=r"^(?:create|update|delete)\Z")]
Result = Annotated[str, Meta(pattern=r"^(?:applied|failed|stale|skipped|in doubt)\Z")]
Json: TypeAlias = bool | int | float | str | list[Any] | dict[str, Any] | None
"""A value that is JSON at least outside; what is inside comes from `document`."""


class Unsound(ValueError):
    """An entry that breaks the rules of a journal. Its text says where and why, and shows no value of it."""


class Unreadable:
    """Stands in a row for a document that is no plain JSON, so that the check finds it and names the row."""


def checked(model: type[Model], told: object, what: str) -> Model:
    """Return an entry as its model. Raises `Unsound` about `what`, such as `run 12`, if it does not fit."""
    try:
        return convert(told, model, strict=True)
    except (ValidationError, RecursionError, UnicodeError, OverflowError) as error:
        raise Unsound(f"{what} is damaged: {_reason(error)}") from None  # its own text may hold a value


def document(text: str | bytes) -> Any:
    """Return what JSON says. Raises `Unsound` for what is not plain: cut, too deep, infinite, or double."""
    try:
        if len(text) > _MOST_VALUES and _marks_in(text, ",[{") > _MOST_VALUES:
            raise Unsound("it holds more values than any entry")
        found: Any = json.loads(
            text, object_pairs_hook=_members, parse_float=_number, parse_constant=_no_number
        )
        if _depth_may_exceed(text) and _is_too_deep(found):
            raise Unsound("it is nested too deeply")
    except Unsound:
        raise
    except (ValueError, TypeError, RecursionError):
        raise Unsound("it is not JSON") from None
    return found


def readable(text: Any) -> Any:
    """Return what JSON in a column says, or `Unreadable`: as a database library decodes a whole row.

    SQLite hands a bare number out as one.
    """
    if isinstance(text, int | float):
        return text if isfinite(text) else Unreadable()
    try:
        return document(text)
    except Unsound:
        return Unreadable()


def _reason(error: Exception) -> str:
    """Return where a model was not kept to and what it expects, without the value."""
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    if not isinstance(error, ValidationError):
        return "it holds what is no text, or no number"
    said, _, where = str(error).partition(" - at ")
    place = re.sub(r"^`(?:key` in `)?\$?\.?|\[\.\.\.\]|`$", "", where)
    if said.startswith("Invalid enum value"):
        said = "unknown word"
    elif "matching regex" in said:
        said = "text of another form"
    elif said.startswith("Invalid value"):
        said = "unknown kind of entry"
    elif "unknown field" in said:
        said = "a member that no entry has"
    said = said.replace("`", "")
    return f"{place}: {said[:1].lower()}{said[1:]}" if place else f"{said[:1].lower()}{said[1:]}"


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise Unsound("a member stands in it twice")
    return members


def _number(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise Unsound("it holds a number that is too large")
    return number


def _no_number(constant: str) -> NoReturn:
    del constant
    raise Unsound("it holds a number that is none")


def _depth_may_exceed(text: str | bytes) -> bool:
    return _marks_in(text, "[{") > _DEEPEST


def _marks_in(text: str | bytes, marks: str) -> int:
    """Return how often any of these characters stands in a text."""
    if isinstance(text, bytes):
        return sum(text.count(mark.encode()) for mark in marks)
    return sum(map(text.count, marks))


def _is_too_deep(value: object) -> bool:
    level = [value]
    for _ in range(_DEEPEST):
        level = [inner for one in level for inner in _below(one)]
        if not level:
            return False
    return True


def _below(value: object) -> list[object]:
    if isinstance(value, Mapping):
        return [inner for inner in value.values() if isinstance(inner, dict | list)]
    return [inner for inner in value if isinstance(inner, dict | list)] if isinstance(value, list) else []
