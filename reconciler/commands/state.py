"""The folder `.reconciler/`, with the default journal and the sandboxes: where it is, and whose it is."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Sequence
from pathlib import Path

from reconciler.commands.environment import Environment
from reconciler.config.secret import checkouts_of
from reconciler.errors import Refused, UsageError
from reconciler.git import place_of, without_settings
from reconciler.private import BESIDE, private_database, private_folder

STATE = ".reconciler"
"""What the folder is called."""


def state_folder(folder: Path) -> Path:
    """Return `.reconciler/` beside the workspace folder; in it where that is the top of a repository."""
    top = folder.resolve()
    return (top if (top / ".git").exists() else top.parent) / STATE


def sandbox_file(folder: Path, target: str) -> Path:
    """Return where the sandbox of a target keeps its state, whether it is there or not."""
    return state_folder(folder) / f"sandbox-{target}.db"


def private_sandbox(folder: Path, target: str, environment: Environment) -> Path:
    """Return where the sandbox of a target keeps its state; makes the folder.

    Raises `UsageError` if that cannot be done, and `Refused` where another user or the repository can have
    put there what is found.
    """
    try:
        check_state_folder(folder, environment, make=True)
    except OSError as error:
        own = state_folder(folder)
        raise UsageError(f"{own} must be a folder that can be written: {error.strerror}") from error
    path = sandbox_file(folder, target)
    private_database(path)
    return path


def check_state_folder(folder: Path, environment: Environment, *, make: bool) -> None:
    """Check that `.reconciler/`, if it is there, is this user's alone, and nothing of the repository.

    With `make` it is made. Raises `Refused` where it is not, and `OSError` where it cannot be made or seen.
    """
    own = state_folder(folder)
    if private_folder(own, make=make) and _is_tracked(own.parent, [own.name], environment):
        raise Refused(_tracked(own))


def check_journal_file(path: Path, folder: Path, environment: Environment) -> None:
    """Check the place of a journal's file that an operator has named. Raises `Refused`.

    Inside of the checkout no link may lead there, and git may track none of its files.
    """
    top = checkouts_of(folder)[-1]
    named = Path(os.path.normpath(folder.resolve() / path))
    if named.is_relative_to(top) and (folder / path).parent.resolve() != named.parent:
        raise Refused(
            f"the way to journal {path} goes over a link, and one in a repository can lead anywhere: name "
            f"the folder that it leads to"
        )
    names = [path.name + ending for ending in ("", *BESIDE)]
    if path.parent.is_dir() and _is_tracked(path.parent, names, environment):
        raise Refused(_tracked(path))


def _is_tracked(folder: Path, names: Sequence[str], environment: Environment) -> bool:
    """Tell whether git tracks one of these names in a folder, or something inside of it, in whatever case.

    Where there is no git, or no repository around the folder, nothing is known to be tracked. None of the
    repository's settings is read, so it may be anybody's. Two processes.
    """
    place = place_of(folder, environment.environ)
    if place is None or not (place.git_dir / "index").exists():
        return False
    paths = [f":(top,icase,literal){posixpath.join(place.prefix, name)}" for name in names]
    try:
        with without_settings(place, environment.environ) as git:
            own = git.git_dir or git.folder
            for index in (place.git_dir / "index", *place.git_dir.glob("sharedindex.*")):
                (own / index.name).symlink_to(index)
            return bool(git("ls-files", "-z", "--cached", "--", *paths).out)
    except (UsageError, OSError):  # no git, or a repository that this user may not read
        return False


def _tracked(path: Path) -> str:
    return (
        f"git tracks {path}, so what it says was sent and reviewed may come from anybody who can change the "
        f"repository, and is not believed. Move it away, and take it out: git rm -r --cached '{path}'"
    )
