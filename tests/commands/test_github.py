"""In GitHub Actions secrets are masked first, problems stand on their lines, and values command nobody."""

from __future__ import annotations

import contextlib
import json
import re
from pathlib import Path

import pytest

from reconciler.cli import main
from reconciler.commands.apply import ApplyOptions, apply
from reconciler.commands.plan import PlanOptions, plan
from reconciler.commands.reports import Form
from reconciler.commands.reports import ReportFile as Report
from reconciler.commands.validate import validate
from reconciler.commands.workspace import Selection
from reconciler.engine.plan import Consent
from reconciler.errors import Exit, FilesInvalid, ReconcilerError
from reconciler.sandbox import Fault
from tests.commands.reviews import RESETS
from tests.commands.world import EVERYTHING, SETTINGS, Screen, World
from tests.repositories import Repository

ANNOTATION = re.compile(
    r"^::(error|warning) file=([^,:]*),line=(\d+),col=(\d+),title=([^,:]*)::([^\n]*)$", re.MULTILINE
)
OTHER = """\
  other:
    checkmarket: {url: "https://api.checkmarket.com", master_key: {env: MASTER}, key: {file: ../key}}
    journal: {env: JOURNAL}
"""


@pytest.fixture
def step(world: World) -> World:
    """The same world, as a step of GitHub Actions finds it."""
    world.environ |= {
        "GITHUB_ACTIONS": "true",
        "GITHUB_WORKSPACE": str(world.folder),
        "GITHUB_OUTPUT": str(world.folder / "output"),
        "GITHUB_STEP_SUMMARY": str(world.folder / "summary"),
    }
    return world


def planned(world: World, screen: Screen, consent: Consent = RESETS, **settings: bool) -> Exit:
    return plan(EVERYTHING, PlanOptions(consent), screen.console(world.clock, **settings), world.environment)


def outputs(world: World) -> dict[str, str]:
    lines = (world.folder / "output").read_text("utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines)


def test_what_is_secret_is_masked_before_the_first_line(step: World, screen: Screen) -> None:
    step.write("reconciler.yaml", SETTINGS + OTHER)
    (step.folder / "key").write_text("s3cret%key\n")
    step.environ |= {"MASTER": "m4ster\nsecond line", "JOURNAL": "postgresql://me:p%40sswd@db.example/x"}
    planned(step, screen)
    masks = ["m4ster", "second line", "s3cret%25key", "postgresql://me:p%2540sswd@db.example/x"]
    masks += ["p%2540sswd", "p@sswd"]
    assert screen.err.splitlines()[: len(masks)] == [f"::add-mask::{one}" for one in masks]
    assert not any(secret in screen.out for secret in ("m4ster", "s3cret"))


@pytest.mark.parametrize("word", ["true", "http", "12345", "Production", "sandbox", "import_configs"])
def test_a_common_word_is_never_masked(step: World, screen: Screen, word: str) -> None:
    step.write("reconciler.yaml", SETTINGS + OTHER)
    step.environ |= {"MASTER": word, "JOURNAL": f"postgresql://me:{word}@db.example/x"}
    planned(step, screen)
    assert [line for line in screen.err.splitlines() if line.startswith(f"::add-mask::{word}")] == []


def test_a_step_has_outputs_and_a_summary(step: World, screen: Screen) -> None:
    assert planned(step, screen, Consent()) is Exit.REFUSED
    assert outputs(step) | {"fingerprint": ""} == {
        "changes": "0", "resets": "0", "fingerprint": "", "exit_code": "3"
    }  # fmt: skip
    assert "#### ! Blocked" in (step.folder / "summary").read_text("utf-8")


def test_the_outputs_of_an_apply_are_of_what_was_carried_out(step: World, screen: Screen) -> None:
    console = screen.console(step.clock, as_json=True)
    apply(EVERYTHING, ApplyOptions(RESETS, yes=True), console, step.environment)
    assert outputs(step) == {
        "changes": "1",
        "resets": "1",
        "fingerprint": screen.document["plan"]["fingerprint"],
        "exit_code": "0",
    }


def test_steps_add_to_the_files_of_their_job(step: World, screen: Screen) -> None:
    for name in ("output", "summary"):
        (step.folder / name).write_text("before=1\n")
    planned(step, screen)
    assert outputs(step)["before"] == "1"
    assert (step.folder / "summary").read_text("utf-8").startswith("before=1\n<!-- reconciler:plan")


def test_json_has_the_first_stream_to_itself(step: World, screen: Screen) -> None:
    planned(step, screen, as_json=True)
    assert json.loads(screen.out)["target"] == "sandbox"


def test_problems_stand_on_their_lines(step: World, screen: Screen) -> None:
    step.write("other.yaml", "import_configs:\n  other: {nmae: X}\n")
    with pytest.raises(FilesInvalid):
        planned(step, screen)
    with pytest.raises(FilesInvalid):
        validate(EVERYTHING, screen.console(step.clock), step.environment)
    told = ("error", "configs/other.yaml", "2", "11", "unknown-field import_configs.other")
    assert [one[:5] for one in ANNOTATION.findall(screen.err)] == [told, told]
    assert outputs(step)["exit_code"] == "1"


def test_what_a_plan_leaves_alone_stands_on_its_line(step: World, screen: Screen) -> None:
    planned(step, screen, Consent())
    ((kind, file, line, *_, title, text),) = ANNOTATION.findall(screen.err)
    assert (kind, file, line) == ("error", "configs/welcome.yaml", "2")
    assert title.endswith(" import_configs.welcome")
    assert text.startswith("on target sandbox: ")


def test_what_an_apply_did_not_bring_about_stands_on_its_line(step: World, screen: Screen) -> None:
    step.faults = [Fault.parse("PUT:1+:before:status=400")]
    apply(EVERYTHING, ApplyOptions(RESETS, yes=True), screen.console(step.clock), step.environment)
    ((kind, file, line, *_, title, _),) = ANNOTATION.findall(screen.err)
    assert (kind, file, line) == ("error", "configs/welcome.yaml", "2")
    assert title == "failed import_configs.welcome"


@pytest.mark.parametrize("folder", ["", "sub/below"])
def test_files_are_named_from_the_top_of_the_checkout_wherever_it_lies(
    step: World, screen: Screen, folder: str
) -> None:
    top = step.folder / "a-checkout"
    step.folder = top / folder
    step.write("reconciler.yaml", SETTINGS)
    step.write("other.yaml", "nowhere: 1")
    repository = Repository.made(top)
    repository.commit()
    below = f"{folder}/" if folder else ""
    for workspace in (None, step.folder / "configs"):
        with pytest.raises(FilesInvalid):
            validate(Selection(workspace), screen.console(step.clock), step.environment)
    assert [one[1] for one in ANNOTATION.findall(screen.err)] == [f"{below}configs/other.yaml"] * 2


def test_links_lead_to_the_commit_that_is_checked_out(step: World, screen: Screen) -> None:
    repository = Repository.made(step.folder)
    commit = repository.commit()
    step.environ |= {"GITHUB_SERVER_URL": "https://github.com", "GITHUB_REPOSITORY": "acme/surveys"}
    step.environ["GITHUB_SHA"] = "f" * 40
    reports = (Report(Form.HTML, Path("plan.html")),)
    plan(EVERYTHING, PlanOptions(RESETS, reports=reports), screen.console(step.clock), step.environment)
    page = (step.folder / "plan.html").read_text("utf-8")
    assert f'href="https://github.com/acme/surveys/blob/{commit}/configs/welcome.yaml#L2"' in page
    assert "f" * 40 not in page


def test_an_address_that_stands_in_the_files_is_not_masked(step: World, screen: Screen) -> None:
    step.write("reconciler.yaml", f"{SETTINGS}    journal: git+branch:reconciler\n")
    validate(EVERYTHING, screen.console(step.clock), step.environment)
    with contextlib.suppress(ReconcilerError):
        planned(step, screen)
    assert "::add-mask::" not in screen.err


def test_a_last_line_without_an_end_keeps_its_value(step: World, screen: Screen) -> None:
    (step.folder / "output").write_text("before=1")
    planned(step, screen)
    assert outputs(step)["before"] == "1"
    assert outputs(step)["changes"] == "1"


def test_a_summary_that_others_have_filled_is_not_made_too_large(step: World, screen: Screen) -> None:
    for taken in (1_047_000, 1_048_500):
        (step.folder / "summary").write_bytes(b"x" * taken)
        assert planned(step, screen) is Exit.DONE
        assert (step.folder / "summary").stat().st_size <= 1_048_576


def test_ten_of_a_kind_are_shown_and_the_rest_is_counted(step: World, screen: Screen) -> None:
    fields = ", ".join(f"x{number}: 1" for number in range(13))
    step.write("other.yaml", f"import_configs: {{other: {{name: X, {fields}}}}}\n")
    with pytest.raises(FilesInvalid):
        validate(EVERYTHING, screen.console(step.clock), step.environment)
    assert len(ANNOTATION.findall(screen.err)) == 10
    assert screen.err.count("::notice::and 3 more errors\n") == 1


@pytest.mark.parametrize("name", ["a,line=9.yaml", "a::b.yaml", "%0A::error::x.yaml", "##[error]x.yaml"])
def test_a_file_cannot_be_named_so_that_it_commands(step: World, screen: Screen, name: str) -> None:
    step.write(name, "nowhere: 1")
    with pytest.raises(FilesInvalid):
        validate(EVERYTHING, screen.console(step.clock), step.environment)
    (annotation,) = ANNOTATION.findall(screen.err)
    assert annotation[2:4] == ("1", "1")
    assert_commands_nothing(ANNOTATION.sub("", screen.err))


@pytest.mark.parametrize(
    "text", ["::error::x", "##[error]x", "  ::stop-commands::x", "x ##[group]y", "::add-mask::a"]
)
@pytest.mark.parametrize("as_json", [True, False])
def test_no_value_commands(step: World, screen: Screen, text: str, as_json: bool) -> None:
    step.live({1: {"Name": text, "IsReusable": True, "DateFormat": text, text: text}, 2: {"Name": text}})
    planned(step, screen, as_json=as_json)
    apply(
        EVERYTHING,
        ApplyOptions(RESETS, yes=True),
        screen.console(step.clock, as_json=as_json),
        step.environment,
    )
    assert_commands_nothing(screen.out)
    assert_commands_nothing(screen.err)
    assert_commands_nothing((step.folder / "summary").read_text("utf-8"))


@pytest.mark.parametrize("name", ["::error::x.yaml", "##[error]x.yaml", " ::error::x.yaml"])
def test_a_file_at_the_top_cannot_be_named_so_that_it_commands(
    step: World, name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    step.write(name, "nowhere: 1")
    monkeypatch.chdir(step.folder / "configs")
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    assert main(["validate", "--workspace", "."]) == 1
    told = capsys.readouterr().err
    assert "x.yaml:1:1" in told
    assert_commands_nothing(told)


def assert_commands_nothing(text: str) -> None:
    """A runner takes nothing in it for a command, of the old form or the new one."""
    assert "##[" not in text
    assert [line for line in text.splitlines() if line.strip().startswith("::")] == []


def test_json_says_the_same_whatever_a_runner_would_read(step: World, screen: Screen) -> None:
    step.live({2: {"Name": "##[error]x", "IsReusable": True}, 1: {"Name": "Welcome", "IsReusable": True}})
    planned(step, screen, as_json=True)
    assert screen.document["unmanaged"] == [{"id": 2, "name": "##[error]x"}]


def test_elsewhere_nothing_of_it_is_said(world: World, screen: Screen) -> None:
    world.write("other.yaml", "nowhere: 1")
    with pytest.raises(FilesInvalid):
        planned(world, screen)
    assert "::" not in screen.err


def test_elsewhere_the_same_is_written_to_a_file(world: World, screen: Screen) -> None:
    reports = (Report(Form.GITHUB, Path("github.txt")),)
    plan(EVERYTHING, PlanOptions(RESETS, reports=reports), screen.console(world.clock), world.environment)
    text = (world.folder / "github.txt").read_text("utf-8")
    assert text.startswith("changes=1\nresets=1\nfingerprint=")
    assert "### Plan of `sandbox`" in text


def test_a_file_of_the_step_that_cannot_be_written_hides_nothing(step: World, screen: Screen) -> None:
    step.environ["GITHUB_OUTPUT"] = str(step.folder)
    assert planned(step, screen) is Exit.ERROR
    assert "(GITHUB_OUTPUT) cannot be written" in screen.err
    assert "Plan: 0 to create, 1 to update" in screen.out
