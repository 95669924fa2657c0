"""From the events of a YAML parser to nodes, without recursion and within bounds.

An alias shares the node of its anchor, and a merge key shares the entries of its mapping; so a merged key has
the place where it really stands.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from reconciler.config.nodes import Document, Entry, Mark, Node, Written, unread
from reconciler.config.scalars import Refusal, Scalar, plain, quoted
from reconciler.config.wording import CONTROL, visible
from reconciler.engine.kind import Json
from reconciler.problems import Place, Problem

MOST_NODES = 100_000
"""Values in one file, counted as if every alias and merge key were written out."""
DEEPEST = 50
"""Mappings and lists inside each other, counted in the same way."""
MOST_PROBLEMS = 1_000
"""In one file; the rest is not looked at."""
SECRET_KEYS = frozenset({"key", "master_key", "token", "client_secret", "journal"})
"""What stands below such a key is never repeated in a message, however wrong it is."""
PERSONAL_KEYS = frozenset(
    {"customers", "data", "email", "phone_number", "notification_email_addresses", "answers"}
)
"""A value below such a key is somebody's: it is not repeated either, but how to write it can be said."""

Event: TypeAlias = Any


class Unreadable(Exception):
    """The rest of the file is not looked at."""

    def __init__(self, refusal: Refusal, mark: Mark = (1, 1)) -> None:
        super().__init__(refusal.code)
        self.refusal = refusal
        self.mark = mark


def unseen(character: str) -> Refusal:
    """Return why a control character is refused."""
    message = f"the character U+{ord(character):04X} cannot be seen, and changes what is seen around it"
    return Refusal("control-character", message, "remove it")


_WITHOUT_QUOTES = ("readers of YAML do not agree on what this means without quotes", "write it in quotes")


class _Key(NamedTuple):
    name: str | None
    mark: Mark
    merges: bool = False


@dataclass(slots=True)
class _OpenList:
    mark: Mark
    anchor: str | None
    items: list[Node] = field(default_factory=list)

    def closed(self) -> Node:
        return _grown([item.value for item in self.items], self.mark, self.items, self.items)


@dataclass(slots=True)
class _OpenMapping:
    mark: Mark
    anchor: str | None
    entries: dict[str, Entry] = field(default_factory=dict)
    merged: list[Node] = field(default_factory=list)
    merge_mark: Mark | None = None
    key: _Key | None = None

    def closed(self) -> Node:
        for source in self.merged:
            if isinstance(source.children, Mapping):
                for name, entry in source.children.items():
                    self.entries.setdefault(name, entry)
        values = {name: entry.node.value for name, entry in self.entries.items()}
        return _grown(values, self.mark, self.entries, (entry.node for entry in self.entries.values()))


def _grown(value: Json, mark: Mark, children: Any, below: Iterable[Node]) -> Node:
    size = height = 1
    for node in below:
        size += node.size
        height = max(height, node.height + 1)
    return Node(value, mark, children, size, height)


class Composer:
    """Builds the nodes of one file from the events of its parser, and keeps what is wrong with them."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._problems: list[Problem] = []
        self._root = Node({}, (1, 1), {})
        self._documents = 0
        self._open: list[_OpenList | _OpenMapping] = []
        self._anchors: dict[str, Node] = {}
        self._copied = 0
        self._begun = 0

    def document(self) -> Document:
        """Return what was composed."""
        if not isinstance(self._root.value, dict):
            message = "the file is not a mapping"
            hint = "begin with a section, like import_configs:"
            self._note(Refusal("not-a-mapping", message, hint), self._root.mark)
            self._root = Node({}, (1, 1), {})
        return Document(Written(self._file, self._root, self._root.mark), tuple(self._problems))

    def broken(self, refusal: Refusal, mark: Mark) -> Document:
        """Return an empty document that says why nothing was composed."""
        self._note(refusal, mark)
        return unread(self._file, *self._problems)

    def take(self, event: Event) -> None:
        """Take the next event."""
        handler = _HANDLERS.get(type(event))
        if handler is not None:
            handler(self, event)

    def start_document(self, event: Event) -> None:
        """Begin a document; a file holds one, in the YAML of today."""
        self._documents += 1
        if self._documents > 1:
            hint = "put it in a file of its own, or remove the ---"
            raise Unreadable(Refusal("yaml-documents", "a second document begins here", hint), _mark(event))
        if (event.version or (1, 2)) != (1, 2) or event.tags:
            hint = "remove the line that begins with %"
            self._refuse(Refusal("yaml-directive", "directives are not obeyed", hint), (1, 1))

    def scalar(self, event: Event) -> None:
        """Take a scalar, as a key or as a value."""
        mark = _mark(event)
        self._count(mark)
        if self._awaits_key():
            self._take_key(self._scalar_key(event, mark))
            if event.anchor:
                self._anchors[event.anchor] = Node(event.value, mark)
        else:
            self._deliver(Node(self._scalar_value(event, mark), mark), event.anchor)

    def alias(self, event: Event) -> None:
        """Take an alias: the node of its anchor, once more."""
        self._count(_mark(event))
        node = self._anchors.get(event.anchor) or self._no_anchor(event)
        self._deliver(node, None)

    def start_list(self, event: Event) -> None:
        """Open a list."""
        self._start(_OpenList(_mark(event), event.anchor), event)

    def start_mapping(self, event: Event) -> None:
        """Open a mapping."""
        self._start(_OpenMapping(_mark(event), event.anchor), event)

    def end(self, event: Event) -> None:
        """Close the list or mapping that was opened last."""
        closing = self._open.pop()
        if isinstance(closing, _OpenMapping):
            self._count_copies(closing, event)
        node = closing.closed()
        self._within_bounds(node)
        self._deliver(node, closing.anchor)

    def _start(self, opening: _OpenList | _OpenMapping, event: Event) -> None:
        self._count(opening.mark)
        self._no_tag(event, opening.mark)
        self._open.append(opening)
        if len(self._open) > DEEPEST:
            raise _too_deep(opening.mark)

    def _count(self, mark: Mark) -> None:
        # Keys count here too, so the bound is twice that of the values; it holds before anything is closed.
        self._begun += 1
        if self._begun > 2 * MOST_NODES:
            raise _bomb(mark)

    def _count_copies(self, closing: _OpenMapping, event: Event) -> None:
        self._copied += sum(len(source.children) for source in closing.merged)
        if self._copied > MOST_NODES:
            raise _bomb(_mark(event))

    def _within_bounds(self, node: Node) -> None:
        if node.size > MOST_NODES:
            raise _bomb(node.mark)
        if node.height > DEEPEST:
            raise _too_deep(node.mark)

    def _awaits_key(self) -> bool:
        top = self._open[-1] if self._open else None
        return isinstance(top, _OpenMapping) and top.key is None

    def _deliver(self, node: Node, anchor: str | None) -> None:
        if anchor:
            self._anchors[anchor] = node
        if not self._open:
            self._root = self._top(node)
        elif self._awaits_key():
            self._take_key(self._key_of(node))
        else:
            self._add(self._open[-1], node)

    def _top(self, node: Node) -> Node:
        # An empty document has an empty scalar for its top, and that is fine: it has no sections.
        if node.value is None and self._problems and self._problems[-1].code == "empty-value":
            self._problems.pop()
            return Node({}, node.mark, {})
        return node

    def _key_of(self, node: Node) -> _Key:
        if isinstance(node.value, str):
            return _Key(node.value, node.mark)
        return self._not_text(node.mark, "")

    def _take_key(self, key: _Key) -> None:
        mapping = self._open[-1]
        if isinstance(mapping, _OpenMapping):
            mapping.key = key

    def _add(self, opened: _OpenList | _OpenMapping, node: Node) -> None:
        if isinstance(opened, _OpenList):
            opened.items.append(node)
            return
        key, opened.key = opened.key, None
        if key is None or key.name is None:
            return
        if key.merges:
            self._merge(opened, key, node)
        elif key.name in opened.entries:
            self._duplicate(key, opened.entries[key.name].key)
        else:
            opened.entries[key.name] = Entry(key.mark, node)

    def _duplicate(self, key: _Key, first: Mark) -> None:
        message = f"the key {visible(key.name or '')} already stands on line {first[0]}"
        self._refuse(Refusal("duplicate-key", message, "remove one of the two"), key.mark)

    def _merge(self, opened: _OpenMapping, key: _Key, node: Node) -> None:
        if opened.merge_mark:
            self._duplicate(key, opened.merge_mark)
            return
        opened.merge_mark = key.mark
        sources = (node,) if isinstance(node.value, dict) else node.children
        if isinstance(sources, Mapping) or not sources or not all(isinstance(s.value, dict) for s in sources):
            hint = "write <<: *anchor or <<: [*one, *other], of mappings"
            self._refuse(Refusal("yaml-merge", "only mappings can be merged", hint), node.mark)
            return
        opened.merged.extend(sources)

    def _scalar_key(self, event: Event, mark: Mark) -> _Key:
        text = self._seen(event, mark)
        is_plain = self._is_plain(event, mark)
        if is_plain and text == "<<":
            return _Key(text, mark, merges=True)
        scalar = plain(text) if is_plain else Scalar(text)
        if scalar.refusal:
            self._refuse(scalar.refusal, mark)
        elif not isinstance(scalar.value, str):
            return self._not_text(mark, text)
        return _Key(text, mark)

    def _scalar_value(self, event: Event, mark: Mark) -> Json:
        text = self._seen(event, mark)
        if not self._is_plain(event, mark):
            return text
        scalar = plain(text)
        if scalar.refusal and text and self._is_below(PERSONAL_KEYS):
            self._refuse(Refusal(scalar.refusal.code, *_WITHOUT_QUOTES), mark)
        elif scalar.refusal:
            self._refuse(scalar.refusal, mark)
        return scalar.value

    def _is_plain(self, event: Event, mark: Mark) -> bool:
        self._no_tag(event, mark)
        return bool(event.implicit[0])

    def _not_text(self, mark: Mark, text: str) -> _Key:
        hint = f"write {quoted(text)}" if text else "write a name"
        self._refuse(Refusal("non-string-key", "a key is text", hint), mark)
        return _Key(None, mark)

    def _seen(self, event: Event, mark: Mark) -> str:
        # The file itself holds none, but an escape in double quotes can make one.
        found = CONTROL.search(event.value) if event.style == '"' else None
        if found:
            self._refuse(unseen(found.group()), mark)
        return CONTROL.sub("", event.value) if found else str(event.value)

    def _no_tag(self, event: Event, mark: Mark) -> None:
        if event.tag is not None:
            hint = "remove it; a text that looks like something else is written in quotes"
            self._refuse(Refusal("yaml-tag", f"the tag {visible(str(event.tag))} is not obeyed", hint), mark)

    def _no_anchor(self, event: Event) -> Node:
        anchor = visible(event.anchor)
        if any(opened.anchor == event.anchor for opened in self._open):
            message, code = f"the alias *{anchor} stands inside its own anchor", "yaml-recursive-alias"
        else:
            message, code = f"no anchor &{anchor} stands before this alias", "yaml-undefined-alias"
        hint = f'write &{anchor} before the value that is meant, or "*{anchor}" if it is text'
        self._refuse(Refusal(code, message, hint), _mark(event))
        return Node(None, _mark(event))

    def _refuse(self, refusal: Refusal, mark: Mark) -> None:
        if self._is_below(SECRET_KEYS):
            refusal = Refusal(
                refusal.code, "a secret, or what stands for one, is not plain data", "name it: {env: NAME}"
            )
        self._note(refusal, mark)
        if len(self._problems) >= MOST_PROBLEMS:
            message = "the rest of the file is not looked at"
            raise Unreadable(Refusal("too-many-problems", message, "solve the others first"), mark)

    def _is_below(self, keys: Collection[str]) -> bool:
        return any(isinstance(o, _OpenMapping) and o.key and o.key.name in keys for o in self._open)

    def _note(self, refusal: Refusal, mark: Mark) -> None:
        place = Place(self._file, *mark)
        self._problems.append(Problem(refusal.code, place, "", refusal.message, refusal.hint))


def _mark(event: Event) -> Mark:
    return event.start_mark.line + 1, event.start_mark.column + 1


def _bomb(mark: Mark) -> Unreadable:
    message = f"with its aliases written out, the file holds more than {MOST_NODES:,} values"
    return Unreadable(Refusal("yaml-alias-bomb", message, "use fewer aliases, or more files"), mark)


def _too_deep(mark: Mark) -> Unreadable:
    message = f"more than {DEEPEST} mappings and lists stand inside each other"
    return Unreadable(Refusal("yaml-too-deep", message, "nothing here needs that; flatten it"), mark)


_HANDLERS: Mapping[type[Event], Callable[[Composer, Event], None]] = {
    DocumentStartEvent: Composer.start_document,
    ScalarEvent: Composer.scalar,
    AliasEvent: Composer.alias,
    SequenceStartEvent: Composer.start_list,
    SequenceEndEvent: Composer.end,
    MappingStartEvent: Composer.start_mapping,
    MappingEndEvent: Composer.end,
}
