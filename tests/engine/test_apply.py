"""Each change is read again, journaled, written, read back, and ends in exactly one of five ways."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event
from typing import Any

import pytest

from reconciler.engine.apply import Run, apply
from reconciler.engine.body import shows_zero
from reconciler.engine.change import Change, Limits, Plan, Scope
from reconciler.engine.classify import AccountProfile, Defaults
from reconciler.engine.inventory import resolve, take_inventory
from reconciler.engine.kind import Body, Declared, Json, Policy
from reconciler.engine.outcome import Outcome, Result, exit_of_all
from reconciler.engine.plan import Consent, make_plan
from reconciler.errors import (
    AllowanceUsedUp,
    ApiError,
    Declined,
    Exit,
    Forbidden,
    NoAnswer,
    Refused,
    Unauthorised,
    Unreachable,
)
from tests.clock import FakeClock
from tests.engine.toys import TOYS, ToyShop, declared, robots

PATIENCE = 30.0
ANYTHING = Consent(resets=None, hide=frozenset({"toys.robot"}))

APPLIED, FAILED, STALE, SKIPPED, IN_DOUBT = Result


def shop(**body: Json) -> ToyShop:
    return ToyShop({1: {"ToyId": 1, "Name": "Robot", "IsVisible": True, **body}})


def planned(toys: ToyShop, resources: Sequence[Declared], defaults: Defaults | None = None) -> Plan:
    resolved = resolve(resources, toys)
    inventory = take_inventory(toys, TOYS, resources)
    explicit = shows_zero(TOYS, (item.body for item in inventory.by_id.values()))
    scope = Scope("shop", "shop.example", Limits(deletes=None, updates=None))
    return make_plan(scope, AccountProfile(TOYS, explicit, defaults or {}), resolved, inventory, ANYTHING)


def run_of(plan: Plan, toys: ToyShop, clock: FakeClock) -> Run:
    return Run(plan.account, toys, clock, PATIENCE)


def applied(toys: ToyShop, resource: Declared, clock: FakeClock) -> Outcome:
    plan = planned(toys, [resource])
    assert plan.changes, plan
    return apply(plan, run_of(plan, toys, clock))[0]


def raising(verb: str, *errors: ApiError, times: int = 1) -> Callable[[str, int | None], None]:
    """Return a hook that raises each of these errors so many times, one a call of the verb."""
    left = [error for error in errors for _ in range(times)]

    def hook(called: str, _: int | None) -> None:
        if called == verb and left:
            raise left.pop(0)

    return hook


def robot(**values: Json) -> Declared:
    return declared(values={"name": "Robot", **values}, id=1)


BIGGER = robot(size=7)
NEW = declared()
GONE = declared(id=1, absent=True)
KEEPING = declared(values={"name": "Robot", "size": 7}, id=1, keep=["battery.kind"])


def two_robots(clock: FakeClock) -> tuple[ToyShop, Plan, Run]:
    toys = shop(Size=5)
    toys.bodies[2] = {"ToyId": 2, "Name": "Doll", "IsVisible": True, "Size": 5}
    plan = planned(toys, [BIGGER, declared("toys.doll", {"name": "Doll", "size": 6}, id=2)])
    toys.calls.clear()
    return toys, plan, run_of(plan, toys, clock)


def results(outcomes: Sequence[Outcome]) -> list[Result]:
    return [outcome.result for outcome in outcomes]


def told(outcome: Outcome) -> list[tuple[str, str]]:
    assert not (outcome.lines and outcome.if_again)
    assert not outcome.if_again or outcome.result in (FAILED, IN_DOUBT)  # a cache may have answered
    return [(line.where, line.text) for line in (*outcome.lines, *outcome.if_again)]


def test_an_update_is_one_read_one_write_and_one_verifying_read(clock: FakeClock) -> None:
    toys = shop(Size=5, IsLoud=True, Parts=[{"Number": 1, "Label": "arm"}])
    plan = planned(toys, [BIGGER])
    toys.calls.clear()
    report = apply(plan, run_of(plan, toys, clock))
    assert toys.calls == [("read", 1), ("update", 1), ("read", 1)]
    assert exit_of_all(report) is Exit.DONE
    assert report[0].body == toys.bodies[1]
    assert not planned(toys, [BIGGER]).changes


@pytest.mark.parametrize(
    ("resource", "meanwhile", "word"),
    [
        (BIGGER, {1: {"ToyId": 1, "Name": "Robot", "IsVisible": True, "Size": 5}}, "is_loud"),
        (BIGGER, {1: {"ToyId": 1, "Name": "Robot", "IsVisible": True, "Size": 9, "IsLoud": True}}, "size"),
        (BIGGER, {}, "gone"),
        (GONE, {1: {"ToyId": 1, "Name": "Robot", "IsVisible": True, "Size": 6, "IsLoud": True}}, "size"),
    ],
)
def test_a_change_of_a_set_or_reset_field_since_the_plan_is_stale(
    resource: Declared, meanwhile: Mapping[int, Body], word: str, clock: FakeClock
) -> None:
    toys = shop(Size=5, IsLoud=True)
    plan = planned(toys, [resource])
    toys.bodies = {id: dict(body) for id, body in meanwhile.items()}
    (outcome,) = apply(plan, run_of(plan, toys, clock))
    assert (outcome.result, outcome.exit) == (STALE, Exit.STALE)
    assert word in outcome.reason
    assert not toys.writes


def test_a_name_that_appeared_since_the_plan_is_not_created_a_second_time(clock: FakeClock) -> None:
    toys = ToyShop()
    plan = planned(toys, [NEW])
    toys.bodies[4] = {"ToyId": 4, "Name": "Robot", "IsVisible": True}
    (outcome,) = apply(plan, run_of(plan, toys, clock))
    assert (outcome.result, outcome.reason) == (STALE, "id 4 has this name since the plan")
    assert not toys.writes


NO, LOST, DOWN = Declined("size is too large"), NoAnswer("time-out"), Unreachable("no connection")


@pytest.mark.parametrize(
    ("resource", "before", "after", "result", "exit", "writes", "words"),
    [
        (BIGGER, [NO], [], FAILED, Exit.ERROR, 1, "size is too large"),
        (BIGGER, [DOWN], [], FAILED, Exit.UNAVAILABLE, 1, "no connection"),
        (BIGGER, [], [LOST], APPLIED, Exit.DONE, 1, ""),
        # A full PUT is repeated once, after a read that shows the old body.
        (BIGGER, [LOST], [], APPLIED, Exit.DONE, 2, ""),
        (BIGGER, [LOST, LOST], [], IN_DOUBT, Exit.IN_DOUBT, 2, "still reads as before"),
        # However the repetition fails, it says nothing of the first one.
        (BIGGER, [LOST, DOWN], [], IN_DOUBT, Exit.IN_DOUBT, 2, "still reads as before"),
        (BIGGER, [LOST, Unauthorised("401")], [], IN_DOUBT, Exit.IN_DOUBT, 2, "still reads as before"),
        # A create is looked up by its name, and never repeated.
        (NEW, [], [LOST], APPLIED, Exit.DONE, 1, ""),
        (NEW, [LOST], [], IN_DOUBT, Exit.IN_DOUBT, 1, "cannot be read"),
        (GONE, [], [LOST], APPLIED, Exit.DONE, 1, ""),
        (GONE, [LOST], [], IN_DOUBT, Exit.IN_DOUBT, 1, "can still be read"),
    ],
)
def test_how_a_write_ends_that_gets_no_good_answer(
    resource: Any, before: Any, after: Any, result: Result, exit: Exit, writes: int, words: str, clock: Any
) -> None:
    toys = ToyShop() if resource is NEW else shop(Size=5)
    verb = "create" if resource is NEW else "delete" if resource is GONE else "update"
    toys.before, toys.after = raising(verb, *before), raising(verb, *after)
    outcome = applied(toys, resource, clock)
    assert (outcome.result, outcome.exit) == (result, exit)
    assert words in outcome.reason
    assert len(toys.writes) == writes
    if result is APPLIED:
        assert outcome.id == 1


@pytest.mark.parametrize("error", [Unauthorised("401"), Forbidden("403"), AllowanceUsedUp("429")])
@pytest.mark.parametrize("verb", ["read", "update"])
def test_after_lost_rights_or_allowance_nothing_further_is_begun(
    error: ApiError, verb: str, clock: FakeClock
) -> None:
    toys, plan, run = two_robots(clock)
    toys.before = raising(verb, error)
    report = apply(plan, run)
    assert results(report) == [SKIPPED, SKIPPED]
    assert toys.calls[-1] == (verb, 1)
    assert exit_of_all(report) is error.exit


def test_after_a_repetition_that_was_not_allowed_nothing_further_is_begun(clock: FakeClock) -> None:
    toys, plan, run = two_robots(clock)
    toys.before = raising("update", LOST, Unauthorised("401"))
    assert results(apply(plan, run)) == [IN_DOUBT, SKIPPED]


def test_behind_the_answer_of_the_first_write_all_others_are_sent_at_once(clock: FakeClock) -> None:
    numbers = range(1, 6)
    toys = ToyShop({n: {"ToyId": n, "Name": f"Robot {n}", "IsVisible": True} for n in numbers})
    plan = planned(toys, robots(*numbers, size=7))
    under_way, all_read, together = set[int](), Barrier(len(numbers), timeout=20), Barrier(4, timeout=20)

    def meet(verb: str, id: int | None) -> None:
        if verb == "read" and id not in under_way:
            under_way.add(id or 0)
            all_read.wait()
        elif verb == "update" and toys.sent:
            together.wait()
        elif verb == "update":
            Event().wait(0.2)  # the others come to wait for this answer meanwhile

    toys.before = meet

    def at_once(function: Callable[[Any], Any], items: Sequence[Any], label: str) -> Sequence[Any]:
        del label
        with ThreadPoolExecutor(len(numbers)) as pool:
            return list(pool.map(function, items))

    assert results(apply(plan, run_of(plan, toys, clock), mapper=at_once)) == [APPLIED] * 5


def after_a_write(toys: ToyShop, look: Callable[[int], None]) -> None:
    """Have something happen before each read that follows a write."""
    real = toys.read

    def read(id: int) -> Body | None:
        if toys.writes:
            look(id)
        return real(id)

    toys.read = read  # type: ignore[method-assign]


def test_a_lost_put_is_not_repeated_where_the_new_read_failed(clock: FakeClock) -> None:
    toys = shop(Size=5)
    toys.before = raising("update", LOST)
    unread = raising("read", DOWN)
    after_a_write(toys, lambda toy: unread("read", toy))
    assert applied(toys, BIGGER, clock).result is IN_DOUBT
    assert len(toys.writes) == 1


def test_a_lost_put_is_not_repeated_over_what_was_written_meanwhile(clock: FakeClock) -> None:
    toys = shop(Size=5)
    toys.before = raising("update", LOST, times=99)
    after_a_write(toys, lambda toy: toys.bodies[toy].update({"Battery": {"Kind": "AA"}}))
    assert applied(toys, BIGGER, clock).result is FAILED
    assert len(toys.writes) == 1


def stale_reads(toys: ToyShop, clock: FakeClock, seconds: float) -> None:
    """Let reads of a toy that was written answer the old body for so long."""
    old = {id: dict(body) for id, body in toys.bodies.items()}
    real = toys.read
    written: dict[int, float] = {}
    toys.after = lambda _, toy: written.update({toy: clock.now()}) if toy else None

    def read(id: int) -> Body | None:
        body = real(id)
        return old.get(id) if id in written and clock.now() < written[id] + seconds else body

    toys.read = read  # type: ignore[method-assign]


@pytest.mark.parametrize("resource", [BIGGER, NEW, GONE])
def test_a_slow_cache_is_waited_for(resource: Declared, clock: FakeClock) -> None:
    toys = ToyShop() if resource is NEW else shop(Size=5)
    stale_reads(toys, clock, PATIENCE - 1)
    assert applied(toys, resource, clock).result is APPLIED


def test_a_read_back_that_equals_the_old_body_when_patience_ends_is_in_doubt(clock: FakeClock) -> None:
    toys = shop(Size=5)
    stale_reads(toys, clock, PATIENCE * 10)
    outcome = applied(toys, BIGGER, clock)
    assert outcome.result is IN_DOUBT
    assert "still reads as before" in outcome.reason


HERE, DEFAULTS = "toys.robot", "targets.shop.defaults"


@pytest.mark.parametrize(
    ("resource", "stored", "result", "lines", "word"),
    [
        # What is declared is not so: applied, and exit 4.
        (robot(size=7), {"Size": 8}, APPLIED, [(HERE, "size: 8")], "7 was sent, 8 is stored"),
        (robot(size=5, is_loud=True), {"Size": 8}, APPLIED, [(HERE, "size: 8")], "5 was sent, 8 is stored"),
        # What is read is not what was written: never applied.
        (robot(size=7), {"Name": "Doll"}, IN_DOUBT, [], 'called "Doll" now, not "Robot"'),
        (robot(name="Bot", size=7), {"Name": "Doll"}, IN_DOUBT, [], 'called "Doll" now, not "Bot"'),
        (robot(name="Bot", size=7), {"Name": "Robot"}, FAILED, [(HERE, 'name: "Robot"')], "not store name"),
        (robot(size=7), {"ToyId": 2}, IN_DOUBT, [], "has id 2, not 1"),
        (NEW, {"Name": "Doll"}, IN_DOUBT, [], 'called "Doll" now, not "Robot"'),
        (NEW, {"Name": "Robot "}, IN_DOUBT, [], r'called "Robot\x20" now, not "Robot"'),
        (NEW, {"Name": ""}, IN_DOUBT, [], "called null now"),
        (robot(size=7, is_loud=True), {"Size": 5}, FAILED, [(HERE, "size: 5")], "did not store size"),
        (robot(size=7), {"Size": 5}, IN_DOUBT, [(HERE, "size: 5")], "still reads as before"),
        (robot(size=None, is_loud=True), {"Size": 1}, APPLIED, [(HERE, "size: 1")], "null was sent"),
        (KEEPING, {"Battery": {"Kind": "C"}}, APPLIED, [], "was kept"),
        # What is left out gets another default than was expected.
        (declared(id=1), {"Size": 3}, APPLIED, [(DEFAULTS, "size: 3")], "its default is 3"),
        (robot(is_loud=True), {"Size": 5}, APPLIED, [(DEFAULTS, "size: 5")], "its default is 5"),
    ],
)
def test_what_is_stored_otherwise_is_told_with_the_line_that_ends_the_difference(
    resource: Declared, stored: Any, result: Result, lines: Any, word: str, clock: FakeClock
) -> None:
    battery: dict[str, Json] = {"Battery": {"Kind": "AA"}} if "Battery" in stored else {}
    toys = ToyShop() if resource is NEW else shop(Size=5, **battery)
    toys.after = lambda _, toy: toys.bodies[toy].update(stored) if toy else None
    outcome = applied(toys, resource, clock)
    assert (outcome.result, told(outcome)) == (result, lines)
    if result is APPLIED:
        assert outcome.exit is (Exit.PARTLY if "is stored" in str(outcome.warnings) else Exit.DONE)
    assert any(word in text for text in (outcome.reason, *outcome.warnings))


def test_a_create_prints_its_id_and_other_defaults_and_warns_of_none_under_keep(clock: FakeClock) -> None:
    outcome = applied(ToyShop(defaults={"Size": 3}), NEW, clock)
    assert (outcome.result, outcome.id) == (APPLIED, 1)
    assert told(outcome) == [(DEFAULTS, "size: 3"), (HERE, "targets: {shop: {id: 1}}")]
    assert applied(ToyShop(defaults={"Size": 3}), declared(undeclared=Policy.KEEP), clock).warnings == ()


def test_what_is_gone_already_needs_no_deletion(clock: FakeClock) -> None:
    toys = shop()
    plan = planned(toys, [GONE])
    toys.bodies.clear()
    assert results(apply(plan, run_of(plan, toys, clock))) == [APPLIED]
    assert not toys.writes


@pytest.mark.parametrize(
    ("exits", "result"),
    [
        ([], Exit.DONE),
        ([Exit.DONE, Exit.ERROR], Exit.PARTLY),
        ([Exit.DONE, Exit.STALE], Exit.STALE),
        ([Exit.DONE, Exit.ERROR, Exit.IN_DOUBT], Exit.IN_DOUBT),
    ],
)
def test_the_gravest_end_is_what_the_run_says(exits: Iterable[Exit], result: Exit) -> None:
    outcomes = [
        Outcome("toys.x", None, APPLIED if exit is Exit.DONE else FAILED, exit=exit) for exit in exits
    ]
    assert exit_of_all(outcomes) is result


class Diary:
    """A journal that takes so many intents and outcomes, and notes how many writes there were at each."""

    def __init__(self, toys: ToyShop, intents: int = 99, outcomes: int = 99) -> None:
        self.toys, self.intents, self.outcomes = toys, intents, outcomes
        self.entries: list[tuple[str, int, Body | None]] = []

    def intent(self, change: Change, overwritten: Body | None, body: Body | None) -> None:
        assert body is not None
        self.intents -= 1
        if self.intents < 0:
            raise Refused("the disk is full")
        self.entries.append((f"intent {change.key}", len(self.toys.writes), overwritten))

    def outcome(self, outcome: Outcome) -> None:
        self.outcomes -= 1
        if self.outcomes < 0:
            raise Refused("the disk is full")
        self.entries.append((f"{outcome.result} {outcome.key}", len(self.toys.writes), None))


def test_the_journal_holds_the_body_about_to_be_overwritten_before_the_write(clock: FakeClock) -> None:
    toys = shop(Size=5)
    plan, diary = planned(toys, [BIGGER]), Diary(toys)
    old = dict(toys.bodies[1])
    apply(plan, Run(plan.account, toys, clock, PATIENCE, diary))
    assert diary.entries == [("intent toys.robot", 0, old), ("applied toys.robot", 1, None)]


@pytest.mark.parametrize(("intents", "outcomes"), [(1, 99), (99, 0)])
def test_what_cannot_be_written_down_stops_the_run_and_changes_nothing_of_what_was_done(
    intents: int, outcomes: int, clock: FakeClock
) -> None:
    toys, plan, _ = two_robots(clock)
    report = apply(plan, Run(plan.account, toys, clock, PATIENCE, Diary(toys, intents, outcomes)))
    assert results(report) == [APPLIED, SKIPPED]
    assert toys.writes == [("update", 1)]
    assert "the disk is full" in report[1].reason
    assert exit_of_all(report) is Exit.REFUSED
    assert report[0].warnings == (() if outcomes else ("not written down: the disk is full",))


LOUD: dict[str, Json] = {"IsLoud": True, "Battery": {"Kind": "AA", "Count": 2}}


@pytest.mark.parametrize(
    ("live", "defaults", "resource", "learned"),
    [
        # A set field that arrived proves what the others were reset to.
        ({"Size": 5, "IsLoud": True}, {}, BIGGER, {"is_loud": None}),
        # A group that is not there teaches nothing of its fields.
        ({"Size": 5, **LOUD}, {}, BIGGER, {"is_loud": None}),
        # Resets alone teach nothing: an older answer looks alike.
        ({"Size": 5}, {"Size": 5}, declared(id=1), {}),
        # What a create leaves out is not reset.
        (None, {"IsLoud": True}, declared(values={"name": "Robot", "size": 7}), {}),
    ],
)
def test_what_a_reset_leaves_behind_is_learned_from_what_is_no_answer_of_a_cache(
    live: Any, defaults: Any, resource: Declared, learned: Any, clock: FakeClock
) -> None:
    toys = ToyShop() if live is None else shop(**live)
    toys.defaults = defaults
    assert applied(toys, resource, clock).learned == learned
