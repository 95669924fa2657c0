"""What an edit changes in a file, line by line."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from reconciler.render.paint import PLAIN, Paint, Style
from reconciler.render.values import harmless


def diff_text(file: str, before: str | None, after: str, *, paint: Paint = PLAIN) -> str:
    """Return a unified diff of a file; `before` is `None` for one that is new."""
    old, new = _lines(before or ""), _lines(after)
    name = "/dev/null" if before is None else f"a/{file}"
    lines = difflib.unified_diff(old, new, name, f"b/{file}", lineterm="")
    return "\n".join(_painted(lines, paint))


def _lines(text: str) -> list[str]:
    return [line.removesuffix("\r") for line in text.removesuffix("\n").split("\n")] if text else []


def _painted(lines: Iterator[str], paint: Paint) -> Iterator[str]:
    for line in lines:
        yield _style(line, paint)(harmless(line))


def _style(line: str, paint: Paint) -> Style:
    if line.startswith(("---", "+++")):
        return paint.strong
    return {"+": paint.create, "-": paint.delete, "@": paint.faint}.get(line[:1], _plain)


def _plain(text: str) -> str:
    return text
