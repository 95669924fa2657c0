"""Read YAML: bytes in, plain values out, each with the place where it is really written."""

from __future__ import annotations

import json
import re
import sys
from codecs import BOM_UTF8
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any, ClassVar, NamedTuple, TypeAlias

from msgspec import Struct, field
from msgspec.structs import replace
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentEndEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from reconciler.config.names import CONTROL, visible
from reconciler.config.nodes import Document, Mark, Node, Written, unread
from reconciler.engine.kind import Json
from reconciler.problems import Place, Problem

INT64_MAX = 2**63 - 1
LONGEST_NUMBER = 40


class Refusal(NamedTuple):
    """Why a plain scalar is not read: a code, what is wrong, and what to write instead."""

    code: str
    message: str
    hint: str


class PlainScalar(NamedTuple):
    """The value of a plain scalar; with a refusal, the value that the right form would most likely have."""

    value: Json
    refusal: Refusal | None = None


_WORDS: dict[str, bool | None] = {
    "true": True,
    "True": True,
    "TRUE": True,
    "false": False,
    "False": False,
    "FALSE": False,
    "null": None,
}
_SWITCHES = {"y", "n", "yes", "no", "on", "off"}
_NULL_FORMS = {"~", "Null", "NULL"}
_STARTS_A_NUMBER = frozenset("+-.0123456789")

_WHOLE = re.compile(r"-?(?:0|[1-9][0-9]*)")
_FRACTION = re.compile(r"-?(?:0|[1-9][0-9]*)\.[0-9]+")
_SEXAGESIMAL = re.compile(r"[-+]?[0-9][0-9_]*(?::[0-9]{1,2})+(?:\.[0-9]*)?")
_LEADING_ZERO = re.compile(r"[-+]?0[0-9_]+(?:\.[0-9]*)?")
_OTHER_NUMBER = re.compile(
    r"[-+]?(?:0o[0-7_]+|0x[0-9a-f_]+|0b[01_]+|\.inf|\.nan"
    r"|[0-9][0-9_]*(?:\.[0-9_]*)?(?:e[-+]?[0-9]+)?|\.[0-9][0-9_]*(?:e[-+]?[0-9]+)?)",
    re.IGNORECASE,
)


def quoted(text: str) -> str:
    """Return the form in which YAML reads `text` as text, whatever it looks like."""
    return json.dumps(text, ensure_ascii=False)


def plain(text: str) -> PlainScalar:
    """Return the meaning of a scalar that was written without quotes and without a tag."""
    return _word(text) if len(text) <= LONGEST_NUMBER else _plain(text)


@lru_cache(maxsize=1_000)
def _word(text: str) -> PlainScalar:
    return _plain(text)


def _plain(text: str) -> PlainScalar:
    if text in _WORDS:
        return PlainScalar(_WORDS[text])
    if text[:1] in _STARTS_A_NUMBER:
        return _number(text)
    if text.lower() in _SWITCHES:
        return _switch(text)
    if text in _NULL_FORMS:
        return PlainScalar(None, Refusal("yaml-null-form", f"{text} is not read as null", "write null"))
    return PlainScalar(text) if text else _nothing()


def _nothing() -> PlainScalar:
    message = "nothing is written here"
    return PlainScalar(
        None, Refusal("empty-value", message, 'write the value; null, "", [] or {} if that is meant')
    )


def _switch(text: str) -> PlainScalar:
    meant = text.lower() in {"y", "yes", "on"}
    message = f"{text} is {str(meant).lower()} to some readers of YAML and text to others"
    hint = f"write {quoted(text)} for the text, {str(meant).lower()} for the truth value"
    return PlainScalar(text, Refusal("yaml-implicit-bool", message, hint))


def _number(text: str) -> PlainScalar:
    if _WHOLE.fullmatch(text):
        return _whole(text)
    if _FRACTION.fullmatch(text):
        return PlainScalar(float(text)) if len(text) <= LONGEST_NUMBER else _too_large(text)
    refusal = _number_refusal(text)
    return _too_large(text) if refusal and len(text) > LONGEST_NUMBER else PlainScalar(text, refusal)


def _whole(text: str) -> PlainScalar:
    # The length comes first: converting a huge number takes quadratic time.
    if len(text) > LONGEST_NUMBER or abs(int(text)) > INT64_MAX:
        return _too_large(text)
    return PlainScalar(int(text))


def _too_large(text: str) -> PlainScalar:
    refusal = Refusal("yaml-number-too-large", "the number is too long", "write it in quotes if it is text")
    return PlainScalar(text, refusal)


def _number_refusal(text: str) -> Refusal | None:
    if _SEXAGESIMAL.fullmatch(text):
        message = f"{text} is a number with base 60 to some readers of YAML"
        return Refusal("yaml-sexagesimal", message, f"write {quoted(text)}")
    if _LEADING_ZERO.fullmatch(text):
        message = f"{text} is an octal number to some readers of YAML and a decimal one to others"
        hint = f"write {quoted(text)} for the text, or the number without leading zeros"
        return Refusal("yaml-leading-zero", message, hint)
    if _OTHER_NUMBER.fullmatch(text):
        message = f"{text} is a number to some readers of YAML and text to others"
        hint = f"write {quoted(text)} for the text, or the number in plain decimal digits"
        return Refusal("yaml-number-form", message, hint)
    return None


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


class _Key(Struct, frozen=True, gc=False):
    name: str | None
    """`None` for one that was refused, with what stands behind it; and for an item, which needs none."""
    mark: Mark | None
    merges: bool = False


_NO_KEY = _Key(None, None)


class _OpenList(Struct):
    """A list, or the file itself, whose one item is what stands in it."""

    mark: Mark
    anchor: str | None
    items: list[Node] = field(default_factory=list)
    key: ClassVar[_Key] = _NO_KEY

    def closed(self, key: Mark) -> Node:
        return _grown([item.value for item in self.items], self.mark, key, self.items, self.items)


class _OpenMapping(Struct):
    mark: Mark
    anchor: str | None
    entries: dict[str, Node] = field(default_factory=dict)
    merged: list[Node] = field(default_factory=list)
    merge_mark: Mark | None = None
    key: _Key | None = None
    """What the next value stands behind; `None` where a key comes next."""

    def closed(self, key: Mark) -> Node:
        for source in self.merged:
            if isinstance(source.children, Mapping):
                for name, node in source.children.items():
                    self.entries.setdefault(name, node)
        values = {name: node.value for name, node in self.entries.items()}
        return _grown(values, self.mark, key, self.entries, self.entries.values())


def _grown(value: Json, mark: Mark, key: Mark, children: Any, below: Iterable[Node]) -> Node:
    size = height = 1
    for node in below:
        size += node.size
        height = max(height, node.height + 1)
    return Node(value, mark, key, children, size, height)


class Composer:
    """Builds the nodes of one file from the events of its parser, and keeps what is wrong with them."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._problems: list[Problem] = []
        self._root = Node({}, (1, 1), (1, 1), {})
        self._documents = 0
        self._file_itself = _OpenList((1, 1), None)
        self._open: list[_OpenList | _OpenMapping] = [self._file_itself]
        self._anchors: dict[str, Node] = {}
        self._copied = 0

    def document(self) -> Document:
        """Return what was composed."""
        root = self._root
        if not isinstance(root.value, dict):
            message = "the file is not a mapping"
            hint = "begin with a section, like import_configs:"
            self._note(Refusal("not-a-mapping", message, hint), root.mark)
            root = Node({}, (1, 1), (1, 1), {})
        return Document(Written(self._file, root), tuple(self._problems))

    def broken(self, refusal: Refusal, mark: Mark) -> Document:
        """Return an empty document that says why nothing was composed."""
        self._note(refusal, mark)
        return unread(self._file, *self._problems)

    def compose(self, events: Iterable[Event]) -> None:
        """Take all events of the file, one at a time. Raises `Unreadable`."""
        for number, event in enumerate(events):
            # It holds before anything is closed; keys and ends are events too, but no values.
            if number > 3 * MOST_NODES:
                raise _bomb(_mark(event))
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

    def end_document(self, _: Event) -> None:
        """Take what stands in the document for the root of the file."""
        (root,) = self._file_itself.items
        # An empty document has an empty scalar for its root, and that is fine: it has no sections.
        if root.value is None and self._problems and self._problems[-1].code == "empty-value":
            self._problems.pop()
            root = Node({}, root.mark, root.mark, {})
        self._root = root

    def scalar(self, event: Event) -> None:
        """Take a scalar, as a key or as a value."""
        start = event.start_mark
        mark, text = (start.line + 1, start.column + 1), event.value
        if event.style == '"':
            text = self._seen(text, mark)
        if event.ctag is not None:
            self._no_tag(event, mark)
        opened, is_plain = self._open[-1], event.implicit[0]
        if opened.key is None:
            opened.key = self._key(text, mark) if is_plain else _Key(text, mark)
            node = Node(event.value, mark, mark) if event.anchor else None
        else:
            node = Node(self._value(text, mark) if is_plain else text, mark, opened.key.mark or mark)
            self._add(opened, opened.key, node)
        if event.anchor and node:
            self._anchors[event.anchor] = node

    def alias(self, event: Event) -> None:
        """Take an alias: the node of its anchor, once more."""
        node = self._anchors.get(event.anchor) or self._no_anchor(event)
        self._deliver(replace(node, key=self._key_before(node.mark)), None)

    def start_list(self, event: Event) -> None:
        """Open a list."""
        self._start(_OpenList(_mark(event), event.anchor), event)

    def start_mapping(self, event: Event) -> None:
        """Open a mapping."""
        self._start(_OpenMapping(_mark(event), event.anchor), event)

    def end(self, event: Event) -> None:
        """Close the list or mapping that was opened last."""
        closing = self._open.pop()
        if isinstance(closing, _OpenMapping) and closing.merged:
            self._count_copies(closing, event)
        node = closing.closed(self._key_before(closing.mark))
        self._within_bounds(node)
        self._deliver(node, closing.anchor)

    def _start(self, opening: _OpenList | _OpenMapping, event: Event) -> None:
        if event.ctag is not None:
            self._no_tag(event, opening.mark)
        self._open.append(opening)
        if len(self._open) > DEEPEST + 1:
            raise _too_deep(opening.mark)

    def _count_copies(self, closing: _OpenMapping, event: Event) -> None:
        self._copied += sum(len(source.children) for source in closing.merged)
        if self._copied > MOST_NODES:
            raise _bomb(_mark(event))

    def _within_bounds(self, node: Node) -> None:
        if node.size > MOST_NODES:
            raise _bomb(node.mark)
        if node.height > DEEPEST:
            raise _too_deep(node.mark)

    def _key_before(self, mark: Mark) -> Mark:
        """Return where the key of a value is written, its own `mark` where it has none."""
        key = self._open[-1].key
        return (key and key.mark) or mark

    def _deliver(self, node: Node, anchor: str | None) -> None:
        if anchor:
            self._anchors[anchor] = node
        opened = self._open[-1]
        if opened.key is None:
            opened.key = self._key_of(node)
        else:
            self._add(opened, opened.key, node)

    def _key_of(self, node: Node) -> _Key:
        if isinstance(node.value, str):
            return _Key(node.value, node.mark)
        return self._not_text(node.mark, "")

    def _add(self, opened: _OpenList | _OpenMapping, key: _Key, node: Node) -> None:
        if isinstance(opened, _OpenList):
            opened.items.append(node)
            return
        name = key.name
        if key.merges:
            self._merge(opened, node)
        elif name is not None:
            first = opened.entries.setdefault(name, node)
            if first is not node:
                self._duplicate(name, node.key, first.key)
        opened.key = None

    def _duplicate(self, name: str, mark: Mark, first: Mark) -> None:
        message = f"the key {visible(name)} already stands on line {first[0]}"
        self._refuse(Refusal("duplicate-key", message, "remove one of the two"), mark)

    def _merge(self, opened: _OpenMapping, node: Node) -> None:
        if opened.merge_mark:
            self._duplicate("<<", node.key, opened.merge_mark)
            return
        opened.merge_mark = node.key
        sources = (node,) if isinstance(node.value, dict) else node.children
        if isinstance(sources, Mapping) or not sources or not all(isinstance(s.value, dict) for s in sources):
            hint = "write <<: *anchor or <<: [*one, *other], of mappings"
            self._refuse(Refusal("yaml-merge", "only mappings can be merged", hint), node.mark)
            return
        opened.merged.extend(sources)

    def _key(self, text: str, mark: Mark) -> _Key:
        scalar = plain(text)
        if scalar.refusal:
            self._refuse(scalar.refusal, mark)
        elif not isinstance(scalar.value, str):
            return self._not_text(mark, text)
        # The names of fields come in every file: one object for all of them.
        return _Key(sys.intern(text), mark, merges=text == "<<")

    def _value(self, text: str, mark: Mark) -> Json:
        scalar = plain(text)
        refusal = scalar.refusal
        if refusal and text and self._is_below(PERSONAL_KEYS):
            refusal = Refusal(refusal.code, *_WITHOUT_QUOTES)
        if refusal:
            self._refuse(refusal, mark)
        return scalar.value

    def _not_text(self, mark: Mark, text: str) -> _Key:
        hint = f"write {quoted(text)}" if text else "write a name"
        self._refuse(Refusal("non-string-key", "a key is text", hint), mark)
        return _Key(None, mark)

    def _seen(self, text: str, mark: Mark) -> str:
        # The file itself holds none, but an escape in double quotes can make one.
        found = CONTROL.search(text)
        if found:
            self._refuse(unseen(found.group()), mark)
        return CONTROL.sub("", text) if found else text

    def _no_tag(self, event: Event, mark: Mark) -> None:
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
        return Node(None, _mark(event), _mark(event))

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
    start = event.start_mark
    return start.line + 1, start.column + 1


def _bomb(mark: Mark) -> Unreadable:
    message = f"with its aliases written out, the file holds more than {MOST_NODES:,} values"
    return Unreadable(Refusal("yaml-alias-bomb", message, "use fewer aliases, or more files"), mark)


def _too_deep(mark: Mark) -> Unreadable:
    message = f"more than {DEEPEST} mappings and lists stand inside each other"
    return Unreadable(Refusal("yaml-too-deep", message, "nothing here needs that; flatten it"), mark)


_HANDLERS: Mapping[type[Event], Callable[[Composer, Event], None]] = {
    DocumentStartEvent: Composer.start_document,
    DocumentEndEvent: Composer.end_document,
    ScalarEvent: Composer.scalar,
    AliasEvent: Composer.alias,
    SequenceStartEvent: Composer.start_list,
    SequenceEndEvent: Composer.end,
    MappingStartEvent: Composer.start_mapping,
    MappingEndEvent: Composer.end,
}


try:
    from _ruamel_yaml import CParser
except ImportError:  # pragma: no cover  (the pure parser reads the same, eight times slower)
    CParser = None

LARGEST_FILE = 5_000_000
"""Bytes in one file."""
Events: TypeAlias = Callable[[str], Iterable[Event]]


def read(content: bytes, file: str) -> Document:
    """Return the mapping in `content` with all that is wrong with it as YAML; `file` is its name in places.

    Raises nothing: bytes that are no YAML at all are a problem too.
    """
    return read_with(EVENTS, content, file)


def read_with(events: Events, content: bytes, file: str) -> Document:
    """Read with a parser of choice; see `read`."""
    composer = Composer(file)
    try:
        composer.compose(events(_text(content)))
    except Unreadable as unreadable:
        return composer.broken(unreadable.refusal, unreadable.mark)
    except YAMLError as error:
        return composer.broken(*_syntax(error, content))
    return composer.document()


def _libyaml_events(text: str) -> Iterator[Event]:
    return iter(CParser(text).get_event, None)


def pure_events(text: str) -> Iterator[Event]:
    """Yield the events of `text` as the parser written in Python sees them."""
    yield from YAML(typ="safe", pure=True).parse(text)


EVENTS: Events = pure_events if CParser is None else _libyaml_events
PARSER = "pure" if CParser is None else "libyaml"
"""Which parser reads; the pure one only where the C extension of ruamel.yaml cannot be had."""


_PRINTABLE_ASCII = bytes([*range(0x20, 0x7F), *b"\t\n\r"])


def _text(content: bytes) -> str:
    if len(content) > LARGEST_FILE:
        message = f"the file is larger than {LARGEST_FILE // 1_000_000} MB"
        raise Unreadable(Refusal("file-too-large", message, "split it; a workspace may have many files"))
    content = content.removeprefix(BOM_UTF8)
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        before = content[: error.start].decode(errors="replace")
        refusal = Refusal("yaml-encoding", "the file is not UTF-8 from here on", "save it as UTF-8")
        raise Unreadable(refusal, _mark_after(before)) from error
    # Most files hold none, which is seen without a look at every character.
    if content.translate(None, _PRINTABLE_ASCII) and (found := CONTROL.search(text)):
        raise Unreadable(unseen(found.group()), _mark_after(text[: found.start()]))
    return text


_LINE_BREAK = re.compile("\r\n|[\r\n\x85\u2028\u2029]")


def _mark_after(text: str) -> Mark:
    *_, last = ("", *_LINE_BREAK.split(text))
    return len(_LINE_BREAK.findall(text)) + 1, len(last) + 1


_SYNTAX_HINTS = (
    ("alias", "a text that begins with * or & is written in quotes"),
    ("mapping values are not allowed", "a text that holds a colon and a space is written in quotes"),
    ("cannot start any token", "a text that begins with @, % or ` is written in quotes"),
    ("unexpected ':'", 'a time, like every text with a colon in it, is written in quotes: "09:00"'),
    ("quoted scalar", "close the quotes; in double quotes a backslash is written \\\\"),
    ("flow", "close every [ and {, with commas between the items"),
    ("block", "keys of one mapping begin in one column, under each other"),
)


def _syntax(error: YAMLError, content: bytes) -> tuple[Refusal, Mark]:
    lines = _LINE_BREAK.split(content.decode("utf-8-sig"))
    mark = _error_mark(error, lines)
    if lines[mark[0] - 1][mark[1] - 1 : mark[1]] == "\t":
        return Refusal("yaml-tab", "a tab cannot indent", "indent with spaces"), mark
    said = " ".join(visible(str(part)) for part in (_part(error, "problem"), _part(error, "context")) if part)
    hint = next(
        (hint for words, hint in _SYNTAX_HINTS if words in said), "check the indentation and the quotes"
    )
    return Refusal("yaml-syntax", f"this is not YAML: {said or 'it cannot be read'}", hint), mark


def _part(error: YAMLError, name: str) -> Any:
    return getattr(error, name, None)


def _error_mark(error: YAMLError, lines: list[str]) -> Mark:
    marks = [_part(error, "problem_mark"), _part(error, "context_mark")]
    known = [(mark.line + 1, mark.column + 1) for mark in marks if mark is not None]
    # At the end of the file it shows only that something is missing, which begins elsewhere.
    return next((mark for mark in known if _stands(mark, lines)), (1, 1))


def _stands(mark: Mark, lines: list[str]) -> bool:
    line, column = mark
    return line <= len(lines) and any([lines[line - 1][column - 1 :].strip(), *lines[line:]])
