"""From an open target to its plan: what `plan`, `apply` and `show` have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from reconciler.commands.console import Console
from reconciler.commands.memory import Memory
from reconciler.commands.pool import Pool
from reconciler.commands.session import Session
from reconciler.engine.body import Normal
from reconciler.engine.change import SHARE_COUNTS_FROM, Plan, Scope, Share
from reconciler.engine.classify import Account, known_defaults
from reconciler.engine.declared import Declared
from reconciler.engine.identity import CachingReader, Inventory, Listing, Resolved, resolve, take_inventory
from reconciler.engine.kind import Json
from reconciler.engine.plan import Consent, make_plan
from reconciler.engine.review import Review
from reconciler.errors import Refused, UsageError


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
