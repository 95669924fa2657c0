"""A journal around whose writes the process may have to end, for those who prove that nothing is lost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from reconciler.crash import CrashSwitch
from reconciler.journal.opening import Journal

WRITES = frozenset(
    {
        *("begin_run", "end_run", "take_over", "begin_operation", "end_operation", "learn", "prune"),
        *("intend", "conclude", "conclude_delivery", "record_found"),
    }
)
"""Every method of a journal that writes."""


def mortal(journal: Journal, crash: CrashSwitch) -> Journal:
    """Return the journal, with a point before and after each of its writes where `crash` is armed."""
    return cast(Journal, _Mortal(journal, crash)) if crash.is_armed else journal


class _Mortal:
    def __init__(self, journal: Journal, crash: CrashSwitch) -> None:
        self._journal = journal
        self._crash = crash

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._journal, name)
        return self._around(found) if name in WRITES else found

    def _around(self, write: Callable[..., Any]) -> Callable[..., Any]:
        def written(*arguments: Any, **named: Any) -> Any:
            self._crash.before("journal")
            result = write(*arguments, **named)
            self._crash.after("journal")
            return result

        return written
