"""What was looked at and how it stands: the values of `doctor`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum

from msgspec import Struct

from reconciler.errors import Exit, ReconcilerError


class State(StrEnum):
    """How one thing stands."""

    OK = "ok"
    PROBLEM = "problem"
    NOT_CHECKABLE = "not checkable"
    """Nothing tells, or nothing was asked because of another problem."""


class Check(Struct, frozen=True):
    """One thing that was looked at. It holds no secret."""

    subject: str
    state: State
    message: str
    mend: str = ""
    """What to do about it, empty where nothing is to be done or the message says so."""
    exit: Exit = Exit.DONE
    """What a problem means for the whole."""


class Part(Struct, frozen=True):
    """What was looked at of one thing: of this installation, the workspace, a target."""

    title: str
    checks: Sequence[Check]


def ok(subject: str, message: str) -> Check:
    """Return that a thing is as it should be."""
    return Check(subject, State.OK, message)


def problem(subject: str, message: str, mend: str = "", exit: Exit = Exit.ERROR) -> Check:
    """Return that a thing is not as it should be."""
    return Check(subject, State.PROBLEM, message, mend, exit)


def failed(subject: str, error: ReconcilerError) -> Check:
    """Return a failure as a problem; that an API is unavailable stays told apart."""
    exit = Exit.UNAVAILABLE if error.exit is Exit.UNAVAILABLE else Exit.ERROR
    return problem(subject, str(error), exit=exit)


def not_checkable(subject: str, message: str, mend: str = "") -> Check:
    """Return that it cannot be told how a thing stands."""
    return Check(subject, State.NOT_CHECKABLE, message, mend)


def exit_of(parts: Iterable[Part]) -> Exit:
    """Return what all of it together means: 0, 1, or 7 where nothing but an API is wrong."""
    return Exit.gravest(check.exit for part in parts for check in part.checks)
