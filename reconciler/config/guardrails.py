"""Which guardrails of a target allow more than they did: what a reviewer has to see first. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.config.settings import Guardrails
from reconciler.engine.limits import SHARE_COUNTS_FROM, Share


def loosened(before: Guardrails, now: Guardrails) -> Iterator[str]:
    """Yield a sentence for every limit that was raised and every pattern that was added."""
    for name in ("resets", "deletes", "updates"):
        old, new = getattr(before.limits, name), getattr(now.limits, name)
        if _allows_more(old, new):
            yield f"limits.{name} was {_limit(old)} and is {_limit(new)}"
    for pattern in now.allowed_recipients:
        if pattern not in before.allowed_recipients:
            yield f"allowed_recipients has {_masked(pattern)} in addition"
    added = set(now.allowed_phone_numbers) - set(before.allowed_phone_numbers)
    if added:
        yield f"allowed_phone_numbers has {len(added)} more"


def _allows_more(old: int | Share | None, new: int | Share | None) -> bool:
    """Tell whether a limit was raised; a number and a share, which cannot be compared, count as raised."""
    if old is None or old == new:
        return False
    if isinstance(old, Share) and isinstance(new, Share):
        return new.percent > old.percent
    if isinstance(old, int) and isinstance(new, int):
        return new > old
    return True


def _masked(pattern: str) -> str:
    """Return a pattern of many addresses as it is, and of one address no more than its domain."""
    local, _, domain = pattern.rpartition("@")
    return pattern if "*" in local else f"***@{domain}"


def _limit(limit: int | Share | None) -> str:
    if isinstance(limit, Share):
        return f"{limit} from {SHARE_COUNTS_FROM} live on"
    return "any number" if limit is None else str(limit)
