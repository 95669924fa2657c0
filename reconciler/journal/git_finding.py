"""Which branch of which remote an address means, and a git that reaches it without touching anything else."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path

from reconciler.clock import Clock
from reconciler.errors import UsageError
from reconciler.git import Git, Place, check_version, find_repository, quiet_ssh
from reconciler.journal.git_branch import Branch, LocalBranch, RemoteBranch

_OF_A_REMOTE = ("proxy", "proxyauthmethod", "receivepack", "uploadpack")
"""The settings of a remote that say how to reach it, beside its address."""

_CONFIGURED = re.compile(r"(remote\..*|branch\..*\.remote|core\.sshcommand)$", re.DOTALL)
_REACHES = re.compile(
    r"remote\.|hook\.|branch\.|url\.|http\.|ssh\.|protocol\.|credential\.|core\.(ssh|gitproxy|askpass)"
)
"""The settings by which a remote is reached."""


def find_branch(folder: Path, name: str, environ: Mapping[str, str], clock: Clock) -> tuple[Git, Branch]:
    """Return the branch called `name` of the repository in which a folder lies, and a git for its objects.

    It need not be there. Nothing is fetched, and nothing is changed. Five processes. Git reads the settings
    of the repository: its remote, and programs for ssh and credentials.

    Raises `UsageError` for a name that is none, a branch that is checked out, no repository, one that git
    does not trust or that was brought along by files, no git or an old one, and for remotes among which none
    stands out.
    """
    place = find_repository(folder, environ)
    git = Git(place.top, environ, place.git_dir)
    check_version(git("version").text)
    _check_name(git, name)
    configured = _configured(git, place)
    remote = _remote(configured, name)
    if remote is None:
        return git, LocalBranch(git, name)
    alias = f"reconciler-{secrets.token_hex(4)}"
    ssh = quiet_ssh(environ, _last(configured, "core.sshcommand"))
    settings = _aliased(configured, remote, alias, name)
    reaching = Git(place.top, environ, place.git_dir, settings, ssh)
    return reaching, RemoteBranch(reaching, name, remote, alias, clock)


def _check_name(git: Git, name: str) -> None:
    """Return if a branch may have this name and is not at work. Raises `UsageError` otherwise."""
    sound = name.isprintable() and not name.startswith("-") and name != "HEAD"
    if not sound or not git("check-ref-format", f"refs/heads/{name}").is_fine:
        raise UsageError(f"git+branch:{name!r} names no branch: git allows no such name")
    trees = git.must("worktree", "list", "--porcelain").text.splitlines()
    if f"branch refs/heads/{name}" in trees:
        raise UsageError(
            f"git+branch:{name} names a branch that is checked out. A journal needs a branch of its own, "
            f"which nobody works on: name another one, and reconciler makes it"
        )


def _configured(git: Git, place: Place) -> Mapping[str, Sequence[str]]:
    """Return what git was told about its remotes: name of the setting → its values.

    Raises `UsageError` where a file of the checkout, which a change can bring, says how to reach a remote.
    """
    found: dict[str, list[str]] = {}
    listed = git("config", "--null", "--list", "--show-scope", "--show-origin").out
    said = listed.decode("utf-8", "surrogateescape").split("\0")
    for scope, origin, setting in zip(said[::3], said[1::3], said[2::3], strict=False):
        key, _, value = setting.partition("\n")
        file = (place.top / origin.removeprefix("file:")).resolve()
        is_of_git = file.is_relative_to(place.git_dir) or file.is_relative_to(place.common)
        if scope in ("local", "worktree") and file.is_relative_to(place.top) and not is_of_git:
            if _REACHES.match(key):
                raise UsageError(
                    f"git takes the setting {key} from {file}, and what is in a checkout comes with any "
                    f"change of it. Take that file out: git config --local --unset-all include.path"
                )
        elif _CONFIGURED.match(key):
            found.setdefault(key, []).append(value)
    return found


def _remote(configured: Mapping[str, Sequence[str]], name: str) -> str | None:
    """Return the remote that the branch lives at: its own, or origin, or the only one; `None` for none."""
    own = _last(configured, f"branch.{name}.remote")
    if own:
        return None if own == "." else own
    parts = (key.removeprefix("remote.").rpartition(".") for key in configured if key.startswith("remote."))
    remotes = {remote for remote, _, setting in parts if setting in ("url", "pushurl")}
    if "origin" in remotes:
        return "origin"
    if len(remotes) > 1:
        raise UsageError(
            f"git+branch:{name} could live at {' or '.join(sorted(remotes))}: `git config "
            f"branch.{name}.remote REMOTE` says where"
        )
    return next(iter(remotes), None)


def _aliased(configured: Mapping[str, Sequence[str]], remote: str, alias: str, name: str) -> dict[str, str]:
    """Return the settings of a remote that reaches what the user's remote reaches, and touches nothing else.

    It is read where it is written: at the address for pushing, if the remote has one of its own.
    """
    own = {key.removeprefix(f"remote.{remote}."): values for key, values in configured.items()}
    addresses = own.get("pushurl") or own.get("url") or (remote,)
    told = {key: own[key][-1] for key in _OF_A_REMOTE if key in own}
    told |= {"url": addresses[0], "fetch": f"refs/heads/{name}:refs/reconciler/{name}"}
    return {f"remote.{alias}.{key}": value for key, value in told.items()}


def _last(configured: Mapping[str, Sequence[str]], key: str) -> str:
    return next(reversed(configured.get(key, ())), "")
