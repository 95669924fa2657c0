"""A create in doubt is not created again: by no later run, on no machine, under no other key or name."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from reconciler.commands.history import history_show
from reconciler.commands.workspace import Selection
from reconciler.engine.plan import SETTLE_SECONDS, Consent
from reconciler.errors import Exit
from reconciler.planfile.files import read_plan
from reconciler.sandbox import Fault, Server, Variants, create_app
from tests.clock import FakeClock
from tests.commands.world import EVERYTHING, SETTINGS, Screen, Terminal, World
from tests.killed.nursery import Run, nursery

KEY = "import_configs.newcomer"
FILES = "import_configs: {newcomer: {name: Newcomer}}\n"
POST = "POST /3/contacts/import/configs"
HIDDEN = Variants(appears_after_seconds=1200.0)
"""A server that hides what is new for far longer than a run is patient."""
RECREATE = Consent(recreate=frozenset({KEY}))


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path)
    made.live({1: {"Name": "Welcome", "IsReusable": True}})
    made.write("reconciler.yaml", SETTINGS)
    made.write("files.yaml", FILES)
    return made


def applied(world: World, *faults: str, **asked: Any) -> tuple[Exit, Any]:
    """Apply while these faults strike; return how it ended, and its document."""
    run = world.applies(**{"consent": Consent(), "json": True, "faults": faults, **asked})
    return run.exit, run.document


def posts(world: World) -> int:
    return sum(request.method == "POST" for request in world.state.requests())


def in_doubt(world: World, *, done: bool = True) -> None:
    """Let the answer of the create be lost, done or not, and stay out of sight for longer than patience."""
    if done:
        world.variants = HIDDEN
    fault = f"{POST}:1+:after:status=500" if done else f"{POST}:1+:before:drop"
    exit, document = applied(world, fault)
    assert (exit, document["outcomes"][0]["result"]) == (Exit.IN_DOUBT, "in_doubt")


def test_while_it_is_not_to_be_seen_every_way_to_apply_leaves_it_and_says_what_to_do(world: World) -> None:
    file = world.folder / "plan.json"
    world.plans(Consent(), out=file)
    in_doubt(world)
    before = posts(world)
    shown = world.plans(Consent())
    assert shown.exit is Exit.IN_DOUBT
    for text in (f"? {KEY}  in doubt", f"--recreate {KEY}", "Plan again after 20"):
        assert text in shown.out
    reviewed = read_plan(world.environment.folder / file).review
    for how in (
        {},
        {"selection": Selection(only=("newcomer",))},
        {"plan_files": (file,)},
        {"reviewed": frozenset(reviewed.digests)},
    ):
        exit, document = applied(world, **how)
        assert (exit, document["summary"]["in_doubt"]) == (Exit.IN_DOUBT, 1), how
    world.clock.sleep(SETTLE_SECONDS - 60)  # time alone settles nothing
    assert applied(world)[0] is Exit.IN_DOUBT
    assert posts(world) == before == 1


@pytest.mark.parametrize(
    ("files", "expected"), [("newcomer: {name: Other}", "Other"), ("later: {name: Newcomer}", "Newcomer")]
)
def test_once_it_is_seen_it_is_adopted_and_the_journal_knows_it(
    world: World, files: str, expected: str
) -> None:
    in_doubt(world)
    world.write("files.yaml", f"import_configs: {{{files}}}\n")
    assert applied(world)[0] is Exit.IN_DOUBT
    world.clock.sleep(HIDDEN.appears_after_seconds)
    assert applied(world)[0] is Exit.DONE
    assert (world.names, posts(world)) == ([expected, "Welcome"], 1)
    found = world.ran(history_show, 2, EVERYTHING).out
    assert "1 change of earlier runs resolved, exit 0" in found
    assert "create of run 1, in doubt until then: found by its name in run 2, id 2" in found
    first = world.runs()[-1]
    assert (first["counts"]["applied"], first["counts"]["in doubt"]) == (1, 0)
    # It is known by its id from here on: not even out of sight is it created again.
    world.change(2, IsReusable=False)
    assert applied(world)[0] is Exit.REFUSED
    assert posts(world) == 1


def test_its_name_under_a_new_key_is_in_doubt_while_its_own_key_has_another(world: World) -> None:
    in_doubt(world)
    world.write("files.yaml", "import_configs: {newcomer: {name: Other}, later: {name: Newcomer}}\n")
    exit, document = applied(world)
    assert (exit, document["summary"]["in_doubt"]) == (Exit.IN_DOUBT, 2)
    assert posts(world) == 1


def test_what_a_stale_list_does_not_show_is_not_created_again_under_another_key(world: World) -> None:
    world.variants = Variants(read_cache_seconds=600.0)
    assert applied(world)[0] is Exit.DONE
    world.write("files.yaml", "import_configs: {later: {name: Newcomer}}\n")
    assert applied(world)[0] is Exit.REFUSED
    assert posts(world) == 1


def test_an_id_that_is_declared_since_settles_it(world: World) -> None:
    in_doubt(world)
    world.clock.sleep(HIDDEN.appears_after_seconds)
    world.change(2, Name="Renamed in the Tool")
    assert applied(world)[0] is Exit.IN_DOUBT
    world.write("files.yaml", "import_configs: {newcomer: {name: Newcomer, targets: {sandbox: {id: 2}}}}\n")
    assert applied(world)[0] is Exit.DONE
    assert (world.names, posts(world)) == (["Newcomer", "Welcome"], 1)


def test_a_person_who_knows_that_it_is_not_there_has_it_created_once(world: World) -> None:
    in_doubt(world, done=False)
    assert applied(world)[0] is Exit.IN_DOUBT
    assert applied(world, consent=RECREATE)[0] is Exit.DONE
    assert applied(world)[0] is Exit.DONE
    assert world.names == ["Newcomer", "Welcome"]


def test_nothing_prunes_what_a_create_in_doubt_may_have_made(world: World) -> None:
    world.write("reconciler.yaml", SETTINGS + "    limits: {deletes: 9}\n")
    in_doubt(world)
    world.write("files.yaml", "import_configs: {newcomer: {name: Other}, welcome: {name: Welcome}}\n")
    world.clock.sleep(HIDDEN.appears_after_seconds)
    assert applied(world, consent=Consent(prune=True))[0] is Exit.DONE
    assert world.names == ["Other", "Welcome"]
    assert not [request for request in world.writes if request.method == "DELETE"]


def test_a_run_that_ended_in_doubt_while_a_person_looked_at_the_plan_counts(world: World) -> None:
    world.variants = HIDDEN
    beside = replace(world.environment, clock=FakeClock(world.clock.now()))

    class Answer(Terminal):
        """A person who says yes after somebody else has applied the same."""

        def readline(self, *_: Any) -> str:  # type: ignore[override]
            lost = create_app(
                world.state, HIDDEN, [Fault.parse(f"{POST}:1+:after:drop")], clock=world.clock.now
            )
            other = replace(beside, sandboxes={"sandbox": lost})
            assert world.applies(Consent(), environment=other).exit is Exit.IN_DOUBT
            return "yes\n"

    run = world.applies(Consent(), yes=False, screen=Screen(stdin=Answer()))
    assert run.exit is Exit.IN_DOUBT
    assert "in doubt: run 1 may have created" in run.out
    assert posts(world) == 1


def test_what_a_restore_created_in_doubt_is_not_restored_twice(world: World) -> None:
    world.write("reconciler.yaml", SETTINGS + "    limits: {deletes: 9}\n")
    world.write("files.yaml", "import_configs: {welcome: {absent: true, name: Welcome}}\n")
    assert applied(world)[0] is Exit.DONE
    world.variants, world.faults = HIDDEN, [Fault.parse(f"{POST}:1+:after:drop")]
    for recreate, expected in ((False, 1), (False, 1), (True, 2)):
        keys = frozenset({"import_configs.welcome"} if recreate else ())
        world.restores(consent=Consent(resets=None, recreate=keys))
        assert posts(world) == expected


@pytest.fixture
def run() -> Iterator[Run]:
    with nursery() as run:
        yield run


@pytest.mark.parametrize(("point", "reached"), [("journal:3:after", 0), ("request:3:after", 1)])
def test_killed_on_a_create_the_next_runs_leave_it_until_it_is_seen_or_a_person_says(
    world: World, run: Run, point: str, reached: int
) -> None:
    later = [0.0]
    app = create_app(world.state, HIDDEN, clock=lambda: time.time() + later[0])
    with Server(app) as server:
        world.write("reconciler.yaml", SETTINGS.replace('"sandbox:"', f'"{server.url}"'))
        environ = {"RECONCILER_WORKSPACE": str(world.folder / "configs"), "RECONCILER_CRASH_AT": point}
        assert run("apply", "--yes", environ=environ) == -signal.SIGKILL
        assert posts(world) == reached
        del environ["RECONCILER_CRASH_AT"]
        assert run("plan", environ=environ) == Exit.IN_DOUBT
        assert run("apply", "--yes", environ=environ) == Exit.IN_DOUBT
        assert posts(world) == reached
        if reached:
            later[0] = HIDDEN.appears_after_seconds
            assert run("apply", "--yes", environ=environ) == Exit.DONE
        else:
            run("apply", "--yes", "--recreate", KEY, environ=environ)
    assert posts(world) == 1
