"""A log in memory, for what the door does with any log."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence

from reconciler.errors import Refused
from reconciler.journal.entries import Line


class MemoryLog:
    """Keeps lines. `before` is called before each addition, with its lines, and may refuse it."""

    def __init__(self, lines: Sequence[Line] = (), freshness: float = 0.0) -> None:
        self.name = "in memory"
        self.freshness = freshness
        self.lines = list(lines)
        self.additions: list[int] = []
        """How many lines were added together, each time."""
        self.before: Callable[[Sequence[Line]], None] = lambda _: None
        self._lock = threading.Lock()

    def read(self, after: int) -> Sequence[Line]:
        return [line for line in self.lines if line.n > after]

    def append(self, last: Line | None, lines: Sequence[Line]) -> bool:
        self.before(lines)
        with self._lock:
            if (self.lines[-1].n if self.lines else 0) != (last.n if last else 0):
                return False
            pruned = {run for line in lines for run in line.pruned}
            self.lines = [
                line for line in [*self.lines, *lines] if line.run not in pruned or line.run is None
            ]
            self.additions.append(len(lines))
        return True

    def bodies(self, lines: Sequence[tuple[int, int]]) -> Mapping[int, str]:
        wanted = {n for _, n in lines}
        return {line.n: line.bodies for line in self.lines if line.n in wanted and line.bodies is not None}

    def damaged(self, what: str) -> Refused:
        return Refused(f"journal {self.name}: {what}")

    def close(self) -> None:
        """Nothing is held."""
