"""A field whose drift is accepted keeps its live value, whatever is declared of it, and changes nothing."""

from __future__ import annotations

from datetime import date

import pytest
from msgspec.structs import replace

from reconciler.engine.classify import FieldClass, FieldView, classify, desired
from reconciler.engine.declared import Accepted, Declared
from reconciler.engine.kind import Body, Json, Policy
from tests.engine.toys import RESOURCE, TOYS, account, declared, proved

LIVE: Body = {"ToyId": 1, "Name": "Robot", "Size": 9, "IsVisible": True}


def accepting(resource: Declared, *paths: str) -> Declared:
    accepted = {path: Accepted(path, date(2026, 12, 31), "an experiment", RESOURCE) for path in paths}
    return replace(resource, accepted=accepted)


def view_of(path: str, resource: Declared, live: Body | None = LIVE) -> FieldView:
    views = classify(account(), resource, live)
    return next(view for view in views if view.path == path)


@pytest.mark.parametrize(
    ("resource", "wanted"),
    [
        (declared(values={"name": "Robot", "size": 5}), 5),
        (declared(values={"name": "Robot", "size": None}), None),
        (declared(values={"name": "Robot", "size": 9}), 9),
        (declared(), None),
        (declared(reset=["size"]), None),
        (declared(keep=["size"]), 9),
        (declared(undeclared=Policy.REFUSE), 9),
    ],
)
def test_it_is_kept_and_says_what_it_would_be_otherwise(resource: Declared, wanted: Json) -> None:
    view = view_of("size", accepting(resource, "size"))
    assert (view.cls, view.before, view.after, view.differs) == (FieldClass.KEPT, 9, 9, False)
    assert view.accepted
    assert view.wanted == wanted


def test_its_live_value_is_in_the_body_beside_what_changes() -> None:
    resource = accepting(declared(values={"name": "Robo", "size": 5}), "size")
    sent = desired(TOYS, resource, classify(account(), resource, LIVE), LIVE)
    assert (sent["Name"], sent["Size"]) == ("Robo", 9)


def test_an_accepted_field_that_is_empty_is_sent_empty() -> None:
    resource = accepting(declared(values={"name": "Robot", "size": 5}), "size")
    live: Body = {"ToyId": 1, "Name": "Robot", "IsVisible": True}
    assert desired(TOYS, resource, classify(account(), resource, live), live)["Size"] is None


def test_a_create_has_nothing_to_accept() -> None:
    resource = accepting(declared(values={"name": "Robot", "size": 5}), "name", "size")
    sent = desired(TOYS, resource, classify(account(), resource, None), None)
    assert sent == {"Name": "Robot", "Size": 5, "IsVisible": True}


def test_an_accepted_flag_of_visibility_never_leaves_the_body() -> None:
    resource = accepting(declared(values={"name": "Robot", "is_visible": False}), "is_visible")
    live: Body = {"ToyId": 1, "Name": "Robot"}
    sent = desired(TOYS, resource, classify(account(), resource, live, listed=True), live)
    assert sent["IsVisible"] is True


def test_a_group_that_is_declared_but_accepted_as_missing_does_not_come_with_its_defaults() -> None:
    resource = accepting(declared(values={"name": "Robot", "battery.count": 2}), "battery.count")
    views = classify(account(defaults=proved({"battery.kind": "AAA"})), resource, LIVE)
    assert [view.path for view in views if view.differs] == ["size"]
