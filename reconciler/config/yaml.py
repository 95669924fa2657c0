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
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
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
from reconciler.config.names import CONTROL, UNSEEN, visible
from reconciler.config.nodes import LINE_BREAK, Alias, Document, Entry, Node, Scalar, Source, unread
from reconciler.engine.kind import Json
from reconciler.problems import Place, Problem

LARGEST_FILE = 5_000_000  # bytes in one file
MOST_NODES = 100_000  # values in one file, counted as if every alias and merge key were written out
DEEPEST = 50  # mappings and lists inside each other, counted in the same way
MOST_PROBLEMS = 1_000  # in one file; the rest is not looked at
LONGEST_NUMBER = 40
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
    composer: _Composer | None = None
    try:
        if len(content) > LARGEST_FILE:
            message = f"the file is larger than {LARGEST_FILE // 1_000_000} MB"
            raise Unreadable(Refusal("file-too-large", message, "split it; a workspace may have many files"))
        check_is_file(content)
        content = content.removeprefix(BOM_UTF8)
        if content.startswith((BOM_UTF16_LE, BOM_UTF16_BE)) or b"\0" in content[:2]:
            raise Unreadable(Refusal("yaml-encoding", "the file is UTF-16", "save it as UTF-8"))
        text = content.decode()
        check_is_text(text)
        composer = _Composer(Source(file, text), problems)
        return composer.compose(iter(CParser(text).get_event, None))
    except UnicodeDecodeError as error:
        refusal = Refusal("yaml-encoding", "the file is not UTF-8 from here on", "save it as UTF-8")
        unreadable = _unreadable(refusal, content[: error.start].decode(errors="replace"))
    except Unreadable as error:
        unreadable = error
    except YAMLError as error:
        last = composer.last if composer else None
        if composer and last and last.place.line in {one.line for one in composer.doubted}:
            return unread(file, *problems)  # what follows from the last value tells nothing more
        unreadable = _syntax(error, text, last)
    code, message, hint = unreadable.refusal
    place = Place(file, unreadable.line, unreadable.column)
    return unread(file, *problems, Problem(code, place, "", message, hint))


_LFS = ("a Git LFS pointer", "git lfs pull, or lfs: true in a workflow")
_STAND_INS = {
    b"version https://git-lfs.github.com/spec/": _LFS,
    b"version https://hawser.github.com/spec/": _LFS,
    b"/annex/objects/": ("a git-annex pointer", "git annex get"),
    b"\0GITCRYPT\0": ("what git-crypt has encrypted", "git-crypt unlock"),
}
"""How that begins which git can have in place of a file, what it is, and what gets the file itself."""


def check_is_file(content: bytes) -> None:
    """Check that this is a file itself. Errors: `Unreadable` for what git can have in its place."""
    for what, command in (said for beginning, said in _STAND_INS.items() if content.startswith(beginning)):
        hint = f"get the file itself: {command}"
        raise Unreadable(Refusal("not-the-file", f"this is {what}, not the file itself", hint))


_COMMENT = re.compile(r"[ \t]+#")
_BLANKS = " \t\r\n\x85\u2028\u2029"


def _unreadable(refusal: Refusal, before: str) -> Unreadable:
    """Return the error of what stands behind this text."""
    *lines, last = LINE_BREAK.split(before)
    return Unreadable(refusal, len(lines) + 1, len(last) + 1)


def unseen(character: str) -> Refusal:
    """Return why a character that cannot be seen is refused, by its name."""
    # Imported here, for most files hold none.
    from unicodedata import name

    shown = " ".join(filter(None, (name(character, ""), f"U+{ord(character):04X}")))
    if CONTROL.match(character):
        message = f"the character {shown} cannot be seen, and changes what is seen around it"
        return Refusal("control-character", message, "remove it")
    escape = character.encode("unicode_escape").decode()
    hint = f'write a plain blank, or nothing; if it is meant, put the text in quotes, "{escape}" in its place'
    return Refusal("unseen-character", f"the character {shown} cannot be seen", hint)


_CONFLICT = re.compile(r"^(?:<{7}|\|{7}|={7}|>{7})(?=\s|$)", re.MULTILINE)  # a line that git left


def check_is_text(text: str) -> None:
    """Check that a text holds no control character and no conflict of git. Errors: `Unreadable`."""
    if found := CONTROL.search(text):
        raise _unreadable(unseen(found.group()), text[: found.start()])
    if found := _CONFLICT.search(text):
        message = "this is a conflict marker of git: two versions of these lines were not merged"
        hint = "keep what is meant, and remove the lines that begin with <<<<<<<, ======= and >>>>>>>"
        raise _unreadable(Refusal("conflict-markers", message, hint), text[: found.start()])


_IN_QUOTES = r"""(?<![^\s,\[{:])(?:"(?:[^"\\]|\\.)*"|'[^']*')|(?<!\S)#[^\r\n]*"""  # and comments
# Compiled where a file has a mistake.
_BRACKET = rf"{_IN_QUOTES}|(?P<bracket>[\[\]{{}}])|[\r\n](?P<indent> *)(?:- +)*[\w.-]+:(?=\s)"
_CODE = r"(?m)^ *(?:- +)*(?P<code>[^\s#].*)"
_STRANGE_COLON = r"[-\w.]+ *(?P<colon>:)(?=[^\s/])|[-\w. ]+(?P<other>[：﹕︓꞉])"
_FORM = "write KEY: VALUE, with a blank behind the colon"
_NO_DASH = r"-(?=[\w\"'{\[])"  # of a list item without a blank behind it
# The next line is a key.
_BESIDE = r"(?:[ \t]*(?:#[^\r\n]*)?[\r\n]+)+(?P<indent> *)[\w-]+ *:(?=\s)"
_BEGUN_BY_SIGNS = ("alias", "anchor", "directive", "tag", "block scalar")

_Cause: TypeAlias = tuple[int, str, str]  # where the mistake is, what it is, what to write instead


def _closed(sign: str) -> str:
    other = "'" if sign == '"' else '"'
    begun = f"a text that begins with {sign} is written in {other}…{other}"
    return f"close it with a straight {sign} where its text ends; {begun}"


class _Stop(Struct, frozen=True):
    """Where the parser stopped, and what it says: the mistake itself may stand before that."""

    text: str
    said: str
    at: int
    since: int  # where that begins which it could not end
    last: Scalar | None  # the last value that it had read

    def cause(self) -> _Cause:
        """Return the mistake that most likely made it stop."""
        found = self._quotes() or self._brackets() or self._colons() or self._columns() or self._signs()
        message = f"this is not YAML: {self.said or 'it cannot be read'}"
        return found or (self.at, message, "check the indentation and the quotes")

    def line(self, offset: int) -> int:
        """Return where the line of an offset begins."""
        return max(self.text.rfind("\n", 0, offset), self.text.rfind("\r", 0, offset)) + 1

    def unseen(self) -> re.Match[str] | None:
        """Return a character that cannot be seen and was not reported, if one may be the cause."""
        start = max(self.last.end if self.last else 0, self.line(min(self.since, self.at)))
        end = LINE_BREAK.search(self.text, self.at)
        text = self.text[: end.end() if end else None]
        return UNSEEN.search(re.sub(_IN_QUOTES, lambda found: "x" * len(found.group()), text), start)

    def _quotes(self) -> _Cause | None:
        text, at, last = self.text, self.at, self.last
        if "quoted scalar" in self.said:
            if "escape" in self.said or "hexdecimal" in self.said:
                hint = "in double quotes a backslash is written \\\\; in single quotes it stands for itself"
                return text.rfind("\\", 0, at + 1), "no escape begins with this backslash", hint
            return self.since, "the quote that opens here is not closed", _closed(text[self.since])
        is_behind = last is not None and last.style in ("'", '"') and not text[last.end : at].strip()
        if last is None or not is_behind or text[at : at + 1] in ":\r\n":
            return None
        if LINE_BREAK.search(text, last.start, last.end):
            line = last.source.place(last.end).line
            message = f"the quote that opens here is closed only by the next one, on line {line}"
            return last.start, message, _closed(last.style)
        if "flow" in self.said:
            return None
        hint = "'' in single quotes" if last.style == "'" else '\\" in double quotes'
        message = "text stands behind the closing quote"
        return at, message, f"write a quote that belongs to the text as {hint}, and put all of it in quotes"

    def _brackets(self) -> _Cause | None:
        text, at, since = self.text, self.at, self.since
        line, sign = self.line(at), text[at : at + 1]
        if not sign and "node content" in self.said:  # the file ends where an item is expected
            since = max(text.rfind("[", 0, at), text.rfind("{", 0, at))
        opening = text[since : since + 1]
        if "unexpected ':'" in self.said:
            is_key = re.search(r"[{,]\s*$", text[:since]) and text[since:at].isidentifier()
            if is_key and text[at + 1 : at + 2] != "/":
                return at, "no blank stands behind this colon", _FORM
            message = "a text with a colon in it needs quotes in [ ] and { }"
            return since, message, 'write it in quotes, a time too: "09:00"'
        if "flow" not in self.said:
            return None
        if sign == "?":
            return at, "a text with a ? in it needs quotes in [ ] and { }", 'write it in quotes: "…?"'
        if "node content" in self.said and sign == ",":
            return at, "nothing stands between two commas", "remove one of them"
        if opening in ("[", "{") and not self._is_closed():
            message = f"the {opening} that opens here is not closed"
            return since, message, f"write {']' if opening == '[' else '}'} behind its last item"
        if sign == ":" and since < line and not re.search(r"[{,:]", text[line:at]):
            at, sign = line + len(text[line:at]) - len(text[line:at].lstrip()), ""
        if sign == ":":
            hint = "write a comma between two entries; a text with a colon in it is written in quotes"
            return at, "no value can begin at this colon", hint
        return at, "a comma is missing before this", "write it, or put all of the text in quotes"

    def _is_closed(self) -> bool:
        """Tell whether the bracket in question is closed before a key that stands no deeper than its line."""
        start = self.line(self.since)
        indent = self.text[start : self.since + 1]
        deep = len(indent) - len(indent.lstrip(" "))
        opened: list[str] = []
        for found in re.compile(_BRACKET).finditer(self.text, self.since):
            bracket = found["bracket"] or ""
            if bracket and bracket in "[{":
                opened.append(bracket)
            elif bracket and f"{opened.pop()}{bracket}" not in ("[]", "{}"):
                return False
            if not opened:
                return True
            if found["indent"] is not None and len(found["indent"]) <= deep:
                return False
        return False

    def _colons(self) -> _Cause | None:
        text, at, line = self.text, self.at, self.line(self.at)
        if "expected ':'" in self.said:
            return self._without_colon(self.since)
        if "mapping values" not in self.said:
            return None
        before = text[line:at]
        above = [*re.compile(_CODE).finditer(text, 0, max(line - 1, 0))][-1:]
        if before.strip(" -") and re.search(r":\s", re.sub(_IN_QUOTES, "", before)):
            hint = "a text with a colon and a blank in it is written in quotes, a key on a line of its own"
            return at, "no value can begin at this colon", hint
        if above and re.match(_NO_DASH, above[0]["code"]):
            return above[0].start("code"), "no blank stands behind this dash", "write - KEY: VALUE"
        if above and re.search(r":(?:\s|$)", re.sub(_IN_QUOTES, "", above[0]["code"])):
            message = "this key stands deeper than the one above it, which has its value already"
            column = above[0].start("code") - above[0].start() + 1
            hint = f"begin it in column {column}; a value over several lines is written in quotes"
            return line + len(before) - len(before.lstrip(" ")), message, hint
        return self._without_colon(above[0].start("code")) if above else None

    def _without_colon(self, start: int) -> _Cause:
        key = LINE_BREAK.split(self.text[start:], maxsplit=1)[0]
        if key.startswith(("//", "/*", "<!--")):
            return start, "this is no comment of YAML", "begin a comment with #"
        if found := re.match(_STRANGE_COLON, key):
            if found["colon"]:
                return start + found.start("colon"), "no blank stands behind this colon", _FORM
            message = f"this is U+{ord(found['other']):04X}, which is no colon to YAML"
            return start + found.start("other"), message, _FORM
        more = "a text that goes on is indented deeper than its key"
        indent = " " * (start - self.line(start))
        if re.search(rf"^{indent}-\s.*(?:\r?\n{indent} .*)*\s*\Z", self.text[:start], re.MULTILINE):
            more = "an item of a list begins with a dash"
        hint = f"{_FORM}; {more}"
        return start, "no colon stands behind this key", hint

    def _columns(self) -> _Cause | None:
        text, at = self.text, self.at
        if not any(words in self.said for words in ("expected key", "'-' indicator", "<document start>")):
            return None
        if text[at : at + 1] == ":":
            return at, "no key stands before this colon", f"{_FORM}; a text that begins with : in quotes"
        if text[at : at + 1] in ("]", "}"):
            return at, "this bracket closes nothing", "remove it, or open it before"
        if not text[self.line(at) : at].strip():
            if re.match(r"-\s", text[at:]):
                hint = "begin a list on the line below its key, with all dashes in one column"
                return at, "a list item stands where a key is expected", hint
            if "'-' indicator" in self.said:
                hint = "begin it under the first key of the item, or with a dash: - KEY: VALUE"
                return at, "a key stands where a list item is expected", hint
            hint = "keys of one mapping, and the dashes of one list, begin in one column, under each other"
            return at, "this begins in another column than what it belongs to", hint
        if text[:at].rstrip()[-1:] in ("]", "}"):
            hint = "close each bracket once; a text that begins with [ or { is written in quotes"
            return at, "text stands behind a closing bracket", hint
        return at, "text stands behind a value", "put all of the text in quotes"

    def _signs(self) -> _Cause | None:
        start = self.since if any(words in self.said for words in _BEGUN_BY_SIGNS) else self.at
        if self.text.startswith("```", start):
            return start, "this line is of Markdown, not of YAML", "remove it"
        sign = self.text[start : start + 1]
        if not sign or sign not in ",]}?-:|>@%&*!`":
            return None
        more = "; a list begins on the line below its key" if sign == "-" else ""
        message = f"a text that begins with {sign} needs quotes"
        return start, message, f'write it in quotes, like "{sign}"{more}'


def _syntax(error: YAMLError, text: str, last: Scalar | None) -> Unreadable:
    """Return the problem of a syntax error: the mistake that it most likely comes from, and its place."""
    parts = (getattr(error, name, None) for name in ("problem", "context"))
    said = " ".join(visible(str(part)) for part in parts if part)
    stopped, begun = (getattr(error, name, None) for name in ("problem_mark", "context_mark"))
    at = min(stopped.index, len(text)) if stopped else 0
    stop = _Stop(text, said, at, begun.index if begun else at, last)
    if text[at : at + 1] == "\t":
        return _unreadable(Refusal("yaml-tab", "a tab cannot indent", "indent with spaces"), text[:at])
    if found := stop.unseen():
        return _unreadable(unseen(found.group()), text[: found.start()])
    start, message, hint = stop.cause()
    return _unreadable(Refusal("yaml-syntax", message, hint), text[:start])


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
    doubted: set[Place] = field(default_factory=set)
    last: Scalar | None = None
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
            if not self._problems:
                hint = "begin with a section, like import_configs:"
                self._refuse(Refusal("not-a-mapping", "the file is not a mapping", hint), root.start)
            root = empty
        doubted = frozenset(self.doubted)
        return Document(root, tuple(self._problems), aliases=frozenset(self._aliases), doubted=doubted)

    def scalar(self, event: Event) -> None:
        source, start, tail = self._source, event.start_mark.index, event.end_mark.index
        end, text, style = tail, event.value, event.style or ""
        value, refusal = plain(text) if event.implicit[0] else (text, None)
        if style == '"' and (found := CONTROL.search(text)):
            # The file itself holds none, but an escape in double quotes can make one.
            self._refuse(unseen(found.group()), start)
            text = CONTROL.sub("", text)
        elif style in ("|", ">"):
            end = start + len(source.text[start:tail].rstrip(_BLANKS))
            if not text.strip():
                hint = f"write {quoted(style)} if the character is meant, or indent the text below its key"
                message = f"{style} begins a block of text, and nothing is written in it"
                value, refusal = None, Refusal("empty-value", message, hint)
                self.doubted.add(source.place(start))
        if event.ctag is not None:
            self._refuse_tag(event)
        opened = self._open[-1]
        is_key = opened.key is None and isinstance(opened.children, dict)
        if is_key and refusal:
            value = value if isinstance(value, str) else text
        elif is_key and not isinstance(value, str):
            refusal = Refusal("non-string-key", "a key is text", f"write {quoted(text)}")
        elif refusal and not text:
            refusal = self._empty(refusal, tail)
        elif refusal and refusal.code.startswith("yaml-") and self._is_below(PERSONAL_KEYS):
            message = "readers of YAML do not agree on what this means without quotes"
            refusal = Refusal(refusal.code, message, "write it in quotes")
        if refusal and refusal.code == "unseen-character":
            self.doubted.add(source.place(start))
            # The first on each line is enough.
            ones = reversed([*UNSEEN.finditer(source.text, start, tail)])
            for one in {source.place(one.start()).line: one for one in ones}.values():
                self._refuse(unseen(one.group()), one.start())
        elif refusal:
            self._refuse(refusal, start)
        at = opened.key.key if opened.key else start
        self.last = Scalar(source, value, start, end, at, event.anchor, style=style, tail=tail)
        self._deliver(self.last)

    def _empty(self, refusal: Refusal, tail: int) -> Refusal:
        code, message, hint = refusal
        key, following = self._open[-1].key, re.compile(_BESIDE).match(self._source.text, tail)
        if key and self._open[-1].opening and ":" not in self._source.text[key.end : tail]:
            message = "no colon stands behind this name"
            hint = f"{_FORM}; a text with a comma in it needs quotes in [ ] and {{ }}"
        elif key and following and self._source.place(key.key).column == len(following["indent"]) + 1:
            hint = f"{hint}; what belongs to it stands below it, indented deeper than its key"
        elif _COMMENT.match(self._source.text, tail):
            message = "nothing is written here: what begins with # is a comment"
            hint = f"{hint}; a text that begins with # in quotes"
        return Refusal(code, message, hint)

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
        opening, outer = event.end_mark.index if event.flow_style else 0, self._open[-1]
        if opening and outer.opening == event.start_mark.index and isinstance(outer.children, dict):
            raise self._end(_TEMPLATE, outer.start)
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
        if isinstance(node, Alias) and node.anchor not in self._anchors:
            return  # its anchor is missing, which was told
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


_TEMPLATE = Refusal(
    "yaml-template",
    "{{ begins no text, and no template is filled in here",
    "write the value itself; a text that begins with {{ in quotes",
)
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
_SMART_QUOTES = "(?s)[“”„‟«»＂][^“”„‟«»＂]*[“”„‟«»＂\"]?|[‘’‚‛‹›＇].*[‘’‚‛‹›＇']"


@lru_cache(maxsize=1_000)
def plain(text: str) -> tuple[Json, Refusal | None]:
    """Return what a scalar without quotes or tag means; with a refusal, what it most likely would mean."""
    if text in _WORDS:
        return _WORDS[text], None
    if not text.isascii():
        if found := UNSEEN.search(text):
            return plain(UNSEEN.sub("", text).strip())[0], unseen(found.group())
        if re.fullmatch(_SMART_QUOTES, text):
            message = "the quotes around this text are typographic: they do not end it, they are part of it"
            hint = 'write straight quotes: "…"; around the typographic ones, if those are meant'
            return text[1:-1], Refusal("smart-quotes", message, hint)
    if text and text[0] in "+-.0123456789":
        return _number(text)
    if not text:
        hint = 'write the value; null, "", [] or {} if that is meant'
        return None, Refusal("empty-value", "nothing is written here", hint)
    if text in ("~", "Null", "NULL"):
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
    (re.compile(r"[-+]?[0-9][0-9_]*(?::[0-9]{1,2})+(?:\.[0-9]*)?"),
     "yaml-sexagesimal", "is a number with base 60 to some readers of YAML", ""),
    (re.compile(r"[-+]?0[0-9_]+(?:\.[0-9]*)?"),
     "yaml-leading-zero", "is an octal number to some readers of YAML and a decimal one to others",
     " for the text, or the number without leading zeros"),
    (re.compile(
        r"[-+]?(?:0o[0-7_]+|0x[0-9a-f_]+|0b[01_]+|\.inf|\.nan"
        r"|[0-9][0-9_]*(?:\.[0-9_]*)?(?:e[-+]?[0-9]+)?|\.[0-9][0-9_]*(?:e[-+]?[0-9]+)?)", re.IGNORECASE),
     "yaml-number-form", "is a number to some readers of YAML and text to others",
     " for the text, or the number in plain decimal digits"),
)  # fmt: skip


def _number(text: str) -> tuple[Json, Refusal | None]:
    is_whole, is_fraction = _WHOLE.fullmatch(text), _FRACTION.fullmatch(text)
    form = None
    if not is_whole and not is_fraction:
        form = next((form for form in _NUMBER_FORMS if form[0].fullmatch(text)), None)
        if form is None:
            return text, None
    # The length comes first: converting a huge number takes quadratic time.
    if len(text) > LONGEST_NUMBER or (is_whole and abs(int(text)) >= 2**63):
        hint = "write it in quotes if it is text"
        return text, Refusal("yaml-number-too-large", "the number is too long", hint)
    if form:
        _, code, message, instead = form
        return text, Refusal(code, f"{text} {message}", f"write {quoted(text)}{instead}")
    return int(text) if is_whole else float(text), None
