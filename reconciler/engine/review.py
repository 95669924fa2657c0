"""What a person has reviewed, and what of a plan that covers. Pure, and the order of things means nothing."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from msgspec import Struct, field
from msgspec.structs import replace

from reconciler.engine.change import UNREVIEWED, Block, Blocked, Change, Plan, fingerprint_of
from reconciler.problems import Problem

PastPlans = Callable[[str], Collection[str]]
"""From the fingerprint of a plan of before to the digests in it; none where it is not known."""


class Review(Struct, frozen=True):
    """The digests of all changes and seeds that were reviewed.

    `names` are the keys behind them, as far as known: they choose words, and allow nothing. `lenient` are
    those that were made when false and 0 were nothing: a run may end half-way with an answer that shows
    one, and what is left of its plan is still what was reviewed.
    """

    digests: frozenset[str]
    names: Mapping[str, str] = field(default_factory=dict)
    lenient: frozenset[str] = frozenset()

    def covers(self, change: Change) -> bool:
        """Tell whether exactly this change was reviewed."""
        return change.digest in self.digests or change.lenient_digest in self.lenient

    def gone(self, plan: Plan, seeds: Collection[str]) -> tuple[str, ...]:
        """Return what was reviewed and is neither in the plan, blocked or not, nor among the seeds' digests.

        Each under its key, or under the beginning of its digest where that is not known.
        """
        found = [*plan.changes, *(blocked.change for blocked in plan.blocked if blocked.change)]
        left = self.digests - {c.digest for c in found} - {c.lenient_digest for c in found} - {*seeds}
        return tuple(sorted(self.names.get(digest, f"{digest[:12]}…") for digest in left))

    def block(self, key: str) -> Block:
        """Return why what is called `key` is not carried out: as it is now, it was not reviewed."""
        known = key in self.names.values()
        what = "is no longer what was reviewed" if known else "is not part of what was reviewed"
        return Block(UNREVIEWED, f"it {what}; plan again, and review that")

    def judged(self, change: Change) -> Change | Blocked:
        """Return the change if exactly it was reviewed, else why it is left alone."""
        if self.covers(change):
            return change
        return Blocked(change.key, (self.block(change.key),), change)


def joined(reviews: Sequence[Review]) -> Review:
    """Return a review that covers what any of these covers, and nothing else."""
    return Review(
        frozenset().union(*(review.digests for review in reviews)),
        {digest: name for review in reviews for digest, name in review.names.items()},
        frozenset().union(*(review.lenient for review in reviews)),
    )


def reviewed(plan: Plan, review: Review) -> Plan:
    """Return the plan with every change marked as unreviewed that was not reviewed as it is now.

    What was reviewed and is not in the plan is done already, or no longer wanted: either is fine. Doing it
    twice changes nothing, and nothing that the plan blocks is let through.
    """
    judged = [review.judged(change) for change in plan.changes]
    return replace(
        plan,
        changes=tuple(one for one in judged if isinstance(one, Change)),
        blocked=(*plan.blocked, *(one for one in judged if isinstance(one, Blocked))),
    )


def digests_meant(named: Iterable[str], now: Collection[str], past: PastPlans) -> frozenset[str]:
    """Return the digests that `named` stands for: digests, and fingerprints of whole plans.

    `now` holds the digests of the plan that is made now: its fingerprint stands for all of them.
    """
    of_now = fingerprint_of(now)
    return frozenset(
        digest for name in named for digest in (now if name == of_now else past(name) or (name,))
    )


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
