"""How much one run may change, and what counts against it."""

from __future__ import annotations

from msgspec import Struct

SHARE_COUNTS_FROM = 10
"""Below so many live resources a share of them says nothing and is not applied."""


class Share(Struct, frozen=True):
    """A part of all live resources, in percent."""

    percent: int

    def of(self, live: int) -> int | None:
        """Return how many that is among `live`, rounded down; `None` where a share does not apply."""
        return live * self.percent // 100 if live >= SHARE_COUNTS_FROM else None

    def __str__(self) -> str:
        return f"{self.percent}%"


class Limits(Struct, frozen=True):
    """The guardrails of a target: fields reset by policy alone, deletions, updates. `None` is no limit."""

    resets: int | None = 0
    deletes: int | None = 0
    updates: int | Share | None = Share(30)
