"""What reaches git, and what of git reaches people."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from reconciler.errors import Refused, UsageError
from reconciler.journal.git_command import (
    SETTINGS,
    Git,
    Said,
    check_version,
    masked,
    quiet_ssh,
    surroundings,
    trouble,
)

PATH = {"PATH": os.environ["PATH"]}


@pytest.mark.parametrize(
    "name", ["GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE", "GIT_OBJECT_DIRECTORY", "GIT_TRACE", "LANGUAGE"]
)
def test_nothing_of_a_surrounding_hook_reaches_git(name: str) -> None:
    assert name not in surroundings({name: "x"}, {})


@pytest.mark.parametrize(
    "name", ["HOME", "GIT_ASKPASS", "GIT_SSL_CAINFO", "HTTPS_PROXY", "GIT_CONFIG_GLOBAL"]
)
def test_how_to_reach_a_remote_does(name: str) -> None:
    assert surroundings({name: "x"}, {})[name] == "x"


def test_settings_of_the_environment_stay_and_ours_count_more(tmp_path: Path) -> None:
    theirs = surroundings(PATH, {"user.name": "theirs", "http.proxy": "kept"})
    git = Git(tmp_path, surroundings(theirs, {"user.name": "ours"}))
    assert git("config", "user.name").text == "ours"
    assert git("config", "http.proxy").text == "kept"


def test_nobody_is_ever_asked(tmp_path: Path) -> None:
    git = Git(tmp_path, surroundings(PATH | {"SSH_ASKPASS": "/bin/echo"}, SETTINGS))
    said = git("credential", "fill", fed=b"protocol=https\nhost=git.example.com\n\n")
    assert not said.is_fine
    assert "terminal prompts disabled" in said.reason


@pytest.mark.parametrize(
    ("environ", "configured", "command"),
    [
        ({}, "", "ssh -o BatchMode=yes"),
        ({}, "ssh -i key", "ssh -i key -o BatchMode=yes"),
        ({"GIT_SSH_COMMAND": "ssh -v"}, "ssh -i key", "ssh -v -o BatchMode=yes"),
        ({}, "plink", "plink -batch"),
        ({"GIT_SSH": "/opt/wrapper"}, "", None),
    ],
)
def test_ssh_asks_nothing_whatever_it_is_called(
    environ: dict[str, str], configured: str, command: str | None
) -> None:
    assert quiet_ssh(environ, configured).get("GIT_SSH_COMMAND") == command


def test_a_command_that_does_not_end_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    git = Git(tmp_path, surroundings(PATH, {"alias.wait": "!sleep 1000 & sleep 1000"}), patience=0.05)
    assert git("wait").reason == "git gave no answer in 0.05 seconds"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (
            "unable to access 'https://me:secret@git.example.com/x'",
            "unable to access 'https://***@git.example.com/x'",
        ),
        ("https://x-access-token:a@b@git.example.com/x", "https://***@git.example.com/x"),
        ("remote: \x1b[31mno\u202e", "remote:  [31mno "),
    ],
)
def test_no_credential_and_no_escape_is_shown(text: str, shown: str) -> None:
    assert masked(text) == shown


def test_a_reason_leaves_out_hints_and_warnings() -> None:
    said = Said(1, b"", "hint: try\nwarning: old\nremote: no\nfatal: really\n")
    assert said.reason == "remote: no; fatal: really"


def test_a_repository_of_somebody_else_comes_with_what_mends_it(tmp_path: Path) -> None:
    environment = surroundings(PATH | {"GIT_CONFIG_GLOBAL": os.devnull}, {})
    Git(tmp_path, environment).must("init")
    git = Git(tmp_path, environment | {"GIT_TEST_ASSUME_DIFFERENT_OWNER": "1"})
    with pytest.raises(UsageError, match=rf"git config --global --add safe\.directory '{tmp_path}'"):
        git.must("worktree", "list")


def test_any_other_failure_is_a_refusal_in_the_words_of_git() -> None:
    assert isinstance(trouble(Said(128, b"", "fatal: disk full")), Refused)
    assert "disk full" in str(trouble(Said(128, b"", "fatal: disk full")))


def test_no_git_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is none to be found"):
        Git(tmp_path, {"PATH": str(tmp_path)})("version")


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="missing is not there"):
        Git(tmp_path / "missing", PATH)("version")


@pytest.mark.parametrize("said", ["git version 2.30.9", "git version 1.8.3.1"])
def test_an_old_git_is_refused(said: str) -> None:
    with pytest.raises(UsageError, match=r"needs git 2\.31 or newer, and this is \d\.\d+"):
        check_version(said)


@pytest.mark.parametrize(
    "said", ["git version 2.31.0", "git version 2.39.5 (Apple Git-154)", "git version 3.0"]
)
def test_a_newer_git_is_not(said: str) -> None:
    check_version(said)
