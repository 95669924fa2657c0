"""`seeds`: preview, status, resolve and send by hand."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.commands.apply import ApplyOptions, apply
from reconciler.commands.seeds import seeds_preview, seeds_resolve, seeds_send, seeds_status
from reconciler.commands.show import show
from reconciler.commands.workspace import Selection
from reconciler.errors import Exit, Refused, UsageError
from reconciler.sandbox import Fault, State, Variants, take_inventory
from tests.commands.world import EVERYTHING, Screen, Terminal, World

SETTINGS = """\
version: 1
default_target: sandbox
targets:
  sandbox:
    checkmarket: {url: "sandbox:"}
    expoints: {url: "sandbox:", allowed_recipients: ["*@example.com"]}
"""
SEED = """\
customer_seeds:
  smoke:
    targets: [sandbox]
    send: SEND
    round: first
    is_test: true
    approve_automatically: true
    send_time: "11:30"
    notification_email_addresses: [qa@example.com]
    defaults:
      data: {First_name_customer: J, Family_name_customer: Do, Gender_customer: M, "Business Unit": X}
    customers:
      - {email: john@example.com, send_date: 2027-07-01}
      - {email: jane@example.com}
"""


@pytest.fixture
def seeded(world: World) -> World:
    world.state = State(":memory:")
    world.write("reconciler.yaml", SETTINGS)
    world.write("welcome.yaml", SEED.replace("SEND", "once"))
    return world


def applied(world: World, screen: Screen) -> Exit:
    return apply(EVERYTHING, ApplyOptions(yes=True), screen.console(world.clock), world.environment)


def invitations(world: World) -> list[str]:
    mails: list[dict[str, Any]] = take_inventory(world.state)["mails"]
    return sorted(mail["to"] for mail in mails if mail["kind"] == "invitation")


BOTH = ["jane@example.com", "john@example.com"]


def test_preview_shows_addresses_and_times_to_a_terminal(seeded: World) -> None:
    screen = Screen(stdout=Terminal())
    assert seeds_preview("smoke", EVERYTHING, screen.console(seeded.clock), seeded.environment) is Exit.DONE
    assert "john@example.com" in screen.out
    assert "2027-07-01 00:00 Europe/Amsterdam (2027-06-30 22:00 UTC)" in screen.out
    assert "11:30 Europe/Amsterdam" in screen.out
    assert "at once" in screen.out


def test_preview_shows_no_address_to_anything_but_a_terminal(seeded: World, screen: Screen) -> None:
    with pytest.raises(Refused, match="terminal only"):
        seeds_preview("smoke", EVERYTHING, screen.console(seeded.clock), seeded.environment)
    assert screen.out == ""


def test_preview_sends_nothing(seeded: World) -> None:
    seeds_preview("smoke", EVERYTHING, Screen(stdout=Terminal()).console(seeded.clock), seeded.environment)
    assert seeded.writes == []


def test_status_counts_by_the_tenants_own_names(seeded: World, screen: Screen) -> None:
    applied(seeded, Screen())
    assert seeds_status(EVERYTHING, screen.console(seeded.clock), seeded.environment) is Exit.DONE
    assert "customer_seeds.smoke: 2 sent; 2 counted on the tenant" in screen.out
    assert "faults unverified" in screen.out


def test_status_waits_for_customers_that_appear_late(seeded: World, screen: Screen) -> None:
    seeded.variants = Variants(customers_appear_after_seconds=60)
    applied(seeded, Screen())
    console = screen.console(seeded.clock)
    assert seeds_status(EVERYTHING, Screen().console(seeded.clock), seeded.environment) is Exit.ERROR
    assert seeds_status(EVERYTHING, console, seeded.environment, wait=300) is Exit.DONE


def test_a_declared_fault_status_is_an_error(seeded: World, screen: Screen) -> None:
    seeded.variants = Variants(plus_addresses="fault")
    seed = SEED.replace("SEND", "once").replace("john@", "john+1@")
    seeded.write("welcome.yaml", seed.replace("    round:", "    fault_statuses: [40]\n    round:"))
    applied(seeded, Screen())
    console = screen.console(seeded.clock, as_json=True)
    assert seeds_status(EVERYTHING, console, seeded.environment) is Exit.ERROR
    assert screen.document["statuses"][0]["faults"] == 1


def test_a_seed_by_hand_is_sent_by_its_verb_only(seeded: World, screen: Screen) -> None:
    seeded.write("welcome.yaml", SEED.replace("SEND", "by_hand"))
    applied(seeded, Screen())
    assert invitations(seeded) == []
    console = screen.console(seeded.clock)
    assert seeds_send("smoke", EVERYTHING, console, seeded.environment, again=False, yes=True) is Exit.DONE
    assert invitations(seeded) == BOTH


def test_sending_again_is_said_on_purpose(seeded: World, screen: Screen) -> None:
    applied(seeded, Screen())
    console = screen.console(seeded.clock)
    with pytest.raises(UsageError, match="--again"):
        seeds_send("smoke", EVERYTHING, console, seeded.environment, again=False, yes=True)
    seeds_send("smoke", EVERYTHING, console, seeded.environment, again=True, yes=True)
    assert invitations(seeded) == sorted(BOTH * 2)


def test_sending_by_hand_asks_first(seeded: World, screen: Screen) -> None:
    with pytest.raises(Refused, match="--yes"):
        seeds_send(
            "smoke", EVERYTHING, screen.console(seeded.clock), seeded.environment, again=False, yes=False
        )
    assert invitations(seeded) == []


def in_doubt(world: World) -> None:
    world.faults = [Fault.parse("POST /external/api/v3/customer/add:1:after:drop")]
    assert applied(world, Screen()) is Exit.IN_DOUBT
    world.faults = []


@pytest.mark.parametrize(("sent", "mails"), [(True, BOTH), (False, sorted(BOTH * 2))])
def test_a_person_settles_a_doubt(seeded: World, sent: bool, mails: list[str]) -> None:
    in_doubt(seeded)
    screen = Screen(stdin=Terminal("yes\n"))  # the tenant has them, so "not sent" has to be said twice
    assert (
        seeds_resolve("smoke", EVERYTHING, screen.console(seeded.clock), seeded.environment, sent=sent)
        is Exit.DONE
    )
    assert applied(seeded, Screen()) is Exit.DONE
    assert invitations(seeded) == mails


def test_customers_in_doubt_are_not_sent_again_by_hand_either(seeded: World, screen: Screen) -> None:
    in_doubt(seeded)
    with pytest.raises(UsageError):
        seeds_send(
            "smoke", EVERYTHING, screen.console(seeded.clock), seeded.environment, again=True, yes=True
        )
    assert invitations(seeded) == BOTH


def test_nothing_in_doubt_cannot_be_settled(seeded: World, screen: Screen) -> None:
    with pytest.raises(UsageError, match="in doubt"):
        seeds_resolve("smoke", EVERYTHING, screen.console(seeded.clock), seeded.environment, sent=True)


def test_an_unknown_seed_is_an_error(seeded: World, screen: Screen) -> None:
    with pytest.raises(UsageError, match="nowhere"):
        seeds_send(
            "nowhere", Selection(), screen.console(seeded.clock), seeded.environment, again=False, yes=True
        )


def test_a_seed_is_nothing_to_show_side_by_side(seeded: World, screen: Screen) -> None:
    with pytest.raises(UsageError, match="seeds preview"):
        show("smoke", EVERYTHING, screen.console(seeded.clock), seeded.environment)
