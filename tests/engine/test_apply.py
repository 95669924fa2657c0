"""Each change is read again, written, read back, and ends in exactly one of five ways."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from reconciler.engine.apply import Run, apply
from reconciler.engine.body import Normal
from reconciler.engine.change import Change, Limits, Plan, Scope
from reconciler.engine.classify import Account, Defaults
from reconciler.engine.declared import Declared
from reconciler.engine.identity import resolve, take_inventory
from reconciler.engine.kind import Body, Json, Policy
from reconciler.engine.outcome import Outcome, Report, Result
from reconciler.engine.plan import Consent, make_plan
from reconciler.errors import (
    AllowanceUsedUp,
    ApiError,
    Declined,
    Exit,
    Forbidden,
    NoAnswer,
    Unauthorised,
    Unreachable,
)
from tests.clock import FakeClock
from tests.engine.toys import TOYS, ToyShop, claimed, declared, proved

PATIENCE = 30.0
ANYTHING = Consent(resets=None, hide=frozenset({"toys.robot"}))


def shop(**body: Json) -> ToyShop:
    return ToyShop({1: {"ToyId": 1, "Name": "Robot", "IsVisible": True, **body}})


def planned(toys: ToyShop, resources: Sequence[Declared], defaults: Defaults | None = None) -> Plan:
    resolved = resolve(resources, toys)
    inventory = take_inventory(toys, TOYS, resources)
    normal = Normal.of(TOYS, (item.body for item in inventory.by_id.values()))
    scope = Scope("shop", "shop.example", Limits(deletes=None, updates=None))
    return make_plan(scope, Account(normal, defaults or {}), resolved, inventory, ANYTHING)


def run_of(plan: Plan, toys: ToyShop, clock: FakeClock) -> Run:
    return Run(plan.account, toys, clock, PATIENCE)


def applied(toys: ToyShop, resource: Declared, clock: FakeClock) -> Outcome:
    plan = planned(toys, [resource])
    assert plan.changes, plan
    return apply(plan, run_of(plan, toys, clock)).outcomes[0]


def raising(error: ApiError, verb: str, *, times: int = 99) -> Callable[[str, int | None], None]:
    left = [times]

    def hook(called: str, _: int | None) -> None:
        if called == verb and left[0]:
            left[0] -= 1
            raise error

    return hook


BIGGER = declared(values={"name": "Robot", "size": 7}, id=1)


def test_an_update_is_one_read_one_write_and_one_verifying_read(clock: FakeClock) -> None:
    toys = shop(Size=5)
    plan = planned(toys, [BIGGER])
    toys.calls.clear()
    report = apply(plan, run_of(plan, toys, clock))
    assert toys.calls == [("read", 1), ("replace", 1), ("read", 1)]
    assert report.exit is Exit.DONE


def test_applying_and_planning_again_finds_nothing(clock: FakeClock) -> None:
    toys = shop(Size=5, IsLoud=True, Parts=[{"Number": 1, "Label": "arm"}])
    assert applied(toys, BIGGER, clock).result is Result.APPLIED
    assert not planned(toys, [BIGGER]).changes


def test_a_change_of_a_set_or_reset_field_since_the_plan_is_stale(clock: FakeClock) -> None:
    toys = shop(Size=5, IsLoud=True)
    plan = planned(toys, [BIGGER])
    toys.bodies[1]["IsLoud"] = None
    (outcome,) = apply(plan, run_of(plan, toys, clock)).outcomes
    assert (outcome.result, outcome.exit) == (Result.STALE, Exit.STALE)
    assert "is_loud" in outcome.reason
    assert not toys.writes


def test_a_kept_value_that_moved_is_sent_as_just_read_and_mentioned(clock: FakeClock) -> None:
    toys = shop(Size=5, Battery={"Kind": "AA"})
    resource = declared(values={"name": "Robot", "size": 7}, id=1, keep=["battery.kind"])
    plan = planned(toys, [resource])
    toys.bodies[1]["Battery"] = {"Kind": "AAA"}
    (outcome,) = apply(plan, run_of(plan, toys, clock)).outcomes
    assert outcome.result is Result.APPLIED
    assert "battery.kind" in outcome.warnings[0]
    assert toys.sent[0]["Battery"] == {"Kind": "AAA"}


def test_what_is_gone_since_the_plan_is_stale(clock: FakeClock) -> None:
    toys = shop(Size=5)
    plan = planned(toys, [BIGGER])
    del toys.bodies[1]
    assert apply(plan, run_of(plan, toys, clock)).outcomes[0].result is Result.STALE


def test_a_name_that_appeared_since_the_plan_is_not_created_a_second_time(clock: FakeClock) -> None:
    toys = ToyShop()
    plan = planned(toys, [declared()])
    toys.bodies[4] = {"ToyId": 4, "Name": "Robot", "IsVisible": True}
    (outcome,) = apply(plan, run_of(plan, toys, clock)).outcomes
    assert outcome.result is Result.STALE
    assert not toys.writes


def test_a_refusal_is_a_failure_in_the_servers_words_and_others_go_on(clock: FakeClock) -> None:
    toys = shop(Size=5)
    toys.bodies[2] = {"ToyId": 2, "Name": "Doll", "IsVisible": True, "Size": 5}
    toys.before = raising(Declined("size is too large"), "replace", times=1)
    plan = planned(toys, [BIGGER, declared("toys.doll", {"name": "Doll", "size": 6}, id=2)])
    report = apply(plan, run_of(plan, toys, clock))
    assert [o.result for o in report.outcomes] == [Result.FAILED, Result.APPLIED]
    assert "size is too large" in report.outcomes[0].reason
    assert report.exit is Exit.PARTLY


def test_a_refused_body_with_carried_members_names_them_and_the_line_to_write(clock: FakeClock) -> None:
    toys = shop(Size=5, Revision=3)
    toys.before = raising(Declined("no"), "replace")
    assert "server_members: [Revision]" in applied(toys, BIGGER, clock).reason


@pytest.mark.parametrize("error", [Unauthorised("401"), Forbidden("403"), AllowanceUsedUp("429")])
@pytest.mark.parametrize("verb", ["read", "replace"])
def test_after_lost_rights_or_allowance_nothing_further_is_begun(
    error: ApiError, verb: str, clock: FakeClock
) -> None:
    toys = shop(Size=5)
    toys.bodies[2] = {"ToyId": 2, "Name": "Doll", "IsVisible": True, "Size": 5}
    plan = planned(toys, [BIGGER, declared("toys.doll", {"name": "Doll", "size": 6}, id=2)])
    toys.calls.clear()
    toys.before = raising(error, verb)
    report = apply(plan, run_of(plan, toys, clock))
    assert [o.result for o in report.outcomes] == [Result.SKIPPED, Result.SKIPPED]
    assert toys.calls[-1] == (verb, 1)
    assert report.exit is error.exit


def test_a_write_that_was_provably_not_taken_is_a_failure(clock: FakeClock) -> None:
    toys = shop(Size=5)
    toys.before = raising(Unreachable("no connection"), "replace")
    outcome = applied(toys, BIGGER, clock)
    assert (outcome.result, outcome.exit) == (Result.FAILED, Exit.UNAVAILABLE)


def test_a_lost_answer_of_a_put_that_was_done_is_settled_by_reading(clock: FakeClock) -> None:
    toys = shop(Size=5)
    toys.after = raising(NoAnswer("time-out"), "replace")
    outcome = applied(toys, BIGGER, clock)
    assert outcome.result is Result.APPLIED
    assert "time-out" in outcome.warnings[0]
    assert len(toys.writes) == 1


def test_a_put_that_was_not_done_is_sent_once_more_after_a_new_read(clock: FakeClock) -> None:
    toys = shop(Size=5)
    toys.before = raising(NoAnswer("time-out"), "replace", times=1)
    assert applied(toys, BIGGER, clock).result is Result.APPLIED
    assert toys.calls[-4:] == [("replace", 1), ("read", 1), ("replace", 1), ("read", 1)]


def test_a_put_that_never_gets_an_answer_and_never_shows_is_in_doubt(clock: FakeClock) -> None:
    toys = shop(Size=5)
    toys.before = raising(NoAnswer("time-out"), "replace")
    outcome = applied(toys, BIGGER, clock)
    assert (outcome.result, outcome.exit) == (Result.IN_DOUBT, Exit.IN_DOUBT)
    assert len(toys.writes) == 2


def test_a_read_back_that_takes_longer_than_patience_to_fail_is_not_repeated(clock: FakeClock) -> None:
    toys = shop(Size=5)
    plan = planned(toys, [BIGGER])

    def before(verb: str, _: int | None) -> None:
        if verb == "read" and toys.writes:
            clock.sleep(PATIENCE + 1)
            raise Unreachable("503")

    toys.before = before
    assert apply(plan, run_of(plan, toys, clock)).outcomes[0].result is Result.IN_DOUBT
    assert toys.calls[-2:] == [("replace", 1), ("read", 1)]


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


def test_a_slow_cache_is_waited_for(clock: FakeClock) -> None:
    toys = shop(Size=5)
    stale_reads(toys, clock, PATIENCE - 1)
    assert applied(toys, BIGGER, clock).result is Result.APPLIED


def test_a_read_back_that_equals_the_old_body_when_patience_ends_is_in_doubt(clock: FakeClock) -> None:
    toys = shop(Size=5)
    stale_reads(toys, clock, PATIENCE * 10)
    outcome = applied(toys, BIGGER, clock)
    assert outcome.result is Result.IN_DOUBT
    assert "still reads as before" in outcome.reason


def test_many_slow_reads_are_waited_for_together(clock: FakeClock) -> None:
    toys = ToyShop({id: {"ToyId": id, "Name": f"R{id}", "IsVisible": True, "Size": 5} for id in range(1, 31)})
    stale_reads(toys, clock, PATIENCE * 10)
    plan = planned(
        toys, [declared(f"toys.r{id}", {"name": f"R{id}", "size": 7}, id=id) for id in range(1, 31)]
    )
    began = clock.now()
    report = apply(plan, run_of(plan, toys, clock))
    assert report.count(Result.IN_DOUBT) == 30
    assert clock.now() - began <= PATIENCE + 1


def dropping(toys: ToyShop, **stored: Json) -> None:
    """Let the API store other values than it was sent."""
    toys.after = lambda _, toy: toys.bodies[toy].update(stored) if toy else None


def test_a_value_that_was_accepted_and_not_stored_is_a_failure(clock: FakeClock) -> None:
    toys = shop(Size=5)
    dropping(toys, Size=5)
    resource = declared(values={"name": "Robot", "size": 7, "is_loud": True}, id=1)
    outcome = applied(toys, resource, clock)
    assert (outcome.result, outcome.exit) == (Result.FAILED, Exit.ERROR)
    assert "size" in outcome.reason


def test_a_declared_null_that_becomes_a_value_is_stored_as_it_with_the_line_to_write(
    clock: FakeClock,
) -> None:
    toys = shop(Size=5)
    dropping(toys, Size=1)
    outcome = applied(toys, declared(values={"name": "Robot", "size": None, "is_loud": True}, id=1), clock)
    assert outcome.result is Result.APPLIED
    assert [(line.where, line.text) for line in outcome.lines] == [("toys.robot", "size: 1")]


def test_the_line_to_write_ends_the_difference(clock: FakeClock) -> None:
    toys = shop(Size=5)
    dropping(toys, Size=1)
    applied(toys, declared(values={"name": "Robot", "size": None}, id=1), clock)
    assert not planned(toys, [declared(values={"name": "Robot", "size": 1}, id=1)]).changes


def test_a_side_change_of_a_kept_field_is_a_warning(clock: FakeClock) -> None:
    toys = shop(Size=5, Battery={"Kind": "AA"})
    dropping(toys, Battery={"Kind": "C"})
    outcome = applied(toys, declared(values={"name": "Robot", "size": 7}, id=1, keep=["battery.kind"]), clock)
    assert outcome.result is Result.APPLIED
    assert "battery.kind" in outcome.warnings[0]


def test_a_wrong_assumption_of_a_default_prints_the_line_that_empties_the_next_plan(clock: FakeClock) -> None:
    toys = shop(Size=5, IsLoud=True)
    toys.defaults = {"Size": 3}
    resource = declared(id=1)
    outcome = applied(toys, resource, clock)
    assert outcome.result is Result.APPLIED
    assert [(line.where, line.text) for line in outcome.lines] == [("targets.shop.defaults", "size: 3")]
    assert not planned(toys, [resource], claimed({"size": 3})).changes


def test_a_reset_to_the_value_that_it_had_is_in_doubt_with_the_line_to_write(clock: FakeClock) -> None:
    toys = shop(Size=5)
    toys.defaults = {"Size": 5}
    outcome = applied(toys, declared(id=1), clock)
    assert outcome.result is Result.IN_DOUBT
    assert [line.text for line in outcome.lines] == ["size: 5"]


def test_a_reset_beside_a_set_field_that_arrived_proves_the_default(clock: FakeClock) -> None:
    toys = shop(Size=5)
    toys.defaults = {"Size": 5}
    outcome = applied(toys, declared(values={"name": "Robot", "is_loud": True}, id=1), clock)
    assert outcome.result is Result.APPLIED
    assert [line.text for line in outcome.lines] == ["size: 5"]


def test_a_create_reports_its_id_and_the_line_that_keeps_it(clock: FakeClock) -> None:
    outcome = applied(ToyShop(), declared(), clock)
    assert (outcome.result, outcome.id) == (Result.APPLIED, 1)
    assert outcome.lines[0].text == "targets: {shop: {id: 1}}"


def test_a_create_that_shows_another_default_prints_its_line(clock: FakeClock) -> None:
    toys = ToyShop(defaults={"Size": 3})
    outcome = applied(toys, declared(), clock)
    assert ("targets.shop.defaults", "size: 3") in [(line.where, line.text) for line in outcome.lines]


def test_a_create_under_keep_does_not_warn_of_the_servers_defaults(clock: FakeClock) -> None:
    outcome = applied(ToyShop(defaults={"Size": 3}), declared(undeclared=Policy.KEEP), clock)
    assert outcome.warnings == ()


def test_a_create_whose_answer_is_lost_is_looked_up_by_its_name(clock: FakeClock) -> None:
    toys = ToyShop()
    toys.after = raising(NoAnswer("time-out"), "create")
    outcome = applied(toys, declared(), clock)
    assert (outcome.result, outcome.id) == (Result.APPLIED, 1)
    assert len(toys.writes) == 1


def test_a_create_that_left_no_trace_is_in_doubt_and_not_repeated(clock: FakeClock) -> None:
    toys = ToyShop()
    toys.before = raising(NoAnswer("time-out"), "create")
    assert applied(toys, declared(), clock).result is Result.IN_DOUBT
    assert len(toys.writes) == 1


def test_a_create_that_becomes_visible_late_is_waited_for(clock: FakeClock) -> None:
    toys = ToyShop()
    real, since = toys.read, clock.now()

    def read(id: int) -> Body | None:
        return real(id) if clock.now() > since + 5 else None

    toys.read = read  # type: ignore[method-assign]
    assert applied(toys, declared(), clock).result is Result.APPLIED


def test_hiding_is_applied_when_it_is_gone_from_sight_and_prints_the_line(clock: FakeClock) -> None:
    outcome = applied(shop(), declared(values={"name": "Robot", "is_visible": False}, id=1), clock)
    assert outcome.result is Result.APPLIED
    assert [line.text for line in outcome.lines] == ["hidden: true"]


def test_a_deletion_is_verified(clock: FakeClock) -> None:
    toys = shop()
    assert applied(toys, declared(id=1, absent=True), clock).result is Result.APPLIED
    assert not toys.bodies


def test_what_changed_since_the_plan_is_not_deleted(clock: FakeClock) -> None:
    toys = shop(Size=5)
    plan = planned(toys, [declared(id=1, absent=True)])
    toys.bodies[1]["Size"] = 6
    assert apply(plan, run_of(plan, toys, clock)).outcomes[0].result is Result.STALE
    assert not toys.writes


def test_what_is_gone_already_needs_no_deletion(clock: FakeClock) -> None:
    toys = shop()
    plan = planned(toys, [declared(id=1, absent=True)])
    toys.bodies.clear()
    assert apply(plan, run_of(plan, toys, clock)).outcomes[0].result is Result.APPLIED
    assert not toys.writes


def test_a_deletion_that_is_still_seen_when_patience_ends_is_in_doubt(clock: FakeClock) -> None:
    toys = shop()
    body = dict(toys.bodies[1])
    toys.after = lambda verb, _: toys.bodies.update({1: body}) if verb == "delete" else None
    assert applied(toys, declared(id=1, absent=True), clock).result is Result.IN_DOUBT


def test_a_blocked_change_ends_as_skipped_with_its_reason(clock: FakeClock) -> None:
    toys = shop()
    plan = planned(toys, [declared(id=9)])
    report = apply(plan, run_of(plan, toys, clock))
    assert [(o.result, o.exit) for o in report.outcomes] == [(Result.SKIPPED, Exit.REFUSED)]
    assert "id 9" in report.outcomes[0].reason


def test_after_a_stop_nothing_is_begun_and_open_writes_end_in_doubt(clock: FakeClock) -> None:
    toys = shop(Size=5)
    stale_reads(toys, clock, PATIENCE * 10)
    toys.bodies[2] = {"ToyId": 2, "Name": "Doll", "IsVisible": True, "Size": 5}
    plan = planned(toys, [BIGGER, declared("toys.doll", {"name": "Doll", "size": 6}, id=2)])
    run = run_of(plan, toys, clock)

    def interrupted(function: Callable[[Any], Any], items: Sequence[Any], label: str) -> Sequence[Any]:
        first = function(items[0])
        run.stop("interrupted")
        return [first, *(function(item) for item in items[1:])]

    report = apply(plan, run, mapper=interrupted)
    assert [o.result for o in report.outcomes] == [Result.IN_DOUBT, Result.SKIPPED]
    assert toys.writes == [("replace", 1)]


class Diary:
    """A journal that remembers when it was told what."""

    def __init__(self, toys: ToyShop) -> None:
        self.toys = toys
        self.entries: list[tuple[str, int, Body | None]] = []

    def intent(self, change: Change, overwritten: Body | None, body: Body | None) -> None:
        assert body is not None
        self.entries.append((f"intent {change.key}", len(self.toys.writes), overwritten))

    def outcome(self, outcome: Outcome) -> None:
        self.entries.append((f"{outcome.result} {outcome.key}", len(self.toys.writes), None))


def test_the_journal_holds_the_body_about_to_be_overwritten_before_the_write(clock: FakeClock) -> None:
    toys = shop(Size=5)
    plan = planned(toys, [BIGGER])
    diary = Diary(toys)
    apply(plan, Run(plan.account, toys, clock, PATIENCE, diary))
    (intent, writes_before, overwritten), (outcome, writes_after, _) = diary.entries
    assert (intent, outcome) == ("intent toys.robot", "applied toys.robot")
    assert (writes_before, writes_after) == (0, 1)
    assert overwritten
    assert overwritten["Size"] == 5


@pytest.mark.parametrize(
    ("exits", "result"),
    [
        ([], Exit.DONE),
        ([Exit.DONE, Exit.ERROR], Exit.PARTLY),
        ([Exit.ERROR, Exit.ERROR], Exit.ERROR),
        ([Exit.DONE, Exit.REFUSED], Exit.REFUSED),
        ([Exit.DONE, Exit.STALE], Exit.STALE),
        ([Exit.DONE, Exit.ERROR, Exit.IN_DOUBT], Exit.IN_DOUBT),
        ([Exit.DONE, Exit.UNAVAILABLE], Exit.PARTLY),
    ],
)
def test_the_gravest_end_is_what_the_run_says(exits: list[Exit], result: Exit, clock: FakeClock) -> None:
    toys = shop()
    plan = planned(toys, [declared(id=1)])
    outcomes = [
        Outcome("toys.x", None, Result.APPLIED if exit is Exit.DONE else Result.FAILED, exit=exit)
        for exit in exits
    ]
    assert Report(plan, tuple(outcomes)).exit is result


def test_a_lost_put_is_not_repeated_where_the_new_read_failed(clock: FakeClock) -> None:
    toys = shop(Size=5)
    plan = planned(toys, [BIGGER])
    lost = raising(NoAnswer("time-out"), "replace", times=1)
    unread = raising(Unreachable("no connection"), "read", times=1)

    def before(verb: str, id: int | None) -> None:
        lost(verb, id)
        if toys.writes:
            unread(verb, id)

    toys.before = before
    assert apply(plan, run_of(plan, toys, clock)).outcomes[0].result is Result.IN_DOUBT
    assert len(toys.writes) == 1


def test_a_lost_put_is_not_repeated_over_what_somebody_else_wrote_meanwhile(clock: FakeClock) -> None:
    toys = shop(Size=5)
    toys.before = raising(NoAnswer("time-out"), "replace")
    plan = planned(toys, [BIGGER])
    real = toys.read

    def read(id: int) -> Body | None:
        if toys.writes:
            toys.bodies[id]["Battery"] = {"Kind": "AA"}
        return real(id)

    toys.read = read  # type: ignore[method-assign]
    assert apply(plan, run_of(plan, toys, clock)).outcomes[0].result is Result.FAILED
    assert len(toys.writes) == 1


@pytest.mark.parametrize("error", [Unreachable("no connection"), Declined("no"), Unauthorised("401")])
def test_a_lost_put_stays_in_doubt_however_its_repetition_fails(error: ApiError, clock: FakeClock) -> None:
    toys = shop(Size=5)
    errors: list[ApiError] = [NoAnswer("time-out"), error]
    stale_reads(toys, clock, PATIENCE * 10)
    done = toys.after

    def after(verb: str, id: int | None) -> None:
        done(verb, id)
        if verb == "replace":
            raise errors.pop(0)

    toys.after = after
    outcome = applied(toys, BIGGER, clock)
    assert (outcome.result, outcome.exit) == (Result.IN_DOUBT, Exit.IN_DOUBT)


def test_after_a_repetition_that_was_not_allowed_nothing_further_is_begun(clock: FakeClock) -> None:
    toys = shop(Size=5)
    toys.bodies[2] = {"ToyId": 2, "Name": "Doll", "IsVisible": True, "Size": 5}
    errors: list[ApiError] = [NoAnswer("time-out"), Unauthorised("401")]

    def before(verb: str, _: int | None) -> None:
        if verb == "replace":
            raise errors.pop(0)

    plan = planned(toys, [BIGGER, declared("toys.doll", {"name": "Doll", "size": 6}, id=2)])
    toys.before = before
    report = apply(plan, run_of(plan, toys, clock))
    assert [outcome.result for outcome in report.outcomes] == [Result.IN_DOUBT, Result.SKIPPED]


@pytest.mark.parametrize(("other", "result"), [({}, Result.IN_DOUBT), ({"is_loud": True}, Result.FAILED)])
def test_a_value_that_the_server_does_not_take_comes_with_the_line_that_ends_the_difference(
    other: dict[str, Json], result: Result, clock: FakeClock
) -> None:
    toys = shop(Size=5)
    dropping(toys, Size=5)
    outcome = applied(toys, declared(values={"name": "Robot", "size": 7, **other}, id=1), clock)
    assert outcome.result is result
    assert [(line.where, line.text) for line in outcome.lines] == [("toys.robot", "size: 5")]


def test_a_lost_answer_proves_nothing_of_the_servers_own_values(clock: FakeClock) -> None:
    toys = shop(Size=5)
    toys.before = raising(NoAnswer("time-out"), "replace")
    assert not applied(toys, declared(id=1), clock).lines


def test_a_group_that_is_gone_says_nothing_of_its_defaults(clock: FakeClock) -> None:
    toys = shop(Battery={"Kind": "AA"})
    plan = planned(toys, [declared(id=1)], proved({"battery.kind": "AAA"}))
    (outcome,) = apply(plan, run_of(plan, toys, clock)).outcomes
    assert (outcome.result, outcome.lines) == (Result.APPLIED, ())
