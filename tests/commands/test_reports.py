"""`--report` writes files beside what is printed, however the run ends."""

from __future__ import annotations

import re
import shutil
import stat
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from reconciler import __version__
from reconciler.cli import main
from reconciler.commands.apply import ApplyOptions, apply_across
from reconciler.commands.reports import Form, ReportFile, TargetSelection
from reconciler.engine.plan import Consent
from reconciler.errors import Exit, FilesInvalid, Refused, UsageError
from tests.commands.conftest import FILES, WELCOME
from tests.commands.world import EVERYTHING, RESETS, SETTINGS, Doing, Run, Screen, World

FILE = Path("report.md")
MARKDOWN = (ReportFile(Form.MARKDOWN, FILE),)


def planned(world: World, consent: Consent = RESETS) -> Run:
    return world.plans(consent, reports=MARKDOWN)


def applied(world: World, doing: Callable[[], object] | None = None, **asked: Any) -> Run:
    """Apply with a yes, or asking a person who does something first."""
    screen = Screen(stdin=Doing(doing)) if doing else None
    return world.applies(screen=screen, **{"yes": not doing, "reports": MARKDOWN, **asked})


def report(world: World) -> str:
    return (world.folder / FILE).read_text("utf-8")


@pytest.mark.skipif(sys.platform == "win32", reason="files have no modes of POSIX on Windows")
def test_every_report_that_is_asked_for_is_written_beside_what_is_printed(world: World) -> None:
    run = world.plans(reports=(ReportFile(Form.HTML, Path("plan.html")), *MARKDOWN))
    assert run.exit is Exit.DONE
    page = (world.folder / "plan.html").read_text("utf-8")
    assert page.startswith("<!DOCTYPE html>")
    for shown in (run.out, report(world), page):
        assert "Plan: 0 to create, 1 to update (1 field reset), 0 to delete, 0 blocked" in shown
    assert "### Plan of `sandbox`" in report(world)
    assert stat.S_IMODE((world.folder / FILE).stat().st_mode) == 0o600
    assert planned(world, Consent()).exit is Exit.REFUSED
    assert "**Exit 3:** a safety rule refuses a part of it" in report(world)
    assert "#### ! Blocked" in report(world)


GITHUB = {
    "GITHUB_SERVER_URL": "https://github.example",
    "GITHUB_REPOSITORY": "team/surveys",
    "GITHUB_RUN_ID": "7",
    "GITHUB_SHA": "c" * 40,
    "GITHUB_REF": "refs/pull/12/merge",
    "GITHUB_HEAD_REF": "delay",
}
GITLAB = {
    "CI_JOB_URL": "https://gitlab.example/team/surveys/-/jobs/7",
    "CI_COMMIT_SHA": "c" * 40,
    "CI_COMMIT_REF_NAME": "delay",
    "CI_MERGE_REQUEST_IID": "12",
    "GITLAB_USER_LOGIN": "mia",
}
AZURE = {
    "SYSTEM_COLLECTIONURI": "https://azure.example/team/",
    "SYSTEM_TEAMPROJECT": "Our surveys",
    "BUILD_BUILDID": "7",
    "BUILD_SOURCEVERSION": "c" * 40,
    "BUILD_REQUESTEDFOR": "Mia Smith",
    "BUILD_SOURCEBRANCH": "refs/heads/delay",
}


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({}, []),
        (GITHUB, ["commit cccc", "branch delay", "pull request 12", "team/surveys/actions/runs/7"]),
        (GITLAB, ["commit cccc", "branch delay", "pull request 12", "CI run https://gitlab.example/team/s"]),
        (AZURE, ["commit cccc", "branch delay", "CI run https://azure.example/team/Our%20surveys/_build/re"]),
        ({"SYSTEM_PULLREQUEST_PULLREQUESTID": "12"}, ["pull request 12"]),
    ],
)
def test_a_report_says_of_what_and_when_it_is(world: World, environ: dict[str, str], said: list[str]) -> None:
    reports = (ReportFile(Form.HTML, Path("plan.html")), *MARKDOWN)
    environment = replace(world.environment, environ={**world.environment.environ, **environ})
    world.applies(reports=reports, environment=environment)
    page = re.sub(r"<[^>]+>", "", (world.folder / "plan.html").read_text("utf-8"))
    at = datetime.fromtimestamp(world.clock.now(), UTC)
    for text in (f"reconciler {__version__}", f"at {at:%Y-%m-%d %H:%M} UTC", *said):
        assert text in page
        assert text in report(world).replace("`", "")
    assert "run 1 of the journal" in report(world)


def test_the_end_of_an_apply_is_written_good_or_bad(world: World) -> None:
    assert applied(world, fault="PUT:1:before:status=400").exit is Exit.ERROR
    assert "**Applied: 0 changed, 1 failed" in report(world)
    assert "#### Needs a look" in report(world)
    assert applied(world).exit is Exit.DONE
    assert "**Applied: 1 changed, 0 failed" in report(world)


def test_problems_in_the_files_are_written(world: World) -> None:
    world.write("other.yaml", "import_configs: {other: {nmae: X}}")
    with pytest.raises(FilesInvalid):
        planned(world)
    assert "### Plan was stopped" in report(world)
    assert "`configs/other.yaml:1:26` error `unknown-field`" in report(world)


def test_warnings_about_the_files_are_in_how_an_apply_ended(world: World) -> None:
    obsolete = FILES.replace("email_is_required", "contact_group_id: 7\n    email_is_required")
    world.write("welcome.yaml", obsolete)
    problems = applied(world, json=True).document["plan"]["problems"]
    assert [problem["code"] for problem in problems] == ["obsolete-field"]
    assert "`obsolete-field`" in report(world)


def test_an_apply_that_was_refused_before_it_began_is_written(world: World) -> None:
    with pytest.raises(Refused, match="no terminal"):
        applied(world, yes=False)
    assert "### Apply was stopped" in report(world)
    (world.folder / FILE).unlink()
    world.environ["CI"] = "true"
    with pytest.raises(UsageError, match="add --target"):
        applied(world)
    assert "### Apply was stopped" in report(world)


@pytest.mark.parametrize(
    ("out", "path", "why"),
    [
        ("plan.json", "nowhere/report.md", "there is no folder"),
        ("plan.json", ".", "is not a file"),
        ("plan.json", "plan.json", "written twice"),
        ("plan.json", "/proc/self/report.md", "written|there is no folder"),
        ("nowhere/plan.json", "report.md", "there is no folder"),
        ("configs", "report.md", "not a file"),
        ("/dev/null", "report.md", "not a file"),
    ],
)
def test_a_place_that_cannot_be_written_is_refused_before_anything_is_asked(
    world: World, out: str, path: str, why: str
) -> None:
    with pytest.raises(UsageError, match=why):
        world.plans(out=Path(out), reports=(ReportFile(Form.MARKDOWN, Path(path)),))
    assert not world.state.requests()


def test_a_report_that_cannot_be_written_any_more_hides_nothing(world: World) -> None:
    (world.folder / "reports").mkdir()
    reports = (ReportFile(Form.MARKDOWN, Path("reports/report.md")), *MARKDOWN)
    run = applied(world, lambda: shutil.rmtree(world.folder / "reports"), reports=reports)
    assert run.exit is Exit.DONE
    assert "Applied: 1 changed" in run.out
    assert run.told.count("Warning: there is no folder") == 1
    assert "**Applied: 1 changed" in report(world)


def test_while_a_run_is_under_way_its_report_says_so(world: World) -> None:
    (world.folder / FILE).write_text("the report of another run")
    seen: list[str] = []
    assert applied(world, lambda: seen.append(report(world))).exit is Exit.DONE
    assert "This run has not ended" in seen[0]
    assert "another run" not in seen[0]
    assert "has not ended" not in report(world)


@pytest.mark.parametrize(
    ("error", "told"),
    [(KeyboardInterrupt(), "interrupted"), (RuntimeError("s3cret"), "the program broke: RuntimeError")],
)
def test_whatever_ends_a_run_is_reported(world: World, error: BaseException, told: str) -> None:
    def fail() -> None:
        raise error

    with pytest.raises(type(error)):
        applied(world, fail)
    assert f"**Exit 1:** {told}" in report(world)
    assert "s3cret" not in report(world)


OTHER = "  other:\n    checkmarket: {%s}\n"
ON_BOTH = FILES.replace("sandbox: {id: 1}", "sandbox: {id: 1}\n      other: {id: 1}")


def test_between_two_targets_the_report_has_the_first_and_says_that_it_is_not_all(world: World) -> None:
    world.write("reconciler.yaml", SETTINGS + OTHER % "url: 'sandbox:'")
    world.write("welcome.yaml", ON_BOTH)
    other, seen = World(world.folder), list[str]()
    other.live({1: WELCOME})
    apps = {**world.environment.sandboxes, "other": other.environment.sandboxes["sandbox"]}
    run = world.ran(
        apply_across,
        TargetSelection(),
        EVERYTHING,
        ApplyOptions(RESETS, reports=MARKDOWN),
        screen=Screen(stdin=Doing(lambda: seen.append(report(world)))),
        environment=replace(world.environment, sandboxes=apps),
    )
    assert run.exit is Exit.DONE
    assert seen[1].count("### Apply to ") == 1
    assert "This run has not ended" in seen[1]
    assert "has not ended" not in report(world)
    assert report(world).count("### Apply to ") == 2


@pytest.mark.parametrize("value", ["markdown", "markdown=", "pdf=x", "=x", ""])
def test_what_is_no_report_is_refused_with_the_right_form(
    value: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plan", "--report", value]) == 1
    assert "markdown=PATH" in capsys.readouterr().err


def test_reports_can_be_named_by_the_environment(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(world.folder)
    monkeypatch.setenv("RECONCILER_REPORT", "markdown=a.md markdown=b.md")
    main(["plan"])
    assert (world.folder / "a.md").read_text("utf-8") == (world.folder / "b.md").read_text("utf-8")
