"""Each customer is mailed once a round, however often `apply` runs."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from reconciler.commands.seeds import seeds_resolve
from reconciler.commands.workspace import Selection
from reconciler.errors import Exit
from tests.seeds.world import DATA, JANE, JOHN, SeedWorld

WELCOME = "import_configs:\n  welcome: {name: Welcome, email_is_required: true}\n"


def test_the_first_apply_sends_each_customer_once_and_the_second_nothing(world: SeedWorld) -> None:
    end = world.apply()
    assert (end.exit, end.states, end.counts) == (Exit.DONE, {"pending": 2}, {"sent": 2})
    assert world.plan()[0] is Exit.DONE
    end = world.apply()
    assert (end.exit, end.states, end.counts) == (Exit.DONE, {"sent": 2}, {})
    assert world.mailed == [JANE, JOHN]


def test_a_plan_sends_nothing_and_leaves_no_journal(world: SeedWorld) -> None:
    exit, shown = world.plan()
    assert exit is Exit.PENDING
    assert "1 seed to send (2 customers)." in shown
    assert world.posts == []
    assert not world.journal.exists()


def test_a_new_round_sends_again_and_an_old_one_does_not_come_back(world: SeedWorld) -> None:
    for round in ("1", "2", "1"):
        world.declare(JOHN, JANE, round=round)
        world.apply()
    assert world.mailed == [JANE, JANE, JOHN, JOHN]


def test_a_customer_that_is_added_is_the_only_one_that_is_sent(world: SeedWorld) -> None:
    world.apply()
    world.declare(JANE, "smoke+new@example.com", JOHN)
    world.apply()
    assert world.batches[1] == ["smoke+new@example.com"]


def test_another_spelling_is_the_same_mailbox(world: SeedWorld) -> None:
    world.apply()
    world.declare(JOHN.upper().replace("EXAMPLE.COM", "example.com"), JANE)
    world.apply()
    assert len(world.posts) == 1


@pytest.mark.parametrize("automatic", [True, False])
def test_without_its_journal_nothing_is_sent_and_the_customers_are_found(
    world: SeedWorld, automatic: bool
) -> None:
    world.declare(JOHN, JANE, approve_automatically=automatic)
    world.apply()
    world.lose_journal()
    end = world.apply()
    assert (end.exit, end.states, end.counts) == (Exit.REFUSED, {"found": 2}, {})
    assert len(world.posts) == 1


def test_what_was_found_stays_found_in_every_round_until_a_person_says_how_it_is(world: SeedWorld) -> None:
    world.apply()
    world.lose_journal()
    for round in ("1", "1", "2"):
        world.declare(JOHN, JANE, round=round)
        assert world.apply().states == {"found": 2}
    world.call(partial(seeds_resolve, "smoke", sent=True))
    assert world.apply().states == {"sent": 2}
    world.declare(JOHN, JANE, round="3")
    assert (world.apply().counts, len(world.mailed)) == ({"sent": 2}, 4)


def test_only_who_has_customers_is_found(world: SeedWorld) -> None:
    world.declare(JOHN)
    world.apply()
    world.lose_journal()
    world.declare(JOHN, JANE)
    assert "once more" not in world.plan()[1]
    end = world.apply()
    assert (end.exit, end.states) == (Exit.REFUSED, {"found": 1, "pending": 1})
    assert world.batches[1] == [JANE]
    assert "smoke --again, which mails the 1 customer sent already once more" in world.plan()[1]


JOE = {"email": JOHN, "data": {**DATA, "First_name_customer": "Joe"}}


@pytest.mark.parametrize(
    ("fields", "states", "batch"),
    [
        ({}, {"sent": 2}, []),
        ({"customers": [JOE, {"email": JANE}]}, {"changed": 1, "sent": 1}, [JOHN]),
        ({"batch_name": "another"}, {"changed": 2}, [JOHN, JANE]),
    ],
)
def test_on_change_follows_the_declared_content_once(
    world: SeedWorld, fields: dict[str, Any], states: dict[str, int], batch: list[str]
) -> None:
    world.declare(JOHN, JANE, send="on_change")
    world.apply()
    world.declare(JOHN, JANE, send="on_change", **fields)
    end = world.apply()
    assert (end.states, world.batches[1:]) == (states, [batch] if batch else [])
    assert world.apply().counts == {}


def test_a_relative_date_is_no_change_when_days_pass(world: SeedWorld) -> None:
    world.declare(JOHN, JANE, send="on_change", end_date="+21d")
    world.apply()
    world.rest(3 * 86_400)
    assert world.apply().counts == {}


def test_once_does_not_send_what_changed_and_says_so(world: SeedWorld) -> None:
    world.apply()
    world.declare(JOHN, JANE, batch_name="another")
    end = world.apply()
    assert (end.counts, len(world.posts)) == ({}, 1)
    assert "changed since; send: once does not send it again" in end.seeds[0]["notes"]


def test_without_seeds_the_tenant_is_not_asked_at_all(world: SeedWorld) -> None:
    world.apply(with_seeds=False)
    assert [request for request in world.state.requests() if "/external/" in request.path] == []


def test_only_the_selected_seed_is_sent(world: SeedWorld) -> None:
    world.declare("smoke+other@example.com", key="other")
    world.apply(selection=Selection(only=("other",)))
    assert world.mailed == ["smoke+other@example.com"]


class TestAfter:
    """A seed that comes after a configuration waits for it."""

    @pytest.fixture(autouse=True)
    def _declared(self, world: SeedWorld) -> None:
        world.write("welcome.yaml", WELCOME)
        world.declare(JOHN, JANE, after=["import_configs.welcome"])

    @pytest.mark.parametrize("before", [True, False])
    def test_it_is_sent_when_that_is_applied_now_or_before(self, world: SeedWorld, before: bool) -> None:
        if before:
            world.apply(with_seeds=False)
        assert world.apply().counts == {"sent": 2}

    def test_it_is_held_when_that_fails_and_sent_when_it_no_longer_does(self, world: SeedWorld) -> None:
        end = world.apply("POST /3/*:1+:before:status=400")
        assert (end.exit, end.counts, end.notes) == (
            Exit.ERROR,
            {},
            "held: import_configs.welcome is failed",
        )
        assert world.posts == []
        assert world.apply().counts == {"sent": 2}

    def test_it_is_held_when_that_is_blocked(self, world: SeedWorld) -> None:
        world.write("welcome.yaml", WELCOME.replace("true}", "true, targets: {sandbox: {id: 999}}}"))
        end = world.apply()
        assert (end.exit, end.notes) == (Exit.REFUSED, "held: import_configs.welcome is skipped")
        assert world.posts == []
