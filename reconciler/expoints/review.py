"""What of the seeds a review covers. Pure."""

from __future__ import annotations

from msgspec.structs import replace

from reconciler.engine.review import Review
from reconciler.expoints.planning import SeedsPlan
from reconciler.expoints.standing import SeedPlan


def reviewed_seeds(plan: SeedsPlan, review: Review) -> SeedsPlan:
    """Return the plan in which every seed is blocked that would be sent and was not reviewed as it is now.

    A seed of which nothing is to be sent any more is fine. Doing it twice changes nothing.
    """
    return replace(plan, seeds=tuple(_reviewed(seed, review) for seed in plan.seeds))


def _reviewed(plan: SeedPlan, review: Review) -> SeedPlan:
    if not plan.to_send or plan.digest in review.digests:
        return plan
    return replace(plan, blocks=(*plan.blocks, review.block(plan.seed.key)))
