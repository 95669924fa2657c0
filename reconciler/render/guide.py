"""A guide's Markdown as text for a terminal: headings, lists, tables, code and links."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial

from reconciler.render.values import Paint, stacked, wrapped

_WIDEST = 100  # columns: longer lines of prose are hard to read
_LAST_CELL = 30  # columns that the last cell of a row has at least, or the cells stand below each other
_ITEM = re.compile(r"( *)([-*]|\d+\.) +(?=\S)")
_INLINE = re.compile(
    r"`(?P<code>[^`]+)`|\*\*(?P<strong>[^*]+)\*\*|(?<![\w*])\*(?P<weak>[^*\s][^*]*)\*"
    r"|\[(?P<link>[^\]]+)\]\((?P<to>[^)]+)\)"
)
_BAR = re.compile(r"(?<!\\)\|")
_COLOR = re.compile(r"\x1b\[[\d;]*m")


def blocks(text: str) -> Iterator[tuple[str, str]]:
    """Yield the parts of a guide in order, each with its kind.

    A `heading`, a `text` (paragraph) and an `item` are one line, however the file breaks them. A `table` has
    a row a line, `console` and other `code` are as they stand.
    """
    kind, parts, is_fenced = "text", list[str](), False
    for line in [*text.splitlines(), ""]:
        is_fence, item = line.startswith("```"), _ITEM.match(line)
        begins = "table" if line.startswith("|") else "item" if item else "heading" if line[:1] == "#" else ""
        if is_fenced and not is_fence:
            parts.append(line)
            continue
        if parts and (is_fence or not line.strip() or (begins and begins != "table") or is_fenced):
            yield kind, ("\n" if kind in ("console", "code", "table") else " ").join(parts)
            kind, parts = "text", []
        if is_fence:
            is_fenced = not is_fenced
            kind = "text" if not is_fenced else "console" if line == "```console" else "code"
        elif begins == "heading":
            yield begins, line.lstrip("# ")
        elif item:
            sign = "•" if item[2] in "-*" else item[2]
            kind, parts = begins, [f"{item[1]}{sign}  {line[item.end() :]}"]
        elif begins == "table":
            kind = begins
            parts += [line] if line.strip("|-: ") else []
        elif line.strip():
            parts.append(line.strip())


def guide_text(text: str, paint: Paint) -> str:
    """Return a guide as it is read on a terminal of the width of `paint`."""
    width, paragraphs, above = min(paint.width, _WIDEST), list[str](), ""
    inline = partial(_INLINE.sub, partial(_painted, paint))
    for kind, part in blocks(text):
        lines = part.split("\n")
        if kind == "heading":
            shown = paint.strong(part)
        elif kind == "table":
            rows = [[inline(cell.strip()) for cell in _BAR.split(row)[1:-1]] for row in lines]
            shown = _table(rows, paint, width)
        elif kind == "console":
            lines = [f"    {paint.strong(line) if line[:2] == '$ ' else line}".rstrip() for line in lines]
            shown = wrapped("\n".join(lines), paint.width)
        elif kind == "code":
            shown = "\n".join(f"    {line}".rstrip() for line in lines)
        else:
            shown = wrapped(inline(part), width)
        if kind == above == "item":
            paragraphs[-1] += f"\n{shown}"
        else:
            paragraphs.append(shown)
        above = kind
    return "\n\n".join(paragraphs)


def _table(rows: list[list[str]], paint: Paint, width: int) -> str:
    """Return rows with their cells below each other, or stacked where too wide; the first has names."""
    sizes = [[len(_COLOR.sub("", cell)) for cell in row] for row in rows]
    widths = [max(column) for column in zip(*sizes, strict=True)]
    if sum(widths[:-1]) + 2 * len(widths) + _LAST_CELL > width:
        return wrapped("\n".join(stacked(rows[0], rows[1:], 1)), width)
    lines = [
        "  ".join(cell + " " * (most - size) for cell, size, most in zip(row, of_row, widths, strict=True))
        for row, of_row in zip(rows, sizes, strict=True)
    ]
    return wrapped("\n".join([paint.strong(lines[0].rstrip()), *lines[1:]]), width)


def _painted(paint: Paint, found: re.Match[str]) -> str:
    if found["code"]:
        return paint.code(found["code"])
    if found["strong"]:
        return paint.strong(found["strong"])
    if found["weak"]:
        return paint.underlined(found["weak"])
    link, to = found["link"], found["to"]
    if to.endswith(".md") and "/" not in to:
        to = f"reconciler help {to.removesuffix('.md')}"
    return f"{paint.underlined(link)} ({to.removeprefix('../../')})"
