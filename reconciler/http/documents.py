"""From the bytes of an answer to a JSON document, and never to one that is too much to hold or not plain."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, NoReturn

HEAVIEST = 100_000_000
"""What a document, or a whole list of them, may take of memory, in bytes, by `weight`."""
DEEPEST = 100
"""Objects and lists inside each other."""

_BYTES_A_VALUE = 120
_BYTES_A_CHARACTER = 4


class Unfit(Exception):
    """The bytes are no document to go on with; the text says why, as the end of "the body …"."""


def weight(content: bytes) -> int:
    """Return about how many bytes of memory the document in `content` takes; rather too many than too few."""
    values = content.count(b",") + _openings(content)
    return len(content) * _BYTES_A_CHARACTER + values * _BYTES_A_VALUE


def _openings(content: bytes) -> int:
    return content.count(b"{") + content.count(b"[")


def document_in(content: bytes) -> object:
    """Return the document in `content`. Raises `Unfit` for what is not plain JSON, too large or too deep.

    Every number can be written as JSON again, and no object had a member twice: of two values that a body
    shows for one member, neither can be kept.
    """
    if weight(content) > HEAVIEST:
        raise Unfit("holds more than an answer of the API may hold")
    try:
        document: object = json.loads(
            content, object_pairs_hook=_object, parse_float=_number, parse_constant=_no_number
        )
    except RecursionError as error:
        raise Unfit(_TOO_DEEP) from error
    except ValueError as error:
        raise Unfit("is not JSON") from error
    if _openings(content) > DEEPEST and _is_too_deep(document):
        raise Unfit(_TOO_DEEP)
    return document


_TOO_DEEP = f"holds more than {DEEPEST} objects and lists inside each other"


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise Unfit("holds an object in which a member stands twice")
    return members


def _number(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise Unfit("holds a number that is too large")
    return number


def _no_number(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def _is_too_deep(document: object) -> bool:
    level = [document]
    for _ in range(DEEPEST):
        level = [inner for value in level for inner in _below(value) if isinstance(inner, dict | list)]
        if not level:
            return False
    return True


def _below(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()
