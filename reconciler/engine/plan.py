"""From what is declared and what is live to a plan. Pure: no clock, no file, no network."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from reconciler.engine.change import Action, Block, Blocked, Change, Plan, Scope, Share, Unchanged
from reconciler.engine.classify import Account, CreateInDoubt, FieldClass, FieldView, classify, removals
from reconciler.engine.declared import Declared
from reconciler.engine.identity import Inventory, Match, Resolved, in_doubt_block, match_all, name_of
from reconciler.engine.kind import Live
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
    resolved: Sequence[Resolved],
    inventory: Inventory,
    consent: Consent,
    review: Review | None = None,
    others: Sequence[Declared] = (),
) -> Plan:
    """Return the plan for one target. Order: that of `resolved`, then what is pruned.

    `others` are declared too, but were not selected: nothing is planned for them, and they are not unmanaged.
    With a review, only what it covers is left to do. What it does not cover is named, and keeps nothing back
    that it does: limits may stop the reviewed changes only by what these do themselves.
    """
    draft = _Draft(scope, account, resolved, inventory, consent, others)
    verdicts = draft.verdicts()
    whole = draft.plan(verdicts)
    if review is None:
        return whole
    apart = [review.judged(v) if isinstance(v, Change) else v for v in verdicts]
    part, alone = reviewed(whole, review), draft.plan(apart)
    return alone if len(alone.changes) > len(part.changes) else part


class _Draft(Struct, frozen=True):
    """A plan in the making: what each resource calls for, and then what limits over all of them leave."""

    scope: Scope
    account: Account
    resolved: Sequence[Resolved]
    inventory: Inventory
    consent: Consent
    others: Sequence[Declared]

    def verdicts(self) -> list[Verdict]:
        declared = [r.declared for r in self.resolved]
        matches = match_all(self.account, declared, self.inventory, self.consent.recreate)
        judge = _Judge(self.scope, self.account, self.consent)
        verdicts = [judge.verdict(r, matches[r.declared.key]) for r in self.resolved]
        return [*verdicts, *(judge.pruning(live) for live in self._unmanaged if self.consent.prune)]

    def plan(self, verdicts: Sequence[Verdict]) -> Plan:
        live = len(self.inventory.listed) if self.inventory.complete else None
        limited = _within_limits(verdicts, self.scope, self.consent, live)
        return Plan(
            self.scope,
            self.account,
            changes=tuple(v for v in limited if isinstance(v, Change)),
            blocked=tuple(v for v in limited if isinstance(v, Blocked)),
            unchanged=tuple(v for v in limited if isinstance(v, Unchanged)),
            unmanaged=() if self.consent.prune else self._unmanaged,
        )

    @property
    def _unmanaged(self) -> tuple[Live, ...]:
        declared = [*(r.declared for r in self.resolved), *self.others]
        return _unmanaged(self.account, declared, self.inventory)


class _Judge(Struct, frozen=True):
    """Decides one resource at a time; limits that count over all of them come later."""

    scope: Scope
    account: Account
    consent: Consent

    def verdict(self, resolved: Resolved, match: Match) -> Verdict:
        declared = resolved.declared
        if declared.hidden:
            return Unchanged(declared.key, declared.id, hidden=True)
        blocks = (*resolved.blocks, *((match.block,) if match.block else ()))
        if declared.absent:
            return self._absence(declared, match)
        if blocks:
            return Blocked(declared.key, blocks)
        return self._presence(declared, match)

    def _absence(self, declared: Declared, match: Match) -> Verdict:
        if match.block:
            return Blocked(declared.key, (match.block,), absent=True)
        if match.live is None:
            return Unchanged(declared.key, declared.id)
        return self.deletion(declared.key, declared, match.live)

    def pruning(self, live: Live) -> Change:
        return self.deletion(f"{self.account.kind.name}:{live.id}", None, live)

    def deletion(self, key: str, declared: Declared | None, live: Live) -> Change:
        return Change(self.scope, key, Action.DELETE, removals(self.account, live.body), declared, live)

    def _presence(self, declared: Declared, match: Match) -> Verdict:
        live = match.live
        views = classify(
            self.account, declared, live.body if live else None, listed=bool(live and live.listed)
        )
        action = Action.UPDATE if live else Action.CREATE
        change = Change(self.scope, declared.key, action, views, declared, live, match.adopted)
        blocks = tuple(blocks_of(self.account, change, self.consent.hide))
        if blocks:
            return Blocked(declared.key, blocks, change)
        if live and not change.differing:
            return Unchanged(declared.key, live.id, match.adopted, views=views)
        return change


def blocks_of(account: Account, change: Change, may_hide: frozenset[str]) -> Iterator[Block]:
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
    visible = next(view for view in change.fields if view.path == account.kind.visible_field)
    yield from _visibility(change, visible, may_hide)


def _visibility(change: Change, visible: FieldView, may_hide: frozenset[str]) -> Iterator[Block]:
    path = visible.path
    if visible.cls is FieldClass.KEPT and visible.after is None:
        yield Block(
            "visibility-unknown", f"the API does not say whether it is visible; declare {path}", (path,)
        )
    if visible.cls is not FieldClass.SET or visible.after:
        return
    if change.action is Action.CREATE:
        yield Block(
            "created-hidden", f"{path}: false would hide it from the API at once; leave it out", (path,)
        )
    elif (visible.differs or _is_listed(change)) and change.key not in may_hide:
        yield Block(
            "would-hide",
            f"{path}: false hides it from the API and the Tool, for good; if that is meant, run with "
            f"--allow-hide {change.key}",
            (path,),
        )


def _is_listed(change: Change) -> bool:
    return bool(change.live and change.live.listed)


def without_created(plan: Plan, known_ids: Mapping[str, int], in_doubt: Mapping[str, CreateInDoubt]) -> Plan:
    """Return the plan without the creates of what another run has created, or may have, since it was made.

    `known_ids` and `in_doubt` are what the journal knows now; what it knew for the plan was judged there.
    """

    def block(change: Change) -> Block | None:
        key, before = change.key, plan.account
        if change.action is not Action.CREATE:
            return None
        if key in in_doubt and in_doubt[key] != before.in_doubt.get(key):
            return in_doubt_block(key, in_doubt[key])
        if key in known_ids and known_ids[key] != before.known_ids.get(key):
            message = (
                f"another run has created it as id {known_ids[key]} since this plan was made; plan again"
            )
            return Block("known-id", message)
        return None

    kept_back = tuple(Blocked(c.key, (why,), c) for c in plan.changes if (why := block(c)))
    keys = {blocked.key for blocked in kept_back}
    changes = tuple(change for change in plan.changes if change.key not in keys)
    return replace(plan, changes=changes, blocked=(*plan.blocked, *kept_back))


def _unmanaged(account: Account, declared: Sequence[Declared], inventory: Inventory) -> tuple[Live, ...]:
    """Return what is listed and named by nothing declared, neither by id nor by name.

    What a create in doubt may have made has the name that was sent.
    """
    ids = {one.id for one in declared}
    by_name = [one for one in declared if one.id is None]
    names = {name_of(one, account.kind) for one in by_name}
    names |= {account.in_doubt[one.key].name for one in by_name if one.key in account.in_doubt}
    return tuple(live for live in inventory.listed if live.id not in ids and live.name not in names)


def _within_limits(
    verdicts: Sequence[Verdict], scope: Scope, consent: Consent, live: int | None
) -> list[Verdict]:
    """Return the verdicts with every change blocked that a limit over all of them forbids."""
    limited = _block_if(
        verdicts, lambda change: bool(change.unconsented), _resets_block(verdicts, scope, consent)
    )
    limited = _block_if(
        limited, lambda change: change.action is Action.UPDATE, _updates_block(limited, scope, live)
    )
    return _block_if(limited, lambda change: change.action is Action.DELETE, _deletes_block(limited, scope))


def _block_if(
    verdicts: Sequence[Verdict], concerns: Callable[[Change], bool], block: Callable[[Change], Block] | None
) -> list[Verdict]:
    if block is None:
        return list(verdicts)
    return [Blocked(v.key, (block(v),), v) if isinstance(v, Change) and concerns(v) else v for v in verdicts]


def _resets_block(
    verdicts: Sequence[Verdict], scope: Scope, consent: Consent
) -> Callable[[Change], Block] | None:
    wanted = sum(len(v.unconsented) for v in verdicts if isinstance(v, Change))
    if scope.limits.resets is None or consent.resets is None:
        return None
    allowed = max(scope.limits.resets, consent.resets)
    if wanted <= allowed:
        return None

    def block(change: Change) -> Block:
        paths = tuple(view.path for view in change.unconsented)
        return Block(
            "unconsented-resets",
            f"a PUT would reset {', '.join(paths)}; declare it, name it under keep or reset, or consent with "
            f"--allow-resets (limits.resets is {scope.limits.resets}, this plan resets {wanted})",
            paths,
        )

    return block


def _updates_block(
    verdicts: Sequence[Verdict], scope: Scope, live: int | None
) -> Callable[[Change], Block] | None:
    wanted = sum(isinstance(v, Change) and v.action is Action.UPDATE for v in verdicts)
    limit = scope.limits.updates
    allowed = (limit.of(live) if live is not None else None) if isinstance(limit, Share) else limit
    if allowed is None or wanted <= allowed:
        return None
    block = Block(
        "too-many-updates",
        f"this plan updates {wanted}, limits.updates allows {allowed} ({limit}); if that is meant, raise it "
        "for the target, or apply a part with --only",
    )
    return lambda _: block


def _deletes_block(verdicts: Sequence[Verdict], scope: Scope) -> Callable[[Change], Block] | None:
    wanted = sum(isinstance(v, Change) and v.action is Action.DELETE for v in verdicts)
    allowed = scope.limits.deletes
    if allowed is None or wanted <= allowed:
        return None
    block = Block(
        "too-many-deletes",
        f"this plan deletes {wanted}, limits.deletes allows {allowed}; if that is meant, raise it for the "
        "target",
    )
    return lambda _: block
