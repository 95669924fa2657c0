"""What a person has reviewed, by a plan file or on the command line, and what it is held against."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from reconciler.commands.environment import Environment
from reconciler.commands.expoints import digests_of
from reconciler.commands.planning import LiveState
from reconciler.commands.runs import Purpose
from reconciler.commands.session import Session, tenant_account
from reconciler.commands.workspace import Selection
from reconciler.config.names import visible
from reconciler.engine.change import Plan, fingerprint_of
from reconciler.engine.declared import Part
from reconciler.engine.plan import Consent
from reconciler.engine.review import PastPlans, Review, digests_meant, joined
from reconciler.errors import ReconcilerError, Refused
from reconciler.expoints.planning import SeedsPlan, reviewed_seeds
from reconciler.journal.opening import Past
from reconciler.problems import Problem

if TYPE_CHECKING:
    from reconciler.planfile.files import PlanFile


class Reviewed(Struct, frozen=True):
    """What is said to be reviewed: plan files, or digests and fingerprints; without either, everything.

    Several files, as of several pull requests, stand for whatever is in any of them.
    """

    named: frozenset[str] = frozenset()
    files: tuple[PlanFile, ...] = ()

    @property
    def binds(self) -> bool:
        """Whether only what was reviewed may be carried out; it stands for the answer of a person then."""
        return bool(self.named or self.files)

    def selection(self, selection: Selection) -> Selection:
        """Return of the selection what the files are about, on their target.

        Errors: `Refused` where another target is named, or a file leaves out what it would do itself.
        """
        for file in self.files:
            _check_parts(file)
            if selection.target not in (None, file.target):
                raise Refused(
                    f"{file.name} is a plan for target {visible(file.target)}, and target "
                    f"{selection.target} is named: plan for that one, or leave --target out"
                )
            selection = replace(selection, target=file.target)
        return replace(selection, within=self._parts)

    @property
    def _parts(self) -> tuple[Part, ...]:
        """What all files are about: everything, where they are not about the same."""
        about = {file.parts for file in self.files}
        return about.pop() if len(about) == 1 else ()

    def check_files(self, session: Session) -> None:
        """Check that each plan file was made for the accounts of the open target, and shows what it means.

        Errors: `Refused`.
        """
        for file in self.files:
            _check_accounts(file, session)
            file.check_shown(session.kind)

    def review(self, now: Collection[str], past: PastPlans) -> Review | None:
        """Return what it covers, where `now` are the digests of the plan that is made now; `None` for all."""
        if self.files:
            return joined([file.review for file in self.files])
        return Review(digests_meant(self.named, now, past)) if self.named else None


def _check_parts(file: PlanFile) -> None:
    whole = Selection(within=file.parts)
    left = [visible(key) for key in file.review.names.values() if not whole.chooses(key)]
    if left:
        raise Refused(
            f"{file.name} was changed after it was made: its selection leaves out {', '.join(left)}, "
            "which it would change; make it with plan --out FILE"
        )


def _check_accounts(file: PlanFile, session: Session) -> None:
    pairs = [("account", file.account, session.account_name)]
    if file.tenant is not None and session.seeds:
        pairs += [("tenant", file.tenant, name) for name in tenant_account(session.target)]
    for what, planned, here in pairs:
        if planned != here:
            raise Refused(
                f"{file.name} is a plan for {what} {visible(planned)}, and target {session.target.name} is "
                f"{here} now: plan again, and review that"
            )


def gone_text(review: Review, plan: Plan, seeds: Collection[str]) -> str:
    """Return what was reviewed and is not to be done any more, by the digests of the declared seeds too."""
    gone = review.gone(plan, seeds)
    if not gone:
        return ""
    pruned = any(":" in key for key in gone) and not any(c.declared is None for c in plan.changes)
    hint = "; what --prune deletes needs that flag again" if pruned else ""
    return f"Reviewed, and done already or no longer wanted: {', '.join(map(visible, gone))}{hint}."


EVERYTHING = Reviewed()


def read_reviewed(paths: Sequence[Path], named: Collection[str], environment: Environment) -> Reviewed:
    """Return what was reviewed, by plan files or by fingerprints. Errors as in `read_plan`."""
    if not paths:
        return Reviewed(frozenset(named))
    # Imported here: most runs have no plan file.
    from reconciler.planfile.files import read_plan

    return Reviewed(files=tuple(read_plan(environment.folder / path) for path in paths))


class Agreed(Struct, frozen=True):
    """What is carried out, with all that was not reviewed marked; the review is `None` if all is meant."""

    purpose: Purpose
    plan: Plan
    seeds: SeedsPlan
    review: Review | None = None
    gone: str = ""
    """What was reviewed and is not to be done any more, as a sentence."""
    untrue: tuple[Problem, ...] = ()
    """What the files state of the account and a read-back has contradicted."""
    trouble: ReconcilerError | None = None
    """Why the journal cannot be read; without it nothing is carried out."""


def agree(
    reviewed: Reviewed, session: Session, live: LiveState, seeds: SeedsPlan, consent: Consent
) -> Agreed:
    """Return what of the plan that is made now is carried out, by what was reviewed."""
    zone = session.workspace.settings.time_zone
    plan, declared = live.plan(consent), digests_of(session.seeds, session, zone)
    # Seeds that are left out of a run are part of its plan all the same.
    now = [*plan.digests, *(seeds.digests if seeds.account else declared)]
    review = reviewed.review(now, past_plans(live.memory.past, session))
    memory = live.memory
    if review is None:
        return Agreed(Purpose.of("apply", now), plan, seeds, untrue=memory.untrue, trouble=memory.trouble)
    left = live.plan(consent, review)
    covered = {*left.digests, *(digest for digest in now if digest in review.digests)}
    purpose = Purpose.of("apply", sorted(covered))
    gone = gone_text(review, left, declared)
    seeds = reviewed_seeds(seeds, review)
    return Agreed(purpose, left, seeds, review, gone, memory.untrue, memory.trouble)


def past_plans(past: Past, session: Session) -> PastPlans:
    """Return what knows the plans of earlier runs on the account by their fingerprints."""

    def digests(fingerprint: str) -> frozenset[str]:
        runs = [run for run in past.runs(session.account) if run.start.fingerprint == fingerprint]
        for run in runs:
            if fingerprint_of(run.start.digests) != fingerprint:
                raise Refused(
                    f"run {run.number} in the journal is damaged, or somebody has changed it: its digests do "
                    f"not make the fingerprint {fingerprint}, so they do not say what was reviewed. Review "
                    "the plan file, or the plan that is made now"
                )
        return frozenset(digest for run in runs for digest in run.start.digests)

    return digests
