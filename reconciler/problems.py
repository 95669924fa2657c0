"""What is wrong in the files and where, values that do not show what they hold, and texts that look alike."""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import StrEnum
from typing import Any, ClassVar

from msgspec import Struct


class Redacted(Struct, frozen=True):
    """A value that shows, in a traceback or a log, only those of its fields that it names in `shown`."""

    shown: ClassVar[tuple[str, ...]] = ()

    def __repr__(self) -> str:
        fields = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.shown)
        return f"{type(self).__name__}({fields})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """Return the same fields. Tools that print tracebacks prefer it, and a `Struct` names all there."""
        return [(name, getattr(self, name)) for name in self.shown]


class Place(Struct, frozen=True, order=True, gc=False):
    """A position in a file that a person can click on. `line` and `column` count from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


class Severity(StrEnum):
    """An error stops the run before anything is asked of an API; a warning or hint does not."""

    ERROR = "error"
    WARNING = "warning"
    HINT = "hint"


WARNINGS = {
    "acceptance-ended": "An accepted difference whose last day is over.",
    "clock-change": "A time that does not exist, or exists twice, on the day when the clock changes.",
    "contradiction": "Two fields of one resource of which one undoes the other.",
    "copied-twice": "The same thing of an earlier customer is copied by two entries.",
    "csv-header-word": "A header of a table in other words than the name that it is read as.",
    "delimiter-clash": "A delimiter of columns that also separates lines, or stands in the format of dates.",
    "delimiter-in-words": "A delimiter of letters or digits, which is perhaps the name of one.",
    "email-not-mapped": "Addresses are required, and no column of a file is mapped to Email.",
    "every-target": "Resources without targets:, which live on every target: a hint of validate and adopt.",
    "file-imports-only": "A field that only uploads in the Tool use, and the API does not.",
    "first-row-too-far": "A first row beyond the last row of a sheet of Excel.",
    "incomplete-date-format": "A date format without a year, a month or a day.",
    "language-with-region": "A language with a region, where the vendor speaks of two letters.",
    "member-lookalike": "A target of a column that is not quite written as a member of a contact.",
    "member-mapped-twice": "Two columns of a file that are mapped to one member of a contact.",
    "no-language": "No default language, and no column of a file that is mapped to LangCode.",
    "no-survey": "Settings of a survey, and no survey that they are about.",
    "nothing-to-copy": "An earlier customer is named, and nothing of it is copied.",
    "obsolete-field": "A field that the vendor no longer uses.",
    "send-date-over": "A day of mail that is over, of which the vendor does not say what becomes.",
    "shortened-number": "A number of a table that a spreadsheet has shortened, like 1,23E+11.",
    "unread-file": "A file whose name ends in .yaml.txt or .yml.txt, which is not read.",
    "unused-preset": "A preset that no resource names.",
}
"""Every warning and hint about the files by its code, and what it is about: these can be switched off.

What the other codes mean stands in `guides/problem-codes.md`.
"""


class Problem(Struct, frozen=True):
    """One thing that is wrong: `code` for machines, `message` says what, `hint` what to write instead.

    `key` is the full key of the resource (`import_configs.newsletter-nl`), empty where none is meant.
    """

    code: str
    place: Place
    key: str
    message: str
    hint: str = ""
    severity: Severity = Severity.ERROR


NOTHING = (
    "\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u200b\u200e\u200f\u2060-\u2065\u206a-\u206f\u3164\ufeff\uffa0"
    "\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e001f\U000e0080-\U000e00ff"
    "\U000e01f0-\U000e0fff"
)
"""Characters that show nothing wherever they stand, for a class of a pattern: formats, fillers of scripts,
places that Unicode keeps for such. Blanks, controls, joiners, selectors and tags are not among them."""
_UNSEEN = f"[{NOTHING}\u180b-\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef]"
_EMOJI = "\u2190-\u2bff\U0001f000-\U0001faff"
# What tells emoji apart, though it is not seen itself: tags of flags like that of Wales, and joiners.
_TELLING = f"(?<=\U0001f3f4)[\U000e0020-\U000e007e]+\U000e007f|(?<=[{_EMOJI}\ufe0f])\u200d(?=[{_EMOJI}])"
_HYPHENS = {ord(hyphen): "-" for hyphen in "\u2010\u2011"}
_LONGEST_ALIKE = 60  # characters in which two texts are the same and that are shown of them in one piece
ALIKE = "they differ only in case, blanks, Unicode form or unseen characters"


def folded(text: str) -> str:
    """Return the form that a text has in common with all that look like it.

    Letter case, the kinds and number of blanks, unseen characters and the Unicode form make no difference.
    """
    if text.isascii() and text.isprintable():
        return " ".join(text.casefold().split())
    # Imported here, for most names need none of it.
    from unicodedata import category, normalize

    text = re.sub(_TELLING, lambda found: ascii(found.group()), text)
    seen = (c for c in re.sub(_UNSEEN, "", text) if c.isspace() or category(c) not in ("Cc", "Cf"))
    plain = normalize("NFKC", normalize("NFKD", "".join(seen)).casefold())
    return " ".join(plain.translate(_HYPHENS).split())


def lookalikes(name: str, known: Iterable[str]) -> list[str]:
    """Return those of the `known` names that look like `name` and are not the same."""
    form = folded(name)
    return [other for other in known if other != name and folded(other) == form]


def told_apart(one: str, other: str) -> tuple[str, str]:
    """Return two texts in quotes, with escapes for what cannot be seen where they differ."""
    # Imported here, for texts that look alike are rare.
    from difflib import SequenceMatcher
    from unicodedata import category, normalize

    def shown(c: str, what: str) -> str:
        is_seen = normalize("NFKC", c) == c and not category(c).startswith("M") and not re.match(_UNSEEN, c)
        if c == " ":  # opposite another character a blank is seen as one; one more or less is not
            return r"\x20" if what in ("insert", "delete") else c
        return c if c.isprintable() and (what == "equal" or is_seen) else c.encode("unicode_escape").decode()

    parts = ["", ""]
    for what, *bounds in SequenceMatcher(None, one, other, autojunk=False).get_opcodes():
        for number, part in enumerate((one[bounds[0] : bounds[1]], other[bounds[2] : bounds[3]])):
            text = "".join(shown(c, what) for c in part)
            if what == "equal" and len(text) > _LONGEST_ALIKE:
                text = f"{text[: _LONGEST_ALIKE // 2]}…{text[-_LONGEST_ALIKE // 2 :]}"
            parts[number] += text
    return f'"{parts[0]}"', f'"{parts[1]}"'
