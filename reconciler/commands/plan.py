"""`reconciler plan`: what would change, and what a PUT would reset; `show` of one resource. Write nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from reconciler.checkmarket.model import SECTION
from reconciler.commands.console import Console, Pool
from reconciler.commands.environment import Environment
from reconciler.commands.expoints import digests_of, expoints_session
from reconciler.commands.journal import Memory, remembered
from reconciler.commands.reports import (
    ReportFile,
    TargetResult,
    TargetSelection,
    begin,
    for_each_target,
    reporting,
)
from reconciler.commands.session import Session, chosen_keys, open_session, open_target
from reconciler.commands.workspace import CUSTOMER_SEEDS, Selection
from reconciler.config.guardrails import loosened
from reconciler.config.load import Workspace, as_of, load
from reconciler.config.names import meant, visible
from reconciler.config.yaml import LARGEST_FILE
from reconciler.engine.body import shows_zero
from reconciler.engine.change import SHARE_COUNTS_FROM, Plan, Scope, Share
from reconciler.engine.classify import AccountProfile, known_defaults
from reconciler.engine.drift import attribute_drift
from reconciler.engine.inventory import CachingReader, Inventory, Listing, resolve, take_inventory
from reconciler.engine.kind import Declared, Json, Mapper, map_serially
from reconciler.engine.plan import Consent, Review, Since, make_plan
from reconciler.errors import Exit, FilesInvalid, Refused, UsageError
from reconciler.expoints.planning import SeedsPlan
from reconciler.expoints.recipients import RecipientState
from reconciler.expoints.seed import Seed
from reconciler.git import find_repository, without_settings
from reconciler.planfile.files import check_place, write_document
from reconciler.render.json import across_document, plan_document, show_document
from reconciler.render.report import TargetReport, across_summary
from reconciler.render.text import plan_text, show_text
from reconciler.render.values import json_text


class PlanOptions(Struct, frozen=True):
    """What is asked of a plan, on every target alike."""

    consent: Consent = Consent()
    detailed_exitcode: bool = False
    out: Path | None = None  # a file that the plan is written to as well
    since: str | None = None  # a commit: the plan is split by what the files since then cause
    reports: tuple[ReportFile, ...] = ()
    restores: int | None = None  # the run to take back, instead of what the files declare


def plan(selection: Selection, options: PlanOptions, console: Console, environment: Environment) -> Exit:
    """Print the plan of one target and return what it means."""
    file = environment.folder / options.out if options.out else None
    if file:
        check_place(file)
    with reporting("plan", selection, options.reports, console, environment, options.out) as report:
        with open_session(selection, environment) as session:
            begin(session.workspace, console, environment)
            planned = _plan_target(session, options, console)
        if file:
            write_document(file, f"{json_text(plan_document(planned))}\n")
            console.say(f"Written to {visible(str(options.out))}, fingerprint {planned.fingerprint}.")
        report.reported.append(planned)
    # Only the form that is asked for is made: of a large plan, the other one takes its time.
    if console.as_json:
        console.result("", plan_document(planned))
    else:
        text = plan_text(planned, paint=console.paint, verbose=console.verbose)
        console.result(text, None, has_summary=True)
    return Exit.gravest([planned.exit, report.exit])


def plan_across(
    targets: TargetSelection,
    selection: Selection,
    options: PlanOptions,
    console: Console,
    environment: Environment,
) -> Exit:
    """Print the plans of several targets one after the other, and one line over all; return the gravest."""

    def visit(workspace: Workspace[Seed], part: Selection) -> TargetResult:
        with open_target(workspace, part, environment) as session:
            planned = _plan_target(session, options, console)
        report.interim(planned)
        console.interim(plan_text(planned, paint=console.paint, verbose=console.verbose))
        return planned.exit, planned

    with reporting("plan", selection, options.reports, console, environment) as report:
        ends = for_each_target(targets, selection, visit, console, environment)
        report.failures(ends)
    console.result(console.paint.strong(across_summary(ends, "plan")), across_document(ends, "plan"))
    return Exit.gravest([*(end.exit for end in ends), report.exit])


def _plan_target(session: Session, options: PlanOptions, console: Console) -> TargetReport:
    with (
        snapshot(session, options.consent, options.since, console, options.restores) as live,
        expoints_session(session, console) as expoints,
    ):
        seeds = SeedsPlan() if options.restores else expoints.plan_with(live.memory)
        made, since = live.plan(), live.since()
    pending = options.detailed_exitcode and (made.changes or seeds.sending)
    exits = [*(blocked.exit for blocked in made.blocked), *seeds_exits(seeds)]
    exit = Exit.gravest([*exits, *([Exit.PENDING] if pending else [])])
    problems = (*session.workspace.warnings, *live.memory.untrue)
    return TargetReport(made, seeds, since, problems, exit, session.places)


def seeds_exits(plan: SeedsPlan) -> Iterator[Exit]:
    """Yield what the seeds of a plan mean: a tenant that cannot be asked, a doubt, a refusal."""
    if plan.trouble is not None:
        yield plan.trouble.exit
    for seed in plan.seeds:
        if seed.count(RecipientState.IN_DOUBT):
            yield Exit.IN_DOUBT
        if seed.withheld:
            yield seed.blocked_exit
        if seed.is_found:
            yield Exit.REFUSED


class LiveSnapshot(Struct, frozen=True):
    """What is live on a target, read once, and the plans to be made of it, of these files or others."""

    session: Session
    memory: Memory
    scope: Scope
    account: AccountProfile
    resolved: tuple[Declared, ...]
    inventory: Inventory
    listing: Listing
    reader: CachingReader
    consent: Consent
    earlier: EarlierFiles | None = None  # the files that a plan is compared with
    remarks: tuple[str, ...] = ()  # what a person should know of a way back

    def plan(self, review: Review | None = None) -> Plan:
        """Return the plan of the declared, with each difference attributed to git or to the live side."""
        keys = {one.key for one in self.resolved}
        declared = self.session.workspace.declared[self.session.target.name]
        others = [one for one in declared if one.key not in keys]
        made = make_plan(
            self.scope, self.account, self.resolved, self.inventory, self.consent, review, others
        )
        made = attribute_drift(made, self.memory.last_writes)
        return replace(made, unmanaged=(), remarks=self.remarks) if self.scope.restores else made

    def since(self) -> Since | None:
        """Return what the earlier files would have done; `None` without any. Errors: `ApiError`.

        Asks the API only for what they name and was not read before.
        """
        earlier = self.earlier
        if earlier is None:
            return None
        ref, commit, before = earlier.ref, earlier.commit, earlier.workspace
        all_caused = "so that everything counts as caused by the change since"
        if before is None:
            note = f"{earlier.note}, {all_caused}, and no guardrail can be compared"
            return Since(ref, commit, note=note)
        name, parts = self.session.target.name, self.session.parts
        allowed = tuple(loosened(before, self.session.workspace, name))
        if name not in before.targets:
            note = f"{ref} has no target {name}, {all_caused}"
            return Since(ref, commit, note=note, loosened=allowed)
        plan = self.plan_of(chosen_keys(before.declared[name], parts), before.targets[name].defaults)
        seeds, zone = chosen_keys(before.seeds[name], parts), before.settings.time_zone
        since = Since.of(ref, commit, plan, digests_of(seeds, self.session, zone))
        return replace(since, loosened=allowed)

    def plan_of(self, declared: Sequence[Declared], defaults: Mapping[str, Json] | None = None) -> Plan:
        """Return what other files would do to the same live state, under the same guardrails.

        `defaults` are those that they state, if not those of today. Asks the API only for what they name and
        was not read before. Errors: `ApiError`.
        """
        resolved, inventory = _read(self.reader, declared, self.session, self.memory, self.listing)
        stated = self.session.target.defaults if defaults is None else defaults
        known = known_defaults(self.account.kind, stated, self.memory.learned)
        account = replace(self.account, defaults=known)
        return make_plan(self.scope, account, resolved, inventory, self.consent)


@contextmanager
def snapshot(
    session: Session, consent: Consent, since: str | None, console: Console, restores: int | None = None
) -> Iterator[LiveSnapshot]:
    """Read what is live, as in `read_target`, and yield it while the journal is open.

    `since` names the commit whose files a plan is compared with, `restores` a run to take back, instead of
    what the files declare. Errors as in `read_target`, and in `way_back`.
    """
    if restores is not None and (since is not None or consent.prune):
        raise UsageError("the way back from a run is no plan of the files: leave out --since and --prune")
    rules = session.kind.effect_rules
    for name in consent.effects:
        if name not in rules:
            raise UsageError(f"--allow-effect: there is no effect {visible(name)}; {meant(name, rules)}")
        if rules[name].paths == (session.kind.visible_field,):
            raise UsageError(f"{name} is for good, so it is consented to by key: --allow-hide KEY")
    earlier = files_at(since, session) if since is not None else None
    with remembered(session, console) as memory:
        if restores is None:
            yield replace(read_target(session, memory, consent, console), earlier=earlier)
            return
        from reconciler.commands.restore import way_back  # only here: few plans are one

        wanted, remarks = way_back(restores, session, memory)
        keys = {one.key for one in wanted}
        if unknown := sorted(consent.recreate - keys):
            named = ", ".join(map(visible, unknown))
            raise UsageError(
                f"run {restores} wrote nothing that is called {named}: {meant(unknown[0], keys)}"
            )
        wanted = [*chosen_keys(wanted, session.parts)]
        live = read_live(session, wanted, memory, consent, Listing.DECLARED, console)
        yield replace(live, scope=replace(live.scope, restores=restores), remarks=remarks)


def read_target(session: Session, memory: Memory, consent: Consent, console: Console) -> LiveSnapshot:
    """Read what is live, as far as the plan of the files needs it. Writes nothing.

    Errors: `ApiError`; `Refused` and `UsageError` for a prune that would delete what it cannot judge, and for
    a consent to something that no file declares.
    """
    known = {one.key for of_target in session.workspace.declared.values() for one in of_target}
    if unknown := sorted((consent.recreate | consent.hide) - known):
        raise UsageError(
            f"nothing declared is called {', '.join(map(visible, unknown))}; --recreate and --allow-hide "
            f"take a whole key: {meant(unknown[0], known)}"
        )
    if consent.prune:
        _check_prune(session)
        listing = Listing.EVERYTHING
    else:
        limit = session.target.guardrails.limits.updates
        # A part of the files must not escape a limit that counts shares of the whole.
        counts_share = isinstance(limit, Share) and len(session.declared) > (limit.of(SHARE_COUNTS_FROM) or 0)
        listing = Listing.IF_NEEDED if session.is_partial and not counts_share else Listing.DECLARED
    return read_live(session, session.declared, memory, consent, listing, console)


def _check_prune(session: Session) -> None:
    if session.target.checkmarket is None:
        raise UsageError(f"--prune: target {session.target.name} has no checkmarket: section to prune")
    if session.is_partial:
        raise UsageError("--prune looks at the whole account: leave out --only and --exclude")
    for warning in session.workspace.warnings:
        if warning.code == "files-left-out":
            raise Refused(f"{warning.message}; {warning.hint}")
    if not session.declared:
        raise Refused("--prune with nothing declared on the target would delete every configuration there")


def read_live(
    session: Session,
    declared: Sequence[Declared],
    memory: Memory,
    consent: Consent,
    listing: Listing,
    console: Console,
) -> LiveSnapshot:
    """Read what is live, as far as a plan for these resources needs it, and no more. Errors: `ApiError`."""
    reader = CachingReader(session.client)
    pool = Pool(session.checkmarket.workers, console, session.checkmarket.requests_per_minute)
    resolved, inventory = _read(reader, declared, session, memory, listing, pool)
    explicit = shows_zero(session.kind, (live.body for live in inventory.by_id.values()))
    defaults = known_defaults(session.kind, session.target.defaults, memory.learned)
    account = AccountProfile(session.kind, explicit, defaults, memory.last_writes)
    limits = session.target.guardrails.limits
    zone, now = session.workspace.settings.time_zone, session.environment.clock.now()
    at = datetime.fromtimestamp(now // 60 * 60, zone)  # to the minute, as it is told
    scope = Scope(session.target.name, session.account_name, limits, session.parts, at=at)
    return LiveSnapshot(session, memory, scope, account, resolved, inventory, listing, reader, consent)


def _read(
    reader: CachingReader,
    declared: Sequence[Declared],
    session: Session,
    memory: Memory,
    listing: Listing,
    mapper: Mapper = map_serially,
) -> tuple[tuple[Declared, ...], Inventory]:
    resolved = resolve(declared, reader)
    names = [one.name for one in memory.last_writes.values() if one.is_create_in_doubt]
    inventory = take_inventory(
        reader, session.kind, resolved, listing=listing, mapper=mapper, also_named=names
    )
    return resolved, inventory


class EarlierFiles(Struct, frozen=True):
    """The files of an open target as they stood at a commit; without a workspace the note says why not."""

    ref: str
    commit: str
    workspace: Workspace[Seed] | None = None
    note: str = ""


def files_at(ref: str, session: Session) -> EarlierFiles:
    """Return the files as they stood at `ref`; where they cannot be used, why. Asks no API.

    Errors: `UsageError` without git, without a repository, or where it knows no such commit.
    """
    with without_settings(
        find_repository(session.workspace.folder, session.environment.environ)
    ) as repository:
        commit = repository.commit(ref)
        ref = ref[:12] if ref == commit else ref  # as people know it
        try:
            with repository.folder_at(commit, LARGEST_FILE) as folder:
                if folder is None:
                    return EarlierFiles(ref, commit, note=f"the workspace is not there at {ref}")
                read = load(folder, SECTION, folder.parent, CUSTOMER_SEEDS)
                workspace = as_of(read, session.environment.clock.now())
        except FilesInvalid as error:
            first = error.problems[0]
            why = f"the files of {ref} are invalid ({first.place}: {first.message})"
        except UsageError as error:
            why = f"the files of {ref} cannot be read ({error})"
        else:
            return EarlierFiles(ref, commit, workspace)
    return EarlierFiles(ref, commit, note=why)


def show(key: str, selection: Selection, console: Console, environment: Environment) -> Exit:
    """Print everything that is known of one resource on one target. Writes nothing."""
    # Consent is given here so that the picture is of the resource itself, not of a run's limits.
    consent = Consent(resets=None)
    with (
        open_session(replace(selection, only=(key,)), environment) as session,
        remembered(session, console) as memory,
    ):
        if not session.declared:
            raise UsageError(f"{key} is a seed, which has no live state; look at it with seeds preview")
        if len(session.declared) != 1:
            keys = ", ".join(d.key for d in session.declared)
            raise UsageError(f"{key} names more than one resource: {keys}")
        made = read_target(session, memory, consent, console).plan()
        declared = session.declared[0]
        console.result(show_text(made, declared, paint=console.paint), show_document(made, declared))
    return Exit.DONE
