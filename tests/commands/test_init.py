"""`init` writes a workspace that works at once, and never writes over anything."""

from __future__ import annotations

import io
import shlex
from pathlib import Path
from typing import Any

import pytest

from reconciler.cli import cli
from reconciler.commands.environment import Environment
from reconciler.commands.init import init
from reconciler.commands.validate import validate
from reconciler.commands.workspace import Selection
from reconciler.engine.plan import Consent
from reconciler.errors import Exit, UsageError
from tests.commands.world import EVERYTHING, Run, Screen, Terminal, World

ACCOUNT = "https://api-eu.agileresearch.medallia.com"
TENANT = "https://acme.expoints.nl"


class Place(World):
    """A folder in which a person begins, and what is there then."""

    @property
    def environment(self) -> Environment:
        return Environment({}, self.clock, self.folder)

    def init(self, *urls: str, workspace: Path | None = None, typed: str | None = None, **asked: Any) -> Run:
        """Begin, at a terminal where something is typed."""
        screen = Screen(stdin=io.StringIO() if typed is None else Terminal(typed))
        return self.ran(init, workspace, urls, screen=screen, **asked)

    def text(self, name: str) -> str:
        return (self.folder / name).read_text("utf-8")

    @property
    def settings(self) -> str:
        return self.text("configs/reconciler.yaml")

    def files(self) -> set[str]:
        return {str(path.relative_to(self.folder)) for path in self.folder.rglob("*") if path.is_file()}


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


LOCAL = "http://127.0.0.1:8080"


@pytest.mark.parametrize("urls", [[], [ACCOUNT], [TENANT], [ACCOUNT, TENANT], [LOCAL]])
def test_what_it_writes_is_valid_and_planned_at_once(place: Place, urls: list[str]) -> None:
    assert place.init(*urls).exit is Exit.DONE
    valid, shown = place.ran(validate, EVERYTHING), place.plans(Consent())
    assert valid.exit is shown.exit is Exit.DONE
    assert "0 warnings" in valid.out
    assert "1 to update (3 fields reset)" in shown.out
    assert ("env:" in place.settings) is (urls not in ([], [LOCAL]))  # this machine needs no credentials


def test_the_real_account_is_a_target_its_credentials_are_names_and_what_to_do_next_is_told(
    place: Place,
) -> None:
    out = place.init(f"{ACCOUNT}/", TENANT).out
    assert f'url: "{ACCOUNT}"\n' in place.settings
    assert "master_key: {env: CHECKMARKET_MASTER_KEY}" in place.settings
    assert "token: {env: EXPOINTS_TOKEN}" in place.settings
    assert "set CHECKMARKET_MASTER_KEY, CHECKMARKET_KEY, EXPOINTS_TOKEN" in out
    assert "once this is in a git repository" in out
    assert ".gitignore" not in place.files()
    other = place.init("https://api.example.com", workspace=place.folder / "other")
    assert "RECONCILER_TRUSTED_HOSTS=api.example.com" in other.out


@pytest.mark.parametrize(
    ("typed", "may_ask", "written", "said"),
    [
        (f"{ACCOUNT}\n{TENANT}\n", True, [ACCOUNT, TENANT], "(Enter: none yet)"),
        # An answer that is no address is asked for again; two times Enter is the sandbox alone.
        (f"{ACCOUNT}/Help/\n{ACCOUNT}\n\n", True, [f'url: "{ACCOUNT}"'], "documentation"),
        ("\n\n", True, [], "(Enter: none yet)"),
        (f"{ACCOUNT}\n", False, [], ""),
        (None, True, [], ""),
    ],
)
def test_a_person_at_a_terminal_is_asked_for_two_addresses(
    place: Place, typed: str | None, may_ask: bool, written: list[str], said: str
) -> None:
    told = place.init(typed=typed, may_ask=may_ask).told
    assert told.count("(Enter: none yet)") == ((typed or "").count("\n") if may_ask else 0)
    assert said in told
    assert all(text in place.settings for text in written)
    assert ("production:" in place.settings) is bool(written)


@pytest.mark.parametrize(
    ("urls", "said"),
    [
        (["acme.expoints.nl"], "https://"),
        (["http://api.example.com"], "https only"),
        ([f"{ACCOUNT}/3/contacts"], f"write {ACCOUNT}"),
        (["sandbox:"], "leave its address out"),
        ([TENANT, "https://other.expoints.nl"], "of one sort"),
    ],
)
def test_an_address_that_cannot_be_is_refused_and_nothing_written(
    place: Place, urls: list[str], said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        place.init(*urls)
    assert place.files() == set()


@pytest.mark.parametrize("inside", [".", "configs", "deeper/down"])
def test_a_workspace_around_is_left_as_it_is(place: Place, inside: str) -> None:
    place.init()
    before = place.files()
    (place.folder / inside).mkdir(parents=True, exist_ok=True)
    with pytest.raises(UsageError, match="overwrites nothing"):
        Place(place.folder / inside).init()
    assert place.files() == before


def test_another_workspace_is_made_where_its_folder_is_named(place: Place) -> None:
    """Every command that it names exists, and finds that folder."""
    place.init()
    chosen = place.folder / "else where"
    document = place.init(ACCOUNT, workspace=chosen, json=True).document
    assert {"else where/reconciler.yaml", "else where/newsletter.yaml"} <= place.files()
    assert "else where/reconciler.yaml" in document["written"]
    steps = [step.partition(": ")[0] for step in document["next"]]
    commands = [shlex.split(step)[1:] for step in steps if step.startswith("reconciler ")]
    assert [command[0] for command in commands] == ["plan", "doctor", "adopt"]
    for verb, *options in commands:
        context = cli.commands[verb].make_context(verb, options)
        assert context.params["workspace"] == Path("else where")
    assert place.plans(Consent(), Selection(chosen)).exit is Exit.DONE


@pytest.mark.parametrize("name", ["newsletter.yaml", "unrelated.yml", "deeper/compose.yaml"])
def test_a_folder_with_yaml_files_is_not_made_a_workspace(place: Place, name: str) -> None:
    (place.folder / "configs" / name).parent.mkdir(parents=True)
    (place.folder / "configs" / name).write_text("mine: true\n")
    with pytest.raises(UsageError, match="without YAML files"):
        place.init()
    assert place.text(f"configs/{name}") == "mine: true\n"
    assert place.files() == {f"configs/{name}"}


def test_what_cannot_be_written_is_said_and_leaves_nothing_behind(place: Place) -> None:
    (place.folder / "configs").write_text("a file")
    with pytest.raises(UsageError, match="cannot be written"):
        place.init()
    assert place.files() == {"configs"}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (None, b".reconciler/\n"),
        (b"", b".reconciler/\n"),
        (b"# mine\n*.log\n", b"# mine\n*.log\n.reconciler/\n"),
        (b"*.log", b"*.log\n.reconciler/\n"),
        (b"*.log\r\n# \xe9", b"*.log\r\n# \xe9\r\n.reconciler/\r\n"),
        (b".reconciler/\n*.log", b".reconciler/\n*.log"),
        (b"/.reconciler \r\n", b"/.reconciler \r\n"),
    ],
)
def test_git_ignores_the_state_and_the_rest_of_the_file_stays(
    place: Place, before: bytes | None, after: bytes
) -> None:
    """The line goes to the top of the repository, a linked work tree too."""
    (place.folder / ".git").write_text("gitdir: elsewhere\n")
    (place.folder / "team").mkdir()
    file = place.folder / ".gitignore"
    if before is not None:
        file.write_bytes(before)
    Place(place.folder / "team").init()
    assert file.read_bytes() == after


def test_a_gitignore_that_is_a_link_is_left_to_a_person(place: Place) -> None:
    (place.folder / ".git").mkdir()
    (place.folder / "theirs").write_text("*.log\n")
    (place.folder / ".gitignore").symlink_to("theirs")
    assert "add the line .reconciler/ to" in place.init().out
    assert place.text("theirs") == "*.log\n"
