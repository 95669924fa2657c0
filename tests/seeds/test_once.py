"""Each customer is mailed once a round, however often `apply` runs."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from reconciler.commands.seeds import seeds_resolve
from reconciler.commands.workspace import Selection
from reconciler.errors import Exit
from tests.seeds.world import DATA, JANE, JOHN, SeedWorld, Step, apply, declare, happen, move, wait

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


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({}, "mails 2 customers from 2026-09-21 16:13 on; they can answer as long as Expoints lets them"),
        (
            {"send_time": "11:30", "end_date": "+2d", "approve_automatically": False},
            (
                "mails 2 customers from 2026-09-21 16:13 on, once a person at Expoints approves the batch; "
                "they can answer until 2026-09-23 00:00"
            ),
        ),
        (
            {
                "customers": [{"email": JOHN, "send_date": "tomorrow", "end_date": "+5d"}, {"email": JANE}],
                "send_time": "18:00",
                "end_date": "+9d",
            },
            "mails 2 customers from 2026-09-21 18:00 on; they can answer until 2026-09-26 00:00",
        ),
    ],
)
def test_a_plan_says_from_when_on_and_until_when_people_are_asked(
    world: SeedWorld, fields: dict[str, Any], told: str
) -> None:
    world.declare(*([] if "customers" in fields else [JOHN, JANE]), **fields)
    assert f"\n    ⇒ {told} (Europe/Amsterdam)\n" in world.plan()[1]
    world.declare(JOHN, JANE, send="by_hand")
    assert "⇒" not in world.plan()[1]


JOE = {"email": JOHN, "data": {**DATA, "First_name_customer": "Joe"}}
NEW = "smoke+new@example.com"
ON_CHANGE, ROUND_2, LOST = declare(send="on_change"), declare(round="2"), SeedWorld.lose_journal
NEXT: dict[str, tuple[tuple[Step, ...], dict[str, int], list[str]]] = {
    "a new round": ((apply(), ROUND_2), {"pending": 2}, [JOHN, JANE]),
    "a round of before": ((apply(), ROUND_2, apply(), declare(round="1")), {"sent": 2}, []),
    "another order and one more": ((apply(), declare(JANE, NEW, JOHN)), {"sent": 2, "pending": 1}, [NEW]),
    "another spelling": (
        (apply(), declare(JOHN.upper().replace("EXAMPLE.COM", "example.com"), JANE)),
        *({"sent": 2}, []),
    ),
    "another key": ((apply(), move), {"sent": 2}, []),
    "without its journal": ((apply(), LOST), {"found": 2}, []),
    "without its journal, approved by hand": (
        (declare(approve_automatically=False), apply(), LOST),
        *({"found": 2}, []),
    ),
    "on change, of nothing": ((ON_CHANGE, apply(), ON_CHANGE), {"sent": 2}, []),
    "on change, of one": (
        (ON_CHANGE, apply(), declare(send="on_change", customers=[JOE, {"email": JANE}])),
        *({"changed": 1, "sent": 1}, [JOHN]),
    ),
    "on change, of the batch": (
        (ON_CHANGE, apply(), declare(send="on_change", batch_name="another")),
        *({"changed": 2}, [JOHN, JANE]),
    ),
    "on change, of nothing but the day": (
        (declare(send="on_change", end_date="+21d"), apply(), wait(3 * 86_400)),
        *({"sent": 2}, []),
    ),
}


@pytest.mark.parametrize(("steps", "states", "sent"), NEXT.values(), ids=NEXT)
def test_the_next_apply_sends_what_is_due_and_the_one_after_it_nothing(
    world: SeedWorld, steps: tuple[Step, ...], states: dict[str, int], sent: list[str]
) -> None:
    happen(world, *steps)
    before = len(world.batches)
    end = world.apply()
    assert end.exit is (Exit.REFUSED if "found" in states else Exit.DONE)
    assert (end.states, world.batches[before:]) == (states, [sent] if sent else [])
    assert world.apply().counts == {}


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
        assert (end.exit, end.counts, end.notes) == (Exit.ERROR, {}, "held: import_configs.welcome is failed")
        assert world.posts == []
        assert world.apply().counts == {"sent": 2}

    def test_it_is_held_when_that_is_blocked(self, world: SeedWorld) -> None:
        world.write("welcome.yaml", WELCOME.replace("true}", "true, targets: {sandbox: {id: 999}}}"))
        end = world.apply()
        assert (end.exit, end.notes) == (Exit.REFUSED, "held: import_configs.welcome is skipped")
        assert world.posts == []
