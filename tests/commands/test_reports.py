"""`--report` writes files beside what is printed, however the run ends."""

from __future__ import annotations

import shutil
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from reconciler.cli import main
from reconciler.commands.apply import ApplyOptions, apply, apply_across
from reconciler.commands.plan import PlanOptions, plan, plan_across
from reconciler.commands.reports import Form, TargetSelection
from reconciler.commands.reports import ReportFile as Report
from reconciler.engine.plan import Consent
from reconciler.errors import Exit, FilesInvalid, Refused, UsageError
from reconciler.sandbox import Fault
from tests.commands.conftest import FILES, WELCOME
from tests.commands.reviews import RESETS
from tests.commands.world import EVERYTHING, SETTINGS, Screen, Terminal, World

FILE = Path("report.md")
MARKDOWN = (Report(Form.MARKDOWN, FILE),)


class Doing(Terminal):
    """A person who does something before each answer, which is yes."""

    def __init__(self, what: Callable[[], object]) -> None:
        super().__init__("yes\nyes\n")
        self.what = what

    def readline(self, *_: object) -> str:  # type: ignore[override]  # as a text stream, not as its base
        self.what()
        return super().readline()


def raising(error: BaseException) -> Callable[[], None]:
    def fail() -> None:
        raise error

    return fail


def planned(world: World, screen: Screen, consent: Consent = RESETS) -> Exit:
    return plan(
        EVERYTHING, PlanOptions(consent, reports=MARKDOWN), screen.console(world.clock), world.environment
    )


def applied(world: World, screen: Screen, *, yes: bool = True) -> Exit:
    console = screen.console(world.clock)
    return apply(EVERYTHING, ApplyOptions(RESETS, yes=yes, reports=MARKDOWN), console, world.environment)


def report(world: World) -> str:
    return (world.folder / FILE).read_text("utf-8")


def test_a_plan_is_written_beside_what_is_printed(world: World, screen: Screen) -> None:
    assert planned(world, screen) is Exit.DONE
    summary = "Plan: 0 to create, 1 to update (1 field reset), 0 to delete, 0 blocked"
    assert summary in screen.out
    assert summary in report(world)
    assert stat.S_IMODE((world.folder / FILE).stat().st_mode) == 0o600


def test_a_plan_that_is_refused_is_written_with_its_reasons(world: World, screen: Screen) -> None:
    assert planned(world, screen, Consent()) is Exit.REFUSED
    assert "**Exit 3:** a safety rule refuses a part of it" in report(world)
    assert "#### ! Blocked" in report(world)


def test_the_end_of_an_apply_is_written(world: World, screen: Screen) -> None:
    assert applied(world, screen) is Exit.DONE
    assert "**Applied: 1 changed, 0 failed" in report(world)


def test_the_end_of_an_apply_that_went_wrong_is_written(world: World, screen: Screen) -> None:
    world.faults = [Fault.parse("PUT:1+:before:status=400")]
    assert applied(world, screen) is Exit.ERROR
    assert "**Applied: 0 changed, 1 failed" in report(world)
    assert "#### Needs a look" in report(world)


def test_problems_in_the_files_are_written(world: World, screen: Screen) -> None:
    world.write("other.yaml", "import_configs: {other: {nmae: X}}")
    with pytest.raises(FilesInvalid):
        planned(world, screen)
    assert "### Plan was stopped" in report(world)
    assert "`configs/other.yaml:1:26` error `unknown-field`" in report(world)


def test_warnings_about_the_files_are_in_how_an_apply_ended(world: World, screen: Screen) -> None:
    world.write(
        "welcome.yaml", FILES.replace("email_is_required", "contact_group_id: 7\n    email_is_required")
    )
    console = screen.console(world.clock, as_json=True)
    apply(EVERYTHING, ApplyOptions(RESETS, yes=True, reports=MARKDOWN), console, world.environment)
    assert [problem["code"] for problem in screen.document["plan"]["problems"]] == ["obsolete-field"]
    assert "`obsolete-field`" in report(world)


def test_an_apply_in_ci_that_names_no_target_is_written(world: World, screen: Screen) -> None:
    world.environ["CI"] = "true"
    with pytest.raises(UsageError, match="add --target"):
        applied(world, screen)
    assert "### Apply was stopped" in report(world)


def test_an_apply_that_nobody_confirmed_is_written(world: World, screen: Screen) -> None:
    with pytest.raises(Refused, match="no terminal"):
        applied(world, screen, yes=False)
    assert "### Apply was stopped" in report(world)


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("nowhere/report.md", "there is no folder"),
        (".", "is not a file"),
        ("plan.json", "written twice"),
        ("/proc/self/report.md", "written|there is no folder"),
    ],
)
def test_a_place_that_cannot_be_written_is_refused_before_anything_is_asked(
    world: World, screen: Screen, path: str, why: str
) -> None:
    reports = (Report(Form.MARKDOWN, Path(path)),)
    console = screen.console(world.clock)
    with pytest.raises(UsageError, match=why):
        plan(
            EVERYTHING,
            PlanOptions(RESETS, out=Path("plan.json"), reports=reports),
            console,
            world.environment,
        )
    assert not world.state.requests()


def test_a_report_that_cannot_be_written_any_more_hides_nothing(world: World, screen: Screen) -> None:
    (world.folder / "reports").mkdir()
    reports = (Report(Form.MARKDOWN, Path("reports/report.md")),)
    screen.stdin = Doing(lambda: shutil.rmtree(world.folder / "reports"))
    exit = apply(
        EVERYTHING, ApplyOptions(RESETS, reports=reports), screen.console(world.clock), world.environment
    )
    assert exit is Exit.ERROR
    assert "Applied: 1 changed" in screen.out
    assert screen.err.count("there is no folder") == 1


def test_while_a_run_is_under_way_its_report_says_so(world: World, screen: Screen) -> None:
    (world.folder / FILE).write_text("the report of another run")
    seen: list[str] = []
    screen.stdin = Doing(lambda: seen.append(report(world)))
    assert applied(world, screen, yes=False) is Exit.DONE
    assert "This run has not ended" in seen[0]
    assert "another run" not in seen[0]
    assert "has not ended" not in report(world)


@pytest.mark.parametrize(
    ("error", "told"),
    [(KeyboardInterrupt(), "interrupted"), (RuntimeError("s3cret"), "the program broke: RuntimeError")],
)
def test_whatever_ends_a_run_is_reported(
    world: World, screen: Screen, error: BaseException, told: str
) -> None:
    screen.stdin = Doing(raising(error))
    with pytest.raises(type(error)):
        applied(world, screen, yes=False)
    assert f"**Exit 1:** {told}" in report(world)
    assert "s3cret" not in report(world)


def test_between_two_targets_the_report_has_the_first_and_says_that_it_is_not_all(
    world: World, screen: Screen
) -> None:
    world.write("reconciler.yaml", f"{SETTINGS}  other:\n    checkmarket: {{url: 'sandbox:'}}\n")
    world.write("welcome.yaml", FILES.replace("sandbox: {id: 1}", "sandbox: {id: 1}\n      other: {id: 1}"))
    seen: list[str] = []
    screen.stdin = Doing(lambda: seen.append(report(world)))
    how = ApplyOptions(RESETS, reports=MARKDOWN)
    other = World(world.folder)
    other.live({1: WELCOME})
    apps = {
        "sandbox": world.environment.sandboxes["sandbox"],
        "other": other.environment.sandboxes["sandbox"],
    }
    two = replace(world.environment, sandboxes=apps)
    exit = apply_across(TargetSelection(), EVERYTHING, how, screen.console(world.clock), two)
    assert exit is Exit.DONE
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


def test_several_targets_are_in_one_report_the_failed_one_too(world: World, screen: Screen) -> None:
    keys = "master_key: {env: NOT_SET}, key: {env: NOT_SET}"
    other = f"  other:\n    checkmarket: {{url: 'https://api.checkmarket.com', {keys}}}\n"
    world.write("reconciler.yaml", SETTINGS + other)
    world.write("welcome.yaml", FILES.replace("sandbox: {id: 1}", "sandbox: {id: 1}\n      other: {id: 2}"))
    console = screen.console(world.clock)
    exit = plan_across(
        TargetSelection(), EVERYTHING, PlanOptions(RESETS, reports=MARKDOWN), console, world.environment
    )
    assert exit is Exit.ERROR
    marks = [f"<!-- reconciler:plan target={name} -->" for name in ("other", "sandbox")]
    assert sorted(marks, key=report(world).index) == marks


def test_one_run_writes_every_report_that_is_asked_for(world: World, screen: Screen) -> None:
    reports = (Report(Form.HTML, Path("plan.html")), *MARKDOWN)
    plan(EVERYTHING, PlanOptions(RESETS, reports=reports), screen.console(world.clock), world.environment)
    page = (world.folder / "plan.html").read_text("utf-8")
    assert page.startswith("<!DOCTYPE html>")
    assert "Plan: 0 to create, 1 to update (1 field reset)" in page
    assert "### Plan of `sandbox`" in report(world)
