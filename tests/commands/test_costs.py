"""What a command costs, in what can be counted: requests, and files that are opened. Never in time."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from msgspec.structs import replace

from reconciler.commands.console import Requests as Watching
from reconciler.engine.plan import Consent
from reconciler.errors import Exit
from reconciler.sandbox import Variants
from tests.commands.world import SETTINGS, Screen, World

LIVE = 250
"""Three pages of the list: 100 rows are asked for at once."""
DIFFERING = 12
PAGE, ONE = "/3/contacts/import/configs", "one"
LIMITS = "    limits: {updates: null}\n"

Requests = Counter[tuple[str, str]]


def declared(id: int, delay: int) -> str:
    return (
        f"  config-{id:03}:\n    name: Config {id}\n    is_reusable: true\n"
        f"    survey_settings: {{survey_id: 4711, invitation_delay_in_days: {delay}}}\n"
        f"    targets: {{sandbox: {{id: {id}}}}}\n"
    )


@pytest.fixture
def world(tmp_path: Path) -> World:
    """An account of several pages, and as many files, of which some differ from it."""
    made = World(tmp_path)
    settings = {"SurveyId": 4711, "InvitationDelayInDays": 2}
    made.live(
        {
            id: {"Name": f"Config {id}", "IsReusable": True, "SurveySettings": settings}
            for id in range(1, LIVE + 1)
        }
    )
    made.write("reconciler.yaml", SETTINGS + LIMITS)
    for id in range(1, LIVE + 1):
        made.write(f"{id}.yaml", "import_configs:\n" + declared(id, 3 if id <= DIFFERING else 2))
    return made


def requests(world: World) -> Requests:
    """Return how often each was made, with `one` for the path of any single configuration."""
    return Counter((r.method, PAGE if r.path == PAGE else ONE) for r in world.state.requests())


def planned(world: World) -> Screen:
    screen = Screen()
    watching = Watching(screen.console(world.clock, verbose=True))
    environment = replace(world.environment, on_request=watching)
    assert (
        world.plans(Consent(), screen=screen, environment=environment, settings={"verbose": True}).exit
        is Exit.DONE
    )
    watching.end("plan", Exit.DONE)
    return screen


def test_a_plan_asks_for_the_pages_of_the_list_and_one_probe(world: World) -> None:
    screen = planned(world)
    assert requests(world) == {("GET", PAGE): 3, ("GET", ONE): 1}
    assert f"{DIFFERING} to update" in screen.out
    assert screen.err == "4 requests: 4 GET\n"


def test_a_plan_reads_each_declared_one_by_itself_only_where_the_list_lacks_its_body(world: World) -> None:
    world.variants = Variants(rows="thin")
    planned(world)
    assert requests(world) == {("GET", PAGE): 3, ("GET", ONE): LIVE}


@pytest.mark.parametrize("parallelism", [1, 20])
def test_an_apply_reads_writes_and_reads_back_each_change_beside_its_plan(
    world: World, parallelism: int
) -> None:
    world.write(
        "reconciler.yaml", SETTINGS.replace('"sandbox:"', f'"sandbox:", parallelism: {parallelism}') + LIMITS
    )
    assert world.applies(Consent()).exit is Exit.DONE
    assert requests(world) == {("GET", PAGE): 3, ("GET", ONE): 1 + 2 * DIFFERING, ("PUT", ONE): DIFFERING}


@pytest.mark.parametrize("cap", [12, 24, 30])
def test_a_run_takes_no_more_of_an_allowance_than_its_share_and_leaves_nothing_in_doubt(
    world: World, cap: int
) -> None:
    share = f'"sandbox:", requests_per_run: {cap}'
    world.write("reconciler.yaml", SETTINGS.replace('"sandbox:"', share) + LIMITS)
    run = world.applies(Consent())
    made = requests(world)
    assert sum(made.values()) <= cap
    assert run.exit is Exit.PARTLY
    assert "0 in doubt" in run.out
    assert 0 < made[("PUT", ONE)] < DIFFERING
    assert f"Applied: {made[('PUT', ONE)]} changed" in run.out


NOTED = """\
import sys
opened = []
def note(event, about):
    # What is opened through another way of opening comes by here twice, and once without a mode.
    if event == "open" and about[1] is None:
        opened.append(str(about[0]))
sys.addaudithook(note)
from reconciler.cli import main
main(sys.argv[1:])
print(*opened, sep="\\n", file=sys.stderr)
"""


@pytest.mark.parametrize("command", [["validate"], ["plan"], ["apply", "--yes", "--target", "sandbox"]])
def test_each_file_is_read_once(world: World, command: list[str]) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", NOTED, *command], cwd=world.folder, capture_output=True, text=True
    )
    files = Counter(line for line in ended.stderr.splitlines() if line.endswith(".yaml"))
    assert len(files) == LIVE + 1
    assert set(files.values()) == {1}
