"""Values as a person or a program reads them: quoted, on one line, harmless, and not too long."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from reconciler.problems import Severity

if TYPE_CHECKING:
    from reconciler.engine.kind import Field, Json
    from reconciler.errors import Exit
    from reconciler.problems import Problem

FORMAT_VERSION = 1

Document = dict[str, Any]


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


Style = Callable[[str], str]


def _ansi(code: str) -> Style:
    return lambda text: f"\x1b[{code}m{text}\x1b[0m" if text else text


def _plain(text: str) -> str:
    return text


class Paint(Struct, frozen=True):
    """How each sort of text looks. The meaning never hangs on the colour: each line has its symbol."""

    create: Style = _plain
    update: Style = _plain
    delete: Style = _plain
    reset: Style = _plain
    kept: Style = _plain
    blocked: Style = _plain
    doubt: Style = _plain
    strong: Style = _plain
    faint: Style = _plain


PLAIN = Paint()
COLOURED = Paint(
    create=_ansi("32"),
    update=_ansi("33"),
    delete=_ansi("31"),
    reset=_ansi("1;35"),
    kept=_ansi("2"),
    blocked=_ansi("1;31"),
    doubt=_ansi("1;33"),
    strong=_ansi("1"),
    faint=_ansi("2"),
)


LONG_WAIT = 0.1
"""Seconds from which on a person is told that a request had to wait."""


class Level(StrEnum):
    """How grave a line is."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


def log_line(now: float, level: Level, event: str, fields: Mapping[str, Any]) -> str:
    """Return one event as one line of JSON in plain ASCII, which neither a terminal nor a runner obeys."""
    document = {"time": moment(now), "level": level.value, "event": event, **fields}
    # GitHub's runner would look for a command behind this; it only ever stands within a string.
    return json.dumps(document).replace("##[", "\\u0023#[")


def moment(at: float) -> str:
    """Return a time in UTC, to the millisecond."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")


def milliseconds(seconds: float) -> float:
    """Return a duration as logs hold it."""
    return round(seconds * 1000, 3)


def problems_text(problems: Sequence[Problem], *, paint: Paint = PLAIN) -> str:
    """Return one paragraph a problem: place, severity and code, key, what is wrong, what to write instead."""
    return "\n".join(_problem(problem, paint) for problem in problems)


def _problem(problem: Problem, paint: Paint) -> str:
    style = paint.blocked if problem.severity is Severity.ERROR else paint.doubt
    place, message = harmless(str(problem.place)), harmless(problem.message)
    key = f"{harmless(problem.key)}: " if problem.key else ""
    title = f"{place}: {style(problem.severity.value)}[{problem.code}] {key}{message}"
    return f"{title}\n    → {harmless(problem.hint)}" if problem.hint else title


def problem_document(problem: Problem) -> Document:
    """Return one problem as a document."""
    return {
        "code": problem.code,
        "severity": problem.severity.value,
        "file": problem.place.file,
        "line": problem.place.line,
        "column": problem.place.column,
        "key": problem.key,
        "message": problem.message,
        "hint": problem.hint,
    }


def failure_document(message: str, exit: Exit, problems: Sequence[Problem] = ()) -> Document:
    """Return what stopped a command, as a document."""
    return {
        "format_version": FORMAT_VERSION,
        "error": message,
        "exit_code": int(exit),
        "problems": [problem_document(problem) for problem in problems],
    }


def diff_text(file: str, before: str | None, after: str, *, paint: Paint = PLAIN) -> str:
    """Return a unified diff of a file; `before` is `None` for one that is new."""
    import difflib  # only here: most commands show no difference of files

    old, new = _lines(before or ""), _lines(after)
    name = "/dev/null" if before is None else f"a/{file}"
    lines = difflib.unified_diff(old, new, name, f"b/{file}", lineterm="")
    return "\n".join(_painted(lines, paint))


def _lines(text: str) -> list[str]:
    return [line.removesuffix("\r") for line in text.removesuffix("\n").split("\n")] if text else []


def _painted(lines: Iterator[str], paint: Paint) -> Iterator[str]:
    for line in lines:
        yield _style(line, paint)(harmless(line))


def _style(line: str, paint: Paint) -> Style:
    if line.startswith(("---", "+++")):
        return paint.strong
    return {"+": paint.create, "-": paint.delete, "@": paint.faint}.get(line[:1], _plain_diff)


def _plain_diff(text: str) -> str:
    return text
