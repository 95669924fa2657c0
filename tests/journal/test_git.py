"""A journal in a branch of git: what it leaves alone, where it works, and what is not taken for one."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from reconciler.errors import Refused, UsageError
from reconciler.journal.entries import FORMAT, DeliveryState
from reconciler.journal.journal import Journal, open_journal, read_journal
from reconciler.journal.rules import counting
from tests.clock import FakeClock

from .backends import in_branch
from .repositories import Repositories, git
from .runs import a_run, run_start
from .shipments import ACCOUNT as MAIL
from .shipments import SEED, shipment, standings

META = "reconciler-journal.json"
UNHELPFUL = """
    commit.gpgsign=true push.gpgSign=true gpg.program=/bin/false push.followTags=true fetch.prune=true
    remote.origin.mirror=true remote.origin.prune=true remote.origin.push=refs/heads/main core.abbrev=4
    push.recurseSubmodules=check push.default=nothing user.useConfigOnly=true color.ui=always
    diff.relative=true diff.noprefix=true core.quotePath=true core.bigFileThreshold=1 log.showSignature=true
"""


@pytest.fixture
def folder(repositories: Repositories) -> Path:
    """A repository whose remote has no journal yet."""
    repositories.remote()
    return repositories.clone()


@pytest.fixture
def opened(clock: FakeClock) -> Callable[..., Journal]:
    return lambda folder, name="journal": in_branch(folder, name, clock)


Open = Callable[..., Journal]


def use(journal: Journal, customer: str = "ann") -> None:
    """Write down a bit of everything."""
    with journal:
        journal.conclude(journal.intend(shipment(customer)), DeliveryState.SENT)
        a_run(journal, "one", "two", result="failed")
        journal.prune(1e12)


def commit(folder: Path, files: Mapping[str, str], branch: str = "journal", *, remove: bool = False) -> None:
    """Put files into a branch of the remote, or remove them, as a person would, after what it has."""
    other = folder.parent / "person"
    if not other.exists():
        git(folder.parent, "clone", "--quiet", "--template=", str(folder.parent / "origin.git"), other.name)
        git(other, "checkout", "--quiet", "-B", branch, f"origin/{branch}")
    git(other, "pull", "--quiet", "origin", branch)
    if remove:
        git(other, "rm", "--quiet", "-r", *files)
        files = {}
    for name, text in files.items():
        (other / name).parent.mkdir(parents=True, exist_ok=True)
        (other / name).write_text(text)
    git(other, "add", "--all")
    git(other, "commit", "--quiet", "--message=change")
    git(other, "push", "--quiet", "origin", branch)


def furnish(folder: Path) -> None:
    """Fill a repository with everything that a journal could disturb."""
    (folder / "kept.yaml").write_text("one\n")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "--message=first")
    git(folder, "tag", "v1")
    git(folder, "branch", "feature")
    git(folder, "push", "--quiet", "origin", "main")
    (folder / "kept.yaml").write_text("two\n")
    git(folder, "stash", "--quiet")
    (folder / "staged.yaml").write_text("staged\n")
    git(folder, "add", "staged.yaml")
    (folder / "kept.yaml").write_text("three\n")


def state(folder: Path) -> dict[str, object]:
    """Return everything in a repository that is its user's, but for objects."""
    inside = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and ".git/objects" not in path.as_posix()
    }
    return {name: text for name, text in inside.items() if not name.startswith(".git/refs/reconciler/")}


@pytest.mark.parametrize("remote", ["origin", "none"])
def test_only_the_branch_of_a_journal_without_remote_is_touched(
    folder: Path, opened: Open, remote: str
) -> None:
    furnish(folder)
    if remote == "none":
        git(folder, "remote", "remove", "origin")
    before = state(folder)
    use(opened(folder))
    use(opened(folder), "bob")
    after = state(folder)
    assert (after.pop(".git/refs/heads/journal", None) is not None) == (remote == "none")
    assert after == before


def test_no_hook_no_setting_and_no_variable_of_the_user_gets_in_the_way(
    folder: Path, opened: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    for name in ("pre-push", "reference-transaction", "post-commit", "pre-auto-gc"):
        hook = hooks / name
        hook.write_text(f"#!/bin/sh\ntouch '{tmp_path}/ran'\nexit 1\n")
        hook.chmod(0o755)
    for setting in [f"core.hooksPath={hooks}", *UNHELPFUL.split()]:
        git(folder, "config", *setting.split("=", 1))
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_QUARANTINE_PATH"):
        monkeypatch.setenv(name, str(folder / "nowhere"))  # as a hook around it has them
    with opened(folder) as journal:
        use(opened(folder))
        assert standings(journal) == {"ann": DeliveryState.SENT}
    assert not (tmp_path / "ran").exists()
    assert not (folder / "nowhere").exists()


def test_the_log_reads_well_and_only_adds(folder: Path, opened: Open, repositories: Repositories) -> None:
    use(opened(folder))
    told = git(repositories.origin, "log", "--reverse", "--format=%an: %s", "journal").splitlines()
    assert told[:6] + told[8:] == [
        "reconciler: begin the journal",
        "reconciler: send customer_seeds.smoke, round 1 (1 customer, batch 1)",
        "reconciler: batch 1: sent",
        "reconciler: run 1: begin apply on staging",
        "reconciler: run 1: update one",
        "reconciler: run 1: one failed",
        "reconciler: run 1: end with exit code 0 (2 failed)",
        "reconciler: prune 1 run, 2 writes",
    ]
    log = git(repositories.origin, "log", "--format=", "--name-status", "--no-renames", "journal")
    changes = [line.split("\t") for line in log.splitlines()]
    assert {kind for kind, _ in changes} == {"A", "D"}
    assert {path.rpartition("/")[0] for kind, path in changes if kind == "D"} == {"runs/000001"}
    left = git(repositories.origin, "ls-tree", "-r", "--name-only", "journal").splitlines()
    assert left == ["README.md", *(f"kept/0000{n:04}.json" for n in (2, 3, 10)), META]
    assert git(repositories.origin, "fsck", "--strict") == ""


def test_a_shallow_detached_checkout_will_do(folder: Path, opened: Open, repositories: Repositories) -> None:
    furnish(folder)
    use(opened(folder))
    address = repositories.origin.as_uri()
    git(repositories.folder, "clone", "--quiet", "--depth=1", "--branch=main", address, "checkout")
    checkout = repositories.folder / "checkout"
    git(checkout, "checkout", "--quiet", "--detach")
    with opened(checkout) as journal:
        assert standings(journal) == {"ann": DeliveryState.SENT}
        a_run(journal, "three")
    assert (checkout / ".git/shallow").read_text().split() == [git(checkout, "rev-parse", "HEAD")]
    with opened(folder) as journal:
        assert len(journal.runs()) == 1


def test_where_a_repository_will_do(folder: Path, opened: Open, repositories: Repositories) -> None:
    furnish(folder)
    git(folder, "worktree", "add", "--quiet", "../tree", "feature")
    (folder / "configs").mkdir()
    use(opened(folder.parent / "tree"))
    use(opened(folder / "configs"), "bob")
    with opened(folder) as journal:
        assert standings(journal) == {"ann": DeliveryState.SENT, "bob": DeliveryState.SENT}
    with pytest.raises(UsageError, match="looks like a bare repository"):
        opened(repositories.origin)
    with pytest.raises(UsageError, match="is not in a git repository"):
        opened(repositories.folder)


@pytest.mark.parametrize(
    "settings",
    [
        "branch.journal.remote=second remote.second.url={origin} remote.origin.url=/nowhere",
        "remote.origin.pushurl={origin} remote.origin.url=/nowhere",
        "remote.only.url={origin} --unset=remote.origin.url",
    ],
)
def test_a_branch_is_at_its_remote_or_origin_or_the_only_one(
    folder: Path, opened: Open, repositories: Repositories, settings: str
) -> None:
    for setting in settings.format(origin=repositories.origin).split():
        git(folder, "config", *setting.split("=", 1))
    use(opened(folder))
    assert git(repositories.origin, "for-each-ref", "--format=%(refname)") == "refs/heads/journal"


def test_a_name_that_no_branch_can_have_is_refused_and_any_other_will_do(folder: Path, opened: Open) -> None:
    for name in ("", "-x", "a..b", "a b", "HEAD", "a:b", "x.lock", "@{-1}", "a\n", "a\0", "/a"):
        with pytest.raises(UsageError, match="names no branch"):
            opened(folder, name)
    for name in ("team/journal", "jöurnal", "main2"):
        with opened(folder, name) as journal:
            assert journal.is_new


def test_a_branch_that_is_checked_out_or_another_thing_is_refused(folder: Path, opened: Open) -> None:
    with pytest.raises(UsageError, match="git\\+branch:main names a branch that is checked out"):
        opened(folder, "main")  # which has no commit yet
    furnish(folder)
    git(folder, "worktree", "add", "--quiet", "../tree", "feature")
    with pytest.raises(UsageError, match="git\\+branch:feature names a branch that is checked out"):
        opened(folder, "feature")
    git(folder, "checkout", "--quiet", "--detach")
    before = git(folder, "ls-remote", "origin")
    with pytest.raises(UsageError, match="not a journal of reconciler; name another one"):
        opened(folder, "main")
    assert git(folder, "ls-remote", "origin") == before


NEWER = json.dumps({"n": 1, "fact": {"what": "journal", "format": FORMAT + 1, "more": "of it"}})
FORMER = json.dumps({"format": 3, "hash_key": "0" * 64})


@pytest.mark.parametrize(("meta", "said"), [(NEWER, ".*Upgrade"), (FORMER, "format 3, .* not sent to again")])
def test_another_format_is_refused(
    folder: Path, opened: Open, clock: FakeClock, repositories: Repositories, meta: str, said: str
) -> None:
    with opened(folder):
        pass
    commit(folder, {META: f"{meta}\n"})
    before = git(repositories.origin, "rev-parse", "journal")
    for door in (open_journal, read_journal):
        with pytest.raises(UsageError, match=said):
            door("git+branch:journal", folder, clock)
    assert git(repositories.origin, "rev-parse", "journal") == before


END = '{"n": 99, "at": 1, "fact": {"what": "run end", "run": 9, "exit": 0, "counts": {}, "note": ""}}\n'


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        (META, "{\n", f"entry 1 is damaged|{META} cannot be read"),
        ("kept/00000002.json", "", "is cut short"),
        ("kept/00000099.json", '{"n": 98, "at": 1, "fact": {}}\n', "entry 99 is damaged: "),
        ("kept/00000099.json", END, "entry 99 is damaged: .*another run"),
    ],
)
def test_a_damaged_record_is_refused(folder: Path, opened: Open, name: str, text: str, said: str) -> None:
    with opened(folder) as journal:
        journal.intend(shipment("ann"))
        commit(folder, {name: text})
        with pytest.raises(Refused, match=f"is damaged: .*{said}"):
            counting(journal.past(MAIL, SEED))
    with pytest.raises(Refused, match=r"is damaged: .*without it nothing is sent"):
        opened(folder)


@pytest.mark.parametrize("name", ["kept/00000002.json", "kept/00000003.json", META])
def test_what_was_taken_out_by_hand_is_missed(folder: Path, opened: Open, name: str) -> None:
    with opened(folder) as journal:
        journal.intend(shipment("ann"))
        journal.intend(shipment("bob"))
        commit(folder, {name: ""}, remove=True)
        with pytest.raises((Refused, UsageError), match=r"is damaged|not a journal"):
            journal.intend(shipment("cas"))


def test_reading_makes_nothing_and_need_not_ask_the_remote_each_time(
    folder: Path, opened: Open, clock: FakeClock, repositories: Repositories
) -> None:
    assert read_journal("git+branch:journal", folder, clock).is_new
    assert git(repositories.origin, "for-each-ref") == ""
    with opened(folder) as journal, read_journal("git+branch:journal", folder, clock) as reader:
        assert not reader.is_new
        journal.begin_run(run_start())
        assert reader.runs() == ()
        clock.sleep(5)
        assert len(reader.runs()) == 1


@pytest.mark.parametrize("address", ["https://me:s3cret@127.0.0.1:9/x.git", "/nowhere/x.git"])
def test_a_remote_out_of_reach_is_not_taken_for_empty(
    folder: Path, opened: Open, clock: FakeClock, address: str
) -> None:
    git(folder, "config", "remote.origin.url", address)
    with pytest.raises(Refused, match="origin cannot be reached: ") as raised:
        opened(folder)
    assert "s3cret" not in str(raised.value)
    with pytest.raises(Refused, match="origin cannot be reached: "):
        read_journal("git+branch:journal", folder, clock)


def test_one_only_here_is_not_made_anew_there(folder: Path, opened: Open, repositories: Repositories) -> None:
    git(folder, "config", "branch.journal.remote", ".")
    use(opened(folder))
    git(folder, "config", "branch.journal.remote", "origin")
    with pytest.raises(UsageError, match="`git push origin journal` puts it there"):
        opened(folder)
    git(folder, "push", "--quiet", "origin", "journal")
    with opened(folder) as journal:
        assert standings(journal) == {"ann": DeliveryState.SENT}
