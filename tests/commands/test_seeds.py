"""`seeds`: preview, status, resolve and send by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from reconciler.commands.plan import show
from reconciler.commands.seeds import seeds_preview, seeds_resolve, seeds_send, seeds_status
from reconciler.errors import Exit, Refused, UsageError
from reconciler.sandbox import State, Variants
from tests.commands.world import EVERYTHING, Screen, Terminal
from tests.seeds.world import ADD, JANE, JOHN, SeedWorld

BOTH = [JANE, JOHN]
TWICE = sorted(BOTH * 2)


@pytest.fixture
def world(tmp_path: Path) -> SeedWorld:
    made = SeedWorld(tmp_path)
    made.state = State(":memory:")
    made.declare(JOHN, JANE)
    return made


def send(
    world: SeedWorld, screen: Screen, key: str = "smoke", *, again: bool = False, yes: bool = True
) -> Exit:
    console = screen.console(world.clock)
    return seeds_send(key, EVERYTHING, console, world.environment, again=again, yes=yes)


def status(world: SeedWorld, screen: Screen, **options: Any) -> Exit:
    return seeds_status(EVERYTHING, screen.console(world.clock, as_json=True), world.environment, **options)


def test_preview_shows_addresses_and_times_to_a_terminal_and_sends_nothing(world: SeedWorld) -> None:
    customers = [{"email": JOHN, "send_date": "2027-07-01"}, {"email": JANE}]
    world.declare(customers=customers, send_time="11:30")
    screen = Screen(stdout=Terminal())
    assert seeds_preview("smoke", EVERYTHING, screen.console(world.clock), world.environment) is Exit.DONE
    assert JOHN in screen.out
    assert "2027-07-01 00:00 Europe/Amsterdam (2027-06-30 22:00 UTC)" in screen.out
    assert "11:30 Europe/Amsterdam" in screen.out
    assert "at once" in screen.out
    assert world.writes == []


def test_preview_shows_no_address_to_anything_but_a_terminal(world: SeedWorld, screen: Screen) -> None:
    with pytest.raises(Refused, match="terminal only"):
        seeds_preview("smoke", EVERYTHING, screen.console(world.clock), world.environment)
    assert screen.out == ""


def test_status_counts_by_the_tenants_own_names(world: SeedWorld, screen: Screen) -> None:
    world.apply()
    assert seeds_status(EVERYTHING, screen.console(world.clock), world.environment) is Exit.DONE
    assert "customer_seeds.smoke: 2 sent; 2 counted on the tenant" in screen.out
    assert "faults unverified" in screen.out


def test_status_waits_for_customers_that_appear_late(world: SeedWorld, screen: Screen) -> None:
    world.variants = Variants(customers_appear_after_seconds=60)
    world.apply()
    assert status(world, Screen()) is Exit.ERROR
    assert status(world, screen, wait=300) is Exit.DONE


def test_a_declared_fault_status_is_an_error(world: SeedWorld, screen: Screen) -> None:
    world.variants = Variants(plus_addresses="fault")
    world.declare(JOHN, "jane@example.com", fault_statuses=[40])
    world.apply()
    assert status(world, screen) is Exit.ERROR
    assert screen.document["statuses"][0]["faults"] == 1


def test_a_seed_by_hand_is_sent_by_its_verb_only(world: SeedWorld, screen: Screen) -> None:
    world.declare(JOHN, JANE, send="by_hand")
    world.apply()
    assert world.mailed == []
    assert send(world, screen) is Exit.DONE
    assert world.mailed == BOTH


def test_sending_again_is_said_on_purpose(world: SeedWorld, screen: Screen) -> None:
    world.apply()
    with pytest.raises(UsageError, match="--again"):
        send(world, screen)
    send(world, screen, again=True)
    assert world.mailed == TWICE


def test_sending_by_hand_asks_first(world: SeedWorld, screen: Screen) -> None:
    with pytest.raises(Refused, match="--yes"):
        send(world, screen, yes=False)
    assert world.mailed == []


@pytest.mark.parametrize(("sent", "mails"), [(True, BOTH), (False, TWICE)])
def test_a_person_resolves_a_doubt(world: SeedWorld, sent: bool, mails: list[str]) -> None:
    assert world.apply(f"{ADD}:1:after:drop").exit is Exit.IN_DOUBT
    screen = Screen(stdin=Terminal("yes\n"))  # the tenant has them, so "not sent" has to be said twice
    console = screen.console(world.clock)
    assert seeds_resolve("smoke", EVERYTHING, console, world.environment, sent=sent) is Exit.DONE
    assert world.apply().exit is Exit.DONE
    assert world.mailed == mails


def test_customers_in_doubt_are_not_sent_again_by_hand_either(world: SeedWorld, screen: Screen) -> None:
    world.apply(f"{ADD}:1:after:drop")
    with pytest.raises(UsageError):
        send(world, screen, again=True)
    assert world.mailed == BOTH


def test_what_cannot_be_done_is_wrong_usage(world: SeedWorld, screen: Screen) -> None:
    console = screen.console(world.clock)
    with pytest.raises(UsageError, match="in doubt"):
        seeds_resolve("smoke", EVERYTHING, console, world.environment, sent=True)
    with pytest.raises(UsageError, match="nowhere"):
        send(world, screen, "nowhere")
    with pytest.raises(UsageError, match="seeds preview"):
        show("smoke", EVERYTHING, console, world.environment)
