"""What a reset leaves behind is learned from a read-back that is no cache's, and counts from then on."""

from __future__ import annotations

from reconciler.engine.apply import apply
from reconciler.engine.classify import classify
from reconciler.engine.declared import Declared
from reconciler.engine.defaults import DefaultSource, learned, stated
from reconciler.engine.kind import Json
from reconciler.engine.outcome import Outcome, Result
from tests.clock import FakeClock
from tests.engine.test_apply import BIGGER, planned, run_of, shop
from tests.engine.toys import ToyShop, account, declared

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


def source_of(defaults: dict[str, Json], taught: dict[str, Json]) -> tuple[Json, DefaultSource]:
    views = classify(account(defaults={**learned(taught), **stated(defaults)}), declared(), {"Size": 5})
    default = next(view.default for view in views if view.path == "size")
    assert default is not None
    return default.value, default.source


def test_a_stated_default_counts_more_than_a_learned_one_and_that_more_than_none() -> None:
    assert source_of({"size": 1}, {"size": 2}) == (1, DefaultSource.STATED)
    assert source_of({}, {"size": 2}) == (2, DefaultSource.LEARNED)
    assert source_of({}, {}) == (None, DefaultSource.ASSUMED)


def test_a_field_at_its_learned_default_is_no_reset(clock: FakeClock) -> None:
    toys = shop(Size=5)
    assert planned(toys, [declared(id=1)]).changes
    assert not planned(toys, [declared(id=1)], learned({"size": 5})).changes
