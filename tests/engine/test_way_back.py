"""What a run overwrote becomes a declaration, and planning that leads back."""

from __future__ import annotations

from reconciler.engine.change import Action
from reconciler.engine.declared import Declared
from reconciler.engine.drift import rollback
from reconciler.engine.kind import Body
from tests.clock import FakeClock
from tests.engine.test_apply import applied, shop
from tests.engine.toys import TOYS, ToyShop

BEFORE: Body = {"ToyId": 1, "Name": "Robot", "Size": 5, "Parts": [{"Number": 1, "Label": "arm"}]}


def back(action: Action, before: Body | None, sent: Body | None = None, id: int | None = 1) -> Declared:
    id = None if action is Action.DELETE else id
    return rollback(TOYS, "run 12", "toys.robot", id=id, before=before, sent=sent)


def test_an_updated_resource_gets_every_field_that_it_had_and_null_for_what_was_empty() -> None:
    declared = back(Action.UPDATE, BEFORE)
    values = {path: given.value for path, given in declared.given.items()}
    assert (declared.id, declared.absent) == (1, False)
    assert values == {
        "name": "Robot",
        "size": 5,
        "is_loud": None,
        "battery.kind": None,
        "battery.count": None,
        "parts": [{"Number": 1, "Label": "arm"}],
    }


def test_whether_it_is_visible_is_never_touched() -> None:
    assert "is_visible" not in back(Action.UPDATE, {**BEFORE, "IsVisible": False}).given


def test_a_deleted_resource_is_declared_without_the_id_that_is_gone() -> None:
    declared = back(Action.DELETE, BEFORE)
    assert (declared.id, declared.absent, declared.given["size"].value) == (None, False, 5)


def test_a_created_resource_is_to_be_absent_by_its_id() -> None:
    declared = back(Action.CREATE, None, {"Name": "Robot"})
    assert (declared.id, declared.absent, declared.given["name"].value) == (1, True, "Robot")


def test_the_plan_says_which_run_a_value_comes_from() -> None:
    assert back(Action.UPDATE, BEFORE).given["size"].origin.level == "run 12"


def test_going_back_restores_every_field_and_carries_what_the_model_does_not_know(clock: FakeClock) -> None:
    toys = shop(Size=7, IsLoud=True, Battery={"Kind": "AA"}, Serial="x-9")
    applied(toys, back(Action.UPDATE, {**BEFORE, "Serial": "x-1"}), clock)
    body = {name: value for name, value in toys.bodies[1].items() if value is not None}
    assert body == {**BEFORE, "IsVisible": True, "Serial": "x-9"}


def test_what_was_deleted_comes_back_visible_under_a_new_id(clock: FakeClock) -> None:
    toys = ToyShop({7: {"ToyId": 7, "Name": "Other", "IsVisible": True}})
    outcome = applied(toys, back(Action.DELETE, BEFORE), clock)
    assert outcome.id == 8
    assert (toys.bodies[8]["Name"], toys.bodies[8]["Size"], toys.bodies[8]["IsVisible"]) == ("Robot", 5, True)
