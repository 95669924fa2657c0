"""`--since REF`: what of a plan the change of the files since then causes, and what was there before."""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from reconciler.commands.expoints import digests_of
from reconciler.commands.planning import LiveState
from reconciler.commands.session import Session, chosen_keys
from reconciler.commands.workspace import SECTIONS, SEED_SECTIONS, Selection
from reconciler.config.discovery import LARGEST_NAMED_FILE as LARGEST_FILE
from reconciler.config.guardrails import loosened
from reconciler.config.load import Workspace, as_of, load
from reconciler.engine.plan import Consent
from reconciler.engine.review import Since
from reconciler.errors import FilesInvalid, UsageError
from reconciler.expoints.seed import Seed
from reconciler.git import NotThere, Repository, UnsafeTree, open_repository


class Past(Struct, frozen=True):
    """The files of an open target as they stood at a commit; without a workspace the note says why not."""

    session: Session
    ref: str
    commit: str
    workspace: Workspace[Seed] | None = None
    note: str = ""

    def against(self, live: LiveState, selection: Selection, consent: Consent) -> Since:
        """Return what those files would have done to the live state. Errors: `ApiError`.

        Asks the API only for what they name and nobody has asked for.
        """
        if self.workspace is None:
            note = f"{self.note}, {_ALL_CAUSED}, and no guardrail can be compared"
            return Since(self.ref, self.commit, note=note)
        name = self.session.target.name
        allowed = tuple(loosened(self.workspace, self.session.workspace, name))
        if name not in self.workspace.targets:
            note = f"{self.ref} has no target {name}, {_ALL_CAUSED}"
            return Since(self.ref, self.commit, note=note, loosened=allowed)
        declared = chosen_keys(self.workspace.declared[name], selection)
        plan = live.plan_of(declared, self.workspace.targets[name].defaults, consent)
        seeds, zone = chosen_keys(self.workspace.seeds[name], selection), self.workspace.settings.time_zone
        since = Since.of(self.ref, self.commit, plan, digests_of(seeds, self.session, zone))
        return replace(since, loosened=allowed)


_ALL_CAUSED = "so that everything counts as caused by the change since"


def files_since(ref: str, session: Session) -> Past:
    """Return the files as they stood at `ref`; where they cannot be used, why. Asks no API.

    Errors: `UsageError` without git, without a repository, or where it knows no such commit.
    """
    with open_repository(session.workspace.folder, session.environment.environ) as repository:
        commit = repository.commit(ref)
        ref = ref[:12] if ref == commit else ref  # as people know it
        try:
            return Past(
                session, ref, commit, _workspace_at(repository, commit, session.environment.clock.now())
            )
        except (FilesInvalid, UsageError, NotThere, UnsafeTree) as error:
            return Past(session, ref, commit, note=_why_unusable(ref, error))


def _workspace_at(repository: Repository, commit: str, now: float) -> Workspace[Seed]:
    with repository.folder_at(commit, LARGEST_FILE) as folder:
        return as_of(load(folder, SECTIONS, folder.parent, SEED_SECTIONS), now)


def _why_unusable(ref: str, error: Exception) -> str:
    if isinstance(error, FilesInvalid):
        first = error.problems[0]
        return f"the files of {ref} are invalid ({first.place}: {first.message})"
    if isinstance(error, NotThere):
        return f"the workspace is not there at {ref}"
    return f"the files of {ref} cannot be read ({error})"
