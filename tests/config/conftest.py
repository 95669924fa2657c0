from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeAlias

import pytest

from reconciler.config.load import Workspace, load
from reconciler.errors import FilesInvalid
from reconciler.problems import Problem
from tests.config.toy import LETTERS, MAILINGS, Posted

SETTINGS = """\
version: 1
targets:
  one: {contact_lists: {news: 11}}
  two: {contact_lists: {news: 22}}
"""

NOTE = "{field: note, until: 2026-12-31, reason: an experiment}"


def mailing(text: str) -> str:
    return f"mailings: {{m: {{name: M, {text}}}}}\n"


def target(text: str, more: str = "") -> str:
    return f"version: 1\ntargets:\n  one: {{{text}}}\n{more}"


Files: TypeAlias = Mapping[str, "str | bytes"]
Write: TypeAlias = Callable[[Files], Path]
Read: TypeAlias = Callable[[Files], Workspace[Posted]]
Complain: TypeAlias = Callable[[Files], tuple[Problem, ...]]


def write_files(folder: Path, files: Files) -> Path:
    for name, content in {"reconciler.yaml": SETTINGS, **files}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


@pytest.fixture
def workspace(tmp_path: Path) -> Write:
    """Write the files of a workspace, with two targets unless they bring settings of their own."""
    return lambda files: write_files(tmp_path, files)


@pytest.fixture
def loaded(workspace: Write) -> Read:
    """Load a workspace of these files."""

    def read(files: Files) -> Workspace[Posted]:
        folder = workspace(files)
        return load(folder, MAILINGS, folder, LETTERS)

    return read


@pytest.fixture
def problems(workspace: Write) -> Complain:
    """Load a workspace of these files and return what is wrong with it."""

    def complain(files: Files) -> tuple[Problem, ...]:
        folder = workspace(files)
        try:
            return load(folder, MAILINGS, folder, LETTERS).warnings
        except FilesInvalid as invalid:
            return invalid.problems

    return complain
