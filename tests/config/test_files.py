from __future__ import annotations

import os
from pathlib import Path

import pytest

from reconciler.config.discovery import WorkspaceFiles
from reconciler.config.yaml import LARGEST_FILE, Unreadable


@pytest.fixture
def files(tmp_path: Path) -> WorkspaceFiles:
    folder = tmp_path / "workspace"
    (folder / "sub").mkdir(parents=True)
    (folder / ".git").mkdir()
    for name in ("a.csv", "sub/b.csv", ".hidden.csv", ".git/config", "../outside.csv"):
        (folder / name).write_text(name)
    return WorkspaceFiles(folder, tmp_path)


@pytest.mark.parametrize("path", ["a.csv", "./a.csv", "sub/../a.csv", "in.csv"])
def test_a_path_counts_from_the_workspace_and_a_link_inside_is_followed(
    path: str, files: WorkspaceFiles
) -> None:
    (files.folder / "in.csv").symlink_to("a.csv")
    assert files.content(path) == b"a.csv"


def test_a_file_is_read_once_and_not_shown(files: WorkspaceFiles) -> None:
    assert (files.in_base64("a.csv"), files.content("a.csv")) == ("YS5jc3Y=", b"a.csv")
    (files.folder / "a.csv").write_text("changed")
    assert files.content("a.csv") == b"a.csv"
    assert repr(files) == f"WorkspaceFiles(folder={files.folder!r}, base={files.base!r})"


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("../outside.csv", "path-outside"),
        ("sub/../../outside.csv", "path-outside"),
        ("/etc/passwd", "path-outside"),
        ("", "path-outside"),
        (".", "unreadable-file"),
        ("../gone.csv", "path-outside"),
        ("sub\\b.csv", "path-outside"),
        (".hidden.csv", "path-outside"),
        (".git/config", "path-outside"),
        ("out.csv", "path-outside"),
        ("to-git/config", "path-outside"),
        ("gone.csv", "unreadable-file"),
        ("a.csv/b", "unreadable-file"),
        ("sub", "unreadable-file"),
        ("loop.csv", "unreadable-file"),
        ("pipe.csv", "unreadable-file"),
        ("a\0b", "unreadable-file"),
        ("large.csv", "file-too-large"),
    ],
)
def test_nothing_else_is_read(path: str, code: str, files: WorkspaceFiles) -> None:
    (files.folder / "out.csv").symlink_to(files.folder.parent / "outside.csv")
    (files.folder / "to-git").symlink_to(files.folder / ".git")
    (files.folder / "loop.csv").symlink_to("loop.csv")
    (files.folder / "large.csv").write_bytes(b"a" * (LARGEST_FILE + 1))
    os.mkfifo(files.folder / "pipe.csv")
    with pytest.raises(Unreadable) as caught:
        files.content(path)
    assert caught.value.refusal.code == code
    assert caught.value.refusal.hint
