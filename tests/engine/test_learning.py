"""What a reset leaves behind is learned from a read-back that is no cache's, and counts from then on."""

from __future__ import annotations

import pytest

from reconciler.engine.apply import apply
from reconciler.engine.body import Normal
from reconciler.engine.classify import DefaultSource, contradicted, known_defaults
from reconciler.engine.declared import Declared
from reconciler.engine.kind import Json
from reconciler.engine.outcome import Outcome, Result
from tests.clock import FakeClock
from tests.engine.test_apply import BIGGER, planned, run_of, shop
from tests.engine.toys import TOYS, ToyShop, declared

NORMAL = Normal(TOYS, explicit_empties=False)
LOUD: dict[str, Json] = {"IsLoud": True, "Battery": {"Kind": "AA", "Count": 2}}


def outcome_of(toys: ToyShop, resource: Declared, clock: FakeClock) -> Outcome:
    plan = planned(toys, [resource])
    return apply(plan, run_of(plan, toys, clock)).outcomes[0]


def test_a_set_field_that_arrived_proves_what_the_others_were_reset_to(clock: FakeClock) -> None:
    toys = shop(Size=5, IsLoud=True)
    toys.defaults = {"Battery": {"Count": 4}}
    outcome = outcome_of(toys, BIGGER, clock)
    assert outcome.learned == {"is_loud": None, "battery.kind": None, "battery.count": 4}


def test_a_group_that_is_not_there_teaches_nothing(clock: FakeClock) -> None:
    assert outcome_of(shop(Size=5, **LOUD), BIGGER, clock).learned == {"is_loud": None}


def test_resets_alone_teach_nothing_for_an_older_answer_looks_alike(clock: FakeClock) -> None:
    toys = shop(Size=5)
    toys.defaults = {"Size": 5}
    outcome = outcome_of(toys, declared(id=1), clock)
    assert (outcome.result, outcome.learned) == (Result.IN_DOUBT, {})


def test_a_create_teaches_nothing_of_resets(clock: FakeClock) -> None:
    toys = ToyShop(defaults={"IsLoud": True})
    outcome = outcome_of(toys, declared(values={"name": "Robot", "size": 7}), clock)
    assert (outcome.result, outcome.learned) == (Result.APPLIED, {})


def test_an_outcome_carries_the_body_that_was_read_back(clock: FakeClock) -> None:
    toys = shop(Size=5)
    assert outcome_of(toys, BIGGER, clock).body == toys.bodies[1]


@pytest.mark.parametrize(
    ("stated", "learned", "value", "source", "wrong"),
    [
        ({"size": 1}, {}, 1, DefaultSource.UNPROVED, {}),
        ({"size": 1}, {"size": 1}, 1, DefaultSource.STATED, {}),
        ({"size": 0}, {"size": None}, 0, DefaultSource.STATED, {}),
        ({"size": 1}, {"size": 2}, 2, DefaultSource.LEARNED, {"size": 2}),
        ({"size": None}, {"size": 2}, 2, DefaultSource.LEARNED, {"size": 2}),
        ({"size": 1}, {"size": None}, None, DefaultSource.LEARNED, {"size": None}),
        ({}, {"size": 2}, 2, DefaultSource.LEARNED, {}),
    ],
)
def test_what_was_read_back_proves_or_contradicts_what_is_stated(
    stated: dict[str, Json],
    learned: dict[str, Json],
    value: Json,
    source: DefaultSource,
    wrong: dict[str, Json],
) -> None:
    default = known_defaults(NORMAL, stated, learned)["size"]
    assert (default.value, default.source) == (value, source)
    assert contradicted(NORMAL, stated, learned) == wrong


def test_a_field_at_its_learned_default_is_no_reset(clock: FakeClock) -> None:
    toys = shop(Size=5)
    assert planned(toys, [declared(id=1)]).changes
    assert not planned(toys, [declared(id=1)], known_defaults(NORMAL, {}, {"size": 5})).changes
