"""What is wrong in the files, and where: the two values that every stage may speak of."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct


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
