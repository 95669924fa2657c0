"""The tree of a YAML file: plain values, each with the place where it is really written.

One tree serves readers and editors. Readers see aliases and merge keys resolved: `value`, `children`, `at`,
`find`. Editors see the file as it is written: offsets into its text, quotes, anchors, `Mapping.written`.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable
from functools import cached_property
from itertools import accumulate
from typing import TYPE_CHECKING

from msgspec import Struct

from reconciler.problems import Place, Problem

if TYPE_CHECKING:
    from reconciler.engine.kind import Json

LINE_BREAK = re.compile("\r\n|[\r\n\x85\u2028\u2029]")  # every line break that the parser knows


class Source(Struct, frozen=True, dict=True):
    """The text of a file, without its byte order mark; offsets count its characters from 0.

    Of one `row` of a file, a line from 1, no text is kept: offsets are its columns, which count from 1.
    """

    file: str
    text: str = ""
    row: int = 0
    header: int = 0  # of a row of a table, the line of the headers of its cells
    columns: dict[str, int] = {}  # and the number of each column of data, by its header

    def place(self, offset: int) -> Place:
        """Return the line and column of an offset, both from 1."""
        if self.row:
            return Place(self.file, self.row, offset)
        line = bisect_right(self._lines, offset)
        return Place(self.file, line, offset - self._lines[line - 1] + 1)

    @cached_property
    def _lines(self) -> list[int]:
        """Where each line begins. Control characters, at which Python would break too, are refused before."""
        *lines, _ = f"{self.text}.".splitlines(keepends=True)
        return [0, *accumulate(map(len, lines))]


class Node(Struct, frozen=True, gc=False, eq=False):
    """A value as it stands in a file, `text[start:end]`, its anchor included."""

    source: Source
    value: Json  # the plain value: dicts with string keys, lists, strings, numbers, booleans and `None`
    start: int
    end: int
    key: int  # where its key begins; the value itself for a list item and for the whole file
    anchor: str | None = None
    children: dict[str, Node] | list[Node] | tuple[()] = ()
    """What is in it: by name in a mapping, merged entries too; in order in a list."""
    size: int = 1  # how many values it holds, itself included; what is shared counts wherever it stands
    height: int = 1  # how many values stand inside each other, itself included

    @property
    def place(self) -> Place:
        """Where the value is really written."""
        return self.source.place(self.start)

    @property
    def key_place(self) -> Place:
        """Where its key is written; the place of the value itself for a list item and for the whole file."""
        return self.source.place(self.key)

    def at(self, *path: str | int) -> Node:
        """Return what stands at `path` below, or the last thing on the way there that exists."""
        node = self
        for step in path:
            below = node.find(step)
            if below is None:
                break
            node = below
        return node

    def find(self, *path: str | int) -> Node | None:
        """Return what stands at `path` below, `None` where nothing does."""
        node: Node | None = self
        for step in path:
            if node is None:
                return None
            children = node.children
            if isinstance(children, dict):
                node = children.get(str(step))
            else:
                node = children[step] if isinstance(step, int) and step < len(children) else None
        return node

    def entries(self) -> Iterable[tuple[str, Node]]:
        """Return the keys of a mapping and what stands behind them; nothing for any other value."""
        return self.children.items() if isinstance(self.children, dict) else ()

    def items(self) -> Iterable[Node]:
        """Return the items of a list; nothing for any other value."""
        return self.children if not isinstance(self.children, dict) else ()


class Scalar(Node, frozen=True, gc=False, eq=False, kw_only=True):
    """A single value. It ends where it does; `tail` is the end with the line breaks after it."""

    style: str = ""  # its quote, `|`, `>`, or nothing
    tail: int = 0

    @property
    def key_place(self) -> Place:
        """Where its key is written, which for a cell of a table is the header."""
        line = self.source.header
        return Place(self.source.file, line, self.key) if line else self.source.place(self.key)


class Sequence(Node, frozen=True, gc=False, eq=False, kw_only=True):
    """A list. `opening` is the offset behind its [ in flow style; 0 in block style."""

    opening: int = 0
    children: list[Node] = []


class Entry(Struct, frozen=True, gc=False, eq=False):
    """An entry of a mapping as it is written."""

    key: Node
    value: Node


class Mapping(Node, frozen=True, gc=False, eq=False, kw_only=True):
    """A mapping. `opening` is the offset behind its { in flow style; 0 in block style."""

    opening: int = 0
    written: tuple[Entry, ...] = ()  # the entries that stand in it, in order: merge keys and aliases as such
    children: dict[str, Node] = {}


class Alias(Node, frozen=True, gc=False, eq=False, kw_only=True):
    """An alias; `anchor` is the one that it stands for. Its value and its place are those of the target."""

    origin: int  # where the value begins at the anchor

    @property
    def place(self) -> Place:
        """Where the value is really written: at its anchor."""
        return self.source.place(self.origin)


class Document(Struct, frozen=True):
    """One file as read. `top` is a mapping, an empty one where the file could not be read to its end."""

    top: Node
    problems: tuple[Problem, ...] = ()
    whole: bool = True
    """Whether everything in the file was seen; if not, what other files expect of it may be missing."""
    aliases: frozenset[str] = frozenset()  # the anchors that an alias stands for somewhere
    doubted: frozenset[Place] = frozenset()  # where values begin of which a problem stands further on


def unread(file: str, *problems: Problem) -> Document:
    """Return the document of a file that could not be read to its end."""
    return Document(Mapping(Source(file), {}, 0, 0, 0), problems, whole=False)
