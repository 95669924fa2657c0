"""Many mailboxes at once, at a tenant of every kind: nobody who has customers is taken for unknown."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import get_args, get_type_hints

import pytest

from reconciler.errors import Exit
from reconciler.sandbox import Variants
from tests.seeds.world import SeedWorld

MAILBOXES = [f"smoke+{number:02}@example.com" for number in range(60)]
KNOWN = MAILBOXES[::7]
ROWS: Sequence[str] = get_args(get_args(get_type_hints(Variants, include_extras=True)["customer_rows"])[0])
FORMS: Sequence[str] = get_args(get_args(get_type_hints(Variants, include_extras=True)["address_list"])[0])
EVERY_KIND = [
    *((f"address_list={form}", f"customer_rows={rows}") for form in FORMS for rows in ROWS),
    *((f"address_list={form}", "address_filter=contains") for form in FORMS),
    *((f"address_list={form}", "customers_appear_after_seconds=60") for form in FORMS),
    ("address_list=each", "address_case=sensitive"),
    ("address_list=each", "last_cursor=empty-page"),
    ("address_list=each", "waiting_customers=hidden"),
]


@pytest.fixture(params=EVERY_KIND, ids=" ".join)
def world(request: pytest.FixtureRequest, tmp_path: Path) -> SeedWorld:
    made = SeedWorld(tmp_path)
    made.variants = Variants.parse(request.param)
    return made


def test_after_its_journal_is_lost_only_who_is_unknown_is_sent_to(world: SeedWorld) -> None:
    world.declare(*KNOWN)
    assert world.apply().counts == {"sent": len(KNOWN)}
    world.lose_journal()
    world.rest()
    world.declare(*MAILBOXES)
    end = world.apply()
    assert end.states == {"found": len(KNOWN), "pending": len(MAILBOXES) - len(KNOWN)}
    assert world.mailed == MAILBOXES


def test_with_its_journal_each_is_sent_to_once(world: SeedWorld) -> None:
    for mailboxes in (MAILBOXES[:30], MAILBOXES, MAILBOXES):
        world.declare(*mailboxes)
        world.apply()
        world.rest()
    assert world.mailed == MAILBOXES


def test_a_batch_that_was_lost_is_sent_again_and_one_that_was_taken_is_not(world: SeedWorld) -> None:
    world.declare(*MAILBOXES[:30])
    assert world.apply("POST *customer/add:1:before:status=503").counts == {"in_doubt": 30}
    world.rest(3600)
    assert world.apply().counts == {"sent": 30}
    world.declare(*MAILBOXES)
    assert world.apply("POST *customer/add:1:after:status=503").counts == {"in_doubt": 30}
    world.rest(3600)
    world.apply()
    assert world.mailed == MAILBOXES


def test_more_customers_than_one_request_takes(tmp_path: Path) -> None:
    world = SeedWorld(tmp_path)
    earlier = [f"earlier.{name}@example.com" for name in ("ann", "bob", "cyd")]
    world.declare(*earlier)
    world.apply()
    world.rest()
    before = counting(world)
    mailboxes = [f"smoke+{number:03}@example.com" for number in range(450)]
    world.declare(*mailboxes)
    assert world.apply().exit is Exit.DONE
    assert world.mailed == [*earlier, *mailboxes]
    assert counting(world) - before < 120


def counting(world: SeedWorld) -> int:
    """Return how many requests have counted customers so far."""
    return sum(request.path.endswith("/count") for request in world.state.requests())
