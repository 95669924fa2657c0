"""Expected failures, one tree, and the exit code each of them means.

ReconcilerError                    1  anything that is expected to go wrong
├── UsageError                     1  the command line asks for something that cannot be
├── FilesInvalid                   1  the files hold problems; carries all of them
│   └── NotEdited                  1  an edit of the files is not safe, or would make them invalid
├── Refused                        3  a safety rule says no
│   └── Held                       3  another run is at work on the account
└── ApiError                       1  the API, or the way to it
    ├── Unauthorised               1  401: the credentials are wrong or missing
    ├── Forbidden                  1  403: the credentials are known, their role is not enough
    ├── NotFound                   1  404: no such thing there
    ├── Declined                   1  the API understood and said no (`Succeeded: false`, other 4xx)
    ├── Unreachable                7  it could not be asked: no connection, or 5xx on a read to the end
    │   ├── Misconfigured          1  no connection until a certificate or proxy on the way is put right
    │   └── AllowanceUsedUp        7  429, and waiting for the allowance would take too long
    ├── Abandoned                  1  an interrupt ended a wait before the request left, or left again
    ├── BadAnswer                  1  it answered a read with something that is not the API's form
    └── NoAnswer                   6  a write left, and nothing says whether it was carried out
"""

from __future__ import annotations

import os
import sys
from enum import IntEnum
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from reconciler.problems import Problem


class Exit(IntEnum):
    """What the process tells its caller. The numbers are a promise to scripts."""

    DONE = 0
    ERROR = 1
    PENDING = 2
    REFUSED = 3
    PARTLY = 4
    STALE = 5
    IN_DOUBT = 6
    UNAVAILABLE = 7

    @classmethod
    def gravest(cls, exits: Iterable[Exit]) -> Exit:
        """Return the one that matters most to a person; `DONE` for none at all."""
        return min(exits, key=GRAVITY.index, default=cls.DONE)


GRAVITY = (
    Exit.IN_DOUBT,
    Exit.PARTLY,
    Exit.STALE,
    Exit.REFUSED,
    Exit.ERROR,
    Exit.UNAVAILABLE,
    Exit.PENDING,
    Exit.DONE,
)

MEANINGS = {
    Exit.DONE: "done, or nothing to do",
    Exit.ERROR: "something went wrong",
    Exit.PENDING: "changes are pending (only with --detailed-exitcode)",
    Exit.REFUSED: "a safety rule refuses a part of it",
    Exit.PARTLY: "only a part of it was carried out, or a declared value is stored otherwise",
    Exit.STALE: "not everything is what was reviewed",
    Exit.IN_DOUBT: "an outcome is in doubt, and a person is needed",
    Exit.UNAVAILABLE: "the API is unavailable, or its allowance is used up",
}
"""What each exit code means, as the rest of a sentence."""

WHAT_TO_DO = {
    Exit.DONE: "Nothing.",
    Exit.ERROR: "Read the message: it names the place, the cause and what to write instead.",
    Exit.PENDING: "Review the plan, then apply it.",
    Exit.REFUSED: "Read the lines with !: each names what to declare, or the limit or flag that allows it. "
    "What is refused was not sent, the rest goes on; `reconciler explain refusals` lists the reasons.",
    Exit.PARTLY: "Plan again: the plan holds what is left. Where a value is stored as another one, write the "
    "line that the run printed.",
    Exit.STALE: "What is not as it was reviewed was left alone: plan again, and review that.",
    Exit.IN_DOUBT: "Look at the account. Nothing in doubt is sent again by itself: the report names the id "
    "to declare or the flag, and for a seed `reconciler seeds resolve`.",
    Exit.UNAVAILABLE: "Nothing is wrong with the files: run it again later.",
}
"""What each exit code asks of a person."""


class ReconcilerError(Exception):
    """Something that is expected to go wrong; its text says what, where and what to do next."""

    exit: ClassVar[Exit] = Exit.ERROR


class UsageError(ReconcilerError):
    """The command line asks for something that cannot be."""


class FilesInvalid(ReconcilerError):
    """The files hold problems; nothing was asked of any API."""

    lists_warnings = False  # whether each warning is to be printed, and not one line for each code

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        warnings = sum(problem.severity == "warning" for problem in problems)
        self.errors = len(problems) - warnings
        too = f" and {warnings} warning{'' if warnings == 1 else 's'}" if warnings else ""
        noun = "problem" if self.errors == 1 else "problems"
        super().__init__(f"{self.errors} {noun}{too} in the files; nothing was sent")


class NotEdited(FilesInvalid):
    """Files cannot be edited as asked without guessing, or would be invalid then. None was written."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__(problems)
        noun = "problem stands" if self.errors == 1 else "problems stand"
        self.args = (f"{self.errors} {noun} in the way of this edit; nothing was written",)


class Refused(ReconcilerError):
    """A safety rule says no. Doing it anyway needs a change of the files or a flag that the text names."""

    exit = Exit.REFUSED


class Held(Refused):
    """Another run is at work on the account, and nothing proves that it is dead."""


class ApiError(ReconcilerError):
    """The API, or the way to it: what became of one request, and what to do about it.

    The error says nothing of what is live: whether anything was changed, how a change ended says.
    """

    brief: ClassVar[str] = "the API gave an error"  # why nothing else is begun, in a few words

    def __init__(self, fact: str, advice: str = "") -> None:
        self.fact, self.advice = fact.rstrip(" ."), advice
        stop = "" if self.fact.endswith(("!", "?", "…")) else "."
        super().__init__(f"{self.fact}{stop} {advice}" if advice else self.fact)


class Unauthorised(ApiError):
    """401: the credentials are wrong or missing. Every further call would fail alike."""

    brief = "the credentials were refused"


class Forbidden(ApiError):
    """403: the credentials are known, but their role is not enough. Further calls would fail alike."""

    brief = "the role of the credentials is not enough"


class NotFound(ApiError):
    """404: no such thing there."""


class Declined(ApiError):
    """The API understood the request and said no. Nothing was changed."""


class Unreachable(ApiError):
    """The API could not be asked: no connection, or a read that failed to the end. Nothing was changed."""

    exit = Exit.UNAVAILABLE
    brief = "the API is unavailable"


class Misconfigured(Unreachable):
    """No connection can be made until a certificate or a proxy on the way is put right."""

    exit = Exit.ERROR
    brief = "a certificate or a proxy is to be put right"


class AllowanceUsedUp(Unreachable):
    """429, and waiting for the account's allowance would take longer than a run may wait."""

    brief = "the allowance is used up"


class Abandoned(ApiError):
    """An interrupt ended the wait before a request left, or left again. Nothing of it was carried out."""


class BadAnswer(ApiError):
    """The API answered a read with something that is not its form: HTML, half a document, another shape."""


class NoAnswer(ApiError):
    """A write left this machine, and nothing says whether it was carried out."""

    exit = Exit.IN_DOUBT


def exit_of(error: Exception) -> Exit:
    """Return what an error means for the process: an unexpected one is an error like any other."""
    return error.exit if isinstance(error, ReconcilerError) else Exit.ERROR


def fact_of(error: Exception) -> str:
    """Return what to say of an error within a sentence that goes on: without advice, and without a stop."""
    return error.fact if isinstance(error, ApiError) else describe(error).rstrip(".")


def describe(error: Exception) -> str:
    """Return what to say of an error: the text of an expected one; of any other, its type and its place.

    The text of an unexpected error may hold values, so it is left out.
    """
    if isinstance(error, ReconcilerError):
        return str(error)
    place, step = "", error.__traceback__
    while step is not None:
        place = f"{step.tb_frame.f_code.co_filename.rpartition(os.sep)[2]}:{step.tb_lineno}, "
        step = step.tb_next
    return f"unexpected {type(error).__name__} ({place}please report it)"


def missing_extra(extra: str, what: str) -> UsageError:
    """Return the error of a use that needs a library of an extra of ours which is not installed."""
    # Imported here: an installation that lacks nothing never gets here.
    from importlib.metadata import requires

    needs = [one for one in requires("survey-reconciler") or () if one.endswith(f"extra == '{extra}'")]
    command = install_command(*(one.partition(";")[0].strip() for one in needs))
    return UsageError(f"{what} needs a library that is not there; install it: {command}")


def install_command(*requirements: str) -> str:
    """Return the command that installs these into the environment of this process, whatever made that."""
    # Imported here: an installation that lacks nothing never gets here.
    import shlex
    from importlib.util import find_spec
    from pathlib import Path

    home, named = Path(sys.prefix), shlex.join(requirements)
    if (home / "pipx_metadata.json").exists():
        return f"pipx inject {home.name} {named}"
    if (home / "uv-receipt.toml").exists():
        return f"uv pip install --python {shlex.quote(sys.executable)} {named}"
    if find_spec("pip") is None:  # another Python fills it: that below it, as python3 may be its own by PATH
        base = shlex.quote(getattr(sys, "_base_executable", "python3"))
        return f"{base} -m pip --python {shlex.quote(sys.executable)} install {named}"
    return f"{shlex.quote(sys.executable)} -m pip install {named}"
