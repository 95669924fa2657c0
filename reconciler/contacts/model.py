"""What a check of a contact file goes by, and what it finds: no content of a cell is in any of it.

Of cells there are the row, the column, a code and the shape alone: `"31/12/26"` is `dd/dd/dd`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from fractions import Fraction

from msgspec import Struct, field

from reconciler.engine.kind import Certainty
from reconciler.errors import Exit, ReconcilerError
from reconciler.problems import Problem, Severity

MOST_ROWS = 10  # of the numbers of rows that one result names; the rest is counted


@contextmanager
def without_words() -> Iterator[None]:
    """Let through no words of an error of a library, which may hold the cell that it is about.

    Errors: `RuntimeError` in its place.
    """
    try:
        yield
    except (ReconcilerError, OSError, KeyboardInterrupt):
        raise
    except BaseException as error:  # noqa: BLE001  # a panic of a library is no Exception
        bug = RuntimeError(f"{type(error).__name__} while a contact file was read")
        raise bug.with_traceback(error.__traceback__) from None


class ImportRules(Struct, frozen=True):
    """What a declared configuration says on a file, on one target; `None` is what it does not declare."""

    key: str  # import_configs.newsletter-nl
    target: str
    columns: Mapping[int, str] | None = None  # number of a column → the contact member that it fills
    first_row: int | None = None
    field_delimiter: str | None = None  # as written: `;`, or `\t` for a tab
    row_delimiter: str | None = None
    date_format: str | None = None
    default_language: str | None = None
    email_is_required: bool | None = None
    unique_within_file: bool | None = None


FIELDS: Mapping[str, str] = {
    "columns": "column_mappings",
    "first_row": "first_row",
    "field_delimiter": "field_delimiter",
    "row_delimiter": "row_delimiter",
    "date_format": "date_format",
    "default_language": "default_language_code",
    "email_is_required": "email_is_required",
    "unique_within_file": "email_must_be_unique_within_file",
}
"""Each rule → the field of an import configuration that says it."""


class Member(Struct, frozen=True):
    """A member of a contact that a column can fill.

    DOC for the contact (vendor's model page newcontact), INF as the name of a column's target.
    """

    name: str
    longest: int | None = None  # characters
    what: str = "text"  # text, email, phone, date, language, country, state or gender


class ResultCode(Struct, frozen=True):
    """A result code of an import: DOC by its meaning; when it comes is as `certainty` says."""

    code: str
    meaning: str
    refuses: bool  # whether the contact is left out, or may be: it counts for what may be refused
    certainty: Certainty
    why: str = ""  # a check cannot tell without the account, where it cannot


class RowResult(Struct, frozen=True):
    """What an import is predicted to answer to rows of the file, by code and by column."""

    code: str  # of `ResultCode`, or `too-long`: no code of the vendor is known for it
    column: int  # counts from 1; 0 where it is about the whole row
    member: str  # the member that the column fills
    count: int
    rows: Sequence[int]  # the first of them, as a spreadsheet counts: from 1, with the header
    shapes: Sequence[str]  # the most common shapes of the cells


class Checked(Struct, frozen=True):
    """Everything that a check says of one file."""

    file: str  # as it was named
    rules: ImportRules
    dialect: str  # how the file is written, in words: `CSV, UTF-8, delimiter ";", header in row 1`
    rows: int  # rows of data
    refused: int  # rows with at least one result that refuses
    problems: Sequence[Problem] = ()  # of the file against the configuration; an error: it does not fit
    results: Sequence[RowResult] = ()
    unknown: Sequence[str] = field(default_factory=tuple)  # what cannot be known without the account
    allowed: str = "0"  # how many refused rows pass: a number, or a share like 0.5%

    @property
    def why(self) -> str:
        """Why it is refused: the file does not fit, or too many rows would be refused; empty if neither."""
        share = Fraction(self.rows, 100) if self.allowed.endswith("%") else 1
        is_beyond = self.refused > Fraction(self.allowed.rstrip("%")) * share
        is_unfit = any(problem.severity is Severity.ERROR for problem in self.problems)
        few = f"rows that would be refused: {self.refused:,}, and {self.allowed} of {self.rows:,} are allowed"
        unfit = "the file does not fit the configuration"
        return "; ".join([unfit] * is_unfit + [few] * is_beyond)

    @property
    def exit(self) -> Exit:
        """Return what that means for the process."""
        return Exit.REFUSED if self.why else Exit.DONE
