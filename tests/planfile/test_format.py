"""Every plan and report is what its schema says, by the word of a validator that knows nothing of us."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from reconciler.commands.validate import schema
from reconciler.engine.plan import Consent
from reconciler.errors import Exit
from reconciler.planfile.format import PlanDocument, schema_of
from reconciler.sandbox import Fault, State
from reconciler.sandbox.seeding import CONFIGS, STARTING_POINT, stored_config
from tests.clock import FakeClock
from tests.commands.conftest import FILES, WELCOME
from tests.commands.reviews import RESETS, applied, planned
from tests.commands.world import Screen
from tests.seeds.world import ADD, JANE, JOHN, SETTINGS, SeedWorld

PLANS = Draft202012Validator(schema_of("plan"))
REPORTS = Draft202012Validator(schema_of("report"))
OPEN = SETTINGS + "    limits: {resets: null, deletes: null, updates: null}\n"


@pytest.fixture
def world(tmp_path: Path) -> SeedWorld:
    made = SeedWorld(tmp_path)
    twin = {"Name": "Twin", "IsReusable": True}
    configs: dict[int | str, Any] = {
        id: stored_config(body) for id, body in {1: WELCOME, 2: twin, 3: twin}.items()
    }
    made.state = State(":memory:", {**STARTING_POINT, CONFIGS: configs})
    return made


EVERY_RESET = Consent(resets=None)
TWICE = "import_configs: {twin: {name: Twin}, gone: {name: Gone, targets: {sandbox: {id: 9}}}}"
MAPPED = "{name: New, column_mappings: [{source_column_number: 1, target_column_name: Email}]}"


def welcome(facts: str) -> str:
    return f"import_configs: {{welcome: {{targets: {{sandbox: {{id: 1, {facts}: true}}}}}}}}"


def sent(world: SeedWorld) -> None:
    world.declare(JOHN, JANE)
    world.apply()


def changed(world: SeedWorld) -> None:
    world.declare(JOHN, send="on_change")
    world.apply()
    world.declare(JOHN, send="on_change", end_date="+2d")


def found(world: SeedWorld) -> None:
    world.declare(JOHN)
    world.apply()
    world.lose_journal()


def in_doubt(world: SeedWorld) -> None:
    world.declare(JOHN)
    world.apply(f"{ADD}:1:after:drop")


def seed_blocked(world: SeedWorld) -> None:
    world.declare(JOHN)
    world.archive("Gender_customer")


def seeds_trouble(world: SeedWorld) -> None:
    world.declare(JOHN)
    world.faults = [Fault.parse("GET *customerdatacolumn*:1+:before:status=400")]


def actions(document: Any) -> set[str]:
    return {change["action"] for change in document["changes"]}


def classes(document: Any) -> set[str]:
    return {field["class"] for change in document["changes"] for field in change["fields"]}


def states(document: Any) -> set[str]:
    return {name for seed in document["seeds"] for name, count in seed["states"].items() if count}


Files = Mapping[str, str]
SHAPES: tuple[tuple[Files | Callable[[SeedWorld], None], Consent, Callable[[Any], object]], ...] = (
    (
        {"a.yaml": FILES},
        EVERY_RESET,
        lambda d: actions(d) == {"update"} and classes(d) >= {"set", "kept", "reset"},
    ),
    (
        {"a.yaml": FILES, "b.yaml": TWICE},
        Consent(),
        lambda d: len({bool(one["change"]) for one in d["blocked"]}) == 2,
    ),
    (
        {"a.yaml": f"import_configs: {{new: {MAPPED}}}"},
        Consent(),
        lambda d: actions(d) == {"create"} and d["unmanaged"],
    ),
    (
        {"reconciler.yaml": OPEN, "a.yaml": FILES.replace("14", "15")},
        Consent(resets=None, prune=True),
        lambda d: actions(d) == {"update", "delete"} and "removed" in classes(d),
    ),
    ({"a.yaml": welcome("absent")}, Consent(), lambda d: d["blocked"][0]["change"]["action"] == "delete"),
    ({"a.yaml": welcome("hidden")}, Consent(), lambda d: d["unchanged"][0]["hidden"]),
    ({"a.yaml": FILES + "    first_row: 2\n"}, Consent(), lambda d: d["problems"]),
    (lambda world: world.declare(JOHN, JANE), Consent(), lambda d: states(d) == {"pending"}),
    (sent, Consent(), lambda d: states(d) == {"sent"}),
    (changed, Consent(), lambda d: states(d) == {"changed"}),
    (found, Consent(), lambda d: states(d) == {"found"}),
    (in_doubt, Consent(), lambda d: states(d) == {"in_doubt"}),
    (seed_blocked, Consent(), lambda d: d["seeds"][0]["reasons"]),
    (seeds_trouble, Consent(), lambda d: d["seeds_trouble"]),
)


@pytest.mark.parametrize(("made", "consent", "shows"), SHAPES)
def test_every_plan_is_what_the_schema_says(
    world: SeedWorld,
    made: Files | Callable[[SeedWorld], None],
    consent: Consent,
    shows: Callable[[Any], object],
) -> None:
    if callable(made):
        made(world)
    else:
        for name, text in made.items():
            world.write(name, text)
    document = planned(world, consent).document
    assert shows(document)
    assert [error.message for error in PLANS.iter_errors(document)] == []
    PlanDocument.model_validate(document)


@pytest.mark.parametrize(
    "fault", ["", "PUT:1+:before:status=400", "PUT:1+:after:drop", f"{ADD}:1:after:drop"]
)
def test_every_report_is_what_the_schema_says(world: SeedWorld, fault: str) -> None:
    world.write("welcome.yaml", FILES)
    world.write("new.yaml", "import_configs: {new: {name: New}}")
    world.declare(JOHN)
    planned(world)
    world.faults = [Fault.parse(fault)] if fault else []
    document = applied(world, consent=RESETS).document
    assert [error.message for error in REPORTS.iter_errors(document)] == []


def parts(document: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Yield where every object of a document stands, but for free values."""
    if isinstance(document, dict):
        yield path
        for name, value in document.items():
            if name not in ("before", "after"):
                yield from parts(value, (*path, name))
    elif isinstance(document, list):
        for number, value in enumerate(document[:1]):
            yield from parts(value, (*path, number))


def test_no_object_may_hold_or_lack_anything(world: SeedWorld) -> None:
    world.declare(JOHN, JANE)
    world.write("a.yaml", FILES)
    world.write("b.yaml", TWICE)
    document = planned(world).document
    for path in parts(document):
        more, less = deepcopy(document), deepcopy(document)
        for changed_document in (more, less):
            part = changed_document
            for step in path:
                part = part[step]
            if changed_document is more:
                part["surprise"] = 1
            else:
                part.popitem()
        assert not PLANS.is_valid(more), path
        assert not PLANS.is_valid(less), path


@pytest.mark.parametrize("kind", ["plan", "report"])
def test_the_schemas_are_schemas_and_are_printed(kind: str) -> None:
    screen = Screen()
    assert schema(kind, screen.console(FakeClock())) is Exit.DONE
    assert screen.document == schema_of(kind)
    Draft202012Validator.check_schema(screen.document)
