"""A review lets through exactly what was reviewed, and names the rest."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import permutations

import pytest
from msgspec.structs import replace

from reconciler.engine.apply import Run, apply
from reconciler.engine.change import Limits, Plan, Scope, fingerprint_of
from reconciler.engine.classify import Defaults
from reconciler.engine.declared import Declared
from reconciler.engine.identity import Inventory
from reconciler.engine.kind import Live
from reconciler.engine.outcome import Result
from reconciler.engine.plan import Consent, make_plan
from reconciler.engine.review import Review, digests_meant, joined, reviewed
from reconciler.errors import Exit
from tests.clock import FakeClock
from tests.engine.toys import ToyShop, account, claimed, declared, live, proved

ANYTHING = Limits(None, None, None)


def robots(*numbers: int, size: int = 7) -> list[Declared]:
    return [declared(f"toys.robot-{n}", {"name": f"Robot {n}", "size": size}, id=n) for n in numbers]


def lives(*numbers: int, size: int = 5) -> list[Live]:
    return [live({"Name": f"Robot {n}", "Size": size}, id=n) for n in numbers]


def planned(
    wanted: Sequence[Declared],
    found: Sequence[Live],
    review: Review | None = None,
    limits: Limits = ANYTHING,
    *,
    strict: bool = False,
    defaults: Defaults | None = None,
) -> Plan:
    inventory = Inventory({item.id: item for item in found})
    scope = Scope("shop", "shop.example", limits)
    of = account(explicit_empties=strict, defaults=defaults)
    return make_plan(scope, of, wanted, inventory, Consent(), review)


def review_of(plan: Plan, *keys: str) -> Review:
    chosen = [c for c in plan.changes if c.key in keys] if keys else plan.changes
    return Review(frozenset(c.digest for c in chosen), {c.digest: c.key for c in chosen})


def keys(plan: Plan) -> list[str]:
    return [change.key for change in plan.changes]


def codes(plan: Plan) -> dict[str, list[str]]:
    return {blocked.key: [block.code for block in blocked.blocks] for blocked in plan.blocked}


@pytest.mark.parametrize("chosen", [(), ("toys.robot-1",), ("toys.robot-2", "toys.robot-3")])
def test_exactly_what_was_reviewed_is_left_to_do(chosen: tuple[str, ...]) -> None:
    plan = planned(robots(1, 2, 3), lives(1, 2, 3))
    review = review_of(plan, *chosen) if chosen else Review(frozenset())
    made = reviewed(plan, review)
    assert keys(made) == list(chosen)
    assert codes(made) == {key: ["unreviewed"] for key in keys(plan) if key not in chosen}


def test_what_was_reviewed_and_is_done_is_fine() -> None:
    review = review_of(planned(robots(1, 2), lives(1, 2)))
    made = planned(robots(1, 2), [*lives(1, size=7), *lives(2)], review)
    assert keys(made) == ["toys.robot-2"]
    assert made.blocked == ()


@pytest.mark.parametrize(
    ("wanted", "found", "words"),
    [
        (robots(1, size=8), lives(1), "no longer what was reviewed"),
        (robots(1), lives(1, size=6), "no longer what was reviewed"),
        ([*robots(2, size=7)], [*lives(1, size=7), *lives(2)], "not part of what was reviewed"),
    ],
)
def test_what_is_new_or_different_is_named(wanted: list[Declared], found: list[Live], words: str) -> None:
    made = planned(wanted, found, review_of(planned(robots(1), lives(1))))
    assert made.changes == ()
    (blocked,) = made.blocked
    assert words in blocked.blocks[0].message
    assert blocked.why == "unreviewed"


def test_what_is_blocked_stays_blocked_whatever_was_reviewed() -> None:
    plan = planned(robots(1), lives(1))
    made = planned(robots(1), lives(1), review_of(plan), Limits(updates=0))
    assert codes(made) == {"toys.robot-1": ["too-many-updates"]}


def test_what_was_shown_as_blocked_is_blocked_and_not_unreviewed() -> None:
    tight = Limits(updates=0)
    review = review_of(planned(robots(1), lives(1), limits=tight))
    assert codes(planned(robots(1), lives(1), review, tight)) == {"toys.robot-1": ["too-many-updates"]}


def test_what_was_shown_as_blocked_is_not_reviewed_once_the_limit_is_lifted() -> None:
    review = review_of(planned(robots(1), lives(1), limits=Limits(updates=0)))
    assert codes(planned(robots(1), lives(1), review)) == {"toys.robot-1": ["unreviewed"]}


def test_what_was_not_reviewed_does_not_keep_back_what_was() -> None:
    review = review_of(planned(robots(1), lives(1)))
    made = planned(robots(1, 2, 3), lives(1, 2, 3), review, Limits(updates=1))
    assert keys(made) == ["toys.robot-1"]
    assert codes(made) == {"toys.robot-2": ["unreviewed"], "toys.robot-3": ["unreviewed"]}


def test_a_review_twice_is_a_review_once() -> None:
    plan = planned(robots(1, 2), lives(1, 2))
    review = review_of(plan, "toys.robot-1")
    assert reviewed(reviewed(plan, review), review) == reviewed(plan, review)


def test_an_apply_says_what_was_not_reviewed_and_is_stale() -> None:
    plan = planned(robots(1, 2), lives(1, 2))
    shop = ToyShop({one.id: dict(one.body) for one in lives(1, 2)})
    made = reviewed(plan, review_of(plan, "toys.robot-1"))
    report = apply(made, Run(plan.account, shop, FakeClock(), 1.0))
    ends = {outcome.key: outcome for outcome in report.outcomes}
    assert ends["toys.robot-1"].result is Result.APPLIED
    assert ends["toys.robot-2"].result is Result.SKIPPED
    assert ends["toys.robot-2"].reason.startswith("unreviewed: ")
    assert report.exit is Exit.STALE
    assert shop.writes == [("replace", 1)]


NOW = ("a" * 64, "b" * 64)
WHOLE = fingerprint_of(NOW)
OLD = "f" * 64


@pytest.mark.parametrize(
    ("named", "meant"),
    [
        ((), ()),
        ((NOW[0],), (NOW[0],)),
        ((WHOLE,), NOW),
        ((OLD,), ("c" * 64,)),
        (("0" * 64,), ("0" * 64,)),
        ((NOW[0], OLD), (NOW[0], "c" * 64)),
    ],
)
def test_a_fingerprint_stands_for_a_plan_of_now_or_of_before(
    named: Collection[str], meant: Collection[str]
) -> None:
    past = {OLD: ("c" * 64,)}
    assert digests_meant(named, NOW, lambda one: past.get(one, ())) == frozenset(meant)


def test_the_order_of_digests_makes_no_fingerprint() -> None:
    assert {fingerprint_of(one) for one in permutations(["a" * 64, "b" * 64, "c" * 64])} == {
        fingerprint_of(["c" * 64, "a" * 64, "b" * 64])
    }


def test_a_review_of_one_account_is_none_of_another() -> None:
    plan = planned(robots(1), lives(1))
    elsewhere = tuple(replace(c, scope=replace(c.scope, account="other.example")) for c in plan.changes)
    assert reviewed(replace(plan, changes=elsewhere), review_of(plan)).changes == ()


QUIET = [declared("toys.robot-1", {"name": "Robot 1", "size": 7, "is_loud": False}, id=1)]
LOUD = [live({"Name": "Robot 1", "Size": 5, "IsLoud": True}, id=1)]


@pytest.mark.parametrize("found", [lives(1), LOUD])
@pytest.mark.parametrize("wanted", [QUIET, [declared("toys.robot-1", {}, id=1, absent=True)]])
def test_what_was_reviewed_stays_so_when_the_account_shows_its_first_false(
    wanted: list[Declared], found: list[Live]
) -> None:
    before = planned(wanted, found)
    now = planned(wanted, found, strict=True)
    review = review_of(before)
    assert keys(reviewed(now, replace(review, lenient=review.digests))) == ["toys.robot-1"]


def test_where_false_is_not_nothing_a_review_without_it_is_none_with_it() -> None:
    before = planned(robots(1), lives(1), strict=True)
    assert planned(QUIET, lives(1), review_of(before), strict=True).changes == ()


def test_a_change_of_nothing_but_a_false_is_not_covered_by_a_review_of_nothing() -> None:
    quiet = [declared("toys.robot-1", {"name": "Robot 1", "is_loud": False}, id=1)]
    review = Review(frozenset(), lenient=frozenset())
    assert planned(quiet, [live({"Name": "Robot 1"}, id=1)], review, strict=True).changes == ()


@pytest.mark.parametrize(
    ("defaults", "covered"),
    [
        (claimed({"is_loud": True}), True),
        # Another run's read-back has proved it meanwhile: the same is sent, and less is reset.
        (proved({"is_loud": True}), True),
        # It has disproved it: something else becomes of the field than was reviewed.
        (proved({"is_loud": None}), False),
        ({}, False),
    ],
)
def test_a_proof_leaves_a_change_as_it_was_reviewed_and_a_disproof_does_not(
    defaults: Defaults, covered: bool
) -> None:
    found = [live({"Name": "Robot 1", "Size": 5, "IsLoud": True})]
    before = planned(robots(1), found, defaults=claimed({"is_loud": True}))
    now = planned(robots(1), found, defaults=defaults)
    assert before.changes[0].resets
    assert before.changes[0].digest != planned(robots(1), lives(1)).changes[0].digest
    assert review_of(before).covers(now.changes[0]) is covered
    lenient = Review(frozenset(), lenient=review_of(before).digests)
    assert lenient.covers(planned(robots(1), found, strict=True, defaults=defaults).changes[0]) is covered


def test_several_reviews_cover_what_any_of_them_covers_and_each_is_as_lenient_as_it_was() -> None:
    loud, quiet = planned(robots(1), lives(1), strict=True), planned(QUIET, LOUD)
    lenient = replace(review_of(quiet), lenient=review_of(quiet).digests)
    both = joined([review_of(loud), lenient])
    assert both.digests == {*loud.digests, *quiet.digests}
    assert both.lenient == {*quiet.digests}
    assert both.names == {**review_of(loud).names, **lenient.names}
    assert keys(planned(QUIET, LOUD, both, strict=True)) == ["toys.robot-1"]
    assert joined([]).digests == frozenset()


def test_what_is_gone_from_the_plan_is_named_by_its_key_or_its_digest() -> None:
    review = review_of(planned(robots(1, 2, 3), lives(1, 2, 3)))
    seed, other = "5" * 64, "6" * 64
    with_seeds = replace(review, digests=review.digests | {seed, other})
    now = planned(robots(1, 2, 3), [*lives(1, size=7), *lives(2, 3)], limits=Limits(updates=1))
    assert with_seeds.gone(now, [seed]) == ("666666666666…", "toys.robot-1")
