"""Many mailboxes at once, at a tenant of every kind: nobody who has customers is taken for unknown."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import get_args, get_type_hints

import pytest

from reconciler.sandbox import Variants
from tests.seeds.world import SETTINGS, SeedWorld

MAILBOXES = [f"smoke+{number:02}@example.com" for number in range(24)]
KNOWN = MAILBOXES[::7]
FORMS: Sequence[str] = get_args(get_type_hints(Variants)["address_list"])
EVERY_KIND = [
    *((f"address_list={form}",) for form in FORMS),
    ("address_list=each", "address_filter=contains"),
    ("address_list=each", "customers_appear_after_seconds=60"),
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


@pytest.mark.parametrize(("cap", "sent"), [(8, 0), (20, 2)])
def test_a_share_of_a_run_is_one_for_all_requests_to_a_tenant(tmp_path: Path, cap: int, sent: int) -> None:
    world = SeedWorld(tmp_path)
    share = f'expoints: {{url: "sandbox:", requests_per_run: {cap},'
    world.write("reconciler.yaml", SETTINGS.replace('expoints: {url: "sandbox:",', share))
    world.declare("smoke+a@example.com", "smoke+b@example.com")
    world.apply()
    assert len(world.mailed) == sent
    assert sum("/external/" in request.path for request in world.state.requests()) <= cap
