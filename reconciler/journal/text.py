"""Text that every journal takes, and that can be shown anywhere."""

from __future__ import annotations

import re
from typing import Any, TypeVar

from msgspec import Struct
from msgspec.structs import asdict, replace

Value = TypeVar("Value")

_UNWRITABLE = re.compile("[\\0\ud800-\udfff]")


def written(text: str) -> str:
    """Return a text in which a null or half a character is an escape that shows it."""
    return _UNWRITABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def in_writing(value: Value) -> Value:
    """Return a value with its texts as they are `written`; mappings, such as bodies, stay as they are."""
    made: Any = value
    if isinstance(value, str) and _UNWRITABLE.search(value):
        made = written(value)
    elif isinstance(value, list | tuple):
        made = type(value)(map(in_writing, value))
    elif isinstance(value, Struct):
        made = replace(value, **{name: in_writing(part) for name, part in asdict(value).items()})
    return made  # type: ignore[no-any-return]
