"""A real process, ended by SIGKILL at every request and every write of its journal, mails each mailbox once.

tests/killed does the same to a first apply, of changes and seeds.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from reconciler.errors import Exit
from reconciler.expoints.settling import LONGEST_POST
from reconciler.sandbox import Variants
from tests.seeds.forks import Forks, Task, open_forks
from tests.seeds.served import WHENS, ServedWorld, When, serving
from tests.seeds.world import ADD, JANE, JOHN, SETTLE_AFTER, End

BOTH = [JANE, JOHN]
# It is unknown how long the request of a killed process was under way.
RESTED = LONGEST_POST + SETTLE_AFTER


class Story(NamedTuple):
    """A command, what happened before it, and how many requests and writes of the journal it makes."""

    name: str
    verb: str
    requests: int
    writes: int

    def __str__(self) -> str:
        return self.name


# Requests: what the plan asks before and after the run has begun, and for a batch a count for each mailbox
# and for an unknown one, the batch itself, and five more to verify it. Writes: a journal that is new, the
# run, each batch, each customer that is settled or found, their ends.
SETTLING = Story("an apply that settles", "apply", 9, 4)
FINDING = Story("an apply that finds", "apply", 7, 4)
BY_HAND = Story("seeds send", "send", 13, 5)
RESOLVING = Story("seeds resolve", "resolve --sent", 1, 4)
ENDS = {FINDING: Exit.REFUSED}
"""How a command ends that does not end well."""
STORIES = (SETTLING, FINDING, BY_HAND, RESOLVING)


@pytest.fixture(scope="module")
def forks() -> Iterator[Forks]:
    with open_forks() as forks:
        yield forks


@pytest.fixture(scope="module")
def others() -> Iterator[Forks]:
    with open_forks() as forks:
        yield forks


@pytest.fixture
def world(tmp_path: Path) -> Iterator[ServedWorld]:
    with serving(lambda front, url: ServedWorld(tmp_path, front=front, url=url)) as world:
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


@pytest.mark.parametrize("story", STORIES, ids=str)
def test_a_command_makes_as_many_requests_and_writes_as_are_tried_here(
    world: ServedWorld, forks: Forks, story: Story
) -> None:
    tell(world, story)
    assert world.run(forks, story.verb) == ENDS.get(story, Exit.DONE)
    assert (world.front.requests, world.journaled) == (story.requests, story.writes)
    assert world.mailed == BOTH


@pytest.mark.parametrize("when", WHENS)
@pytest.mark.parametrize(
    ("story", "number"), [(story, n + 1) for story in STORIES for n in range(story.requests)], ids=str
)
def test_killed_at_any_request_each_mailbox_is_mailed_once(
    world: ServedWorld, forks: Forks, story: Story, number: int, when: When
) -> None:
    tell(world, story)
    assert world.run(forks, story.verb, boundary=(number, when)) == -signal.SIGKILL
    check_recovery(world, story)


@pytest.mark.parametrize("when", WHENS)
@pytest.mark.parametrize(
    ("story", "number"), [(story, n + 1) for story in STORIES for n in range(story.writes)], ids=str
)
def test_killed_at_any_write_of_the_journal_each_mailbox_is_mailed_once(
    world: ServedWorld, forks: Forks, story: Story, number: int, when: When
) -> None:
    tell(world, story)
    assert world.run(forks, story.verb, point=f"{number} {when}") == -signal.SIGKILL
    check_recovery(world, story)


INTENDED, CONCLUDED = 3, 4
"""The writes of `seeds send` around its batch: after those of a journal that is new, and of a run."""
AROUND = [(f"{INTENDED} after", []), (f"{CONCLUDED} before", BOTH)]


@pytest.mark.parametrize(("point", "mailed"), AROUND)
def test_killed_around_the_batch_it_is_in_doubt_and_rests_for_the_longest_request_too(
    world: ServedWorld, forks: Forks, point: str, mailed: list[str]
) -> None:
    world.run(forks, "send", point=point)
    assert (applied(world).exit, world.mailed) == (Exit.IN_DOUBT, mailed)
    assert applied(world, RESTED - 1).states == {"in_doubt": 2}
    assert world.mailed == mailed


def test_killed_before_the_batch_it_rests_so_long_by_the_clock_of_the_tenant_too(
    world: ServedWorld, forks: Forks
) -> None:
    world.run(forks, "send", point=f"{INTENDED} after")
    world.variants = Variants(clock_behind_seconds=1.0)
    assert applied(world, RESTED).states == {"in_doubt": 2}
    assert applied(world, 1).states == {"pending": 2}


def test_killed_while_a_person_has_to_approve_nothing_is_sent_again_ever(
    world: ServedWorld, forks: Forks
) -> None:
    world.declare(JOHN, JANE, approve_automatically=False)
    world.run(forks, "send", point=f"{CONCLUDED} before")
    world.approve()
    assert applied(world, 10 * SETTLE_AFTER).states == {"in_doubt": 2}
    assert world.mailed == BOTH


APPLY = 17
"""The requests of an apply with one seed."""


@pytest.mark.parametrize("number", range(1, APPLY + 1))
def test_of_two_at_once_on_one_account_one_sends(
    world: ServedWorld, forks: Forks, others: Forks, number: int
) -> None:
    task = Task("apply", str(world.folder), world.clock.now())
    ends: list[int] = []

    def run_the_other() -> None:
        others.begin(task)
        ends.append(others.end())

    world.refresh()
    world.front.arm((number, "after"), run_the_other)
    forks.begin(task)
    ends.append(forks.end())
    assert (len(ends), world.front.requests >= APPLY) == (2, True)
    assert world.mailed == BOTH
    # What the other one has under way may be done or not, for all that the second one can tell.
    assert Exit.DONE in ends
    assert set(ends) <= {Exit.DONE, Exit.REFUSED, Exit.IN_DOUBT}
    assert applied(world).states == {"sent": 2}
