"""Plain values, each with the place where it is really written."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

from msgspec import Struct

from reconciler.engine.kind import Json
from reconciler.problems import Place, Problem

Mark: TypeAlias = tuple[int, int]
"""Line and column, from 1."""


class Node(Struct, frozen=True, gc=False):
    """A value with everything below it. `size` and `height` count shared nodes wherever they stand."""

    value: Json
    mark: Mark
    key: Mark
    """Where its key is written; its own mark where it has none, as an item of a list or the whole file."""
    children: dict[str, Node] | list[Node] | tuple[()] = ()
    size: int = 1
    height: int = 1


class Written(Struct, frozen=True, gc=False):
    """A value as it stands in a file, with its own place and that of the key before it."""

    file: str
    node: Node

    @property
    def value(self) -> Json:
        """The plain value: dicts with string keys, lists, strings, numbers, booleans and `None`."""
        return self.node.value

    @property
    def place(self) -> Place:
        """Where the value begins."""
        return Place(self.file, *self.node.mark)

    @property
    def key_place(self) -> Place:
        """Where its key is written; the place of the value itself for a list item and for the whole file."""
        return Place(self.file, *self.node.key)

    def at(self, *path: str | int) -> Written:
        """Return what stands at `path` below, or the last thing on the way there that exists."""
        node = self.node
        for step in path:
            below = _child(node, step)
            if below is None:
                break
            node = below
        return Written(self.file, node)

    def find(self, *path: str | int) -> Written | None:
        """Return what stands at `path` below, `None` where nothing does."""
        node: Node | None = self.node
        for step in path:
            node = _child(node, step) if node else None
        return Written(self.file, node) if node else None

    def wrapped(self, *path: str) -> Written:
        """Return a mapping in which this stands at `path`; every step has the place of its key."""
        node = self.node
        for step in reversed(path):
            node = Node({step: node.value}, self.node.mark, self.node.key, {step: node})
        return Written(self.file, node)

    def entries(self) -> Iterator[tuple[str, Written]]:
        """Yield the keys of a mapping and what stands behind them; nothing for any other value."""
        if isinstance(self.node.children, dict):
            for name, node in self.node.children.items():
                yield name, Written(self.file, node)

    def items(self) -> Iterator[Written]:
        """Yield the items of a list; nothing for any other value."""
        if not isinstance(self.node.children, dict):
            for node in self.node.children:
                yield Written(self.file, node)


class Document(Struct, frozen=True):
    """One file as read. `top` is a mapping, an empty one where the file could not be read to its end."""

    top: Written
    problems: tuple[Problem, ...] = ()
    whole: bool = True
    """Whether everything in the file was seen; if not, what other files expect of it may be missing."""


def unread(file: str, *problems: Problem) -> Document:
    """Return the document of a file that could not be read to its end."""
    start = (1, 1)
    return Document(Written(file, Node({}, start, start, {})), problems, whole=False)


def _child(node: Node, step: str | int) -> Node | None:
    children = node.children
    if isinstance(children, dict):
        return children.get(str(step))
    if isinstance(step, int) and step < len(children):
        return children[step]
    return None
