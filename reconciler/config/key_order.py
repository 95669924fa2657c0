"""Keys in their canonical order: entries move with the comments that belong to them, and nothing else does.

A comment belongs to the key right below it, or on whose line it stands, or under which it is indented. Blank
lines, and comments with a blank line below them, stay where they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from reconciler.config.contents import PRESETS, TARGETS
from reconciler.config.edits import Path, Ranks, checked
from reconciler.config.layout import BREAK, Alias, Layout, Pair, Piece, Splice, Table, laid_out, pieces_of
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
    text = content.decode("utf-8-sig")
    for depth in range(_DEEPEST):
        layout = laid_out(text)
        moves = list(_moves(layout, layout.top, (), depth, ranks)) if layout.top else []
        if moves:
            text = checked(text, moves, file, document.top.value).decode()
    return (_BOM + text if content.decode().startswith(_BOM) else text).encode()


def _moves(layout: Layout, piece: Piece, path: Path, depth: int, ranks: Ranks) -> Iterator[Splice]:
    """Yield the cuts that order the mappings at one depth."""
    if not isinstance(piece, Table):
        return
    if len(path) < depth:
        for pair in piece.pairs:
            yield from _moves(layout, pair.value, (*path, pair.name), depth, ranks)
        return
    order = _order(piece, ranks(path))
    if order != list(piece.pairs) and not _holds_anchor(piece):
        yield from _in_line(layout, piece, order) if piece.flow else _on_lines(layout, piece, order)


def _order(table: Table, names: Sequence[str]) -> list[Pair]:
    ranks = {name: rank for rank, name in enumerate(names)}
    return sorted(table.pairs, key=lambda pair: ranks.get(pair.name, len(ranks)))


def _holds_anchor(table: Table) -> bool:
    inner = (piece for pair in table.pairs for piece in (pair.key, *pieces_of(pair.value)))
    return any(piece.anchor and not isinstance(piece, Alias) for piece in inner)


def _in_line(layout: Layout, table: Table, order: Sequence[Pair]) -> Iterator[Splice]:
    if BREAK.search(layout.text, table.start, table.end):
        return
    for slot, pair in zip(table.pairs, order, strict=True):
        yield Splice(slot.key.start, slot.value.end, layout.text[pair.key.start : pair.value.end])


def _on_lines(layout: Layout, table: Table, order: Sequence[Pair]) -> Iterator[Splice]:
    if not all(layout.begins_its_line(pair.key.start) for pair in table.pairs):
        return
    spans = _spans(layout, table)
    texts = {pair: layout.text[start:end] for pair, (start, end) in zip(table.pairs, spans, strict=True)}
    last = layout.text[slice(*spans[-1])]
    is_open = not BREAK.search(last[-1:])
    for (start, end), pair in zip(spans, order, strict=True):
        text = texts[pair]
        whole = text if BREAK.search(text[-1:]) else text + layout.newline
        is_last = end == spans[-1][1]
        yield Splice(start, end, _without_break(whole) if is_last and is_open else whole)


def _without_break(text: str) -> str:
    return text.removesuffix("\n").removesuffix("\r")


def _spans(layout: Layout, table: Table) -> list[tuple[int, int]]:
    """Return where each entry stands, with its comments and the line break behind it."""
    spans: list[tuple[int, int]] = []
    for pair in table.pairs:
        column = layout.column(pair.key.start)
        end = layout.behind_comments(layout.code_end(pair.value), column)
        end = end if layout.line_start(end) == end else layout.next_line(end)
        start = layout.line_start(pair.key.start)
        floor = spans[-1][1] if spans else 0
        spans.append((_with_comments_above(layout, start, floor, column), end))
    return spans


def _with_comments_above(layout: Layout, start: int, floor: int, column: int) -> int:
    while start > floor:
        above = layout.line_start(_before_break(layout.text, start))
        line = layout.text[above : layout.line_end(above)]
        if above < floor or not line.startswith(" " * column + "#"):
            break
        start = above
    return start


def _before_break(text: str, start: int) -> int:
    return start - (2 if text[start - 2 : start] == "\r\n" else 1)


_BEFORE = ("<<", "preset")
_BEHIND = ("undeclared", "keep", "reset", "accept", "hidden", "absent")
_WHERE = ("id", "targets")


def ranks_of(sections: Sequence[Section], seed_sections: Sequence[SeedsByName[Any]] = ()) -> Ranks:
    """Return the order of the keys of resources, presets and seeds; every other mapping has none.

    A resource begins with what it builds on and its name, and ends with where it lives; its fields stand in
    the order of the model, a field's name beside its id. In the block of a target the id comes first. A seed
    begins with where and when it is sent, and ends with to whom; its list of customers is left as it is.
    """
    by_name = {section.kind.name: section for section in sections}
    seeds = {section.name: section for section in seed_sections}

    def ranks(path: Path) -> Sequence[str]:
        match path:
            case (name, _, *below) if name in by_name:
                return _resource(by_name[name], below)
            case (name, _, *below) if name in seeds:
                return _seed(seeds[name].opened(), below)
            case (name, _, *below) if name == PRESETS:
                return [key for section in sections for key in _level(section, below)]
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
    fields = list(_fields(section, ".".join(below)))
    return fields if below else [*_BEFORE, *fields, *_BEHIND]


def _fields(section: Section, group: str) -> Iterator[str]:
    for path in paths(section.model):
        parent, _, name = path.rpartition(".")
        if parent == group:
            yield from (named.path.rpartition(".")[2] for named in section.named if named.field == path)
            yield name
