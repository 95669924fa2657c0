"""A review lets through exactly what was reviewed, and names the rest; and what a change of files causes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from msgspec.structs import replace

from reconciler.engine.change import Limits, Plan
from reconciler.engine.classify import Defaults
from reconciler.engine.kind import Declared, Live
from reconciler.engine.plan import Review, reviewed
from tests.engine.toys import account, claimed, declared, live, lives, planned, proved, robots

NO_LIMITS = Limits(None, None, None)


def plan(
    wanted: Sequence[Declared],
    found: Sequence[Live],
    review: Review | None = None,
    updates: int | None = None,
    *,
    strict: bool = False,
    defaults: Defaults | None = None,
) -> Plan:
    of = account(explicit_empties=strict, defaults=defaults)
    return planned(wanted, found, limits=replace(NO_LIMITS, updates=updates), of=of, review=review)


def review_of(plan: Plan, *keys: str) -> Review:
    chosen = [c for c in plan.changes if c.key in keys] if keys else plan.changes
    return Review(frozenset(c.digest for c in chosen), {c.digest: c.key for c in chosen})


def keys(plan: Plan) -> list[str]:
    return [change.key for change in plan.changes]


def codes(plan: Plan) -> dict[str, str]:
    return {blocked.key: block.code for blocked in plan.blocked for block in blocked.blocks}


@pytest.mark.parametrize("chosen", [(), ("toys.robot-1",), ("toys.robot-2", "toys.robot-3")])
def test_exactly_what_was_reviewed_is_left_to_do(chosen: tuple[str, ...]) -> None:
    whole = plan(robots(1, 2, 3, size=7), lives(1, 2, 3, Size=5))
    review = review_of(whole, *chosen) if chosen else Review(frozenset())
    made = reviewed(whole, review)
    assert keys(made) == list(chosen)
    assert codes(made) == {key: "unreviewed" for key in keys(whole) if key not in chosen}
    assert reviewed(made, review) == made


def test_what_was_not_reviewed_does_not_keep_back_what_was() -> None:
    review = review_of(plan(robots(1, size=7), lives(1, Size=5)))
    made = plan(robots(1, 2, 3, size=7), lives(1, 2, 3, Size=5), review, updates=1)
    assert keys(made) == ["toys.robot-1"]
    assert codes(made) == {"toys.robot-2": "unreviewed", "toys.robot-3": "unreviewed"}


QUIET = [declared("toys.robot-1", {"name": "Robot 1", "size": 7, "is_loud": False}, id=1)]
LOUD = [live({"Name": "Robot 1", "Size": 5, "IsLoud": True}, id=1)]


@pytest.mark.parametrize("found", [lives(1, Size=5), LOUD])
@pytest.mark.parametrize("wanted", [QUIET, [declared("toys.robot-1", {}, id=1, absent=True)]])
def test_what_was_reviewed_stays_so_when_the_account_shows_its_first_false(wanted: Any, found: Any) -> None:
    review = review_of(plan(wanted, found))
    now = plan(wanted, found, strict=True)
    assert keys(reviewed(now, replace(review, lenient=review.digests))) == ["toys.robot-1"]


@pytest.mark.parametrize(
    ("defaults", "covered"),
    [
        (claimed({"is_loud": True}), True),
        # A read-back has proved it meanwhile: the same is sent, and less is reset.
        (proved({"is_loud": True}), True),
        # It has disproved it: something else becomes of the field than was reviewed.
        (proved({"is_loud": None}), False),
        ({}, False),
    ],
)
def test_a_proof_leaves_a_change_as_it_was_reviewed_and_a_disproof_does_not(
    defaults: Defaults, covered: bool
) -> None:
    before = plan(robots(1, size=7), LOUD, defaults=claimed({"is_loud": True}))
    assert before.changes[0].digest != plan(robots(1, size=7), lives(1, Size=5)).changes[0].digest
    review = review_of(before)
    assert review.covers(plan(robots(1, size=7), LOUD, defaults=defaults).changes[0]) is covered


def test_what_is_gone_from_the_plan_is_named_by_its_key_or_its_digest() -> None:
    review = review_of(plan(robots(1, 2, 3, size=7), lives(1, 2, 3, Size=5)))
    with_seeds = replace(review, digests=review.digests | {"5" * 64, "6" * 64})
    now = plan(robots(1, 2, 3, size=7), [*lives(1, Size=7), *lives(2, 3, Size=5)], updates=1)
    assert with_seeds.gone(now, ["5" * 64]) == ("666666666666…", "toys.robot-1")
