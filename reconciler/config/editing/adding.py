"""Entries that come: where they go, and how they look beside the others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from msgspec import Struct

from reconciler.config.editing.layout import (
    BREAK,
    Alias,
    Items,
    Layout,
    Pair,
    Piece,
    Table,
    Words,
    is_json,
    pieces_of,
)
from reconciler.config.editing.patch import (
    Edit,
    OverNames,
    Patch,
    Path,
    Put,
    Ranks,
    brings,
    key_of,
    outcome,
    patched,
)
from reconciler.config.editing.putting import with_room
from reconciler.config.editing.splices import Splice, no_place
from reconciler.config.editing.style import STEP, WIDTH, block, inline, scalar
from reconciler.config.nodes import Node

_SECTIONS, _RESOURCES, _FIELDS = 0, 1, 2
"""How deep the mappings stand whose entries are sections, resources, and fields."""


class Adder(Struct, frozen=True):
    """Finds the cuts for new entries of one file."""

    layout: Layout
    ranks: Ranks

    def added(self, table: Table, fresh: Patch, gone: Sequence[Pair], path: Path) -> Iterator[Splice]:
        """Yield the cuts that add entries to a mapping, beside those of its own that are not `gone`."""
        stays = [pair for pair in table.pairs if pair not in gone]
        for name in self._ordered(fresh, path):
            ahead = self._ahead(stays, name, path)
            if table.flow:
                yield self._into_flow(table, ahead, name, fresh[name])
            else:
                yield self._into_block(table, ahead, name, fresh[name], path)

    def at_the_end(self, patch: Patch) -> Splice:
        """Return the cut that writes sections into a file without any."""
        lines: list[str] = []
        for name, edit in patch.items():
            if brings(edit):
                lines += [*([""] if lines else []), *block(name, edit, 0, STEP, is_section=True)]
        return self._at_the_end(lines)

    def over_names(self, names: Items, edit: OverNames) -> Iterator[Splice]:
        """Yield the cuts that make a mapping of a list of names, each where it stood."""
        words = [item for item in names.items if isinstance(item, Words)]
        if not words or len(words) < len(names.items):
            raise no_place(names, "a list of names is expected")
        known = {item.value for item in words}
        patch = edit.beside(known)
        for item in words:
            value = outcome(patch[item.value]) if item.value in patch else {}
            yield Splice(item.end, item.end, f": {inline(value or {})}")
        fresh = {name: edit for name, edit in patch.items() if name not in known and brings(edit)}
        yield from self._brackets(names, words, patch, fresh) if names.flow else self._dashes(words, fresh)

    def _brackets(self, names: Items, words: Sequence[Words], patch: Patch, fresh: Patch) -> Iterator[Splice]:
        yield Splice(names.opening - 1, names.opening, "{")
        new = "".join(f", {scalar(name)}: {inline(outcome(edit))}" for name, edit in fresh.items())
        yield Splice(words[-1].end, words[-1].end, new)
        yield Splice(names.end - 1, names.end, "}")
        texts = sum(len(f": {inline(outcome(patch.get(item.value, {})) or {})}") for item in words)
        yield from with_room(self.layout, names.end, len(new) + texts)

    def _dashes(self, words: Sequence[Words], fresh: Patch) -> Iterator[Splice]:
        text = self.layout.text
        for item in words:
            dash = text.rfind("-", 0, item.start)
            if text[dash + 1 : item.start].strip(" "):
                raise no_place(item, "a name behind its dash is expected")
            yield Splice(dash, item.start, "  ")
        indent = self.layout.column(text.rfind("-", 0, words[0].start)) + len("- ")
        lines = [line for name, edit in fresh.items() for line in block(name, edit, indent, self._step())]
        yield self._below(words[-1], lines, indent)

    def has_no_room(self, table: Table, patch: Patch, path: Path) -> bool:
        """Tell whether a flow mapping in one line has no room for what comes, so that it is unfolded."""
        fresh = {name: edit for name, edit in patch.items() if table.own(name) is None and brings(edit)}
        if not fresh or BREAK.search(self.layout.text, table.start, table.end):
            return False
        if any(isinstance(piece, Alias) or piece.anchor for piece in pieces_of(table)):
            return False
        if not table.pairs and len(path) <= _FIELDS:
            return True
        return self.layout.column(table.end) + len(inline(outcome(fresh))) > WIDTH

    def unfolded(self, pair: Pair, table: Table, node: Node, patch: Patch, path: Path) -> Iterator[Splice]:
        """Yield the cuts that write a flow mapping as a block, what is not patched as it stood."""
        wanted = patched(node.value, patch)
        indent = self.layout.column(pair.key.start) + self._step()
        lines: list[str] = []
        for name in self._ordered(wanted if isinstance(wanted, dict) else {}, path):
            kept = table.own(name) if name not in patch else None
            if kept:
                lines.append(" " * indent + self.layout.text[kept.key.start : kept.value.end])
            elif isinstance(wanted, dict):
                edit = Put(wanted[name]) if table.own(name) else patch.get(name, Put(wanted[name]))
                if lines and isinstance(edit, Mapping) and len(path) <= _RESOURCES:
                    lines.append("")
                lines += block(name, edit, indent, self._step())
        yield Splice(self.layout.skip(pair.key.end) + 1, table.end, "")
        end, newline = self.layout.line_end(table.end), self.layout.break_after(table.end)
        yield Splice(end, end, "".join(newline + line for line in lines))

    def _ordered(self, names: Iterable[str], path: Path) -> list[str]:
        ranks = self._ranks(path)
        return sorted(names, key=lambda name: ranks.get(name, len(ranks)))

    def _ranks(self, path: Path) -> Mapping[str, int]:
        return {name: rank for rank, name in enumerate(self.ranks(path))}

    def _ahead(self, stays: Sequence[Pair], name: str, path: Path) -> Pair | None:
        """Return the entry behind which a new one goes: the last one that may stand before it."""
        ranks = self._ranks(path)
        rank = ranks.get(name, len(ranks))
        ahead = [p for p in stays if p.name == "<<" or ranks.get(p.name, len(ranks)) <= rank]
        return ahead[-1] if ahead else None

    def _into_flow(self, table: Table, ahead: Pair | None, name: str, edit: Edit) -> Splice:
        quote = '"' if is_json(table) else ""
        new = f"{scalar(key_of(name, edit), quote)}: {inline(outcome(edit), quote=quote)}"
        if ahead:
            return Splice(ahead.value.end, ahead.value.end, f", {new}")
        if table.pairs:
            first = table.pairs[0].key.start
            return Splice(first, first, f"{new}, ")
        return Splice(table.opening, table.opening, new)

    def _into_block(self, table: Table, ahead: Pair | None, name: str, edit: Edit, path: Path) -> Splice:
        first = table.pairs[0].key.start
        indent = self.layout.column(first)
        blank = [""] if self._is_set_apart(table, edit, path) else []
        lines = [*block(name, edit, indent, self._step(), is_section=len(path) == _SECTIONS)]
        if ahead is None and self.layout.begins_its_line(first):
            start, newline = self.layout.line_start(first), self.layout.break_after(first)
            return Splice(start, start, "".join(line + newline for line in [*lines, *blank]))
        piece = (ahead or table.pairs[0]).value
        if len(path) == _SECTIONS and self.layout.skip(piece.end) == len(self.layout.text):
            return self._at_the_end([*blank, *lines])
        return self._below(piece, [*blank, *lines], indent)

    def _is_set_apart(self, table: Table, edit: Edit, path: Path) -> bool:
        """Tell whether a blank line goes before a new entry, as before the others of the mapping."""
        if len(path) > _RESOURCES or not isinstance(edit, Mapping):
            return False
        if len(table.pairs) == 1 or not path:
            return True
        above = self.layout.text[table.pairs[-2].value.end : table.pairs[-1].key.start]
        return any(not line.strip() for line in BREAK.split(above)[1:-1])

    def _below(self, piece: Piece, lines: Sequence[str], indent: int) -> Splice:
        """Insert lines below a piece, and below the comments that belong to it by their indentation."""
        end = self.layout.behind_comments(self.layout.code_end(piece), indent)
        newline = self.layout.break_after(piece.end)
        if end > piece.end and self.layout.line_start(end) == end:
            return Splice(end, end, "".join(line + newline for line in lines))
        return Splice(end, end, "".join(newline + line for line in lines))

    def _at_the_end(self, lines: Sequence[str]) -> Splice:
        text = self.layout.text
        newline = self.layout.break_after(max(0, len(text.rstrip("\r\n"))))
        whole = not text or text[-1] in "\r\n"
        if lines and not lines[0] and (not text or BREAK.split(text)[-2:] == ["", ""]):
            lines = lines[1:]
        joined = newline.join(lines)
        return Splice(len(text), len(text), joined + newline if whole else newline + joined)

    def _step(self) -> int:
        """Return by how much this file indents a mapping in another."""
        top = self.layout.top
        for pair in top.pairs if isinstance(top, Table) and not top.flow else ():
            if isinstance(pair.value, Table) and not pair.value.flow and pair.value.pairs:
                return self.layout.column(pair.value.pairs[0].key.start) or STEP
        return STEP
