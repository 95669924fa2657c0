"""The Expoints tenant of a target: opening it, planning its seeds, and sending those that are due."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from msgspec import Struct
from msgspec.structs import replace

from reconciler.commands.console import Console, Pool
from reconciler.commands.journal import Memory, journal_address
from reconciler.commands.session import EMBEDDED, Session, connection_to, tenant_account
from reconciler.config.settings import SANDBOX, Expoints
from reconciler.config.settings import needs_credentials as is_real
from reconciler.engine.change import Block
from reconciler.engine.plan import Review
from reconciler.errors import ApiError, UsageError, describe, exit_of
from reconciler.expoints.planning import SeedsPlan, plan_seeds, times_of
from reconciler.expoints.recipients import SeedPlan, SendResult
from reconciler.expoints.seed import Moment, Seed, mailed_from, resolve
from reconciler.expoints.sending import Sender
from reconciler.expoints.settling import SeedScope
from reconciler.http.api import Bounds
from reconciler.http.messages import Secret
from reconciler.journal.journal import Journal, ReadOnlyJournal
from reconciler.problems import Severity
from reconciler.render.values import counted

if TYPE_CHECKING:
    from reconciler.commands.runs import OpenRun
    from reconciler.expoints.client import ClientLogin, Customers


class ExpointsSession(Struct, frozen=True, dict=True):
    """The tenant of an open target. It is opened when it is first asked, and closes with `opened`.

    So a run that plans and then sends has one token, and one pace. Errors: `UsageError` without a tenant.
    """

    session: Session
    console: Console
    opened: ExitStack
    account: str  # the name under which the journal knows the tenant; empty without one

    @property
    def settings(self) -> Expoints:
        """The settings of the target's tenant."""
        target = self.session.target
        if target.expoints is None:
            raise UsageError(f"target {target.name} has no expoints: section; add one to reconciler.yaml")
        return target.expoints

    @property
    def now(self) -> datetime:
        """Now, from which every relative moment counts."""
        return datetime.fromtimestamp(self.session.environment.clock.now(), UTC)

    @cached_property
    def client(self) -> Customers:
        """The open tenant."""
        from reconciler.expoints.client import open_expoints

        settings, session = self.settings, self.session
        bounds = Bounds(settings.requests_per_minute, requests_per_run=settings.requests_per_run)
        return self.opened.enter_context(
            open_expoints(
                EMBEDDED if settings.url == SANDBOX else settings.url,
                login_of(settings, session.environment.environ),
                connection_to(session, settings.url, f"expoints {self.account}", bounds),
                mapper=Pool(bounds.parallelism, self.console, bounds.requests_per_minute),
            )
        )

    def plan_with(self, memory: Memory) -> SeedsPlan:
        """Plan the selected seeds by what is remembered; an empty plan, and no request, if there are none."""
        if not self.session.seeds:
            return SeedsPlan()
        if memory.trouble is not None:
            return SeedsPlan(trouble=memory.trouble)
        return self.plan(memory.past)

    def scope(self, records: ReadOnlyJournal) -> SeedScope:
        """Return what seeds are planned and sent by; every relative moment counts from now."""
        session, account = self.session, self.account
        workspace, target = session.workspace, session.target
        return SeedScope(
            client=self.client,
            ledger=records,
            account=account,
            clock=session.environment.clock,
            now=self.now,
            zone=workspace.settings.time_zone,
            settle_after=self.settings.settle_after.total_seconds(),
            check=self.check,
            declared=workspace.seeds[target.name],
            everywhere=[
                seed
                for name, seeds in workspace.seeds.items()
                if account in tenant_account(workspace.targets[name])
                for seed in seeds
            ],
            former={new: old for old, new in workspace.moved.items()},
        )

    def plan(self, records: ReadOnlyJournal) -> SeedsPlan:
        """Return the plan of the selected seeds; reads only. A tenant that cannot answer is its `trouble`."""
        from reconciler.expoints.model import check_days, place_of

        scope = self.scope(records)
        try:
            plan = plan_seeds(scope, self.session.seeds)
        except ApiError as error:
            return SeedsPlan(trouble=error, account=self.account)
        seeds, first = [], next((seed for seed in plan.seeds if seed.to_send), None)
        for seed in plan.seeds:
            notes, mail = list[str](), ""
            if seed.to_send:
                due = replace(seed.seed, customers=tuple(one.customer for one in seed.to_send))
                warnings = check_days(due, scope.zone, scope.now)
                clock, members = due.batch.get("SendTime"), [one.members for one in due.customers]
                mails = [mailed_from(own.get("SendDate"), clock, scope.now, scope.zone) for own in members]
                ends = [own.get("EndDate") or due.batch.get("EndDate") for own in members]
                known = [resolve(end, scope.now, scope.zone)[0] for end in ends if isinstance(end, Moment)]
                until = f"until {min(known):%Y-%m-%d %H:%M}" if known else "as long as Expoints lets them"
                start = f"{min(mails).astimezone(scope.zone):%Y-%m-%d %H:%M}"
                approved = due.batch.get("ApproveAutomatically") is True
                wait = "" if approved else ", once a person at Expoints approves the batch"
                mail = (
                    f"mails {counted(len(mails), 'customer')} from {start} on{wait}; they can answer {until}"
                )
                mail += f" ({scope.zone.key})"
                notes += times_of(seed.seed, scope.now, scope.zone)
                notes += (f"{one.message} ({place_of(due, one)})" for one in warnings)
            is_real_first = seed is first and self.settings.url != SANDBOX and not records.past(self.account)
            # One machine sees a file, and one folder the default one, so another journal may know more.
            if is_real_first and journal_address(self.session).startswith("sqlite:"):
                notes.append(
                    f"this journal knows of no sending to {self.account}, and it is a file that others do "
                    "not see: if anyone else sends there, or you do from another folder, first declare one "
                    "journal: that all of you share"
                )
            digest = seed.seed.digest_on(self.session.target.name, self.account, scope.zone.key)
            seeds.append(replace(seed, notes=tuple(notes), digest=digest, mail=mail))
        return replace(plan, seeds=tuple(seeds), account=self.account)

    def sender(self, ledger: Journal, plan: SeedsPlan, run: int | None = None) -> Sender:
        """Return what sends the seeds of a plan, for a run; every relative moment counts from now."""
        return Sender(self.scope(ledger), ledger, plan.columns, run)

    def check(self, seed: Seed, due: Seed) -> Sequence[Block]:
        """Return why a seed must not be sent, by the files and by where its journal would be.

        `due` is the seed with those of its customers that would be sent: the days of others are over.
        """
        # Imported here: most workspaces hold no seed, and its models take a while to define.
        from reconciler.expoints.model import check_days, check_seed, place_of

        target, zone = self.session.target, self.session.workspace.settings.time_zone
        findings = [
            *((seed, one) for one in check_seed(seed, target.guardrails, f"target {target.name}")),
            *((due, one) for one in check_days(due, zone, self.now)),
        ]
        blocks = [
            Block(one.code, f"{one.message} ({place_of(of, one)})")
            for of, one in findings
            if one.severity is Severity.ERROR
        ]
        if self.session.environment.access.in_ci and is_real(self.settings.url) and target.journal is None:
            why = "in CI a journal that outlives the run must be declared: add journal: to the target"
            blocks.append(Block("no-journal", why))
        return blocks

    def send(
        self,
        run: OpenRun,
        planned: SeedsPlan,
        review: Review | None,
        held: Callable[[SeedPlan], str],
        is_stopped: Callable[[], bool],
    ) -> tuple[SeedsPlan, tuple[SendResult, ...]]:
        """Send every seed that is due and reviewed; return the plan by which it was done, and how each ended.

        The plan is made anew now that the run holds the account, so that what another one did meanwhile
        counts; it is `planned`, the one that was agreed on, where that fails. `held` returns why a seed has
        to wait, empty where it need not. Raises nothing: a report of the changes before must still be made.
        """
        plan, results = planned, list[SendResult]()
        try:
            plan = self.plan(run.journal)
            plan = plan.reviewed(review) if review else plan
            sender = replace(self.sender(run.journal, plan, run.number), is_stopped=is_stopped)
            for result in sender.send_all(plan, held):
                results.append(result)  # those before an error count
        except Exception as error:  # noqa: BLE001
            notes = (f"nothing further was sent: {describe(error)}",)
            results.append(SendResult("customer_seeds", notes=notes, exit=exit_of(error)))
        return plan, tuple(results)


@contextmanager
def expoints_session(session: Session, console: Console) -> Iterator[ExpointsSession]:
    """Yield the tenant of an open target; its connections close with the block."""
    with ExitStack() as opened:
        yield ExpointsSession(session, console, opened, "".join(tenant_account(session.target)))


def digests_of(seeds: Sequence[Seed], session: Session, zone: ZoneInfo) -> list[str]:
    """Return what binds reviews to these seeds, in a workspace of that zone, on the open target.

    Makes no request. None without a tenant.
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
