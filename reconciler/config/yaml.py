"""Read YAML: bytes in, a tree of plain values out, each with the place where it is really written.

The libyaml parser delivers events, one at a time; they are composed without recursion and within bounds. An
alias shares the node of its anchor, and a merge key shares the entries of its mapping, so a merged key has
the place where it is really written.

Plain scalars mean what YAML 1.2 core, YAML 1.1 and every reader agree on; anything else is refused. Source:
YAML 1.2.2, section 10.3.2 (core schema); the type repository of YAML 1.1 (bool, int, float, null).
"""

from __future__ import annotations

import json
import re
import sys
from codecs import BOM_UTF8
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple, TypeAlias

from _ruamel_yaml import CParser
from msgspec import Struct, field
from ruamel.yaml.error import YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from reconciler.config import nodes
from reconciler.config.names import CONTROL, visible
from reconciler.config.nodes import LINE_BREAK, Alias, Document, Entry, Node, Scalar, Source, unread
from reconciler.engine.kind import Json
from reconciler.problems import Place, Problem

LARGEST_FILE = 5_000_000  # bytes in one file
MOST_NODES = 100_000  # values in one file, counted as if every alias and merge key were written out
DEEPEST = 50  # mappings and lists inside each other, counted in the same way
MOST_PROBLEMS = 1_000  # in one file; the rest is not looked at
LONGEST_NUMBER = 40
_INT64_MAX = 2**63 - 1
SECRET_KEYS = frozenset({"key", "master_key", "token", "client_secret", "journal"})
"""What stands below such a key is never repeated in a message, however wrong it is."""
PERSONAL_KEYS = frozenset(
    {"customers", "data", "email", "phone_number", "notification_email_addresses", "answers"}
)
"""A value below such a key is personal: it is not repeated either, but how to write it can be said."""

Event: TypeAlias = Any


class Refusal(NamedTuple):
    """Why something is not read: a code, what is wrong, and what to write instead."""

    code: str
    message: str
    hint: str = ""


class Unreadable(Exception):
    """The rest of a file is not looked at."""

    def __init__(self, refusal: Refusal, line: int = 1, column: int = 1) -> None:
        super().__init__(refusal.code)
        self.refusal = refusal
        self.line = line
        self.column = column


def read(content: bytes, file: str) -> Document:
    """Return the mapping in `content` with all that is wrong with it as YAML; `file` is its name in places.

    Raises nothing: bytes that are no YAML at all are a problem too.
    """
    problems: list[Problem] = []
    try:
        if len(content) > LARGEST_FILE:
            message = f"the file is larger than {LARGEST_FILE // 1_000_000} MB"
            raise Unreadable(Refusal("file-too-large", message, "split it; a workspace may have many files"))
        check_is_itself(content)
        content = content.removeprefix(BOM_UTF8)
        text = content.decode()
        if found := CONTROL.search(text):
            raise _unreadable(unseen(found.group()), text[: found.start()])
        return _Composer(Source(file, text), problems).compose(iter(CParser(text).get_event, None))
    except UnicodeDecodeError as error:
        refusal = Refusal("yaml-encoding", "the file is not UTF-8 from here on", "save it as UTF-8")
        unreadable = _unreadable(refusal, content[: error.start].decode(errors="replace"))
    except Unreadable as error:
        unreadable = error
    except YAMLError as error:
        unreadable = _syntax(error, text)
    code, message, hint = unreadable.refusal
    place = Place(file, unreadable.line, unreadable.column)
    return unread(file, *problems, Problem(code, place, "", message, hint))


_STAND_INS = (
    (
        b"version https://git-lfs.github.com/spec/",
        "a Git LFS pointer",
        "git lfs pull, or lfs: true in a workflow",
    ),
    (
        b"version https://hawser.github.com/spec/",
        "a Git LFS pointer",
        "git lfs pull, or lfs: true in a workflow",
    ),
    (b"/annex/objects/", "a git-annex pointer", "git annex get"),
    (b"\0GITCRYPT\0", "what git-crypt has encrypted", "git-crypt unlock"),
)


def check_is_itself(content: bytes) -> None:
    """Check that git has no stand-in in place of a file. Errors: `Unreadable` with what gets the file."""
    for beginning, what, command in _STAND_INS:
        if content.startswith(beginning):
            hint = f"get the file itself: {command}"
            raise Unreadable(Refusal("not-the-file", f"this is {what}, not the file itself", hint))


_BLANKS = " \t\r\n\x85\u2028\u2029"


def _unreadable(refusal: Refusal, before: str) -> Unreadable:
    """Return the error of what stands behind this text."""
    *lines, last = LINE_BREAK.split(before)
    return Unreadable(refusal, len(lines) + 1, len(last) + 1)


def unseen(character: str) -> Refusal:
    """Return why a control character is refused."""
    message = f"the character U+{ord(character):04X} cannot be seen, and changes what is seen around it"
    return Refusal("control-character", message, "remove it")


_SYNTAX_HINTS = (
    ("alias", "a text that begins with * or & is written in quotes"),
    ("mapping values are not allowed", "a text that holds a colon and a space is written in quotes"),
    ("cannot start any token", "a text that begins with @, % or ` is written in quotes"),
    ("unexpected ':'", 'a time, like every text with a colon in it, is written in quotes: "09:00"'),
    ("quoted scalar", "close the quotes; in double quotes a backslash is written \\\\"),
    ("flow", "close every [ and {, with commas between the items"),
    ("block", "keys of one mapping begin in one column, under each other"),
    ("", "check the indentation and the quotes"),
)


def _syntax(error: YAMLError, text: str) -> Unreadable:
    lines = LINE_BREAK.split(text)
    line, column = 0, 0
    for name in ("problem_mark", "context_mark"):
        mark = getattr(error, name, None)
        # At the end of the file a mark shows only that something is missing, which begins elsewhere.
        if mark is not None and mark.line < len(lines):
            here, *after = lines[mark.line :]
            if here[mark.column :].strip() or any(after):
                line, column = mark.line, mark.column
                break
    if lines[line][column : column + 1] == "\t":
        refusal = Refusal("yaml-tab", "a tab cannot indent", "indent with spaces")
        return Unreadable(refusal, line + 1, column + 1)
    parts = (getattr(error, name, None) for name in ("problem", "context"))
    said = " ".join(visible(str(part)) for part in parts if part)
    hint = next(hint for words, hint in _SYNTAX_HINTS if words in said)
    refusal = Refusal("yaml-syntax", f"this is not YAML: {said or 'it cannot be read'}", hint)
    return Unreadable(refusal, line + 1, column + 1)


class _Open(Struct):
    """A mapping or list, or the file itself with its one value, whose end was not seen yet."""

    start: int
    opening: int
    anchor: str | None
    children: dict[str, Node] | list[Node]
    written: list[Entry] = field(default_factory=list)
    merged: list[Node] = field(default_factory=list)
    merge_key: int | None = None
    key: Node | None = None  # what the next value stands behind; `None` in a list, and where a key comes next
    name: str | None = None  # the same as text; `None` for one that was refused, with what stands behind it


class _Composer(Struct):
    """Builds the tree of one file from the events of its parser; what is wrong goes to `problems`."""

    _source: Source
    _problems: list[Problem]
    _open: list[_Open] = field(default_factory=list)
    _anchors: dict[str, Node] = field(default_factory=dict)
    _aliases: set[str] = field(default_factory=set)
    _copied: int = 0

    def compose(self, events: Iterable[Event]) -> Document:
        """Return the document of all events of the file. Raises `Unreadable`."""
        roots: list[Node] = []
        self._open.append(_Open(0, 0, None, roots))
        for number, event in enumerate(events):
            # It holds before anything is closed; keys and ends are events too, but no values.
            if number > 3 * MOST_NODES:
                raise self._end(_TOO_MANY, event.start_mark.index)
            handler = _HANDLERS.get(type(event))
            if handler is not None:
                handler(self, event)
            elif isinstance(event, DocumentStartEvent):
                if roots:
                    hint = "put it in a file of its own, or remove the ---"
                    refusal = Refusal("yaml-documents", "a second document begins here", hint)
                    raise self._end(refusal, event.start_mark.index)
                if (event.version or (1, 2)) != (1, 2) or event.tags:
                    hint = "remove the line that begins with %"
                    self._refuse(Refusal("yaml-directive", "directives are not obeyed", hint), 0)
        empty = nodes.Mapping(self._source, {}, 0, 0, 0)
        root = roots[0] if roots else empty
        # An empty document has an empty scalar for its root, and that is fine: it has no sections.
        if root.value is None and self._problems and self._problems[-1].code == "empty-value":
            self._problems.pop()
            root = nodes.Mapping(self._source, {}, root.start, root.start, root.start)
        if not isinstance(root, nodes.Mapping):
            hint = "begin with a section, like import_configs:"
            self._refuse(Refusal("not-a-mapping", "the file is not a mapping", hint), root.start)
            root = empty
        return Document(root, tuple(self._problems), aliases=frozenset(self._aliases))

    def scalar(self, event: Event) -> None:
        source, start, tail = self._source, event.start_mark.index, event.end_mark.index
        end, text, style = tail, event.value, event.style or ""
        if style == '"' and (found := CONTROL.search(text)):
            # The file itself holds none, but an escape in double quotes can make one.
            self._refuse(unseen(found.group()), start)
            text = CONTROL.sub("", text)
        elif style in ("|", ">"):
            end = start + len(source.text[start:tail].rstrip(_BLANKS))
        if event.ctag is not None:
            self._refuse_tag(event)
        value, refusal = plain(text) if event.implicit[0] else (text, None)
        opened = self._open[-1]
        is_key = opened.key is None and isinstance(opened.children, dict)
        if is_key and refusal:
            value = text
        elif is_key and not isinstance(value, str):
            refusal = Refusal("non-string-key", "a key is text", f"write {quoted(text)}")
        elif refusal and text and self._is_below(PERSONAL_KEYS):
            message = "readers of YAML do not agree on what this means without quotes"
            refusal = Refusal(refusal.code, message, "write it in quotes")
        if refusal:
            self._refuse(refusal, start)
        at = opened.key.key if opened.key else start
        self._deliver(Scalar(source, value, start, end, at, event.anchor, style=style, tail=tail))

    def alias(self, event: Event) -> None:
        name, start, end = event.anchor, event.start_mark.index, event.end_mark.index
        target = self._anchors.get(name)
        if target is None:
            target, shown = Scalar(self._source, None, start, end, start), visible(name)
            code, message = "yaml-undefined-alias", f"no anchor &{shown} stands before this alias"
            if any(opened.anchor == name for opened in self._open):
                code, message = "yaml-recursive-alias", f"the alias *{shown} stands inside its own anchor"
            hint = f'write &{shown} before the value that is meant, or "*{shown}" if it is text'
            self._refuse(Refusal(code, message, hint), start)
        self._aliases.add(name)
        key = self._open[-1].key
        at = key.key if key else target.start
        below, size, height = target.children, target.size, target.height
        found = Alias(
            self._source, target.value, start, end, at, name, below, size, height, origin=target.start
        )
        self._deliver(found)

    def start(self, event: Event) -> None:
        if event.ctag is not None:
            self._refuse_tag(event)
        opening = event.end_mark.index if event.flow_style else 0
        children: dict[str, Node] | list[Node] = {} if isinstance(event, MappingStartEvent) else []
        self._open.append(_Open(event.start_mark.index, opening, event.anchor, children))
        if len(self._open) > DEEPEST + 1:
            raise self._end(_TOO_DEEP, event.start_mark.index)

    def end(self, event: Event) -> None:
        closing = self._open.pop()
        start, opening, children = closing.start, closing.opening, closing.children
        if isinstance(children, dict) and closing.merged:
            self._copied += sum(len(merged.children) for merged in closing.merged)
            if self._copied > MOST_NODES:
                raise self._end(_TOO_MANY, event.start_mark.index)
            for merged in closing.merged:
                for name, inner in merged.entries():
                    children.setdefault(name, inner)
        size, height = 1 + len(children), 2 if children else 1
        for inner in children.values() if isinstance(children, dict) else children:
            size += inner.size - 1
            height = max(height, inner.height + 1)
        if size > MOST_NODES:
            raise self._end(_TOO_MANY, start)
        if height > DEEPEST:
            raise self._end(_TOO_DEEP, start)
        key = self._open[-1].key
        at, anchor, source = key.key if key else start, closing.anchor, self._source
        bounds = {"size": size, "height": height, "opening": opening}
        node: Node
        if isinstance(children, dict):
            written = tuple(closing.written)
            end = event.end_mark.index if opening else written[-1].value.end
            values = {name: inner.value for name, inner in children.items()}
            node = nodes.Mapping(
                source, values, start, end, at, anchor, children=children, written=written, **bounds
            )
        else:
            end = event.end_mark.index if opening else children[-1].end
            items = [inner.value for inner in children]
            node = nodes.Sequence(source, items, start, end, at, anchor, children=children, **bounds)
        self._deliver(node)

    def _deliver(self, node: Node) -> None:
        """Add a node to what it stands in, as a value or as a key."""
        if node.anchor and not isinstance(node, Alias):
            self._anchors[node.anchor] = node
        opened = self._open[-1]
        children, key = opened.children, opened.key
        if not isinstance(children, dict):
            children.append(node)
            return
        if key is None:
            opened.key = node
            if isinstance(node.value, str):
                # The names of fields come in every file: one object for all of them.
                opened.name = sys.intern(node.value)
            elif not isinstance(node, Scalar):
                self._refuse(Refusal("non-string-key", "a key is text", "write a name"), node.key)
            return
        opened.written.append(Entry(key, node))
        if opened.name == "<<" and isinstance(key, Scalar) and not key.style:
            self._merge(opened, node)
        elif opened.name is not None:
            first = children.setdefault(opened.name, node)
            if first is not node:
                self._duplicate(opened.name, node.key, first.key)
        opened.key = opened.name = None

    def _merge(self, opened: _Open, node: Node) -> None:
        if opened.merge_key is not None:
            self._duplicate("<<", node.key, opened.merge_key)
            return
        opened.merge_key = node.key
        sources = [node] if isinstance(node.value, dict) else list(node.items())
        if not sources or not all(isinstance(source.value, dict) for source in sources):
            hint = "write <<: *anchor or <<: [*one, *other], of mappings"
            at = node.origin if isinstance(node, Alias) else node.start
            self._refuse(Refusal("yaml-merge", "only mappings can be merged", hint), at)
            return
        opened.merged.extend(sources)

    def _duplicate(self, name: str, offset: int, first: int) -> None:
        message = f"the key {visible(name)} already stands on line {self._source.place(first).line}"
        self._refuse(Refusal("duplicate-key", message, "remove one of the two"), offset)

    def _refuse_tag(self, event: Event) -> None:
        message = f"the tag {visible(str(event.tag))} is not obeyed"
        hint = "remove it; a text that looks like something else is written in quotes"
        self._refuse(Refusal("yaml-tag", message, hint), event.start_mark.index)

    def _refuse(self, refusal: Refusal, offset: int) -> None:
        if self._is_below(SECRET_KEYS):
            message = "a secret, or what stands for one, is not plain data"
            refusal = Refusal(refusal.code, message, "name it: {env: NAME}")
        code, message, hint = refusal
        self._problems.append(Problem(code, self._source.place(offset), "", message, hint))
        if len(self._problems) >= MOST_PROBLEMS:
            message = "the rest of the file is not looked at"
            stop = Refusal("too-many-problems", message, "solve the others first")
            raise self._end(stop, offset)

    def _is_below(self, keys: frozenset[str]) -> bool:
        return any(opened.name in keys for opened in self._open)

    def _end(self, refusal: Refusal, offset: int) -> Unreadable:
        return _unreadable(refusal, self._source.text[:offset])


_TOO_MANY = Refusal(
    "yaml-alias-bomb",
    f"with its aliases written out, the file holds more than {MOST_NODES:,} values",
    "use fewer aliases, or more files",
)
_TOO_DEEP = Refusal(
    "yaml-too-deep",
    f"more than {DEEPEST} mappings and lists stand inside each other",
    "nothing here needs that; flatten it",
)
_HANDLERS: Mapping[type[Event], Callable[[_Composer, Event], None]] = {
    ScalarEvent: _Composer.scalar,
    AliasEvent: _Composer.alias,
    SequenceStartEvent: _Composer.start,
    SequenceEndEvent: _Composer.end,
    MappingStartEvent: _Composer.start,
    MappingEndEvent: _Composer.end,
}


def quoted(text: str) -> str:
    """Return the form in which YAML reads `text` as text, whatever it looks like."""
    return json.dumps(text, ensure_ascii=False)


_WORDS: Mapping[str, bool | None] = {
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    "null": None,
}
_SWITCHES = {"y": True, "yes": True, "on": True, "n": False, "no": False, "off": False}
_NULL_FORMS = {"~", "Null", "NULL"}
_STARTS_A_NUMBER = frozenset("+-.0123456789")


@lru_cache(maxsize=1_000)
def plain(text: str) -> tuple[Json, Refusal | None]:
    """Return what a scalar without quotes or tag means; with a refusal, what it most likely would mean."""
    if text in _WORDS:
        return _WORDS[text], None
    if text[:1] in _STARTS_A_NUMBER:
        return _number(text)
    if not text:
        hint = 'write the value; null, "", [] or {} if that is meant'
        return None, Refusal("empty-value", "nothing is written here", hint)
    if text in _NULL_FORMS:
        return None, Refusal("yaml-null-form", f"{text} is not read as null", "write null")
    if text.lower() in _SWITCHES:
        meant = str(_SWITCHES[text.lower()]).lower()
        message = f"{text} is {meant} to some readers of YAML and text to others"
        hint = f"write {quoted(text)} for the text, {meant} for the truth value"
        return text, Refusal("yaml-implicit-bool", message, hint)
    return text, None


_WHOLE = re.compile(r"-?(?:0|[1-9][0-9]*)")
_FRACTION = re.compile(r"-?(?:0|[1-9][0-9]*)\.[0-9]+")
# Forms that not every reader takes for the same: pattern, code, what they are, what else may be written.
_NUMBER_FORMS = (
    (
        re.compile(r"[-+]?[0-9][0-9_]*(?::[0-9]{1,2})+(?:\.[0-9]*)?"),
        "yaml-sexagesimal",
        "is a number with base 60 to some readers of YAML",
        "",
    ),
    (
        re.compile(r"[-+]?0[0-9_]+(?:\.[0-9]*)?"),
        "yaml-leading-zero",
        "is an octal number to some readers of YAML and a decimal one to others",
        " for the text, or the number without leading zeros",
    ),
    (
        re.compile(
            r"[-+]?(?:0o[0-7_]+|0x[0-9a-f_]+|0b[01_]+|\.inf|\.nan"
            r"|[0-9][0-9_]*(?:\.[0-9_]*)?(?:e[-+]?[0-9]+)?|\.[0-9][0-9_]*(?:e[-+]?[0-9]+)?)",
            re.IGNORECASE,
        ),
        "yaml-number-form",
        "is a number to some readers of YAML and text to others",
        " for the text, or the number in plain decimal digits",
    ),
)


def _number(text: str) -> tuple[Json, Refusal | None]:
    is_whole, is_fraction = _WHOLE.fullmatch(text), _FRACTION.fullmatch(text)
    form = None
    if not is_whole and not is_fraction:
        form = next((form for form in _NUMBER_FORMS if form[0].fullmatch(text)), None)
        if form is None:
            return text, None
    # The length comes first: converting a huge number takes quadratic time.
    if len(text) > LONGEST_NUMBER or (is_whole and abs(int(text)) > _INT64_MAX):
        hint = "write it in quotes if it is text"
        return text, Refusal("yaml-number-too-large", "the number is too long", hint)
    if form:
        _, code, message, instead = form
        return text, Refusal(code, f"{text} {message}", f"write {quoted(text)}{instead}")
    return int(text) if is_whole else float(text), None
