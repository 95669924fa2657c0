"""Which live resource a declared one is: by its id, else by its exact name; never a guess."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime

from msgspec import Struct

from reconciler.engine.classify import Account, CreateInDoubt
from reconciler.engine.declared import Declared
from reconciler.engine.inventory import Inventory, Live, name_of
from reconciler.engine.kind import Kind
from reconciler.engine.plan import IN_DOUBT, Block

SETTLE_SECONDS = 600
"""For how long a person is told to wait for what may have been created to show, as for a batch in doubt."""


class Match(Struct, frozen=True):
    """The answer for one declared resource: `live`, or nothing live, or a reason why neither can be said."""

    live: Live | None = None
    adopted: bool = False
    block: Block | None = None


def match_all(
    account: Account, declared: Sequence[Declared], inventory: Inventory, recreate: Collection[str] = ()
) -> Mapping[str, Match]:
    """Return the match of every declared resource, by key; one live resource never has two keys.

    What the journal knows of a key counts, but for the keys to `recreate`: where the name is gone that an id
    is known for, or a create is in doubt, nothing is simply created again.
    """
    owners = {d.id: d.key for d in declared if d.id is not None}
    found = {d.key: _match(account.kind, d, inventory, owners) for d in declared}
    for one in declared:
        match = found[one.key]
        undecided = match.live is None and match.block is None and one.id is None and not one.absent
        if undecided and one.key not in recreate:
            found[one.key] = _remembered(one, account, inventory, owners)
    return _without_twins(found)


def _match(kind: Kind, declared: Declared, inventory: Inventory, owners: Mapping[int, str]) -> Match:
    if declared.id is not None:
        return _by_id(declared, declared.id, inventory)
    name = name_of(declared, kind)
    if name is None:
        return Match(block=Block("unresolved", "it has neither an id nor a name to find it by"))
    return _by_name(declared, name, inventory.named(name), owners)


def _remembered(
    declared: Declared, account: Account, inventory: Inventory, owners: Mapping[int, str]
) -> Match:
    """Return what the journal knows of a key whose name nothing has: what is live, or why it is not created.

    What a create in doubt may have made is looked for by the name that was sent.
    """
    doubt = account.in_doubt.get(declared.key)
    if doubt:
        match = _by_name(declared, doubt.name, inventory.named(doubt.name) if doubt.name else (), owners)
        return match if match.live or match.block else Match(block=in_doubt_block(declared.key, doubt))
    id = account.known_ids.get(declared.key)
    if id is None:
        return Match()
    live = inventory.by_id.get(id)
    now = f'it is called "{live.name}" now' if live else "it may have been renamed, hidden or deleted"
    return Match(
        block=Block(
            "known-id",
            f"nothing has this name, but the journal knows it as id {id} ({now}); declare id: {id} for the "
            f"target, or run with --recreate {declared.key} to create it anew",
        )
    )


def in_doubt_block(key: str, doubt: CreateInDoubt) -> Block:
    """Return why a resource is not created again that an earlier run may have created, and what to do."""
    sent, until = (
        f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M} UTC"
        for at in (doubt.at, doubt.at + SETTLE_SECONDS)
    )
    known = f" as id {doubt.id}" if doubt.id is not None else ""
    return Block(
        IN_DOUBT,
        f'run {doubt.run} may have created "{doubt.name}"{known} ({sent}), and it is not to be seen; it is '
        f"not created a second time. Plan again after {until}; if it is there under another name, declare "
        f"its id: for the target; if you know that it is not there, run with --recreate {key}",
    )


def _by_id(declared: Declared, id: int, inventory: Inventory) -> Match:
    live = inventory.by_id.get(id)
    if live or declared.absent:
        return Match(live)
    return Match(
        block=Block(
            "id-not-found",
            f"id {id} is not there; it is not created again by itself. Correct the id, remove it to find or "
            "create the configuration by its name, or set absent: true",
        )
    )


def _by_name(declared: Declared, name: str, found: Sequence[Live], owners: Mapping[int, str]) -> Match:
    if len(found) > 1:
        ids = ", ".join(str(live.id) for live in found)
        return Match(
            block=Block(
                "ambiguous-name",
                f'{len(found)} are named "{name}" (ids {ids}); declare the id that is meant',
            )
        )
    if found and found[0].id in owners:
        owner = owners[found[0].id]
        return Match(
            block=Block(
                "claimed",
                f'"{name}" is id {found[0].id}, which {owner} declares; apply that first, or declare '
                "an id here",
            )
        )
    return Match(found[0] if found else None, adopted=bool(found) and not declared.absent)


def _without_twins(matches: Mapping[str, Match]) -> Mapping[str, Match]:
    keys_of: dict[int, list[str]] = defaultdict(list)
    for key, match in matches.items():
        if match.live:
            keys_of[match.live.id].append(key)
    twins = {key: keys for keys in keys_of.values() if len(keys) > 1 for key in keys}
    return {key: _twin(match, twins[key]) if key in twins else match for key, match in matches.items()}


def _twin(match: Match, keys: Sequence[str]) -> Match:
    id = match.live.id if match.live else None
    return Match(
        block=Block("claimed", f"id {id} is declared by {' and '.join(keys)}; one of them is too many")
    )
