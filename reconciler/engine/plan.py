"""From what is declared and what is live to a plan, with every reason why something is not to be done.

Pure: no clock, no file, no network. `BlockCode` lists the reasons for which a plan blocks a resource. Why a
declared configuration gets no PUT, more or less in the order in which that is found, and the file that
decides it:

| reason | file |
|---|---|
| a file has an error: nothing is sent, of no file | `config/load.py` |
| its file is not read: for its name, or it is not there | `config/discovery.py` |
| it does not live on the target, or `--only` or `--exclude` leaves it out | `commands/session.py` |
| there is no such target, or in CI none is named | `commands/session.py` |
| the address or a credential is refused, or the API cannot be reached | `access.py`, `http/api.py` |
| what is live cannot be trusted: a list that is not whole, a row without an id | the `Client` of the kind |
| it is hidden for good, or absent and not there | `_verdict` |
| which live one is meant cannot be said, or a declared name has no id | `match_all`, `_verdict` |
| a field is refused, or its visibility would be lost | `_blocks_of` |
| its difference is accepted for a while, so that the field is kept | `config/load.py`, `engine/classify.py` |
| no field differs in compared form, or from its default as far as that is known | `engine/classify.py` |
| all changes together are beyond the limits and the consent given | `_limited` |
| a plan file is of another target or account, or was changed | `commands/apply.py`, `planfile/files.py` |
| it was not reviewed as it is now | `reviewed` |
| nobody confirmed it: no yes, or no terminal to ask at | `commands/apply.py` (`confirm`) |
| the journal cannot be read or written | `commands/apply.py` (`execute`), `journal/journal.py` |
| another run holds the account | `journal/rules.py` (`begin_run`) |
| the keys are of another account than the target says | `commands/session.py` (`check_account`) |
| another run has created it since, so that no POST is sent either | `without_created` |
| it cannot be read again, is not as planned, or the run was stopped | `engine/apply.py` (`Run._steps`) |
| another run took this one for dead | `journal/rules.py` (`begin_operation`) |
| the allowance of requests is used up, or the keys may not write | `http/api.py` |
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TypeAlias

from msgspec import Struct, field
from msgspec.structs import replace

from reconciler.engine.change import (
    Action,
    Block,
    BlockCode,
    Blocked,
    Change,
    Plan,
    Scope,
    Share,
    Unchanged,
    fingerprint_of,
)
from reconciler.engine.classify import (
    AccountProfile,
    DefaultSource,
    FieldClass,
    LastWrite,
    classify,
    removals,
)
from reconciler.engine.inventory import Inventory, name_of
from reconciler.engine.kind import Certainty, Declared, Effect, Kind, Live, Reference
from reconciler.problems import ALIKE, Problem, folded, lookalikes, told_apart

SETTLE_SECONDS = 600  # how long to wait for what may have been created to show, as for a batch in doubt

PastPlans: TypeAlias = Callable[[str], Collection[str]]
"""From the fingerprint of a plan of before to the digests in it; none where it is not known."""

Match: TypeAlias = "Live | Block | None"
"""The live resource that a declared one is, or nothing live, or a reason why neither can be said."""

Verdict: TypeAlias = "Change | Blocked | Unchanged"


class Consent(Struct, frozen=True):
    """What the person at the keyboard agreed to, beyond what the files say."""

    resets: int | None = 0  # how many fields policy alone may reset; `None` is any number
    hide: frozenset[str] = frozenset()  # keys of what may be hidden for good
    prune: bool = False  # whether what is live and declared nowhere shall be deleted
    recreate: frozenset[str] = frozenset()  # keys that may be created again, whatever the journal knows
    effects: Mapping[str, int | None] = {}
    """How many changes may have an effect that the target refuses, by its name; `None` is any number."""


class Review(Struct, frozen=True):
    """The digests of all changes and seeds that were reviewed.

    `names` are the keys behind them, as far as known: they choose words, and allow nothing. `lenient` are
    those from before the account showed an explicit false or 0, which may have happened half-way of a run.
    """

    digests: frozenset[str]
    names: Mapping[str, str] = field(default_factory=dict)
    lenient: frozenset[str] = frozenset()

    def covers(self, change: Change) -> bool:
        """Tell whether exactly this change was reviewed."""
        return change.digest in self.digests or change.lenient_digest in self.lenient

    def gone(self, plan: Plan, seeds: Collection[str]) -> tuple[str, ...]:
        """Return by key, if known, what was reviewed and is neither in the plan nor among the seeds."""
        found = plan.every_change
        left = self.digests - {c.digest for c in found} - {c.lenient_digest for c in found} - {*seeds}
        return tuple(sorted(self.names.get(digest, f"{digest[:12]}…") for digest in left))

    def block(self, key: str) -> Block:
        """Return why what is called `key` is not carried out: as it is now, it was not reviewed."""
        known = key in self.names.values()
        what = "is no longer what was reviewed" if known else "is not part of what was reviewed"
        return Block(BlockCode.UNREVIEWED, f"it {what}; plan again, and review that")

    def blocks(self, verdicts: Iterable[Verdict]) -> Mapping[str, Block]:
        """Return by key why a change is left alone that is not exactly what was reviewed."""
        changes = [verdict for verdict in verdicts if isinstance(verdict, Change)]
        return {change.key: self.block(change.key) for change in changes if not self.covers(change)}


class Since(Struct, frozen=True):
    """What the files at a commit would have done to the same live state; where unknown, `note` says why.

    `digests` are of changes, blocked ones too, and of seeds; `blocks` key and code of every reason why a
    resource was left alone; `loosened` the guardrails that allow more than they did then.
    """

    ref: str
    commit: str
    digests: frozenset[str] = frozenset()
    blocks: frozenset[tuple[str, str]] = frozenset()
    note: str = ""
    loosened: tuple[Problem, ...] = ()

    @classmethod
    def of(cls, ref: str, commit: str, plan: Plan, seeds: Iterable[str]) -> Since:
        """Return what a plan of the files of before, and the digests of their seeds, tell."""
        blocked = (blocked.change.digest for blocked in plan.blocked if blocked.change)
        reasons = ((blocked.key, block.code) for blocked in plan.blocked for block in blocked.blocks)
        return cls(ref, commit, frozenset([*plan.digests, *blocked, *seeds]), frozenset(reasons))

    def caused(self, digest: str) -> bool:
        """Tell whether a change or seed of today is none that was there before."""
        return digest not in self.digests

    def caused_block(self, blocked: Blocked) -> bool:
        """Tell whether what is left alone today was not left alone, or not for these reasons, before."""
        if blocked.change:
            return self.caused(blocked.change.digest)
        return any((blocked.key, block.code) not in self.blocks for block in blocked.blocks)


def make_plan(
    scope: Scope,
    account: AccountProfile,
    declared: Sequence[Declared],
    inventory: Inventory,
    consent: Consent,
    review: Review | None = None,
    others: Sequence[Declared] = (),
) -> Plan:
    """Return the plan for one target. Order: that of `declared`, then what is pruned.

    `others` are declared too, but were not selected: nothing is planned for them, and they are not unmanaged.
    With a review, only what it covers is left to do; what it does not cover does not count for the limits.
    """
    matches = match_all(account, declared, inventory, consent.recreate, others)
    verdicts = [_verdict(scope, account, consent, one, matches[one.key]) for one in declared]
    # What nothing declared names: by its id or its name, or by the name that a create in doubt was sent with.
    everything = [*declared, *others]
    ids = {one.id for one in everything}
    by_name = [one for one in everything if one.id is None]
    names = {name_of(one, account.kind) for one in by_name}
    writes = [account.last_writes.get(one.key) for one in by_name]
    names |= {write.name for write in writes if write and write.is_create_in_doubt}
    unmanaged = [live for live in inventory.listed if live.id not in ids and live.name not in names]
    # Nor is what may be meant by a name that looks like its own.
    alike = {key for key, match in matches.items() if getattr(match, "code", "") == BlockCode.LOOKALIKE}
    if forms := {folded(name_of(one, account.kind) or "") for one in declared if one.key in alike}:
        unmanaged = [live for live in unmanaged if folded(live.name) not in forms]
    if consent.prune:
        verdicts += [
            _deletion(scope, account, f"{account.kind.name}:{one.id}", None, one) for one in unmanaged
        ]
        unmanaged = []
    live = len(inventory.listed) if inventory.complete else None
    plan = Plan(scope, account, unmanaged=tuple(unmanaged), recreate=consent.recreate)
    whole = _limited(plan, verdicts, consent, live)
    if review is None:
        return whole
    # Limits are for what is carried out: those of the reviewed changes alone let more through where the whole
    # is beyond them. Where they do not, the reasons of the whole plan are told, as they were reviewed.
    part = reviewed(whole, review)
    alone = _limited(plan, _blocking(verdicts, review.blocks(verdicts)), consent, live)
    return alone if len(alone.changes) > len(part.changes) else part


def match_all(
    account: AccountProfile,
    declared: Sequence[Declared],
    inventory: Inventory,
    recreate: Collection[str] = (),
    others: Sequence[Declared] = (),
) -> Mapping[str, Match]:
    """Return the match of every declared resource, by key: by its id, else by its exact name, never a guess.

    One live resource never has two keys. What the journal knows to be created, or perhaps, is not created
    again, nor what looks like something that is live or declared, there or among `others`, but for the keys
    to `recreate`.
    """
    owners = {one.id: one.key for one in declared if one.id is not None}
    found = {one.key: _match(account, one, inventory, owners, recreate) for one in declared}
    new = [one for one in declared if found[one.key] is None and one.key not in recreate]
    if new:
        found |= _lookalikes(account.kind, new, [*declared, *others], inventory)
    ids = {key: match.id for key, match in found.items() if isinstance(match, Live)}
    times = Counter(ids.values())
    for key, id in ids.items():
        if times[id] > 1:
            keys = " and ".join(other for other in ids if ids[other] == id)
            found[key] = Block(BlockCode.CLAIMED, f"id {id} is declared by {keys}; one of them is too many")
    return found


def _lookalikes(
    kind: Kind, new: Sequence[Declared], declared: Sequence[Declared], inventory: Inventory
) -> Iterator[tuple[str, Block]]:
    """Yield by key why what is called like nothing live is left alone: a name looks the same as its own.

    What is to be absent may be there only under a name that no other key has.
    """
    names = {one.key: name_of(one, kind) for one in declared if not one.absent and not one.hidden}
    owned = {*names.values(), *(one.id for one in declared)}
    alike: dict[str, list[tuple[str, int | None, str]]] = {}
    for live in inventory.listed:
        alike.setdefault(folded(live.name), []).append((live.name, live.id, f"id {live.id}"))
    for key, name in names.items():
        alike.setdefault(folded(name or ""), []).append((name or "", None, key))
    for one in new:
        name = name_of(one, kind) or ""
        others = [other for other in alike.get(folded(name), ()) if other[0] != name]
        if one.absent:
            others = [other for other in others if other[1] and not owned & {*other}]
        for theirs, id, what in others[:1]:
            same = f"declare id: {id} for the target" if id else "declare it once"
            other = "remove the entry" if one.absent else f"rename one, or run with --recreate {one.key}"
            called, looks = told_apart(name, theirs)
            why = f"nothing is named {called}, and {what} is named {looks}: {ALIKE}"
            yield one.key, Block(BlockCode.LOOKALIKE, f"{why}. If it is meant, {same}; if not, {other}")


def _match(
    account: AccountProfile,
    declared: Declared,
    inventory: Inventory,
    owners: Mapping[int, str],
    recreate: Collection[str],
) -> Match:
    if declared.id is not None:
        live = inventory.by_id.get(declared.id)
        if live or declared.absent:
            return live
        return Block(
            BlockCode.ID_NOT_FOUND,
            f"id {declared.id} is not there (deleted, hidden, or another account's); it is not created again "
            "by itself. In the files, correct the id, remove it to find or create the configuration by its "
            "name, or set absent: true",
        )
    name = name_of(declared, account.kind)
    if name is None:
        return Block(BlockCode.UNRESOLVED, "it has neither an id nor a name to find it by")
    match = _by_name(name, inventory, owners)
    if match is not None or declared.absent or declared.key in recreate:
        return match
    last = account.last_writes.get(declared.key)
    if last and last.is_create_in_doubt:  # what it may have made has the name that was sent
        sent = _by_name(last.name, inventory, owners) if last.name else None
        alike = lookalikes(last.name, (live.name for live in inventory.listed))
        return sent or in_doubt_block(declared.key, last, alike)
    if last is None or last.id is None:
        return None
    live = inventory.by_id.get(last.id)
    called, now = f'"{name}"', "it may have been renamed, hidden or deleted"
    if live:
        is_alike = folded(live.name) == folded(name)
        called, said = told_apart(name, live.name) if is_alike else (called, f'"{live.name}"')
        now = f"it is called {said} now{f'; {ALIKE}' if is_alike else ''}"
    return Block(
        BlockCode.KNOWN_ID,
        f"nothing is named {called}, but the journal knows it as id {last.id} ({now}); declare "
        f"id: {last.id} for the target, or run with --recreate {declared.key} to create it anew",
    )


def in_doubt_block(key: str, doubt: LastWrite, alike: Sequence[str] = ()) -> Block:
    """Return why a resource is not created again that an earlier run may have created, and what to do.

    `alike` are names of live ones that look like its own.
    """
    looks = "".join(f"; {told_apart(doubt.name, name)[1]} is there, and looks the same" for name in alike)
    sent, until = (
        f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M} UTC"
        for at in (doubt.at, doubt.at + SETTLE_SECONDS)
    )
    known = f" as id {doubt.id}" if doubt.id is not None else ""
    return Block(
        BlockCode.IN_DOUBT,
        f'run {doubt.run} may have created "{doubt.name}"{known} ({sent}), and it is not to be seen; it is '
        f"not created a second time. Plan again after {until}; if it is there under another name, declare "
        f"its id: for the target; if you know that it is not there, run with --recreate {key}{looks}",
    )


def _by_name(name: str, inventory: Inventory, owners: Mapping[int, str]) -> Match:
    found = [live for live in inventory.listed if live.name == name]
    if len(found) > 1:
        ids = ", ".join(str(live.id) for live in found)
        message = f'{len(found)} are named "{name}" (ids {ids}); declare the id that is meant'
        return Block(BlockCode.AMBIGUOUS_NAME, message)
    if found and found[0].id in owners:
        owner = owners[found[0].id]
        return Block(
            BlockCode.CLAIMED,
            f'"{name}" is id {found[0].id}, which {owner} declares; apply that first, or declare an id here',
        )
    return found[0] if found else None


def _verdict(
    scope: Scope, account: AccountProfile, consent: Consent, declared: Declared, match: Match
) -> Verdict:
    """Decide one resource by itself: a change, or why nothing is written.

    The table above has the other reasons why a change is not sent. What is carried out is the body of
    `engine.classify.desired`, with `client.update`.
    """
    key = declared.key
    if declared.hidden:
        return Unchanged(key, declared.id, hidden=True)
    if declared.absent:
        if isinstance(match, Block):
            return Blocked(key, (match,), absent=True)
        return _deletion(scope, account, key, declared, match) if match else Unchanged(key, declared.id)
    blocks = []
    for path, given in declared.given.items():
        if not isinstance(name := given.value, Reference):
            continue
        code, ids = BlockCode.UNKNOWN_REFERENCE, " and ".join(map(str, name.ids or ()))
        why = (
            f"there is no {name} ({given.origin.place}); {name.hint or 'check its title'}, or declare {path}"
        )
        if name.ids:
            code = BlockCode.AMBIGUOUS_REFERENCE
            why = f"{len(name.ids)} are called {name}: {ids}; declare {path}"
        blocks.append(Block(code, f"{why} by its number", (path,)))
    if isinstance(match, Block):
        blocks.append(match)
    if blocks or isinstance(match, Block):
        return Blocked(key, tuple(blocks))
    adopted = match is not None and declared.id is None
    body, listed = (match.body, match.listed) if match else (None, False)
    views = classify(account, declared, body, listed=listed)
    action = Action.UPDATE if match else Action.CREATE
    change = Change(scope, key, action, views, declared, match, adopted)
    if change.differing:
        after = {view.path: view.after for view in views}
        before = after | {view.path: view.before for view in change.differing} if match else None
        found = [*account.kind.effects(before, after, scope.at)]
        said, own = {one.name for one in found}, declared.accepted_effects & scope.limits.refused_effects
        # What is only stated of a default may be wrong: then the value is gone.
        sources = {view.path: view.default.source for view in change.differing if match and view.default}
        stated = {path: None for path, source in sources.items() if source is DefaultSource.UNPROVED}
        worse = account.kind.effects(before, {**after, **stated}, scope.at) if stated else ()
        found += [
            replace(one, text=f"unless the default is as stated, {one.text}", certainty=Certainty.UNKNOWN)
            for one in worse
            if one.name not in said and not stated.keys().isdisjoint(one.paths)
        ]
        found = [replace(one, accepted=True) if one.name in own else one for one in found]
        change = replace(change, effects=tuple(found))
    if blocks := [*_blocks_of(account, change, consent.hide)]:
        return Blocked(key, tuple(blocks), change)
    if match and not change.differing:
        return Unchanged(key, match.id, adopted, fields=views)
    return change


def _deletion(
    scope: Scope, account: AccountProfile, key: str, declared: Declared | None, live: Live
) -> Change:
    views = removals(account, live.body)
    effects = account.kind.effects({view.path: view.before for view in views}, None, scope.at)
    return Change(scope, key, Action.DELETE, views, declared, live, effects=tuple(effects))


def _blocks_of(account: AccountProfile, change: Change, may_hide: frozenset[str]) -> Iterator[Block]:
    """Yield what forbids a change by itself: refused fields, and a visibility that must not be lost."""
    refused = [view for view in change.fields if view.cls is FieldClass.REFUSED]
    if refused:
        claimed = ", ".join(view.path for view in refused if view.is_claimed)
        other = ", ".join(view.path for view in refused if not view.is_claimed)
        reasons = [f"not at its default: {other}"] if other else []
        reasons += [f"at a default that is stated, not proved: {claimed}"] if claimed else []
        yield Block(
            BlockCode.UNDECLARED,
            f"not declared, and {'; '.join(reasons)}; declare it, or name it under keep or reset",
            tuple(view.path for view in refused),
        )
    path = account.kind.visible_field
    visible = next(view for view in change.fields if view.path == path)
    if visible.cls is FieldClass.KEPT and visible.after is None:
        why = f"the API does not say whether it is visible; declare {path}"
        yield Block(BlockCode.VISIBILITY_UNKNOWN, why, (path,))
    if visible.cls is not FieldClass.SET or visible.after:
        return
    is_listed = change.live is not None and change.live.listed
    if change.action is Action.CREATE:
        why = f"{path}: false would hide it from the API at once; leave it out"
        yield Block(BlockCode.CREATED_HIDDEN, why, (path,))
    elif (visible.differs or is_listed) and change.key not in may_hide:
        why = f"{path}: false hides it from the API and the Tool, for good; if that is meant, run with"
        yield Block(BlockCode.WOULD_HIDE, f"{why} --allow-hide {change.key}", (path,))


def _limited(plan: Plan, verdicts: Sequence[Verdict], consent: Consent, live: int | None) -> Plan:
    """Return the plan with these verdicts, as far as the limits allow.

    Blocked are all resets by policy alone, all changes with a refused effect, all updates, or all deletes,
    where these are too many. `live` is how many resources are live, `None` where that is not known.
    """
    limits = plan.scope.limits
    changes = [verdict for verdict in verdicts if isinstance(verdict, Change)]
    blocks = _refused_effects(plan, changes, consent)
    resets = {one.key: [view.path for view in one.resets if not view.consented] for one in changes}
    wanted, allowed = sum(map(len, resets.values())), (limits.resets, consent.resets)
    may_reset = None if None in allowed else max(limit for limit in allowed if limit is not None)
    if may_reset is not None and wanted > may_reset:
        why = f"consent with --allow-resets (limits.resets is {limits.resets}, this plan resets {wanted})"
        said = dict[str, str]()
        for change in changes:
            if paths := resets[change.key]:
                # What the tool does not know can be named nowhere in the files.
                known = [view.path for view in change.resets if not (view.consented or view.unknown)]
                mends = known and not plan.scope.restores
                it = "it" if known == paths else ", ".join(known)
                ways = f"declare {it}, name it under keep or reset, or {why}" if mends else why
                if (first := said.setdefault(ways, change.key)) != change.key:
                    ways = f"see {first} for what to do"
                named = ", ".join(paths if len(paths) < 4 else paths[:2])
                named += f" and {len(paths) - 2} more" if len(paths) > 3 else ""
                message = f"a PUT would reset {named}; {ways}"
                block = Block(BlockCode.UNCONSENTED_RESETS, message, tuple(paths))
                blocks[change.key] = [*blocks.get(change.key, ()), block]
    verdicts = [
        Blocked(one.key, tuple(blocks[one.key]), one)
        if isinstance(one, Change) and one.key in blocks
        else one
        for one in verdicts
    ]
    share = limits.updates
    updates = (share.of(live) if live is not None else None) if isinstance(share, Share) else share
    for action, code, most in (
        (Action.UPDATE, BlockCode.TOO_MANY_UPDATES, updates),
        (Action.DELETE, BlockCode.TOO_MANY_DELETES, limits.deletes),
    ):
        keys = [one.key for one in verdicts if isinstance(one, Change) and one.action is action]
        if most is None or len(keys) <= most:
            continue
        limit = f"limits.{action}s allows {most}" + (f" ({share})" if action is Action.UPDATE else "")
        part = ", or apply a part with --only" if action is Action.UPDATE and not plan.scope.restores else ""
        why = f"this plan {action}s {len(keys)}, {limit}; if that is meant, raise it for the target{part}"
        others = Block(code, f"limits.{action}s allows no more; see {keys[0]} for what to do")
        verdicts = _blocking(verdicts, {**dict.fromkeys(keys, others), keys[0]: Block(code, why)})
    return replace(
        plan,
        changes=tuple(one for one in verdicts if isinstance(one, Change)),
        blocked=tuple(one for one in verdicts if isinstance(one, Blocked)),
        unchanged=tuple(one for one in verdicts if isinstance(one, Unchanged)),
        may_reset=may_reset,
    )


def _refused_effects(plan: Plan, changes: Sequence[Change], consent: Consent) -> dict[str, list[Block]]:
    """Return by key what a change would do to people that the target refuses and nothing consents to.

    To a loss of visibility, `_blocks_of` asks for consent.
    """
    found: dict[str, dict[str, Effect]] = {}  # name → key → the effect
    for change in changes:
        own = change.declared.accepted_effects if change.declared else frozenset()
        for effect in change.effects:
            is_visibility = effect.paths == (plan.account.kind.visible_field,)
            if effect.name in plan.scope.limits.refused_effects - own and not is_visibility:
                found.setdefault(effect.name, {}).setdefault(change.key, effect)
    blocks: dict[str, list[Block]] = {}
    for name, by_key in found.items():
        allowed = consent.effects.get(name, 0)
        if allowed is None or len(by_key) <= allowed:
            continue
        first = next(iter(by_key))
        ways = f"write accept_effects: [{name}] " + ("beside it" if len(by_key) == 1 else "beside each")
        number = f"={len(by_key)}" if len(by_key) > 1 or allowed else ""
        flag = f"run with --allow-effect {name}{number}"
        told = flag if plan.scope.restores else f"{ways}, or {flag}"
        for key, effect in by_key.items():
            mend = f"if that is meant, {told}" if key == first else f"see {first} for what to do"
            message = f"refused without consent: {effect.text.partition(': ')[0]}; {mend}"
            blocks.setdefault(key, []).append(Block(BlockCode.REFUSED_EFFECT, message, effect.paths))
    return blocks


def _blocking(verdicts: Sequence[Verdict], blocks: Mapping[str, Block]) -> Sequence[Verdict]:
    """Return the verdicts, with the changes that have a reason in `blocks` under their key as blocked."""
    return [
        Blocked(one.key, (blocks[one.key],), one) if isinstance(one, Change) and one.key in blocks else one
        for one in verdicts
    ]


def _without(plan: Plan, blocks: Mapping[str, Block]) -> Plan:
    """Return the plan with the changes that have a reason in `blocks` behind all that was blocked before."""
    verdicts = _blocking(plan.changes, blocks)
    return replace(
        plan,
        changes=tuple(one for one in verdicts if isinstance(one, Change)),
        blocked=(*plan.blocked, *(one for one in verdicts if isinstance(one, Blocked))),
    )


def reviewed(plan: Plan, review: Review) -> Plan:
    """Return the plan with every change blocked as unreviewed that was not reviewed as it is now.

    Doing it twice changes nothing, and nothing that the plan blocks is let through.
    """
    return _without(plan, review.blocks(plan.changes))


def joined(reviews: Sequence[Review]) -> Review:
    """Return a review that covers what any of these covers, and nothing else."""
    return Review(
        frozenset().union(*(review.digests for review in reviews)),
        {digest: name for review in reviews for digest, name in review.names.items()},
        frozenset().union(*(review.lenient for review in reviews)),
    )


def digests_meant(named: Iterable[str], now: Collection[str], past: PastPlans) -> frozenset[str]:
    """Return the digests that `named` stands for: digests, and fingerprints of whole plans.

    `now` holds the digests of the plan that is made now: its fingerprint stands for all of them.
    """
    of_now = fingerprint_of(now)
    return frozenset(
        digest for name in named for digest in (now if name == of_now else past(name) or (name,))
    )


def without_created(plan: Plan, last_writes: Mapping[str, LastWrite]) -> Plan:
    """Return the plan without the creates of what another run has created, or may have, since it was made.

    `last_writes` is what the journal knows now; what it knew for the plan was judged there.
    """
    blocks = {}
    for key in [change.key for change in plan.changes if change.action is Action.CREATE]:
        now, before = last_writes.get(key), plan.account.last_writes.get(key)
        if now is None or now == before:
            continue
        if now.is_create_in_doubt:
            blocks[key] = in_doubt_block(key, now)
        elif now.id is not None and not (before and before.id == now.id):
            message = f"another run has created it as id {now.id} since this plan was made; plan again"
            blocks[key] = Block(BlockCode.KNOWN_ID, message)
    return _without(plan, blocks)
