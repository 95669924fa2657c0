"""Values are compared in one form."""

from __future__ import annotations

import pytest

from reconciler.engine.body import ABSENT, Normal, put, value_at
from reconciler.engine.kind import Json
from tests.engine.toys import TOYS

SIZE = TOYS.by_path["size"]
PARTS = TOYS.by_path["parts"]


@pytest.mark.parametrize("value", [None, "", [], {}])
def test_every_form_of_nothing_is_nothing(value: Json) -> None:
    assert Normal(TOYS, explicit_empties=True).value(SIZE, value) is None


@pytest.mark.parametrize("value", [False, 0])
def test_false_and_zero_are_nothing_until_the_account_shows_an_explicit_one(value: Json) -> None:
    assert Normal.of(TOYS, [{"Name": "Robot"}]).value(SIZE, value) is None
    assert Normal.of(TOYS, [{"Name": "Robot"}, {"IsLoud": False}]).value(SIZE, value) == value


def test_an_empty_value_of_an_unknown_member_proves_nothing() -> None:
    assert Normal.of(TOYS, [{"Price": 0}]).explicit_empties is False


def test_rows_compare_by_their_identity_and_their_known_members() -> None:
    normal = Normal(TOYS, explicit_empties=False)
    rows: Json = [{"Number": 10, "Label": "leg", "Colour": "red"}, {"Number": 2, "Label": "arm"}]
    assert normal.value(PARTS, rows) == [{"Number": 2, "Label": "arm"}, {"Number": 10, "Label": "leg"}]


@pytest.mark.parametrize("body", [{}, {"Battery": None}, {"Battery": []}, {"Battery": {"Count": 1}}])
def test_a_member_of_a_group_that_is_not_there_is_absent(body: dict[str, Json]) -> None:
    assert value_at(body, ("Battery", "Kind")) is ABSENT


def test_putting_a_member_makes_its_group() -> None:
    body: dict[str, Json] = {"Battery": None}
    put(body, ("Battery", "Kind"), "AA")
    assert body == {"Battery": {"Kind": "AA"}}


def test_rows_compare_alike_where_the_api_leaves_out_the_number_zero() -> None:
    normal = Normal(TOYS, explicit_empties=False)
    shown: Json = [{"Label": "arm"}]
    whole: Json = [{"Number": 0, "Label": "arm"}]
    assert normal.value(PARTS, shown) == normal.value(PARTS, whole) == whole
