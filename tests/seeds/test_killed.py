"""A real process, ended by SIGKILL at every request and every write of its journal, mails each mailbox once.

tests/killed does the same to a first apply, of changes and seeds.
"""

from __future__ import annotations

import signal
from collections.abc import Iterable, Iterator
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from reconciler.errors import Exit
from reconciler.expoints.settling import LONGEST_POST
from reconciler.sandbox import Variants
from tests.killed.nursery import Run
from tests.seeds.forks import ServedWorld, open_forks, serving
from tests.seeds.world import ADD, JANE, JOHN, SETTLE_AFTER, End

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

BOTH = [JANE, JOHN]
# It is unknown how long the request of a killed process was under way.
RESTED = LONGEST_POST + SETTLE_AFTER


class Story(NamedTuple):
    """A command, and how many requests and writes of the journal it makes."""

    verb: str
    requests: int
    writes: int


# Requests: what the plan asks before and after the run has begun, and for a batch a count for each mailbox
# and for an unknown one, the batch itself, and five more to verify it. Writes: a journal that is new, the
# run, each batch, each customer that is settled or found, their ends.
SETTLING = Story("apply", 9, 4)
FINDING = Story("apply", 7, 4)
BY_HAND = Story("send", 13, 5)
RESOLVING = Story("resolve --sent", 1, 4)
ENDS = {FINDING: Exit.REFUSED}
"""How a command ends that does not end well."""
STORIES = (SETTLING, FINDING, BY_HAND, RESOLVING)


POINTS = [
    pytest.param(story, f"{kind}:{number}:{when}", id=f"{name}-{kind}:{number}:{when}")
    for name, story in zip(("settling", "finding", "by hand", "resolving"), STORIES, strict=True)
    for kind, most in (("request", story.requests), ("journal", story.writes))
    for number in range(1, most + 1)
    for when in ("before", "after")
]


@pytest.fixture(scope="module")
def forks() -> Iterator[Run]:
    with open_forks() as forks:
        yield forks


others = forks
"""For a command that runs while another one does."""


@pytest.fixture
def world(tmp_path: Path) -> Iterator[ServedWorld]:
    with serving(tmp_path) as world:
        world.declare(JOHN, JANE)
        yield world


def tell(world: ServedWorld, story: Story) -> None:
    """Let happen what comes before a story."""
    if story is BY_HAND:
        world.declare(JOHN, JANE, send="by_hand")
    if story in (SETTLING, RESOLVING):
        world.apply(f"{ADD}:1:after:drop")
    if story is SETTLING:
        world.rest()
    if story is FINDING:
        world.apply()
        world.lose_journal()


def applied(world: ServedWorld, later: float = 0.0) -> End:
    """Apply in this process, so many seconds from now; whatever happened, no mailbox was mailed twice."""
    world.rest(later)
    end = world.apply()
    assert world.mailed in ([], BOTH)
    return end


def check_recovery(world: ServedWorld, story: Story) -> None:
    """Check that the next apply reports who was not mailed, and one after the rest mails them."""
    soon = applied(world)
    assert world.mailed == BOTH or sum(soon.states.values()) == 2
    assert "sent" not in soon.states or world.mailed == BOTH
    last = applied(world, RESTED)
    assert last.exit is ENDS.get(story, Exit.DONE)
    if story is BY_HAND and world.mailed == []:
        assert last.states == {"pending": 2}
    else:
        assert world.mailed == BOTH
    assert applied(world).counts == {}


@pytest.mark.parametrize("story", STORIES)
def test_a_command_makes_as_many_requests_and_writes_as_are_tried_here(
    world: ServedWorld, forks: Run, story: Story
) -> None:
    tell(world, story)
    before = len(world.state.requests())
    assert world.run(forks, story.verb, f"journal:{story.writes + 1}:before") == ENDS.get(story, Exit.DONE)
    assert len(world.state.requests()) - before == story.requests
    assert world.mailed == BOTH


@pytest.mark.parametrize(("story", "point"), POINTS)
def test_killed_at_any_point_each_mailbox_is_mailed_once(
    world: ServedWorld, forks: Run, story: Story, point: str
) -> None:
    tell(world, story)
    assert world.run(forks, story.verb, point) == -signal.SIGKILL
    check_recovery(world, story)


INTENDED, CONCLUDED = "journal:3:after", "journal:4:before"
"""The writes of `seeds send` around its batch: after those of a journal that is new, and of a run."""


@pytest.mark.parametrize(("point", "mailed"), [(INTENDED, []), (CONCLUDED, BOTH)])
def test_killed_around_the_batch_it_is_in_doubt_and_rests_for_the_longest_request_too(
    world: ServedWorld, forks: Run, point: str, mailed: list[str]
) -> None:
    world.run(forks, "send", point)
    assert (applied(world).exit, world.mailed) == (Exit.IN_DOUBT, mailed)
    assert applied(world, RESTED - 1).states == {"in_doubt": 2}
    assert world.mailed == mailed


def test_killed_before_the_batch_it_rests_so_long_by_the_clock_of_the_tenant_too(
    world: ServedWorld, forks: Run
) -> None:
    world.run(forks, "send", INTENDED)
    world.variants = Variants(clock_behind_seconds=1.0)
    assert applied(world, RESTED).states == {"in_doubt": 2}
    assert applied(world, 1).states == {"pending": 2}


def test_killed_while_a_person_has_to_approve_nothing_is_sent_again_ever(
    world: ServedWorld, forks: Run
) -> None:
    world.declare(JOHN, JANE, approve_automatically=False)
    world.run(forks, "send", CONCLUDED)
    world.approve()
    assert applied(world, 10 * SETTLE_AFTER).states == {"in_doubt": 2}
    assert world.mailed == BOTH


APPLY = 17
"""The requests of an apply with one seed."""


@pytest.mark.parametrize("number", range(1, APPLY + 1))
def test_of_two_at_once_on_one_account_one_sends(
    world: ServedWorld, forks: Run, others: Run, number: int
) -> None:
    ends: list[int] = []
    numbers = count(1)

    def interrupted(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        answer = list(tenant(environ, start_response))
        if next(numbers) == number:
            ends.append(others("apply", str(world.folder), world.clock.now(), ""))
        return answer

    world.refresh()
    assert world.app
    tenant, world.app = world.app, interrupted
    ends.append(forks("apply", str(world.folder), world.clock.now(), ""))
    assert (len(ends), next(numbers) > APPLY, world.mailed) == (2, True, BOTH)
    # What the other one has under way may be done or not, for all that the second one can tell.
    assert Exit.DONE in ends
    assert set(ends) <= {Exit.DONE, Exit.REFUSED, Exit.IN_DOUBT}
    assert applied(world).states == {"sent": 2}
