"""However the answer to a batch comes or does not come, nobody is mailed twice and the report is true."""

from __future__ import annotations

from typing import Any, get_args, get_type_hints

import pytest

from reconciler.errors import Exit
from reconciler.sandbox import Variants
from tests.faults.table import effects, rows
from tests.seeds.world import ADD, JANE, JOHN, SETTLE_AFTER, SeedWorld

BOTH = [JANE, JOHN]
IN_DOUBT = [
    f"{ADD}:{effect}"
    for row in rows()
    if row.section == "Sending a batch" and row.says == "in doubt"
    for fault in row.faults
    for effect in effects()[fault]
]
ANSWERS = get_args(get_type_hints(Variants)["add_answer"])


@pytest.fixture
def world(world: SeedWorld) -> SeedWorld:
    world.variants = Variants(add_answer="batch-id")  # so that there is something to cut
    return world


@pytest.mark.parametrize("answer", ["status=401", "status=429,retry-after=5"])
def test_what_was_answered_is_not_sent_again_before_it_has_rested(world: SeedWorld, answer: str) -> None:
    assert world.apply(f"{ADD}:1:before:{answer}").counts == {"refused": 2}
    world.rest()
    assert world.apply().counts == {"sent": 2}
    assert world.mailed == BOTH


@pytest.mark.parametrize("fault", IN_DOUBT)
def test_what_is_in_doubt_rests_before_it_is_counted(world: SeedWorld, fault: str) -> None:
    """Then it is sent again only if it left no customers."""
    world.apply(fault)
    world.rest(SETTLE_AFTER - 1)
    end = world.apply()
    assert (end.exit, end.states, end.counts) == (Exit.IN_DOUBT, {"in_doubt": 2}, {})
    assert (end.document["customers_in_doubt"], len(world.posts)) == (2, 1)
    world.rest(1)
    end = world.apply()
    states, counts = ({"pending": 2}, {"sent": 2}) if ":before:" in fault else ({"sent": 2}, {})
    assert (end.exit, end.states, end.counts) == (Exit.DONE, states, counts)
    assert world.apply().states == {"sent": 2}
    assert world.mailed == BOTH


@pytest.mark.parametrize("fault", [f"{ADD}:1:before:drop", f"{ADD}:1:after:drop"])
def test_a_batch_that_waits_for_a_person_is_never_settled_by_counting(world: SeedWorld, fault: str) -> None:
    world.declare(JOHN, JANE, approve_automatically=False)
    world.apply(fault)
    world.approve()
    world.rest(10 * SETTLE_AFTER)
    end = world.apply()
    assert (end.exit, end.states, len(world.posts)) == (Exit.IN_DOUBT, {"in_doubt": 2}, 1)


@pytest.mark.parametrize("seconds", [1.0, SETTLE_AFTER - 1])
def test_customers_that_appear_late_are_not_taken_for_absent(world: SeedWorld, seconds: float) -> None:
    world.variants = Variants(customers_appear_after_seconds=seconds)
    world.apply(f"{ADD}:1:after:drop")
    world.apply()
    world.rest()
    assert world.apply().states == {"sent": 2}
    assert world.mailed == BOTH


def test_a_batch_that_is_not_visible_yet_is_sent_and_said_to_be_uncounted(world: SeedWorld) -> None:
    world.variants = Variants(customers_appear_after_seconds=60.0)
    end = world.apply()
    assert (end.exit, end.counts) == (Exit.DONE, {"sent": 2})
    assert (end.status["missing"], end.status["arrived"]) == (2, False)


def test_a_count_that_fails_afterwards_does_not_make_a_sent_batch_doubtful(world: SeedWorld) -> None:
    end = world.apply("GET *customer/count:8+:before:status=403")
    assert end.counts == {"sent": 2}
    assert end.notes.startswith("sent, but not verified: ")
    assert world.apply().states == {"sent": 2}


@pytest.mark.parametrize("answer", [answer for answer in ANSWERS if answer != "text"])
def test_any_json_and_nothing_at_all_say_that_a_batch_was_taken(world: SeedWorld, answer: Any) -> None:
    world.variants = Variants(add_answer=answer)
    assert world.apply().counts == {"sent": 2}


def test_plain_text_might_be_anybodys_and_is_settled_by_counting(world: SeedWorld) -> None:
    world.variants = Variants(add_answer="text")
    assert world.apply().exit is Exit.IN_DOUBT
    world.rest()
    assert world.apply().states == {"sent": 2}
    assert world.mailed == BOTH


def test_a_tenant_that_is_lost_after_the_plan_was_shown_is_reported(world: SeedWorld) -> None:
    end = world.apply("GET *customerdatacolumn:2+:before:status=503")
    assert (end.exit, world.posts) == (Exit.UNAVAILABLE, [])
    assert "503" in end.notes


def test_a_doubt_about_one_request_does_not_stop_the_next_one(world: SeedWorld) -> None:
    emails = [f"smoke+{number}@example.com" for number in range(201)]
    world.declare(*emails)
    end = world.apply(f"{ADD}:1:before:status=503")
    assert (end.exit, end.counts) == (Exit.IN_DOUBT, {"in_doubt": 200, "sent": 1})
    assert world.mailed == [emails[200]]


@pytest.mark.parametrize("effect", ["status=401", "status=403", "status=429,retry-after=1"])
def test_lost_rights_and_allowance_stop_the_next_request(world: SeedWorld, effect: str) -> None:
    world.declare(*(f"smoke+{number}@example.com" for number in range(201)))
    end = world.apply(f"{ADD}:1+:before:{effect}")
    assert {len(batch) for batch in world.batches} == {200}
    assert "not begun: 1 of 201 customers" in end.notes


def test_more_than_200_customers_go_in_several_requests_in_the_order_of_the_files(world: SeedWorld) -> None:
    emails = [f"smoke+{number * 7 % 401}@example.com" for number in range(401)]
    world.declare(*emails)
    assert world.apply().counts == {"sent": 401}
    assert world.batches == [emails[:200], emails[200:400], emails[400:]]
