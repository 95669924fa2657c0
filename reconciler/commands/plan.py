"""`reconciler plan`: what would change, and what a PUT would reset. Writes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from reconciler.commands.console import Console, Pool
from reconciler.commands.environment import Environment
from reconciler.commands.expoints import digests_of, plan_seeds, tenant_when_asked
from reconciler.commands.memory import Memory, remembered
from reconciler.commands.reports import ReportFile, TargetSelection, begin, reporting, visited
from reconciler.commands.reports import TargetResult as Told
from reconciler.commands.session import Session, chosen_keys, open_session, open_target
from reconciler.commands.workspace import SECTIONS, SEED_SECTIONS, Selection
from reconciler.config.discovery import LARGEST_NAMED_FILE as LARGEST_FILE
from reconciler.config.guardrails import loosened
from reconciler.config.load import Workspace, as_of, load
from reconciler.config.names import visible
from reconciler.engine.body import Normal
from reconciler.engine.change import SHARE_COUNTS_FROM, Plan, Scope, Share
from reconciler.engine.classify import Account, known_defaults
from reconciler.engine.declared import Declared
from reconciler.engine.identity import CachingReader, Inventory, Listing, Resolved, resolve, take_inventory
from reconciler.engine.kind import Json
from reconciler.engine.plan import Consent, make_plan
from reconciler.engine.review import Review, Since
from reconciler.errors import Exit, FilesInvalid, Refused, UsageError
from reconciler.expoints.planning import SeedsPlan
from reconciler.expoints.recipients import RecipientState
from reconciler.expoints.seed import Seed
from reconciler.git import NotThere, Repository, UnsafeTree, open_repository
from reconciler.planfile.files import check_place, write_plan
from reconciler.render.json import plan_document
from reconciler.render.report import Planned, exit_of, plans_document, plans_text
from reconciler.render.text import plan_text
from reconciler.render.values import Document, json_text


class LiveState(Struct, frozen=True):
    """A target as it was read, from which plans are made: of the files as they are, or as they were."""

    scope: Scope
    account: Account
    declared: tuple[Resolved, ...]
    inventory: Inventory
    listing: Listing
    reader: CachingReader
    memory: Memory
    others: tuple[Declared, ...] = ()
    """What else is declared on the target, and was not selected."""

    def plan(self, consent: Consent, review: Review | None = None) -> Plan:
        """Return the plan of what is declared, with what changed live told apart; asks no API."""
        return self.memory.told_apart(self.bare_plan(consent, review))

    def bare_plan(self, consent: Consent, review: Review | None = None) -> Plan:
        """Return the same plan, in which nobody asked how anything has come about; asks nothing."""
        return make_plan(
            self.scope, self.account, self.declared, self.inventory, consent, review, self.others
        )

    def plan_of(self, declared: Sequence[Declared], defaults: Mapping[str, Json], consent: Consent) -> Plan:
        """Return what other files would do to the same live state, under the same guardrails.

        Asks only for what they name and nobody has asked for. Errors: `ApiError`.
        """
        resolved = resolve(declared, self.reader)
        visible = [r.declared for r in resolved if not r.declared.hidden]
        names = [doubt.name for doubt in self.account.in_doubt.values()]
        inventory = take_inventory(
            self.reader, self.account.kind, visible, listing=self.listing, also_named=names
        )
        known = known_defaults(self.account.normal, defaults, self.memory.learned)
        account = replace(self.account, defaults=known)
        return make_plan(self.scope, account, resolved, inventory, consent)


def plan_target(session: Session, memory: Memory, consent: Consent, console: Console) -> Plan:
    """Read what is live and return the plan. Writes nothing. Errors as in `read_target`."""
    return read_target(session, memory, consent, console).plan(consent)


def read_target(session: Session, memory: Memory, consent: Consent, console: Console) -> LiveState:
    """Read what is live, as far as the plan of the files needs it. Writes nothing.

    Errors: `ApiError`; `Refused` and `UsageError` for a prune that would delete what it cannot judge, and for
    a consent to something that no file declares.
    """
    declared = {one.key for of_target in session.workspace.declared.values() for one in of_target}
    unknown = sorted((consent.recreate | consent.hide) - declared)
    if unknown:
        raise UsageError(
            f"nothing declared is called {', '.join(unknown)}; --recreate and --allow-hide take a whole key, "
            "as `reconciler list` prints it"
        )
    _check_prune(session, consent)
    return read_live(session, session.declared, memory, _listing(session, consent), console)


def read_live(
    session: Session, declared: Sequence[Declared], memory: Memory, listing: Listing, console: Console
) -> LiveState:
    """Read what is live, as far as a plan for these resources needs it, and no more. Errors: `ApiError`."""
    reader = CachingReader(session.client)
    resolved = resolve(declared, reader)
    inventory = take_inventory(
        reader,
        session.kind,
        [r.declared for r in resolved if not r.declared.hidden],
        listing=listing,
        mapper=Pool(session.checkmarket.workers, console, session.checkmarket.requests_per_minute),
        also_named=[doubt.name for doubt in memory.in_doubt.values()],
    )
    limits = session.target.guardrails.limits
    scope = Scope(session.target.name, session.account_name, limits, session.parts)
    account = account_of(session, memory, inventory)
    keys = {one.key for one in declared}
    others = tuple(one for one in session.workspace.declared[session.target.name] if one.key not in keys)
    return LiveState(scope, account, resolved, inventory, listing, reader, memory, others)


def account_of(session: Session, memory: Memory, inventory: Inventory) -> Account:
    """Return how values compare on the account, what resets leave behind there, and which ids are known."""
    normal = Normal.of(session.kind, (live.body for live in inventory.by_id.values()))
    defaults = known_defaults(normal, session.target.defaults, memory.learned)
    return Account(normal, defaults, memory.known_ids, memory.in_doubt)


def _listing(session: Session, consent: Consent) -> Listing:
    if consent.prune:
        return Listing.EVERYTHING
    limit = session.target.guardrails.limits.updates
    # A part of the files must not escape a limit that counts shares of the whole.
    counts_share = isinstance(limit, Share) and len(session.declared) > (limit.of(SHARE_COUNTS_FROM) or 0)
    return Listing.IF_NEEDED if session.is_partial and not counts_share else Listing.DECLARED


def _check_prune(session: Session, consent: Consent) -> None:
    if not consent.prune:
        return
    if session.target.checkmarket is None:
        raise UsageError(f"--prune: target {session.target.name} has no checkmarket: section to prune")
    if session.is_partial:
        raise UsageError("--prune looks at the whole account: leave out --only and --exclude")
    if not session.declared:
        raise Refused("--prune with nothing declared on the target would delete every configuration there")


class EarlierFiles(Struct, frozen=True):
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


def files_since(ref: str, session: Session) -> EarlierFiles:
    """Return the files as they stood at `ref`; where they cannot be used, why. Asks no API.

    Errors: `UsageError` without git, without a repository, or where it knows no such commit.
    """
    with open_repository(session.workspace.folder, session.environment.environ) as repository:
        commit = repository.commit(ref)
        ref = ref[:12] if ref == commit else ref  # as people know it
        try:
            return EarlierFiles(
                session, ref, commit, _workspace_at(repository, commit, session.environment.clock.now())
            )
        except (FilesInvalid, UsageError, NotThere, UnsafeTree) as error:
            return EarlierFiles(session, ref, commit, note=_why_unusable(ref, error))


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


def plan(
    selection: Selection,
    consent: Consent,
    console: Console,
    environment: Environment,
    *,
    detailed_exitcode: bool = False,
    out: Path | None = None,
    since: str | None = None,
    reports: tuple[ReportFile, ...] = (),
) -> Exit:
    """Print the plan of one target and return what it means.

    `out` is a file that the plan is written to as well, `since` a commit by which it is split.
    """
    file = environment.folder / out if out else None
    if file:
        check_place(file)
    with reporting("plan", selection, reports, console, environment, out) as report:
        with open_session(selection, environment) as session:
            begin(session.workspace, console, environment)
            made = _planned(session, selection, consent, console, since, detailed=detailed_exitcode)
        if file:
            write_plan(file, json_text(_document(made)))
            console.say(f"Written to {visible(str(out))}, fingerprint {made.fingerprint}.")
        report(made)
    _show(made, console)
    return Exit.gravest([made.exit, report.exit])


def plan_across(
    several: TargetSelection,
    selection: Selection,
    consent: Consent,
    console: Console,
    environment: Environment,
    *,
    detailed_exitcode: bool = False,
    since: str | None = None,
    reports: tuple[ReportFile, ...] = (),
) -> Exit:
    """Print the plans of several targets one after the other, and one line over all; return the gravest."""

    def visit(workspace: Workspace[Seed], part: Selection) -> Told:
        with open_target(workspace, part, environment) as session:
            made = _planned(session, part, consent, console, since, detailed=detailed_exitcode)
        report.interim(made)
        console.interim(_text(made, console))
        return made.exit, _document(made)

    with reporting("plan", selection, reports, console, environment) as report:
        ends = visited(several, selection, visit, console, environment)
        report.failures(ends)
    console.result(console.paint.strong(plans_text(ends)), plans_document(ends))
    return Exit.gravest([exit_of(ends), report.exit])


def _show(made: Planned, console: Console) -> None:
    """Print the plan in the one form that is asked for: of a large one, the other takes its time."""
    if console.as_json:
        console.result("", _document(made))
    else:
        console.result(_text(made, console), None)


def _document(made: Planned) -> Document:
    return plan_document(made.plan, made.seeds, made.problems, made.since)


def _text(made: Planned, console: Console) -> str:
    return plan_text(made.plan, made.seeds, made.since, paint=console.paint, verbose=console.verbose)


def _planned(
    session: Session,
    selection: Selection,
    consent: Consent,
    console: Console,
    since: str | None,
    *,
    detailed: bool,
) -> Planned:
    past = files_since(since, session) if since is not None else None
    with remembered(session, console) as memory, tenant_when_asked(session, console) as enter:
        live = read_target(session, memory, consent, console)
        made, seeds = live.plan(consent), plan_seeds(session, memory, enter)
        before = past.against(live, selection, consent) if past else None
    exit = plan_exit(made, seeds, detailed=detailed)
    problems = (*session.workspace.warnings, *memory.untrue)
    return Planned(made, seeds, before, problems, exit, session.places)


def plan_exit(plan: Plan, seeds: SeedsPlan, *, detailed: bool) -> Exit:
    """Return what a plan means: in doubt or refused where apply would be, else pending where asked for."""
    pending = [Exit.PENDING] if detailed and (plan.changes or seeds.sending) else []
    return Exit.gravest([*pending, *(blocked.exit for blocked in plan.blocked), *seeds_exits(seeds)])


def seeds_exits(plan: SeedsPlan) -> Iterator[Exit]:
    """Yield what the seeds of a plan mean: a tenant that cannot be asked, a doubt, a refusal."""
    if plan.trouble is not None:
        yield plan.trouble.exit
    for seed in plan.seeds:
        if seed.count(RecipientState.IN_DOUBT):
            yield Exit.IN_DOUBT
        if seed.blocks and seed.due:
            yield seed.blocked_exit
        if seed.is_found:
            yield Exit.REFUSED
