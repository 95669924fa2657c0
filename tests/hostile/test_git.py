"""Files that look like a repository, and name programs for git to run: none of them runs."""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from reconciler.cli import main
from tests.hostile.workspaces import write
from tests.repositories import Repository
from tests.seeds.world import SETTINGS

JOURNAL = f"{SETTINGS}    journal: git+branch:journal\n"
FILES = {"a.yaml": "import_configs: {a: {name: A}}\n"}
LACKING = "1234567890" * 4


@dataclass(frozen=True)
class Attack:
    """A checkout whose workspace was tampered with. Whatever runs leaves `witness` behind."""

    checkout: Repository
    witness: Path

    @property
    def configs(self) -> Path:
        return self.checkout.folder / "configs"

    def settings(self, *, bare: bool) -> str:
        """Return settings of git that name the program wherever they can."""
        run = f"touch {self.witness} #"
        quoted = f'"{run}"'
        core = "fsmonitor sshCommand askPass gitProxy pager editor alternateRefsCommand"
        sections: dict[str, dict[str, str]] = {
            "core": {"repositoryformatversion": "1", "bare": str(bare).lower()}
            | dict.fromkeys(core.split(), quoted),
            "extensions": {"partialClone": "evil"},
            'remote "evil"': {"url": f'"ext::sh -c touch% {self.witness}"', "promisor": "true"},
            'remote "origin"': {"url": "..", "uploadpack": quoted, "receivepack": quoted},
            'protocol "ext"': {"allow": "always"},
            "credential": {"helper": f'"!{run}"'},
            'filter "evil"': {"smudge": quoted},
            'diff "evil"': {"textconv": quoted},
            "diff": {"external": quoted},
            "alias": {"rev-parse": f'"!{run}"'},
        }
        lines = (
            [f"[{name}]", *(f"{key} = {it}" for key, it in told.items())] for name, told in sections.items()
        )
        return "".join(f"{line}\n" for told in lines for line in told)

    def lay(self, folder: Path, *, bare: bool) -> None:
        """Lay a repository whose only commit is nowhere but at its promisor."""
        for name in ("objects/info", "objects/pack", "refs/heads"):
            (folder / name).mkdir(parents=True)
        (folder / "HEAD").write_text("ref: refs/heads/main\n")
        (folder / "refs/heads/main").write_text(f"{LACKING}\n")
        (folder / "config").write_text(self.settings(bare=bare))


BARE = "looks like a bare repository of git"
OWN = "makes a repository of its own of files that belong to the checkout around them"
LAYOUTS: dict[str, tuple[str, str, dict[str, str]]] = {
    "bare": (BARE, "", {}),
    "bare by commondir": (BARE, "data", {"HEAD": "ref: refs/heads/main\n", "commondir": "data\n"}),
    "a folder of its own": (OWN, ".git", {}),
    "a file that leads to data": (OWN, "data", {".git": "gitdir: data\n"}),
    "a link that leads to data": (OWN, "data", {}),
}
"""What is said of it, where the repository lies, and what leads there."""


def tamper(attack: Attack, layout: str) -> None:
    """Make a repository of the workspace in one of these ways."""
    said, place, files = LAYOUTS[layout]
    attack.lay(attack.configs / place, bare=said == BARE)
    for name, text in files.items():
        (attack.configs / name).write_text(text)
    if layout.startswith("a link"):
        (attack.configs / ".git").symlink_to(place)


VERBS = [
    *((SETTINGS, verb) for verb in ("plan --since HEAD", "apply --yes")),
    *((JOURNAL, verb) for verb in ("plan", "history", "apply --yes")),
]
HARMLESS = [(SETTINGS, "apply --yes"), (JOURNAL, "plan")]


@pytest.fixture
def attack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Attack:
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.delenv("CI", raising=False)  # where an apply has to name its target
    made = Attack(Repository.made(tmp_path / "checkout"), tmp_path / "ran")
    write(made.configs, FILES)
    made.checkout.commit()
    monkeypatch.chdir(made.checkout.folder)
    return made


@pytest.fixture
def older(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a git first that knows neither safe.bareRepository nor GIT_NO_LAZY_FETCH, as before 2.38."""
    real = shutil.which("git")
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "git"
    program.write_text(
        f'#!/bin/bash\nunset GIT_NO_LAZY_FETCH\nexec {real} "${{@/#safe.bareRepository=*/core.unknown=x}}"\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")


def ran(attack: Attack, capsys: pytest.CaptureFixture[str], command: str, exits: Sequence[int]) -> str:
    """Run the command line, which is to run no program of the attack; return all that it wrote."""
    exit = main(command.split())
    written = "".join(capsys.readouterr())
    assert not attack.witness.exists()
    assert exit in exits, written
    assert "this is a bug" not in written
    return written


@pytest.mark.usefixtures("older")
@pytest.mark.parametrize(("settings", "command"), VERBS)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_workspace_that_brings_a_repository_runs_nothing(
    attack: Attack, layout: str, settings: str, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write(attack.configs, FILES, settings)
    tamper(attack, layout)
    # A plan goes on without its journal, and an apply without a commit to name.
    without = LAYOUTS[layout][0] == OWN and (settings, command) in HARMLESS
    said = ran(attack, capsys, command, [0 if without else 1])
    assert LAYOUTS[layout][0] in said or (without and settings == SETTINGS)


@pytest.mark.usefixtures("older")
@pytest.mark.parametrize("parent", ["configs", "a:b"])
@pytest.mark.parametrize(("settings", "command"), VERBS[:3])
def test_nothing_above_a_folder_with_a_git_that_is_none_is_taken_instead(
    attack: Attack, parent: str, settings: str, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    above = attack.checkout.folder / parent
    attack.lay(above, bare=True)
    write(above / "sub", FILES, settings)
    (above / "sub/.git").mkdir()
    ran(attack, capsys, f"{command} --workspace {parent}/sub", [int((settings, command) not in HARMLESS)])


@pytest.mark.usefixtures("older")
@pytest.mark.parametrize("command", ["plan --since HEAD", "apply --yes"])
def test_settings_of_the_checkout_itself_are_not_read_for_a_look_into_it(
    attack: Attack, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with (attack.checkout.folder / ".git/config").open("a") as file:
        file.write(attack.settings(bare=False))
    (attack.configs / ".gitattributes").write_text("*.yaml diff=evil filter=evil export-subst\n")
    for hook in ("post-checkout", "reference-transaction", "post-index-change", "fsmonitor-watchman"):
        program = attack.checkout.folder / ".git/hooks" / hook
        program.write_text(f"#!/bin/sh\ntouch '{attack.witness}'\n")
        program.chmod(0o755)
    before = attack.checkout.state()[:2]
    ran(attack, capsys, command, [0])
    assert attack.checkout.state()[:2] == before  # the index and every reference
    (attack.checkout.folder / ".git/refs/heads/main").write_text(f"{LACKING}\n")
    ran(attack, capsys, command, [0, 1])


@pytest.mark.usefixtures("older")
@pytest.mark.parametrize("command", ["plan", "apply --yes"])
def test_a_journal_reaches_its_remote_by_no_program_that_an_address_names(
    attack: Attack, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write(attack.configs, FILES, JOURNAL)
    attack.checkout.git("config", "remote.origin.url", f"ext::sh -c touch% {attack.witness}")
    attack.checkout.git("config", "protocol.ext.allow", "always")
    assert "git may not use the transport 'ext' here" in ran(attack, capsys, command, [command != "plan"])


@pytest.mark.parametrize("setting", ["core.sshCommand", "credential.helper", "remote.origin.uploadpack"])
def test_a_journal_reaches_its_remote_by_no_setting_of_a_file_in_the_checkout(
    attack: Attack, setting: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write(attack.configs, FILES, JOURNAL)
    attack.checkout.git("config", "remote.origin.url", str(attack.checkout.folder))
    attack.checkout.git("config", "include.path", "../configs/shared.gitconfig")
    shared = str(attack.configs / "shared.gitconfig")
    attack.checkout.git("config", "--file", shared, "blame.ignoreRevsFile", "x")
    ran(attack, capsys, "history", [0])
    attack.checkout.git("config", "--file", shared, setting, f"touch {attack.witness} #")
    said = ran(attack, capsys, "history", [1])
    assert f"git takes the setting {setting.lower()} from {shared}" in said


@pytest.mark.parametrize("command", ["plan", "apply --yes"])
def test_a_journal_lies_in_no_repository_that_the_user_does_not_stand_in(
    attack: Attack, command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = Repository.made(tmp_path / "checkout/other")
    write(other.folder, FILES, JOURNAL)
    run = f"touch {attack.witness} #"
    for name, value in {"url": "..", "uploadpack": run, "receivepack": run}.items():
        other.git("config", f"remote.origin.{name}", value)
    said = ran(attack, capsys, f"{command} --workspace other", [command != "plan"])
    assert f"cd '{other.folder}', and run this there" in said


def test_a_partial_clone_reads_what_it_has_and_says_how_to_get_what_it_lacks(
    attack: Attack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write(attack.configs, {"a.yaml": "import_configs: {a: {name: B}}\n"})
    attack.checkout.commit()
    attack.checkout.git("config", "uploadpack.allowFilter", "true")
    attack.checkout.git("config", "uploadpack.allowAnySHA1InWant", "true")
    clone = Repository(tmp_path / "clone")
    address = attack.checkout.folder.as_uri()
    attack.checkout.git("clone", "--quiet", "--filter=blob:none", address, str(clone.folder))
    monkeypatch.chdir(clone.folder)
    assert "--since" not in ran(attack, capsys, "plan --since HEAD", [0])
    said = ran(attack, capsys, "plan --since HEAD~1", [0])
    assert "partial clone" in said
    mend = said[said.index("git -C") : said.index(")", said.index("git -C"))]
    clone.git(*shlex.split(mend)[1:])
    assert "partial clone" not in ran(attack, capsys, "plan --since HEAD~1", [0])


def test_a_tree_with_a_name_that_is_a_link_and_a_folder_writes_nothing_outside(
    attack: Attack, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    git, environment = attack.checkout.git, tmp_path / "outside"
    environment.mkdir()
    blob = git("hash-object", "-w", "--stdin", input=b"planted")
    link = git("hash-object", "-w", "--stdin", input=os.fsencode(environment))
    inner = git("mktree", input=f"100644 blob {blob}\tplanted.yaml\n".encode())
    entries = [f"{mode} a\0".encode() + bytes.fromhex(o) for mode, o in (("120000", link), ("40000", inner))]
    tree = git("hash-object", "-w", "-t", "tree", "--literally", "--stdin", input=b"".join(entries))
    top = git("mktree", input=f"040000 tree {tree}\tconfigs\n".encode())
    commit = git("commit-tree", top, "-m", "planted")
    said = ran(attack, capsys, f"plan --since {commit}", [0])
    assert "stands there twice, as a folder and as something else" in said
    assert list(environment.iterdir()) == []
