"""`restore` plans the way back from a run, through the same checks as every plan."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.commands.restore import restore
from reconciler.errors import Exit, Refused, UsageError
from tests.commands.conftest import FILES
from tests.commands.world import EVERYTHING, SETTINGS, Doing, Run, Screen, World

MAY_DELETE = SETTINGS + "    limits: {deletes: 5}\n"
CREATED = "import_configs:\n  other: {name: Other, update_type_id: 2}\n"


def restored(world: World, number: int = 1, *, screen: Screen | None = None, yes: bool = True) -> Run:
    return world.ran(restore, number, EVERYTHING, screen=screen, yes=yes)


def state(world: World, id: int = 1) -> Any:
    return without_nulls(world.config(id))


def without_nulls(value: Any) -> Any:
    """Return a body as the API shows it: what is null is not there."""
    if not isinstance(value, dict):
        return value
    return {name: without_nulls(inner) for name, inner in value.items() if inner is not None}


def test_an_update_is_taken_back_resets_included_and_going_back_can_be_taken_back(world: World) -> None:
    before = state(world)
    world.applies()
    after = state(world)
    assert after != before
    run = restored(world)
    assert run.exit is Exit.DONE
    assert "change them too, or the next apply brings it back" in run.out
    assert state(world) == before
    writes = len(world.writes)
    assert restored(world).exit is Exit.DONE
    assert len(world.writes) == writes  # going back twice changes nothing
    assert world.plans(detailed_exitcode=True).exit is Exit.PENDING
    assert restored(world, 2).exit is Exit.DONE
    assert state(world) == after


def test_what_was_created_is_deleted_within_the_limit_for_deletions(world: World) -> None:
    world.write("other.yaml", CREATED)
    world.applies()
    assert restored(world).exit is Exit.REFUSED
    assert world.config(2)
    world.write("reconciler.yaml", MAY_DELETE)
    assert restored(world).exit is Exit.DONE
    assert not world.config(2)


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ("POST:1+:before:status=400", ""),
        ("POST:1+:before:drop", "nothing is deleted for it: import_configs.other."),
    ],
)
def test_a_create_that_was_refused_or_has_no_known_id_deletes_nobody_who_has_its_name(
    world: World, fault: str, told: str
) -> None:
    world.write("reconciler.yaml", MAY_DELETE)
    world.write("welcome.yaml", CREATED)
    world.applies(fault=fault)
    world.change(1, Name="Other")
    assert told in restored(world).out
    assert world.config(1)


def test_a_refused_update_is_not_taken_back_over_what_somebody_wrote_later(world: World) -> None:
    world.applies(fault="PUT:1+:before:status=400")
    world.change(1, DateFormat="yyyy")
    assert restored(world).exit is Exit.DONE
    assert world.config(1)["DateFormat"] == "yyyy"


def test_what_was_deleted_is_created_again_with_all_that_it_had(world: World) -> None:
    world.write("reconciler.yaml", MAY_DELETE)
    world.write("welcome.yaml", "import_configs:\n  welcome: {absent: true, targets: {sandbox: {id: 1}}}\n")
    before = state(world)
    world.applies()
    assert not world.config(1)
    assert restored(world).exit is Exit.DONE
    assert state(world, 2) == before


def test_what_somebody_changes_while_it_is_planned_is_left_alone(world: World) -> None:
    world.applies()
    screen = Screen(stdin=Doing(lambda: world.change(1, DateFormat="yyyy")))
    assert restored(world, screen=screen, yes=False).exit is Exit.STALE
    assert world.config(1)["DateFormat"] == "yyyy"


def test_later_runs_on_the_same_keys_are_named(world: World) -> None:
    world.applies()
    world.write("welcome.yaml", FILES.replace("days: 2", "days: 9"))
    world.applies()
    later = "Written again by later runs, which goes back too: import_configs.welcome."
    assert later in restored(world).out


def test_what_cannot_be_restored_is_said_and_nothing_is_written(world: World) -> None:
    world.applies()
    writes = len(world.writes)
    with pytest.raises(Refused, match="no terminal"):
        restored(world, yes=False)
    with pytest.raises(UsageError, match="knows no run 5"):
        restored(world, 5)
    elsewhere = SETTINGS.replace("sandbox:\n    check", "elsewhere:\n    check")
    world.write("reconciler.yaml", elsewhere.replace("target: sandbox", "target: elsewhere"))
    world.write("welcome.yaml", "import_configs: {}\n")
    with pytest.raises(Refused, match="account sandbox:sandbox, and this is sandbox:elsewhere"):
        restored(world)
    assert len(world.writes) == writes
