"""One value as a person reads it: quoted, on one line, harmless to a terminal, and not too long."""

from __future__ import annotations

import json
import re

from reconciler.engine.kind import Field, Json

LONGEST = 60
"""Characters of a value that are shown; the rest is counted."""

# What cannot be seen and changes what is seen, but for the controls of ASCII: C1, separators of lines and
# paragraphs, what turns the direction of writing, what has no width or is blank, half characters, tags.
_HIDDEN = (
    "\x7f-\x9f\xad\u034f\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u115f\u1160\u17b4\u17b5"
    "\u180b-\u180f\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\u3164\ud800-\udfff\ufeff\uffa0"
    "\ufff0-\ufffb\ufffe\uffff\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3"
    "\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_STEERING = re.compile(f"[\x00-\x1f{_HIDDEN}]")
_IN_JSON = re.compile(f"[\u200c\u200d{_HIDDEN}]|#(?=#\\[)")
"""The same within strings of JSON, where those of ASCII are escaped already, and where no escape is a loss:
so those are too that join characters of ordinary words and emoji, and `##[`, a command of GitHub's runner."""


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


def skipped_text(skipped: int, blocked: int) -> str:
    """Return how many changes a run skipped, and how many of these because a rule blocks them, if any."""
    return f"{skipped} skipped ({blocked} blocked)" if blocked else f"{skipped} skipped"


def harmless(text: str) -> str:
    """Return text that steers nothing: no terminal, no direction of writing, no runner of CI."""
    return _commanding_nobody(_STEERING.sub(lambda found: _escaped(found[0]), text))


def json_text(document: object) -> str:
    """Return a document as it is printed, and written to files. What steers is an escape in its strings."""
    text = json.dumps(document, ensure_ascii=False, indent=2)
    return _IN_JSON.sub(lambda found: _json_escape(found[0]), text)


def _commanding_nobody(text: str) -> str:
    """Return text that GitHub's runner takes for no command: one begins a line with `::`, or holds `##[`."""
    text = text.replace("##[", f"{_escaped('#')}#[")
    blanks = len(text) - len(text.lstrip())
    return f"{text[:blanks]}{_escaped(':')}{text[blanks + 1 :]}" if text.startswith("::", blanks) else text


def _json_escape(char: str) -> str:
    escape = json.dumps(char)[1:-1]
    return escape if escape != char else f"\\u{ord(char):04x}"


def _escaped(char: str) -> str:
    code = ord(char)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
