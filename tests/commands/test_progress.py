"""How far work is, on a terminal, from the first second on; nothing anywhere else."""

from __future__ import annotations

import io

import pytest
from msgspec.structs import replace

from reconciler.commands.console import PROGRESS_AFTER, PROGRESS_EVERY, Console, Progress
from reconciler.commands.validate import validate
from reconciler.errors import FilesInvalid
from tests.clock import FakeClock
from tests.commands.world import EVERYTHING, Terminal, World

WIPED = "\r\x1b[K"


@pytest.fixture
def terminal() -> Terminal:
    return Terminal()


@pytest.fixture
def progress(terminal: Terminal, clock: FakeClock) -> Progress:
    return Console(stderr=terminal, clock=clock).progress("Reading files")


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def test_what_is_done_within_a_second_is_done_in_silence(progress: Progress, terminal: Terminal) -> None:
    progress(1, 2)
    progress(2, 2)
    assert terminal.getvalue() == ""


def test_after_a_second_a_line_counts_and_is_wiped_at_the_end(
    progress: Progress, terminal: Terminal, clock: FakeClock
) -> None:
    clock.sleep(PROGRESS_AFTER)
    progress(1, 3)
    clock.sleep(PROGRESS_EVERY)
    progress(2, 3)
    progress(3, 3)
    assert terminal.getvalue() == f"{WIPED}Reading files 1/3{WIPED}Reading files 2/3{WIPED}"


def test_it_counts_without_knowing_to_where_and_a_thousand_steps_at_once_are_one_line(
    terminal: Terminal, clock: FakeClock
) -> None:
    console = Console(stderr=terminal, clock=clock)
    unknown, many = console.progress("Reading files"), console.progress("Asking")
    clock.sleep(PROGRESS_AFTER)
    unknown(4711, None)
    for done in range(1_000):
        many(done, 1_000)
    assert terminal.getvalue() == f"{WIPED}Reading files 4711{WIPED}Asking 0/1000"


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
