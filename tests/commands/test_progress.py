"""How far work is, on a terminal, from the first second on; nothing anywhere else."""

from __future__ import annotations

import io

import pytest
from msgspec.structs import replace

from reconciler.commands.console import PROGRESS_AFTER, PROGRESS_EVERY, Console
from reconciler.commands.validate import validate
from reconciler.errors import FilesInvalid
from tests.clock import FakeClock
from tests.commands.world import EVERYTHING, Terminal, World

WIPED = "\r\x1b[K"


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.mark.parametrize(
    ("steps", "line"),
    [
        ([(0.0, 1, 2), (0.0, 2, 2)], ""),
        (
            [(PROGRESS_AFTER, 1, 3), (PROGRESS_EVERY, 2, 3), (0.0, 3, 3)],
            f"{WIPED}Reading files 1/3{WIPED}Reading files 2/3{WIPED}",
        ),
        ([(PROGRESS_AFTER, 4711, None)], f"{WIPED}Reading files 4711"),
        (
            [(PROGRESS_AFTER, 0, 1_000), *((0.0, done, 1_000) for done in range(1, 1_000))],
            f"{WIPED}Reading files 0/1000",
        ),
    ],
    ids=["within a second in silence", "counted and wiped", "to where is unknown", "a thousand at once"],
)
def test_after_a_second_a_line_counts_and_is_wiped_at_the_end(
    clock: FakeClock, steps: list[tuple[float, int, int | None]], line: str
) -> None:
    terminal = Terminal()
    progress = Console(stderr=terminal, clock=clock).progress("Reading files")
    for seconds, done, total in steps:
        clock.sleep(seconds)
        progress(done, total)
    assert terminal.getvalue() == line


@pytest.mark.parametrize(("stream", "quiet"), [(io.StringIO(), False), (Terminal(), True)])
def test_where_nobody_watches_there_is_none(stream: io.StringIO, quiet: bool, clock: FakeClock) -> None:
    progress = Console(stderr=stream, quiet=quiet, clock=clock).progress("Reading files")
    clock.sleep(PROGRESS_AFTER)
    progress(1, 2)
    assert stream.getvalue() == ""


@pytest.mark.parametrize(
    ("broken", "steps"),
    [(False, [(1, None), (2, None), (2, 2)]), (True, [(1, None), (2, None), (3, None), (3, 3)])],
)
def test_every_file_of_a_workspace_is_counted_and_then_how_many_there_are(
    world: World, broken: bool, steps: list[tuple[int, int | None]]
) -> None:
    told: list[tuple[int, int | None]] = []
    environment = replace(world.environment, reading=lambda *step: told.append(step))
    if broken:
        world.write("broken.yaml", "a: [\n" * 60)
        with pytest.raises(FilesInvalid):
            world.ran(validate, EVERYTHING, environment=environment)
    else:
        world.ran(validate, EVERYTHING, environment=environment)
    assert told == steps
