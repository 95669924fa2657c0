"""Which live resource a declared one is: by its id, else by its exact name; never a guess."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from msgspec import Struct

from reconciler.engine.declared import Declared
from reconciler.engine.inventory import Inventory, Live, name_of
from reconciler.engine.kind import Kind
from reconciler.engine.plan import Block


class Match(Struct, frozen=True):
    """The answer for one declared resource: `live`, or nothing live, or a reason why neither can be said."""

    live: Live | None = None
    adopted: bool = False
    block: Block | None = None


def match_all(
    kind: Kind, declared: Sequence[Declared], inventory: Inventory, known_ids: Mapping[str, int]
) -> Mapping[str, Match]:
    """Return the match of every declared resource, by key; one live resource never has two keys.

    `known_ids` are the ids that keys had before: one whose name is gone is not simply created again.
    """
    owners = {d.id: d.key for d in declared if d.id is not None}
    found = {d.key: _match(kind, d, inventory, owners) for d in declared}
    return _without_twins({d.key: _not_lost(d, found[d.key], inventory, known_ids) for d in declared})


def _match(kind: Kind, declared: Declared, inventory: Inventory, owners: Mapping[int, str]) -> Match:
    if declared.id is not None:
        return _by_id(declared, declared.id, inventory)
    name = name_of(declared, kind)
    if name is None:
        return Match(block=Block("unresolved", "it has neither an id nor a name to find it by"))
    return _by_name(declared, name, inventory.named(name), owners)


def _not_lost(declared: Declared, match: Match, inventory: Inventory, known_ids: Mapping[str, int]) -> Match:
    """Return the match, or why nothing is created where the journal remembers what the key once was."""
    id = known_ids.get(declared.key)
    if id is None or match.live or match.block or declared.id is not None or declared.absent:
        return match
    live = inventory.by_id.get(id)
    now = f'it is called "{live.name}" now' if live else "it may have been renamed, hidden or deleted"
    return Match(
        block=Block(
            "known-id",
            f"nothing has this name, but the journal knows it as id {id} ({now}); declare id: {id} for the "
            f"target, or run with --recreate {declared.key} to create it anew",
        )
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
