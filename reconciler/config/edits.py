"""Edits of existing YAML in place: only the touched lines differ, and nothing is guessed.

What is not cut stays byte for byte: comments, order, quotes, blank lines, line breaks, indentation, anchors.
What cannot be edited without guessing is refused with its place: a value behind an alias or a merge key, one
that counts elsewhere by its anchor, and any layout in which the cut text would not load as what was asked.
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias

from msgspec import Struct, field

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
from reconciler.config.nodes import Alias, Entry, Node, Scalar
from reconciler.config.yaml import read
from reconciler.engine.kind import Json
from reconciler.errors import NotEdited
from reconciler.problems import Place, Problem

Path: TypeAlias = tuple[str, ...]
"""The keys on the way to a value, from the top of a file."""


class Put(Struct, frozen=True):
    """Sets a value, in place of any other; a value that is the same already stays as it is written.

    `comment` is written behind it, where it stands on a line of its own; a comment that is there already is
    replaced only if it is one of `outdated`. `key`, if given, is the name under which it stands from then on.
    """

    value: Json
    comment: str = ""
    outdated: frozenset[str] = frozenset()
    key: str = ""


class Remove(Struct, frozen=True):
    """Removes a key and its value."""


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


def add_edit(patch: dict[str, Edit], path: Sequence[str], edit: Edit, names: int | None = None) -> None:
    """Add an edit to a patch; of two at one path the later counts.

    `names` is the place in the path of a key behind which a list of names may stand, as in `OverNames`.
    """
    for at, step in enumerate(path[:-1]):
        inner = patch.get(step)
        below = inner.patch if isinstance(inner, OverNames) else inner
        if not isinstance(below, dict):
            below = {}
            patch[step] = OverNames(below) if at == names else below
        patch = below
    patch[path[-1]] = edit


def brings(edit: Edit) -> bool:
    """Tell whether something stands where an edit was made in place of nothing."""
    patch = edit.patch if isinstance(edit, OverNames) else edit
    return isinstance(edit, Put) or (isinstance(patch, Mapping) and any(map(brings, patch.values())))


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


_DEEPEST = 8
"""Mappings inside each other that have an order of their own; a resource has four."""
WIDTH = 100
"""Columns that a line made here should not pass."""
STEP = 2
"""Spaces of indentation, where a file shows no habit of its own."""


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
            line, behind = f"{start} {inline(value)}", f"  # {comment}" if comment else ""
            if not value or not isinstance(value, list | dict) or len(line) <= WIDTH:
                yield line + behind
                return
            yield start + behind
            if isinstance(value, list):
                yield from items(value, indent + step)
            else:
                for inner_name, inner_value in value.items():
                    yield from block(inner_name, Put(inner_value), indent + step, step)
        case Mapping():
            yield start
            entries = [(inner_name, inner) for inner_name, inner in edit.items() if brings(inner)]
            for number, (inner_name, inner) in enumerate(entries):
                if is_section and number and isinstance(inner, Mapping):
                    yield ""
                yield from block(inner_name, inner, indent + step, step)


def items(value: Iterable[Json], indent: int) -> list[str]:
    """Return one line an item of a list, each without its line break."""
    return [f"{' ' * indent}- {inline(item)}" for item in value]


_SECTIONS, _RESOURCES, _FIELDS = 0, 1, 2
"""How deep the mappings stand whose entries are sections, resources, and fields."""


def edit(content: bytes, file: str, patch: Patch, ranks: Ranks = lambda _: ()) -> bytes:
    """Return the bytes of a file once it is patched; `ranks` say where new keys go.

    Promises: the result loads, and the loaded data differ in exactly the patched paths; lines that hold
    none of them are byte for byte as before. Errors: `NotEdited` with the place of everything that cannot
    be edited safely, and for a file that has problems as YAML.
    """
    document = read(content, file)
    if document.problems or not isinstance(document.top, nodes.Mapping):
        raise NotEdited(document.problems)
    text = content.decode("utf-8-sig")
    cutter = _Cutter(Layout(text), document.top, document.aliases, ranks)
    cuts = list(cutter.cuts(patch))
    if cutter.problems:
        raise NotEdited(cutter.problems)
    if not cuts:
        return content
    edited = _checked(text, cuts, file, patched(document.top.value, patch))
    return codecs.BOM_UTF8 + edited if content.startswith(codecs.BOM_UTF8) else edited


def _checked(text: str, cuts: Sequence[Splice], file: str, wanted: Json) -> bytes:
    """Return the text with its cuts made, as bytes; `NotEdited` where it does not load as what is wanted."""
    message = "the layout of this file leaves no safe place for the edit"
    unsafe = NotEdited([Problem("edit-layout", Place(file, 1, 1), "", message, "edit it by hand")])
    try:
        edited = spliced(text, cuts).encode()
    except ValueError as error:
        raise unsafe from error
    document = read(edited, file)
    if document.problems or not same(document.top.value, wanted):
        raise unsafe
    return edited


def same(one: Json, other: Json) -> bool:
    """Tell whether two plain values are the same, `1`, `1.0` and `true` being three."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


class _Unsafe(Exception):
    """Something cannot be edited without guessing, and why."""

    def __init__(self, code: str, node: Node, message: str, hint: str = "edit it by hand") -> None:
        super().__init__(code)
        self.code, self.node, self.message, self.hint = code, node, message, hint


class _Cutter(Struct):
    """Walks a patch and the tree of a file side by side, finds where to cut, and keeps what cannot be cut."""

    layout: Layout
    top: nodes.Mapping
    aliases: frozenset[str]
    """The anchors that an alias stands for somewhere."""
    ranks: Ranks
    problems: list[Problem] = field(default_factory=list)

    def cuts(self, patch: Patch) -> Iterator[Splice]:
        """Yield the cuts for a patch of the whole file."""
        if self.top.written or is_flow(self.top):
            yield from self._mapping(self.top, patch, ())
        elif brings(patch):
            lines: list[str] = []
            for name, change in self._in_order(patch, ()).items():
                if brings(change):
                    lines += [*([""] if lines else []), *block(name, change, 0, STEP, is_section=True)]
            yield self._at_the_end(lines)

    def _mapping(self, mapping: nodes.Mapping, patch: Patch, path: Path) -> Iterator[Splice]:
        own = {name_of(entry): entry for entry in mapping.written}
        gone: list[Entry] = []
        fresh: dict[str, Edit] = {}
        for name, change in patch.items():
            entry = own.get(name)
            if name not in mapping.children:
                if brings(change):
                    fresh[name] = change
            elif entry and isinstance(change, Remove):
                gone.append(entry)
            else:
                yield from self._safely(self._entry(mapping, entry, name, change, path), path)
        if gone:
            yield from self._safely(self._removed(mapping, gone), path)
        if fresh:
            yield from self._safely(self._added(mapping, fresh, gone, path), path)

    def _safely(self, cuts: Iterator[Splice], path: Path) -> Iterator[Splice]:
        try:
            yield from cuts
        except _Unsafe as unsafe:
            place = unsafe.node.source.place(unsafe.node.start)
            key = ".".join(path[: _RESOURCES + 1])
            self.problems.append(Problem(unsafe.code, place, key, unsafe.message, unsafe.hint))

    def _entry(
        self, mapping: nodes.Mapping, entry: Entry | None, name: str, change: Edit, path: Path
    ) -> Iterator[Splice]:
        node = mapping.children[name]
        if isinstance(change, Put) and key_of(name, change) == name and same(node.value, change.value):
            return
        if entry is None:
            line = node.key_place.line
            message = f"{visible(name)} comes through a merge key; it stands on line {line}"
            hint = "write the key here by hand to override it, or change it there for all that merge it"
            raise _Unsafe("edit-merge", mapping, message, hint)
        value = entry.value
        if isinstance(value, Alias):
            message = f"the value is the alias *{visible(value.anchor or '')}"
            hint = "write the value out here by hand, or change it at its anchor for all"
            raise _Unsafe("edit-alias", value, message, hint)
        self._check_not_shared([value])
        if isinstance(change, Put):
            self._check_not_shared(nodes_of(value))
            yield from self._put(mapping, entry, change)
        elif isinstance(change, OverNames) and isinstance(value, nodes.Sequence):
            yield from self._over_names(value, change)
        elif not isinstance(change, Remove):
            known = value.children if isinstance(value, nodes.Mapping) else ()
            inner = change.beside(known) if isinstance(change, OverNames) else change
            yield from self._below(mapping, entry, inner, (*path, name))

    def _check_not_shared(self, nodes: Iterable[Node]) -> None:
        for node in nodes:
            if node.anchor in self.aliases and not isinstance(node, Alias):
                message = f"the value also counts elsewhere, by its anchor &{visible(node.anchor or '')}"
                hint = (
                    "write the values out by hand where they shall differ, or change it here by hand for all"
                )
                raise _Unsafe("edit-anchor", node, message, hint)

    def _below(self, mapping: nodes.Mapping, entry: Entry, patch: Patch, path: Path) -> Iterator[Splice]:
        inner = entry.value
        if not isinstance(inner, nodes.Mapping):
            message = f"{visible(path[-1])} is no mapping, so nothing can be written into it"
            raise _Unsafe("edit-layout", inner, message)
        gone = {name for name, change in patch.items() if isinstance(change, Remove)}
        is_emptied = {name_of(one) for one in inner.written} <= gone and not brings(patch)
        if is_flow(inner) and not is_flow(mapping) and self._has_no_room(inner, patch, path):
            self._check_not_shared(nodes_of(inner))
            yield from self._unfolded(entry, inner, patch, path)
        elif not is_flow(inner) and is_emptied:
            self._check_not_shared(nodes_of(inner))
            yield from self._put_over_lines(entry, "{}")
        else:
            yield from self._mapping(inner, patch, path)

    # A value in place of another

    def _put(self, mapping: nodes.Mapping, entry: Entry, change: Put) -> Iterator[Splice]:
        name, old = name_of(entry), entry.value
        key = scalar(change.key or name, quote_of(entry.key))
        if change.key and change.key != name:
            yield Splice(entry.key.start, entry.key.end, key)
        if is_flow(mapping) or isinstance(old, Scalar) or is_flow(old):
            longer = len(key) - (entry.key.end - entry.key.start) if change.key else 0
            yield from self._put_in_line(mapping, old, change, longer)
        elif isinstance(old, nodes.Sequence) and isinstance(change.value, list) and change.value:
            start = self.layout.inner_start(old)
            lines = items(change.value, self.layout.column(start))
            yield Splice(start, old.end, self.layout.break_after(start).join(lines).lstrip(" "))
        else:
            yield from self._put_over_lines(entry, inline(change.value))

    def _put_in_line(self, mapping: nodes.Mapping, old: Node, change: Put, longer: int) -> Iterator[Splice]:
        """Replace a value in its line. Its comment keeps its column; an outdated one is put right.

        `longer` is by how many characters the text before it gets longer.
        """
        layout, start, end = self.layout, self.layout.inner_start(old), old.end
        like = "" if isinstance(change.value, list | dict) else quote_of(old)
        new = inline(change.value, quote='"' if is_json(mapping) else like)
        if isinstance(old, Scalar) and old.style in ("|", ">"):
            header = layout.text[old.start : min(layout.line_end(old.start), end)]
            _, sign, comment = header.partition("#")
            if sign:
                yield Splice(start, end, f"{new}  #{comment}")
                return
        yield Splice(start, end, new)
        if is_flow(mapping):
            return
        there, eol = layout.comment_after(end), layout.line_end(end)
        if there is None:
            if change.comment:
                yield Splice(end, end, f"  # {change.comment}")
            return
        is_outdated = layout.text[there:eol].lstrip("#").strip() in change.outdated
        if is_outdated and not change.comment:
            yield Splice(end, eol, "")
            return
        yield from self._room(end, 0 if layout.is_broken(start, end) else longer + len(new) - (end - start))
        if is_outdated:
            yield Splice(there, eol, f"# {change.comment}")

    def _room(self, end: int, longer: int) -> Iterator[Splice]:
        """Yield the cut that lets the comment behind a text stay in its column when the text gets longer."""
        comment = self.layout.comment_after(end)
        if comment is not None and comment - end > 1 and not self.layout.text[end:comment].strip(" "):
            yield Splice(end, comment, " " * max(2, comment - end - longer))

    def _put_over_lines(self, entry: Entry, text: str) -> Iterator[Splice]:
        """Replace what stands on lines of its own below its key by a text behind the key."""
        value = entry.value
        colon = self.layout.skip(entry.key.end) + 1
        eol = self.layout.line_end(colon)
        anchor = value.start + len(value.anchor) + 1 if value.anchor else colon
        yield Splice(colon, anchor if anchor <= eol else colon, f" {text}")
        yield Splice(eol, self.layout.line_end(value.end), "")

    # Entries that go

    def _removed(self, mapping: nodes.Mapping, gone: Sequence[Entry]) -> Iterator[Splice]:
        layout, in_line = self.layout, []
        for entry in gone:
            self._check_not_shared(nodes_of(entry.value))
        for entry in gone:
            has_its_lines = layout.begins_its_line(entry.key.start) and layout.ends_its_line(entry.value.end)
            if is_flow(mapping) and not has_its_lines:
                in_line.append(entry)
                continue
            end = layout.code_end(entry.value)
            end = end if layout.line_start(end) == end else layout.next_line(end)
            yield Splice(layout.line_start(entry.key.start), end, "")
        for entry in in_line:
            # With the comma that parts it from what stays.
            at = mapping.written.index(entry)
            if any(other not in in_line for other in mapping.written[:at]):
                cut = Splice(mapping.written[at - 1].value.end, entry.value.end, "")
            elif at + 1 < len(mapping.written):
                cut = Splice(entry.key.start, mapping.written[at + 1].key.start, "")
            else:
                comma = layout.skip(entry.value.end)
                is_last = layout.text[comma : comma + 1] != ","
                cut = Splice(entry.key.start, entry.value.end if is_last else comma + 1, "")
            if layout.is_broken(cut.start, cut.end):
                message = f"{name_of(entry)} does not stand on one line, nor on lines of its own"
                raise _Unsafe("edit-layout", entry.key, message)
            yield cut

    # Entries that come

    def _added(
        self, mapping: nodes.Mapping, fresh: Patch, gone: Sequence[Entry], path: Path
    ) -> Iterator[Splice]:
        """Yield the cuts that add entries to a mapping, each behind the last one that may stand before it."""
        rank = self._rank(path)
        stays = [(name_of(entry), entry) for entry in mapping.written if entry not in gone]
        for name, change in self._in_order(fresh, path).items():
            at = rank(name)
            before = [entry for key, entry in stays if key == "<<" or rank(key) <= at]
            add = self._into_flow if is_flow(mapping) else self._into_block
            yield add(mapping, before[-1] if before else None, name, change, path)

    def _rank(self, path: Path) -> Callable[[str], int]:
        order = {name: rank for rank, name in enumerate(self.ranks(path))}
        return lambda name: order.get(name, len(order))

    def _in_order(self, patch: Patch, path: Path) -> Patch:
        rank = self._rank(path)
        return {
            name: self._in_order(change, (*path, name)) if isinstance(change, Mapping) else change
            for name, change in sorted(patch.items(), key=lambda item: rank(item[0]))
        }

    def _into_flow(
        self, mapping: nodes.Mapping, ahead: Entry | None, name: str, change: Edit, _: Path
    ) -> Splice:
        quote = '"' if is_json(mapping) else ""
        new = f"{scalar(key_of(name, change), quote)}: {inline(outcome(change), quote=quote)}"
        if ahead:
            return Splice(ahead.value.end, ahead.value.end, f", {new}")
        if mapping.written:
            first = mapping.written[0].key.start
            return Splice(first, first, f"{new}, ")
        return Splice(mapping.opening, mapping.opening, new)

    def _into_block(
        self, mapping: nodes.Mapping, ahead: Entry | None, name: str, change: Edit, path: Path
    ) -> Splice:
        layout, first = self.layout, mapping.written[0].key.start
        lines = [*block(name, change, layout.column(first), self._step(), is_section=len(path) == _SECTIONS)]
        blank = [""] if self._is_set_apart(mapping, change, path) else []
        if ahead is None and layout.begins_its_line(first):
            start, newline = layout.line_start(first), layout.break_after(first)
            return Splice(start, start, "".join(line + newline for line in [*lines, *blank]))
        node = (ahead or mapping.written[0]).value
        if len(path) == _SECTIONS and layout.skip(node.end) == len(layout.text):
            return self._at_the_end([*blank, *lines])
        return self._under(node, [*blank, *lines], layout.column(first))

    def _is_set_apart(self, mapping: nodes.Mapping, change: Edit, path: Path) -> bool:
        if len(path) > _RESOURCES or not isinstance(change, Mapping):
            return False
        if len(mapping.written) == 1 or not path:
            return True
        above = self.layout.text[mapping.written[-2].value.end : mapping.written[-1].key.start]
        return any(not line.strip() for line in nodes.LINE_BREAK.split(above)[1:-1])

    def _under(self, node: Node, lines: Sequence[str], indent: int) -> Splice:
        end = self.layout.behind_comments(self.layout.code_end(node), indent)
        newline = self.layout.break_after(node.end)
        if end > node.end and self.layout.line_start(end) == end:
            return Splice(end, end, "".join(line + newline for line in lines))
        return Splice(end, end, "".join(newline + line for line in lines))

    def _at_the_end(self, lines: Sequence[str]) -> Splice:
        text = self.layout.text
        newline = self.layout.break_after(max(0, len(text.rstrip("\r\n"))))
        if lines and not lines[0] and (not text or nodes.LINE_BREAK.split(text)[-2:] == ["", ""]):
            lines = lines[1:]
        joined = newline.join(lines)
        is_whole = not text or text[-1] in "\r\n"
        return Splice(len(text), len(text), joined + newline if is_whole else newline + joined)

    def _step(self) -> int:
        """Return by how much this file indents a mapping in another."""
        for entry in () if is_flow(self.top) else self.top.written:
            if isinstance(entry.value, nodes.Mapping) and entry.value.written and not is_flow(entry.value):
                return self.layout.column(entry.value.written[0].key.start) or STEP
        return STEP

    # A list of names that becomes a mapping, and a mapping in one line that becomes a block

    def _over_names(self, names: nodes.Sequence, change: OverNames) -> Iterator[Splice]:
        """Yield the cuts that make a mapping of a list of names, each where it stood."""
        layout, text = self.layout, self.layout.text
        words = [(item, str(item.value)) for item in names.children if isinstance(item, Scalar)]
        if not words or len(words) < len(names.children):
            raise _Unsafe("edit-layout", names, "a list of names is expected")
        known = {name for _, name in words}
        patch = change.beside(known)
        values = [f": {inline(outcome(patch.get(name, {})) or {})}" for _, name in words]
        for (item, _), value in zip(words, values, strict=True):
            yield Splice(item.end, item.end, value)
        fresh = {name: inner for name, inner in patch.items() if name not in known and brings(inner)}
        last, _ = words[-1]
        if is_flow(names):
            new = "".join(f", {scalar(name)}: {inline(outcome(inner))}" for name, inner in fresh.items())
            yield Splice(names.opening - 1, names.opening, "{")
            yield Splice(last.end, last.end, new)
            yield Splice(names.end - 1, names.end, "}")
            yield from self._room(names.end, len(new) + sum(map(len, values)))
            return
        for item, _ in words:
            dash = text.rfind("-", 0, item.start)
            if text[dash + 1 : item.start].strip(" "):
                raise _Unsafe("edit-layout", item, "a name behind its dash is expected")
            yield Splice(dash, item.start, "  ")
        indent = layout.column(text.rfind("-", 0, words[0][0].start)) + len("- ")
        lines = [line for name, inner in fresh.items() for line in block(name, inner, indent, self._step())]
        yield self._under(last, lines, indent)

    def _has_no_room(self, mapping: nodes.Mapping, patch: Patch, path: Path) -> bool:
        """Tell whether a flow mapping in one line has no room for what comes, so that it is unfolded."""
        own = {name_of(entry) for entry in mapping.written}
        fresh = {name: change for name, change in patch.items() if name not in own and brings(change)}
        if not fresh or self.layout.is_broken(mapping.start, mapping.end):
            return False
        if any(isinstance(inner, Alias) or inner.anchor for inner in nodes_of(mapping)):
            return False
        if not mapping.written and len(path) <= _FIELDS:
            return True
        return self.layout.column(mapping.end) + len(inline(outcome(fresh))) > WIDTH

    def _unfolded(self, entry: Entry, mapping: nodes.Mapping, patch: Patch, path: Path) -> Iterator[Splice]:
        """Yield the cuts that write a flow mapping as a block, what is not patched as it stood."""
        layout, wanted = self.layout, patched(mapping.value, patch)
        values = wanted if isinstance(wanted, dict) else {}
        own = {name_of(one): one for one in mapping.written}
        step, lines = self._step(), list[str]()
        indent = layout.column(entry.key.start) + step
        for name in sorted(values, key=self._rank(path)):
            if name in own and name not in patch:
                kept = own[name]
                lines.append(" " * indent + layout.text[kept.key.start : kept.value.end])
                continue
            change = Put(values[name]) if name in own else patch.get(name, Put(values[name]))
            if lines and isinstance(change, Mapping) and len(path) <= _RESOURCES:
                lines.append("")
            lines += block(name, change, indent, step)
        yield Splice(layout.skip(entry.key.end) + 1, mapping.end, "")
        end, newline = layout.line_end(mapping.end), layout.break_after(mapping.end)
        yield Splice(end, end, "".join(newline + line for line in lines))


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
    text, wanted = content.decode("utf-8-sig"), document.top.value
    for depth in range(_DEEPEST):
        moves = list(_moves(Layout(text), document.top, (), depth, ranks))
        if moves:
            edited = _checked(text, moves, file, wanted)
            text, document = edited.decode(), read(edited, file)
    edited = text.encode()
    return codecs.BOM_UTF8 + edited if content.startswith(codecs.BOM_UTF8) else edited


def _moves(layout: Layout, node: Node, path: Path, depth: int, ranks: Ranks) -> Iterator[Splice]:
    if not isinstance(node, nodes.Mapping):
        return
    if len(path) < depth:
        for entry in node.written:
            yield from _moves(layout, entry.value, (*path, name_of(entry)), depth, ranks)
        return
    rank = {name: number for number, name in enumerate(ranks(path))}
    order = sorted(node.written, key=lambda entry: rank.get(name_of(entry), len(rank)))
    inside = (inner for inner in nodes_of(node) if inner is not node)
    holds_anchor = any(inner.anchor and not isinstance(inner, Alias) for inner in inside)
    if order == list(node.written) or holds_anchor:
        return
    if not is_flow(node):
        yield from _on_lines(layout, node, order)
    elif not layout.is_broken(node.start, node.end):
        for slot, entry in zip(node.written, order, strict=True):
            yield Splice(slot.key.start, slot.value.end, layout.text[entry.key.start : entry.value.end])


def _on_lines(layout: Layout, mapping: nodes.Mapping, order: Sequence[Entry]) -> Iterator[Splice]:
    """Yield the cuts that order the entries of a mapping, each with its comments and its line break."""
    if not all(layout.begins_its_line(entry.key.start) for entry in mapping.written):
        return
    spans: list[tuple[int, int]] = []
    for entry in mapping.written:
        column = layout.column(entry.key.start)
        end = layout.behind_comments(layout.code_end(entry.value), column)
        end = end if layout.line_start(end) == end else layout.next_line(end)
        start, floor = layout.line_start(entry.key.start), spans[-1][1] if spans else 0
        while start > floor:
            above = layout.line_above(start)
            if above < floor or not layout.text.startswith(" " * column + "#", above):
                break
            start = above
        spans.append((start, end))
    texts = {
        entry: layout.text[start:end] for entry, (start, end) in zip(mapping.written, spans, strict=True)
    }
    for number, ((start, end), entry) in enumerate(zip(spans, order, strict=True), start=1):
        text = texts[entry]
        if not nodes.LINE_BREAK.search(text[-1:]):
            text += layout.break_after(len(layout.text))
        if number == len(order) and not nodes.LINE_BREAK.search(layout.text[end - 1 : end]):
            # The file ends without a line break, and still does.
            text = text.removesuffix("\n").removesuffix("\r")
        yield Splice(start, end, text)
