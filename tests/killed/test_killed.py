"""A process that is killed at any request or journal write of an apply loses nothing and does nothing twice.

Twenty changes and two seeds; the next run does exactly the rest, and the sandbox is the witness.
"""

from __future__ import annotations

import json
import signal
import time
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from reconciler.commands.apply import ApplyOptions, apply
from reconciler.commands.history import Filter, history
from reconciler.engine.plan import Consent
from reconciler.errors import Exit
from reconciler.expoints.settling import LONGEST_POST
from reconciler.sandbox import Server, State, create_app
from reconciler.sandbox.seeding import CONFIGS, STARTING_POINT, stored_config
from tests.clock import FakeClock
from tests.commands.world import EVERYTHING, Screen
from tests.killed.nursery import Run, nursery
from tests.seeds.world import JANE, JOHN, SETTLE_AFTER, End, SeedWorld

UPDATED, DELETED, CREATED = range(1, 11), range(11, 14), range(20, 27)
CHANGES = len(UPDATED) + len(DELETED) + len(CREATED)
SETTINGS = """\
version: 1
default_target: sandbox
targets:
  sandbox:
    checkmarket: {{url: "{url}", parallelism: 1}}
    expoints: {{url: "{url}", allowed_recipients: ["*@example.com"]}}
    limits: {{deletes: 3, updates: 20}}
"""
# The list, a probe of it, and the names of before the first create; then a read, a write and a verifying read
# for each change, but for a create, which is not there to be read before.
CHANGING = 3 + 3 * CHANGES - len(CREATED)
# Columns, a count for each mailbox and opt-outs, again now that the account is held; then for each seed a
# count before, one of nobody and the batch, then the statuses, a count of all, and of three of the statuses.
SENDING = 2 * (1 + 2 + 1) + 2 * (1 + 1 + 1 + 1 + 1 + 3)
REQUESTS = CHANGING + SENDING
# The journal, the run, an intent and an outcome for each change, what the first update has taught, and for
# each seed an intent and its end; the end of the run.
WRITES = 2 + 2 * CHANGES + 1 + 2 * 2 + 1


@dataclass
class LaterWorld(SeedWorld):
    """A world whose server has the right time, for as many seconds `later` as it is taken to be."""

    later: float = 0.0


@pytest.fixture(scope="session")
def run() -> Iterator[Run]:
    with nursery() as run:
        yield run


@pytest.fixture
def world(tmp_path: Path) -> Iterator[LaterWorld]:
    made = LaterWorld(tmp_path)
    configs = {number: stored_config(before(number)) for number in (*UPDATED, *DELETED)}
    made.state = State(":memory:", {**STARTING_POINT, CONFIGS: configs})
    made.write("configs.yaml", json.dumps({"import_configs": declarations()}))
    made.declare(JOHN, key="john")
    made.declare(JANE, key="jane", after=["import_configs.config-20"])
    with Server(create_app(made.state, clock=lambda: time.time() + made.later)) as server:
        made.write("reconciler.yaml", SETTINGS.format(url=server.url))
        yield made


def before(number: int) -> dict[str, Any]:
    return {"Name": f"Config {number}", "DateFormat": "dd/MM/yyyy", "FirstRow": 2, "IsReusable": True}


def declarations() -> dict[str, Any]:
    updates = {
        f"config-{n}": {"name": f"Config {n}", "date_format": "yyyy-MM-dd", "reset": ["first_row"]}
        for n in UPDATED
    }
    deletions = {f"config-{n}": {"name": f"Config {n}", "absent": True} for n in DELETED}
    creations = {f"config-{n}": {"name": f"Config {n}", "date_format": "yyyy-MM-dd"} for n in CREATED}
    return {**updates, **deletions, **creations}


def killed(world: LaterWorld, run: Run, point: str) -> int:
    """Apply in a process of its own that ends at a point."""
    environ = {"RECONCILER_WORKSPACE": str(world.folder / "configs"), "RECONCILER_CRASH_AT": point}
    return run("apply", "--yes", environ=environ)


def applied(world: LaterWorld, later: float = 0.0, recreate: Collection[str] = ()) -> End:
    """Apply once more, so many seconds from now, in this process."""
    screen = Screen()
    world.later, world.clock = later, FakeClock(time.time() + later)
    console = screen.console(world.clock, as_json=True)
    consent = Consent(recreate=frozenset(recreate))
    exit = apply(EVERYTHING, ApplyOptions(consent, yes=True), console, world.environment)
    return End(exit, screen.document, screen.err)


def writes(world: LaterWorld) -> Counter[str]:
    """Return how often each write of a configuration reached the server."""
    return Counter(
        f"{request.method} {request.path} {json.loads(request.body or b'{}').get('Name', '')}"
        for request in world.writes
        if "/import/configs" in request.path
    )


def check_nothing_is_lost_or_twice(world: LaterWorld) -> None:
    """Check what reached the server, whatever became of the processes."""
    assert set(writes(world).values()) == {1}
    assert len(writes(world)) == CHANGES
    assert len(world.mailed) == len(set(world.mailed))


def test_a_whole_apply_reaches_as_many_points_as_are_tried_here(world: LaterWorld, run: Run) -> None:
    assert killed(world, run, f"request:{REQUESTS + 1}:before") == Exit.DONE
    assert len(world.state.requests()) == REQUESTS
    assert world.mailed == [JANE, JOHN]


def test_a_whole_apply_writes_as_often_to_the_journal(world: LaterWorld, run: Run) -> None:
    assert killed(world, run, f"journal:{WRITES + 1}:before") == Exit.DONE


POINTS = [
    *(f"request:{number}:{when}" for number in range(1, REQUESTS + 1) for when in ("before", "after")),
    *(f"journal:{number}:{when}" for number in range(1, WRITES + 1) for when in ("before", "after")),
]


@pytest.mark.parametrize("point", POINTS)
def test_killed_at_any_point_the_next_runs_do_exactly_the_rest(
    world: LaterWorld, run: Run, point: str
) -> None:
    assert killed(world, run, point) == -signal.SIGKILL
    done, mailed = writes(world), world.mailed
    end = applied(world)
    assert sum(end.document["summary"].values()) == CHANGES - done.total()
    carried_out = end.document["summary"]["applied"]
    doubtful = [one["key"] for one in end.document["outcomes"] if one["result"] == "in_doubt"]
    if doubtful:
        # A create was written down and is not to be seen: a person has to say that it never left.
        assert (end.exit, len(doubtful)) == (Exit.IN_DOUBT, 1)
        end = applied(world, recreate=doubtful)
        carried_out += end.document["summary"]["applied"]
    check_nothing_is_lost_or_twice(world)
    assert carried_out == CHANGES - done.total()
    if end.exit is Exit.IN_DOUBT:
        assert end.states["in_doubt"] == 1
        # Nobody knows for how long the request of a process that was killed was under way.
        end = applied(world, LONGEST_POST + SETTLE_AFTER)
        check_nothing_is_lost_or_twice(world)
    assert end.exit is Exit.DONE
    assert world.mailed == [JANE, JOHN]
    assert set(mailed) <= {JANE, JOHN}


def test_a_killed_run_is_told_as_that(world: LaterWorld, run: Run) -> None:
    killed(world, run, "request:30:after")
    applied(world)
    screen = Screen()
    history(EVERYTHING, Filter(), screen.console(world.clock, as_json=True), world.environment)
    notes = [(run["id"], run["exit_code"], run["note"].partition(":")[0]) for run in screen.document["runs"]]
    assert notes == [(2, 0, ""), (1, None, "found dead")]
    assert 0 < screen.document["runs"][1]["counts"]["applied"] < CHANGES
