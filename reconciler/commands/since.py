"""`--since REF`: what of a plan the change of the files since then causes, and what was there before."""

from __future__ import annotations

from reconciler.commands.planning import LiveState
from reconciler.commands.session import SECTIONS, SEED_SECTIONS, Selection, Session, chosen_keys
from reconciler.commands.tenant import digests_of
from reconciler.config.files import LARGEST_FILE
from reconciler.config.load import Workspace, load
from reconciler.engine.planning import Consent
from reconciler.engine.since import Since
from reconciler.errors import FilesInvalid, UsageError
from reconciler.expoints.seed import Seed
from reconciler.repository import NotThere, Repository, UnsafeTree, repository_of


def look_back(ref: str, session: Session, selection: Selection, live: LiveState, consent: Consent) -> Since:
    """Return what the files as they stood at `ref` would have done to the live state that was read.

    Where those files cannot be used, nothing was there before, and the note says so. Errors: `UsageError`
    without git, a repository or such a commit; `ApiError` for what only the old files name.
    """
    repository = repository_of(session.workspace.folder, session.outside.environ)
    commit = repository.commit(ref)
    try:
        before = _workspace_at(repository, commit)
    except (FilesInvalid, UsageError, NotThere, UnsafeTree) as error:
        return Since(ref, commit, note=_note(ref, error))
    target = before.targets.get(session.target.name)
    if target is None:
        return Since(ref, commit, note=_all_caused(f"{ref} has no target {session.target.name}"))
    declared = chosen_keys(before.declared[target.name], selection)
    plan = live.plan_of(declared, target.defaults, consent)
    seeds = chosen_keys(before.seeds[target.name], selection)
    return Since.of(ref, commit, plan, digests_of(seeds, session))


def _workspace_at(repository: Repository, commit: str) -> Workspace[Seed]:
    with repository.folder_at(commit, LARGEST_FILE) as folder:
        return load(folder, SECTIONS, folder.parent, SEED_SECTIONS)


def _note(ref: str, error: Exception) -> str:
    if isinstance(error, FilesInvalid):
        first = error.problems[0]
        return _all_caused(f"the files of {ref} are invalid ({first.place}: {first.message})")
    if isinstance(error, NotThere):
        return _all_caused(f"the workspace is not there at {ref}")
    return _all_caused(f"the files of {ref} cannot be read ({error})")


def _all_caused(why: str) -> str:
    return f"{why}, so that everything counts as caused by the change since"
