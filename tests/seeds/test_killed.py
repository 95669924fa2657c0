"""A real process, ended by SIGKILL at every request and journal write of an apply, mails nobody twice."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from reconciler.errors import Exit
from reconciler.expoints.settling import LONGEST_POST
from reconciler.sandbox import Server, create_app
from tests.clock import FakeClock
from tests.seeds.driver import POINTS
from tests.seeds.served import Reaper, When
from tests.seeds.world import JANE, JOHN, SETTINGS, SETTLE_AFTER, End, SeedWorld

APPLY = ("reconciler", "apply", "--yes", "--target", "sandbox")
BOTH = [JANE, JOHN]
# Columns, a count for each mailbox, and opt-outs: twice, for the plan is made again with the journal open.
# Then a count for each mailbox, and the batch; the statuses, a count of all, and of three of the statuses.
REQUESTS = 2 * (1 + 2 + 1) + 2 + 1 + 1 + 1 + 3
# Of a process that was killed nobody knows how long its request was under way.
RESTED = LONGEST_POST + SETTLE_AFTER


@contextmanager
def served(world: SeedWorld, number: int = 0, when: When = "before") -> Iterator[Reaper]:
    """Serve the tenant on a free port, to the commands that run in the block."""
    reaper = Reaper(create_app(world.state), number, when)
    with Server(reaper) as server:
        world.write("reconciler.yaml", SETTINGS.replace('"sandbox:", allowed', f'"{server.url}", allowed'))
        yield reaper


def applied(world: SeedWorld, later: float = 0.0) -> End:
    """Apply in this process, so many seconds from now; whatever happened, nobody was mailed twice."""
    world.clock = FakeClock(time.time() + later)
    end = world.apply()
    assert world.mailed in ([], BOTH)
    return end


def check_recovery(world: SeedWorld) -> None:
    """Check that the next apply reports who was not mailed, and one after the rest mails them."""
    soon = applied(world)
    assert world.mailed == BOTH or (soon.exit, soon.states) == (Exit.IN_DOUBT, {"in_doubt": 2})
    assert applied(world, RESTED).exit is Exit.DONE
    assert world.mailed == BOTH


def test_an_apply_makes_as_many_requests_as_are_tried_here(world: SeedWorld) -> None:
    with served(world) as reaper:
        assert reaper.run(world.folder, *APPLY) == Exit.DONE
    assert reaper.requests == REQUESTS
    assert world.mailed == BOTH


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("number", range(1, REQUESTS + 1))
def test_killed_at_any_request_nobody_is_mailed_twice_and_everybody_once(
    world: SeedWorld, number: int, when: When
) -> None:
    with served(world, number, when) as reaper:
        assert reaper.run(world.folder, *APPLY) == -signal.SIGKILL
        check_recovery(world)


@pytest.mark.parametrize("point", POINTS)
def test_killed_at_any_write_of_the_journal_nobody_is_mailed_twice_and_everybody_once(
    world: SeedWorld, point: str
) -> None:
    with served(world) as reaper:
        killed = reaper.run(world.folder, "tests.seeds.driver", point, str(world.folder))
        assert killed == -signal.SIGKILL
        check_recovery(world)


@pytest.mark.parametrize(("point", "mailed"), [("after intend", []), ("before conclude", BOTH)])
def test_killed_around_the_batch_the_next_apply_is_in_doubt(
    world: SeedWorld, point: str, mailed: list[str]
) -> None:
    with served(world) as reaper:
        reaper.run(world.folder, "tests.seeds.driver", point, str(world.folder))
        assert (applied(world).exit, world.mailed) == (Exit.IN_DOUBT, mailed)


@pytest.mark.parametrize("point", ["after intend", "before conclude"])
def test_killed_around_the_batch_it_rests_for_the_longest_request_too(world: SeedWorld, point: str) -> None:
    with served(world) as reaper:
        reaper.run(world.folder, "tests.seeds.driver", point, str(world.folder))
        assert applied(world, SETTLE_AFTER + LONGEST_POST / 2).states == {"in_doubt": 2}


def test_killed_while_a_person_has_to_approve_nothing_is_sent_again_ever(world: SeedWorld) -> None:
    world.declare(JOHN, JANE, approve_automatically=False)
    with served(world) as reaper:
        reaper.run(world.folder, "tests.seeds.driver", "before conclude", str(world.folder))
        world.approve()
        assert applied(world, 10 * SETTLE_AFTER).states == {"in_doubt": 2}
    assert world.mailed == BOTH
