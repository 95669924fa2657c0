"""What a change of the files causes, told from what was pending or had drifted before. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from reconciler.engine.plan import Blocked, Plan
from reconciler.problems import Problem


class Since(Struct, frozen=True):
    """What the files of before would have done to the same live state. An empty one knows of nothing.

    `ref` and `commit` say which files; `note` says why nothing is known of them, where that is so.
    """

    ref: str
    commit: str
    digests: frozenset[str] = frozenset()
    """Of changes, blocked ones too, and of seeds."""
    blocks: frozenset[tuple[str, str]] = frozenset()
    """Key and code of every reason why a resource was left alone."""
    note: str = ""
    loosened: tuple[Problem, ...] = ()
    """The guardrails that allow more than they did then, each on its line."""

    @classmethod
    def of(cls, ref: str, commit: str, plan: Plan, seeds: Iterable[str]) -> Since:
        """Return what a plan of the files of before, and the digests of their seeds, tell."""
        blocked = (blocked.change.digest for blocked in plan.blocked if blocked.change)
        reasons = ((blocked.key, block.code) for blocked in plan.blocked for block in blocked.blocks)
        return cls(ref, commit, frozenset([*plan.digests, *blocked, *seeds]), frozenset(reasons))

    def caused(self, digest: str) -> bool:
        """Tell whether a change or seed of today is none that was there before."""
        return digest not in self.digests

    def caused_block(self, blocked: Blocked) -> bool:
        """Tell whether what is left alone today was not left alone, or not for these reasons, before."""
        if blocked.change:
            return self.caused(blocked.change.digest)
        return any((blocked.key, block.code) not in self.blocks for block in blocked.blocks)
