"""Values have one form, every field is in exactly one class, and the body follows from the classes."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from reconciler.engine.body import compared, shows_zero
from reconciler.engine.classify import (
    AccountProfile,
    DefaultSource,
    FieldClass,
    FieldView,
    LastWrite,
    classify,
    desired,
    known_defaults,
)
from reconciler.engine.kind import Body, Declared, Json, Policy
from tests.engine.toys import TOYS, account, claimed, declared, proved

LIVE: Body = {"ToyId": 1, "Name": "Robot", "Size": 5, "IsVisible": True}
BARE: Body = {"ToyId": 1, "Name": "Robot", "IsVisible": True}
SIZE, PARTS = TOYS.by_path["size"], TOYS.by_path["parts"]


def view_of(path: str, views: tuple[FieldView, ...]) -> FieldView:
    return next(view for view in views if view.path == path)


def size_of(resource: Declared, live: Body | None = LIVE) -> FieldView:
    return view_of("size", classify(account(), resource, live))


def sent(resource: Declared, live: Body | None) -> dict[str, Json]:
    return desired(TOYS, resource, classify(account(), resource, live), live)


class TestForm:
    @pytest.mark.parametrize("value", [False, 0])
    def test_false_and_zero_are_nothing_until_the_account_shows_an_explicit_one(self, value: Json) -> None:
        assert compared(SIZE, "", strict=True) is compared(SIZE, [], strict=True) is None
        # An empty value of a member that the kind does not know proves nothing.
        assert not shows_zero(TOYS, [{"Name": "Robot", "Price": 0}])
        assert compared(SIZE, value, strict=False) is None
        assert shows_zero(TOYS, [{"Name": "Robot"}, {"IsLoud": False}])
        assert compared(SIZE, value, strict=True) == value

    def test_rows_compare_by_their_identity_and_their_known_members(self) -> None:
        rows: Json = [{"Number": 10, "Label": "leg", "Colour": "red"}, {"Label": "arm"}]
        # The API leaves out the number zero.
        assert compared(PARTS, rows) == [{"Number": 0, "Label": "arm"}, {"Number": 10, "Label": "leg"}]


@pytest.mark.parametrize(
    ("resource", "cls", "after", "differs"),
    [
        (declared(values={"name": "Robot", "size": 7}), FieldClass.SET, 7, True),
        (declared(values={"name": "Robot", "size": 5}), FieldClass.SET, 5, False),
        (declared(values={"name": "Robot", "size": None}), FieldClass.SET, None, True),
        (declared(keep=["size"]), FieldClass.KEPT, 5, False),
        (declared(reset=["size"], undeclared=Policy.KEEP), FieldClass.RESET, None, True),
        (declared(), FieldClass.RESET, None, True),
        (declared(undeclared=Policy.REFUSE), FieldClass.REFUSED, 5, False),
        (declared(keep=["size"], undeclared=Policy.REFUSE), FieldClass.KEPT, 5, False),
    ],
)
def test_a_field_is_in_the_class_that_the_first_ruling_gives_it(
    resource: Declared, cls: FieldClass, after: Json, differs: bool
) -> None:
    view = size_of(resource)
    assert (view.cls, view.before, view.after, view.differs) == (cls, 5, after, differs)


@pytest.mark.parametrize(
    ("stated", "learned", "value", "source"),
    [
        ({"size": 1}, {}, 1, DefaultSource.UNPROVED),
        ({"size": 1}, {"size": 1}, 1, DefaultSource.STATED),
        ({"size": 0}, {"size": None}, 0, DefaultSource.STATED),
        # What was learned contradicts what is stated, and counts.
        ({"size": 1}, {"size": 2}, 2, DefaultSource.LEARNED),
        ({"size": 1}, {"size": None}, None, DefaultSource.LEARNED),
        ({}, {"size": 2}, 2, DefaultSource.LEARNED),
    ],
)
def test_what_was_read_back_proves_or_contradicts_what_is_stated(
    stated: Any, learned: Any, value: Json, source: DefaultSource
) -> None:
    default = known_defaults(TOYS, stated, learned)["size"]
    assert (default.value, default.source) == (value, source)


@pytest.mark.parametrize("policy", [Policy.RESET, Policy.REFUSE])
def test_a_field_at_its_default_is_neither_reset_nor_refused(policy: Policy) -> None:
    views = classify(account(defaults=proved({"size": 5})), declared(undeclared=policy), LIVE)
    assert (view_of("size", views).cls, view_of("size", views).differs) == (FieldClass.RESET, False)
    views = classify(account(explicit_empties=True), declared(undeclared=policy), {**LIVE, "IsLoud": False})
    view = view_of("is_loud", views)
    assert (view.cls, view.before, view.after) == (FieldClass.RESET, None, None)


NOTHING_ELSE: dict[str, Json] = {"name": "Robot"}
A_CHANGE: dict[str, Json] = {"name": "Robot", "is_loud": True}


@pytest.mark.parametrize(
    ("values", "rules", "live", "cls", "differs", "consented"),
    [
        # Nothing else calls for a PUT: nothing is sent, so nothing is shown.
        (NOTHING_ELSE, {}, 5, FieldClass.RESET, False, False),
        # A PUT leaves the field out, and only the files say that it stays.
        (A_CHANGE, {}, 5, FieldClass.RESET, True, False),
        (A_CHANGE, {"undeclared": Policy.REFUSE}, 5, FieldClass.REFUSED, False, False),
        (A_CHANGE, {"reset": ["size"]}, 5, FieldClass.RESET, True, True),
        (A_CHANGE, {"reset": ["size"], "own": False}, 5, FieldClass.RESET, True, False),
        # What is sent, or not live, is not reset whatever is claimed.
        (A_CHANGE, {"keep": ["size"]}, 5, FieldClass.KEPT, False, True),
        ({**A_CHANGE, "size": 5}, {}, 5, FieldClass.SET, False, True),
        # A live value that is another one was a reset all along.
        (NOTHING_ELSE, {}, 7, FieldClass.RESET, True, False),
    ],
)
def test_a_default_that_is_only_stated_hides_no_reset(
    values: Any, rules: Any, live: int, cls: FieldClass, differs: bool, consented: bool
) -> None:
    resource, body = declared(values=values, **rules), {**LIVE, "Size": live}
    view = view_of("size", classify(account(defaults=claimed({"size": 5})), resource, body))
    assert (view.cls, view.differs, view.consented) == (cls, differs, consented)
    known = view_of("size", classify(account(defaults=proved({"size": 5})), resource, body))
    assert known.differs is (view.differs and live != 5)
    assert known.cls is not FieldClass.REFUSED


@pytest.mark.parametrize(
    ("resource", "cls"),
    [
        *((declared(undeclared=policy), FieldClass.KEPT) for policy in Policy),
        (declared(reset=["parts"]), FieldClass.RESET),
    ],
)
def test_a_field_that_fills_itself_is_kept_unless_it_is_named(resource: Declared, cls: FieldClass) -> None:
    body: Body = {**LIVE, "Parts": [{"Number": 1, "Label": "arm"}]}
    assert view_of("parts", classify(account(), resource, body)).cls is cls


@pytest.mark.parametrize(
    ("beside", "differs"), [({}, False), ({"battery.count": None}, False), ({"battery.count": 2}, True)]
)
def test_the_default_of_a_group_comes_only_with_the_group(beside: dict[str, Json], differs: bool) -> None:
    resource = declared(values={"name": "Robot", **beside})
    views = classify(account(defaults=proved({"battery.kind": "AAA"})), resource, LIVE)
    assert view_of("battery.kind", views).differs is differs


@pytest.mark.parametrize("policy", list(Policy))
@pytest.mark.parametrize("body", [LIVE, None, {"ToyId": 1, "Name": "Robot"}])
def test_the_visibility_flag_is_always_in_the_body(policy: Policy, body: Body | None) -> None:
    """Also of a create, and of a listed resource whose flag the answer leaves out."""
    assert sent(declared(undeclared=policy), body)["IsVisible"] is True


MANY: Body = {**LIVE, "Battery": {"Kind": "AA", "Count": 2}}
HANDS = declared(values={"name": "Robot", "parts": [{"Number": 2, "Label": "hand"}]})
ROWS: Json = [{"Number": 2, "Label": "leg", "Colour": "red"}, {"Number": 1, "Label": "arm"}]


@pytest.mark.parametrize(
    ("resource", "live", "member", "value"),
    [
        (declared(), LIVE, "Size", "left out"),
        (declared(), MANY, "Battery", "left out"),
        (declared(values={"name": "Robot", "size": None}), LIVE, "Size", None),
        # A kept value goes as it was read; an empty one too, for leaving it out would reset it.
        (declared(), {**LIVE, "Parts": ROWS}, "Parts", ROWS),
        (declared(keep=["size"]), BARE, "Size", None),
        (declared(keep=["battery.kind", "battery.count"]), LIVE, "Battery", None),
        # Of declared rows each carries what the kind does not know of the live one.
        (HANDS, {**LIVE, "Parts": ROWS}, "Parts", [{"Number": 2, "Label": "hand", "Colour": "red"}]),
    ],
)
def test_each_class_has_its_form_in_the_body(
    resource: Declared, live: Body, member: str, value: Json
) -> None:
    assert sent(resource, live).get(member, "left out") == value


def test_a_group_keeps_what_is_kept_and_loses_what_is_reset() -> None:
    assert sent(declared(keep=["battery.count"]), MANY)["Battery"] == {"Count": 2}


def test_members_that_the_model_does_not_know_are_carried_and_the_servers_own_are_not() -> None:
    body: Body = {**LIVE, "Price": 3, "Battery": {"Kind": "AA", "Maker": "Acme"}}
    whole = sent(declared(values={"name": "Robot", "battery.kind": "AAA"}), body)
    assert (whole["Price"], whole["Battery"]) == (3, {"Kind": "AAA", "Maker": "Acme"})
    assert "ToyId" not in whole


@pytest.mark.parametrize(
    ("sent", "after", "loses"),
    [
        (None, None, True),  # no write is known
        ({"Name": "Robot"}, {"ToyId": 1, "Etag": "a"}, False),  # it was left out, and this value stayed
        ({"Name": "Robot"}, {"ToyId": 1, "Etag": "b"}, True),
        ({"Name": "Robot"}, {"ToyId": 1}, True),
        ({"Name": "Robot", "Etag": "a"}, {"ToyId": 1, "Etag": "a"}, True),  # it was sent
    ],
)
def test_a_live_value_that_is_never_sent_is_a_reset_until_a_write_has_left_it_behind(
    sent: Body | None, after: Body | None, loses: bool
) -> None:
    write = LastWrite(1, 1, BARE, sent, after, is_sure=True) if sent else None
    kind = replace(TOYS, server_members=TOYS.server_members | {("Etag",), ("Nothing",)})
    profile = AccountProfile(kind, last_writes={"toys.robot": write} if write else {})
    views = classify(profile, declared(values={"name": "Robot", "size": 7}), {**LIVE, "Etag": "a"})
    view = view_of("Etag", views)
    assert (view.cls, view.differs, view.consented, view.unknown) == (FieldClass.RESET, loses, False, True)
    # By itself it calls for no PUT.
    assert not [v for v in classify(profile, declared(keep=["size"]), {**LIVE, "Etag": "a"}) if v.differs]
