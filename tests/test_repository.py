"""What stood in a folder at a commit is read by real git, and nothing is touched or run for it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from reconciler.errors import UsageError
from reconciler.git import find_repository, without_settings
from tests.repositories import ENVIRON, Repository

MOST = 1000


@pytest.fixture
def made(tmp_path: Path) -> Repository:
    return Repository.made(tmp_path / "work")


def files_at(folder: Path, ref: str = "HEAD") -> dict[str, bytes]:
    """Return the files of a folder at a commit. The copy holds no link, and is gone afterwards."""
    with (
        without_settings(find_repository(folder, ENVIRON)) as repository,
        repository.folder_at(repository.commit(ref), MOST) as copy,
    ):
        assert copy is not None, "there was no such folder"
        found = list(copy.rglob("*"))
        assert not any(path.is_symlink() for path in found)
        files = {path.relative_to(copy).as_posix(): path.read_bytes() for path in found if path.is_file()}
    assert not copy.parent.exists()
    assert not repository.git.folder.exists()
    return files


def commit_of(folder: Path, ref: str, environ: Mapping[str, str] = ENVIRON) -> str:
    with without_settings(find_repository(folder, environ)) as repository:
        return repository.commit(ref)


def write(folder: Path, name: str, content: str | bytes = "x") -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())


@pytest.mark.parametrize("where", ["", "deep/in side/België", 'quo"ted', "tab\there", "-dash", "a:b"])
def test_the_files_of_a_folder_are_as_they_stood(made: Repository, where: str) -> None:
    folder = made.folder / where
    write(folder, "a.yaml", "one")
    write(folder, "sub folder/é\n.yaml", "two")
    write(folder, "binary.bin", bytes(range(256)) * 2)
    write(folder, "empty.yaml", "")
    write(folder, "film.bin", b"x" * (MOST + 1))
    many = {f"many/{number}.yaml": f"content {number}\n".encode() for number in range(520)}
    for name, content in many.items():
        write(folder, name, content)
    write(folder, ".hidden/a.yaml")
    write(made.folder, f"{where}beside/a.yaml" if where else ".beside.yaml")
    made.commit()
    write(folder, "a.yaml", "changed")
    assert files_at(folder) == {
        "a.yaml": b"one",
        "sub folder/é\n.yaml": b"two",
        "binary.bin": bytes(range(256)) * 2,
        "empty.yaml": b"",
        "film.bin": b"\0" * (MOST + 1),  # too large: as long, and empty
        **many,
    }


@pytest.mark.parametrize(
    ("leads", "becomes"),
    [
        ("a.yaml", b"x"),
        ("sub/../a.yaml", b"x"),
        ("sub/b.yaml", b"b"),
        ("second", b"x"),
        ("../secret", None),
        ("/etc/passwd", None),
        ("nowhere", None),
        ("sub", None),
        ("loop", None),
        ("folder/b.yaml", None),
        ("../configs/a.yaml", None),
    ],
)
def test_a_link_to_a_file_becomes_a_copy_of_it_and_any_other_is_none(
    made: Repository, leads: str, becomes: bytes | None
) -> None:
    write(made.folder, "secret")
    write(made.folder, "configs/a.yaml")
    write(made.folder, "configs/sub/b.yaml", "b")
    for name, to in {"second": "a.yaml", "loop": "loop", "folder": "sub", "link": leads}.items():
        (made.folder / "configs" / name).symlink_to(to)
    made.commit()
    assert files_at(made.folder / "configs").get("link") == becomes
    (made.folder / "configs/link").rename(made.folder / "configs/link.yaml")
    made.commit()
    if becomes is None:
        with pytest.raises(UsageError, match="leads out of the workspace, or to no file"):
            files_at(made.folder / "configs")


@pytest.mark.parametrize("ref", ["main", "HEAD", "v1", "HEAD~0", "@", "@{upstream}", "HEAD@{0}"])
def test_every_name_of_a_commit_is_one(made: Repository, ref: str) -> None:
    commit = made.commit("first")
    made.git("tag", "-a", "v1", "-m", "a tag")
    made.git("branch", "other")
    made.git("branch", "--set-upstream-to=other")
    assert commit_of(made.folder, ref) == commit


@pytest.mark.parametrize(
    "ref",
    ["nowhere", "", "-h", "--help", "--all", "^HEAD", "HEAD..HEAD", "HEAD:a.yaml", "a\nb", "a\0b", "\x1b"],
)
def test_what_names_no_commit_is_an_error(made: Repository, ref: str) -> None:
    write(made.folder, "a.yaml")
    made.commit()
    with pytest.raises(UsageError, match="commit") as raised:
        commit_of(made.folder, ref)
    assert not {"\n", "\0", "\x1b"} & set(str(raised.value))


def test_a_branch_that_looks_like_an_option_is_none(made: Repository) -> None:
    commit = made.commit()
    made.git("update-ref", "refs/heads/--output=x", commit)
    with pytest.raises(UsageError):
        commit_of(made.folder, "--output=x")
    assert not (made.folder / "x").exists()


def test_a_shallow_clone_says_how_to_get_what_it_lacks(made: Repository, tmp_path: Path) -> None:
    first = made.commit("first")
    made.commit("second")
    clone = tmp_path / "clone"
    made.git("clone", "--quiet", "--depth=1", made.folder.as_uri(), str(clone))
    with pytest.raises(UsageError, match=r"shallow.*fetch-depth: 0"):
        commit_of(clone, first)


def test_a_folder_outside_of_any_repository_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not in a git repository"):
        commit_of(tmp_path, "HEAD", {**ENVIRON, "GIT_CEILING_DIRECTORIES": str(tmp_path.parent)})


def planted(made: Repository, *entries: tuple[str, str, str]) -> str:
    """Commit a tree with these entries, each a mode, a name and an object, and return it."""
    told = b"".join(f"{mode} {name}\0".encode() + bytes.fromhex(object) for mode, name, object in entries)
    tree = made.git("hash-object", "-w", "-t", "tree", "--literally", "--stdin", input=told)
    made.git("update-ref", "refs/heads/main", made.git("commit-tree", tree, "-m", "planted"))
    return tree


@pytest.mark.parametrize("mode", ["100644", "120000"])
@pytest.mark.parametrize("name", ["..", ".", "a/../../b", "/a", "a//b"])
def test_a_tree_that_leads_out_of_its_folder_is_refused(made: Repository, mode: str, name: str) -> None:
    planted(made, (mode, name, made.git("hash-object", "-w", "--stdin", input=b"planted")))
    with pytest.raises((UsageError, AssertionError), match=r"no name of a file|twice|no such folder"):
        files_at(made.folder, "main")


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("pair", ["link folder", "file folder", "file file", "link file", "link link"])
def test_a_name_that_stands_there_twice_is_refused_and_nothing_is_written_through_a_link(
    made: Repository, tmp_path: Path, pair: str, order: int
) -> None:
    environment = tmp_path / "outside"
    environment.mkdir()
    blob = made.git("hash-object", "-w", "--stdin", input=b"planted")
    kinds = {
        "link": ("120000", "a", made.git("hash-object", "-w", "--stdin", input=os.fsencode(environment))),
        "folder": ("40000", "a", made.git("mktree", input=f"100644 blob {blob}\tplanted\n".encode())),
        "file": ("100644", "a", blob),
    }
    planted(made, *(kinds[kind] for kind in pair.split()[::order]))
    with pytest.raises(UsageError, match="twice"):
        files_at(made.folder, "main")
    assert list(environment.iterdir()) == []


def test_a_tree_that_never_ends_is_refused(made: Repository) -> None:
    tree = planted(made, ("100644", "a" * 200, made.git("hash-object", "-w", "--stdin", input=b"x")))
    for _ in range(5):
        tree = planted(made, *(("40000", name * 1000, tree) for name in "abcdefghij"))
    with pytest.raises(UsageError, match="more files than any workspace has"):
        files_at(made.folder, "main")


def test_a_work_tree_of_its_own_and_a_bundle_of_links_are_repositories_too(
    made: Repository, tmp_path: Path
) -> None:
    write(made.folder, "configs/a.yaml")
    made.commit()
    made.git("worktree", "add", "--quiet", str(tmp_path / "second tree"), "-b", "second")
    (tmp_path / "link").symlink_to(tmp_path / "second tree")
    assert files_at(tmp_path / "link/configs") == {"a.yaml": b"x"}


def test_content_that_git_lacks_is_told(made: Repository, tmp_path: Path) -> None:
    write(made.folder, "a.yaml", "only here")
    made.commit()
    blob = made.git("rev-parse", "HEAD:a.yaml")
    (made.folder / ".git/objects" / blob[:2] / blob[2:]).unlink()
    with pytest.raises(UsageError, match="git lacks"):
        files_at(made.folder)
