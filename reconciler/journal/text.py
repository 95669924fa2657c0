"""Text that every journal takes, and that can be shown anywhere; and values that none takes."""

from __future__ import annotations

import json
import re
from functools import partial
from typing import Any, TypeVar

from msgspec import Struct
from msgspec.structs import asdict, replace

from reconciler.errors import Refused
from reconciler.journal.forms import Unsound

Value = TypeVar("Value")

UNSTORABLE = (TypeError, ValueError, OverflowError, RecursionError)
"""What making text of a value raises that cannot be written down."""

strict_json = partial(json.dumps, allow_nan=False)
"""Makes JSON as every reader takes it: infinite numbers are a `ValueError`."""

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


def unstorable(error: Exception) -> Refused:
    """Return the error about a value that no journal can hold. It shows nothing of the value."""
    name = type(error).__name__
    reason = error if isinstance(error, Unsound) else f"{name}: infinite, too large or nested too deeply"
    return Refused(
        f"no journal can hold a value of what was to be written down ({reason}); without it nothing is sent. "
        f"Look at what is declared and live"
    )
