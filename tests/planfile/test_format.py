"""The schemas of plans and reports are strict. What commands print is held to them where tests read it."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from reconciler.commands.validate import schema
from reconciler.errors import Exit
from reconciler.planfile.format import DOCUMENTS, PlanDocument, schema_of
from reconciler.sandbox import State
from reconciler.sandbox.seeding import CONFIGS, STARTING_POINT, stored_config
from tests.clock import FakeClock
from tests.commands.conftest import FILES, WELCOME
from tests.commands.reviews import planned
from tests.commands.world import Screen
from tests.seeds.world import JANE, JOHN, SeedWorld

TWICE = "import_configs: {twin: {name: Twin}, gone: {name: Gone, targets: {sandbox: {id: 9}}}}"


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


def test_no_object_may_hold_or_lack_anything(tmp_path: Path) -> None:
    world, twin = SeedWorld(tmp_path), {"Name": "Twin", "IsReusable": True}
    configs: dict[int | str, Any] = {
        id: stored_config(body) for id, body in {1: WELCOME, 2: twin, 3: twin}.items()
    }
    world.state = State(":memory:", {**STARTING_POINT, CONFIGS: configs})
    world.declare(JOHN, JANE)
    world.write("a.yaml", FILES)
    world.write("b.yaml", TWICE)
    document = planned(world).document
    PlanDocument.model_validate(document)
    plans = Draft202012Validator(schema_of("plan"))
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
        assert not plans.is_valid(more), path
        assert not plans.is_valid(less), path


@pytest.mark.parametrize("kind", [*DOCUMENTS, "workspace"])
def test_the_schemas_are_schemas_and_are_printed_as_they_lie_in_the_package(kind: str) -> None:
    screen = Screen()
    assert schema(kind, screen.console(FakeClock())) is Exit.DONE
    Draft202012Validator.check_schema(screen.document)
    # After a change of a model: reconciler schema KIND > reconciler/schemas/KIND.json
    assert screen.out == (files("reconciler") / f"schemas/{kind}.json").read_text("utf-8")
    assert screen.document["$id"] == f"urn:survey-reconciler:schema:{kind}"
