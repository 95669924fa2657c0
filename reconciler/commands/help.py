"""`reconciler help`: the guides that the package brings, listed, searched, read. Needs no workspace."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from importlib.resources import files
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from reconciler.commands.console import Console
from reconciler.config.names import LONGEST_SHOWN, visible
from reconciler.errors import Exit, UsageError
from reconciler.render.guide import blocks, guide_text
from reconciler.render.values import FORMAT_VERSION, wrapped

_FIRST_LINE = re.compile(r"<!-- guide (?P<place>\d+), workspace: \w+ -->\n")
_COMMENT = re.compile(r"<!-- (?:guide|run).*?-->\n+", re.DOTALL)
_IN_EVERY_RUN = ("Limits: ", "Plan: ", "Applied: ")  # lines of transcripts that name all there is
_SENTENCE_END = re.compile(r"(?<=[.!?]) +")

Page = Callable[[str], None]
"""Shows what a terminal is too small for."""


class Guide(Struct, frozen=True):
    """A guide: what it is called, what it is for in one sentence, and its Markdown without its comments."""

    title: str
    purpose: str
    text: str


def read_guides() -> dict[str, Guide]:
    """Return each guide of the package by its topic, in the order that the guides themselves say."""
    found = []
    for file in (files("reconciler") / "guides").iterdir():
        if file.name.endswith(".md") and (first := _FIRST_LINE.match(text := file.read_text("utf-8"))):
            text = _COMMENT.sub("", text)
            (_, title), (_, purpose) = list(blocks(text))[:2]
            found.append((int(first["place"]), file.name.removesuffix(".md"), Guide(title, purpose, text)))
    return {topic: guide for _, topic, guide in sorted(found, key=lambda one: one[:2])}


def show_guide(
    topic: Sequence[str],
    usage: str,
    commands: Sequence[str],
    page: Page,
    console: Console,
) -> Exit:
    """Print the guide, or the help of the command, that is called so; `usage` is that help, if there is one.

    Errors: `UsageError` for what is neither, with the guides and `commands` that are near it.
    """
    guides, name = read_guides(), "-".join(topic)
    known = [*dict.fromkeys((*guides, *commands))]
    if name in guides:
        text = guides[name].text.rstrip()
        shown = guide_text(text, console.paint) if console.paint.width else text
    elif usage:
        text = shown = usage
    else:
        near = [one for one in known if len(name) > 1 and name in one]
        near = near or get_close_matches(name[:LONGEST_SHOWN], known, cutoff=0.55)
        advice = (
            f"write {' or '.join(near)}"
            if near
            else "`reconciler help` lists them, and --search looks inside"
        )
        explained = (
            f"; `reconciler explain {visible(topic[-1])}` is about fields, codes and symbols"
            if not near
            else ""
        )
        raise UsageError(f"there is no guide or command '{visible(' '.join(topic))}': {advice}{explained}")
    return _result(shown, {"topic": " ".join(topic), "text": text}, page, console)


def list_guides(page: Page, console: Console) -> Exit:
    """Print the topic, title and purpose of each guide."""
    guides = read_guides()
    width, unfolded = max(map(len, guides)), replace(console.paint, width=0)
    lines = [
        f"{unfolded.strong(f'{topic:<{width}}')}  {guide.title}\n    {guide_text(guide.purpose, unfolded)}"
        for topic, guide in guides.items()
    ]
    lines.append("\n`reconciler help TOPIC` prints one; `reconciler help --search WORD` looks inside them.")
    listed = [
        {"topic": topic, "title": guide.title, "purpose": guide.purpose} for topic, guide in guides.items()
    ]
    return _result(wrapped("\n".join(lines), console.paint.width), {"guides": listed}, page, console)


def search_guides(word: str, page: Page, console: Console) -> Exit:
    """Print each sentence and line of the guides that has `word` in it, under its topic and heading.

    The last line of a run, and that of its limits, are left out.

    Errors: `UsageError` where there is no word.
    """
    if not word.strip():
        raise UsageError("--search needs a word")
    found: dict[tuple[str, str], list[str]] = {}
    for topic, guide in read_guides().items():
        heading = ""
        for kind, text in blocks(guide.text):
            heading = text if kind == "heading" else heading
            parts = _SENTENCE_END.split(text) if kind in ("text", "item") else text.split("\n")
            if kind == "console":
                parts = [part for part in parts if not part.startswith(_IN_EVERY_RUN)]
            if having := [part.strip() for part in parts if word.casefold() in part.casefold()]:
                found.setdefault((topic, heading), []).extend(having)
    lines = [
        "\n    ".join([f"{console.paint.strong(topic)}, {heading}", *having])
        for (topic, heading), having in found.items()
    ]
    document = [{"topic": one, "heading": heading, "lines": have} for (one, heading), have in found.items()]
    text = wrapped("\n".join(lines) or f"No guide has {word!r} in it.", console.paint.width)
    return _result(text, {"found": document}, page, console)


def _result(text: str, document: dict[str, Any], page: Page, console: Console) -> Exit:
    if console.paint.width and text.count("\n") + 1 >= shutil.get_terminal_size().lines:
        page(f"{text}\n")
    else:
        console.result(text, {"format_version": FORMAT_VERSION, **document}, is_code=True)
    return Exit.DONE
