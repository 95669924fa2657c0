"""From what is declared and what is live to a plan. Pure: no clock, no file, no network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from reconciler.engine.change import Action, Block, Blocked, Change, Limits, Plan, Scope, Share, Unchanged
from reconciler.engine.classify import Account, FieldClass, LastWrite, classify, removals
from reconciler.engine.identity import Inventory, Match, in_doubt_block, match_all, name_of
from reconciler.engine.kind import Declared, Live, Reference
from reconciler.engine.review import Review, reviewed


class Consent(Struct, frozen=True):
    """What the person at the keyboard agreed to, beyond what the files say."""

    resets: int | None = 0
    """How many fields policy alone may reset; `None` is any number."""
    hide: frozenset[str] = frozenset()
    """Keys whose `is_reusable: false` may be carried out."""
    prune: bool = False
    """Whether what is live and declared nowhere shall be deleted."""
    recreate: frozenset[str] = frozenset()
    """Keys that may be created although the journal knows an id of theirs, or a create in doubt."""


Verdict = Change | Blocked | Unchanged


def make_plan(
    scope: Scope,
    account: Account,
    declared: Sequence[Declared],
    inventory: Inventory,
    consent: Consent,
    review: Review | None = None,
    others: Sequence[Declared] = (),
) -> Plan:
    """Return the plan for one target. Order: that of `declared`, then what is pruned.

    `others` are declared too, but were not selected: nothing is planned for them, and they are not unmanaged.
    With a review, only what it covers is left to do. What it does not cover is named, and keeps nothing back
    that it does: limits may stop the reviewed changes only by what these do themselves.
    """
    matches = match_all(account, declared, inventory, consent.recreate)
    verdicts = [_verdict(scope, account, consent, one, matches[one.key]) for one in declared]
    unmanaged = _unmanaged(account, [*declared, *others], inventory)
    if consent.prune:
        verdicts += [
            _deletion(scope, account, f"{account.kind.name}:{one.id}", None, one) for one in unmanaged
        ]
        unmanaged = ()

    def plan_of(verdicts: Sequence[Verdict]) -> Plan:
        live = len(inventory.listed) if inventory.complete else None
        limited = _limit_counts(_limit_resets(verdicts, scope.limits, consent), scope.limits, live)
        return Plan(
            scope,
            account,
            changes=tuple(v for v in limited if isinstance(v, Change)),
            blocked=tuple(v for v in limited if isinstance(v, Blocked)),
            unchanged=tuple(v for v in limited if isinstance(v, Unchanged)),
            unmanaged=unmanaged,
        )

    whole = plan_of(verdicts)
    if review is None:
        return whole
    part = reviewed(whole, review)
    alone = plan_of([review.judged(v) if isinstance(v, Change) else v for v in verdicts])
    return alone if len(alone.changes) > len(part.changes) else part


def _verdict(scope: Scope, account: Account, consent: Consent, declared: Declared, match: Match) -> Verdict:
    """Decide one resource by itself; limits that count over all of them come later."""
    key = declared.key
    if declared.hidden:
        return Unchanged(key, declared.id, hidden=True)
    if declared.absent:
        if isinstance(match, Block):
            return Blocked(key, (match,), absent=True)
        return _deletion(scope, account, key, declared, match) if match else Unchanged(key, declared.id)
    blocks = tuple(_unresolved(declared))
    if isinstance(match, Block):
        blocks, match = (*blocks, match), None
    if blocks:
        return Blocked(key, blocks)
    adopted = match is not None and declared.id is None
    body, listed = (match.body, match.listed) if match else (None, False)
    views = classify(account, declared, body, listed=listed)
    action = Action.UPDATE if match else Action.CREATE
    change = Change(scope, key, action, views, declared, match, adopted)
    blocks = tuple(_blocks_of(account, change, consent.hide))
    if blocks:
        return Blocked(key, blocks, change)
    if match and not change.differing:
        return Unchanged(key, match.id, adopted, views=views)
    return change


def _deletion(scope: Scope, account: Account, key: str, declared: Declared | None, live: Live) -> Change:
    return Change(scope, key, Action.DELETE, removals(account, live.body), declared, live)


def _unresolved(declared: Declared) -> Iterator[Block]:
    """Yield why a name that was declared could not become an id."""
    for path, given in declared.given.items():
        name = given.value
        if not isinstance(name, Reference):
            continue
        if not name.ids:
            why = f"there is no {name}; check its title, or declare {path} by its number"
            yield Block("unknown-reference", why, (path,))
        else:
            ids = " and ".join(map(str, name.ids))
            why = f"{len(name.ids)} are called {name}: {ids}; declare {path} by its number"
            yield Block("ambiguous-reference", why, (path,))


def _blocks_of(account: Account, change: Change, may_hide: frozenset[str]) -> Iterator[Block]:
    """Yield what forbids a change by itself: refused fields, and a visibility that must not be lost."""
    refused = [view for view in change.fields if view.cls is FieldClass.REFUSED]
    if refused:
        claimed = ", ".join(view.path for view in refused if view.is_claimed)
        other = ", ".join(view.path for view in refused if not view.is_claimed)
        reasons = [f"not at its default: {other}"] if other else []
        reasons += [f"at a default that is stated, not proved: {claimed}"] if claimed else []
        yield Block(
            "undeclared",
            f"not declared, and {'; '.join(reasons)}; declare it, or name it under keep or reset",
            tuple(view.path for view in refused),
        )
    path = account.kind.visible_field
    visible = next(view for view in change.fields if view.path == path)
    if visible.cls is FieldClass.KEPT and visible.after is None:
        why = f"the API does not say whether it is visible; declare {path}"
        yield Block("visibility-unknown", why, (path,))
    if visible.cls is not FieldClass.SET or visible.after:
        return
    is_listed = change.live is not None and change.live.listed
    if change.action is Action.CREATE:
        why = f"{path}: false would hide it from the API at once; leave it out"
        yield Block("created-hidden", why, (path,))
    elif (visible.differs or is_listed) and change.key not in may_hide:
        why = f"{path}: false hides it from the API and the Tool, for good; if that is meant, run with"
        yield Block("would-hide", f"{why} --allow-hide {change.key}", (path,))


def _unmanaged(account: Account, declared: Sequence[Declared], inventory: Inventory) -> tuple[Live, ...]:
    """Return what is listed and named by nothing declared, neither by id nor by name.

    What a create in doubt may have made has the name that was sent.
    """
    ids = {one.id for one in declared}
    by_name = [one for one in declared if one.id is None]
    names = {name_of(one, account.kind) for one in by_name}
    writes = [account.last_writes.get(one.key) for one in by_name]
    names |= {write.name for write in writes if write and write.is_create_in_doubt}
    return tuple(live for live in inventory.listed if live.id not in ids and live.name not in names)


def _limit_resets(verdicts: Sequence[Verdict], limits: Limits, consent: Consent) -> Sequence[Verdict]:
    """Block the changes that reset a field by policy alone, where that is more than is allowed."""
    wanted = sum(len(v.unconsented) for v in verdicts if isinstance(v, Change))
    if limits.resets is None or consent.resets is None or wanted <= max(limits.resets, consent.resets):
        return verdicts

    def block(change: Change) -> Block:
        paths = tuple(view.path for view in change.unconsented)
        return Block(
            "unconsented-resets",
            f"a PUT would reset {', '.join(paths)}; declare it, name it under keep or reset, or consent with "
            f"--allow-resets (limits.resets is {limits.resets}, this plan resets {wanted})",
            paths,
        )

    return [
        Blocked(v.key, (block(v),), v) if isinstance(v, Change) and v.unconsented else v for v in verdicts
    ]


def _limit_counts(verdicts: Sequence[Verdict], limits: Limits, live: int | None) -> Sequence[Verdict]:
    """Block all updates, or all deletes, where they are more than is allowed.

    `live` is how many resources are live, `None` where that is not known.
    """
    share = limits.updates
    updates = (share.of(live) if live is not None else None) if isinstance(share, Share) else share
    raise_it = "if that is meant, raise it for the target"
    of_updates = f"limits.updates allows {updates} ({share}); {raise_it}, or apply a part with --only"
    of_deletes = f"limits.deletes allows {limits.deletes}; {raise_it}"
    for action, allowed, code, hint in (
        (Action.UPDATE, updates, "too-many-updates", of_updates),
        (Action.DELETE, limits.deletes, "too-many-deletes", of_deletes),
    ):
        concerned = [v for v in verdicts if isinstance(v, Change) and v.action is action]
        if allowed is None or len(concerned) <= allowed:
            continue
        block = Block(code, f"this plan {action}s {len(concerned)}, {hint}")
        verdicts = [
            Blocked(v.key, (block,), v) if isinstance(v, Change) and v.action is action else v
            for v in verdicts
        ]
    return verdicts


def without_created(plan: Plan, last_writes: Mapping[str, LastWrite]) -> Plan:
    """Return the plan without the creates of what another run has created, or may have, since it was made.

    `last_writes` is what the journal knows now; what it knew for the plan was judged there.
    """

    def block(change: Change) -> Block | None:
        now, before = last_writes.get(change.key), plan.account.last_writes.get(change.key)
        if change.action is not Action.CREATE or now is None or now == before:
            return None
        if now.is_create_in_doubt:
            return in_doubt_block(change.key, now)
        if now.id is None or (before and before.id == now.id):
            return None
        message = f"another run has created it as id {now.id} since this plan was made; plan again"
        return Block("known-id", message)

    kept_back = tuple(Blocked(c.key, (why,), c) for c in plan.changes if (why := block(c)))
    keys = {blocked.key for blocked in kept_back}
    changes = tuple(change for change in plan.changes if change.key not in keys)
    return replace(plan, changes=changes, blocked=(*plan.blocked, *kept_back))
