"""Every plan and report is what its schema says, by the word of a validator that knows nothing of us."""

from __future__ import annotations

from collections.abc import Callable, Iterator
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
from tests.commands.reviews import RESETS, Run, applied, planned
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


def update(world: SeedWorld) -> Run:
    world.write("welcome.yaml", FILES)
    return planned(world, Consent(resets=None))


def blocked(world: SeedWorld) -> Run:
    world.write("welcome.yaml", FILES)
    world.write(
        "twin.yaml", "import_configs: {twin: {name: Twin}, gone: {name: Gone, targets: {sandbox: {id: 9}}}}"
    )
    return planned(world, Consent())


def create(world: SeedWorld) -> Run:
    mappings = "column_mappings: [{source_column_number: 1, target_column_name: Email}]"
    world.write("new.yaml", f"import_configs: {{new: {{name: New, {mappings}}}}}")
    return planned(world)


def pruned(world: SeedWorld) -> Run:
    world.write("reconciler.yaml", OPEN)
    world.write("welcome.yaml", FILES.replace("14", "15"))
    return planned(world, Consent(resets=None, prune=True))


def absent(world: SeedWorld) -> Run:
    world.write("welcome.yaml", "import_configs: {welcome: {targets: {sandbox: {id: 1, absent: true}}}}")
    return planned(world)


def hidden(world: SeedWorld) -> Run:
    world.write("welcome.yaml", "import_configs: {welcome: {targets: {sandbox: {id: 1, hidden: true}}}}")
    return planned(world)


def warned(world: SeedWorld) -> Run:
    world.write("welcome.yaml", FILES + "    first_row: 2\n")
    return planned(world)


def pending(world: SeedWorld) -> Run:
    world.declare(JOHN, JANE)
    return planned(world)


def sent(world: SeedWorld) -> Run:
    world.declare(JOHN, JANE)
    world.apply()
    return planned(world)


def changed(world: SeedWorld) -> Run:
    world.declare(JOHN, send="on_change")
    world.apply()
    world.declare(JOHN, send="on_change", end_date="+2d")
    return planned(world)


def found(world: SeedWorld) -> Run:
    world.declare(JOHN)
    world.apply()
    world.lose_journal()
    return planned(world)


def in_doubt(world: SeedWorld) -> Run:
    world.declare(JOHN)
    world.apply(f"{ADD}:1:after:drop")
    return planned(world)


def seed_blocked(world: SeedWorld) -> Run:
    world.declare(JOHN)
    world.archive("Gender_customer")
    return planned(world)


def seeds_trouble(world: SeedWorld) -> Run:
    world.declare(JOHN)
    world.faults = [Fault.parse("GET *customerdatacolumn*:1+:before:status=400")]
    return planned(world)


def actions(document: Any) -> set[str]:
    return {change["action"] for change in document["changes"]}


def classes(document: Any) -> set[str]:
    return {field["class"] for change in document["changes"] for field in change["fields"]}


def states(document: Any) -> set[str]:
    return {name for seed in document["seeds"] for name, count in seed["states"].items() if count}


SHAPES: tuple[tuple[Callable[[SeedWorld], Run], Callable[[Any], object]], ...] = (
    (update, lambda d: actions(d) == {"update"} and classes(d) >= {"set", "kept", "reset"}),
    (blocked, lambda d: len({bool(one["change"]) for one in d["blocked"]}) == 2),
    (create, lambda d: actions(d) == {"create"} and d["unmanaged"]),
    (pruned, lambda d: actions(d) == {"update", "delete"} and "removed" in classes(d)),
    (absent, lambda d: d["blocked"][0]["change"]["action"] == "delete"),
    (hidden, lambda d: d["unchanged"][0]["hidden"]),
    (warned, lambda d: d["problems"]),
    (pending, lambda d: states(d) == {"pending"}),
    (sent, lambda d: states(d) == {"sent"}),
    (changed, lambda d: states(d) == {"changed"}),
    (found, lambda d: states(d) == {"found"}),
    (in_doubt, lambda d: states(d) == {"in_doubt"}),
    (seed_blocked, lambda d: d["seeds"][0]["reasons"]),
    (seeds_trouble, lambda d: d["seeds_trouble"]),
)


@pytest.mark.parametrize(("shape", "shows"), SHAPES)
def test_every_plan_is_what_the_schema_says(
    world: SeedWorld, shape: Callable[[SeedWorld], Run], shows: Callable[[Any], object]
) -> None:
    document = shape(world).document
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
    pending(world)
    document = blocked(world).document
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
