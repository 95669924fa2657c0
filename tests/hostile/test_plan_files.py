"""A plan file stands for what was reviewed, whole: what was edited in it, or forged, is not applied."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from reconciler.errors import Refused, UsageError
from reconciler.planfile.files import read_plan
from tests.commands.conftest import welcome_in
from tests.commands.reviews import FILE, applied, edited, planned
from tests.commands.world import World

Document = dict[str, Any]


@pytest.fixture
def world(tmp_path: Path) -> World:
    return welcome_in(tmp_path)


@pytest.fixture
def plan(world: World) -> Document:
    """A plan file of one change that sets some fields and resets others."""
    document: Document = planned(world).document
    assert len(document["changes"]) == 1
    return document


def each_leaf(value: Any) -> Iterator[Callable[[], None]]:
    """Yield what puts another value in the place of each leaf of a document, and adds or drops members."""
    places = value.items() if isinstance(value, dict) else enumerate(value)
    for place, inner in list(places):
        if isinstance(inner, dict | list) and inner:
            yield from each_leaf(inner)
        else:
            yield lambda place=place, inner=inner: value.__setitem__(place, other_than(inner))  # type: ignore[misc]
    if isinstance(value, list):
        yield lambda: value.append(value[-1])
    if isinstance(value, list) and len(value) > 1:
        yield value.reverse


def other_than(value: Any) -> Any:
    match value:
        case int():
            return not value if isinstance(value, bool) else value + 1
        case _:
            return f"{value or ''}1"


def test_no_member_can_be_edited_and_the_file_still_be_taken(world: World, plan: Document) -> None:
    path = world.folder / FILE
    changed = json.loads(json.dumps(plan))
    for number, _ in enumerate(list(each_leaf(changed))):
        forged = json.loads(json.dumps(plan))
        list(each_leaf(forged))[number]()
        path.write_text(json.dumps(forged), "utf-8")
        with pytest.raises((Refused, UsageError)) as raised:
            read_plan(path)
        assert "changed after it was made" in str(raised.value) or "not a plan" in str(raised.value)
    path.write_text(json.dumps({k: v for k, v in plan.items() if k != "checksum"}), "utf-8")
    with pytest.raises(UsageError, match="it has no checksum"):
        read_plan(path)
    path.write_text(json.dumps(dict(reversed(plan.items())), indent=7), "utf-8")
    assert read_plan(path).review.digests == {plan["changes"][0]["digest"]}


@pytest.mark.parametrize(
    ("where", "forged"),
    [
        ("reset", None),
        ("reset", {"class": "kept"}),
        ("differs", {"differs": False}),
        ("differs", {"after": "as agreed on"}),
        ("differs", {"before": "as it always was"}),
        ("differs", {"path": "no_such_field"}),
        ("change", {"key": "import_configs.harmless"}),
        ("change", {"id": 7}),
        ("change", {"action": "create"}),
    ],
)
def test_what_a_change_shows_is_what_its_digest_stands_for(
    world: World, plan: Document, where: str, forged: Document | None
) -> None:
    """Somebody who can write the file can make its checksum fit, but not have it say less than it does."""
    change = plan["changes"][0]
    resets = [one for one in change["fields"] if one["class"] == "reset"]
    differs = [one for one in change["fields"] if one["differs"]]
    if forged is None:
        change["fields"] = [one for one in change["fields"] if one not in resets]
    else:
        {"change": change, "reset": resets[0], "differs": differs[0]}[where].update(forged)
    edited(world, changes=plan["changes"])
    with pytest.raises(Refused, match="is not what its digest stands for"):
        applied(world)
    assert world.writes == []
