"""The Expoints tenant of a target: opening it, planning its seeds, and sending those that are due."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, TypeAlias
from zoneinfo import ZoneInfo

from msgspec import Struct
from msgspec.structs import replace

from reconciler.commands.console import Console, Pool
from reconciler.commands.journal import journal_address
from reconciler.commands.memory import Memory
from reconciler.commands.runs import OpenRun
from reconciler.commands.session import EMBEDDED, Chosen, Session, connection_to, tenant_account
from reconciler.config.settings import SANDBOX, Expoints
from reconciler.config.settings import needs_credentials as is_real
from reconciler.engine.change import Block
from reconciler.engine.review import Review
from reconciler.errors import Exit, UsageError, describe, exit_of
from reconciler.expoints.planning import Composer, SeedPlanner, SeedsPlan, reviewed_seeds
from reconciler.expoints.recipients import Recipient, SeedPlan
from reconciler.expoints.seed import Seed
from reconciler.expoints.sending import Sender, SendResult, delivery_of
from reconciler.http import Bounds, Secret
from reconciler.journal.entries import DeliveryState
from reconciler.journal.journal import Journal, ReadOnlyJournal
from reconciler.problems import Severity

if TYPE_CHECKING:
    from reconciler.expoints.client import ClientLogin, Customers


class Tenant(Struct, frozen=True):
    """An open tenant. `account` is the name under which the journal knows it."""

    session: Session
    client: Customers
    account: str

    def plan(self, records: ReadOnlyJournal) -> SeedsPlan:
        """Return the plan of the selected seeds; reads only."""
        planner = SeedPlanner(
            self.client,
            records,
            self.account,
            self.session.environment.clock,
            self._settings.settle_after.total_seconds(),
            self.check,
            self.session.workspace.seeds[self.session.target.name],
            self._everywhere,
            {new: old for old, new in self.session.workspace.moved.items()},
        )
        plan = planner.plan(self.session.seeds)
        seeds = [self._with_times(self._with_digest(seed)) for seed in plan.seeds]
        first = next((number for number, seed in enumerate(seeds) if seed.to_send), None)
        if first is not None:
            seeds[first] = replace(seeds[first], notes=(*seeds[first].notes, *self._first_sending(records)))
        return replace(plan, seeds=tuple(seeds), account=self.account)

    @property
    def _everywhere(self) -> Sequence[Seed]:
        """The seeds of every target that is on this tenant."""
        workspace = self.session.workspace
        return [
            seed
            for name, seeds in workspace.seeds.items()
            if self.account in tenant_account(workspace.targets[name])
            for seed in seeds
        ]

    def _first_sending(self, records: ReadOnlyJournal) -> Sequence[str]:
        """Return what to make sure of before the first sending by a journal that is a file.

        One machine sees it, and one folder the default one, so another journal may know of sendings.
        """
        is_file = journal_address(self.session).startswith("sqlite:")
        if not is_file or self._settings.url == SANDBOX or records.past(self.account):
            return ()
        note = (
            f"this journal knows of no sending to {self.account}, and it is a file that others do not see: "
            f"if anybody else sends there, from another folder too, first declare one journal: for all of you"
        )
        return (note,)

    def _with_digest(self, plan: SeedPlan) -> SeedPlan:
        target, zone = self.session.target.name, self._composer.zone.key
        return replace(plan, digest=plan.seed.digest_on(target, self.account, zone))

    def _with_times(self, plan: SeedPlan) -> SeedPlan:
        """Return the plan of a seed that is to be sent with what its dates and times mean now."""
        return replace(plan, notes=tuple(self._composer.times_of(plan.seed))) if plan.to_send else plan

    @property
    def _composer(self) -> Composer:
        now = datetime.fromtimestamp(self.session.environment.clock.now(), UTC)
        return Composer(now, self.session.workspace.settings.time_zone)

    def sender(self, ledger: Journal, plan: SeedsPlan, run: int | None = None) -> Sender:
        """Return what sends the seeds of a plan, for a run; every relative moment counts from now."""
        compose = self._composer.compose
        return Sender(
            self.client,
            ledger,
            self.account,
            plan.columns,
            compose,
            self.check,
            self.session.environment.clock,
            self._settings.settle_after.total_seconds(),
            run,
        )

    def check(self, seed: Seed) -> Sequence[Block]:
        """Return why a seed must not be sent, by the files and by where its journal would be."""
        # Imported here: most workspaces hold no seed, and its models take a while to define.
        from reconciler.expoints.model import check_expiry, check_seed, place_of

        target = self.session.target
        zone, now = self.session.workspace.settings.time_zone, self._composer.now
        findings = [
            *check_seed(seed, target.guardrails, f"target {target.name}"),
            *(f for f in check_expiry(seed, zone, now) if f.severity is Severity.ERROR),
        ]
        blocks = [Block(f.code, f"{f.message} ({place_of(seed, f)})") for f in findings]
        if self.session.environment.in_ci and is_real(self._settings.url) and target.journal is None:
            blocks.append(
                Block(
                    "no-journal",
                    "in CI a journal that outlives the run must be declared: add journal: to the target",
                )
            )
        return blocks

    @property
    def _settings(self) -> Expoints:
        return expoints_of(self.session)


Enter: TypeAlias = Callable[[], Tenant]
"""Opens a tenant, or finds it open."""


def expoints_of(session: Session) -> Expoints:
    """Return the settings of the target's tenant. Errors: `UsageError` where it has none."""
    if session.target.expoints is None:
        raise UsageError(f"target {session.target.name} has no expoints: section; add one to reconciler.yaml")
    return session.target.expoints


@contextmanager
def open_tenant(session: Session, console: Console) -> Iterator[Tenant]:
    """Open the tenant of an open target; its connections close with the block."""
    from reconciler.expoints.client import open_expoints

    settings, environment = expoints_of(session), session.environment
    (account,) = tenant_account(session.target)
    bounds = Bounds(settings.requests_per_minute, requests_per_run=settings.requests_per_run)
    chosen = Chosen(session.workspace, session.target, environment)
    with open_expoints(
        EMBEDDED if settings.url == SANDBOX else settings.url,
        login_of(settings, environment.environ),
        connection_to(chosen, settings.url, f"expoints {account}", bounds),
        mapper=Pool(bounds.parallelism, console, bounds.requests_per_minute),
    ) as client:
        yield Tenant(session, client, account)


def digests_of(seeds: Sequence[Seed], session: Session, zone: ZoneInfo) -> list[str]:
    """Return what binds reviews to these seeds, in a workspace of that zone, on the open target.

    Asks nothing. None without a tenant.
    """
    target, accounts = session.target.name, tenant_account(session.target)
    return [seed.digest_on(target, account, zone.key) for account in accounts for seed in seeds]


def login_of(settings: Expoints, environ: Mapping[str, str]) -> Secret | ClientLogin:
    """Return what enters a tenant. Errors: `UsageError` names the variable or file that is missing."""
    if settings.oauth is not None:
        from reconciler.expoints.client import ClientLogin

        return ClientLogin(
            settings.oauth.token_url,
            settings.oauth.client_id.read(environ),
            Secret(settings.oauth.client_secret.read(environ)),
            settings.oauth.scope,
        )
    return Secret(settings.token.read(environ) if settings.token else "sandbox")


@contextmanager
def tenant_when_asked(session: Session, console: Console) -> Iterator[Enter]:
    """Yield what opens the tenant the first time that it is asked for, and is the same one from then on.

    So a run that plans and then sends has one token, and one pace. It closes with the block.
    """
    with ExitStack() as opened:
        yield cache(lambda: opened.enter_context(open_tenant(session, console)))


def plan_seeds(session: Session, memory: Memory, enter: Enter) -> SeedsPlan:
    """Plan the selected seeds of a target without writing anything; an empty plan if there are none."""
    if not session.seeds:
        return SeedsPlan()
    if memory.trouble is not None:
        return SeedsPlan(trouble=memory.trouble)
    return enter().plan(memory.past)


_ALL = "customer_seeds"


class Stops(Struct, frozen=True):
    """What keeps seeds from being sent, beside themselves."""

    held: Callable[[SeedPlan], str]
    """Why a seed has to wait, empty where it need not."""
    is_stopped: Callable[[], bool]
    """Whether nothing further is to be begun."""


def send_seeds(
    enter: Enter, run: OpenRun, planned: SeedsPlan, review: Review | None, stops: Stops
) -> tuple[SeedsPlan, tuple[SendResult, ...]]:
    """Send every seed that is due and reviewed; return the plan by which it was done, and how each ended.

    The plan is made anew now that the run holds the account, so that what another one did meanwhile counts;
    it is `planned`, the one that was agreed on, where that fails. Raises nothing: changes were carried out
    before, and what became of them is still to be told.
    """
    plan, ends = planned, list[SendResult]()
    try:
        tenant = enter()
        plan = tenant.plan(run.journal)
        plan = reviewed_seeds(plan, review) if review else plan
        for end in _ends(tenant, run, plan, stops):
            ends.append(end)  # those before an error count
    except Exception as error:  # noqa: BLE001
        notes = (f"nothing further was sent: {describe(error)}",)
        ends.append(SendResult(_ALL, notes=notes, exit=exit_of(error)))
    return plan, tuple(ends)


def _ends(tenant: Tenant, run: OpenRun, plan: SeedsPlan, stops: Stops) -> Iterator[SendResult]:
    ledger = run.journal
    write_down_settled(ledger, plan)
    if plan.trouble is not None:
        notes = (f"nothing was sent: {plan.trouble}",)
        yield SendResult(_ALL, notes=notes, exit=plan.trouble.exit)
    sender = replace(tenant.sender(ledger, plan, run.number), is_stopped=stops.is_stopped)
    reason = ""
    for seed in plan.seeds:
        _write_down_found(ledger, tenant.account, seed)
        if seed.to_send:
            end = _end(sender, seed, reason or stops.held(seed))
            reason = reason or ("the tenant takes nothing further" if end.stops else "")
            yield end
        elif seed.blocks and seed.due:
            yield SendResult(
                seed.seed.key, notes=tuple(b.message for b in seed.blocks), exit=seed.blocked_exit
            )


def write_down_settled(ledger: Journal, plan: SeedsPlan) -> None:
    """Write down the deliveries in doubt of which counting has told how they ended."""
    for settled in plan.settled:
        delivery = settled.delivery
        ledger.conclude_delivery(delivery.batch, delivery.customer, settled.standing, "counted")


def _write_down_found(ledger: Journal, account: str, plan: SeedPlan) -> None:
    if plan.unrecorded:
        deliveries = [delivery_of(s, plan.seed.round, s.count, DeliveryState.FOUND) for s in plan.unrecorded]
        ledger.record_found(account, plan.seed.key, plan.seed.round, deliveries)


def _end(sender: Sender, plan: SeedPlan, reason: str) -> SendResult:
    if reason:
        return kept_waiting(plan, reason)
    return send_some(sender, plan, plan.to_send)


def kept_waiting(plan: SeedPlan, reason: str) -> SendResult:
    """Return the end of a seed that has to wait."""
    return SendResult(plan.seed.key, notes=(f"held: {reason}",), exit=Exit.ERROR)


def send_some(sender: Sender, plan: SeedPlan, recipients: Sequence[Recipient]) -> SendResult:
    """Send these customers of a seed; whatever goes wrong is how it ended."""
    try:
        return sender.send(plan, recipients)
    except Exception as error:  # noqa: BLE001
        return SendResult(plan.seed.key, notes=(describe(error),), exit=exit_of(error))
