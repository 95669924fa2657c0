"""Every writable field is in exactly one class, and the body follows from the classes."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.engine.classify import FieldClass, FieldView, classify, desired
from reconciler.engine.declared import Declared
from reconciler.engine.kind import Body, Json, Policy
from tests.engine.toys import TOYS, account, claimed, declared, proved

LIVE: Body = {"ToyId": 1, "Name": "Robot", "Size": 5, "IsVisible": True}


def view_of(path: str, views: tuple[FieldView, ...]) -> FieldView:
    return next(view for view in views if view.path == path)


def size_view(d: Declared, live: Body | None = LIVE) -> FieldView:
    return view_of("size", classify(account(), d, live))


@pytest.mark.parametrize(
    ("resource", "cls", "after", "differs"),
    [
        (declared(values={"name": "Robot", "size": 7}), FieldClass.SET, 7, True),
        (declared(values={"name": "Robot", "size": 5}), FieldClass.SET, 5, False),
        (declared(values={"name": "Robot", "size": None}), FieldClass.SET, None, True),
        (declared(keep=["size"]), FieldClass.KEPT, 5, False),
        (declared(undeclared=Policy.KEEP), FieldClass.KEPT, 5, False),
        (declared(reset=["size"], undeclared=Policy.KEEP), FieldClass.RESET, None, True),
        (declared(), FieldClass.RESET, None, True),
        (declared(undeclared=Policy.REFUSE), FieldClass.REFUSED, 5, False),
        (declared(keep=["size"], undeclared=Policy.REFUSE), FieldClass.KEPT, 5, False),
    ],
)
def test_a_field_is_in_the_class_that_the_first_ruling_gives_it(
    resource: Declared, cls: FieldClass, after: Json, differs: bool
) -> None:
    view = size_view(resource)
    assert (view.cls, view.before, view.after, view.differs) == (cls, 5, after, differs)


@pytest.mark.parametrize("policy", [Policy.RESET, Policy.REFUSE])
def test_a_field_at_its_default_is_neither_reset_nor_refused(policy: Policy) -> None:
    views = classify(account(defaults=proved({"size": 5})), declared(undeclared=policy), LIVE)
    view = view_of("size", views)
    assert (view.cls, view.differs) == (FieldClass.RESET, False)


NOTHING_ELSE: dict[str, Json] = {"name": "Robot"}
A_CHANGE: dict[str, Json] = {"name": "Robot", "is_loud": True}


@pytest.mark.parametrize(
    ("values", "rules", "live", "cls", "differs", "consented"),
    [
        # Nothing else calls for a PUT: nothing is sent, so nothing is shown.
        (NOTHING_ELSE, {}, 5, FieldClass.RESET, False, False),
        (NOTHING_ELSE, {"undeclared": Policy.REFUSE}, 5, FieldClass.RESET, False, False),
        # A PUT leaves the field out, and only the files say that it stays.
        (A_CHANGE, {}, 5, FieldClass.RESET, True, False),
        (A_CHANGE, {"undeclared": Policy.REFUSE}, 5, FieldClass.REFUSED, False, False),
        (A_CHANGE, {"reset": ["size"]}, 5, FieldClass.RESET, True, True),
        (A_CHANGE, {"reset": ["size"], "own": False}, 5, FieldClass.RESET, True, False),
        (A_CHANGE, {"reset": ["size"], "undeclared": Policy.REFUSE}, 5, FieldClass.RESET, True, True),
        # What is sent, or not live, is not reset whatever is claimed.
        (A_CHANGE, {"undeclared": Policy.KEEP}, 5, FieldClass.KEPT, False, True),
        (A_CHANGE, {"keep": ["size"]}, 5, FieldClass.KEPT, False, True),
        ({**A_CHANGE, "size": 5}, {}, 5, FieldClass.SET, False, True),
        # A live value that is another one was a reset all along.
        (NOTHING_ELSE, {}, 7, FieldClass.RESET, True, False),
    ],
)
def test_a_default_that_is_only_stated_hides_no_reset(
    values: dict[str, Json],
    rules: dict[str, Any],
    live: int,
    cls: FieldClass,
    differs: bool,
    consented: bool,
) -> None:
    resource, body = declared(values=values, **rules), {**LIVE, "Size": live}
    view = view_of("size", classify(account(defaults=claimed({"size": 5})), resource, body))
    assert (view.cls, view.differs, view.consented) == (cls, differs, consented)
    known = view_of("size", classify(account(defaults=proved({"size": 5})), resource, body))
    assert known.differs is (view.differs and live != 5)
    assert known.cls is not FieldClass.REFUSED


@pytest.mark.parametrize("stated", [None, 0])
def test_an_empty_default_that_is_stated_claims_nothing(stated: Json) -> None:
    body: Body = {"Name": "Robot", "IsVisible": True}
    views = classify(account(defaults=claimed({"size": stated})), declared(values=A_CHANGE), body)
    assert not view_of("size", views).differs


@pytest.mark.parametrize(("own", "consented"), [(True, True), (False, False)])
def test_only_the_resource_itself_consents_to_a_reset(own: bool, consented: bool) -> None:
    assert size_view(declared(reset=["size"], own=own)).consented is consented


def test_a_reset_by_policy_alone_has_no_consent() -> None:
    assert size_view(declared()).consented is False


@pytest.mark.parametrize("policy", list(Policy))
def test_a_field_that_fills_itself_is_kept_under_every_policy(policy: Policy) -> None:
    rows: Json = [{"Number": 1, "Label": "arm"}]
    views = classify(account(), declared(undeclared=policy), {**LIVE, "Parts": rows})
    assert view_of("parts", views).cls is FieldClass.KEPT


def test_a_field_that_fills_itself_is_reset_where_it_is_named() -> None:
    views = classify(account(), declared(reset=["parts"]), {**LIVE, "Parts": [{"Number": 1, "Label": "arm"}]})
    assert view_of("parts", views).differs


@pytest.mark.parametrize("policy", list(Policy))
def test_the_visibility_flag_is_always_in_the_body(policy: Policy) -> None:
    d = declared(undeclared=policy)
    views = classify(account(), d, LIVE)
    assert desired(TOYS, d, views, LIVE)["IsVisible"] is True


def test_a_listed_resource_is_visible_even_where_its_flag_is_left_out() -> None:
    d = declared()
    body: Body = {"ToyId": 1, "Name": "Robot"}
    assert desired(TOYS, d, classify(account(), d, body, listed=True), body)["IsVisible"] is True


def test_a_created_resource_is_made_visible() -> None:
    d = declared()
    assert desired(TOYS, d, classify(account(), d, None), None) == {"Name": "Robot", "IsVisible": True}


def test_a_reset_is_left_out_of_the_body() -> None:
    d = declared()
    assert "Size" not in desired(TOYS, d, classify(account(), d, LIVE), LIVE)


def test_a_declared_null_is_in_the_body() -> None:
    d = declared(values={"name": "Robot", "size": None})
    assert desired(TOYS, d, classify(account(), d, LIVE), LIVE)["Size"] is None


def test_a_kept_value_goes_into_the_body_in_the_form_in_which_it_was_read() -> None:
    body: Body = {
        **LIVE,
        "Parts": [{"Number": 2, "Label": "leg", "Colour": "red"}, {"Number": 1, "Label": "arm"}],
    }
    d = declared()
    assert desired(TOYS, d, classify(account(), d, body), body)["Parts"] == body["Parts"]


def test_a_kept_field_that_is_empty_is_sent_empty_because_leaving_it_out_would_reset_it() -> None:
    d = declared(keep=["size"])
    body: Body = {"ToyId": 1, "Name": "Robot", "IsVisible": True}
    assert desired(TOYS, d, classify(account(), d, body), body)["Size"] is None


def test_a_kept_group_that_is_not_there_is_sent_as_nothing() -> None:
    d = declared(keep=["battery.kind", "battery.count"])
    assert desired(TOYS, d, classify(account(), d, LIVE), LIVE)["Battery"] is None


def test_a_group_whose_fields_are_all_reset_is_left_out() -> None:
    body: Body = {**LIVE, "Battery": {"Kind": "AA", "Count": 2}}
    d = declared()
    assert "Battery" not in desired(TOYS, d, classify(account(), d, body), body)


def test_a_group_keeps_what_is_kept_and_loses_what_is_reset() -> None:
    body: Body = {**LIVE, "Battery": {"Kind": "AA", "Count": 2}}
    d = declared(keep=["battery.count"])
    assert desired(TOYS, d, classify(account(), d, body), body)["Battery"] == {"Count": 2}


def test_members_that_the_model_does_not_know_are_carried_and_the_servers_own_are_not() -> None:
    body: Body = {**LIVE, "Price": 3, "Battery": {"Kind": "AA", "Maker": "Acme"}}
    d = declared(values={"name": "Robot", "battery.kind": "AAA"})
    sent = desired(TOYS, d, classify(account(), d, body), body)
    assert sent["Price"] == 3
    assert sent["Battery"] == {"Kind": "AAA", "Maker": "Acme"}
    assert "ToyId" not in sent


def test_declared_rows_carry_what_the_model_does_not_know_of_the_live_ones() -> None:
    body: Body = {
        **LIVE,
        "Parts": [{"Number": 1, "Label": "arm", "Colour": "red"}, {"Number": 2, "Label": "leg"}],
    }
    d = declared(values={"name": "Robot", "parts": [{"Number": 1, "Label": "hand"}]})
    sent = desired(TOYS, d, classify(account(), d, body), body)
    assert sent["Parts"] == [{"Number": 1, "Label": "hand", "Colour": "red"}]


def test_a_group_declared_null_is_sent_as_null() -> None:
    body: Body = {**LIVE, "Battery": {"Kind": "AA", "Count": 2}}
    d = declared(values={"name": "Robot", "battery.kind": None, "battery.count": None})
    assert desired(TOYS, d, classify(account(), d, body), body)["Battery"] is None


@pytest.mark.parametrize(
    ("beside", "differs"), [({}, False), ({"battery.count": None}, False), ({"battery.count": 2}, True)]
)
def test_the_default_of_a_group_comes_only_with_the_group(beside: dict[str, Json], differs: bool) -> None:
    d = declared(values={"name": "Robot", **beside})
    views = classify(account(defaults=proved({"battery.kind": "AAA"})), d, LIVE)
    assert view_of("battery.kind", views).differs is differs


@pytest.mark.parametrize("policy", [Policy.RESET, Policy.REFUSE])
def test_an_explicit_false_at_its_default_is_expected_to_stay_nothing(policy: Policy) -> None:
    views = classify(account(explicit_empties=True), declared(undeclared=policy), {**LIVE, "IsLoud": False})
    view = view_of("is_loud", views)
    assert (view.cls, view.before, view.after) == (FieldClass.RESET, None, None)
