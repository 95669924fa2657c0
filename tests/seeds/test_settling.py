"""What counting says of a doubt, and all the ways in which a count could mislead."""

from __future__ import annotations

import pytest

from reconciler.errors import Exit
from reconciler.expoints.settling import LONGEST_POST
from reconciler.sandbox import State, Variants
from reconciler.sandbox.seeding import CUSTOMERS, STARTING_POINT
from tests.clock import FakeClock
from tests.seeds.world import ADD, DATA, JANE, JOHN, SETTLE_AFTER, SeedWorld

BOTH = [JANE, JOHN]
NOT_TAKEN, TAKEN = f"{ADD}:1:before:drop", f"{ADD}:1:after:drop"
LATE = Variants(customers_appear_after_seconds=60.0)
RESTED = SETTLE_AFTER + 2 * LONGEST_POST
"""After so long a batch is certainly in what is counted before the next one."""


def test_what_was_edited_while_it_was_in_doubt_is_settled_all_the_same(world: SeedWorld) -> None:
    world.apply(NOT_TAKEN)
    world.declare(JOHN, JANE, batch_name="another")
    world.rest()
    assert world.apply().counts == {"sent": 2}


def test_another_spelling_is_not_counted_for_the_one_that_was_sent(world: SeedWorld) -> None:
    world.variants = Variants(address_case="sensitive")
    world.apply()
    world.declare(JOHN.replace("john", "John"), JANE.replace("jane", "Jane"), round="2")
    world.rest(RESTED)
    world.apply(NOT_TAKEN)
    world.declare(JOHN, JANE, round="2")
    world.rest()
    assert world.apply().states == {"in_doubt": 2}


class TestAnEarlierBatch:
    """Its customers may turn up after the count that was made for the lost one."""

    @pytest.mark.parametrize("again", [{"round": "2"}, {"batch_name": "another"}], ids=str)
    def test_of_the_round_before_or_with_other_content(self, world: SeedWorld, again: dict[str, str]) -> None:
        world.variants = LATE
        for fields, faults in (({}, ()), (again, (NOT_TAKEN,))):
            world.declare(JOHN, JANE, send="on_change", **fields)
            world.apply(*faults)
        world.rest()
        assert world.apply().states == {"in_doubt": 2}

    @pytest.mark.parametrize(("seconds", "states"), [(RESTED - 1, {"in_doubt": 2}), (RESTED, {"sent": 2})])
    def test_is_in_the_count_once_it_has_rested(
        self, world: SeedWorld, seconds: float, states: dict[str, int]
    ) -> None:
        world.apply()
        world.declare(JOHN, JANE, round="2")
        # The request of the first was over at once, but nobody knows when its customers were counted.
        world.rest(seconds - LONGEST_POST)
        world.apply(TAKEN)
        world.rest()
        assert world.apply().states == states

    def test_that_somebody_approves_by_hand_may_turn_up_whenever_they_like(self, world: SeedWorld) -> None:
        world.variants = Variants(waiting_customers="hidden")
        world.declare(JOHN, JANE, approve_automatically=False)
        world.apply()
        world.rest(RESTED)
        world.declare(JOHN, JANE, round="2")
        world.apply(NOT_TAKEN)
        world.approve()
        world.rest()
        assert world.apply().states == {"in_doubt": 2}


class TestALaterBatch:
    """Its customers may be taken for those of the lost one."""

    def test_of_another_seed_to_the_same_mailbox(self, world: SeedWorld) -> None:
        world.declare(JOHN, shared_mailbox=True)
        world.apply(NOT_TAKEN)
        world.declare(JOHN, key="other", shared_mailbox=True)
        world.apply()
        (world.folder / "configs" / "other.yaml").unlink()
        world.declare(JOHN)
        world.rest()
        assert world.apply().states == {"in_doubt": 1}

    @pytest.mark.parametrize("declared", [True, False])
    @pytest.mark.parametrize("other", ["a.smoke+john@example.com", "smoke+john@example.com.example.com"])
    def test_to_an_address_that_contains_the_lost_one(
        self, world: SeedWorld, other: str, declared: bool
    ) -> None:
        settings = (world.folder / "configs" / "reconciler.yaml").read_text()
        world.write("reconciler.yaml", settings.replace('["*@', '["*@example.com.example.com", "*@'))
        world.variants = Variants(address_filter="contains")
        world.declare(JOHN)
        world.apply(NOT_TAKEN)
        world.declare(other, key="other")
        world.apply()
        if not declared:
            (world.folder / "configs" / "other.yaml").unlink()
        world.rest()
        assert world.apply().states["in_doubt"] == 1

    def test_whose_customers_are_gone_while_those_of_the_lost_one_are_there(self, world: SeedWorld) -> None:
        world.declare(JOHN)
        world.apply(NOT_TAKEN)
        world.declare(JOHN, round="2")
        world.apply()
        world.lose(JOHN)
        world.declare(JOHN)
        world.rest()
        assert world.apply().states == {"in_doubt": 1}

    def test_of_a_round_that_was_begun_meanwhile(self, world: SeedWorld) -> None:
        world.apply(NOT_TAKEN)
        world.declare(JOHN, JANE, round="2")
        world.apply()
        world.declare(JOHN, JANE)
        world.rest()
        assert world.apply().states == {"in_doubt": 2}


class TestTheSameBatch:
    """Nobody says that a batch is taken as a whole, nor that it appears at once."""

    def test_of_which_some_have_appeared_was_not_lost(self, world: SeedWorld) -> None:
        world.apply(TAKEN)
        world.lose(JANE)
        world.rest()
        for _ in range(2):
            end = world.apply()
            assert (end.states, end.counts) == ({"sent": 1, "in_doubt": 1}, {})

    @pytest.mark.parametrize(("lost", "states"), [([], {"sent": 2}), ([JOHN], {"in_doubt": 2})])
    def test_to_one_mailbox_twice_counts_twice(
        self, world: SeedWorld, lost: list[str], states: dict[str, int]
    ) -> None:
        twins = [{"email": JOHN}, {"email": JOHN, "priority": 1}]
        world.declare(customers=twins, allow_duplicate_email=True)
        world.apply(TAKEN)
        for email in lost:
            world.lose(email)
        world.rest()
        assert world.apply().states == states


def test_a_mailbox_in_two_requests_of_a_seed_is_settled_by_neither(world: SeedWorld) -> None:
    world.variants = LATE
    others = [{"email": f"smoke+{number}@example.com"} for number in range(199)]
    world.declare(customers=[{"email": JOHN}, *others, {"email": JOHN}], allow_duplicate_email=True)
    world.apply(f"{ADD}:1:after:drop", f"{ADD}:2:before:drop")
    world.rest()
    assert world.apply().states == {"sent": 199, "in_doubt": 2}


def test_a_tenant_that_counts_everybody_for_anybody_settles_nothing(world: SeedWorld) -> None:
    world.variants = Variants(address_filter="ignored")
    world.declare(JOHN)
    world.state = State(":memory:", {**STARTING_POINT, CUSTOMERS: {}})
    world.apply(NOT_TAKEN)
    world.declare("smoke+other@example.com", key="other")
    world.apply()
    world.rest()
    assert world.apply().states["in_doubt"] == 1


def test_who_left_the_seed_in_doubt_comes_back_in_doubt(world: SeedWorld) -> None:
    world.apply(TAKEN)
    world.declare(JOHN)
    world.rest()
    # What is no longer declared has an address that nobody knows, and it may be counted for the other one.
    assert world.apply().states == {"in_doubt": 1}
    world.declare(JOHN, JANE)
    assert world.apply().states == {"sent": 2}
    assert world.mailed == BOTH


def test_a_clock_that_was_set_back_settles_nothing(world: SeedWorld) -> None:
    world.apply(TAKEN)
    world.clock = FakeClock(world.clock.now() - 86_400)
    end = world.apply()
    assert (end.exit, end.states) == (Exit.IN_DOUBT, {"in_doubt": 2})


def test_a_key_that_moved_in_doubt_is_settled_under_its_new_one(world: SeedWorld) -> None:
    world.apply(TAKEN)
    (world.folder / "configs" / "smoke.yaml").unlink()
    world.declare(JOHN, JANE, key="renamed")
    world.write("moved.yaml", "moved: {customer_seeds.smoke: customer_seeds.renamed}\n")
    assert world.apply().states == {"in_doubt": 2}
    world.rest()
    assert world.apply().states == {"sent": 2}


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


def test_what_waited_for_a_person_is_not_settled_because_the_files_no_longer_say_so(world: SeedWorld) -> None:
    world.declare(JOHN, JANE, approve_automatically=False)
    world.apply(NOT_TAKEN)
    world.declare(JOHN, JANE)
    world.rest()
    assert world.apply().states == {"in_doubt": 2}


def test_a_count_that_is_neither_settles_nothing(world: SeedWorld) -> None:
    world.apply(TAKEN)
    world.add_by_hand(JOHN)
    world.rest()
    assert world.apply().states == {"in_doubt": 1, "sent": 1}


def test_a_changed_value_is_no_change_of_its_neighbour(world: SeedWorld) -> None:
    world.declare(JOHN, JANE, send="on_change")
    world.apply()
    world.declare(JOHN, JANE, send="on_change", defaults={"data": {**DATA, "First_name_customer": "Al"}})
    (changed,) = world.apply().seeds[0]["changes"]
    assert changed == {"path": "customers.data.First_name_customer", "customers": 2, "sent_again": 2}
