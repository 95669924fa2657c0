"""The door to git: one process a command, no shell, no prompt, no hook, and always an end.

Nothing of a hook that surrounds this process gets in (GIT_DIR, GIT_INDEX_FILE, …), and nothing of what git
is told here stays: settings go to it in its environment, so they are in no file and in no list of processes.
"""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Mapping
from pathlib import Path
from subprocess import PIPE, Popen, TimeoutExpired

from msgspec import Struct

from reconciler.errors import Refused, UsageError

PATIENCE = 120.0
"""Seconds after which a command is ended that has come to no end by itself."""

OLDEST = (2, 31)
"""The oldest git that takes settings from its environment."""

_PASSED_ON = re.compile(
    r"GIT_(SSH|SSH_COMMAND|SSH_VARIANT|ASKPASS|SSL_\w+|HTTP_\w+|PROXY_COMMAND|PROXY_SSL_\w+|ALLOW_PROTOCOL|EXEC_PATH"
    r"|CEILING_DIRECTORIES|DISCOVERY_ACROSS_FILESYSTEM|CONFIG_(GLOBAL|SYSTEM|NOSYSTEM|COUNT|KEY_\d+|VALUE_\d+))"
)
"""The variables of git that say how to reach a remote, or whom to trust. All others of it are left behind."""

_PERSONAL = re.compile(r"(?<=://)[^/\s]*@")
_UNTRUSTED = re.compile(r"dubious ownership in repository at '([^']*)'|unsafe repository \('([^']*)'")

SETTINGS: Mapping[str, str] = {
    "core.hooksPath": os.devnull,
    "core.fsync": "all",  # a commit without a remote is as safe as a file can be
    "core.logAllRefUpdates": "false",
    "core.fsmonitor": "false",
    "credential.interactive": "false",
    "fetch.prune": "false",
    "fetch.pruneTags": "false",
    "fetch.recurseSubmodules": "false",
    "fetch.writeCommitGraph": "false",
    "gc.auto": "0",
    "maintenance.auto": "false",
    "push.followTags": "false",
    "push.gpgSign": "false",
    "push.recurseSubmodules": "no",
    "submodule.recurse": "false",
}
"""What git does not do here, whatever the user's settings are."""


class Said(Struct, frozen=True):
    """What git said. `code` is its exit code; -1 where it was ended because it did not end."""

    code: int
    out: bytes
    complaint: str

    @property
    def is_fine(self) -> bool:
        """Whether the command did what it was asked."""
        return self.code == 0

    @property
    def text(self) -> str:
        """What it answered, without the line's end."""
        return self.out.decode("utf-8", "replace").strip()

    @property
    def reason(self) -> str:
        """Why it failed, in git's words and in one line, without credentials."""
        lines = [line.strip() for line in masked(self.complaint).splitlines()]
        told = "; ".join(line for line in lines if line and not line.startswith(("warning:", "hint:")))
        return told or f"git ended with exit code {self.code}"


class Git(Struct, frozen=True):
    """Runs git in one folder, with an environment that `surroundings` made."""

    folder: Path
    environment: Mapping[str, str]
    patience: float = PATIENCE

    def __call__(self, *arguments: str, fed: bytes = b"") -> Said:
        """Run a command with `fed` as its input, and return what came of it, whatever that is.

        Raises `UsageError` if there is no git or no such folder.
        """
        with self._started(arguments) as process:
            try:
                out, complaint = process.communicate(fed, self.patience)
            except TimeoutExpired:
                _end(process)
                return Said(-1, b"", f"git gave no answer in {self.patience:g} seconds")
            except BaseException:
                _end(process)
                raise
        return Said(process.returncode, out, complaint.decode("utf-8", "replace"))

    def must(self, *arguments: str, fed: bytes = b"") -> Said:
        """Run a command that has to succeed. Raises `Refused` with git's reason, or `UsageError`."""
        said = self(*arguments, fed=fed)
        if not said.is_fine:
            raise trouble(said)
        return said

    def _started(self, arguments: tuple[str, ...]) -> Popen[bytes]:
        try:
            return Popen(  # noqa: S603
                ["git", *arguments],  # noqa: S607
                cwd=self.folder,
                env=self.environment,
                stdin=PIPE,
                stdout=PIPE,
                stderr=PIPE,
                start_new_session=True,  # no terminal to ask on, and an interrupt of ours does not end it
            )
        except FileNotFoundError as error:
            if not self.folder.is_dir():
                raise UsageError(f"the folder {self.folder} is not there") from error
            raise UsageError(
                "a journal in a branch of git needs git, and there is none to be found"
            ) from error
        except OSError as error:
            raise Refused(f"git cannot be started in {self.folder}: {error.strerror}") from error


def trouble(said: Said) -> Refused | UsageError:
    """Return the error that a failed command means, with what mends it where that is known."""
    if untrusted := _UNTRUSTED.search(said.complaint):
        folder = untrusted[1] or untrusted[2]
        return UsageError(
            f"git does not trust the repository in {folder}, for it belongs to somebody else. If you do: "
            f"git config --global --add safe.directory '{folder}'"
        )
    if "not a git repository" in said.complaint:
        return UsageError("a journal in a branch of git needs the workspace to lie in a repository of git")
    return Refused(f"git says: {said.reason}; without the journal nothing is sent")


def surroundings(environ: Mapping[str, str], settings: Mapping[str, str]) -> dict[str, str]:
    """Return the environment in which git runs: the surrounding one, made safe, with these settings.

    Settings that the surrounding one brings in the same way stay; these come after them, and count more.
    """
    kept = {
        name: value
        for name, value in environ.items()
        if not name.startswith("GIT_") or _PASSED_ON.fullmatch(name)
    }
    kept |= {
        "GIT_ASKPASS": environ.get("GIT_ASKPASS", ""),  # empty: do not look for a program that asks
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GCM_INTERACTIVE": "never",
        "LC_ALL": "C",
        "SSH_ASKPASS_REQUIRE": "never",
    }
    kept.pop("LANGUAGE", None)
    return kept | _in_environment(settings, before=environ.get("GIT_CONFIG_COUNT", ""))


def quiet_ssh(environ: Mapping[str, str], configured: str) -> dict[str, str]:
    """Return the variables with which ssh never asks. `configured` is git's core.sshCommand, or empty.

    A program that GIT_SSH names stays in charge: it takes no options of ours.
    """
    command = environ.get("GIT_SSH_COMMAND") or configured
    if not command and environ.get("GIT_SSH"):
        return {}
    command = command or "ssh"
    option = "-batch" if "plink" in command.lower() else "-o BatchMode=yes"
    return {"GIT_SSH_COMMAND": f"{command} {option}"}


def masked(text: str) -> str:
    """Return a text without the credentials of addresses, and without what a terminal obeys."""
    hidden = _PERSONAL.sub("***@", text)
    return "".join(char if char.isprintable() or char == "\n" else " " for char in hidden)


def check_version(said: str) -> None:
    """Return if git is new enough, by what `git version` says. Raises `UsageError` if it is not."""
    found = re.search(r"(\d+)\.(\d+)", said)
    if found and (int(found[1]), int(found[2])) < OLDEST:
        raise UsageError(
            f"a journal in a branch of git needs git {OLDEST[0]}.{OLDEST[1]} or newer, and this is {found[0]}"
        )


def _in_environment(settings: Mapping[str, str], before: str) -> dict[str, str]:
    first = int(before) if before.isdecimal() else 0
    told = {"GIT_CONFIG_COUNT": str(first + len(settings))}
    for number, (name, value) in enumerate(settings.items(), start=first):
        told |= {f"GIT_CONFIG_KEY_{number}": name, f"GIT_CONFIG_VALUE_{number}": value}
    return told


def _end(process: Popen[bytes]) -> None:
    """End a command with everything that it has started."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        process.kill()
