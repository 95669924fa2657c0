"""Nothing is deleted before all else has ended, or where anything did not end as applied."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from reconciler.commands.workspace import Selection
from reconciler.engine.plan import Consent
from reconciler.errors import Exit
from reconciler.sandbox import Variants
from reconciler.sandbox.seeding import CONFIGS, stored_config
from tests.commands.world import World

SETTINGS = """\
version: 1
default_target: sandbox
targets:
  sandbox:
    checkmarket: {url: "sandbox:", parallelism: 1}
    limits: {deletes: 9, updates: 9, resets: 0}
"""
OLD = {"Name": "Old", "IsReusable": True, "DateFormat": "dd/MM/yyyy"}
FILES = """\
import_configs:
  absent: {name: Absent, absent: true}
  changed: {name: Changed, date_format: yyyy-MM-dd, undeclared: keep}
  new-1: {name: New 1}
  new-2: {name: New 2}
"""
PRUNE = Consent(prune=True)
CREATE, UPDATE = "POST /3/contacts/import/configs", "PUT"


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path)
    made.live({1: OLD, 2: {**OLD, "Name": "Absent"}, 3: {**OLD, "Name": "Changed", "FirstRow": 2}})
    made.write("reconciler.yaml", SETTINGS)
    made.write("files.yaml", FILES)
    return made


def applied(world: World, *faults: str, **asked: Any) -> tuple[Exit, dict[str, str], str]:
    """Apply; return the exit code, each outcome by its key, and the reason of the first delete."""
    run = world.applies(**{"consent": PRUNE, "json": True, "faults": faults, **asked})
    deletes = [one["reason"] for one in run.document["outcomes"] if one["action"] == "delete"]
    return run.exit, run.results, deletes[0] if deletes else ""


def deleted(world: World) -> list[str]:
    return [request.path for request in world.writes if request.method == "DELETE"]


@pytest.mark.parametrize("hidden_for", [0.0, 10.0])
def test_a_delete_begins_when_every_create_and_update_was_carried_out_and_read_back(
    world: World, hidden_for: float
) -> None:
    world.variants = Variants(appears_after_seconds=hidden_for)
    assert applied(world)[0] is Exit.DONE
    order = [request.method for request in world.writes]
    assert (sorted(order[:3]), order[3:]) == (["POST", "POST", "PUT"], ["DELETE", "DELETE"])
    paths = [f"{request.method} {request.path}" for request in world.state.requests()]
    first_delete = next(number for number, path in enumerate(paths) if path.startswith("DELETE"))
    others = [number for number, path in enumerate(paths) if path[-1] in "345"]
    assert max(others) < first_delete
    assert world.names == ["Changed", "New 1", "New 2"]


@pytest.mark.parametrize(
    ("fault", "key", "result", "code"),
    [
        (f"{CREATE}:2:before:status=400", "new-", "failed", Exit.PARTLY),
        (f"{UPDATE}:1+:before:status=400", "changed", "failed", Exit.PARTLY),
        (f"{CREATE}:1:before:drop", "new-", "in_doubt", Exit.IN_DOUBT),
        (f"{UPDATE}:1+:before:status=500", "changed", "in_doubt", Exit.IN_DOUBT),
        (f"{CREATE}:1:before:status=403", "new-", "skipped", Exit.PARTLY),
    ],
)
def test_where_one_did_not_end_as_applied_nothing_is_deleted_and_the_reason_says_so(
    world: World, fault: str, key: str, result: str, code: Exit
) -> None:
    exit, results, reason = applied(world, fault)
    assert exit is code
    assert result in {found for name, found in results.items() if f".{key}" in name}
    assert [results["import_configs.absent"], results["import_configs:1"]] == ["skipped", "skipped"]
    assert "not begun" in reason
    assert not deleted(world)
    assert {"Old", "Absent"} <= {*world.names}


@pytest.mark.parametrize(
    ("files", "unreviewed", "code"),
    [
        (FILES.replace(", undeclared: keep", ""), "", Exit.REFUSED),
        (FILES + "  twin: {name: Twin}\n", "", Exit.REFUSED),
        (FILES, "import_configs.changed", Exit.STALE),
    ],
    ids=["blocked", "blocked without a change", "unreviewed"],
)
def test_a_change_that_is_blocked_or_unreviewed_keeps_deletes_back(
    world: World, files: str, unreviewed: str, code: Exit
) -> None:
    with world.state.transaction() as documents:
        for id in (40, 41):
            documents.put(CONFIGS, id, stored_config({**OLD, "Name": "Twin"}))
    world.write("files.yaml", files)
    changes = world.plans(PRUNE, json=True).document["changes"]
    digests = frozenset(one["digest"] for one in changes if unreviewed and one["key"] != unreviewed)
    exit, results, reason = applied(world, reviewed=digests)
    assert (exit, results["import_configs.new-1"]) == (code, "applied")
    assert "is skipped" in reason
    assert not deleted(world)


def test_what_was_not_selected_keeps_nothing_back_and_neither_does_what_is_unchanged(world: World) -> None:
    exit, results, _ = applied(
        world, f"{CREATE}:1+:before:status=400", consent=Consent(), selection=Selection(only=("absent",))
    )
    assert (exit, results) == (Exit.DONE, {"import_configs.absent": "applied"})
    world.write("files.yaml", "import_configs: {changed: {name: Changed, undeclared: keep}}\n")
    assert applied(world)[0] is Exit.DONE
    assert world.names == ["Changed"]
