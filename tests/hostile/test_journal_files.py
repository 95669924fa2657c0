"""What is in `.reconciler/` and was not made by this user: links, pipes, files of others and of git."""

from __future__ import annotations

import os
from collections.abc import Callable
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
APPLY = "apply --target sandbox --yes"
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

    def seen(self) -> list[object]:
        """Return all that the folder beside holds, and the rights on it."""
        paths = [self.victim, *sorted(self.victim.rglob("*"))]
        rights = [(S_IMODE(path.lstat().st_mode), path.lstat().st_mtime_ns) for path in paths]
        return [*zip(paths, rights, [path.is_file() and path.read_bytes() for path in paths], strict=True)]

    def run(self, command: str) -> tuple[int, str]:
        """Return exit code and all that a command says."""
        exit = main([*command.split(), "--workspace", str(self.folder / "configs")])
        captured = self._screen.readouterr()
        return exit, captured.out + captured.err

    def applies(self) -> bool:
        return self.run(APPLY)[0] == 0

    def assert_refused(self, words: str, *commands: str) -> None:
        """Each of these commands says so and refuses; `doctor` has found a problem."""
        for command in commands:
            exit, said = self.run(command)
            assert (exit, words in said) == (1 if command == "doctor" else 3, True), said

    def track(self, entry: str) -> None:
        """Let git track a file that is not in the checkout, as mode and name."""
        mode, name = entry.split()
        object = self.git("hash-object", "-w", "--stdin", input=b"a journal")
        self.git("update-index", "--add", "--cacheinfo", f"{mode},{object},{name}")


@pytest.fixture
def checkout(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Checkout:
    monkeypatch.delenv("CI", raising=False)
    return Checkout(tmp_path, capsys)


def open_to_the_group(path: Path, _: Path) -> None:
    path.mkdir()
    path.chmod(0o770)


def of_another_user(path: Path, victim: Path) -> None:
    path.mkdir(0o700) if victim.is_dir() else path.touch(0o600)
    os.chown(path, NOBODY, NOBODY)


def out_of_an_archive(path: Path, victim: Path) -> None:
    path.write_bytes(victim.read_bytes())
    path.chmod(0o644)


LINK: Plant = Path.symlink_to
PIPE: Plant = lambda path, _: os.mkfifo(path, 0o600)  # noqa: E731
FOLDER: Plant = lambda path, _: path.mkdir(0o700)  # noqa: E731
ANYWHERE = [
    pytest.param(LINK, "is a link", id="link"),
    pytest.param(lambda path, victim: path.symlink_to(victim.with_name("new")), "is a link", id="dangling"),
    pytest.param(PIPE, "is a pipe", id="pipe"),
    pytest.param(of_another_user, "belongs to user 65534", marks=as_root),
]
FOLDERS = [
    *ANYWHERE,
    pytest.param(lambda path, _: path.touch(0o600), "is a file", id="file"),
    (open_to_the_group, "chmod 700 '"),
]
PLANTS = [
    *ANYWHERE,
    pytest.param(FOLDER, "is a folder", id="folder"),
    pytest.param(Path.hardlink_to, "is one of 2 names", id="second name"),
    (out_of_an_archive, "chmod 600 '"),
]


@pytest.mark.parametrize(("plant", "words"), FOLDERS)
def test_a_folder_that_this_user_did_not_make_is_refused(
    checkout: Checkout, plant: Plant, words: str
) -> None:
    plant(checkout.state, checkout.victim)
    commands = ("plan", APPLY, "sandbox show", "sandbox reset")
    checkout.assert_refused(words, *commands, "doctor")
    checkout.assert_refused(str(checkout.state), *commands)
    assert checkout.seen() == checkout.before


@pytest.mark.parametrize("beside", ["", "-wal"])
@pytest.mark.parametrize(("plant", "words"), PLANTS)
def test_the_file_of_a_sandbox_that_this_user_did_not_make_is_refused(
    checkout: Checkout, plant: Plant, words: str, beside: str
) -> None:
    checkout.state.mkdir(0o700)
    plant(checkout.state / f"sandbox-sandbox.db{beside}", checkout.victim / "sandbox-sandbox.db")
    before = checkout.seen()
    checkout.assert_refused(words, "plan", "sandbox reset", "doctor")
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
    checkout.assert_refused(words, APPLY, "history")
    assert checkout.seen() == before


TRACKED = ["100644 .reconciler/x", "100644 .Reconciler/journal.db", "160000 .reconciler"]


@pytest.mark.parametrize("entry", TRACKED)
def test_what_git_tracks_is_not_believed(checkout: Checkout, entry: str) -> None:
    """As a checkout with a umask of 077 leaves it: with the rights of a file that was made here."""
    assert checkout.applies()
    checkout.git("init", "--quiet")
    assert checkout.applies()
    checkout.track(entry)
    commands = ("plan", APPLY, "sandbox show", "history")
    checkout.assert_refused(f"git tracks {checkout.state}", *commands)
    checkout.assert_refused("git rm -r --cached", *commands)
    checkout.git("rm", "--quiet", "-r", "-f", "--cached", entry.split()[1])
    assert checkout.applies()


@pytest.fixture
def elsewhere(checkout: Checkout, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Let an operator name the file of the journal by a variable."""
    write(checkout.folder / "configs", CONFIG, ELSEWHERE)
    return lambda path: monkeypatch.setenv("RECONCILER_JOURNAL", f"sqlite:{path}/journal.db")


def test_a_link_in_the_repository_leads_nowhere(checkout: Checkout, elsewhere: Callable[[str], None]) -> None:
    elsewhere("../state")
    (checkout.folder / "state").symlink_to(checkout.victim)
    checkout.assert_refused("goes over a link", APPLY)
    assert checkout.seen() == checkout.before


def test_a_journal_in_a_folder_of_an_operator_is_read_until_others_can_write_there(
    checkout: Checkout, tmp_path: Path, elsewhere: Callable[[str], None]
) -> None:
    (tmp_path / "var").symlink_to("checkout")
    elsewhere(f"{tmp_path}/var")
    assert checkout.applies()
    checkout.folder.chmod(0o777)
    checkout.assert_refused("every user may write into the folder", "history")
    checkout.folder.chmod(0o1777)  # where no user can move what is another's, such as /tmp
    assert checkout.run("history")[0] == 0
    checkout.git("init", "--quiet")
    checkout.track("100644 journal.db-journal")
    checkout.assert_refused("git tracks", "history")


ELSEWHERE_BY_FILES = """
    {victim}/new/journal.db ../../victim/new.db ../.reconciler/../../victim/new.db ../../link/new.db
    ../../../state/../../victim/new.db ../x.pth ../.venv/x.db
"""


@pytest.mark.parametrize("path", ELSEWHERE_BY_FILES.split())
def test_files_name_a_journal_in_their_checkout_only(checkout: Checkout, path: str) -> None:
    checkout.git("init", "--quiet")
    (checkout.folder / "link").symlink_to(checkout.victim)
    named = path.format(victim=checkout.victim)
    for written in (f"'sqlite:{named}'", "{file: address}"):
        settings = ELSEWHERE.replace("{env: RECONCILER_JOURNAL}", written)
        write(checkout.folder / "configs", {**CONFIG, "address": f"sqlite:{named}\n"}, settings)
        checkout.assert_refused("is none that files may name", APPLY, "history")
    assert checkout.seen() == checkout.before
    assert not list(checkout.folder.rglob("x.*"))


@pytest.mark.parametrize("path", ["journal.db", "../state/journal.sqlite", "../.reconciler/ours.db"])
def test_files_may_name_a_journal_in_their_checkout(checkout: Checkout, path: str) -> None:
    checkout.git("init", "--quiet")
    settings = ELSEWHERE.replace("{env: RECONCILER_JOURNAL}", f"'sqlite:{path}'")
    write(checkout.folder / "configs", CONFIG, settings)
    assert checkout.applies()
    assert (checkout.folder / "configs" / path).exists()


@as_root
def test_root_works_in_a_checkout_of_another_user_who_is_told_what_root_left_behind(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with TemporaryDirectory() as name, ExitStack() as undo:
        os.chown(name, NOBODY, NOBODY)
        undo.callback(os.seteuid, 0)
        os.seteuid(NOBODY)
        checkout = Checkout(Path(name), capsys)
        os.seteuid(0)
        assert checkout.applies()
        assert {path.stat().st_uid for path in (checkout.state, *checkout.state.iterdir())} == {0}
        assert {S_IMODE(path.stat().st_mode) for path in checkout.state.iterdir()} == {0o600}
        os.seteuid(NOBODY)
        checkout.assert_refused(f"run this as user 0, or chown -R {NOBODY} '{checkout.state}'", APPLY)


def test_a_folder_that_others_can_look_into_is_closed(checkout: Checkout) -> None:
    checkout.state.mkdir()
    checkout.state.chmod(0o755)
    assert checkout.applies()
    assert S_IMODE(checkout.state.stat().st_mode) == 0o700


@pytest.mark.parametrize("plant", [LINK, PIPE, FOLDER])
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
SEED = """\
customer_seeds:
  s:
    {targets: [tenant], is_test: true, notification_email_addresses: [qa@example.com], customers: [%s]}
"""
DATA = "{Gender_customer: V, First_name_customer: Jo, Family_name_customer: Do, Business Unit: Unit X}"


def test_the_first_sending_by_a_journal_that_others_do_not_see_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two folders with a default journal each, on one account."""
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setenv("TENANT_TOKEN", "t-0123456789")
    told = "and it is a file that others do not see: if anyone else sends there"

    def count(name: str, command: str, *emails: str) -> int:
        customers = ", ".join(f"{{email: {email}@example.com, data: {DATA}}}" for email in emails)
        folder = write(tmp_path / name / "configs", {"a.yaml": SEED % customers}, SENDS % server.url)
        main([*command.split(), "--workspace", str(folder)])
        return capsys.readouterr().out.count(told)

    with closing(State()) as state, Server(create_app(state)) as server:
        assert count("one", "plan", "new") == count("one", "apply --target tenant --yes", "new") == 1
        assert count("one", "plan", "new", "newer") == 0
        assert count("other", "plan", "newest") == 1
