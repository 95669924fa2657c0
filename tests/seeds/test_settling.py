"""What counting says of a doubt, and all the ways in which a count could mislead."""

from __future__ import annotations

import pytest

from reconciler.errors import Exit
from reconciler.expoints.settling import LONGEST_POST
from reconciler.sandbox import Variants
from tests.clock import FakeClock
from tests.seeds.world import (
    ADD,
    DATA,
    JANE,
    JOHN,
    SETTLE_AFTER,
    SeedWorld,
    Step,
    apply,
    declare,
    happen,
    set_to,
    wait,
)

NOT_TAKEN, TAKEN = apply(f"{ADD}:1:before:drop"), apply(f"{ADD}:1:after:drop")
LATE = set_to(Variants(customers_appear_after_seconds=60.0))
REST, ROUND_2, JOHN_ALONE = SeedWorld.rest, declare(round="2"), declare(JOHN)
RESTED = SETTLE_AFTER + 2 * LONGEST_POST
"""After so long a batch is certainly in what is counted before the next one."""
TWINS = declare(customers=[{"email": JOHN}, {"email": JOHN, "priority": 1}], allow_duplicate_email=True)
TWO_REQUESTS = declare(
    customers=[{"email": email} for email in (JOHN, *(f"smoke+{n}@example.com" for n in range(199)), JOHN)],
    allow_duplicate_email=True,
)
LONGER = ("a.smoke+john@example.com", "smoke+john@example.com.example.com")
"""Addresses that contain that of John."""


def lose(email: str) -> Step:
    return lambda world: world.lose(email)


def undeclare(world: SeedWorld) -> None:
    (world.folder / "configs" / "other.yaml").unlink()


def allow_longer(world: SeedWorld) -> None:
    settings = (world.folder / "configs" / "reconciler.yaml").read_text()
    world.write("reconciler.yaml", settings.replace('["*@', '["*@example.com.example.com", "*@'))


def approve_by_hand(*rest: Step) -> tuple[Step, ...]:
    return (declare(approve_automatically=False), *rest)


SETTLED: dict[str, tuple[dict[str, int], tuple[Step, ...]]] = {
    "edited meanwhile": ({"pending": 2}, (NOT_TAKEN, declare(batch_name="another"), REST)),
    "the round before had rested": (
        {"sent": 2},
        (apply(), ROUND_2, wait(RESTED - LONGEST_POST), TAKEN, REST),
    ),
    "a mailbox twice counts twice": ({"sent": 2}, (TWINS, TAKEN, REST)),
}
# Its customers may turn up after the count that was made for the lost one.
AFTER_AN_EARLIER_BATCH: dict[str, tuple[Step, ...]] = {
    **{
        f"of {fields}": (
            *(LATE, declare(send="on_change"), apply()),
            *(declare(send="on_change", **fields), NOT_TAKEN, REST),
        )
        for fields in ({"round": "2"}, {"batch_name": "another"})
    },
    # Its request was over at once, but it is unknown when its customers were counted.
    "that rested too short": (apply(), ROUND_2, wait(RESTED - 1 - LONGEST_POST), TAKEN, REST),
    "that may be approved at any time": (
        *(set_to(Variants(waiting_customers="hidden")), *approve_by_hand(apply(), wait(RESTED))),
        *(ROUND_2, NOT_TAKEN, SeedWorld.approve, REST),
    ),
    "with another spelling": (
        *(set_to(Variants(address_case="sensitive")), apply()),
        *(declare(JOHN.replace("john", "John"), JANE.replace("jane", "Jane"), round="2"), wait(RESTED)),
        *(NOT_TAKEN, ROUND_2, REST),
    ),
}
UNSETTLED: dict[str, tuple[dict[str, int], tuple[Step, ...]]] = {
    **{f"an earlier batch {what}": ({"in_doubt": 2}, it) for what, it in AFTER_AN_EARLIER_BATCH.items()},
    # Customers of a later batch may be taken for those of the lost one.
    "a later batch of another seed": (
        {"in_doubt": 1},
        (
            *(declare(JOHN, shared_mailbox=True), NOT_TAKEN),
            *(declare(JOHN, key="other", shared_mailbox=True), apply(), undeclare, JOHN_ALONE, REST),
        ),
    ),
    **{
        f"a later batch to {other}, {'declared' if declared else 'declared no longer'}": (
            {"in_doubt": 1, **({"sent": 1} if declared else {})},
            (
                *(allow_longer, set_to(Variants(address_filter="contains")), JOHN_ALONE, NOT_TAKEN),
                *(declare(other, key="other"), apply(), *(() if declared else (undeclare,)), REST),
            ),
        )
        for other in LONGER
        for declared in (True, False)
    },
    "a later batch whose customers are gone": (
        {"in_doubt": 1},
        (JOHN_ALONE, NOT_TAKEN, declare(JOHN, round="2"), apply(), lose(JOHN), JOHN_ALONE, REST),
    ),
    "a later round": ({"in_doubt": 2}, (NOT_TAKEN, ROUND_2, apply(), declare(), REST)),
    # It is not promised that a batch is taken as a whole, nor that it appears at once.
    "some have appeared": ({"sent": 1, "in_doubt": 1}, (TAKEN, lose(JANE), REST, apply())),
    "one of a mailbox twice": ({"in_doubt": 2}, (TWINS, TAKEN, lose(JOHN), REST)),
    "a mailbox in two requests": (
        {"sent": 199, "in_doubt": 2},
        (LATE, TWO_REQUESTS, apply(f"{ADD}:1:after:drop", f"{ADD}:2:before:drop"), REST),
    ),
    "more than were sent": ({"sent": 1, "in_doubt": 1}, (TAKEN, lambda world: world.add_by_hand(JOHN), REST)),
    "a tenant that counts all customers for any address": (
        {"sent": 1, "in_doubt": 1},
        (
            *(set_to(Variants(address_filter="ignored")), SeedWorld.forget_customers, JOHN_ALONE, NOT_TAKEN),
            *(declare("smoke+other@example.com", key="other"), apply(), REST),
        ),
    ),
    "a clock that was set back": (
        {"in_doubt": 2},
        (TAKEN, lambda world: setattr(world, "clock", FakeClock(world.clock.now() - 86_400))),
    ),
    "approved by hand, as the files no longer say": (
        {"in_doubt": 2},
        approve_by_hand(NOT_TAKEN, declare(), REST),
    ),
}


@pytest.mark.parametrize(("states", "steps"), SETTLED.values(), ids=SETTLED)
def test_a_doubt_is_settled_all_the_same(
    world: SeedWorld, states: dict[str, int], steps: tuple[Step, ...]
) -> None:
    happen(world, *steps)
    end = world.apply()
    assert (end.exit, end.states) == (Exit.DONE, states)
    assert end.counts == ({"sent": states["pending"]} if "pending" in states else {})


@pytest.mark.parametrize(("states", "steps"), UNSETTLED.values(), ids=UNSETTLED)
def test_a_count_that_may_mislead_settles_nothing(
    world: SeedWorld, states: dict[str, int], steps: tuple[Step, ...]
) -> None:
    happen(world, *steps)
    end = world.apply()
    assert (end.exit, end.states, end.counts) == (Exit.IN_DOUBT, states, {})


def test_who_left_the_seed_in_doubt_comes_back_in_doubt(world: SeedWorld) -> None:
    happen(world, TAKEN, JOHN_ALONE, REST)
    # What is declared no longer has an unknown address, and it may be counted for the other one.
    assert world.apply().states == {"in_doubt": 1}
    world.declare(JOHN, JANE)
    assert world.apply().states == {"sent": 2}
    assert world.mailed == [JANE, JOHN]


def test_of_a_lost_journal_another_seed_of_a_mailbox_is_found_too(world: SeedWorld) -> None:
    world.declare(JOHN, shared_mailbox=True)
    world.declare(JOHN, key="other", shared_mailbox=True)
    world.apply()
    world.lose_journal()
    declared, away = world.folder / "configs" / "other.yaml", world.folder / "other.yaml"
    declared.rename(away)
    assert world.apply().states == {"found": 1}
    away.rename(declared)
    assert world.apply().states == {"found": 2}
    assert world.mailed == [JOHN, JOHN]


def test_a_changed_value_is_no_change_of_its_neighbour(world: SeedWorld) -> None:
    world.declare(JOHN, JANE, send="on_change")
    world.apply()
    world.declare(JOHN, JANE, send="on_change", defaults={"data": {**DATA, "First_name_customer": "Al"}})
    (changed,) = world.apply().seeds[0]["changes"]
    assert changed == {"path": "customers.data.First_name_customer", "customers": 2, "sent_again": 2}
