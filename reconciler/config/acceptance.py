"""Which accepted drift still is accepted: what files say of days becomes what holds today."""

from __future__ import annotations

from datetime import UTC, date, datetime

from msgspec.structs import replace

from reconciler.config.load import S, Workspace
from reconciler.engine.declared import Accepted, Declared
from reconciler.problems import Problem, Severity


def as_of(workspace: Workspace[S], now: float) -> Workspace[S]:
    """Return the workspace with the acceptances alone that hold at `now`, in seconds since 1970 UTC.

    Each that has ended becomes a warning. Its last day is a day in the workspace's time zone.
    """
    today = datetime.fromtimestamp(now, UTC).astimezone(workspace.settings.time_zone).date()
    declared = {
        target: tuple(_holding(one, today) for one in some) for target, some in workspace.declared.items()
    }
    ended = {
        _ended(one, over): None
        for some in workspace.declared.values()
        for one in some
        for over in one.accepted.values()
        if over.until < today
    }
    warnings = sorted([*workspace.warnings, *ended], key=lambda problem: problem.place)
    return replace(workspace, declared=declared, warnings=tuple(warnings))


def _holding(declared: Declared, today: date) -> Declared:
    accepted = {path: one for path, one in declared.accepted.items() if one.until >= today}
    return declared if accepted == declared.accepted else replace(declared, accepted=accepted)


def _ended(declared: Declared, accepted: Accepted) -> Problem:
    return Problem(
        "acceptance-ended",
        accepted.origin.place,
        declared.key,
        f"{accepted.field} was accepted until {accepted.until} ({accepted.reason}); it no longer is",
        "remove the entry, or write a later day if the difference is still meant",
        Severity.WARNING,
    )
