"""Walks a patch and the layout of a file side by side, and finds where to cut."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from msgspec import Struct, field

from reconciler.config.editing.adding import Adder
from reconciler.config.editing.layout import Alias, Items, Layout, Pair, Piece, Table, pieces_of
from reconciler.config.editing.patch import (
    Edit,
    OverNames,
    Patch,
    Path,
    Put,
    Ranks,
    Remove,
    brings,
    is_nothing,
)
from reconciler.config.editing.putting import emptied, put
from reconciler.config.editing.removing import removed
from reconciler.config.editing.splices import Splice, Unsafe, no_place
from reconciler.config.names import visible
from reconciler.config.nodes import Node
from reconciler.config.yaml import Refusal
from reconciler.problems import Place, Problem


class Cutter(Struct):
    """Finds the cuts for patches of one file, and keeps what cannot be cut."""

    layout: Layout
    file: str
    ranks: Ranks
    problems: list[Problem] = field(default_factory=list)

    @property
    def _adder(self) -> Adder:
        return Adder(self.layout, self.ranks)

    def cuts(self, node: Node, patch: Patch) -> Iterator[Splice]:
        """Yield the cuts for a patch of the whole file, whose values are those of `node`."""
        if isinstance(self.layout.top, Table):
            yield from self._table(self.layout.top, node, patch, ())
        elif brings(patch):
            yield self._adder.at_the_end(patch)

    def _table(self, table: Table, node: Node, patch: Patch, path: Path) -> Iterator[Splice]:
        children = node.children if isinstance(node.children, Mapping) else {}
        gone: list[Pair] = []
        for name, edit in patch.items():
            if name not in children:
                continue
            pair = table.own(name)
            if pair and isinstance(edit, Remove):
                gone.append(pair)
            else:
                yield from self._safely(self._entry(table, pair, children[name], edit, (*path, name)), path)
        yield from self._safely(self._gone(table, gone), path)
        fresh = {name: edit for name, edit in patch.items() if name not in children and brings(edit)}
        yield from self._safely(self._adder.added(table, fresh, gone, path), path)

    def _safely(self, cuts: Iterator[Splice], path: Path) -> Iterator[Splice]:
        try:
            yield from cuts
        except Unsafe as unsafe:
            code, message, hint = unsafe.refusal
            self.problems.append(
                Problem(code, Place(self.file, *unsafe.piece.mark), ".".join(path[:2]), message, hint)
            )

    def _gone(self, table: Table, gone: list[Pair]) -> Iterator[Splice]:
        for pair in gone:
            self._check_may_go(pair.value)
        yield from removed(self.layout, table, gone)

    def _entry(self, table: Table, pair: Pair | None, node: Node, edit: Edit, path: Path) -> Iterator[Splice]:
        if is_nothing(edit) or _is_there(node, edit, path[-1]):
            return
        if pair is None:
            raise _merged(path[-1], node, table)
        self._check_own(pair.value)
        if isinstance(edit, Put):
            self._check_may_go(pair.value)
            yield from put(self.layout, table, pair, edit)
        elif isinstance(edit, OverNames) and isinstance(pair.value, Items):
            yield from self._adder.over_names(pair.value, edit)
        elif not isinstance(edit, Remove):
            known = node.children if isinstance(node.children, Mapping) else ()
            patch = edit.beside(known) if isinstance(edit, OverNames) else edit
            yield from self._below(table, pair, node, patch, path)

    def _check_own(self, piece: Piece) -> None:
        if isinstance(piece, Alias):
            raise _behind_alias(piece)
        if self.layout.is_shared(piece):
            raise _shared(piece)

    def _check_may_go(self, piece: Piece) -> None:
        for part in pieces_of(piece):
            if self.layout.is_shared(part):
                raise _shared(part)

    def _below(self, table: Table, pair: Pair, node: Node, patch: Patch, path: Path) -> Iterator[Splice]:
        inner = pair.value
        if not isinstance(inner, Table):
            raise no_place(inner, f"{visible(path[-1])} is no mapping, so nothing can be written into it")
        if inner.flow and not table.flow and self._adder.has_no_room(inner, patch, path):
            self._check_may_go(inner)
            yield from self._adder.unfolded(pair, inner, node, patch, path)
        elif not inner.flow and _becomes_empty(inner, patch):
            self._check_may_go(inner)
            yield from emptied(self.layout, pair)
        else:
            yield from self._table(inner, node, patch, path)


def _is_there(node: Node, edit: Edit, name: str) -> bool:
    if not isinstance(edit, Put) or (edit.key or name) != name:
        return False
    return json.dumps(node.value, sort_keys=True) == json.dumps(edit.value, sort_keys=True)


def _becomes_empty(table: Table, patch: Patch) -> bool:
    gone = {name for name, edit in patch.items() if isinstance(edit, Remove)}
    return {pair.name for pair in table.pairs} <= gone and not any(map(brings, patch.values()))


def _merged(name: str, node: Node, table: Table) -> Unsafe:
    message = f"{visible(name)} comes through a merge key; it stands on line {node.key[0]}"
    hint = "write the key here by hand to override it, or change it there for all that merge it"
    return Unsafe(Refusal("edit-merge", message, hint), table)


def _shared(piece: Piece) -> Unsafe:
    message = f"the value also counts elsewhere, by its anchor &{visible(piece.anchor or '')}"
    hint = "write the values out by hand where they shall differ, or change it here by hand for all"
    return Unsafe(Refusal("edit-anchor", message, hint), piece)


def _behind_alias(alias: Alias) -> Unsafe:
    message = f"the value is the alias *{visible(alias.anchor or '')}"
    hint = "write the value out here by hand, or change it at its anchor for all"
    return Unsafe(Refusal("edit-alias", message, hint), alias)
