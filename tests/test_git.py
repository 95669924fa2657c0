"""What reaches git, and what of git reaches people."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from reconciler.errors import UsageError
from reconciler.git import Git, Said, check_version, find_repository, masked, quiet_ssh, trouble
from tests.repositories import Repository

PATH = {"PATH": os.environ["PATH"]}


@pytest.fixture
def seen(tmp_path: Path) -> Path:
    """A folder with a git that writes down its arguments and its environment."""
    return stand_in(tmp_path / "bin", f"{{ printf '%s\\n' \"$@\"; env; }} > '{tmp_path}/seen'").parent


def stand_in(folder: Path, script: str) -> Path:
    """Return a program that is called like git."""
    folder.mkdir()
    program = folder / "git"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return program


def beside(program: Path) -> dict[str, str]:
    """Return variables by which this program is found before the git of the machine."""
    return {"PATH": f"{program.parent}{os.pathsep}{os.environ['PATH']}"}


def told(seen: Path, environ: dict[str, str], *command: str, **how: object) -> list[str]:
    """Return what git is told: its arguments and its variables."""
    assert Git(seen, environ | beside(seen / "git"), **how)(*command).is_fine  # type: ignore[arg-type]
    return (seen.parent / "seen").read_text().splitlines()


OF_THE_TOOL = """
    CHECKMARKET_KEY EXPOINTS_TOKEN RECONCILER_JOURNAL RECONCILER_TRUSTED_HOSTS GITHUB_TOKEN GH_TOKEN
    ACTIONS_RUNTIME_TOKEN ACTIONS_ID_TOKEN_REQUEST_TOKEN INPUT_TOKEN AWS_SECRET_ACCESS_KEY PGPASSWORD
    MY_OWN_KEY GIT_OWN_KEY GIT_HTTP_TOKEN GCM_TOKEN PYTHONPATH LD_PRELOAD BASH_ENV
"""
OF_A_HOOK = """
    GIT_DIR GIT_INDEX_FILE GIT_WORK_TREE GIT_COMMON_DIR GIT_OBJECT_DIRECTORY GIT_ALTERNATE_OBJECT_DIRECTORIES
    GIT_TRACE GIT_EXTERNAL_DIFF GIT_TEMPLATE_DIR GIT_NAMESPACE GIT_PROXY_COMMAND GIT_CONFIG
    GIT_QUARANTINE_PATH GIT_CONFIG_PARAMETERS GIT_SEQUENCE_EDITOR EDITOR VISUAL PAGER LANGUAGE
"""


@pytest.mark.parametrize("command", ["rev-parse", "fetch", "push", "ls-remote"])
def test_nothing_of_the_tool_or_of_a_surrounding_hook_or_shell_reaches_git(seen: Path, command: str) -> None:
    environ = dict.fromkeys(f"{OF_THE_TOOL} {OF_A_HOOK}".split(), "s3cret")
    assert "s3cret" not in "\n".join(told(seen, environ, command))


def test_how_to_reach_a_remote_goes_only_to_what_reaches_one(seen: Path) -> None:
    reach = dict.fromkeys(["GIT_SSL_CAINFO", "HTTPS_PROXY", "no_proxy", "SSH_AUTH_SOCK", "GIT_SSH"], "x")
    kept = dict.fromkeys(["HOME", "GIT_CONFIG_GLOBAL", "XDG_CONFIG_HOME"], "x")
    for command, expected in (("fetch", {**reach, **kept}), ("cat-file", kept)):
        lines = told(seen, {**reach, **kept}, command)
        assert {name for name in (*reach, *kept) if f"{name}=x" in lines} == set(expected)


@pytest.mark.parametrize(
    ("command", "wanted", "allowed"),
    [
        ("cat-file", None, "none"),
        ("rev-parse", "ext:https", "none"),
        ("fetch", None, "https:ssh:file"),
        ("push", "ext:https", "https"),
        ("fetch", "ext", "none"),
    ],
)
def test_a_transport_is_for_few_commands_and_ext_for_none(
    seen: Path, command: str, wanted: str | None, allowed: str
) -> None:
    lines = told(seen, {"GIT_ALLOW_PROTOCOL": wanted} if wanted else {}, command)
    assert f"GIT_ALLOW_PROTOCOL={allowed}" in lines
    assert {"GIT_NO_LAZY_FETCH=1", "safe.bareRepository=explicit", "protocol.ext.allow=never"} <= set(lines)


def test_a_git_in_the_folder_is_not_taken_for_the_one_of_the_machine(tmp_path: Path) -> None:
    planted = stand_in(tmp_path / "work", f"touch '{tmp_path}/ran'")
    for path in ("", ".", "./", "../work"):
        environ = {"PATH": f"{path}{os.pathsep}{os.environ['PATH']}"}
        assert Git(planted.parent, environ)("version").text.startswith("git version 2")
    assert not (tmp_path / "ran").exists()


def test_settings_of_the_environment_stay_and_ours_count_more(tmp_path: Path) -> None:
    theirs = {"user.name": "theirs", "http.proxy": "kept", "core.fsmonitor": "theirs"}
    environ = {**PATH, "GIT_CONFIG_COUNT": str(len(theirs))}
    for number, (name, value) in enumerate(theirs.items()):
        environ |= {f"GIT_CONFIG_KEY_{number}": name, f"GIT_CONFIG_VALUE_{number}": value}
    git = Git(tmp_path, environ, settings={"user.name": "ours"})
    assert git("config", "user.name").text == "ours"
    assert git("config", "http.proxy").text == "kept"
    assert git("config", "core.fsmonitor").text == "false"


def test_nobody_is_ever_asked(tmp_path: Path) -> None:
    git = Git(tmp_path, PATH | {"SSH_ASKPASS": "/bin/echo", "GIT_CONFIG_GLOBAL": os.devnull})
    said = git("credential", "fill", fed=b"protocol=https\nhost=git.example.com\n\n")
    assert not said.is_fine
    assert said.reason.endswith(("terminal prompts disabled", "unable to get password from user"))


@pytest.mark.parametrize(
    ("environ", "configured", "command"),
    [
        ({}, "", "ssh -o BatchMode=yes"),
        ({"GIT_SSH_COMMAND": "ssh -v"}, "ssh -i key", "ssh -v -o BatchMode=yes"),
        ({}, "plink", "plink -batch"),
        ({"GIT_SSH": "/opt/wrapper"}, "", ""),
    ],
)
def test_ssh_asks_nothing_whatever_it_is_called(
    environ: dict[str, str], configured: str, command: str
) -> None:
    assert quiet_ssh(environ, configured) == command


def test_a_command_that_does_not_end_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    program = stand_in(tmp_path / "bin", "sleep 1000 & sleep 1000")
    git = Git(tmp_path, beside(program), patience=0.05)
    assert git("wait").reason == "git gave no answer in 0.05 seconds"


def test_a_command_that_says_too_much_is_ended(tmp_path: Path) -> None:
    program = stand_in(tmp_path / "bin", "exec yes")
    git = Git(tmp_path, beside(program))
    assert git("wait", most=100_000).reason == "git said more than 100000 bytes"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("access 'https://me:secret@git.example.com/x'", "access 'https://***@git.example.com/x'"),
        ("https://x-access-token:a@b@git.example.com/x", "https://***@git.example.com/x"),
        ("remote: \x1b[31mno\u202e", "remote:  [31mno "),
    ],
)
def test_no_credential_and_no_escape_is_shown(text: str, shown: str) -> None:
    assert masked(text) == shown


def test_a_repository_of_somebody_else_comes_with_what_mends_it(tmp_path: Path) -> None:
    Repository.made(tmp_path / "work")
    own = f"GIT_TEST_ASSUME_DIFFERENT_OWNER=1 exec '{shutil.which('git')}' \"$@\""
    environ = {**beside(stand_in(tmp_path / "bin", own)), "GIT_CONFIG_GLOBAL": os.devnull}
    with pytest.raises(UsageError, match=rf"git config --global --add safe\.directory '{tmp_path}/work'"):
        find_repository(tmp_path / "work", environ)


@pytest.mark.parametrize(
    "reason",
    [
        "SSL certificate problem: self-signed certificate",
        "server certificate verification failed. CAfile: none",
    ],
)
def test_a_certificate_that_git_does_not_take_comes_with_what_mends_it(reason: str) -> None:
    said = Said(128, b"", f"fatal: unable to access 'https://git.example.com/x/': {reason}")
    assert "GIT_SSL_CAINFO=FILE" in str(trouble(said))


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="missing is not there"):
        Git(tmp_path / "missing", PATH)("version")


def test_a_git_before_2_31_is_refused() -> None:
    for version in ("2.31.0", "2.39.5 (Apple Git-154)", "3.0"):
        check_version(f"git version {version}")
    for version in ("2.30.9", "1.8.3.1"):
        with pytest.raises(UsageError, match=r"needs git 2\.31 or newer, and this is \d\.\d+"):
            check_version(f"git version {version}")
