"""Whatever a journal says, nobody is mailed twice in a round: the mails of the tenant are the witness.

Each case is a way in which a journal comes to be wrong, and the runs after it. A run says by its exit that it
kept away, until a person has said how it is.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from reconciler.commands.seeds import seeds_resolve, seeds_send, seeds_status
from reconciler.errors import Exit, Refused
from reconciler.sandbox import Variants
from tests.commands.world import EVERYTHING, Screen, Terminal
from tests.seeds.world import (
    ADD,
    DATA,
    JANE,
    JOHN,
    SETTINGS,
    SETTLE_AFTER,
    SeedWorld,
    Step,
    apply,
    declare,
    happen,
    rename,
    set_to,
)

BOTH = [JANE, JOHN]
LATE = Variants(customers_appear_after_seconds=50.0)


@pytest.fixture
def world(tmp_path: Path) -> SeedWorld:
    made = SeedWorld(tmp_path)
    made.declare(JOHN, JANE)
    return made


@contextmanager
def elsewhere(world: SeedWorld) -> Iterator[None]:
    """Be in another checkout, with a journal of its own, for a while."""
    here, away = world.folder / ".reconciler", world.folder / "away"
    there = world.folder / "there"
    here.rename(away) if here.exists() else away.mkdir()
    there.rename(here) if there.exists() else None
    yield
    here.rename(there)
    away.rename(here)


def away(*steps: Step) -> Step:
    def there(world: SeedWorld) -> None:
        with elsewhere(world):
            happen(world, *steps)

    return there


def another_target(world: SeedWorld) -> None:
    another = SETTINGS.partition("targets:\n")[2].replace("sandbox:\n", "b:\n", 1)
    world.write("reconciler.yaml", SETTINGS + another)


def taken(status: int) -> tuple[Step, ...]:
    """Be refused by a tenant that took everything."""
    return (apply(f"{ADD}:1:after:status={status}"), apply(), SeedWorld.rest)


keep: Step = lambda world: shutil.copy(world.journal, world.folder / "kept.db")  # noqa: E731
restore: Step = lambda world: shutil.copy(world.folder / "kept.db", world.journal)  # noqa: E731
REFUSED = (apply(f"{ADD}:1+:before:status=400"), SeedWorld.rest)
"""The tenant takes nothing, and says so."""
ROUND_2 = (declare(round="2"), apply())
BEFORE_A_ROUND = (apply(), keep, *ROUND_2, restore)
ON_CHANGE, CHANGED = declare(send="on_change"), declare(send="on_change", batch_name="another")
MOVED = (declare(JANE), declare(JOHN, key="other"))
"""One of both moves to another seed."""
LOST = SeedWorld.lose_journal
GONE: Step = lambda world: world.lose_oldest(JOHN, JANE)  # noqa: E731
WRONG: dict[str, tuple[int, tuple[Step, ...]]] = {
    "another checkout sent": (1, (*REFUSED, away(apply()))),
    "another checkout sent to one": (1, (*REFUSED, away(declare(JANE), apply()), declare())),
    "restored from before a refusal": (1, (*REFUSED, keep, apply(), restore)),
    "restored from before a round": (2, BEFORE_A_ROUND),
    "restored from before a change": (2, (ON_CHANGE, apply(), keep, CHANGED, apply(), restore)),
    "restored and customers gone": (3, (apply(), *ROUND_2, keep, declare(round="3"), apply(), GONE, restore)),
    "lost and the key renamed": (1, (apply(), LOST, rename)),
    "lost between rounds": (2, (apply(), *ROUND_2, LOST, declare(), apply(), declare(round="2"))),
    "renamed and kept elsewhere": (1, (another_target, apply(), declare(targets=["b"]), rename)),
    "moved to another seed": (1, (apply(), *MOVED)),
    "moved to another seed in doubt": (1, (apply(f"{ADD}:1:after:drop"), *MOVED, SeedWorld.rest)),
    **{f"refused late with {status}": (1, (set_to(LATE), *taken(status))) for status in (400, 429)},
}
"""What happened, and how many rounds or versions were declared before; from then on every run keeps away."""
RIGHT = {f"refused with {status}": (1, taken(status)) for status in (400, 401, 403)}
"""What is seen to have arrived, so that every run is done."""
ENDS = [(*case, Exit.REFUSED) for case in WRONG.values()] + [(*case, Exit.DONE) for case in RIGHT.values()]


@pytest.mark.parametrize(("most", "steps", "exit"), ENDS, ids=[*WRONG, *RIGHT])
def test_a_wrong_memory_mails_nobody_twice(world: SeedWorld, most: int, steps: Any, exit: Exit) -> None:
    happen(world, *steps)
    end = world.apply()
    assert end.exit == exit, end.notes
    world.rest()
    assert world.plan()[0] == world.apply().exit == exit
    assert Counter(world.mailed) == dict.fromkeys(BOTH, most)


def test_who_has_moved_to_another_seed_is_sent_once_a_person_says_so(world: SeedWorld) -> None:
    happen(world, apply(), *MOVED)
    exit, shown = world.plan()
    assert exit is Exit.REFUSED
    assert "sent to in customer_seeds.smoke, which has it no longer" in shown
    world.apply()
    resolve(world, sent=False, answer="yes\n", key="other")
    assert (world.apply().counts, world.mailed) == ({"sent": 1}, [JANE, JOHN, JOHN])


@pytest.mark.parametrize("send", ["once", "on_change"])
@pytest.mark.parametrize(
    ("before", "after", "sent"),
    [("One Two", "Two One", 0), ("One Two", "Two", 0), ("One", "New One", 1), ("One One", "One New One", 1)],
)
def test_customers_of_one_mailbox_are_sent_once_whatever_their_order(
    world: SeedWorld, send: str, before: str, after: str, sent: int
) -> None:
    for names in (before, after, before):
        customers = [{"email": JOHN, "data": {**DATA, "First_name_customer": it}} for it in names.split()]
        world.declare(send=send, allow_duplicate_email=True, customers=customers)
        assert world.apply().exit is Exit.DONE
    assert len(world.mailed) == len(before.split()) + sent


def test_a_new_round_says_that_the_one_before_is_in_doubt(world: SeedWorld) -> None:
    world.apply(f"{ADD}:1:after:drop")
    world.declare(JOHN, JANE, round="2")
    told = "round 1 is in doubt for a mailbox, which may be mailed twice"
    assert told in world.plan()[1]
    world.rest()
    assert told not in world.plan()[1]


def test_who_is_found_between_plan_and_sending_is_not_sent_to(world: SeedWorld) -> None:
    with elsewhere(world):
        world.variants = LATE
        world.apply()
    # The run waits a minute before it sends, and then the customers are there.
    end = world.apply("GET *customer/getoptouts:2:before:status=429,retry-after=60")
    assert (end.exit, end.states, end.counts) == (Exit.REFUSED, {"pending": 2}, {})
    assert (end.document["sent"][0]["found"], world.mailed) == (2, BOTH)


def test_a_refusal_that_cannot_be_counted_is_in_doubt(world: SeedWorld) -> None:
    end = world.apply(f"{ADD}:1:before:status=400", "GET *customer/count:8+:before:status=403")
    assert (end.exit, end.counts) == (Exit.IN_DOUBT, {"in_doubt": 2})
    world.rest()
    assert (world.apply().counts, world.mailed) == ({"sent": 2}, BOTH)


def test_a_refusal_rests_for_as_long_as_only_this_machine_says_that_time_has_passed(world: SeedWorld) -> None:
    world.variants = Variants(customers_appear_after_seconds=2 * SETTLE_AFTER, date="absent")
    world.apply(f"{ADD}:1:after:status=400")
    world.rest()
    assert (world.apply().exit, world.mailed) == (Exit.IN_DOUBT, BOTH)
    resolve(world, sent=True)
    assert (world.apply().exit, world.mailed) == (Exit.DONE, BOTH)


def resolve(world: SeedWorld, *, sent: bool, answer: str | None = None, key: str = "smoke") -> Exit:
    screen = None if answer is None else Screen(stdin=Terminal(answer))
    return world.ran(seeds_resolve, key, EVERYTHING, screen=screen, sent=sent).exit


def test_what_was_found_is_said_to_be_unsent_only_at_a_terminal_and_twice(world: SeedWorld) -> None:
    happen(world, *BEFORE_A_ROUND)
    assert world.apply().states == {"found": 2}
    run = world.ran(seeds_status, EVERYTHING)
    assert run.exit is Exit.REFUSED
    assert "seeds resolve customer_seeds.smoke --sent or --not-sent" in run.out
    for answer in (None, "no\n"):
        with pytest.raises(Refused):
            resolve(world, sent=False, answer=answer)
        assert world.apply().states == {"found": 2}
    resolve(world, sent=False, answer="yes\n")
    assert (world.apply().counts, len(world.mailed)) == ({"sent": 2}, 6)


def test_what_was_found_is_sent_again_once_and_only_by_that_word(world: SeedWorld) -> None:
    happen(world, *BEFORE_A_ROUND)
    assert world.apply().states == {"found": 2}
    send = partial(seeds_send, "smoke", yes=True)
    assert world.call(partial(send, again=False)) is None
    assert world.call(partial(send, again=True))["sent"][0]["sent"] == 2
    assert (world.apply().states, len(world.mailed)) == ({"sent": 2}, 6)


def test_letter_case_is_no_change(world: SeedWorld) -> None:
    world.declare(JOHN, JANE, send="on_change")
    world.apply()
    world.declare(JOHN.replace("john", "John"), JANE, send="on_change")
    assert (world.apply().states, world.mailed) == ({"sent": 2}, BOTH)


def test_what_is_in_doubt_is_not_said_to_be_unsent_where_the_tenant_has_it(world: SeedWorld) -> None:
    world.apply(f"{ADD}:1:after:drop")
    with pytest.raises(Refused, match="seems to be sent"):
        resolve(world, sent=False)
    assert (world.apply().states, world.mailed) == ({"in_doubt": 2}, BOTH)


def test_a_customer_who_is_gone_hides_nobody_who_came(world: SeedWorld) -> None:
    """One went and one came, so the number is as before the lost batch: the ids tell."""
    world.declare(JOHN)
    world.apply()
    world.declare(JOHN, round="2")
    world.rest(86_400)
    world.apply(f"{ADD}:1:after:drop")
    world.lose_oldest(JOHN)
    world.rest()
    assert (world.apply().states, world.mailed) == ({"in_doubt": 1}, [JOHN, JOHN])


def test_a_seed_that_was_renamed_waits_for_the_line_that_says_so(world: SeedWorld) -> None:
    happen(world, apply(), rename)
    end = world.apply()
    line = "moved: {customer_seeds.smoke: customer_seeds.renamed}"
    assert line in end.seeds[0]["reasons"][0]["message"]
    world.write("moved.yaml", line)
    assert (world.apply().states, world.mailed) == ({"sent": 2}, BOTH)


def test_a_tenant_that_hides_customers_for_longer_than_settle_after_is_waited_for(world: SeedWorld) -> None:
    """That it does shows in the counts before the second and the third round."""
    world.variants = Variants(customers_appear_after_seconds=700.0)
    for round, pause in (("1", 650), ("2", 2_000)):
        world.declare(JOHN, JANE, round=round)
        world.apply()
        world.rest(pause)
    world.declare(JOHN, JANE, round="3")
    world.apply(f"{ADD}:1:after:drop")
    world.rest(650)
    assert world.apply().states == {"in_doubt": 2}
    world.rest(800)
    assert (world.apply().states, len(world.mailed)) == ({"sent": 2}, 6)
