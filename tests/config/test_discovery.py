"""Which folder is a workspace, which of its files are read, and which others seeds may name."""

from __future__ import annotations

from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from reconciler.config.discovery import WorkspaceFiles, find_workspace, read_workspace, shown
from reconciler.config.yaml import Unreadable
from reconciler.errors import UsageError
from tests.config.conftest import Complain, Write


def make(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "reconciler.yaml").write_text("version: 1")
    return folder


@pytest.mark.parametrize("start", [".", "a/b", "configs", "configs/sub"])
@pytest.mark.parametrize("place", [".", "configs"])
def test_the_nearest_workspace_above_is_found(start: str, place: str, tmp_path: Path) -> None:
    (tmp_path / start).mkdir(parents=True, exist_ok=True)
    folder = make(tmp_path / place)
    assert find_workspace(None, tmp_path / start).resolve() == folder.resolve()
    assert find_workspace(folder / "reconciler.yaml", tmp_path) == folder


def test_two_in_one_folder_are_both_named(tmp_path: Path) -> None:
    make(tmp_path), make(tmp_path / "configs")
    with pytest.raises(UsageError, match=r"both .*reconciler\.yaml and .*configs/reconciler\.yaml"):
        find_workspace(None, tmp_path)


def test_no_workspace_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"write one.*--workspace"):
        find_workspace(None, tmp_path)
    for name in ("reconciler.yml", "Reconciler.YAML", "reconciler.yaml.txt"):
        there = tmp_path / name / "configs"
        there.mkdir(parents=True)
        (there / name).touch()
        for explicit in (None, there):
            with pytest.raises(UsageError, match=rf"rename .*configs/{name} to reconciler\.yaml"):
                find_workspace(explicit, tmp_path / name)
    deep = tmp_path / ("a-folder-with-a-long-name-" * 5)
    make(deep / "configs")
    with pytest.raises(UsageError, match=r"did you mean .*configs\?"):
        find_workspace(deep, tmp_path)


@pytest.mark.parametrize(("name", "code", "severity", "hint"), [
    ("a.yaml ", "strange-suffix", "error", "rename it"),
    ("a.yml\u200b", "strange-suffix", "error", "rename it"),
    ("a.ｙａｍｌ", "strange-suffix", "error", "rename it"),
    ("sub/a.yaml.txt", "unread-file", "warning", "rename it to end in .yaml"),
    ("A.YML.TXT", "unread-file", "warning", "rename it to end in .yaml"),
])  # fmt: skip
def test_a_file_whose_name_only_looks_like_one_that_is_read_is_told(
    name: str, code: str, severity: str, hint: str, workspace: Write
) -> None:
    folder = workspace(
        {name: "mailings: {}", "a.yaml.bak": "", "a.yaml~": "", "b.yaml.j2": "", ".b.yaml ": ""}
    )
    (problem,) = (problem for document in read_workspace(folder, folder) for problem in document.problems)
    assert (problem.code, problem.severity) == (code, severity)
    assert hint in problem.hint


def test_yaml_files_in_any_folder_are_read_in_a_stable_order(workspace: Write) -> None:
    names = ["b.YAML", "a.Yml", "sub/z.yaml", "sub.yaml/a.yaml", ".hidden.yaml", ".git/c.yaml", "notes.md"]
    folder = workspace(dict.fromkeys(names, ""))
    assert [document.top.source.file for document in read_workspace(folder, folder)] == [
        "a.Yml", "b.YAML", "reconciler.yaml", "sub/z.yaml", "sub.yaml/a.yaml",
    ]  # fmt: skip


def test_a_link_inside_is_followed_and_one_outside_refused(workspace: Write, problems: Complain) -> None:
    folder = workspace({"in/a.yaml": "mailings: {m: {name: M}}", ".store/b.yaml": "mailings: {k: {name: K}}"})
    (folder / "b.yaml").symlink_to(folder / ".store/b.yaml")
    (folder / "again").symlink_to(folder / "in")
    assert problems({}) == ()
    (folder / "out.yaml").symlink_to(folder.parent / "elsewhere.yaml")
    (folder / "away").symlink_to(folder.parent)
    (folder / "store").symlink_to(folder / ".store")
    refused = [("symlink-outside", "away"), ("symlink-outside", "out.yaml"), ("symlink-hidden", "store")]
    assert [(p.code, p.place.file) for p in problems({})] == refused


def test_files_are_shown_relative_to_where_one_is_and_without_escapes() -> None:
    assert shown(Path("/w/\x1b[31m.yaml"), Path("/w")) == r"\x1b[31m.yaml"
    assert shown(Path("/w/configs/a.yaml"), Path("/other")) == "/w/configs/a.yaml"


@pytest.fixture
def files(tmp_path: Path) -> WorkspaceFiles:
    folder = tmp_path / "workspace"
    (folder / "sub").mkdir(parents=True)
    (folder / ".git").mkdir()
    for name in ("a.csv", "sub/b.csv", ".hidden.csv", ".git/config", "../outside.csv"):
        (folder / name).write_text(name)
    return WorkspaceFiles(folder, tmp_path, ZoneInfo("UTC"))


def test_a_file_is_read_once_and_not_shown(files: WorkspaceFiles) -> None:
    assert (files.in_base64("a.csv"), files.content("a.csv")) == ("YS5jc3Y=", b"a.csv")
    (files.folder / "a.csv").write_text("changed")
    assert files.content("a.csv") == b"a.csv"
    assert repr(files) == f"WorkspaceFiles(folder={files.folder!r}, base={files.base!r})"


PATHS = {
    "": ("a.csv", "./a.csv", "sub/../a.csv", "in.csv"),
    "path-outside": (
        "../outside.csv", "sub/../../outside.csv", "/etc/passwd", "//etc/passwd", "", "../gone.csv",
        "sub\\b.csv", ".hidden.csv", ".git/config", "out.csv", "to-git/config", "up/outside.csv",
    ),
    "unreadable-file": (".", "~/a.csv", "gone.csv", "a.csv/b", "a\0b"),
}  # fmt: skip


@pytest.mark.parametrize(("path", "code"), [(path, code) for code, paths in PATHS.items() for path in paths])
def test_a_path_counts_from_the_workspace_and_leads_nowhere_else(
    path: str, code: str, files: WorkspaceFiles
) -> None:
    for link, to in (("in.csv", "a.csv"), ("out.csv", "../outside.csv"), ("to-git", ".git"), ("up", "..")):
        (files.folder / link).symlink_to(to)
    if not code:
        assert files.content(path) == b"a.csv"
        return
    with pytest.raises(Unreadable) as caught:
        files.content(path)
    assert caught.value.refusal.code == code
    assert caught.value.refusal.hint
