"""A value in place of another."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.config.editing.layout import (
    BREAK,
    Items,
    Layout,
    Pair,
    Piece,
    Table,
    Words,
    is_json,
    quote_of,
)
from reconciler.config.editing.patch import Put
from reconciler.config.editing.splices import Splice
from reconciler.config.editing.style import inline, items, scalar
from reconciler.engine.kind import Json


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
