"""What is wrong in the files and where, and values that do not show what they hold."""

from __future__ import annotations

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
    """An error stops the run before anything is asked of an API; a warning does not."""

    ERROR = "error"
    WARNING = "warning"


WARNINGS = {
    "acceptance-ended": "An accepted difference whose last day is over.",
    "clock-change": "A time that does not exist, or exists twice, on the day when the clock changes.",
    "contradiction": "Two fields of one resource of which one undoes the other.",
    "copied-twice": "The same thing of an earlier customer is copied by two entries.",
    "delimiter-in-words": "A delimiter of letters or digits, which is perhaps the name of one.",
    "file-imports-only": "A field that only uploads in the Tool use, and the API does not.",
    "incomplete-date-format": "A date format without a year, a month or a day.",
    "language-with-region": "A language with a region, where the vendor speaks of two letters.",
    "no-survey": "Settings of a survey, and no survey that they are about.",
    "nothing-to-copy": "An earlier customer is named, and nothing of it is copied.",
    "obsolete-field": "A field that the vendor no longer uses.",
    "unused-preset": "A preset that no resource names.",
}
"""Every warning about the files by its code, and what it is about: these can be switched off."""


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
