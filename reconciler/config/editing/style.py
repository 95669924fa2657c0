"""Plain values as YAML text: plain where that is safe, quoted where any reader might see something else."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping

from reconciler.config.editing.patch import Edit, OverNames, Put, Remove, brings, key_of
from reconciler.config.yaml import plain
from reconciler.engine.kind import Json

WIDTH = 100
"""Columns that a line made here should not pass."""
STEP = 2
"""Spaces of indentation, where a file shows no habit of its own."""

_PLAIN = re.compile(r"\w(?:[^:#,\[\]{}]*[^:#,\[\]{}\s])?")
_JOINERS = "\u200c\u200d"  # parts of ordinary words and emoji


def scalar(value: Json, like: str = "") -> str:
    """Return a scalar in one line; `like` is the quote of the value that it replaces, if it had one."""
    if isinstance(value, str):
        return _text(value, like)
    return json.dumps(value)


def _text(text: str, like: str) -> str:
    if like == "'" and text.isprintable():
        return "'" + text.replace("'", "''") + "'"
    return text if like != '"' and _may_be_plain(text) else double_quoted(text)


def _may_be_plain(text: str) -> bool:
    meaning = plain(text)
    return bool(_PLAIN.fullmatch(text)) and text.isprintable() and meaning == (text, None)


def double_quoted(text: str) -> str:
    """Return text in double quotes, with an escape for every character that cannot be seen."""
    quoted = json.dumps(text, ensure_ascii=False)
    return "".join(c if c.isprintable() or c in _JOINERS else _escaped(c) for c in quoted)


def _escaped(character: str) -> str:
    code = ord(character)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def inline(value: Json, *, quote: str = "") -> str:
    """Return any value in one line, collections in flow style; with `quote`, texts and keys have quotes."""
    if isinstance(value, Mapping):
        return (
            "{" + ", ".join(f"{scalar(k, quote)}: {inline(v, quote=quote)}" for k, v in value.items()) + "}"
        )
    if isinstance(value, list):
        return "[" + ", ".join(inline(item, quote=quote) for item in value) + "]"
    return scalar(value, quote)


def block(name: str, edit: Edit, indent: int, step: int, *, is_section: bool = False) -> Iterator[str]:
    """Yield the lines of a key with what an edit puts behind it, each without its line break.

    The entries of a section are set apart by blank lines.
    """
    start = " " * indent + scalar(key_of(name, edit)) + ":"
    match edit:
        case Remove():
            return
        case OverNames():
            yield from block(name, edit.beside(()), indent, step)
        case Put(value=value, comment=comment):
            yield from _value(start, value, comment, indent, step)
        case Mapping():
            yield start
            entries = [(inner_name, inner) for inner_name, inner in edit.items() if brings(inner)]
            for number, (inner_name, inner) in enumerate(entries):
                if is_section and number and isinstance(inner, Mapping):
                    yield ""
                yield from block(inner_name, inner, indent + step, step)


def _value(start: str, value: Json, comment: str, indent: int, step: int) -> Iterator[str]:
    line = f"{start} {inline(value)}"
    if not value or not isinstance(value, list | dict) or len(line) <= WIDTH:
        yield with_comment(line, comment)
        return
    yield with_comment(start, comment)
    if isinstance(value, list):
        yield from items(value, indent + step)
    else:
        for name, inner in value.items():
            yield from block(name, Put(inner), indent + step, step)


def items(value: Iterable[Json], indent: int) -> Iterator[str]:
    """Yield one line an item of a list, each without its line break."""
    yield from (f"{' ' * indent}- {inline(item)}" for item in value)


def with_comment(line: str, comment: str) -> str:
    """Return a line with a comment behind it, if there is one."""
    return f"{line}  # {comment}" if comment else line
