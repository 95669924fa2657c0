"""`seeds`: preview, status, resolve and send by hand."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest

from reconciler.commands.history import Filter, history
from reconciler.commands.plan import show
from reconciler.commands.seeds import seeds_preview, seeds_resolve, seeds_send, seeds_status
from reconciler.errors import Exit, Refused, UsageError
from reconciler.render.text import MAIL_IS_SENT
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


def send(world: SeedWorld, key: str = "smoke", *, again: bool = False, yes: bool = True) -> Exit:
    return world.ran(seeds_send, key, EVERYTHING, again=again, yes=yes).exit


def preview(world: SeedWorld, stdout: io.StringIO) -> str:
    screen = Screen(stdout=stdout)
    assert world.ran(seeds_preview, "smoke", EVERYTHING, screen=screen).exit is Exit.DONE
    return screen.out


def test_preview_shows_addresses_and_data_to_a_terminal_alone_and_sends_nothing(world: SeedWorld) -> None:
    customers = [
        {"email": JOHN, "send_date": "2027-07-01", "data": {"First_name_customer": "Johannes"}},
        {"email": JANE},
    ]
    world.declare(customers=customers, send_time="11:30")
    out = preview(world, Terminal())
    assert JOHN in out
    assert re.search(r"First_name_customer +Johannes", out)
    assert "2027-07-01 00:00 Europe/Amsterdam (2027-06-30 22:00 UTC)" in out
    assert "11:30 Europe/Amsterdam" in out
    assert "at once" in out
    elsewhere = preview(world, io.StringIO())
    assert not {JOHN, JANE, "Johannes"} & {*elsewhere.split()}
    assert re.search(
        r"s\*\*\*@example.com  pending +\(.*\n(?: .*\n)*    First_name_customer +\*\*\*", elsewhere
    )
    assert world.writes == []
    with pytest.raises(UsageError, match="no JSON"):
        world.ran(seeds_preview, "smoke", EVERYTHING, json=True)


def test_status_waits_for_customers_that_appear_late_and_counts_by_the_tenants_names(
    world: SeedWorld,
) -> None:
    world.variants = Variants(customers_appear_after_seconds=60)
    world.apply()
    assert world.ran(seeds_status, EVERYTHING).exit is Exit.ERROR
    run = world.ran(seeds_status, EVERYTHING, wait=300)
    assert run.exit is Exit.DONE
    assert "customer_seeds.smoke: 2 sent; 2 counted on the tenant" in run.out
    assert "faults unverified" in run.out


def test_a_declared_fault_status_is_an_error(world: SeedWorld) -> None:
    world.variants = Variants(plus_addresses="fault")
    world.declare(JOHN, "jane@example.com", fault_statuses=[40])
    world.apply()
    run = world.ran(seeds_status, EVERYTHING, json=True)
    assert (run.exit, run.document["statuses"][0]["faults"]) == (Exit.ERROR, 1)


def test_a_fault_status_that_the_tenant_does_not_have_is_told_with_what_is_near(world: SeedWorld) -> None:
    world.declare(JOHN, fault_statuses=["Falt", "opted  out", "Nothing", 99, 40])
    told = [note for note in world.apply().document["sent"][0]["notes"] if "on the tenant" in note]
    out = world.ran(seeds_status, EVERYTHING).out
    assert told == []
    for said in (
        "there is no status Falt; write Fault",
        r'there is no status opted  out; write "Opted out", not "opted \x20out"',
        "there is no status Nothing; known: Fault, Finished, Initial",
        "there is no status 99; known: Fault",
    ):
        assert said in out
    document = world.ran(seeds_status, EVERYTHING, json=True).document["statuses"][0]
    assert document["unknown_fault_statuses"] == ["Falt", "opted  out", "Nothing", "99"]


def test_a_seed_by_hand_is_sent_by_its_verb_only_which_asks_and_again_on_purpose(world: SeedWorld) -> None:
    world.declare(JOHN, JANE, send="by_hand", end_date="+21d")
    world.apply()
    screen = Screen()
    with pytest.raises(Refused, match="--yes"):
        world.ran(seeds_send, "smoke", EVERYTHING, screen=screen, again=False, yes=False)
    assert "    end_date +21d: " in screen.out
    assert world.mailed == []
    assert send(world) is Exit.DONE
    assert world.mailed == BOTH
    screen = Screen(stdin=Terminal("yes\n"))
    with pytest.raises(UsageError, match="--again"):
        world.ran(seeds_send, "smoke", EVERYTHING, screen=screen, again=False, yes=False)
    assert "nothing to send" in screen.out
    assert MAIL_IS_SENT not in screen.out
    assert "conclusion" not in world.ran(history, EVERYTHING, Filter()).out
    question = (
        "Mail 2 customers of customer_seeds.smoke, 2 of them once more, after this round was sent to them?"
    )
    screen = Screen(stdin=Terminal("no\n"))
    with pytest.raises(Refused, match="nothing was sent"):
        world.ran(seeds_send, "smoke", EVERYTHING, screen=screen, again=True, yes=False)
    assert question in screen.err
    assert "→ customer_seeds.smoke  send again, round 1: 2 sent" in screen.out
    assert MAIL_IS_SENT in screen.out
    assert world.mailed == BOTH
    send(world, again=True)
    assert world.mailed == TWICE


def test_status_of_one_seed_says_nothing_of_the_others(world: SeedWorld) -> None:
    world.declare("zoe@example.com", key="other")
    world.apply()
    run = world.ran(seeds_status, EVERYTHING, key="smoke", json=True)
    assert [one["key"] for one in run.document["statuses"]] == ["customer_seeds.smoke"]
    with pytest.raises(UsageError, match="nowhere"):
        world.ran(seeds_status, EVERYTHING, key="nowhere")


@pytest.mark.parametrize(("sent", "mails"), [(True, BOTH), (False, TWICE)])
def test_a_person_resolves_a_doubt_and_before_nothing_is_sent_by_hand(
    world: SeedWorld, sent: bool, mails: list[str]
) -> None:
    assert world.apply(f"{ADD}:1:after:drop").exit is Exit.IN_DOUBT
    with pytest.raises(UsageError):
        send(world, again=True)
    assert world.mailed == BOTH
    screen = Screen(stdin=Terminal("yes\n"))  # the tenant has them, so "not sent" has to be said twice
    assert world.ran(seeds_resolve, "smoke", EVERYTHING, screen=screen, sent=sent).exit is Exit.DONE
    assert world.apply().exit is Exit.DONE
    assert world.mailed == mails


def test_what_cannot_be_done_is_wrong_usage(world: SeedWorld) -> None:
    with pytest.raises(UsageError, match="in doubt"):
        world.ran(seeds_resolve, "smoke", EVERYTHING, sent=True)
    with pytest.raises(UsageError, match="nowhere"):
        send(world, "nowhere")
    with pytest.raises(UsageError, match="seeds preview"):
        world.ran(show, "smoke", EVERYTHING)
