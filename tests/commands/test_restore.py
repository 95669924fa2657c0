"""`restore` plans the way back from a run, through the same checks as every plan."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.commands.apply import ApplyOptions, apply
from reconciler.commands.plan import PlanOptions, plan
from reconciler.commands.restore import restore
from reconciler.engine.plan import Consent
from reconciler.errors import Exit, Refused, UsageError
from reconciler.sandbox import Fault
from tests.commands.conftest import FILES
from tests.commands.world import EVERYTHING, SETTINGS, Screen, Terminal, World

RESETS = Consent(resets=None)
MAY_DELETE = SETTINGS + "    limits: {deletes: 5}\n"
CREATED = "import_configs:\n  other: {name: Other, update_type_id: 2}\n"


def applied(world: World) -> None:
    assert (
        apply(EVERYTHING, ApplyOptions(RESETS, yes=True), Screen().console(world.clock), world.environment)
        is Exit.DONE
    )


def restored(world: World, number: int = 1, screen: Screen | None = None) -> Exit:
    screen = screen or Screen()
    return restore(number, EVERYTHING, screen.console(world.clock), world.environment, yes=True)


def state(world: World, id: int = 1) -> Any:
    return without_nulls(world.config(id))


def without_nulls(value: Any) -> Any:
    """Return a body as the API shows it: what is null is not there."""
    if not isinstance(value, dict):
        return value
    return {name: without_nulls(inner) for name, inner in value.items() if inner is not None}


def test_an_update_is_taken_back_resets_included(world: World) -> None:
    before = state(world)
    applied(world)
    assert state(world) != before
    assert restored(world) is Exit.DONE
    assert state(world) == before


def test_what_was_created_is_deleted_within_the_limit_for_deletions(world: World) -> None:
    world.write("other.yaml", CREATED)
    applied(world)
    assert restored(world) is Exit.REFUSED
    assert world.config(2)
    world.write("reconciler.yaml", MAY_DELETE)
    assert restored(world) is Exit.DONE
    assert not world.config(2)


def test_a_refused_create_deletes_nobody_who_has_its_name(world: World) -> None:
    world.write("reconciler.yaml", MAY_DELETE)
    world.write("welcome.yaml", CREATED)
    world.faults = [Fault.parse("POST:1+:before:status=400")]
    apply(EVERYTHING, ApplyOptions(RESETS, yes=True), Screen().console(world.clock), world.environment)
    world.faults = ()
    world.change(1, Name="Other")
    restored(world)
    assert world.config(1)


def test_a_create_of_which_no_id_is_known_is_named_and_nothing_is_deleted_for_it(world: World) -> None:
    world.write("reconciler.yaml", MAY_DELETE)
    world.write("welcome.yaml", CREATED)
    world.faults = [Fault.parse("POST:1+:before:drop")]
    apply(EVERYTHING, ApplyOptions(RESETS, yes=True), Screen().console(world.clock), world.environment)
    world.faults = ()
    world.change(1, Name="Other")
    screen = Screen()
    restored(world, 1, screen)
    assert "nothing is deleted for it: import_configs.other." in screen.out
    assert world.config(1)


def test_a_refused_update_is_not_taken_back_over_what_somebody_wrote_later(world: World) -> None:
    world.faults = [Fault.parse("PUT:1+:before:status=400")]
    apply(EVERYTHING, ApplyOptions(RESETS, yes=True), Screen().console(world.clock), world.environment)
    world.faults = ()
    world.change(1, DateFormat="yyyy")
    assert restored(world) is Exit.DONE
    assert world.config(1)["DateFormat"] == "yyyy"


def test_what_was_deleted_is_created_again_with_all_that_it_had(world: World) -> None:
    world.write("reconciler.yaml", MAY_DELETE)
    world.write("welcome.yaml", "import_configs:\n  welcome: {absent: true, targets: {sandbox: {id: 1}}}\n")
    before = state(world)
    applied(world)
    assert not world.config(1)
    assert restored(world) is Exit.DONE
    assert state(world, 2) == before


def test_a_restore_can_be_restored(world: World) -> None:
    applied(world)
    after = state(world)
    restored(world, 1)
    assert restored(world, 2) is Exit.DONE
    assert state(world) == after


def test_going_back_twice_changes_nothing_the_second_time(world: World) -> None:
    applied(world)
    restored(world)
    writes = len(world.writes)
    assert restored(world) is Exit.DONE
    assert len(world.writes) == writes


def test_what_somebody_changes_while_it_is_planned_is_left_alone(world: World) -> None:
    applied(world)

    class Meddling(Terminal):
        def readline(self, *_: object) -> str:  # type: ignore[override]
            world.change(1, DateFormat="yyyy")
            return "yes\n"

    screen = Screen(stdin=Meddling())
    assert restore(1, EVERYTHING, screen.console(world.clock), world.environment) is Exit.STALE
    assert world.config(1)["DateFormat"] == "yyyy"


def test_it_says_what_cannot_come_back_and_what_to_do_about_the_files(world: World) -> None:
    applied(world)
    screen = Screen()
    restored(world, 1, screen)
    assert "change them too, or the next apply brings it back" in screen.out


def test_later_runs_on_the_same_keys_are_named(world: World) -> None:
    applied(world)
    world.write("welcome.yaml", FILES.replace("days: 2", "days: 9"))
    applied(world)
    screen = Screen()
    restored(world, 1, screen)
    assert "Written again by later runs, which goes back too: import_configs.welcome." in screen.out


def test_without_a_terminal_or_a_yes_nothing_is_restored(world: World) -> None:
    applied(world)
    writes = len(world.writes)
    with pytest.raises(Refused, match="no terminal"):
        restore(1, EVERYTHING, Screen().console(world.clock), world.environment)
    assert len(world.writes) == writes


def test_a_run_that_is_not_there_is_said(world: World) -> None:
    with pytest.raises(UsageError, match="knows no run 5"):
        restored(world, 5)


def test_a_run_of_another_account_is_not_restored_here(world: World) -> None:
    applied(world)
    world.write("reconciler.yaml", SETTINGS.replace("sandbox:\n    check", "elsewhere:\n    check").replace(
        "default_target: sandbox", "default_target: elsewhere"
    ))  # fmt: skip
    world.write("welcome.yaml", "import_configs: {}\n")
    with pytest.raises(Refused, match="account sandbox:sandbox, and this is sandbox:elsewhere"):
        restored(world)


def test_a_restore_is_a_run_itself_and_the_next_plan_shows_what_the_files_still_want(world: World) -> None:
    applied(world)
    restored(world)
    screen = Screen()
    exit = plan(
        EVERYTHING,
        PlanOptions(RESETS, detailed_exitcode=True),
        screen.console(world.clock),
        world.environment,
    )
    assert exit is Exit.PENDING
