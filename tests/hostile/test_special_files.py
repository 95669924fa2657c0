"""What is called a file and is none: pipes, sockets, devices, links; and what is a file elsewhere."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from reconciler.checkmarket.model import SECTION
from reconciler.commands.workspace import CUSTOMER_SEEDS
from reconciler.config.load import load
from reconciler.config.settings import Secret
from reconciler.errors import FilesInvalid, Refused, UsageError
from reconciler.problems import Problem
from tests.hostile.workspaces import seeds, write

Make = Callable[[Path], object]


def device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def listening(path: Path) -> None:
    here = Path.cwd()
    os.chdir(path.parent)  # the address of a socket is short
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(path.name)
    finally:
        os.chdir(here)


NO_FILES: list[Make] = [os.mkfifo, device, lambda path: path.symlink_to(path.name), listening]
SPECIAL: list[Make] = [*NO_FILES, Path.mkdir]


def codes(folder: Path) -> list[str]:
    """Return the problems of a workspace, each of which says where it is and what to do."""
    problems: tuple[Problem, ...] = ()
    try:
        load(folder, SECTION, folder, CUSTOMER_SEEDS)
    except FilesInvalid as invalid:
        problems = invalid.problems
    assert all(problem.hint and problem.place.file for problem in problems)
    return [problem.code for problem in problems]


@pytest.mark.parametrize("make", NO_FILES)
def test_what_only_looks_like_yaml_is_not_waited_for(tmp_path: Path, make: Make) -> None:
    write(tmp_path, {})
    make(tmp_path / "x.yaml")
    assert codes(tmp_path) == ["symlink-outside" if make is device else "unreadable-file"]


@pytest.mark.parametrize("make", SPECIAL)
def test_what_only_looks_like_settings_is_none(tmp_path: Path, make: Make) -> None:
    make(tmp_path / "reconciler.yaml")
    with pytest.raises(UsageError, match=r"there is no reconciler\.yaml"):
        codes(tmp_path)


@pytest.mark.parametrize("make", SPECIAL)
def test_what_only_looks_like_content_is_not_sent(tmp_path: Path, make: Make) -> None:
    answers = "[{base_question_id: 1, file_answers: [{file: c.csv}]}]"
    customers = f"customers: [{{email: a@example.com, answers: {answers}}}]"
    write(
        tmp_path, {"a.yaml": seeds("customers_from: c.csv"), "b.yaml": seeds(customers).replace("s0", "s1")}
    )
    make(tmp_path / "c.csv")
    assert codes(tmp_path).count("path-outside" if make is device else "unreadable-file") == 2


LFS = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 9\n"


@pytest.mark.parametrize(
    "content",
    [LFS, LFS.replace("\n", "\r\n"), LFS.replace("git-lfs", "hawser"), "/annex/objects/X", "\0GITCRYPT\0\1"],
)
def test_what_git_keeps_in_place_of_a_file_is_neither_read_nor_sent(tmp_path: Path, content: str) -> None:
    answers = (
        "customers: [{email: a@example.com, answers: [{base_question_id: 1, file_answers: [{file: a.PNG}]}]}]"
    )
    seeds_of = {"a.yaml": seeds("customers_from: c.CSV"), "b.yaml": seeds(answers).replace("s0", "s1")}
    write(tmp_path, {**seeds_of, "c.CSV": content, "a.PNG": content, "d.YAML": content})
    assert codes(tmp_path).count("not-the-file") == 3


@pytest.mark.parametrize("make", SPECIAL)
def test_what_only_looks_like_a_key_is_not_waited_for(tmp_path: Path, make: Make) -> None:
    make(tmp_path / "key")
    with pytest.raises((UsageError, Refused), match=r"the file key (cannot be read|belongs to .* system)"):
        Secret.model_validate({"file": "key"}, context=tmp_path).read({})


def test_links_between_folders_are_not_followed_in_circles(tmp_path: Path) -> None:
    folder = write(tmp_path, {"d/a.yaml": "import_configs: {m: {name: M}}"})
    (folder / "d" / "again").symlink_to(folder)
    (folder / "d" / "self").symlink_to("self")
    assert codes(folder) == []
