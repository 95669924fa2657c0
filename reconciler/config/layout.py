"""The text of a YAML file: where things stand in it, cutting it there, and values as YAML.

The text is never written anew from its tree: the offsets of the tree say where to cut.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias

from msgspec import Struct

from reconciler.config import nodes
from reconciler.config.nodes import LINE_BREAK, Entry, Node, Scalar
from reconciler.config.yaml import PERSONAL_KEYS, plain, read
from reconciler.engine.kind import Json

MASK = "•••"

_BREAKS = "\r\n\x85\u2028\u2029"
_SIGN = rf"(?<![^ \t{_BREAKS}])#"  # a # that begins a comment
_COMMENT_AHEAD = re.compile(rf"[ \t,]*{_SIGN}")
_BLANKS_AND_COMMENTS = re.compile(rf"(?:[ \t{_BREAKS}]|{_SIGN}[^{_BREAKS}]*)*")
_PROPERTIES = re.compile(r"(?:[&!]\S*\s+)+")
_REST = re.compile(r"[ \t]*,?(?:[ \t]*|[ \t]+#.*)")
_PLAIN = re.compile(r"\w(?:[^:#,?\[\]{}]*[^:#,?\[\]{}\s])?")
_JOINERS = "\u200c\u200d"  # parts of ordinary words and emoji


Splice: TypeAlias = tuple[int, int, str]  # a start, an end, and what stands in place of the text between them


def spliced(text: str, splices: Iterable[Splice], at: int = 0, stop: int | None = None) -> str:
    """Return `text[at:stop]` with every splice made, those at one place in their order.

    Errors: `ValueError` where two overlap.
    """
    parts: list[str] = []
    for start, end, new in sorted(splices, key=lambda splice: splice[:2]):
        if start < at:
            raise ValueError("two cuts overlap")
        parts += [text[at:start], new]
        at = end
    return "".join([*parts, text[at:stop]])


class Layout(Struct, frozen=True):
    """The lines, comments and blanks of a text that was read without a problem."""

    text: str

    def line_start(self, offset: int) -> int:
        """Return where the line of an offset begins."""
        while offset > 0 and self.text[offset - 1] not in _BREAKS:
            offset -= 1
        return offset

    def line_end(self, offset: int) -> int:
        """Return where the line of an offset ends, before its line break."""
        found = LINE_BREAK.search(self.text, offset)
        return found.start() if found else len(self.text)

    def next_line(self, offset: int) -> int:
        """Return where the line after that of an offset begins; the end of the text where there is none."""
        found = LINE_BREAK.search(self.text, offset)
        return found.end() if found else len(self.text)

    def after_line(self, end: int) -> int:
        """Return where the line after the end of a text begins, the end itself where it begins one."""
        return end if self.line_start(end) == end else self.next_line(end)

    def line_above(self, start: int) -> int:
        """Return where the line above begins, of a line that begins at `start` and is not the first."""
        return self.line_start(start - (2 if self.text[max(0, start - 2) : start] == "\r\n" else 1))

    def break_after(self, offset: int) -> str:
        """Return the line break that ends the line of an offset, else the first one of the text."""
        for start in (offset, 0):
            found = LINE_BREAK.search(self.text, start)
            if found and found.group() in ("\n", "\r\n", "\r"):
                return found.group()
        return "\n"

    def column(self, offset: int) -> int:
        """Return how many characters stand before an offset on its line."""
        return offset - self.line_start(offset)

    def begins_its_line(self, offset: int) -> bool:
        """Tell whether nothing but spaces stands before an offset on its line."""
        return not self.text[self.line_start(offset) : offset].strip(" ")

    def ends_its_line(self, offset: int) -> bool:
        """Tell whether nothing but a comma and a comment stands behind an offset on its line."""
        return bool(_REST.fullmatch(self.text, offset, self.line_end(offset)))

    def is_broken(self, start: int, end: int) -> bool:
        """Tell whether a line break stands between two offsets."""
        return bool(LINE_BREAK.search(self.text, start, end))

    def inner_start(self, node: Node) -> int:
        """Return where a value begins behind its anchor."""
        found = _PROPERTIES.match(self.text, node.start) if node.anchor else None
        return found.end() if found else node.start

    def code_end(self, node: Node) -> int:
        """Return where the last line of a value ends, with the line breaks that belong to the value."""
        while not is_flow(node):
            if isinstance(node, nodes.Mapping) and node.written:
                node = node.written[-1].value
            elif isinstance(node, nodes.Sequence) and node.children:
                node = node.children[-1]
            else:
                break
        if isinstance(node, Scalar) and node.style in ("|", ">"):
            header = self.text[node.start : min(self.line_end(node.start), node.end)]
            if "+" in header.partition("#")[0]:
                return node.tail
        return self.line_end(node.end)

    def skip(self, offset: int) -> int:
        """Return the offset of the next character that is neither blank nor in a comment."""
        found = _BLANKS_AND_COMMENTS.match(self.text, offset)
        return found.end() if found else offset

    def comment_after(self, offset: int) -> int | None:
        """Return where the comment on the rest of a line begins, `None` where there is none."""
        found = _COMMENT_AHEAD.match(self.text, offset)
        return found.end() - 1 if found else None

    def behind_comments(self, end: int, indent: int) -> int:
        """Return the end of a line, or of the comments below it that are indented deeper than `indent`."""
        at = self.after_line(end)
        while at < len(self.text):
            line = self.text[at : self.line_end(at)]
            code = line.lstrip(" ")
            if code.startswith("#") and len(line) - len(code) > indent:
                end = self.line_end(at)
            elif code.strip():
                break
            at = self.next_line(at)
        return end


def is_flow(node: Node) -> bool:
    """Tell whether a value is a list in [] or a mapping in {}."""
    return isinstance(node, nodes.Mapping | nodes.Sequence) and node.opening > 0


def name_of(entry: Entry) -> str:
    """Return the key of an entry as it is written; `<<` for a merge key, nothing for an alias."""
    return str(entry.key.value) if isinstance(entry.key, Scalar) else ""


def quote_of(node: Node) -> str:
    """Return the quote in which a scalar is written, nothing where it has none."""
    return node.style if isinstance(node, Scalar) and node.style in ("'", '"') else ""


def is_json(mapping: nodes.Mapping) -> bool:
    """Tell whether a mapping is written as JSON would be."""
    return is_flow(mapping) and bool(mapping.written) and all(quote_of(e.key) == '"' for e in mapping.written)


def nodes_of(node: Node) -> Iterator[Node]:
    """Yield a value and every key and value that is written in it."""
    yield node
    if isinstance(node, nodes.Sequence):
        for item in node.children:
            yield from nodes_of(item)
    elif isinstance(node, nodes.Mapping):
        for entry in node.written:
            yield entry.key
            yield from nodes_of(entry.value)


def comment_at(node: Node, path: Sequence[str]) -> str | None:
    """Return the comment right above or behind the line of the scalar at a path below a value.

    Empty where there is none; `None` where no scalar stands there on a line of its own.
    """
    entry: Entry | None = None
    for step in path:
        written = node.written if isinstance(node, nodes.Mapping) else ()
        entry = next((entry for entry in written if name_of(entry) == step), None)
        if entry is None:
            return None
        node = entry.value
    if entry is None or not isinstance(node, Scalar) or node.anchor:
        return None
    layout, key = Layout(node.source.text), entry.key.start
    if not layout.begins_its_line(key) or layout.is_broken(key, node.end):
        return None
    start, behind = layout.line_start(key), layout.comment_after(node.end)
    above = layout.text[layout.line_above(start) : start].strip() if start else ""
    comments = [above, "" if behind is None else layout.text[behind : layout.line_end(behind)]]
    return " ".join(comment.lstrip("#").strip() for comment in comments if comment.startswith("#"))


def masked(content: bytes) -> str:
    """Return a file that loads as text, with a mask for every value below a key that holds personal data."""
    document = read(content, "")
    if not document.whole:
        return MASK
    return spliced(content.decode("utf-8-sig"), _masks(document.top, hidden=False))


def _masks(node: Node, *, hidden: bool) -> Iterator[Splice]:
    if isinstance(node, Scalar) and hidden:
        yield node.start, node.end, MASK
    elif isinstance(node, nodes.Sequence):
        for item in node.children:
            yield from _masks(item, hidden=hidden)
    elif isinstance(node, nodes.Mapping):
        for entry in node.written:
            yield from _masks(entry.value, hidden=hidden or name_of(entry) in PERSONAL_KEYS)


def scalar(value: Json, like: str = "") -> str:
    """Return a scalar in one line; `like` is the quote of the value that it replaces, if it had one.

    A text stands without quotes where every reader sees that text; in double quotes every character that
    cannot be seen is escaped.
    """
    if not isinstance(value, str):
        return json.dumps(value)
    if like == "'" and value.isprintable():
        return "'" + value.replace("'", "''") + "'"
    may_be_plain = _PLAIN.fullmatch(value) and value.isprintable() and plain(value) == (value, None)
    if may_be_plain and like != '"':
        return value
    return "".join(map(_escaped, json.dumps(value, ensure_ascii=False)))


def _escaped(c: str) -> str:
    if c.isprintable() or c in _JOINERS:
        return c
    return f"\\u{ord(c):04x}" if c < "\U00010000" else f"\\U{ord(c):08x}"


def inline(value: Json, *, quote: str = "") -> str:
    """Return any value in one line, collections in flow style; with `quote`, texts and keys have quotes."""
    if isinstance(value, Mapping):
        entries = (f"{scalar(key, quote)}: {inline(inner, quote=quote)}" for key, inner in value.items())
        return "{" + ", ".join(entries) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(inline(item, quote=quote) for item in value) + "]"
    return scalar(value, quote)
