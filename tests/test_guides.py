"""The guides in the package show what the tool really prints, and `help` finds and shows them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from reconciler.commands.explain import topics
from reconciler.expoints.model import SEEDS
from tests.conftest import ROOT
from tests.journal.conftest import database, postgresql, server  # noqa: F401  # a journal needs a database
from tests.render.test_wrapped import on_terminal
from tests.transcripts import assert_transcripts, transcripts

FOLDER = ROOT / "reconciler/guides"
GUIDES = sorted(FOLDER.glob("*.md"))
TOPICS = [path.stem for path in GUIDES]
FIRST_LINE = re.compile(r"<!-- guide \d+, workspace: (example|empty) -->\n# \S.*\n\n")


@pytest.mark.parametrize("guide", GUIDES, ids=TOPICS)
def test_every_command_of_a_guide_prints_what_it_shows(
    guide: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    text = guide.read_text("utf-8")
    first = FIRST_LINE.match(text)
    assert first, "it begins with its place, its workspace and its title"
    assert transcripts(text)
    folder = tmp_path if first[1] == "empty" else request.getfixturevalue("workspace")
    address = {"POSTGRESQL": request.getfixturevalue("postgresql")} if "$POSTGRESQL" in text else {}
    assert_transcripts(text, folder, **address)


@pytest.mark.parametrize("guide", GUIDES, ids=TOPICS)
def test_every_link_of_a_guide_leads_somewhere_and_its_purpose_is_one_sentence(guide: Path) -> None:
    text = guide.read_text("utf-8")
    missing = [link for link in re.findall(r"\]\(([^)h][^)]*)\)", text) if not (FOLDER / link).exists()]
    assert missing == []
    purpose = FIRST_LINE.sub("", text).partition("\n\n")[0]
    assert re.fullmatch(r"[^.]*(\.\w[^.]*)*\.", purpose), purpose


def helped(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `help` where there is no workspace."""
    command = [sys.executable, "-m", "reconciler", "help", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


@pytest.mark.parametrize(
    ("arguments", "exit", "printed"),
    [
        ([], 0, r"(?m)^second-account +A second account\n    How to .*\.$"),
        (["second-account"], 0, r"\A# A second account\n\nHow to "),
        (["second", "account"], 0, r"\A# A second account\n"),
        (["--search", "ADOPT --all"], 0, r"(?m)^second-account, .*\n    .*adopt --all"),
        (["--search", "to delete"], 0, r"\Asecond-account, 5. Plan both\n"),
        (["--search", "no such words"], 0, "No guide has 'no such words' in it"),
        (["plan"], 0, r"\AUsage: reconciler plan \[OPTIONS\]"),
        (["seeds", "send"], 0, r"\AUsage: reconciler seeds send \[OPTIONS\] KEY"),
        (["acount"], 1, "no guide or command 'acount': write second-account"),
        (["excel"], 1, "no guide or command 'excel': .* --search looks inside"),
        (["aply"], 1, "no guide or command 'aply': write apply"),
        (["--search", " "], 1, "--search needs a word"),
        (["invitation_time"], 1, "`reconciler explain invitation_time` is about fields"),
        (["x" * 9_000], 1, "no guide or command 'x{80}…': .+ explain x{80}…`"),
        (["snadbox"], 1, r"'snadbox': write sandbox(?! or sandbox)"),
        (["seeds", "fly"], 1, "no guide or command 'seeds fly': "),
        (["second-account", "--search", "x"], 1, "leave out the topic"),
    ],
)
def test_help_lists_searches_and_shows(arguments: list[str], exit: int, printed: str, tmp_path: Path) -> None:
    ended = helped(tmp_path, *arguments)
    assert (ended.returncode, bool(ended.stderr)) == (exit, bool(exit))
    assert re.search(printed, ended.stdout + ended.stderr)
    assert "\x1b" not in ended.stdout


@pytest.mark.parametrize("arguments", [[], ["second-account"], ["plan"], ["--search", "target"]])
def test_help_is_a_document_too(arguments: list[str], tmp_path: Path) -> None:
    document = json.loads(helped(tmp_path, *arguments, "--format", "json").stdout)
    assert document.pop("format_version") == 1
    assert document


@pytest.mark.parametrize("topic", TOPICS)
def test_a_guide_fits_a_terminal_and_shows_no_markup(topic: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAGER", "cat")
    lines = on_terminal(80, "help", topic).splitlines()
    prose = [line for line in lines if not line.startswith("    ")]
    assert [line for line in prose if len(line) > 80 or re.search(r"\]\(|\*\*|`|<!--|^[#|]", line)] == []


def test_every_refusal_has_a_paragraph_that_says_why_what_to_check_and_what_to_write() -> None:
    parts = (FOLDER / "what-exit-3-asks-of-me.md").read_text("utf-8").split("\n### ")[1:]
    paragraphs = {part.partition("\n")[0]: part for part in parts}
    codes = {
        group: {one.name for one in topics() if one.group == group} for group in ("refusals", "problems")
    }
    assert codes["refusals"] <= paragraphs.keys() <= codes["refusals"] | codes["problems"] | {"found"}
    whole = re.compile(r"\*\*Why:\*\*\s.*\*\*Check:\*\*\s.*\*\*Write:\*\*\s", re.DOTALL)
    assert [code for code, part in paragraphs.items() if not whole.search(part)] == []
    told = {one.name: one.details for one in topics() if one.name in paragraphs}
    assert [name for name, details in told.items() if not {"why", "check", "write"} <= details.keys()] == []


def test_the_reference_of_a_table_of_customers_has_every_field() -> None:
    text = (FOLDER / "send-a-test-batch.md").read_text("utf-8")
    assert {*re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE)} == {*SEEDS.cells}
