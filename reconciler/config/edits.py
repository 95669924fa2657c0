"""Edits of existing YAML in place: only the touched lines differ, and nothing is guessed.

What is not cut stays byte for byte: comments, order, quotes, blank lines, line breaks, indentation, anchors.
What cannot be edited without guessing is refused with its place: a value behind an alias or a merge key, one
that counts elsewhere by its anchor, and any layout in which the cut text would not load as what was asked.
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import TypeAlias

from msgspec import Struct, field
from msgspec.structs import replace

from reconciler.config import nodes
from reconciler.config.layout import (
    Layout,
    Splice,
    inline,
    is_flow,
    is_json,
    name_of,
    nodes_of,
    quote_of,
    scalar,
    spliced,
)
from reconciler.config.names import visible
from reconciler.config.nodes import Alias, Document, Entry, Node, Scalar
from reconciler.config.yaml import read
from reconciler.engine.kind import Json
from reconciler.errors import NotEdited
from reconciler.problems import Place, Problem

Path: TypeAlias = tuple[str, ...]  # the keys on the way to a value, from the top of a file


class Put(Struct, frozen=True):
    """Sets a value, in place of any other; a value that is the same already stays as it is written.

    `comment` is written behind it, where it stands on a line of its own; a comment that is there already is
    replaced only if it is one of `outdated`. `instead_of` is another key, whose place it takes. `reasons` are
    for the items of a new list: behind each, or one that is the same for all behind the list.
    """

    value: Json
    comment: str = ""
    outdated: frozenset[str] = frozenset()
    instead_of: str = ""
    is_removal: bool = False
    reasons: tuple[str, ...] = ()


REMOVE = Put(None, is_removal=True)  # removes a key and its value, if they are there

Edits: TypeAlias = Mapping[Path, Put]
"""What is put where, in this order. A mapping that is missing is made; a list of names becomes a mapping."""

Ranks: TypeAlias = Callable[[Path], Sequence[str]]
"""The keys of the mapping at a path in the order in which they should stand; keys beside them come last."""

_SECTIONS, _RESOURCES, _FIELDS, _TARGETS = range(4)
"""How deep the mappings stand whose entries are sections, resources, fields, and blocks of targets."""
WIDTH = 100  # columns that a line made here should not pass
STEP = 2  # spaces of indentation, where a file shows no habit of its own


def edit(content: bytes, file: str, edits: Edits, ranks: Ranks = lambda _: ()) -> bytes:
    """Return the bytes of a file once it is edited; `ranks` say where new keys go.

    Promises: the result loads, and the loaded data differ in exactly the edited paths; lines that hold
    none of them are byte for byte as before. Errors: `NotEdited` with the place of everything that cannot
    be edited safely, and for a file that has problems as YAML.
    """
    document = read(content, file)
    if document.problems or not isinstance(document.top, nodes.Mapping):
        raise NotEdited(document.problems)
    wanted = _mapping_of(document.top.value)
    for path, put in edits.items():
        wanted = _applied(wanted, path, put)
    explained = {path[:end] for path, put in edits.items() if put.reasons for end in range(len(path) + 1)}
    commented = {path[:end] for path, put in edits.items() if put.comment for end in range(len(path))}
    cutter = _Cutter(Layout(content.decode("utf-8-sig")), document, edits, ranks, explained, commented)
    cutter.mapping(document.top, wanted, ())
    if cutter.problems:
        raise NotEdited(cutter.problems)
    return _checked(content, cutter.cuts, file, wanted)


def _mapping_of(value: Json) -> dict[str, Json]:
    if isinstance(value, list):
        return {str(name): {} for name in value}
    return {**value} if isinstance(value, dict) else {}


def _applied(value: Json, path: Path, put: Put) -> dict[str, Json]:
    """Return the plain value of a mapping in which something was put."""
    found = _mapping_of(value)
    name, *below = path
    if below and (name in found or not put.is_removal):
        found[name] = _applied(found.get(name), tuple(below), put)
    elif put.is_removal:
        found.pop(name, None)
    elif not below:
        found.pop(put.instead_of, None)
        found[name] = put.value
    return found


def _checked(content: bytes, cuts: Sequence[Splice], file: str, wanted: Json) -> bytes:
    """Return the file with its cuts made; `NotEdited` where it does not load as what is wanted."""
    if not cuts:
        return content
    message = "the layout of this file leaves no safe place for the edit"
    unsafe = NotEdited([Problem("edit-layout", Place(file, 1, 1), "", message, "edit it by hand")])
    try:
        edited = spliced(content.decode("utf-8-sig"), cuts).encode()
    except ValueError as error:
        raise unsafe from error
    document = read(edited, file)
    if document.problems or not same(document.top.value, wanted):
        raise unsafe
    return codecs.BOM_UTF8 + edited if content.startswith(codecs.BOM_UTF8) else edited


def same(one: Json, other: Json) -> bool:
    """Tell whether two plain values are the same, `1`, `1.0` and `true` being three."""
    return one is other or json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


class _Cutter(Struct):
    """Walks the tree of a file and the wanted value side by side; collects cuts, and what cannot be cut."""

    layout: Layout
    document: Document
    edits: Edits
    ranks: Ranks
    explained: Collection[Path]  # where an edit has reasons, which need lines, and what that stands in
    commented: Collection[Path]  # in what an edit stands that has a comment
    cuts: list[Splice] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def mapping(self, mapping: nodes.Mapping, wanted: Mapping[str, Json], path: Path) -> None:
        """Cut a mapping so that it holds what is wanted: its entries one by one, then what goes and comes."""
        if not mapping.written and not is_flow(mapping):
            if wanted:
                self._at_the_end(self._entries(self._in_order(wanted, ()), (), 0))
            return
        own = {name_of(entry): entry for entry in mapping.written}
        gone, fresh = dict(mapping.children), dict[str, Json]()
        for name, value in wanted.items():
            here = (*path, name)
            put = self.edits.get(here)
            old = put.instead_of or name if put and name not in gone else name
            if old not in gone:
                fresh[name] = value
            elif not same(gone.pop(old).value, value) or old != name:
                self._entry(mapping, old, own.get(old), value, here)
        for name in gone:
            if name not in own:
                self._refuse_merged(mapping, name, path)
        going = [entry for name, entry in own.items() if name in gone]
        if going:
            self._removed(mapping, going, path)
        if fresh:
            self._added(mapping, fresh, going, path)

    def _refuse(self, code: str, node: Node, path: Path, message: str, hint: str = "edit it by hand") -> None:
        key = ".".join(path[: _RESOURCES + 1])
        self.problems.append(Problem(code, node.source.place(node.start), key, message, hint))

    def _refuse_merged(self, mapping: nodes.Mapping, name: str, path: Path) -> None:
        line = mapping.children[name].key_place.line
        message = f"{visible(name)} comes through a merge key; it stands on line {line}"
        hint = "write the key here by hand to override it, or change it there for all that merge it"
        self._refuse("edit-merge", mapping, path, message, hint)

    def _is_shared(self, nodes: Iterable[Node], path: Path) -> bool:
        """Refuse, and say so, if an alias stands elsewhere for one of these values."""
        for node in nodes:
            if node.anchor in self.document.aliases and not isinstance(node, Alias):
                message = f"the value also counts elsewhere, by its anchor &{visible(node.anchor or '')}"
                hint = (
                    "write the values out by hand where they shall differ, or change it here by hand for all"
                )
                self._refuse("edit-anchor", node, path, message, hint)
                return True
        return False

    def _entry(self, mapping: nodes.Mapping, old: str, entry: Entry | None, wanted: Json, here: Path) -> None:
        """Cut one entry, which stands under the name `old`, so that it says what is wanted."""
        *above, name = here
        path = tuple(above)
        if entry is None:
            self._refuse_merged(mapping, old, path)
            return
        value, put = entry.value, self.edits.get(here)
        if isinstance(value, Alias):
            message = f"the value is the alias *{visible(value.anchor or '')}"
            hint = "write the value out here by hand, or change it at its anchor for all"
            self._refuse("edit-alias", value, path, message, hint)
        elif put:
            if not self._is_shared(nodes_of(value), path):
                self._put(mapping, entry, name, replace(put, value=wanted))
        elif self._is_shared([value], path) or not isinstance(wanted, dict):
            return
        elif not isinstance(value, nodes.Mapping | nodes.Sequence):
            message = f"{visible(name)} is no mapping, so nothing can be written into it"
            self._refuse("edit-layout", value, path, message)
        elif is_flow(value) and not is_flow(mapping) and self._has_no_room(value, wanted, here):
            if not self._is_shared(nodes_of(value), path):
                self._unfolded(entry, value, wanted, here)
        elif isinstance(value, nodes.Sequence):
            self._over_names(value, wanted, here)
        elif not is_flow(value) and not wanted:
            if not self._is_shared(nodes_of(value), path):
                self._put_over_lines(entry, "{}")
        else:
            self.mapping(value, wanted, here)

    # A value in place of another

    def _put(self, mapping: nodes.Mapping, entry: Entry, name: str, put: Put) -> None:
        old, longer = entry.value, 0
        if name_of(entry) != name:
            key = scalar(name, quote_of(entry.key))
            self.cuts.append((entry.key.start, entry.key.end, key))
            longer = len(key) - (entry.key.end - entry.key.start)
        if is_flow(mapping) or isinstance(old, Scalar) or is_flow(old):
            self._put_in_line(mapping, old, put, longer)
        elif isinstance(old, nodes.Sequence) and isinstance(put.value, list) and put.value:
            start = self.layout.inner_start(old)
            lines = _items(put.value, self.layout.column(start))
            self.cuts.append((start, old.end, self.layout.break_after(start).join(lines).lstrip(" ")))
        else:
            self._put_over_lines(entry, inline(put.value))

    def _put_in_line(self, mapping: nodes.Mapping, old: Node, put: Put, longer: int) -> None:
        """Replace a value in its line. Its comment keeps its column; an outdated one is put right.

        `longer` is by how many characters the text before it gets longer.
        """
        layout, start, end = self.layout, self.layout.inner_start(old), old.end
        like = "" if isinstance(put.value, list | dict) else quote_of(old)
        new = inline(put.value, quote='"' if is_json(mapping) else like)
        if isinstance(old, Scalar) and old.style in ("|", ">"):
            header = layout.text[old.start : min(layout.line_end(old.start), end)]
            _, sign, comment = header.partition("#")
            if sign:
                self.cuts.append((start, end, f"{new}  #{comment}"))
                return
        self.cuts.append((start, end, new))
        if is_flow(mapping):
            return
        there, eol = layout.comment_after(end), layout.line_end(end)
        if there is None:
            if put.comment:
                self.cuts.append((end, end, f"  # {put.comment}"))
            return
        is_outdated = layout.text[there:eol].lstrip("#").strip() in put.outdated
        if is_outdated and not put.comment:
            self.cuts.append((end, eol, ""))
            return
        self._room(end, 0 if layout.is_broken(start, end) else longer + len(new) - (end - start))
        if is_outdated:
            self.cuts.append((there, eol, f"# {put.comment}"))

    def _room(self, end: int, longer: int) -> None:
        """Let the comment behind a text stay in its column when the text gets longer."""
        comment = self.layout.comment_after(end)
        if comment is not None and comment - end > 1 and not self.layout.text[end:comment].strip(" "):
            self.cuts.append((end, comment, " " * max(2, comment - end - longer)))

    def _put_over_lines(self, entry: Entry, text: str) -> None:
        """Replace what stands on lines of its own below its key by a text behind the key."""
        value = entry.value
        colon = self.layout.skip(entry.key.end) + 1
        eol = self.layout.line_end(colon)
        anchor = value.start + len(value.anchor) + 1 if value.anchor else colon
        self.cuts.append((colon, anchor if anchor <= eol else colon, f" {text}"))
        self.cuts.append((eol, self.layout.line_end(value.end), ""))

    # Entries that go

    def _removed(self, mapping: nodes.Mapping, going: Sequence[Entry], path: Path) -> None:
        layout, in_line = self.layout, []
        if any(self._is_shared(nodes_of(entry.value), path) for entry in going):
            return
        for entry in going:
            has_its_lines = layout.begins_its_line(entry.key.start) and layout.ends_its_line(entry.value.end)
            if is_flow(mapping) and not has_its_lines:
                in_line.append(entry)
            else:
                end = layout.after_line(layout.code_end(entry.value))
                self.cuts.append((layout.line_start(entry.key.start), end, ""))
        for entry in in_line:
            # With the comma that parts it from what stays.
            at = mapping.written.index(entry)
            start, end = entry.key.start, entry.value.end
            if any(other not in in_line for other in mapping.written[:at]):
                start = mapping.written[at - 1].value.end
            elif at + 1 < len(mapping.written):
                end = mapping.written[at + 1].key.start
            else:
                comma = layout.skip(end)
                end = comma + 1 if layout.text[comma : comma + 1] == "," else end
            if layout.is_broken(start, end):
                message = f"{name_of(entry)} does not stand on one line, nor on lines of its own"
                self._refuse("edit-layout", entry.key, path, message)
                return
            self.cuts.append((start, end, ""))

    # Entries that come

    def _rank(self, path: Path) -> Callable[[str], int]:
        order = {name: rank for rank, name in enumerate(self.ranks(path))}
        return lambda name: order.get(name, len(order))

    def _in_order(self, values: Mapping[str, Json], path: Path, own: Collection[str] = ()) -> dict[str, Json]:
        """Return the entries of a mapping in their order, and so the mappings in it that are not its own."""
        found = {name: values[name] for name in sorted(values, key=self._rank(path))}
        for name, value in found.items():
            if isinstance(value, dict) and name not in own and (*path, name) not in self.edits:
                found[name] = self._in_order(value, (*path, name))
        return found

    def _added(
        self, mapping: nodes.Mapping, fresh: Mapping[str, Json], going: Collection[Entry], path: Path
    ) -> None:
        """Add entries to a mapping, each behind the last one that may stand before it."""
        rank, quote = self._rank(path), '"' if is_json(mapping) else ""
        stays = [entry for entry in mapping.written if entry not in going]
        for name, value in self._in_order(fresh, path).items():
            above = [e for e in stays if name_of(e) == "<<" or rank(name_of(e)) <= rank(name)]
            if not is_flow(mapping):
                self._into_block(mapping, above[-1] if above else None, (*path, name), value)
                continue
            at, new = mapping.opening, f"{scalar(name, quote)}: {inline(value, quote=quote)}"
            if above:
                at, new = above[-1].value.end, f", {new}"
            elif mapping.written:
                at, new = mapping.written[0].key.start, f"{new}, "
            self.cuts.append((at, at, new))

    def _into_block(self, mapping: nodes.Mapping, above: Entry | None, here: Path, value: Json) -> None:
        layout, first, blank = self.layout, mapping.written[0].key.start, list[str]()
        if self._is_set_apart(here, value):
            others = mapping.written[-2:]
            between = layout.text[others[0].value.end : others[-1].key.start]
            lines = nodes.LINE_BREAK.split(between)[1:-1]
            if len(others) == 1 or len(here) == 1 or not all(line.strip() for line in lines):
                blank = [""]
        lines = self._entry_lines(here, value, layout.column(first))
        if above is None and layout.begins_its_line(first):
            self._insert(layout.line_start(first), [*lines, *blank], first)
            return
        node = (above or mapping.written[0]).value
        if len(here) == 1 and layout.skip(node.end) == len(layout.text):
            self._at_the_end([*blank, *lines])
        else:
            self._under(node, [*blank, *lines], layout.column(first))

    def _entries(
        self, values: Mapping[str, Json], path: Path, indent: int, kept: Mapping[str, Entry] = {}
    ) -> list[str]:
        """Return the lines of the entries of a mapping; those that are kept as they stand."""
        lines: list[str] = []
        for name, value in values.items():
            here = (*path, name)
            if lines and self._is_set_apart(here, value) and name not in kept:
                lines.append("")
            entry = kept.get(name)
            if entry and same(entry.value.value, value):
                lines.append(" " * indent + self.layout.text[entry.key.start : entry.value.end])
            else:
                lines += self._entry_lines(here, value, indent, is_value=name in kept)
        return lines

    def _is_value(self, here: Path, value: Json) -> bool:
        """Tell whether an entry is written as one value, in its line if there is room."""
        return here in self.edits or not isinstance(value, dict) or not value or len(here) == _TARGETS + 1

    def _is_set_apart(self, here: Path, value: Json) -> bool:
        return len(here) <= _RESOURCES + 1 and not self._is_value(here, value)

    def _entry_lines(self, here: Path, value: Json, indent: int, *, is_value: bool = False) -> list[str]:
        """Return the lines of a new entry, each without its line break."""
        start, step = f"{' ' * indent}{scalar(here[-1])}:", self._step()
        if isinstance(value, dict) and not is_value and not self._is_value(here, value):
            return [start, *self._entries(value, here, indent + step)]
        put = self.edits.get(here, REMOVE)
        reasons = put.reasons if len({*put.reasons}) > 1 else ()
        comment = put.comment or "".join(put.reasons[:1] if not reasons else ())
        line, behind = f"{start} {inline(value)}", f"  # {comment}" if comment else ""
        # For comments alone the block of a target stays in its line, not what it holds once it is on lines.
        has_lines = here in self.explained or (
            is_value and len(here) != _TARGETS + 1 and here in self.commented
        )
        has_reasons = reasons or (isinstance(value, dict) and has_lines)
        if not isinstance(value, list | dict) or not (has_reasons or len(line + behind) > WIDTH):
            return [line + behind]
        lines = [start + behind]
        if isinstance(value, list):
            return [*lines, *_items(value, indent + step, reasons)]
        for name, inner in value.items():
            lines += self._entry_lines((*here, name), inner, indent + step, is_value=True)
        return lines

    def _under(self, node: Node, lines: Sequence[str], indent: int) -> None:
        self._insert(self.layout.behind_comments(self.layout.code_end(node), indent), lines, node.end)

    def _at_the_end(self, lines: Sequence[str]) -> None:
        text = self.layout.text
        if not lines[0] and (not text or nodes.LINE_BREAK.split(text)[-2:] == ["", ""]):
            lines = lines[1:]
        self._insert(len(text), lines, len(text.rstrip("\r\n")))

    def _insert(self, at: int, lines: Sequence[str], like: int) -> None:
        """Insert lines where one begins or ends, with the line break that stands behind another offset."""
        newline, begins = self.layout.break_after(like), self.layout.line_start(at) == at
        new = [line + newline if begins else newline + line for line in lines]
        self.cuts.append((at, at, "".join(new)))

    def _step(self) -> int:
        """Return by how much this file indents a mapping in another."""
        top = self.document.top
        for entry in top.written if isinstance(top, nodes.Mapping) and not is_flow(top) else ():
            if isinstance(entry.value, nodes.Mapping) and entry.value.written and not is_flow(entry.value):
                return self.layout.column(entry.value.written[0].key.start) or STEP
        return STEP

    # A list of names that becomes a mapping, and a mapping in one line that becomes a block

    def _over_names(self, names: nodes.Sequence, wanted: Mapping[str, Json], here: Path) -> None:
        """Make a mapping of a list of names, each where it stood."""
        layout, text, path = self.layout, self.layout.text, here[:-1]
        words = [(item, str(item.value)) for item in names.children if isinstance(item, Scalar)]
        if not words or len(words) < len(names.children):
            self._refuse("edit-layout", names, path, "a list of names is expected")
            return
        last, _ = words[-1]
        fresh = [name for name in wanted if name not in {word for _, word in words}]
        values = [f": {inline(wanted.get(name, {}))}" for _, name in words]
        self.cuts += [(item.end, item.end, value) for (item, _), value in zip(words, values, strict=True)]
        if is_flow(names):
            new = "".join(f", {scalar(name)}: {inline(wanted[name])}" for name in fresh)
            self.cuts.append((names.opening - 1, names.opening, "{"))
            self.cuts.append((last.end, last.end, new))
            self.cuts.append((names.end - 1, names.end, "}"))
            self._room(names.end, len(new) + sum(map(len, values)))
            return
        for item, _ in words:
            dash = text.rfind("-", 0, item.start)
            if text[dash + 1 : item.start].strip(" "):
                self._refuse("edit-layout", item, path, "a name behind its dash is expected")
                return
            self.cuts.append((dash, item.start, "  "))
        indent, lines = layout.column(text.rfind("-", 0, words[0][0].start)) + len("- "), list[str]()
        for name in fresh:
            lines += self._entry_lines((*here, name), wanted[name], indent, is_value=True)
        self._under(last, lines, indent)

    def _has_no_room(
        self, old: nodes.Mapping | nodes.Sequence, wanted: Mapping[str, Json], here: Path
    ) -> bool:
        """Tell whether a mapping or list in one line has no room for what comes, so that it is unfolded."""
        if isinstance(old, nodes.Mapping):
            own = [name_of(entry) for entry in old.written]
        else:
            own = [str(item.value) for item in old.children if isinstance(item, Scalar)]
            if not own or len(own) < len(old.children):
                return False
        fresh = {name: value for name, value in wanted.items() if name not in own}
        if self.layout.is_broken(old.start, old.end):
            return False
        if any(isinstance(inner, Alias) or inner.anchor for inner in nodes_of(old)):
            return False
        if here in self.explained or (not own and len(here) <= _FIELDS):
            return True
        end, longer = self.layout.column(old.end), len(inline(dict(wanted))) - len(inline(old.value))
        return bool(fresh or end <= WIDTH) and end + longer > WIDTH

    def _unfolded(self, entry: Entry, old: Node, wanted: Mapping[str, Json], here: Path) -> None:
        """Write a flow mapping, or list of names, as a block, what is not edited as it stood."""
        own = {name_of(one): one for one in (old.written if isinstance(old, nodes.Mapping) else ())}
        indent = self.layout.column(entry.key.start) + self._step()
        self.cuts.append((self.layout.skip(entry.key.end) + 1, old.end, ""))
        self._room(old.end, WIDTH)  # nothing is left in that column
        lines = self._entries(self._in_order(wanted, here, own), here, indent, own)
        self._insert(self.layout.line_end(old.end), lines, old.end)


def _items(value: Sequence[Json], indent: int, reasons: Sequence[str] = ()) -> list[str]:
    """Return one line an item of a list, each without its line break, with its reason where there are any."""
    behind = [f"  # {reason}" for reason in reasons] or [""] * len(value)
    return [f"{' ' * indent}- {inline(item)}{why}" for item, why in zip(value, behind, strict=True)]


# The order of keys


def ordered(content: bytes, file: str, ranks: Ranks) -> bytes:
    """Return a file in which the keys of every mapping with ranks stand in their order.

    A comment moves with the key right below it, or on whose line it stands, or under which it is indented.
    Blank lines, and comments with a blank line below them, stay where they are.

    Idempotent; the loaded data are the same. A mapping in which an anchor is set stays as it is, for an alias
    has to stand behind its anchor; so does a flow mapping over several lines. Errors: `NotEdited` for a file
    with problems as YAML.
    """
    document = read(content, file)
    if document.problems:
        raise NotEdited(document.problems)
    moves = _moves(Layout(content.decode("utf-8-sig")), document.top, (), ranks)
    return _checked(content, moves, file, document.top.value)


def _moves(layout: Layout, node: Node, path: Path, ranks: Ranks) -> list[Splice]:
    """Return the cuts that put the keys of a mapping, and of the mappings in it, into order."""
    if not isinstance(node, nodes.Mapping):
        return []
    inside = [_moves(layout, entry.value, (*path, name_of(entry)), ranks) for entry in node.written]
    rank = {name: number for number, name in enumerate(ranks(path))}
    order = sorted(range(len(inside)), key=lambda number: rank.get(name_of(node.written[number]), len(rank)))
    below = (inner for inner in nodes_of(node) if inner is not node)
    holds_anchor = any(inner.anchor and not isinstance(inner, Alias) for inner in below)
    spans = [] if order == sorted(order) or holds_anchor else _spans(layout, node)
    if not spans:
        return [move for moves in inside for move in moves]
    texts = [spliced(layout.text, moves, *span) for moves, span in zip(inside, spans, strict=True)]
    moved: list[Splice] = []
    for (start, end), number in zip(spans, order, strict=True):
        text = texts[number]
        if not is_flow(node) and not nodes.LINE_BREAK.search(text[-1:]):
            text += layout.break_after(len(layout.text))
        if not is_flow(node) and not nodes.LINE_BREAK.search(layout.text[end - 1 : end]):
            # The file ends without a line break, and still does.
            text = text.removesuffix("\n").removesuffix("\r")
        moved.append((start, end, text))
    return moved


def _spans(layout: Layout, mapping: nodes.Mapping) -> list[tuple[int, int]]:
    """Return from where to where each entry stands, on lines with its comments; none if they cannot move."""
    if is_flow(mapping):
        is_broken = layout.is_broken(mapping.start, mapping.end)
        return [] if is_broken else [(entry.key.start, entry.value.end) for entry in mapping.written]
    if not all(layout.begins_its_line(entry.key.start) for entry in mapping.written):
        return []
    spans: list[tuple[int, int]] = []
    for entry in mapping.written:
        column = layout.column(entry.key.start)
        end = layout.after_line(layout.behind_comments(layout.code_end(entry.value), column))
        start, floor = layout.line_start(entry.key.start), spans[-1][1] if spans else 0
        while start > floor:
            above = layout.line_above(start)
            if above < floor or not layout.text.startswith(" " * column + "#", above):
                break
            start = above
        spans.append((start, end))
    return spans
