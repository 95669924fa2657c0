"""What every output is made of. Texts from outside go through `harmless` before a person or CI sees them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, TypeAlias
from unicodedata import combining, east_asian_width

from msgspec import Struct

from reconciler.engine.kind import POLICIES, Policy
from reconciler.problems import NOTHING, Severity, folded, told_apart

if TYPE_CHECKING:
    from reconciler.engine.kind import Field, Json
    from reconciler.errors import Exit
    from reconciler.problems import Problem

FORMAT_VERSION = 1  # the version of every JSON document; it grows when a member changes its meaning
LONGEST = 60  # characters of a value that are shown; the rest is counted
MOST_LISTED = 10  # of what a person need not look at one by one; the rest is counted

Document = dict[str, Any]
Style = Callable[[str], str]
Level: TypeAlias = Literal["info", "warning", "error"]  # how grave a line of the log is

# Characters that cannot be seen and change what is seen, but for the controls of ASCII: what shows nothing,
# C1, separators of lines, direction of writing, signs of scripts, half characters, selectors, tags.
_HIDDEN = (
    f"{NOTHING}\x7f-\x9f\u0600-\u0605\u06dd\u070f\u0890\u0891\u08e2\u180b-\u180f\u2028-\u202e\u2066-\u2069"
    "\ud800-\udfff\ufffe\uffff\U000110bd\U000110cd\U00013430-\U0001343f\U000e0020-\U000e007f"
    "\U000e0100-\U000e01ef"
)
_STEERING = re.compile(f"[\x00-\x1f{_HIDDEN}]")
# The same within strings of JSON, where those of ASCII are escaped already, and where no escape loses
# anything: so also what joins characters of words and emoji, and what begins a command of a CI runner.
_COMMAND = re.compile(r"#(?=#(?:vso)?\[)", re.IGNORECASE)
_IN_JSON = re.compile(f"[\u200c\u200d{_HIDDEN}]|{_COMMAND.pattern}", re.IGNORECASE)


def harmless(text: str) -> str:
    """Return text in which what steers a terminal, the direction of writing or a CI runner is an escape.

    GitHub's runner takes a line for a command that begins with `::`, or holds `##[`; that of Azure Pipelines
    one that holds `##vso[`.
    """

    def escape(found: re.Match[str]) -> str:
        code = ord(found[0])
        return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"

    text = _STEERING.sub(escape, text)
    text = _COMMAND.sub(escape, text) if "##" in text else text
    blanks = len(text) - len(text.lstrip())
    return f"{text[:blanks]}\\u003a{text[blanks + 1 :]}" if text.startswith("::", blanks) else text


def json_text(document: object) -> str:
    """Return a document as it is printed, and written to files. What steers is an escape in its strings."""

    def escape(found: re.Match[str]) -> str:
        written = json.dumps(found[0])[1:-1]
        return written if written != found[0] else f"\\u{ord(found[0]):04x}"

    return _IN_JSON.sub(escape, json.dumps(document, ensure_ascii=False, indent=2))


def shown(value: Json, *, longest: int = LONGEST, beside: Json = None) -> str:
    """Return a value as text: strings quoted, nothing as `(empty)`; told apart from one `beside` it."""
    match value, beside:
        case str(), str() if value != beside and folded(value) == folded(beside):
            return harmless(told_apart(value, beside)[0])
    return "(empty)" if value is None else shortened(harmless(json.dumps(value, ensure_ascii=False)), longest)


def shown_field(field: Field, value: Json, *, longest: int = LONGEST, beside: Json = None) -> str:
    """Return a field's value as text, as `shown` does; rows as `1 Email, 2 FirstName`."""
    if field.rows is None or not isinstance(value, list):
        return shown(value, longest=longest, beside=beside)
    return shortened(harmless(", ".join(row_text(row) for row in value)), longest)


def row_text(row: Json) -> str:
    """Return one row of a list field: its members' values, the identity first."""
    if not isinstance(row, dict):
        return json.dumps(row, ensure_ascii=False)
    return " ".join(str(value) for value in row.values())


def shortened(text: str, longest: int = LONGEST) -> str:
    """Return text of at most `longest` characters, saying how many are left out."""
    return text if len(text) <= longest else f"{text[: longest - 1]}… (+{len(text) - longest + 1})"


def counted(number: int, noun: str) -> str:
    """Return a number with its noun, plural unless it is one."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def first_of(
    items: Sequence[str], *, every: bool = False, by: str = "--verbose or --format json"
) -> Sequence[str]:
    """Return items that need not all be looked at: of many the first, how many, `by` what all; or `every`."""
    more = len(items) - MOST_LISTED
    if every or more <= 0:
        return items
    return [*items[:MOST_LISTED], f"and {more} more of {len(items)}; {by} lists them"]


def in_short(names: Sequence[str], *, every: bool = False, apart: str = ", ") -> str:
    """Return names for a sentence: of many the first, and how many more; or `every`."""
    more = 0 if every else max(0, len(names) - MOST_LISTED)
    return apart.join(names[: len(names) - more]) + (f" and {more} more" if more else "")


def columns(rows: Sequence[Sequence[str]], fitting: int = 0) -> list[str]:
    """Return rows as lines with their cells below each other; all rows have the same number of cells.

    The last cells of rows that are wider than `fitting` stand below, each on a line; 0 is any width.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    beside = len(widths)
    while fitting and beside > 1 and sum(widths[:beside]) + 2 * (beside - 1) > fitting:
        beside -= 1
    lines = []
    for row in rows:
        line = "  ".join(f"{cell:<{width}}" for cell, width in zip(row[:beside], widths, strict=False))
        lines.append("\n    ".join([line.rstrip(), *filter(None, row[beside:])]))
    return lines


def stacked(headings: Sequence[str], rows: Sequence[Sequence[str]], beside: int) -> list[str]:
    """Return rows as paragraphs, for where columns do not fit: the cells below the first, with names."""
    width = max(map(len, headings[beside:]))
    return [
        "\n    ".join(
            ["  ".join(row[:beside])]
            + [f"{name:<{width}}  {cell}" for name, cell in zip(headings[beside:], row[beside:], strict=True)]
        )
        for row in rows
    ]


_SHORTEST_REST = 20  # characters that a line keeps for its words, whatever it hangs under
_WORD = re.compile(r"( *)((?:\x1b\[[\d;]*m|[^ ])+)")
SIGNS: Mapping[str, tuple[str, str]] = {
    "+": ("create", "a resource is created, or a field gets a value that had none"),
    "~": ("update", "a resource is updated, or a field gets another value"),
    "-": ("delete", "a resource is deleted, or a row is removed"),
    "↺": ("reset", POLICIES[Policy.RESET]),
    "=": ("kept", "the live value is sent back as it is; of a seed: nothing is to be sent"),
    "⇒": (
        "effect",
        "what the change does to people; limits.effects and consent call it by the name in brackets",
    ),
    "!": ("blocked", "a safety rule keeps it back, and the line says what to do; applied: it was skipped"),
    "?": ("in doubt", "nothing says whether an earlier write was carried out; it is not repeated by itself"),
    "→": ("send", "a test batch is sent, and mail really goes; between two values: from and to"),
    "✓": ("applied", "it was written, and reading it back has shown it"),
    "✗": ("failed", "it was refused, or accepted and not stored"),
    "≠": ("stale", "it is no longer what the plan saw, and was left alone"),
}
"""What begins a line of a plan or of a run → its name, and what it says of the resource or field."""
_COLOR = re.compile(r"\x1b\[[\d;]*m")


def wrapped(text: str, width: int) -> str:
    """Return text whose lines fit a terminal of that width, broken between words, each under its column.

    Two blanks or more begin a column, and so does a sign at the beginning. A word that is longer than a
    line stays whole; 0 is any width.
    """
    return "\n".join(_folded(line, width) if width else line for line in text.split("\n"))


def _folded(line: str, width: int) -> str:
    folded, at, starts = "", 0, [0]
    for blanks, word in _WORD.findall(line):
        plain = _COLOR.sub("", word)
        size = sum(1 + (east_asian_width(char) in "WF") for char in plain if not combining(char))
        if at + len(blanks) + size > width and at > starts[-1]:
            starts = [start for start in starts if width - start >= max(_SHORTEST_REST, size)] or [0]
            folded, at, blanks = f"{folded}\n", 0, " " * starts[-1]
        elif len(blanks) > 1:
            starts.append(at + len(blanks))
        folded, at = f"{folded}{blanks}{word}", at + len(blanks) + size
        if (plain in SIGNS or plain == "•") and not folded[: -len(word)].strip():
            starts.append(at + 1)
    return folded


class Paint(Struct, frozen=True):
    """How each sort of text looks. The meaning never hangs on the color: each line has its symbol.

    `width` is that of the terminal; 0 where the text goes elsewhere, and its lines are left whole.
    """

    create: Style = str
    update: Style = str
    delete: Style = str
    reset: Style = str
    kept: Style = str
    blocked: Style = str
    doubt: Style = str
    strong: Style = str
    faint: Style = str
    code: Style = "`{}`".format
    underlined: Style = str
    width: int = 0


def _colored(code: str, text: str) -> str:
    return f"\x1b[{code}m{text}\x1b[0m" if text else text


PLAIN = Paint()
COLOURED = Paint(
    create=partial(_colored, "32"),
    update=partial(_colored, "33"),
    delete=partial(_colored, "31"),
    reset=partial(_colored, "1;35"),
    kept=partial(_colored, "2"),
    blocked=partial(_colored, "1;31"),
    doubt=partial(_colored, "1;33"),
    strong=partial(_colored, "1"),
    faint=partial(_colored, "2"),
    code=partial(_colored, "36"),
    underlined=partial(_colored, "4"),
)


def log_line(now: float, level: Level, event: str, fields: Mapping[str, Any]) -> str:
    """Return one event as one line of JSON in plain ASCII, which neither a terminal nor a runner obeys."""
    document = {"time": moment(now), "level": level, "event": event, **fields}
    # What would be a command to a CI runner only ever stands within a string.
    return _COMMAND.sub(r"\\u0023", json.dumps(document))


def moment(at: float) -> str:
    """Return a time in UTC, to the millisecond."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")


def problems_text(problems: Sequence[Problem], *, paint: Paint = PLAIN) -> str:
    """Return one paragraph a problem: place, severity and code, key, what is wrong, what to write instead."""
    lines = []
    for problem in problems:
        style = paint.blocked if problem.severity is Severity.ERROR else paint.doubt
        what = harmless(f"{problem.key}: {problem.message}" if problem.key else problem.message)
        lines.append(
            f"{harmless(str(problem.place))}: {style(problem.severity.value)}[{problem.code}] {what}"
        )
        if problem.hint:
            lines.append(f"    → {harmless(problem.hint)}")
    return "\n".join(lines)


def warnings_by_code(problems: Sequence[Problem]) -> Mapping[str, Sequence[Problem]]:
    """Return the warnings under their codes, the most frequent code first."""
    found: dict[str, list[Problem]] = {}
    for problem in problems:
        if problem.severity is Severity.WARNING:
            found.setdefault(problem.code, []).append(problem)
    return dict(sorted(found.items(), key=lambda item: -len(item[1])))


def tally(code: str, warnings: Sequence[Problem]) -> str:
    """Return how often there is a warning, and in how many files."""
    files = len({warning.place.file for warning in warnings})
    return f"{len(warnings)} × {code}, in {counted(files, 'file')}"


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

    old, new = (
        [line.removesuffix("\r") for line in text.removesuffix("\n").split("\n")] if text else []
        for text in (before or "", after)
    )
    file = file.lstrip("/")  # of a file that is elsewhere
    name = "/dev/null" if before is None else f"a/{file}"
    styles = {"+": paint.create, "-": paint.delete, "@": paint.faint}
    lines = []
    for line in difflib.unified_diff(old, new, name, f"b/{file}", lineterm=""):
        style = paint.strong if line.startswith(("---", "+++")) else styles.get(line[:1], str)
        lines.append(style(harmless(line)))
    return "\n".join(lines)
