"""What changed in git is told from what changed live, by what the last write sent and left behind."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from reconciler.engine.change import Action, Block, Blocked, Change, Plan, Scope, Unchanged
from reconciler.engine.classify import Drift, classify
from reconciler.engine.declared import Accepted, Declared
from reconciler.engine.drift import LastWrite, attribute_drift
from reconciler.engine.kind import Body, Json, Policy
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
    return Plan(SCOPE, known, unchanged=(Unchanged(KEY, 1, views=views),))


def size_drift(plan: Plan, last: LastWrite | None, path: str = "size") -> Drift | None:
    told = attribute_drift(plan, {KEY: last} if last else {})
    views = [*(c.fields for c in told.changes), *(u.views for u in told.unchanged)][0]
    return next(view.drift for view in views if view.path == path)


SET_5 = wrote({"Size": 3}, {"Size": 5}, {"Size": 5})
LEFT_OUT = wrote({"Size": 3}, {}, {})


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
    ],
)
def test_a_difference_is_told_by_three_states(
    wanted: Declared, now: Mapping[str, Json], last: LastWrite | None, drift: Drift | None
) -> None:
    assert size_drift(plan_of(wanted, now), last) is drift


@pytest.mark.parametrize(
    ("last", "now", "drift"),
    [
        (wrote({}, {"Size": 5}, {"Size": 4}), {"Size": 4}, Drift.LEFT),
        (wrote({}, {"Size": 5}, {"Size": 4}), {"Size": 9}, Drift.LIVE),
        (wrote({}, {"Size": 5}, None), {"Size": 9}, Drift.LIVE),
        (wrote({}, {}, None), {"Size": 9}, Drift.UNKNOWN),
    ],
)
def test_what_the_server_made_of_it_is_nobodys_change(
    last: LastWrite, now: Mapping[str, Json], drift: Drift
) -> None:
    assert size_drift(plan_of(robot(size=5), now), last) is drift


def test_a_default_that_is_not_the_expected_one_is_nobodys_change() -> None:
    assert size_drift(plan_of(robot(), {"Size": 4}), wrote({}, {}, {"Size": 4})) is Drift.LEFT


@pytest.mark.parametrize(
    ("wanted", "now", "drift"),
    [
        (robot(size=5), {"Size": 3}, Drift.IN_DOUBT),
        (robot(size=6), {"Size": 3}, Drift.GIT),
        (robot(size=6), {"Size": 5}, Drift.GIT),
        (robot(size=5), {"Size": 9}, Drift.LIVE),
    ],
)
def test_a_write_in_doubt_explains_both_what_it_overwrote_and_what_it_sent(
    wanted: Declared, now: Mapping[str, Json], drift: Drift
) -> None:
    in_doubt = wrote({"Size": 3}, {"Size": 5}, None, is_sure=False)
    assert size_drift(plan_of(wanted, now), in_doubt) is drift


def test_of_a_reset_in_doubt_that_shows_something_new_nothing_is_known() -> None:
    in_doubt = wrote({"Size": 3}, {}, None, is_sure=False)
    assert size_drift(plan_of(robot(), {"Size": 9}), in_doubt) is Drift.UNKNOWN


@pytest.mark.parametrize(("now", "drift"), [({"Size": 5}, Drift.RESTORED), ({"Size": 9}, Drift.LIVE)])
def test_what_a_restore_left_is_no_change_of_git(now: Mapping[str, Json], drift: Drift) -> None:
    assert size_drift(plan_of(robot(size=6), now), replace(SET_5, restored=True)) is drift


def test_a_write_of_another_resource_under_the_key_says_nothing() -> None:
    assert size_drift(plan_of(robot(size=6), {"Size": 5}), replace(SET_5, id=2)) is Drift.UNKNOWN


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


def test_what_is_refused_is_told_apart_too() -> None:
    wanted = declared(undeclared=Policy.REFUSE, values={"name": "Robot"})
    views = classify(account(), wanted, body(Size=9))
    change = Change(SCOPE, KEY, Action.UPDATE, views, wanted, live(body(Size=9)))
    assert size_drift(Plan(SCOPE, account(), (change,)), LEFT_OUT) is Drift.LIVE


SIZES = st.sampled_from([None, 0, 3, 5])
BODIES = st.fixed_dictionaries({}, optional={"Size": SIZES, "IsLoud": st.booleans()})
WRITES = st.builds(
    wrote, st.none() | BODIES, BODIES, st.none() | BODIES, is_sure=st.booleans(), restored=st.booleans()
)


@given(SIZES, BODIES, WRITES, st.booleans())
def test_words_never_change_what_is_done(
    size: Json, now: dict[str, Json], last: LastWrite, explicit: bool
) -> None:
    """Whatever is remembered: the digests, and every field but for its word, are the same."""
    plan = plan_of(robot(size=size), now, explicit=explicit)
    told = attribute_drift(plan, {KEY: last})
    assert told.digests == plan.digests
    assert [c.lenient_digest for c in told.changes] == [c.lenient_digest for c in plan.changes]
    bare = [replace(view, drift=None) for change in told.changes for view in change.fields]
    assert bare == [view for change in plan.changes for view in change.fields]


ACCEPTED = {"size": Accepted("size", date(2026, 12, 31), "an experiment", RESOURCE)}


@pytest.mark.parametrize("wanted", [robot(size=6), robot(), robot(policy=Policy.REFUSE)])
def test_what_is_accepted_has_no_word_of_its_own(wanted: Declared) -> None:
    plan = plan_of(replace(wanted, accepted=ACCEPTED), {"Size": 9})
    assert plan.changes == ()
    assert size_drift(plan, SET_5) is None


def test_a_stated_default_is_no_difference_and_has_no_word() -> None:
    known = account(defaults=proved({"size": 5}))
    views = classify(known, robot(), body(Size=5))
    plan = Plan(SCOPE, known, unchanged=(Unchanged(KEY, 1, views=views),))
    assert size_drift(plan, SET_5) is None
