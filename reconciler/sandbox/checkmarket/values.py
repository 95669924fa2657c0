"""How single values of a body are read: from a member's name and value to what is stored.

`FailedError` with 400 for another JSON type than the vendor's page states, `RefusedError` for a value that
the business refuses.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from reconciler.sandbox.variants import Variants

from .calls import FailedError, RefusedError

Reader = Callable[[str, Any, Variants], Any]

_ESCAPES = {r"\n": "\n", r"\r": "\r", r"\t": "\t"}
_TIME = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2})(?:\.(\d{1,7}))?)?", re.ASCII)


def text(longest: int | None = None) -> Reader:
    """Return a reader of text up to a documented length; over it: variant `too_long`."""

    def read(name: str, value: Any, variants: Variants) -> str:
        if not isinstance(value, str):
            raise FailedError(400, f"{name} has to be a string.")
        if longest is None or len(value) <= longest:
            return value
        if variants.too_long == "truncated":
            return value[:longest]
        raise RefusedError(f"{name} is too long: at most {longest} characters.")

    return read


def delimiter(name: str, value: Any, variants: Variants) -> str:
    """Return a separator, up to 10 characters (DOC, PUT page); UNK, escaped or real: variant `delimiters`."""
    delimiting: str = text(longest=10)(name, value, variants)
    if variants.delimiters == "unescaped":
        for escaped, character in _ESCAPES.items():
            delimiting = delimiting.replace(escaped, character)
    return delimiting


def integer(low: int = -(2**31), high: int = 2**31 - 1) -> Reader:
    """Return a reader of whole numbers, limits included; the usual ones are those of 32 bits (INF)."""

    def read(name: str, value: Any, _variants: Variants) -> int:
        if type(value) is not int or not low <= value <= high:
            raise FailedError(400, f"{name} has to be an integer from {low} to {high}.")
        return value

    return read


def flag(name: str, value: Any, _variants: Variants) -> bool:
    """Return true or false as sent."""
    if not isinstance(value, bool):
        raise FailedError(400, f"{name} has to be true or false.")
    return value


def time_of_day(name: str, value: Any, _variants: Variants) -> str:
    """Return a time of day, hh:mm in UTC (DOC, ImportSurveyLink page), as hh:mm:ss.fffffff."""
    if not isinstance(value, str):
        raise FailedError(400, f"{name} has to be a string.")
    match = _TIME.fullmatch(value.strip())
    hour, minute, second, fraction = match.groups(default="0") if match else ("99", "", "", "")
    if int(hour) > 23 or int(minute) > 59 or int(second) > 59:
        raise RefusedError(f"{name} is not a time of day: {value}.")
    return f"{int(hour):02}:{minute}:{int(second):02}.{fraction:0<7}"
