"""Random files: plain data, written in every layout that people use, with comments wherever one may stand."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

NAMES = tuple("abcdefgh")
KEYS = (*NAMES, "a key", "Ünïcode", "x-1", "10", "no")
TEXTS = (
    *("", "plain", "two words", "yes", "09:00", "012", "it's", 'say "hi"', "# no comment", "a: b", "[x]"),
    *("{y}", "*star", "&and", "tab\there", "line\nbreak", "😀 ünï", "- dash", "trailing ", " leading"),
    *("null", "1", "1.5", "x" * 90, "%", "@", "`", "a#b", "a #b", "ends:", "sure?", "a ?b", "\u200f"),
    *("~", "-", "?", "|", ">"),
)
COMMENTS = ("", "note", "key: value", "- item", "{", '"', "    deep", "é 😀", "#")

scalars = st.one_of(
    st.sampled_from(TEXTS), st.integers(-99, 10**6), st.booleans(), st.none(), st.sampled_from([0.5, 12.25])
)


def within(inner: st.SearchStrategy[Any], most: int = 3) -> st.SearchStrategy[dict[str, Any]]:
    return st.dictionaries(st.sampled_from(KEYS), inner, max_size=most)


values = st.recursive(
    scalars, lambda inner: st.one_of(st.lists(inner, max_size=3), within(inner)), max_leaves=5
)
documents = within(st.one_of(values, within(st.one_of(values, within(values)))), 4)


def is_plain(text: str) -> bool:
    first_is_letter = text[:1].isalpha() and text not in ("yes", "no", "null", "ends:")
    return first_is_letter and not set(text) & set("#:,?[]{}\t\n\u200f") and text == text.strip()


def fits_a_block(text: str) -> bool:
    return bool(text.strip()) and not text.startswith((" ", "\n")) and "\u200f" not in text


@dataclass
class Writer:
    """Writes data as one person or another would."""

    draw: st.DrawFn
    lines: list[str] = field(default_factory=list)
    in_text: bool = False

    def some(self, *choices: Any) -> Any:
        return self.draw(st.sampled_from(choices))

    def scalar(self, value: Any) -> str:
        if not isinstance(value, str):
            return json.dumps(value)
        styles = [json.dumps(value, ensure_ascii=False).replace("\u200f", "\\u200f")]
        if value.isprintable():
            styles.append("'" + value.replace("'", "''") + "'")
        if is_plain(value):
            styles.append(value)
        return str(self.some(*styles))

    def flow(self, value: Any) -> str:
        inner: str = self.some("", " ")
        if isinstance(value, dict):
            pairs = [f"{self.scalar(k)}: {self.flow(v)}" for k, v in value.items()]
            return "{" + inner + self._joined(pairs) + inner + "}"
        if isinstance(value, list):
            return "[" + inner + self._joined([self.flow(item) for item in value]) + inner + "]"
        return self.scalar(value)

    def _joined(self, parts: list[str]) -> str:
        comma = self.some(", ", ",  ", " , ")
        return str(comma.join(parts)) + (self.some("", ", ") if parts else "")

    def comment(self) -> str:
        text = self.some(*[""] * 6, *COMMENTS)
        return f"{self.some(' ', '   ')}# {text}" if text else ""

    def between(self, indent: int) -> Iterator[str]:
        for _ in range(self.some(0, 0, 0, 1, 2)):
            # Below a text in block style, what is indented belongs to the text, spaces alone too.
            deep = 0 if self.in_text else self.some(0, indent, indent + 3)
            yield self.some("", "" if self.in_text else "  ", f"{' ' * deep}# {self.some(*COMMENTS)}")

    def mapping(self, value: dict[str, Any], indent: int, step: int) -> None:
        for key, inner in value.items():
            self.lines += self.between(indent)
            self.in_text = False
            self.entry(f"{' ' * indent}{self.scalar(key)}{self.some(':', ':', ' :')}", inner, indent, step)

    def entry(self, start: str, value: Any, indent: int, step: int) -> None:
        if isinstance(value, dict) and value and self.some(True, True, False):
            self.lines.append(start + self.comment())
            self.mapping(value, indent + self.some(step, step, step + 1), step)
        elif isinstance(value, list) and value and self.some(True, False):
            self.lines.append(start + self.comment())
            at = indent + self.some(0, step) if indent else self.some(0, step)
            for item in value:
                self.lines += self.between(at)
                self.lines.append(f"{' ' * at}-{self.some(' ', '  ')}{self.flow(item)}{self.comment()}")
        elif isinstance(value, str) and fits_a_block(value) and self.some(True, False):
            self.lines.append(f"{start} |-{self.comment()}")
            self.lines += [" " * (indent + step) + line for line in value.split("\n")]
            self.in_text = True
        else:
            self.lines.append(f"{start}{self.some(' ', '  ')}{self.flow(value)}{self.comment()}")


@dataclass(frozen=True)
class Written:
    """Data, and a file that holds it."""

    data: dict[str, Any]
    content: bytes


@st.composite
def written(draw: st.DrawFn, data: st.SearchStrategy[dict[str, Any]] = documents) -> Written:
    """Return any data in any layout: mixed line breaks, a BOM, no final line break, all of them."""
    value = draw(data)
    writer = Writer(draw)
    writer.lines += writer.between(0)
    if draw(st.sampled_from([True, True, True, False])) or not value:
        writer.mapping(value, 0, draw(st.sampled_from([2, 4, 3, 1])))
    else:
        writer.lines.append(writer.flow(value))
    writer.lines += writer.between(0)
    breaks = draw(st.sampled_from([("\n",), ("\r\n",), ("\n", "\r\n")]))
    text = "".join(line + draw(st.sampled_from(breaks)) for line in writer.lines)
    if draw(st.booleans()) and text.strip():
        text = text.rstrip("\r\n")
    start = draw(st.sampled_from([b"", b"", b"", b"\xef\xbb\xbf"]))
    return Written(value, start + text.encode())


def paths(data: Any, above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield every path to a value below mappings."""
    if isinstance(data, dict):
        for key, value in data.items():
            yield (*above, key)
            yield from paths(value, (*above, key))
