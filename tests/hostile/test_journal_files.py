"""What is in `.reconciler/` and was not made by this user: links, pipes, files of others and of git."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from stat import S_IMODE
from tempfile import TemporaryDirectory

import pytest

from reconciler.cli import main
from reconciler.journal.journal import open_journal
from reconciler.sandbox import Server, State, create_app
from tests.clock import FakeClock
from tests.hostile.workspaces import write
from tests.repositories import Repository

Plant = Callable[[Path, Path], object]
"""Puts something at a path that harms, or reads, another one: a folder with a file of the same name."""

NOBODY = 65534
CONFIG = {"a.yaml": "import_configs: {m: {name: M, survey_settings: {survey_id: 4711}, contact_list_id: 12}}"}
ELSEWHERE = """\
version: 1
default_target: sandbox
targets:
  sandbox:
    checkmarket: {url: "sandbox:"}
    journal: {env: RECONCILER_JOURNAL}
"""
APPLY = ("apply", "--target", "sandbox", "--yes")
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")


class Checkout:
    """A repository with a workspace, and a folder beside it that nothing may touch."""

    def __init__(self, folder: Path, screen: pytest.CaptureFixture[str]) -> None:
        self.folder = folder / "checkout"
        self.state = self.folder / ".reconciler"
        self.victim = folder / "victim"
        self.victim.mkdir(mode=0o700)
        for name in ("journal.db", "sandbox-sandbox.db"):
            (self.victim / name).write_text("of somebody else")
            (self.victim / name).chmod(0o600)
        self.before = self.seen()
        self.git = Repository(self.folder).git
        self._screen = screen
        write(self.folder / "configs", CONFIG)

    def seen(self) -> dict[str, object]:
        """Return all that the folder beside holds, and the rights on it."""
        facts = ((path, path.lstat()) for path in (self.victim, *sorted(self.victim.rglob("*"))))
        told = {path: (S_IMODE(found.st_mode), found.st_mtime_ns) for path, found in facts}
        return {
            str(path): (told[path], path.read_bytes() if path.is_file() else b"") for path in sorted(told)
        }

    def run(self, *arguments: str) -> tuple[int, str]:
        """Return exit code and all that a command says."""
        exit = main([*arguments, "--workspace", str(self.folder / "configs")])
        captured = self._screen.readouterr()
        return exit, captured.out + captured.err


@pytest.fixture
def checkout(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Checkout:
    monkeypatch.delenv("CI", raising=False)
    return Checkout(tmp_path, capsys)


def link(path: Path, victim: Path) -> None:
    path.symlink_to(victim)


def dangling(path: Path, victim: Path) -> None:
    path.symlink_to(victim.with_name("new"))


def pipe(path: Path, _: Path) -> None:
    os.mkfifo(path, 0o600)


def file(path: Path, _: Path) -> None:
    path.touch(0o600)


def folder(path: Path, _: Path) -> None:
    path.mkdir(0o700)


def open_to_the_group(path: Path, _: Path) -> None:
    path.mkdir()
    path.chmod(0o770)


def of_somebody_else(path: Path, victim: Path) -> None:
    path.mkdir(0o700) if victim.is_dir() else path.touch(0o600)
    os.chown(path, NOBODY, NOBODY)


def second_name(path: Path, victim: Path) -> None:
    path.hardlink_to(victim)


def out_of_an_archive(path: Path, victim: Path) -> None:
    path.write_bytes(victim.read_bytes())
    path.chmod(0o644)


@pytest.mark.parametrize(
    ("plant", "words"),
    [
        (link, "is a link"),
        (dangling, "is a link"),
        (pipe, "is a pipe"),
        (file, "is a file"),
        (open_to_the_group, "chmod 700 '"),
        pytest.param(of_somebody_else, "belongs to user 65534", marks=as_root),
    ],
)
def test_a_folder_that_this_user_did_not_make_is_refused(
    checkout: Checkout, plant: Plant, words: str
) -> None:
    plant(checkout.state, checkout.victim)
    for command in (("plan",), APPLY, ("sandbox", "show"), ("sandbox", "reset")):
        exit, said = checkout.run(*command)
        assert (exit, words in said, str(checkout.state) in said) == (3, True, True), said
    exit, said = checkout.run("doctor")
    assert (exit, words in said) == (1, True)
    assert checkout.seen() == checkout.before


PLANTS = [
    (link, "is a link"),
    (dangling, "is a link"),
    (pipe, "is a pipe"),
    (folder, "is a folder"),
    (second_name, "is one of 2 names"),
    (out_of_an_archive, "chmod 600 '"),
    pytest.param(of_somebody_else, "belongs to user 65534", marks=as_root),
]


@pytest.mark.parametrize("beside", ["", "-journal", "-wal"])
@pytest.mark.parametrize(("plant", "words"), PLANTS)
def test_the_file_of_a_sandbox_that_this_user_did_not_make_is_refused(
    checkout: Checkout, plant: Plant, words: str, beside: str
) -> None:
    checkout.state.mkdir(0o700)
    plant(checkout.state / f"sandbox-sandbox.db{beside}", checkout.victim / "sandbox-sandbox.db")
    before = checkout.seen()
    for command in (("plan",), ("sandbox", "reset")):
        exit, said = checkout.run(*command)
        assert (exit, words in said) == (3, True), said
    exit, said = checkout.run("doctor")
    assert (exit, words in said) == (1, True)
    assert checkout.seen() == before


@pytest.mark.parametrize("beside", ["", "-journal", "-wal"])
@pytest.mark.parametrize(("plant", "words"), PLANTS)
def test_the_file_of_a_journal_that_this_user_did_not_make_is_refused(
    checkout: Checkout, plant: Plant, words: str, beside: str
) -> None:
    checkout.state.mkdir(0o700)
    if beside:
        with open_journal("sqlite:journal.db", checkout.state, FakeClock()):
            pass
    plant(checkout.state / f"journal.db{beside}", checkout.victim / "journal.db")
    before = checkout.seen()
    _, said = checkout.run("plan")
    assert "made without the journal, and apply would refuse" in said
    assert words in said
    for command in (APPLY, ("history",)):
        exit, said = checkout.run(*command)
        assert (exit, words in said) == (3, True), said
    assert checkout.seen() == before


TRACKED = ["100644 .reconciler/journal.db", "100644 .reconciler/x", "100644 .Reconciler/journal.db"]


@pytest.mark.parametrize("entry", [*TRACKED, "160000 .reconciler"])
def test_what_git_tracks_is_not_believed(checkout: Checkout, entry: str) -> None:
    """As a checkout with a umask of 077 leaves it: with the rights of a file that was made here."""
    assert checkout.run(*APPLY)[0] == 0
    checkout.git("init", "--quiet")
    assert checkout.run(*APPLY)[0] == 0
    mode, name = entry.split()
    object = checkout.git("hash-object", "-w", "--stdin", input=b"a journal")
    checkout.git("update-index", "--add", "--cacheinfo", f"{mode},{object},{name}")
    for command in (("plan",), APPLY, ("sandbox", "show"), ("history",)):
        exit, said = checkout.run(*command)
        assert (exit, f"git tracks {checkout.state}" in said, "git rm -r --cached" in said) == (3, True, True)
    checkout.git("rm", "--quiet", "-r", "-f", "--cached", name)
    assert checkout.run(*APPLY)[0] == 0


class TestAJournalElsewhere:
    """Where an operator has named a file by a variable."""

    @pytest.fixture
    def checkout(self, checkout: Checkout) -> Checkout:
        write(checkout.folder / "configs", CONFIG, ELSEWHERE)
        return checkout

    def test_a_link_in_the_repository_leads_nowhere(
        self, checkout: Checkout, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("RECONCILER_JOURNAL", "sqlite:../state/journal.db")
        (checkout.folder / "state").symlink_to(checkout.victim)
        exit, said = checkout.run(*APPLY)
        assert (exit, "goes over a link" in said) == (3, True), said
        assert checkout.seen() == checkout.before

    def test_a_folder_that_everybody_writes_to_is_refused(
        self, checkout: Checkout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        state = tmp_path / "state"
        monkeypatch.setenv("RECONCILER_JOURNAL", f"sqlite:{state}/journal.db")
        assert checkout.run(*APPLY)[0] == 0
        state.chmod(0o777)
        exit, said = checkout.run("history")
        assert (exit, "every user may write into the folder" in said) == (3, True)
        state.chmod(0o1777)  # where nobody can move what is another's, such as /tmp
        assert checkout.run("history")[0] == 0

    @pytest.mark.parametrize("beside", ["", "-journal"])
    def test_what_git_tracks_is_not_believed(
        self, checkout: Checkout, monkeypatch: pytest.MonkeyPatch, beside: str
    ) -> None:
        monkeypatch.setenv("RECONCILER_JOURNAL", "sqlite:../journal.db")
        assert checkout.run(*APPLY)[0] == 0
        checkout.git("init", "--quiet")
        checkout.git("add", "journal.db")
        if beside:
            object = checkout.git("hash-object", "-w", "--stdin", input=b"a journal")
            checkout.git("rm", "--quiet", "--cached", "journal.db")
            checkout.git("update-index", "--add", "--cacheinfo", f"100644,{object},journal.db{beside}")
        exit, said = checkout.run("history")
        assert (exit, "git tracks" in said) == (3, True)

    def test_a_folder_behind_a_link_of_the_machine_will_do(
        self, checkout: Checkout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "state").mkdir()
        (tmp_path / "var").symlink_to("state")
        monkeypatch.setenv("RECONCILER_JOURNAL", f"sqlite:{tmp_path}/var/journal.db")
        assert checkout.run(*APPLY)[0] == 0
        assert (tmp_path / "state" / "journal.db").exists()


ELSEWHERE_BY_FILES = [
    "{victim}/journal.db",
    "{victim}/new/journal.db",
    "../../victim/new.db",
    "../.reconciler/../../victim/new.db",
    "../../link/new.db",
    "../../../state/../../victim/new.db",
    "../x.pth",
    "../.venv/x.db",
]


@pytest.mark.parametrize("path", ELSEWHERE_BY_FILES)
def test_files_name_a_journal_in_their_checkout_only(checkout: Checkout, path: str) -> None:
    checkout.git("init", "--quiet")
    (checkout.folder / "link").symlink_to(checkout.victim)
    named = path.format(victim=checkout.victim)
    for written in (f"'sqlite:{named}'", "{file: address}"):
        settings = ELSEWHERE.replace("{env: RECONCILER_JOURNAL}", written)
        write(checkout.folder / "configs", {**CONFIG, "address": f"sqlite:{named}\n"}, settings)
        for command in (APPLY, ("history",)):
            exit, said = checkout.run(*command)
            assert (exit, "is none that files may name" in said) == (3, True), said
    assert checkout.seen() == checkout.before
    assert not list(checkout.folder.rglob("x.*"))


@pytest.mark.parametrize("path", ["journal.db", "../state/journal.sqlite", "../.reconciler/ours.db"])
def test_files_may_name_a_journal_in_their_checkout(checkout: Checkout, path: str) -> None:
    checkout.git("init", "--quiet")
    write(
        checkout.folder / "configs",
        CONFIG,
        ELSEWHERE.replace("{env: RECONCILER_JOURNAL}", f"'sqlite:{path}'"),
    )
    assert checkout.run(*APPLY)[0] == 0
    assert (checkout.folder / "configs" / path).exists()


@as_root
def test_root_works_in_a_checkout_of_somebody_else(checkout: Checkout) -> None:
    for path in (checkout.folder, *checkout.folder.rglob("*")):
        os.chown(path, NOBODY, NOBODY)
    assert checkout.run(*APPLY)[0] == 0
    assert {path.stat().st_uid for path in (checkout.state, *checkout.state.iterdir())} == {0}
    assert {S_IMODE(path.stat().st_mode) for path in checkout.state.iterdir()} == {0o600}


@pytest.fixture
def ordinary_user() -> Iterator[Path]:
    """Run a test without the rights of root, in a folder of that user."""
    with TemporaryDirectory() as name, ExitStack() as undo:
        os.chown(name, NOBODY, NOBODY)
        os.seteuid(NOBODY)
        undo.callback(os.seteuid, 0)
        yield Path(name)


@as_root
def test_what_root_left_behind_is_told_as_that(
    ordinary_user: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    checkout = Checkout(ordinary_user, capsys)
    os.seteuid(0)
    assert checkout.run(*APPLY)[0] == 0
    os.seteuid(NOBODY)
    exit, said = checkout.run(*APPLY)
    assert (exit, f"run this as user 0, or chown -R {NOBODY} '{checkout.state}'" in said) == (3, True), said


def test_a_folder_that_others_can_look_into_is_closed(checkout: Checkout) -> None:
    checkout.state.mkdir()
    checkout.state.chmod(0o755)
    assert checkout.run(*APPLY)[0] == 0
    assert S_IMODE(checkout.state.stat().st_mode) == 0o700


@pytest.mark.parametrize("plant", [link, pipe, folder])
def test_what_git_ignores_is_added_to_no_other_file(
    checkout: Checkout, plant: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    (checkout.folder / ".git").mkdir()
    plant(checkout.folder / ".gitignore", checkout.victim / "journal.db")
    monkeypatch.chdir(checkout.folder)
    assert main(["init", "--workspace", "new"]) == 0
    assert checkout.seen() == checkout.before


SENDS = """\
version: 1
default_target: tenant
targets:
  tenant:
    expoints: {url: "%s", token: {env: TENANT_TOKEN}, allowed_recipients: ["*@example.com"]}
"""
DATA = "{Gender_customer: V, First_name_customer: Jo, Family_name_customer: Do, Business Unit: Unit X}"


def sends_to(*emails: str) -> dict[str, str]:
    customers = ", ".join(f"{{email: {email}, data: {DATA}}}" for email in emails)
    told = "targets: [tenant], is_test: true, notification_email_addresses: [qa@example.com]"
    return {"a.yaml": f"customer_seeds: {{s: {{{told}, customers: [{customers}]}}}}"}


def test_the_first_sending_by_a_journal_that_others_do_not_see_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two folders with a default journal each, on one account."""
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setenv("TENANT_TOKEN", "t-0123456789")
    told = "and it is a file that others do not see: if anybody else sends there"

    def said(name: str, *arguments: str) -> str:
        main([*arguments, "--workspace", str(tmp_path / name / "configs")])
        return capsys.readouterr().out

    with closing(State()) as state, Server(create_app(state)) as server:
        for name in ("one", "other"):
            write(tmp_path / name / "configs", sends_to("new@example.com"), SENDS % server.url)
        assert said("one", "plan").count(told) == 1
        assert told in said("one", "apply", "--target", "tenant", "--yes")
        write(
            tmp_path / "one" / "configs", sends_to("new@example.com", "newer@example.com"), SENDS % server.url
        )
        assert told not in said("one", "plan")
        write(tmp_path / "other" / "configs", sends_to("newest@example.com"), SENDS % server.url)
        assert told in said("other", "plan")
