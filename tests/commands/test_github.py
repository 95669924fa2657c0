"""In GitHub Actions secrets are masked first, problems stand on their lines, and values command nobody."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path

import pytest

from reconciler.cli import main
from reconciler.commands.reports import Form, ReportFile
from reconciler.commands.validate import validate
from reconciler.commands.workspace import Selection
from reconciler.engine.plan import Consent
from reconciler.errors import Exit, FilesInvalid, ReconcilerError
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


FILES_OF_A_STEP = {"GITHUB_OUTPUT": "output", "GITHUB_STEP_SUMMARY": "summary"}


@pytest.fixture
def step(world: World) -> World:
    """The same world, as a step of GitHub Actions finds it."""
    world.environ |= {
        "GITHUB_ACTIONS": "true",
        "GITHUB_WORKSPACE": str(world.folder),
        **{name: str(world.folder / file) for name, file in FILES_OF_A_STEP.items()},
    }
    return world


def validated(world: World, workspace: Path | None = None, screen: Screen | None = None) -> str:
    """Validate files that are wrong; return what stands on stderr."""
    screen = screen or Screen()
    with pytest.raises(FilesInvalid):
        world.ran(validate, Selection(workspace), screen=screen)
    return screen.err


def outputs(world: World) -> dict[str, str]:
    lines = (world.folder / "output").read_text("utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines)


def test_what_is_secret_is_masked_before_the_first_line(step: World) -> None:
    step.write("reconciler.yaml", SETTINGS + OTHER)
    (step.folder / "key").write_text("s3cret%key\n")
    step.environ |= {"MASTER": "m4ster\nsecond line", "JOURNAL": "postgresql://me:p%40sswd@db.example/x"}
    run = step.plans()
    masks = ["m4ster", "second line", "s3cret%25key", "postgresql://me:p%2540sswd@db.example/x"]
    masks += ["p%2540sswd", "p@sswd"]
    assert run.told.splitlines()[: len(masks)] == [f"::add-mask::{one}" for one in masks]
    assert not any(secret in run.out for secret in ("m4ster", "s3cret"))


@pytest.mark.parametrize("word", ["true", "http", "12345", "Production", "sandbox", "import_configs"])
def test_a_common_word_is_never_masked(step: World, word: str) -> None:
    step.write("reconciler.yaml", SETTINGS + OTHER)
    step.environ |= {"MASTER": word, "JOURNAL": f"postgresql://me:{word}@db.example/x"}
    told = step.plans().told.splitlines()
    assert [line for line in told if line.startswith(f"::add-mask::{word}")] == []


def test_a_step_has_outputs_and_a_summary(step: World) -> None:
    assert step.plans(Consent()).exit is Exit.REFUSED
    assert outputs(step) | {"fingerprint": ""} == {
        "changes": "0", "resets": "0", "fingerprint": "", "exit_code": "3"
    }  # fmt: skip
    assert "#### ! Blocked" in (step.folder / "summary").read_text("utf-8")
    (step.folder / "output").unlink()
    fingerprint = step.applies(json=True).document["plan"]["fingerprint"]
    assert outputs(step) == {
        "changes": "1", "resets": "1", "fingerprint": fingerprint, "exit_code": "0"
    }  # fmt: skip


@pytest.mark.parametrize("end", ["", "\n"])
def test_steps_add_to_the_files_of_their_job(step: World, end: str) -> None:
    for name in ("output", "summary"):
        (step.folder / name).write_text(f"before=1{end}")
    assert step.plans(json=True).document["target"] == "sandbox"  # the first stream is for JSON alone
    assert (outputs(step)["before"], outputs(step)["changes"]) == ("1", "1")
    assert (step.folder / "summary").read_text("utf-8").startswith("before=1\n<!-- reconciler:plan")


def test_problems_stand_on_their_lines(step: World) -> None:
    step.write("other.yaml", "import_configs:\n  other: {nmae: X}\n")
    screen = Screen()
    with pytest.raises(FilesInvalid):
        step.plans(screen=screen)
    told = ("error", "configs/other.yaml", "2", "11", "unknown-field import_configs.other")
    for shown in (screen.err, validated(step)):
        assert [one[:5] for one in ANNOTATION.findall(shown)] == [told]
    assert outputs(step)["exit_code"] == "1"


def test_what_is_left_alone_or_not_brought_about_stands_on_its_line(step: World) -> None:
    ((kind, file, line, *_, title, text),) = ANNOTATION.findall(step.plans(Consent()).told)
    assert (kind, file, line) == ("error", "configs/welcome.yaml", "2")
    assert title.endswith(" import_configs.welcome")
    assert text.startswith("on target sandbox: ")
    told = step.applies(fault="PUT:1+:before:status=400").told
    ((kind, file, line, *_, title, _),) = ANNOTATION.findall(told)
    assert (kind, file, line) == ("error", "configs/welcome.yaml", "2")
    assert title == "failed import_configs.welcome"


@pytest.mark.parametrize("folder", ["", "sub/below"])
def test_files_are_named_from_the_top_of_the_checkout_wherever_it_lies(step: World, folder: str) -> None:
    top = step.folder / "a-checkout"
    step.folder = top / folder
    step.write("reconciler.yaml", SETTINGS)
    step.write("other.yaml", "nowhere: 1")
    repository = Repository.made(top)
    repository.commit()
    below = f"{folder}/" if folder else ""
    for workspace in (None, step.folder / "configs"):
        told = validated(step, workspace)
        assert [one[1] for one in ANNOTATION.findall(told)] == [f"{below}configs/other.yaml"]


def test_links_lead_to_the_commit_that_is_checked_out(step: World) -> None:
    repository = Repository.made(step.folder)
    commit = repository.commit()
    step.environ |= {"GITHUB_SERVER_URL": "https://github.com", "GITHUB_REPOSITORY": "acme/surveys"}
    step.environ["GITHUB_SHA"] = "f" * 40
    step.plans(reports=(ReportFile(Form.HTML, Path("plan.html")),))
    page = (step.folder / "plan.html").read_text("utf-8")
    assert f'href="https://github.com/acme/surveys/blob/{commit}/configs/welcome.yaml#L2"' in page
    assert "f" * 40 not in page


def test_an_address_that_stands_in_the_files_is_not_masked(step: World, screen: Screen) -> None:
    step.write("reconciler.yaml", f"{SETTINGS}    journal: git+branch:reconciler\n")
    step.ran(validate, EVERYTHING, screen=screen)
    with contextlib.suppress(ReconcilerError):
        step.plans(screen=screen)
    assert "::add-mask::" not in screen.err


def test_a_summary_that_others_have_filled_is_not_made_too_large(step: World) -> None:
    for taken in (1_047_000, 1_048_500):
        (step.folder / "summary").write_bytes(b"x" * taken)
        assert step.plans().exit is Exit.DONE
        assert (step.folder / "summary").stat().st_size <= 1_048_576


@pytest.mark.parametrize("name", ["a,line=9.yaml", "a::b.yaml", "%0A::error::x.yaml", "##[error]x.yaml"])
def test_a_file_cannot_be_named_so_that_it_commands(step: World, name: str) -> None:
    step.write(name, "nowhere: 1")
    told = validated(step)
    (annotation,) = ANNOTATION.findall(told)
    assert annotation[2:4] == ("1", "1")
    assert_commands_nothing(ANNOTATION.sub("", told))


@pytest.mark.parametrize(
    "text",
    [
        "::error::x",
        "##[error]x",
        "  ::stop-commands::x",
        "x ##[group]y",
        "::add-mask::a",
        "x ##Vso[task.complete]",
    ],
)
@pytest.mark.parametrize("as_json", [True, False])
def test_no_value_commands_and_json_says_it_all_the_same(step: World, text: str, as_json: bool) -> None:
    other = {"Name": text, "IsReusable": True}
    settings = {"SurveyId": 4711, "InvitationDelayInDays": 2}
    step.live({1: {**other, "DateFormat": text, text: text, "SurveySettings": settings}, 2: other})
    for run in (step.plans(json=as_json), step.applies(json=as_json)):
        assert_commands_nothing(run.out)
        assert_commands_nothing(run.told)
        if as_json:
            plan = run.document.get("plan", run.document)
            assert plan["unmanaged"] == [{"id": 2, "name": text}]
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
    """A runner takes nothing in it for a command, of the old form or the new one, or of Azure Pipelines."""
    assert "##[" not in text
    assert "##vso[" not in text.lower()
    assert [line for line in text.splitlines() if line.strip().startswith("::")] == []


def test_elsewhere_nothing_of_it_is_said_but_to_a_file(world: World, screen: Screen) -> None:
    world.plans(reports=(ReportFile(Form.GITHUB, Path("github.txt")),), screen=screen)
    text = (world.folder / "github.txt").read_text("utf-8")
    assert "\nchanges=1\nresets=1\nfingerprint=" in text
    assert "### Plan of `sandbox`" in text
    world.write("other.yaml", "nowhere: 1")
    with pytest.raises(FilesInvalid):
        world.plans(screen=screen)
    assert "::" not in screen.err


@pytest.mark.parametrize("verb", ["plan", "apply"])
@pytest.mark.parametrize("missing", [("GITHUB_OUTPUT",), ("GITHUB_STEP_SUMMARY",), tuple(FILES_OF_A_STEP)])
def test_a_file_of_the_step_that_cannot_be_written_is_a_warning_and_the_others_are_written(
    step: World, verb: str, missing: tuple[str, ...]
) -> None:
    step.environ |= dict.fromkeys(missing, str(step.folder / "nowhere" / "file"))
    run = {"plan": step.plans, "apply": step.applies}[verb](settings={"quiet": True})
    assert run.exit is Exit.DONE
    assert [line for line in run.told.splitlines() if "cannot be written" in line] == [
        f"Warning: {step.folder / 'nowhere' / 'file'} ({name}) cannot be written: No such file or directory"
        for name in missing
    ]
    written = {name: (step.folder / file).exists() for name, file in FILES_OF_A_STEP.items()}
    assert written == {name: name not in missing for name in FILES_OF_A_STEP}
