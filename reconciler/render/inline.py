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
_STOPS = ".,;:"


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
    """Return words as code, in one span as far as no bracket and no stop of the sentence divides them."""
    parts, opened, span = list[str](), "", list[str]()
    for word in words:
        before, core, after = _divided(word)
        if before and span:
            parts.append(f"{opened}{code(' '.join(span))}")
            opened, span = "", []
        opened, span = opened + before, [*span, core]
        if after:
            parts.append(f"{opened}{code(' '.join(span))}{after}")
            opened, span = "", []
    return " ".join([*parts, f"{opened}{code(' '.join(span))}"] if span else parts)


def _divided(word: str) -> tuple[str, str, str]:
    """Return a word apart from what the sentence puts around it: a bracket without its partner, a stop."""
    core, after = (word[:-1], word[-1]) if word[-1] in _STOPS else (word, "")
    if core.endswith(")") and "(" not in core[1:]:
        core, after = core[:-1], f"){after}"
    before = "(" if core.startswith("(") and ")" not in core else ""
    core = core.removeprefix(before)
    return ("", word, "") if not core or core[-1] in _STOPS else (before, core, after)


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
