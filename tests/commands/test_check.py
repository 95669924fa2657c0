"""`check` judges a file of contacts by what is declared, offline, and shows no content of a cell."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from reconciler.cli import main
from reconciler.commands.check import check
from reconciler.commands.reports import Form, ReportFile
from reconciler.commands.workspace import Selection
from reconciler.errors import Exit, FilesInvalid, UsageError
from tests.commands.world import EVERYTHING, Run, Screen, Terminal, World

SETTINGS = """\
version: 1
default_target: sandbox
targets:
  sandbox: {checkmarket: {url: "sandbox:"}, expoints: {url: "sandbox:"}}
  mail: {expoints: {url: "sandbox:"}}
  real: {checkmarket: {url: "https://api.checkmarket.com", master_key: {env: MASTER}, key: {env: KEY}}}
"""
FILES = """\
presets:
  dutch: {date_format: yyyy-MM-dd, field_delimiter: ";", default_language_code: nl, email_is_required: true}
import_configs:
  news: {preset: dutch, name: News, targets: {sandbox: {}, real: {date_format: dd-MM-yyyy, id: 3}}}
  newest: {name: Newest, date_format: "", targets: [sandbox]}
  gone: {name: Gone, absent: true, targets: [sandbox]}
  old: {name: Old, hidden: true, id: 5, targets: [sandbox]}
  far: {name: Far, targets: [real]}
"""
HEADER = "E-mail;First name;Date of birth"
GOOD = f"{HEADER}\njohn@example.com;John;1980-12-31\njane@example.com;Jane;1981-12-31\n"
BAD = f"{HEADER}\nS3CRET one@@example;J0HN;31-12-1980\ns3cret2@example.com;J4NE;30-12-1981\n"
SECRETS = ("s3cret", "j0hn", "j4ne", "1980")


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path / "repository")
    made.write("reconciler.yaml", SETTINGS)
    made.write("configs.yaml", FILES)
    (made.folder / ".git").mkdir()
    return made


def checked(world: World, text: str, name: str = "contacts.csv", key: str = "news", **asked: Any) -> Run:
    path = world.folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, "utf-8")
    return world.ran(check, Path(name), key, asked.pop("selection", EVERYTHING), **asked)


def test_a_file_that_fits_is_clean_and_one_that_does_not_is_refused(world: World) -> None:
    run = checked(world, GOOD, key="import_configs.news")
    assert (run.exit, run.last) == (
        Exit.DONE,
        "Check: 2 rows, 0 would be refused (0.0%), 0 problems of the file; 0 warnings, 0 hints.",
    )
    assert run.out.startswith('contacts.csv: CSV, UTF-8, delimiter ";", header in row 1\n')
    assert 'Declared: field_delimiter ";"; date_format "yyyy-MM-dd"; default_language_code "nl"' in run.out
    refused = checked(world, BAD)
    assert refused.exit is Exit.REFUSED
    assert "contacts.csv:2:3: error[other-date-format]" in refused.out
    assert "Exit 3: the file does not fit the configuration" in refused.out
    assert checked(world, BAD, selection=Selection(target="real"), allowed="50%").exit is Exit.DONE
    assert checked(world, BAD, settings={"quiet": True}).out == f"{refused.last}\n"
    assert not world.state.requests()


@pytest.mark.parametrize(
    ("allowed", "exit"),
    [("0", 3), ("1", 0), ("49.9%", 3), ("50%", 0)],
)
def test_rows_may_be_refused_up_to_what_is_allowed(allowed: str, exit: int, world: World) -> None:
    run = checked(world, BAD, selection=Selection(target="real"), allowed=allowed, json=True)
    document = run.document
    assert (run.exit, document["exit_code"], document["allowed_refused"]) == (exit, exit, allowed)
    assert (document["rows"], document["refused"]) == (2, 1)
    refusing = [(one["code"], one["column"], one["rows"]) for one in document["results"] if one["refuses"]]
    assert refusing == [("R0308", 1, [2])]
    assert document["declared"]["date_format"] == "dd-MM-yyyy"


@pytest.mark.parametrize(
    ("key", "target", "says"),
    [
        ("newz", None, "nothing declared on sandbox is called newz; write news"),
        ("import_configs.newz", None, "write import_configs.news"),
        ("new*", None, r"names more than one: import_configs.newest, import_configs.news; name one"),
        ("far", None, "import_configs.far does not live on target sandbox, but on real: add --target"),
        ("gone", None, "absent: true on target sandbox, so nothing is imported with it"),
        ("old", None, "hidden: true on target sandbox, so nothing is imported with it"),
        ("news", "mail", "does not live on target mail, but on sandbox, real"),
        ("news", "sandbx", "there is no target sandbx; write sandbox"),
    ],
)
def test_a_key_that_takes_no_contacts_there_is_told_apart(
    key: str, target: str | None, says: str, world: World
) -> None:
    with pytest.raises(UsageError) as caught:
        checked(world, GOOD, key=key, selection=Selection(target=target))
    assert says in str(caught.value)


@pytest.mark.parametrize("name", ["contacts/jan.csv", "../elsewhere/jan.csv", "\x1b[31m##[x] <b>`|.csv"])
def test_no_content_of_a_cell_is_shown_and_no_folder_of_a_person(name: str, world: World) -> None:
    summary, output = world.folder / "summary", world.folder / "output"
    world.environ |= {"GITHUB_ACTIONS": "true", "GITHUB_WORKSPACE": str(world.folder)}
    world.environ |= {"GITHUB_STEP_SUMMARY": str(summary), "GITHUB_OUTPUT": str(output)}
    hostile = BAD.replace("First name", "\x1b[31mS3CRET").replace("E-mail", '::error::"<script>S3CRET')
    reports = {form: ReportFile(form, Path(f"report.{form}")) for form in (Form.MARKDOWN, Form.HTML)}
    for as_json in (False, True):
        run = checked(world, hostile, name, json=as_json, reports=tuple(reports.values()))
        texts = [(world.folder / one.path).read_text("utf-8") for one in reports.values()]
        for text in (run.out, run.told, summary.read_text("utf-8"), *texts):
            assert not [secret for secret in SECRETS if secret in text.lower()]
            assert "\x1b" not in text
            assert "elsewhere" not in text
    assert dict(line.split("=") for line in output.read_text("utf-8").splitlines())["exit_code"] == "3"
    is_inside = ".." not in name
    assert ("::error file=" in run.told) is is_inside
    assert ("::error file=contacts/jan.csv,line=2,col=3,title=other-date-format" in run.told) is (
        "/" in name and is_inside
    )


def test_values_are_shown_to_a_terminal_alone(world: World) -> None:
    into: dict[str, Any] = {"reports": (ReportFile(Form.HTML, Path("x.html")),)}
    for asked in ({}, {"json": True, "screen": Screen(Terminal())}, {**into, "screen": Screen(Terminal())}):
        with pytest.raises(UsageError, match="--show prints personal data"):
            checked(world, BAD, show=True, **asked)
    assert "S3CRET one@@example" in checked(world, BAD, show=True, screen=Screen(Terminal())).out
    world.environ |= {"CI": "true"}
    with pytest.raises(UsageError, match="--show prints personal data"):
        checked(world, BAD, show=True, screen=Screen(Terminal()))


def test_a_check_that_cannot_be_done_says_so_in_its_report_too(world: World) -> None:
    report = world.folder / "report.html"
    with pytest.raises(UsageError, match=r"there is no file missing\.csv"):
        world.ran(check, Path("missing.csv"), "news", EVERYTHING, reports=(ReportFile(Form.HTML, report),))
    assert "Check on a workspace" in report.read_text("utf-8")
    assert "there is no file missing.csv" in report.read_text("utf-8")
    (world.folder / "loop.csv").symlink_to("loop.csv")
    with pytest.raises(UsageError, match=r"there is no file loop\.csv"):
        world.ran(check, Path("loop.csv"), "news", EVERYTHING)
    with pytest.raises(UsageError, match="standard input cannot be checked"):
        world.ran(check, Path("-"), "news", EVERYTHING)
    with pytest.raises(UsageError, match="would be written twice"):
        checked(world, GOOD, reports=(ReportFile(Form.HTML, Path("contacts.csv")),))
    world.write("broken.yaml", "import_configs: {x: {Name: X}}")
    with pytest.raises(FilesInvalid):
        checked(world, GOOD)


@pytest.mark.parametrize(
    ("arguments", "exit", "says"),
    [
        (["--for", "newsletter-nl"], 0, ""),
        (["--for", "newsletter-nl", "--allow-refused", "1.5"], 1, "1.5 is no number like 20"),
        (["--for", "newsletter-nl", "--report", "github=x"], 1, "write markdown=PATH or html=PATH"),
        ([], 1, "--for"),
        (["--for", "newsletter-nl", "--suggest"], 0, ""),
        (["--suggest", "--show"], 1, "--suggest judges no row"),
        (["--into", "newsletter.yaml", "--for", "newsletter-nl"], 1, "newsletter-nl is declared already"),
        (["--for", "newsletter-nl", "--show"], 1, "--show prints personal data"),
    ],
)
def test_on_the_command_line(
    arguments: list[str], exit: int, says: str, workspace: Path, monkeypatch: Any, capsys: Any
) -> None:
    monkeypatch.chdir(workspace)
    monkeypatch.setenv("RECONCILER_ALLOW_REFUSED", "x")  # it consents, so it has no variable
    Path("contacts.csv").write_text(GOOD, "utf-8")
    assert main(["check", "contacts.csv", *arguments, "--format", "json"]) == exit
    printed = capsys.readouterr()
    assert says in printed.err
    assert exit or json.loads(printed.out)["key"] == "import_configs.newsletter-nl"


@pytest.mark.parametrize("arguments", [[], ["--log-format", "json"]])
def test_what_a_library_says_of_a_cell_is_not_told(
    arguments: list[str], workspace: Path, monkeypatch: Any, capsys: Any
) -> None:
    def broken(value: str, **_: Any) -> None:
        raise ValueError(f"cannot read {value}")

    monkeypatch.chdir(workspace)
    monkeypatch.setattr("email_validator.validate_email", broken)
    Path("contacts.csv").write_text(BAD, "utf-8")
    assert main(["check", "contacts.csv", "--for", "newsletter-nl", *arguments]) == Exit.ERROR
    printed = capsys.readouterr()
    assert "RuntimeError: ValueError while a contact file was read" in printed.err
    assert not [secret for secret in SECRETS if secret in f"{printed}".lower()]
