"""From an open target to its plan: what `plan`, `apply` and `show` have in common."""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.commands.console import Console
from reconciler.commands.memory import Memory
from reconciler.commands.pool import Pool
from reconciler.commands.session import Session
from reconciler.engine.body import Normal
from reconciler.engine.classify import Account
from reconciler.engine.declared import Declared
from reconciler.engine.defaults import learned, stated
from reconciler.engine.inventory import Inventory, Listing, take_inventory
from reconciler.engine.limits import SHARE_COUNTS_FROM, Share
from reconciler.engine.plan import Plan, Scope
from reconciler.engine.planning import Consent, make_plan
from reconciler.engine.resolve import resolve
from reconciler.errors import Refused, UsageError


def plan_target(session: Session, memory: Memory, consent: Consent, console: Console) -> Plan:
    """Read what is live and return the plan. Writes nothing.

    Errors: `ApiError`; `Refused` and `UsageError` for a prune that would delete what it cannot judge.
    """
    _check_prune(session, consent)
    return plan_declared(session, session.declared, memory, consent, _listing(session, consent), console)


def plan_declared(
    session: Session,
    declared: Sequence[Declared],
    memory: Memory,
    consent: Consent,
    listing: Listing,
    console: Console,
) -> Plan:
    """Read what is live and return the plan for these resources. Writes nothing. Errors: `ApiError`."""
    resolved = resolve(declared, session.client)
    inventory = take_inventory(
        session.client,
        session.kind,
        [r.declared for r in resolved if not r.declared.hidden],
        listing=listing,
        each=Pool(session.checkmarket.parallelism, console),
    )
    scope = Scope(session.target.name, session.account, session.target.guardrails.limits)
    return make_plan(scope, account_of(session, memory, inventory), resolved, inventory, consent)


def account_of(session: Session, memory: Memory, inventory: Inventory) -> Account:
    """Return how values compare on the account, what resets leave behind there, and which ids are known."""
    normal = Normal.of(session.kind, (live.body for live in inventory.by_id.values()))
    defaults = {**learned(memory.learned), **stated(session.target.defaults)}
    return Account(normal, defaults, memory.known_ids)


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
    if session.is_partial:
        raise UsageError("--prune looks at the whole account: leave out --only and --exclude")
    if not session.declared:
        raise Refused("--prune with nothing declared on the target would delete every configuration there")
