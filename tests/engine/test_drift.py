"""What changed in git is told from what changed live."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from msgspec.structs import replace

from reconciler.engine.change import Action, Change, Plan, Unchanged
from reconciler.engine.classify import Drift, LastWrite, classify
from reconciler.engine.drift import attribute_drift
from reconciler.engine.kind import Declared, Json, Policy
from tests.engine.toys import SCOPE, account, declared, live

KEY = "toys.robot"


def wrote(
    before: Mapping[str, Json] | None, sent: Mapping[str, Json], after: Mapping[str, Json] | None, **more: Any
) -> LastWrite:
    """Return a write of these members, beside those that every toy has."""
    bodies = [None if one is None else live(one).body for one in (before, sent, after)]
    return LastWrite(
        **{"run": 7, "id": 1, "is_sure": True} | more, before=bodies[0], sent=bodies[1] or {}, after=bodies[2]
    )


def robot(*, policy: Policy = Policy.RESET, **size: Json) -> Declared:
    return declared(values={"name": "Robot", **size}, undeclared=policy)


def plan_of(wanted: Declared, now: Mapping[str, Json]) -> Plan:
    known = account()
    views = classify(known, wanted, live(now).body)
    if any(view.differs for view in views):
        return Plan(SCOPE, known, (Change(SCOPE, KEY, Action.UPDATE, views, wanted, live(now)),))
    return Plan(SCOPE, known, unchanged=(Unchanged(KEY, 1, fields=views),))


def size_drift(plan: Plan, last: LastWrite | None) -> Drift | None:
    told = attribute_drift(plan, {KEY: last} if last else {})
    views = [*(c.fields for c in told.changes), *(u.fields for u in told.unchanged)][0]
    return next(view.drift for view in views if view.path == "size")


SET_5 = wrote({"Size": 3}, {"Size": 5}, {"Size": 5})
LEFT_OUT = wrote({"Size": 3}, {}, {})
IN_DOUBT = wrote({"Size": 3}, {"Size": 5}, None, is_sure=False)


@pytest.mark.parametrize(
    ("wanted", "now", "last", "drift"),
    [
        (robot(size=6), {"Size": 5}, SET_5, Drift.GIT),
        (robot(size=5), {"Size": 9}, SET_5, Drift.LIVE),
        (robot(size=6), {"Size": 9}, SET_5, Drift.BOTH),
        (robot(size=6), {"Size": 6}, SET_5, None),
        (robot(size=6), {"Size": 5}, None, Drift.UNKNOWN),
        (robot(), {"Size": 5}, SET_5, Drift.GIT),
        (robot(), {"Size": 9}, LEFT_OUT, Drift.LIVE),
        (robot(size=6), {}, LEFT_OUT, Drift.GIT),
        # A default that is not the expected one is nobody's change.
        (robot(), {"Size": 4}, wrote({}, {}, {"Size": 4}), Drift.LEFT),
        # What the server made of a value is nobody's change either.
        (robot(size=5), {"Size": 4}, wrote({}, {"Size": 5}, {"Size": 4}), Drift.LEFT),
        (robot(size=5), {"Size": 9}, wrote({}, {}, None), Drift.UNKNOWN),
        # A write in doubt explains both what it overwrote and what it sent.
        (robot(size=5), {"Size": 3}, IN_DOUBT, Drift.IN_DOUBT),
        (robot(size=6), {"Size": 3}, IN_DOUBT, Drift.GIT),
        (robot(size=5), {"Size": 9}, IN_DOUBT, Drift.LIVE),
        # What a restore left is no change of git.
        (robot(size=6), {"Size": 5}, replace(SET_5, restored=True), Drift.RESTORED),
        # A write of another resource under the key says nothing.
        (robot(size=6), {"Size": 5}, replace(SET_5, id=2), Drift.UNKNOWN),
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
        (wrote({"Size": 5}, {"Size": 5}, {"Size": 5}), None),
        (replace(SET_5, is_sure=False), None),
        (replace(SET_5, restored=True), None),
    ],
)
def test_what_the_last_write_set_and_is_kept_now_is_no_longer_declared(
    last: LastWrite, drift: Drift | None
) -> None:
    assert size_drift(plan_of(robot(policy=Policy.KEEP), {"Size": 5}), last) is drift
