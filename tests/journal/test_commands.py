"""The commands find the journal of a target by its address, of whatever form."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.commands.apply import ApplyOptions, apply
from reconciler.commands.plan import PlanOptions, plan
from reconciler.engine.plan import Consent
from reconciler.errors import Exit, Refused, UsageError
from reconciler.sandbox import Fault
from tests.commands.conftest import FILES, WELCOME
from tests.commands.world import EVERYTHING, SETTINGS, Screen, World

from .backends import GIT, declared, read_at
from .repositories import Repositories
from .server import QUOTED, free_port

RESETS = Consent(resets=None)


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A world whose target has its journal where a variable says."""
    made = World(tmp_path / "workspace")
    made.live({1: WELCOME})
    made.write("reconciler.yaml", f"{SETTINGS}    journal: {{env: JOURNAL}}\n")
    made.write("welcome.yaml", FILES)
    return made


def applied(world: World) -> Exit:
    screen = Screen()
    return apply(EVERYTHING, ApplyOptions(RESETS, yes=True), screen.console(world.clock), world.environment)


def test_apply_writes_its_run_into_the_journal_that_the_target_names(world: World, address: str) -> None:
    world.environ["JOURNAL"] = declared(address)
    assert applied(world) == Exit.DONE
    with read_at(address, world.clock) as past:
        [run] = past.runs()
        [operation] = past.operations(run.number)
    assert (run.exit, operation.intent.key) == (Exit.DONE, "import_configs.welcome")
    assert (operation.intent.before or {})["DateFormat"] == WELCOME["DateFormat"]


def test_a_create_in_doubt_is_known_to_the_next_run_and_on_another_machine(
    world: World, address: str, repositories: Repositories
) -> None:
    world.environ["JOURNAL"] = declared(address)
    world.write("welcome.yaml", "import_configs: {newcomer: {name: Newcomer}}\n")
    world.faults = [Fault.parse("POST:1+:before:drop")]
    assert applied(world) == Exit.IN_DOUBT
    world.faults = ()
    assert applied(world) == Exit.IN_DOUBT
    if (
        not address.startswith(GIT) or repositories.origin.exists()
    ):  # a branch without a remote is one machine's
        if address.startswith(GIT):
            repositories.clone("elsewhere")
        elsewhere = World(repositories.folder / "elsewhere", world.clock, world.environ, world.state)
        elsewhere.write("reconciler.yaml", f"{SETTINGS}    journal: {{env: JOURNAL}}\n")
        elsewhere.write("welcome.yaml", "import_configs: {newcomer: {name: Newcomer}}\n")
        assert applied(elsewhere) == Exit.IN_DOUBT
    assert len(world.writes) == 1


def test_a_plan_makes_no_journal(world: World, address: str) -> None:
    world.environ["JOURNAL"] = declared(address)
    plan(EVERYTHING, PlanOptions(RESETS), Screen().console(world.clock), world.environment)
    with read_at(address, world.clock) as past:
        assert past.is_new


def test_without_its_server_a_plan_is_made_and_says_so_and_apply_writes_nothing(world: World) -> None:
    world.environ["JOURNAL"] = f"postgresql://tester:{QUOTED}@127.0.0.1:{free_port()}/journal"
    screen = Screen()
    assert plan(EVERYTHING, PlanOptions(RESETS), screen.console(world.clock), world.environment) == Exit.DONE
    assert "cannot be reached" in screen.err
    assert "made without the journal" in screen.err
    with pytest.raises(Refused, match=r"cannot be reached: .*refused"):
        applied(world)
    assert world.writes == []
    assert "p@ss" not in screen.err + screen.out


def test_an_address_of_no_known_form_stops_apply_before_the_first_write(world: World) -> None:
    world.environ["JOURNAL"] = "mysql://tester:secret@127.0.0.1/journal"
    with pytest.raises(UsageError, match="it begins with one of sqlite:, postgresql://") as raised:
        applied(world)
    assert "secret" not in str(raised.value)
    assert world.writes == []
