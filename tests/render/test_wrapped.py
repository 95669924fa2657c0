"""Lines fit the terminal: broken between words, each under its column."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import shutil
import struct
import sys
import termios
from pathlib import Path

import pytest

from reconciler.cli import main
from reconciler.render.text import plan_text
from reconciler.render.values import COLOURED, wrapped
from tests.render.plans import planned


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("short", ["short"]),
        ("one two three four five six seven eight", ["one two three four five six", "seven eight"]),
        ("  a  one two three four five six seven", ["  a  one two three four five", "     six seven"]),
        ("a  b  one two three four five six seven", ["a  b  one two three four", "      five six seven"]),
        (
            "    ~ name  1  reset by policy, assumed",
            ["    ~ name  1  reset by", "      policy, assumed"],
        ),
        ("a" * 40 + " b", ["a" * 40, "b"]),
        ("a word  of " + "b" * 24, ["a word  of", "b" * 24]),
        ("kept and " + "a" * 40, ["kept and", "a" * 40]),
        ("漢字漢字漢字 漢字漢字漢字 漢字漢字漢字", ["漢字漢字漢字 漢字漢字漢字", "漢字漢字漢字"]),
        ("\x1b[1mone two three four five\x1b[0m", ["\x1b[1mone two three four five\x1b[0m"]),
    ],
)
def test_a_line_breaks_between_words_and_goes_on_under_its_column(text: str, lines: list[str]) -> None:
    assert wrapped(text, 28).split("\n") == lines


@pytest.mark.parametrize("width", [40, 80, 120])
def test_a_plan_fits_the_terminal_and_loses_no_word(width: int) -> None:
    plan = planned("a name of some length", changes=3)
    whole, fitting = plan_text(plan), wrapped(plan_text(plan, paint=COLOURED), width)
    plain = re.sub(r"\x1b\[[\d;]*m", "", fitting)
    assert plain.split() == whole.split()
    assert max(len(line) for line in plain.split("\n")) <= max(width, max(map(len, whole.split())) + 8)


def test_every_help_fits_80_columns_and_is_not_cut(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    waiting, seen = list[tuple[str, ...]]([()]), 0
    while waiting:
        verb, seen = waiting.pop(), seen + 1
        assert main([*verb, "--help"]) == 0
        help = capsys.readouterr().out
        assert not [line for line in help.splitlines() if len(line) > 80], verb
        commands = help.partition("Commands:\n")[2].partition("\n\n")[0].splitlines()
        assert not [line for line in commands if line.endswith("...")], verb
        waiting += [(*verb, line.split()[0]) for line in commands if line[2] != " "]
    assert seen > 30


def on_terminal(columns: int, *arguments: str) -> str:
    """Return what the tool prints on a terminal that is so wide, without its colors."""
    process, terminal = pty.fork()
    if process == 0:
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
        os.environ.pop("COLUMNS", None)
        os.execv(sys.executable, [sys.executable, "-m", "reconciler", *arguments])  # noqa: S606
    printed = b""
    while True:
        try:
            printed += os.read(terminal, 65536)
        except OSError:  # which is the end of a terminal
            break
    os.waitpid(process, 0)
    return re.sub(r"\x1b\[[\d;]*m", "", printed.decode()).replace("\r\n", "\n")


NAME = f"name={'a long name ' * 4}b"


@pytest.mark.parametrize(
    ("verb", "line"),
    [
        (["status"], "    customers in doubt  0"),
        (["show", "newsletter-nl"], "    live      5"),
        (["list"], "    production 290, sandbox 288"),
        (
            ["show", "no-such-key-and-one-that-is-so-long-that-it-breaks"],
            "support-follow-up, welcome",
        ),
        (["set", "newsletter-nl", NAME, "--diff"], f"+    {NAME.replace('=', ': ')}"),  # code stays whole
    ],
)
def test_what_does_not_fit_a_terminal_stands_below(verb: list[str], line: str, tmp_path: Path) -> None:
    shutil.copytree("configs", tmp_path / "configs")
    lines = on_terminal(56, *verb, "--workspace", str(tmp_path / "configs")).split("\n")
    wide = [one for one in lines if len(one) > 56 and str(tmp_path) not in one]
    assert (line in wide) if "--diff" in verb else not wide, lines
    assert [one for one in lines if one.startswith(line)], lines


def test_a_schema_is_whole_on_a_terminal_too() -> None:
    assert json.loads(on_terminal(56, "schema", "report"))["type"] == "object"


def test_a_command_to_the_runner_of_a_ci_is_whole_on_a_terminal_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")  # a runner may give its steps a terminal, as act does
    shutil.copytree("configs", tmp_path / "configs")
    (tmp_path / "configs/broken.yaml").write_text("import_configs: {broken: {Name: C1}}\n")
    lines = on_terminal(56, "validate", "--workspace", str(tmp_path / "configs")).split("\n")
    (command,) = (line for line in lines if line.startswith("::error "))
    assert command.endswith("title=unknown-field import_configs.broken::Name is not known here → write name")
