"""Where everything stands in the text of a file, and cutting the text there."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple, TypeAlias

from msgspec import Struct, field
from ruamel.yaml.events import (
    AliasEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from reconciler.config.yaml import EVENTS, PERSONAL_KEYS, Refusal

Mark: TypeAlias = tuple[int, int]
BREAK = re.compile("\r\n|[\r\n\x85\u2028\u2029]")
"""Every line break that the parser knows."""
_BREAKS = "\r\n\x85\u2028\u2029"
_PROPERTIES = re.compile(r"(?:[&!]\S*\s+)+")
_SPACE = " \t"
_REST = re.compile(r"[ \t]*,?(?:[ \t]*|[ \t]+#.*)")


class Piece(Struct, frozen=True, eq=False):
    """A value or key: `text[start:end]`. It begins with its anchor, if it has one, and ends where it does."""

    start: int
    end: int
    mark: Mark
    anchor: str | None = None


class Words(Piece, Struct, frozen=True, eq=False):
    """A scalar. `style` is a quote, `|`, `>`, or nothing; `tail` is the end with the line breaks after it."""

    value: str = ""
    style: str = ""
    tail: int = 0


class Alias(Piece, Struct, frozen=True, eq=False):
    """An alias; `anchor` is the one that it stands for."""


class Items(Piece, Struct, frozen=True, eq=False):
    """A list; `opening` is the offset behind its [ in flow style, of its first - in block style."""

    flow: bool = False
    opening: int = 0
    items: tuple[Piece, ...] = ()


class Pair(Struct, frozen=True, eq=False):
    """An entry of a mapping."""

    key: Piece
    value: Piece

    @property
    def name(self) -> str:
        """The key as text; a merge key is `<<`."""
        return self.key.value if isinstance(self.key, Words) else ""


class Table(Piece, Struct, frozen=True, eq=False, dict=True):
    """A mapping with the entries that are written in it; `opening` is the offset behind its {."""

    flow: bool = False
    opening: int = 0
    pairs: tuple[Pair, ...] = ()

    def own(self, name: str) -> Pair | None:
        """Return the entry that is written under a key, not merged from elsewhere."""
        return self._by_name.get(name)

    @cached_property
    def _by_name(self) -> Mapping[str, Pair]:
        return {pair.name: pair for pair in self.pairs}


class Layout(Struct, frozen=True):
    """A text and its pieces. `top` is `None` where nothing but comments stands in it."""

    text: str
    top: Piece | None
    aliases: frozenset[str]
    """The anchors that are used somewhere."""

    @property
    def newline(self) -> str:
        """The line break of the file: the first one that it has."""
        found = BREAK.search(self.text)
        return found.group() if found and found.group() in ("\n", "\r\n", "\r") else "\n"

    def is_shared(self, piece: Piece) -> bool:
        """Tell whether a piece also counts elsewhere, by its anchor."""
        return piece.anchor in self.aliases and not isinstance(piece, Alias)

    def line_start(self, offset: int) -> int:
        """Return where the line of an offset begins."""
        while offset > 0 and self.text[offset - 1] not in _BREAKS:
            offset -= 1
        return offset

    def line_above(self, offset: int) -> str:
        """Return the line above that of an offset, empty for the first one."""
        start = self.line_start(offset)
        end = start - (2 if self.text[max(0, start - 2) : start] == "\r\n" else 1)
        return self.text[self.line_start(end) : end] if end >= 0 else ""

    def line_end(self, offset: int) -> int:
        """Return where the line of an offset ends, before its line break."""
        found = BREAK.search(self.text, offset)
        return found.start() if found else len(self.text)

    def next_line(self, offset: int) -> int:
        """Return where the line after that of an offset begins; the end of the text where there is none."""
        found = BREAK.search(self.text, offset)
        return found.end() if found else len(self.text)

    def break_after(self, offset: int) -> str:
        """Return the line break that ends the line of an offset; that of the file where there is none."""
        found = BREAK.search(self.text, offset)
        return found.group() if found and found.group() in ("\n", "\r\n", "\r") else self.newline

    def column(self, offset: int) -> int:
        """Return how many characters stand before an offset on its line."""
        return offset - self.line_start(offset)

    def begins_its_line(self, offset: int) -> bool:
        """Tell whether nothing but spaces stands before an offset on its line."""
        return not self.text[self.line_start(offset) : offset].strip(" ")

    def inner_start(self, piece: Piece) -> int:
        """Return where a piece begins behind its anchor."""
        if not piece.anchor or isinstance(piece, Alias):
            return piece.start
        found = _PROPERTIES.match(self.text, piece.start)
        return found.end() if found else piece.start

    def code_end(self, piece: Piece) -> int:
        """Return where the last line of a piece ends, with the line breaks that belong to its value."""
        last = last_words(piece)
        if isinstance(last, Words) and _keeps_breaks(self.text, last):
            return last.tail
        return self.line_end(piece.end)

    def skip(self, offset: int) -> int:
        """Return the offset of the next character that is neither blank nor in a comment."""
        while offset < len(self.text):
            character = self.text[offset]
            if character == "#" and self._begins_comment(offset):
                offset = self.line_end(offset)
            elif character in _SPACE or character in _BREAKS:
                offset += 1
            else:
                break
        return offset

    def behind_comma(self, offset: int) -> int:
        """Return the offset behind the comma that follows, or the offset itself where none does."""
        comma = self.skip(offset)
        return comma + 1 if self.text[comma : comma + 1] == "," else offset

    def ends_its_line(self, offset: int) -> bool:
        """Tell whether nothing but a comma and a comment stands behind an offset on its line."""
        return bool(_REST.fullmatch(self.text, offset, self.line_end(offset)))

    def comment_after(self, offset: int) -> int | None:
        """Return where the comment on the rest of a line begins, `None` where there is none."""
        while offset < len(self.text) and (self.text[offset] in _SPACE or self.text[offset] == ","):
            offset += 1
        is_comment = offset < len(self.text) and self.text[offset] == "#" and self._begins_comment(offset)
        return offset if is_comment else None

    def behind_comments(self, end: int, indent: int) -> int:
        """Return the end of a line, or of the comments below it that are indented deeper than `indent`."""
        at = self.next_line(end) if self.line_start(end) != end else end
        while at < len(self.text):
            line = self.text[at : self.line_end(at)]
            code = line.lstrip(" ")
            if code.startswith("#") and len(line) - len(code) > indent:
                end = self.line_end(at)
            elif code.strip():
                break
            at = self.next_line(at)
        return end

    def _begins_comment(self, offset: int) -> bool:
        return offset == 0 or self.text[offset - 1] in _SPACE or self.text[offset - 1] in _BREAKS


def last_words(piece: Piece) -> Piece:
    """Return the piece with which a block piece ends."""
    while True:
        if isinstance(piece, Table) and piece.pairs and not piece.flow:
            piece = piece.pairs[-1].value
        elif isinstance(piece, Items) and piece.items and not piece.flow:
            piece = piece.items[-1]
        else:
            return piece


def _keeps_breaks(text: str, words: Words) -> bool:
    header = BREAK.split(text[words.start : words.end], maxsplit=1)[0]
    return words.style in ("|", ">") and "+" in header.partition("#")[0]


class _Open(Struct):
    event: Any
    pieces: list[Piece] = field(default_factory=list)


def laid_out(text: str) -> Layout:
    """Return the layout of a text that was read without a problem."""
    builder = _Builder(text)
    for event in EVENTS(text):
        builder.take(event)
    return Layout(text, builder.top, frozenset(builder.aliases))


class _Builder:
    def __init__(self, text: str) -> None:
        self.text = text
        self.top: Piece | None = None
        self.aliases: set[str] = set()
        self._open: list[_Open] = []

    def take(self, event: Any) -> None:
        if isinstance(event, MappingStartEvent | SequenceStartEvent):
            self._open.append(_Open(event))
        elif isinstance(event, MappingEndEvent | SequenceEndEvent):
            self._deliver(self._closed(self._open.pop(), event))
        elif isinstance(event, AliasEvent):
            self.aliases.add(event.anchor)
            self._deliver(Alias(*_span(event), event.anchor))
        elif isinstance(event, ScalarEvent):
            self._deliver(self._words(event))

    def _deliver(self, piece: Piece) -> None:
        if self._open:
            self._open[-1].pieces.append(piece)
        elif piece.end > piece.start:
            self.top = piece

    def _words(self, event: Any) -> Words:
        start, end, mark = _span(event)
        tail = end
        if event.style in ("|", ">"):
            end = start + len(self.text[start:end].rstrip(_BREAKS + _SPACE))
        style = event.style or ""
        return Words(start, end, mark, event.anchor, str(event.value), style, tail)

    def _closed(self, opened: _Open, event: Any) -> Piece:
        start, opening, mark = _span(opened.event)
        flow = bool(opened.event.flow_style)
        end = event.end_mark.index if flow else opened.pieces[-1].end
        if isinstance(opened.event, SequenceStartEvent):
            opening = opening if flow else opening - 1
            return Items(start, end, mark, opened.event.anchor, flow, opening, tuple(opened.pieces))
        pairs = tuple(Pair(*two) for two in _by_two(opened.pieces))
        return Table(start, end, mark, opened.event.anchor, flow, opening, pairs)


def _by_two(pieces: list[Piece]) -> Iterator[tuple[Piece, Piece]]:
    each = iter(pieces)
    yield from zip(each, each, strict=True)


def _span(event: Any) -> tuple[int, int, Mark]:
    start, end = event.start_mark, event.end_mark
    return start.index, end.index, (start.line + 1, start.column + 1)


def pieces_of(piece: Piece) -> Iterator[Piece]:
    """Yield a piece and every piece in it."""
    yield piece
    if isinstance(piece, Items):
        for item in piece.items:
            yield from pieces_of(item)
    elif isinstance(piece, Table):
        for pair in piece.pairs:
            yield pair.key
            yield from pieces_of(pair.value)


def quote_of(piece: Piece) -> str:
    """Return the quote in which a scalar is written, nothing where it has none."""
    return piece.style if isinstance(piece, Words) and piece.style in ("'", '"') else ""


def is_json(table: Table) -> bool:
    """Tell whether a mapping is written as JSON would be."""
    return table.flow and bool(table.pairs) and all(quote_of(pair.key) == '"' for pair in table.pairs)


def comment_at(layout: Layout, path: Sequence[str]) -> str | None:
    """Return the comment right above or behind the line of the scalar at a path.

    Empty where there is none; `None` where no scalar stands there on a line of its own.
    """
    piece: Piece | None = layout.top
    pair: Pair | None = None
    for step in path:
        pair = piece.own(step) if isinstance(piece, Table) else None
        piece = pair.value if pair else None
    if pair is None or not isinstance(piece, Words) or piece.anchor:
        return None
    if not layout.begins_its_line(pair.key.start) or layout.line_end(pair.key.start) < piece.end:
        return None
    behind = layout.comment_after(piece.end)
    comments = [layout.text[behind : layout.line_end(behind)]] if behind is not None else []
    above = layout.line_above(pair.key.start).strip()
    return " ".join(c.lstrip("#").strip() for c in (above, *comments) if c.startswith("#"))


class Splice(NamedTuple):
    """`text[start:end]` is replaced by `new`."""

    start: int
    end: int
    new: str


class Overlap(Exception):
    """Two cuts meet in one place: they were not made for each other."""


class Unsafe(Exception):
    """Something cannot be edited without guessing, and why."""

    def __init__(self, refusal: Refusal, piece: Piece) -> None:
        super().__init__(refusal.code)
        self.refusal = refusal
        self.piece = piece


def spliced(text: str, splices: Iterable[Splice]) -> str:
    """Return the text with every splice made; of several insertions at one place the first comes first."""
    parts: list[str] = []
    at = 0
    for start, end, new in sorted(splices, key=lambda splice: (splice.start, splice.end)):
        if start < at:
            raise Overlap
        parts += [text[at:start], new]
        at = end
    return "".join([*parts, text[at:]])


def no_place(piece: Piece, message: str) -> Unsafe:
    """Return the refusal of a layout that nothing can be written into."""
    return Unsafe(Refusal("edit-layout", message, "edit it by hand"), piece)


MASK = "•••"


def masked(content: bytes) -> str:
    """Return a file that loads as text, with a mask for every value below a key that holds personal data."""
    text = content.decode("utf-8-sig")
    top = laid_out(text).top
    return spliced(text, _masks(top, hidden=False)) if top else text


def _masks(piece: Piece, *, hidden: bool) -> Iterator[Splice]:
    if isinstance(piece, Words) and hidden:
        yield Splice(piece.start, piece.end, MASK)
    elif isinstance(piece, Items):
        for item in piece.items:
            yield from _masks(item, hidden=hidden)
    elif isinstance(piece, Table):
        for pair in piece.pairs:
            yield from _masks(pair.value, hidden=hidden or pair.name in PERSONAL_KEYS)
