"""Keys in their canonical order: entries move with the comments that belong to them, and nothing else does.

A comment belongs to the key right below it, or on whose line it stands, or under which it is indented. Blank
lines, and comments with a blank line below them, stay where they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from reconciler.config import nodes
from reconciler.config.contents import PRESETS, TARGETS
from reconciler.config.edits import Path, Ranks, checked
from reconciler.config.layout import Layout, Splice, holds_anchor, is_flow, name_of
from reconciler.config.nodes import Entry, Node
from reconciler.config.sections import Section, SeedsByName, SeedSection
from reconciler.config.validation import paths
from reconciler.config.yaml import read
from reconciler.errors import NotEdited

_DEEPEST = 8
"""Mappings inside each other that have an order of their own; a resource has four."""
_BOM = "\ufeff"


def ordered(content: bytes, file: str, ranks: Ranks) -> bytes:
    """Return a file in which the keys of every mapping with ranks stand in their order.

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
            edited = checked(text, moves, file, wanted)
            text, document = edited.decode(), read(edited, file)
    return (_BOM + text if content.decode().startswith(_BOM) else text).encode()


def _moves(layout: Layout, node: Node, path: Path, depth: int, ranks: Ranks) -> Iterator[Splice]:
    """Yield the cuts that order the mappings at one depth."""
    if not isinstance(node, nodes.Mapping):
        return
    if len(path) < depth:
        for entry in node.written:
            yield from _moves(layout, entry.value, (*path, name_of(entry)), depth, ranks)
        return
    rank = {name: number for number, name in enumerate(ranks(path))}
    order = sorted(node.written, key=lambda entry: rank.get(name_of(entry), len(rank)))
    if order == list(node.written) or holds_anchor(node):
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


_BEFORE = ("<<", "preset")
_BEHIND = ("undeclared", "keep", "reset", "accept", "hidden", "absent")
_WHERE = ("id", "targets")


def ranks_of(section: Section, seeds: SeedsByName[Any]) -> Ranks:
    """Return the order of the keys of resources, presets and seeds; every other mapping has none.

    A resource begins with what it builds on and its name, and ends with where it lives; its fields stand in
    the order of the model, a field's name beside its id. In the block of a target the id comes first. A seed
    begins with where and when it is sent, and ends with to whom; its list of customers is left as it is.
    """

    def ranks(path: Path) -> Sequence[str]:
        match path:
            case (name, _, *below) if name == section.kind.name:
                return _resource(section, below)
            case (name, _, *below) if name == seeds.name:
                return _seed(seeds.opened(), below)
            case (name, _, *below) if name == PRESETS:
                return _level(section, below)
        return ()

    return ranks


def _resource(section: Section, below: Sequence[str]) -> Sequence[str]:
    match below:
        case ["targets"]:
            return ()
        case ["targets", _]:
            return ["<<", "id", *_level(section, ())[len(_BEFORE) :]]
        case ["targets", _, *inner]:
            return _level(section, inner)
        case []:
            return [*_level(section, ()), *_WHERE]
    return _level(section, below)


def _seed(section: SeedSection[Any, Any, Any], below: Sequence[str]) -> Sequence[str]:
    match below:
        case []:
            return ["<<", *section.order]
        case ["targets", _]:
            return ["<<", *(name for name in section.order if name != TARGETS)]
        case ["defaults"] | ["targets", _, "defaults"]:
            return ["<<", *section.defaults.model_fields]
    return ()


def _level(section: Section, below: Sequence[str]) -> list[str]:
    fields: list[str] = []
    for path in paths(section.model):
        parent, _, name = path.rpartition(".")
        if parent == ".".join(below):
            fields += [named.path.rpartition(".")[2] for named in section.named if named.field == path]
            fields.append(name)
    return fields if below else [*_BEFORE, *fields, *_BEHIND]
