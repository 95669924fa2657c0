"""Entries that go."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reconciler.config.editing.layout import BREAK, Layout, Pair, Table
from reconciler.config.editing.splices import Splice, no_place


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
