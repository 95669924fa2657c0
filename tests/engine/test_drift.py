"""What changed in git is told from what changed live, and the way back from a run is a declaration."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import pytest
from msgspec.structs import replace

from reconciler.engine.change import Action, Block, Blocked, Change, Plan, Scope, Unchanged
from reconciler.engine.classify import Drift, LastWrite, classify
from reconciler.engine.drift import attribute_drift
from reconciler.engine.kind import Accepted, Body, Declared, Json, Policy
from tests.engine.toys import RESOURCE, account, declared, live, proved

SCOPE = Scope("shop", "shop.example")
KEY = "toys.robot"


def body(**members: Json) -> Body:
    return {"ToyId": 1, "Name": "Robot", "IsVisible": True, **members}


def wrote(
    before: Mapping[str, Json] | None, sent: Mapping[str, Json], after: Mapping[str, Json] | None, **more: Any
) -> LastWrite:
    """Return a write of these members, beside those that every toy has."""
    bodies = [None if one is None else body(**one) for one in (before, sent, after)]
    return LastWrite(
        **{"run": 7, "id": 1, "is_sure": True} | more, before=bodies[0], sent=bodies[1] or {}, after=bodies[2]
    )


def robot(*, policy: Policy = Policy.RESET, **size: Json) -> Declared:
    return declared(values={"name": "Robot", **size}, undeclared=policy)


def plan_of(wanted: Declared, now: Mapping[str, Json], *, explicit: bool = False) -> Plan:
    known = account(explicit_empties=explicit)
    views = classify(known, wanted, body(**now))
    if any(view.differs for view in views):
        return Plan(SCOPE, known, (Change(SCOPE, KEY, Action.UPDATE, views, wanted, live(body(**now))),))
    return Plan(SCOPE, known, unchanged=(Unchanged(KEY, 1, fields=views),))


def size_drift(plan: Plan, last: LastWrite | None, path: str = "size") -> Drift | None:
    told = attribute_drift(plan, {KEY: last} if last else {})
    views = [*(c.fields for c in told.changes), *(u.fields for u in told.unchanged)][0]
    return next(view.drift for view in views if view.path == path)


SET_5 = wrote({"Size": 3}, {"Size": 5}, {"Size": 5})
LEFT_OUT = wrote({"Size": 3}, {}, {})
IN_DOUBT = wrote({"Size": 3}, {"Size": 5}, None, is_sure=False)


@pytest.mark.parametrize(
    ("wanted", "now", "last", "drift"),
    [
        (robot(size=6), {"Size": 5}, SET_5, Drift.GIT),
        (robot(size=5), {"Size": 9}, SET_5, Drift.LIVE),
        (robot(size=5), {}, SET_5, Drift.LIVE),
        (robot(size=6), {"Size": 9}, SET_5, Drift.BOTH),
        (robot(size=6), {"Size": 6}, SET_5, None),
        (robot(size=6), {"Size": 5}, None, Drift.UNKNOWN),
        (robot(), {"Size": 5}, SET_5, Drift.GIT),
        (robot(), {"Size": 9}, SET_5, Drift.BOTH),
        (robot(), {"Size": 9}, LEFT_OUT, Drift.LIVE),
        (robot(size=6), {}, LEFT_OUT, Drift.GIT),
        (robot(size=6), {"Size": 9}, LEFT_OUT, Drift.BOTH),
        (robot(size=None), {"Size": 9}, LEFT_OUT, Drift.LIVE),
        # A default that is not the expected one is nobody's change.
        (robot(), {"Size": 4}, wrote({}, {}, {"Size": 4}), Drift.LEFT),
        # What the server made of a value is nobody's change either.
        (robot(size=5), {"Size": 4}, wrote({}, {"Size": 5}, {"Size": 4}), Drift.LEFT),
        (robot(size=5), {"Size": 9}, wrote({}, {"Size": 5}, {"Size": 4}), Drift.LIVE),
        (robot(size=5), {"Size": 9}, wrote({}, {"Size": 5}, None), Drift.LIVE),
        (robot(size=5), {"Size": 9}, wrote({}, {}, None), Drift.UNKNOWN),
        # A write in doubt explains both what it overwrote and what it sent.
        (robot(size=5), {"Size": 3}, IN_DOUBT, Drift.IN_DOUBT),
        (robot(size=6), {"Size": 3}, IN_DOUBT, Drift.GIT),
        (robot(size=6), {"Size": 5}, IN_DOUBT, Drift.GIT),
        (robot(size=5), {"Size": 9}, IN_DOUBT, Drift.LIVE),
        (robot(), {"Size": 9}, wrote({"Size": 3}, {}, None, is_sure=False), Drift.UNKNOWN),
        # What a restore left is no change of git.
        (robot(size=6), {"Size": 5}, replace(SET_5, restored=True), Drift.RESTORED),
        (robot(size=6), {"Size": 9}, replace(SET_5, restored=True), Drift.LIVE),
        # A write of another resource under the key says nothing.
        (robot(size=6), {"Size": 5}, replace(SET_5, id=2), Drift.UNKNOWN),
        (robot(policy=Policy.REFUSE), {"Size": 9}, LEFT_OUT, Drift.LIVE),
    ],
)
def test_a_difference_is_told_by_three_states(
    wanted: Declared, now: Mapping[str, Json], last: LastWrite | None, drift: Drift | None
) -> None:
    assert size_drift(plan_of(wanted, now), last) is drift


@pytest.mark.parametrize(
    ("last", "drift"),
    [
        (SET_5, Drift.UNDECLARED),
        (wrote(None, {"Size": 5}, {"Size": 5}), Drift.UNDECLARED),
        (wrote({"Size": 5}, {"Size": 5}, {"Size": 5}), None),
        (wrote({"Size": 3}, {}, {}), None),
        (replace(SET_5, is_sure=False), None),
        (replace(SET_5, restored=True), None),
        (None, None),
    ],
)
def test_what_the_last_write_set_and_is_kept_now_is_no_longer_declared(
    last: LastWrite | None, drift: Drift | None
) -> None:
    assert size_drift(plan_of(robot(policy=Policy.KEEP), {"Size": 5}), last) is drift


def test_the_flag_that_every_create_sets_was_never_declared() -> None:
    made = wrote(None, {}, {})
    assert size_drift(plan_of(robot(policy=Policy.KEEP), {}), made, "is_visible") is None


@pytest.mark.parametrize(
    ("shown_then", "wanted", "drift"),
    [
        ({"IsLoud": False}, True, Drift.GIT),
        ({}, True, Drift.GIT),
        ({"Size": 0, "IsLoud": None}, False, Drift.LIVE),
    ],
)
def test_a_false_that_an_answer_left_out_is_nobodys_change(
    shown_then: dict[str, Json], wanted: bool, drift: Drift
) -> None:
    """An account that shows its first explicit false has not changed; one that showed them then has."""
    last = wrote({"IsLoud": True}, {"IsLoud": False}, shown_then)
    now: dict[str, Json] = {"IsLoud": False} if wanted else {"IsLoud": True}
    plan = plan_of(robot(is_loud=wanted), now, explicit=True)
    assert size_drift(plan, last, "is_loud") is drift


def test_a_group_that_was_sent_as_null_was_sent() -> None:
    last = wrote({"Battery": {"Count": 2}}, {"Battery": None}, {})
    wanted = declared(values={"name": "Robot", "battery.count": None})
    assert size_drift(plan_of(wanted, {"Battery": {"Count": 4}}), last, "battery.count") is Drift.LIVE


def test_a_blocked_change_is_told_apart_too() -> None:
    (change,) = plan_of(robot(size=6), {"Size": 5}).changes
    plan = Plan(SCOPE, account(), blocked=(Blocked(KEY, (Block("no", "no"),), change),))
    (blocked,) = attribute_drift(plan, {KEY: SET_5}).blocked
    assert blocked.change
    assert {view.drift for view in blocked.change.differing} == {Drift.GIT}


ACCEPTED = {"size": Accepted("size", date(2026, 12, 31), "an experiment", RESOURCE)}


@pytest.mark.parametrize("wanted", [robot(size=6), robot(), robot(policy=Policy.REFUSE)])
def test_what_is_accepted_has_no_word_of_its_own(wanted: Declared) -> None:
    plan = plan_of(replace(wanted, accepted=ACCEPTED), {"Size": 9})
    assert plan.changes == ()
    assert size_drift(plan, SET_5) is None


def test_a_stated_default_is_no_difference_and_has_no_word() -> None:
    known = account(defaults=proved({"size": 5}))
    views = classify(known, robot(), body(Size=5))
    plan = Plan(SCOPE, known, unchanged=(Unchanged(KEY, 1, fields=views),))
    assert size_drift(plan, SET_5) is None
