"""Text from outside as Markdown that stays text, on whatever place of a comment it stands.

Values become code spans and fenced blocks, in which a reader of Markdown looks for nothing: no link, image,
HTML, mention or reference to an issue. What goes between the tags of HTML becomes entities in `<code>`.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable
from itertools import groupby

from reconciler.render.values import harmless

_TICKS = re.compile("`+")
# Letters alone, numbers too short to be the name of a commit, dates and times; nothing that begins a list.
_NUMBERS = r"\d{1,6}%?(?![.)]$)|\d{4}-\d\d-\d\d|\d\d?:\d\d"
_WORD = re.compile(rf"\(?(?:[^\W\d_]+(?:['’-][^\W\d_]+)*|{_NUMBERS})\)?[.,;:?]?")
_ENDS = re.compile(r"(.*?[^.,;:])([.,;:]?)", re.DOTALL)


def code(text: str) -> str:
    """Return text as a code span on one line."""
    text = harmless(text)
    if not text.strip(" "):
        return "`(empty)`"
    ticks = "`" * (_longest_run(text) + 1)
    space = " " if text[0] in "` " or text[-1] in "` " else ""
    return f"{ticks}{space}{text}{space}{ticks}"


def prose(text: str) -> str:
    """Return a sentence in which every word that could mean something to Markdown stands as code."""
    parts = groupby(harmless(text).split(), key=lambda word: bool(_WORD.fullmatch(word)))
    return " ".join(" ".join(words) if is_plain else _codes(words) for is_plain, words in parts)


def _codes(words: Iterable[str]) -> str:
    """Return words as code, one span up to each that ends a part of the sentence; its stop stays outside."""
    spans, span = [], list[str]()
    for word in words:
        span.append(word)
        if word[-1] in ".,;:":
            spans.append(_stopped(" ".join(span)))
            span = []
    return " ".join([*spans, *([code(" ".join(span))] if span else [])])


def _stopped(text: str) -> str:
    told = _ENDS.fullmatch(text)
    return f"{code(told[1])}{told[2]}" if told else code(text)


def fenced(lines: Iterable[str], language: str = "") -> str:
    """Return lines as a block of code, each as it is."""
    content = [harmless(line) for line in lines]
    ticks = "`" * max(3, _longest_run("\n".join(content)) + 1)
    return "\n".join([f"{ticks}{language}", *content, ticks])


def element(text: str) -> str:
    """Return text as an HTML element, for a line that Markdown leaves to HTML."""
    return f"<code>{html.escape(harmless(text))}</code>"


def _longest_run(text: str) -> int:
    return max(map(len, _TICKS.findall(text)), default=0)
