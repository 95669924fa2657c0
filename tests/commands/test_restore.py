"""`restore` plans the way back from a run, through the same checks as every plan."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from reconciler.cli import main
from reconciler.commands.adopt import adopt_update
from reconciler.commands.reports import Form, ReportFile
from reconciler.engine.plan import Consent
from reconciler.errors import Exit, Refused, UsageError
from reconciler.sandbox import Variants
from tests.commands.conftest import FILES
from tests.commands.world import EVERYTHING, SETTINGS, Doing, Run, Screen, World

MAY_DELETE = SETTINGS + "    limits: {deletes: 5}\n"
CREATED = "import_configs:\n  other: {name: Other, update_type_id: 2}\n"


def state(world: World, id: int = 1) -> Any:
    return without_nulls(world.config(id))


def without_nulls(value: Any) -> Any:
    """Return a body as the API shows it: what is null is not there."""
    if not isinstance(value, dict):
        return value
    return {name: without_nulls(inner) for name, inner in value.items() if inner is not None}


def test_an_update_is_taken_back_resets_included_and_going_back_can_be_taken_back(world: World) -> None:
    before = state(world)
    world.applies()
    after = state(world)
    assert after != before
    run = world.restores()
    assert run.exit is Exit.DONE
    assert "change them too, or the next apply brings it back" in run.out
    assert state(world) == before
    writes = len(world.writes)
    assert world.restores().exit is Exit.DONE
    assert len(world.writes) == writes  # going back twice changes nothing
    assert world.plans(detailed_exitcode=True).exit is Exit.PENDING
    assert world.restores(2).exit is Exit.DONE
    assert state(world) == after


def test_what_was_created_is_deleted_within_the_limit_for_deletions(world: World) -> None:
    world.write("other.yaml", CREATED)
    world.applies()
    assert world.restores().exit is Exit.REFUSED
    assert world.config(2)
    world.write("reconciler.yaml", MAY_DELETE)
    assert world.restores().exit is Exit.DONE
    assert not world.config(2)


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ("POST:1+:before:status=400", ""),
        ("POST:1+:before:drop", "nothing is deleted for it: import_configs.other."),
    ],
)
def test_a_create_that_was_refused_or_has_no_known_id_deletes_nobody_who_has_its_name(
    world: World, fault: str, told: str
) -> None:
    world.write("reconciler.yaml", MAY_DELETE)
    world.write("welcome.yaml", CREATED)
    world.applies(fault=fault)
    world.change(1, Name="Other")
    assert told in world.restores().out
    assert world.config(1)


def test_a_refused_update_is_not_taken_back_over_what_somebody_wrote_later(world: World) -> None:
    world.applies(fault="PUT:1+:before:status=400")
    world.change(1, DateFormat="yyyy")
    assert world.restores().exit is Exit.DONE
    assert world.config(1)["DateFormat"] == "yyyy"


def test_what_was_deleted_is_created_again_with_all_that_it_had(world: World) -> None:
    world.write("reconciler.yaml", MAY_DELETE)
    world.write("welcome.yaml", "import_configs:\n  welcome: {absent: true, targets: {sandbox: {id: 1}}}\n")
    before = state(world)
    world.applies()
    assert not world.config(1)
    assert world.restores().exit is Exit.DONE
    assert state(world, 2) == before


def test_what_somebody_changes_while_it_is_planned_is_left_alone(world: World) -> None:
    world.applies()
    screen = Screen(stdin=Doing(lambda: world.change(1, DateFormat="yyyy")))
    assert world.restores(screen=screen, yes=False).exit is Exit.STALE
    assert world.config(1)["DateFormat"] == "yyyy"


def test_later_runs_on_the_same_keys_are_named(world: World) -> None:
    world.applies()
    world.write("welcome.yaml", FILES.replace("days: 2", "days: 9"))
    world.applies()
    later = "Written again by later runs, which goes back too: import_configs.welcome."
    assert later in world.restores().out


@pytest.mark.parametrize(("when", "shown"), [("before", "1 unchanged"), ("after", "1 to update")])
def test_a_write_in_doubt_is_taken_back_from_what_is_live_and_named(
    world: World, when: str, shown: str
) -> None:
    world.applies(fault=f"PUT:1+:{when}:drop")
    run = world.plans(restores=1)
    assert shown in run.last
    assert ("Whether run 1 has written these is in doubt" in run.out) is (when == "before")


def test_an_adoption_since_hides_no_later_run(world: World) -> None:
    world.applies()
    world.write("welcome.yaml", FILES.replace("days: 2", "days: 9"))
    world.applies()
    world.change(1, EmailIsRequired=False)
    world.ran(adopt_update, EVERYTHING)
    assert told(world)[0] == "adopt --update"
    assert "Written again by later runs, which goes back too" in world.plans(restores=1).out


ID = "    targets: {sandbox: {id: 1}}\n"


@pytest.mark.parametrize(
    ("never_sent", "files", "lost"),
    [
        ("", f"    survey_settings: null\n{ID}", "SurveySettings.LinkVersion"),
        ("CreateDate", f"    date_format: yyyy\n{ID}", "CreateDate"),
        ("", f"    absent: true\n{ID}", "CreateDate of import_configs.welcome, SurveySettings.LinkVersion"),
        ("", f"    date_format: yyyy\n{ID}", ""),
    ],
)
def test_what_a_way_back_does_not_bring_is_said(world: World, never_sent: str, files: str, lost: str) -> None:
    world.variants = Variants(server_extras="stable")
    account = f'"sandbox:", server_members: [{never_sent}]}}'
    world.write("reconciler.yaml", MAY_DELETE.replace('"sandbox:"}', account))
    world.write("welcome.yaml", f"import_configs:\n  welcome:\n    name: Welcome\n{files}")
    world.applies()
    out = world.plans(restores=1).out
    assert (f"and the way back does not bring it: {lost}" in out) is bool(lost)
    assert ("the way back does not bring" in out) is bool(lost)


def told(world: World) -> list[str]:
    """Return what the runs were called, the latest first."""
    return [run["command"] for run in world.runs()]


ADDED = FILES.replace("    email_is_required: true\n", "    email_is_required: true\n    row_delimiter: x\n")
WRITTEN = Path("way-back.json")


def added(world: World) -> Any:
    """Let run 2 bring a value where nothing was; return what was there before it."""
    world.applies()
    before = state(world)
    world.write("welcome.yaml", ADDED)
    world.applies()
    assert world.config(1)["RowDelimiter"] == "x"
    return before


def fields(run: Run) -> dict[str, tuple[Any, ...]]:
    """Path → class, values and drift of what the only change does, blocked or not."""
    plan = run.document
    changes: list[Any] = [*plan["changes"], *(one["change"] for one in plan["blocked"])]
    (change,) = changes
    return {
        one["path"]: (one["class"], one["before"], one["after"], one["drift"])
        for one in change["fields"]
        if one["differs"]
    }


def test_the_way_back_is_shown_with_its_resets_and_nothing_is_written(world: World) -> None:
    added(world)
    before, runs = len(world.writes), told(world)
    run = world.plans(
        restores=2, reports=(ReportFile(Form.MARKDOWN, Path("r.md")), ReportFile(Form.HTML, Path("r.html")))
    )
    assert '↺ row_delimiter  "x" → (empty)  reset as before run 2, default' in run.out
    assert "1 to update (1 field reset)" in run.last
    heading = "Way back from run 2: to what was live before it, whatever the files declare"
    assert heading in run.out
    for name in ("r.md", "r.html"):
        page = re.sub("[`*]", "", (world.folder / name).read_text("utf-8"))
        assert heading in page
        assert "Plan of sandbox: way back from run 2" in page
        assert "change them too, or the next apply brings it back" in page
        assert "row_delimiter" in page
    document = world.plans(restores=2, json=True).document
    assert (document["restores"], document["seeds"], document["unmanaged"]) == (2, [], [])
    assert (len(world.writes), told(world)) == (before, runs)


@pytest.mark.parametrize(
    ("resets", "exit", "files_limit"),
    [(0, Exit.REFUSED, 0), (1, Exit.DONE, 0), (None, Exit.DONE, 0), (0, Exit.DONE, 1)],
)
def test_a_way_back_resets_within_the_limits_and_consent_of_every_plan(
    world: World, resets: int | None, exit: Exit, files_limit: int
) -> None:
    before = added(world)
    world.write("reconciler.yaml", SETTINGS + f"    limits: {{resets: {files_limit}}}\n")
    consent = Consent(resets=resets)
    assert world.plans(consent, restores=2).exit is exit
    run = world.restores(2, consent)
    assert run.exit is exit
    assert (state(world) == before) is (exit is Exit.DONE)
    if exit is Exit.REFUSED:
        assert (
            "row_delimiter; consent with --allow-resets (limits.resets is 0, this plan resets 1)" in run.out
        )


@pytest.mark.parametrize(
    ("live", "expected"),
    [
        ({}, {}),
        ({"RowDelimiter": "y"}, {"row_delimiter": ("reset", "y", None, "live")}),
        ({"FieldDelimiter": ";"}, {"field_delimiter": ("reset", ";", None, "live")}),
        ({"DateFormat": "yyyy"}, {"date_format": ("reset", "yyyy", None, "live")}),
        ({"Name": "Other"}, {"name": ("set", "Other", "Welcome", "live")}),
        (
            {"ColumnMappings": [{"ColumnNumber": 1, "FieldName": "Email"}]},
            {},
        ),  # filled by an import, so it stays
    ],
)
def test_what_was_changed_live_since_is_told_from_what_the_run_wrote(
    world: World, live: dict[str, Any], expected: dict[str, Any]
) -> None:
    added(world)
    world.change(1, **live)
    run = world.plans(restores=2, json=True)
    assert fields(run) == {"row_delimiter": ("reset", "x", None, None), **expected}
    assert ("changed live" in world.plans(restores=2).out) is bool(expected)


def test_a_value_that_is_deleted_by_a_way_back_says_that_it_was_changed_live(world: World) -> None:
    world.write("reconciler.yaml", MAY_DELETE)
    world.write("other.yaml", CREATED)
    world.applies()
    world.change(2, DateFormat="yyyy")
    deleted = next(
        c for c in world.plans(restores=1, json=True).document["changes"] if c["action"] == "delete"
    )
    assert {one["path"]: one["drift"] for one in deleted["fields"]}.items() >= {
        "date_format": "live",
        "name": None,
    }.items()


def test_what_was_empty_is_sent_as_empty_where_the_default_is_something_else(world: World) -> None:
    world.variants = Variants(null_in_put="stored-null", defaults={"RowDelimiter": ";"})
    world.applies()
    world.write("welcome.yaml", ADDED.replace("row_delimiter: x", "row_delimiter: null"))
    world.applies()
    world.write("welcome.yaml", ADDED)
    world.applies()
    assert fields(world.plans(restores=3, json=True)) == {"row_delimiter": ("set", "x", None, None)}
    world.restores(3, Consent())
    assert world.config(1)["RowDelimiter"] is None


def test_a_way_back_is_reviewed_as_a_file_and_applied_like_any_plan(world: World) -> None:
    before = added(world)
    world.plans(restores=2, out=WRITTEN)
    assert world.applies(Consent(), plan_files=(WRITTEN,)).exit is Exit.REFUSED  # a file is no consent
    run = world.applies(plan_files=(WRITTEN,), yes=False, json=True)
    assert (run.exit, run.results) == (Exit.DONE, {"import_configs.welcome": "applied"})
    assert state(world) == before
    command = told(world)[0]
    assert command.startswith(f"restore 2 {WRITTEN} (")
    writes = len(world.writes)
    again = world.applies(plan_files=(WRITTEN,), yes=False)
    assert (again.exit, len(world.writes)) == (Exit.DONE, writes)
    assert "Written again by later runs" not in again.out
    with pytest.raises(UsageError, match="is the way back from run 2: apply it by itself"):
        world.applies(plan_files=(WRITTEN, WRITTEN))


def test_what_is_not_as_it_was_reviewed_is_not_restored(world: World) -> None:
    added(world)
    world.plans(restores=2, out=WRITTEN)
    world.change(1, RowDelimiter="y")
    writes = len(world.writes)
    assert world.applies(plan_files=(WRITTEN,), yes=False).exit is Exit.STALE
    fingerprint = json.loads((world.folder / WRITTEN).read_text("utf-8"))["fingerprint"]
    assert world.restores(2, yes=False, reviewed=frozenset({fingerprint})).exit is Exit.STALE
    assert len(world.writes) == writes


@pytest.mark.parametrize("asked", [{"since": "HEAD"}, {"consent": Consent(prune=True)}])
def test_a_way_back_is_no_plan_of_the_files(world: World, asked: dict[str, Any]) -> None:
    added(world)
    with pytest.raises(UsageError, match="leave out --since and --prune"):
        world.plans(restores=2, **asked)


def test_what_cannot_be_restored_is_said_and_nothing_is_written(world: World) -> None:
    world.applies()
    writes = len(world.writes)
    with pytest.raises(Refused, match="no terminal"):
        world.restores(yes=False)
    with pytest.raises(UsageError, match="knows no run 5"):
        world.restores(5)
    elsewhere = SETTINGS.replace("sandbox:\n    check", "elsewhere:\n    check")
    world.write("reconciler.yaml", elsewhere.replace("target: sandbox", "target: elsewhere"))
    world.write("welcome.yaml", "import_configs: {}\n")
    with pytest.raises(Refused, match="sandbox:sandbox, and this is sandbox:elsewhere: add --target s"):
        world.restores()
    assert len(world.writes) == writes


def test_the_command_line_shows_writes_and_applies_a_way_back(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def ran(*arguments: str) -> tuple[int, str]:
        return main([*arguments, "--target", "sandbox"]), "".join(capsys.readouterr())

    monkeypatch.chdir(workspace)
    monkeypatch.setenv("RECONCILER_OUT", "plan.json")  # of plans of the files
    assert ran("apply", "--yes", "--allow-resets")[0] == Exit.DONE
    for contradiction in ("--yes", f"--reviewed={'0' * 64}"):
        exit, said = ran("restore", "1", "--plan", contradiction)
        assert (exit, "write nothing to the account: leave out --yes" in said) == (Exit.ERROR, True)
    exit, said = ran("restore", "1", "--out", str(WRITTEN))
    assert (exit, f"Written to {WRITTEN}, fingerprint " in said) == (Exit.REFUSED, True)  # of the delete
    assert f"restore 1 {WRITTEN}" not in ran("history")[1]
    assert "Applied: 2 changed" in ran("apply", str(WRITTEN))[1]
    assert f"restore 1 {WRITTEN}" in ran("history")[1]
    assert not (workspace / "plan.json").exists()
    assert ran("restore", "2", "--yes")[0] == Exit.REFUSED  # it takes back what the way back had set
    assert ran("restore", "2", "--yes", "--allow-resets")[0] == Exit.DONE
