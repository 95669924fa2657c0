"""All that is wrong in the files of a workspace, gathered while they are read."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NoReturn

from reconciler.problems import Place, Problem, Severity

MOST_PROBLEMS = 2_000
"""Of a whole workspace; nobody reads more at once."""


class Full(Exception):
    """Nothing more of the files is looked at; the last problem of the report says why."""


class Report:
    """Takes every problem once, and drops what only follows from the YAML problem at the same place.

    Raises `Full` where there are too many of them.
    """

    def __init__(self) -> None:
        self._problems: dict[Problem, None] = {}
        self._unread: set[Place] = set()
        self._doubtful: set[str] = set()

    @property
    def total(self) -> int:
        """How many problems there are by now."""
        return len(self._problems)

    def take(self, problems: Iterable[Problem]) -> None:
        """Take problems of the reading itself: whatever is wrong at the same place follows from them."""
        for problem in problems:
            self._unread.add(problem.place)
            self._take(problem)

    def error(self, code: str, place: Place, key: str, message: str, hint: str = "") -> None:
        """Add an error; `key` as in `Problem`."""
        self.add(Problem(code, place, key, message, hint))

    def warning(self, code: str, place: Place, key: str, message: str, hint: str = "") -> None:
        """Add a warning; `key` as in `Problem`."""
        self.add(Problem(code, place, key, message, hint, Severity.WARNING))

    def add(self, problem: Problem) -> None:
        """Add a problem, unless its place could not be read anyway."""
        if problem.severity is Severity.ERROR:
            self._doubtful.add(problem.key)
        if problem.place not in self._unread:
            self._take(problem)

    def stop(self, code: str, place: Place, key: str, message: str, hint: str) -> NoReturn:
        """Add the last error and raise `Full`."""
        self._problems[Problem(code, place, key, message, hint)] = None
        raise Full(code)

    def _take(self, problem: Problem) -> None:
        self._problems[problem] = None
        if len(self._problems) >= MOST_PROBLEMS:
            message = "the rest of the workspace is not looked at"
            self.stop("too-many-problems", problem.place, "", message, "solve the others first")

    @property
    def misses_something(self) -> bool:
        """Whether there is any place that could not be read."""
        return bool(self._unread)

    def unread(self, place: Place) -> bool:
        """Return whether what stands at `place` could not be read."""
        return place in self._unread

    def doubt(self, key: str) -> None:
        """Note that what is known of `key` is not all that the files say."""
        self._doubtful.add(key)

    def doubts(self, key: str) -> bool:
        """Return whether what is known of `key` is not all that the files say, for one error or another."""
        return key in self._doubtful

    def errors(self) -> tuple[Problem, ...]:
        """Return the errors, by place."""
        return _sorted(p for p in self._problems if p.severity is Severity.ERROR)

    def warnings(self) -> tuple[Problem, ...]:
        """Return the warnings, by place."""
        return _sorted(p for p in self._problems if p.severity is Severity.WARNING)

    def all(self) -> tuple[Problem, ...]:
        """Return errors and warnings together, by place."""
        return _sorted(self._problems)


def _sorted(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    return tuple(sorted(problems, key=lambda p: (p.place, p.code, p.key, p.message)))
