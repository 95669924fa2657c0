"""One value as a person reads it: quoted, on one line, harmless to a terminal, and not too long."""

from __future__ import annotations

import json
import unicodedata

from reconciler.engine.kind import Field, Json

LONGEST = 60
"""Characters of a value that are shown; the rest is counted."""

_JOINERS = "\u200c\u200d"  # parts of ordinary words and emoji


def shown(value: Json, *, longest: int = LONGEST) -> str:
    """Return a value as text: strings quoted, nothing as `(empty)`."""
    if value is None:
        return "(empty)"
    return shortened(harmless(json.dumps(value, ensure_ascii=False)), longest)


def shown_field(field: Field, value: Json, *, longest: int = LONGEST) -> str:
    """Return a field's value as text; rows as `1 Email, 2 FirstName`."""
    if field.rows is None or not isinstance(value, list):
        return shown(value, longest=longest)
    return shortened(harmless(", ".join(row_text(row) for row in value)), longest)


def row_text(row: Json) -> str:
    """Return one row of a list field: its members' values, the identity first."""
    if not isinstance(row, dict):
        return json.dumps(row, ensure_ascii=False)
    return " ".join(str(value) for value in row.values())


def shortened(text: str, longest: int = LONGEST) -> str:
    """Return text of at most `longest` characters, saying how many are left out."""
    if len(text) <= longest:
        return text
    return f"{text[: longest - 1]}… (+{len(text) - longest + 1})"


def counted(number: int, noun: str) -> str:
    """Return a number with its noun, plural unless it is one."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def harmless(text: str) -> str:
    """Return text that steers nothing: no terminal, no direction of writing, no runner of CI."""
    if not text.isprintable():  # nearly every text is, and then holds no character that has to be looked at
        text = "".join(char if _is_harmless(char) else _escaped(char) for char in text)
    return _commanding_nobody(text)


def _commanding_nobody(text: str) -> str:
    """Return text that GitHub's runner takes for no command: one begins a line with `::`, or holds `##[`."""
    text = text.replace("##[", f"{_escaped('#')}#[")
    blanks = len(text) - len(text.lstrip())
    return f"{text[:blanks]}{_escaped(':')}{text[blanks + 1 :]}" if text.startswith("::", blanks) else text


def _is_harmless(char: str) -> bool:
    return char in _JOINERS or unicodedata.category(char) not in ("Cc", "Cf", "Cs", "Zl", "Zp")


def _escaped(char: str) -> str:
    code = ord(char)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
