"""What shall be different in a file: a tree of keys with what becomes of each."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias

from msgspec import Struct, field

from reconciler.config.layout import (
    BREAK,
    Alias,
    Items,
    Layout,
    Overlap,
    Pair,
    Piece,
    Splice,
    Table,
    Unsafe,
    Words,
    is_json,
    laid_out,
    no_place,
    pieces_of,
    quote_of,
    spliced,
)
from reconciler.config.names import visible
from reconciler.config.nodes import Node
from reconciler.config.yaml import Refusal, plain, read
from reconciler.engine.kind import Json
from reconciler.errors import NotEdited
from reconciler.problems import Place, Problem

Path: TypeAlias = tuple[str, ...]
"""The keys on the way to a value, from the top of a file."""


class Put(Struct, frozen=True):
    """This value shall stand there, whatever stood there before; a value that is the same stays as written.

    `comment` is written behind it, where it stands on a line of its own; a comment that is there already is
    replaced only if it is one of `outdated`. `key`, if given, is the name under which it stands from then on.
    """

    value: Json
    comment: str = ""
    outdated: frozenset[str] = frozenset()
    key: str = ""


class Remove(Struct, frozen=True):
    """The key shall go, and what stands behind it."""


class OverNames(Struct, frozen=True):
    """A mapping to be patched, in whose place a list of its keys may stand: `[one]` for `{one: {}}`.

    A new entry of it goes on one line, if there is room.
    """

    patch: Patch

    def beside(self, known: Collection[str]) -> Patch:
        """Return the patch, in which every entry that is not known yet is one value."""
        new = (name for name, edit in self.patch.items() if name not in known and brings(edit))
        return {**self.patch, **{name: Put(outcome(self.patch[name])) for name in new}}


Edit: TypeAlias = "Put | Remove | OverNames | Patch"
Patch: TypeAlias = Mapping[str, Edit]
"""Edits of the entries of a mapping. A mapping that is missing is made; a `Put` replaces, it never merges."""

Ranks: TypeAlias = Callable[[Path], Sequence[str]]
"""The keys of the mapping at a path in the order in which they should stand; keys beside them come last."""


def no_ranks(path: Path) -> Sequence[str]:
    """Return no order: every key comes last."""
    del path
    return ()


class Edits(Struct):
    """Gathers edits of one file, path by path, into one patch."""

    tree: dict[str, Edit] = field(default_factory=dict)

    def put(self, path: Sequence[str], edit: Edit, names: int | None = None) -> None:
        """Add an edit; of two at one path the later counts.

        `names` is the place in the path of a key behind which a list of names may stand, as in `OverNames`.
        """
        here = self.tree
        for at, step in enumerate(path[:-1]):
            here = _inside(here, step, over_names=at == names)
        here[path[-1]] = edit


def _inside(here: dict[str, Edit], step: str, *, over_names: bool) -> dict[str, Edit]:
    inner = here.get(step)
    patch = inner.patch if isinstance(inner, OverNames) else inner
    if not isinstance(patch, dict):
        patch = {}
        here[step] = OverNames(patch) if over_names else patch
    return patch


def brings(edit: Edit) -> bool:
    """Tell whether something stands where an edit was made in place of nothing."""
    if isinstance(edit, OverNames):
        return brings(edit.patch)
    return isinstance(edit, Put) or (isinstance(edit, Mapping) and any(map(brings, edit.values())))


def is_nothing(edit: Edit) -> bool:
    """Tell whether an edit asks for no difference at all, like an empty patch."""
    if isinstance(edit, OverNames):
        return is_nothing(edit.patch)
    return isinstance(edit, Mapping) and all(map(is_nothing, edit.values()))


def outcome(edit: Edit) -> Json:
    """Return what stands where an edit was made in place of nothing."""
    match edit:
        case Put(value=value):
            return value
        case OverNames(patch=patch):
            return outcome(patch)
        case Mapping():
            return {key_of(name, inner): outcome(inner) for name, inner in edit.items() if brings(inner)}
    return None


def key_of(name: str, edit: Edit) -> str:
    """Return the key under which something stands once it was edited."""
    return edit.key or name if isinstance(edit, Put) else name


def patched(value: Json, edit: Edit) -> Json:
    """Return the plain value that is loaded where `value` was and an edit was made."""
    if isinstance(edit, OverNames):
        names = {str(name): {} for name in value} if isinstance(value, list) else value
        return patched(names, edit.patch)
    if not isinstance(edit, Mapping) or not isinstance(value, dict):
        return outcome(edit)
    found = dict(value)
    for name, inner in edit.items():
        is_there = name in found
        before = found.pop(name, None) if isinstance(inner, Put | Remove) else found.get(name)
        if not isinstance(inner, Remove) and (is_there or brings(inner)):
            found[key_of(name, inner)] = patched(before, inner)
    return found


WIDTH = 100
"""Columns that a line made here should not pass."""
STEP = 2
"""Spaces of indentation, where a file shows no habit of its own."""

_PLAIN = re.compile(r"\w(?:[^:#,\[\]{}]*[^:#,\[\]{}\s])?")
_JOINERS = "\u200c\u200d"  # parts of ordinary words and emoji


def scalar(value: Json, like: str = "") -> str:
    """Return a scalar in one line; `like` is the quote of the value that it replaces, if it had one."""
    if isinstance(value, str):
        return _text(value, like)
    return json.dumps(value)


def _text(text: str, like: str) -> str:
    if like == "'" and text.isprintable():
        return "'" + text.replace("'", "''") + "'"
    return text if like != '"' and _may_be_plain(text) else double_quoted(text)


def _may_be_plain(text: str) -> bool:
    meaning = plain(text)
    return bool(_PLAIN.fullmatch(text)) and text.isprintable() and meaning == (text, None)


def double_quoted(text: str) -> str:
    """Return text in double quotes, with an escape for every character that cannot be seen."""
    quoted = json.dumps(text, ensure_ascii=False)
    return "".join(c if c.isprintable() or c in _JOINERS else _escaped(c) for c in quoted)


def _escaped(character: str) -> str:
    code = ord(character)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def inline(value: Json, *, quote: str = "") -> str:
    """Return any value in one line, collections in flow style; with `quote`, texts and keys have quotes."""
    if isinstance(value, Mapping):
        return (
            "{" + ", ".join(f"{scalar(k, quote)}: {inline(v, quote=quote)}" for k, v in value.items()) + "}"
        )
    if isinstance(value, list):
        return "[" + ", ".join(inline(item, quote=quote) for item in value) + "]"
    return scalar(value, quote)


def block(name: str, edit: Edit, indent: int, step: int, *, is_section: bool = False) -> Iterator[str]:
    """Yield the lines of a key with what an edit puts behind it, each without its line break.

    The entries of a section are set apart by blank lines.
    """
    start = " " * indent + scalar(key_of(name, edit)) + ":"
    match edit:
        case Remove():
            return
        case OverNames():
            yield from block(name, edit.beside(()), indent, step)
        case Put(value=value, comment=comment):
            yield from _value(start, value, comment, indent, step)
        case Mapping():
            yield start
            entries = [(inner_name, inner) for inner_name, inner in edit.items() if brings(inner)]
            for number, (inner_name, inner) in enumerate(entries):
                if is_section and number and isinstance(inner, Mapping):
                    yield ""
                yield from block(inner_name, inner, indent + step, step)


def _value(start: str, value: Json, comment: str, indent: int, step: int) -> Iterator[str]:
    line = f"{start} {inline(value)}"
    if not value or not isinstance(value, list | dict) or len(line) <= WIDTH:
        yield with_comment(line, comment)
        return
    yield with_comment(start, comment)
    if isinstance(value, list):
        yield from items(value, indent + step)
    else:
        for name, inner in value.items():
            yield from block(name, Put(inner), indent + step, step)


def items(value: Iterable[Json], indent: int) -> Iterator[str]:
    """Yield one line an item of a list, each without its line break."""
    yield from (f"{' ' * indent}- {inline(item)}" for item in value)


def with_comment(line: str, comment: str) -> str:
    """Return a line with a comment behind it, if there is one."""
    return f"{line}  # {comment}" if comment else line


def put(layout: Layout, table: Table, pair: Pair, edit: Put) -> Iterator[Splice]:
    """Yield the cuts that replace the value of an entry, and its key where it gets another name."""
    key = scalar(edit.key or pair.name, quote_of(pair.key))
    if edit.key and edit.key != pair.name:
        yield Splice(pair.key.start, pair.key.end, key)
    if table.flow or isinstance(pair.value, Words) or _is_flow(pair.value):
        longer = len(key) - (pair.key.end - pair.key.start) if edit.key else 0
        yield from _in_line(layout, table, pair.value, edit, longer)
    elif isinstance(pair.value, Items) and isinstance(edit.value, list) and edit.value:
        yield _list(layout, pair.value, edit.value)
    else:
        yield from _over_lines(layout, pair, inline(edit.value))


def emptied(layout: Layout, pair: Pair) -> Iterator[Splice]:
    """Yield the cuts that leave an empty mapping of one that stands on lines of its own."""
    yield from _over_lines(layout, pair, "{}")


def _is_flow(piece: Piece) -> bool:
    return isinstance(piece, Table | Items) and piece.flow


def _in_line(layout: Layout, table: Table, old: Piece, edit: Put, longer: int) -> Iterator[Splice]:
    is_scalar = not isinstance(edit.value, list | dict)
    quote = '"' if is_json(table) else quote_of(old) if is_scalar else ""
    header, start = _header_comment(layout, old), layout.inner_start(old)
    new = inline(edit.value, quote=quote) + header
    yield Splice(start, old.end, new)
    if not table.flow and not header:
        is_one_line = not BREAK.search(layout.text, start, old.end)
        yield from _comment(
            layout, old.end, edit, longer + len(new) - (old.end - start) if is_one_line else 0
        )


def _header_comment(layout: Layout, piece: Piece) -> str:
    """Return the comment behind the | or > of a text that runs over lines."""
    if not isinstance(piece, Words) or piece.style not in ("|", ">"):
        return ""
    header = layout.text[piece.start : min(layout.line_end(piece.start), piece.end)]
    _, sign, comment = header.partition("#")
    return f"  #{comment}" if sign else ""


def _comment(layout: Layout, end: int, edit: Put, longer: int) -> Iterator[Splice]:
    """Put a comment behind a value that got longer, or an outdated one right; any other comment stays."""
    there, eol = layout.comment_after(end), layout.line_end(end)
    if there is None:
        if edit.comment:
            yield Splice(end, end, f"  # {edit.comment}")
        return
    is_outdated = layout.text[there:eol].lstrip("#").strip() in edit.outdated
    if is_outdated and not edit.comment:
        yield Splice(end, eol, "")
        return
    yield from with_room(layout, end, longer)
    if is_outdated:
        yield Splice(there, eol, f"# {edit.comment}")


def with_room(layout: Layout, end: int, longer: int) -> Iterator[Splice]:
    """Yield the cut that lets the comment behind a text stay in its column when the text gets longer."""
    comment = layout.comment_after(end)
    if comment is not None and comment - end > 1 and not layout.text[end:comment].strip(" "):
        yield Splice(end, comment, " " * max(2, comment - end - longer))


def _list(layout: Layout, old: Items, value: list[Json]) -> Splice:
    """Replace a list by another one, an item a line, under each other where the old ones stood."""
    start = layout.inner_start(old)
    newline = layout.break_after(start)
    return Splice(start, old.end, newline.join(items(value, layout.column(start))).lstrip(" "))


def _over_lines(layout: Layout, pair: Pair, text: str) -> Iterator[Splice]:
    """Replace what stands on lines of its own below its key by a text behind the key."""
    colon = layout.skip(pair.key.end) + 1
    eol = layout.line_end(colon)
    anchor = pair.value.start + len(pair.value.anchor) + 1 if pair.value.anchor else colon
    yield Splice(colon, anchor if anchor <= eol else colon, f" {text}")
    yield Splice(eol, layout.line_end(pair.value.end), "")


def removed(layout: Layout, table: Table, gone: Sequence[Pair]) -> Iterator[Splice]:
    """Yield the cuts that remove entries of a mapping; comments above them stay."""
    with_lines = [pair for pair in gone if not table.flow or _has_its_lines(layout, pair)]
    for pair in with_lines:
        yield _lines(layout, pair)
    yield from _texts(layout, table, [pair for pair in gone if pair not in with_lines])


def _has_its_lines(layout: Layout, pair: Pair) -> bool:
    return layout.begins_its_line(pair.key.start) and layout.ends_its_line(pair.value.end)


def _lines(layout: Layout, pair: Pair) -> Splice:
    end = layout.code_end(pair.value)
    if layout.line_start(end) != end:
        end = layout.next_line(end)
    return Splice(layout.line_start(pair.key.start), end, "")


def _texts(layout: Layout, table: Table, gone: Sequence[Pair]) -> Iterator[Splice]:
    """Cut entries out of a line, each with the comma that parts it from what stays."""
    for pair in gone:
        at = table.pairs.index(pair)
        if any(other not in gone for other in table.pairs[:at]):
            cut = Splice(table.pairs[at - 1].value.end, pair.value.end, "")
        elif at + 1 < len(table.pairs):
            cut = Splice(pair.key.start, table.pairs[at + 1].key.start, "")
        else:
            cut = Splice(pair.key.start, layout.behind_comma(pair.value.end), "")
        if BREAK.search(layout.text, cut.start, cut.end):
            raise no_place(pair.key, f"{pair.name} does not stand on one line, nor on lines of its own")
        yield cut


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
    message = f"{visible(name)} comes through a merge key; it stands on line {node.key_place.line}"
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


def edit(content: bytes, file: str, patch: Patch, ranks: Ranks = no_ranks) -> bytes:
    """Return the bytes of a file once it is patched; `ranks` say where new keys go.

    Promises: the result loads, and the loaded data differ in exactly the patched paths; lines that hold
    none of them are byte for byte as before. Errors: `NotEdited` with the place of everything that cannot
    be edited safely, and for a file that has problems as YAML.
    """
    document = read(content, file)
    if document.problems:
        raise NotEdited(document.problems)
    text = content.decode("utf-8-sig")
    patch = _in_order(patch, (), ranks)
    cutter = Cutter(laid_out(text), file, ranks)
    cuts = list(cutter.cuts(document.top, patch))
    if cutter.problems:
        raise NotEdited(cutter.problems)
    if not cuts:
        return content
    mark = codecs.BOM_UTF8 if content.startswith(codecs.BOM_UTF8) else b""
    return mark + checked(text, cuts, file, patched(document.top.value, patch))


def _in_order(patch: Patch, path: Path, ranks: Ranks) -> Patch:
    """Return a patch with its keys in the order in which they should stand."""
    order = {name: rank for rank, name in enumerate(ranks(path))}
    return {
        name: _in_order(inner, (*path, name), ranks) if isinstance(inner, Mapping) else inner
        for name, inner in sorted(patch.items(), key=lambda entry: order.get(entry[0], len(order)))
    }


def checked(text: str, cuts: Sequence[Splice], file: str, wanted: Json) -> bytes:
    """Return the text with its cuts made, as bytes; `NotEdited` where it does not load as what is wanted."""
    try:
        edited = spliced(text, cuts).encode()
    except (Overlap, UnicodeEncodeError) as error:
        raise NotEdited([_unsafe(file)]) from error
    document = read(edited, file)
    if document.problems or not same(document.top.value, wanted):
        raise NotEdited([_unsafe(file)])
    return edited


def _unsafe(file: str) -> Problem:
    message = "the layout of this file leaves no safe place for the edit"
    return Problem("edit-layout", Place(file, 1, 1), "", message, "edit it by hand")


def same(one: Json, other: Json) -> bool:
    """Tell whether two plain values are the same, `1`, `1.0` and `true` being three."""
    return _canonical(one) == _canonical(other)


def _canonical(value: Json) -> str:
    return json.dumps(value, sort_keys=True)
