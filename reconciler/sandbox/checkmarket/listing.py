"""How collections are listed: filter, orderby, top, skip and select (DOC, contact folders page)."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from msgspec import Struct

from reconciler.sandbox.variants import Listing

from .calls import Answer, Call, FailedError

Row = Mapping[str, Any]

_DEFAULT_TOP = 25  # DOC, contact folders page
_WORD = re.compile(r"'(?:[^']|'')*'|[^\s']+")
_COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "gt": operator.gt,
    "ge": operator.ge,
    "lt": operator.lt,
    "le": operator.le,
}


class _Page(Struct, frozen=True):
    """A part of the rows: where it starts, how many it may hold, and what it holds."""

    rows: Sequence[Row]
    offset: int
    limit: int
    total: int

    def meta(self) -> dict[str, int]:
        """Return where this page lies and what there is to count (DOC names, PUT page)."""
        stop = self.offset + len(self.rows)
        counts = {"TotalRowCount": self.total, "TotalPageCount": -(-self.total // max(self.limit, 1))}
        return {**counts, "StartRec": min(self.offset + 1, stop), "StopRec": stop}


def answer_list(rows: Sequence[Row], show: Callable[[Row], Row], listing: Listing, call: Call) -> Answer:
    """Return the rows that a call asks for, each as `show` gives it, in the pages of the listing variant.

    `FailedError` with 400 for an option that cannot be read.
    """
    found = _ordered(_filtered(rows, call), call)
    page = _page(found, listing, call)
    paging = {} if listing == "unpaged" else {"Limit": page.limit, "Offset": page.offset}
    counts = page.meta() if call.variants.meta_counts else {}
    meta = {**counts, **paging, "IsFiltered": _is_filtered(call)}
    return Answer([_selected(show(row), call) for row in page.rows], meta=meta, links=_links(page, call))


def _page(rows: Sequence[Row], listing: Listing, call: Call) -> _Page:
    if listing == "unpaged":
        return _Page(rows, 0, len(rows), len(rows))
    top = _count("top", _DEFAULT_TOP, call)
    limit = min(top, call.variants.clamp_at) if listing == "clamped" else top
    skip = 0 if listing == "ignores-skip" else _count("skip", 0, call)
    return _Page(rows[skip : skip + limit], skip, limit, len(rows))


def _count(name: str, default: int, call: Call) -> int:
    text = call.options.get(name, "")
    if not text:
        return default
    if not re.fullmatch(r"\d{1,9}", text, re.ASCII):
        raise FailedError(400, f"{name} has to be a whole number.")
    return int(text)


def _selected(row: Row, call: Call) -> dict[str, Any]:
    """Return the members that `select` names; an empty one selects all."""
    names = [name.strip() for name in call.options.get("select", "").split(",") if name.strip()]
    return {name: value for name, value in row.items() if not names or name in names}


def _ordered(rows: Sequence[Row], call: Call) -> Sequence[Row]:
    """Return the rows as `orderby` says, absent members first; UNK without it: variant `row_order`."""
    found = list(rows if call.variants.row_order == "oldest-first" else reversed(rows))
    for part in reversed(
        [part.split() for part in call.options.get("orderby", "").split(",") if part.strip()]
    ):
        name, *direction = part
        if direction not in ([], ["asc"], ["desc"]):
            raise FailedError(400, "orderby has to be a list of names, each with asc or desc.")
        found.sort(key=_rank(name), reverse=direction == ["desc"])
    return found


def _rank(name: str) -> Callable[[Row], tuple[bool, Any]]:
    def rank(row: Row) -> tuple[bool, Any]:
        value = row.get(name)
        if isinstance(value, dict | list):
            raise FailedError(400, f"orderby: {name} has no order.")
        return value is not None, value

    return rank


def _is_filtered(call: Call) -> bool:
    return call.variants.filter and bool(call.options.get("filter", "").strip())


def _filtered(rows: Sequence[Row], call: Call) -> Sequence[Row]:
    """Return the rows that `filter` lets through: comparisons joined by and/or, quotes doubled."""
    if not _is_filtered(call):
        return rows
    alternatives = [
        _comparisons(words, call) for words in _split(_WORD.findall(call.options["filter"]), "or")
    ]
    return [row for row in rows if any(all(holds(row) for holds in every) for every in alternatives)]


def _comparisons(words: list[str], call: Call) -> list[Callable[[Row], bool]]:
    return [_comparison(part, call) for part in _split(words, "and")]


def _comparison(words: list[str], call: Call) -> Callable[[Row], bool]:
    if len(words) != 3 or words[1] not in _COMPARISONS:
        raise FailedError(400, f"filter cannot be read: {call.options['filter']}")
    name, compare, wanted = words[0], _COMPARISONS[words[1]], _folded(_literal(words[2]), call)

    def holds(row: Row) -> bool:
        value = _folded(row.get(name), call)
        # Values of two types are never in order, and equal only if Python says so.
        return type(value) is type(wanted) and compare(value, wanted)

    return holds


def _literal(word: str) -> Any:
    if word.startswith("'"):
        return word[1:-1].replace("''", "'")
    constants = {"true": True, "false": False, "null": None}
    if word in constants:
        return constants[word]
    if not re.fullmatch(r"-?\d{1,9}", word, re.ASCII):
        raise FailedError(400, f"filter has a literal that cannot be read: {word}")
    return int(word)


def _folded(value: Any, call: Call) -> Any:
    return value.casefold() if isinstance(value, str) and not call.variants.case_sensitive_names else value


def _split(words: list[str], separator: str) -> list[list[str]]:
    parts: list[list[str]] = [[]]
    for word in words:
        if word == separator:
            parts.append([])
        else:
            parts[-1].append(word)
    return parts


def _links(page: _Page, call: Call) -> dict[str, Any]:
    """Return where the pages beside this one are (DOC: `Links` holds them; CLIENT: their shape)."""
    places = {"Previous": page.offset - page.limit, "Next": page.offset + page.limit}
    return {
        name: {"Href": f"{call.path}?top={page.limit}&skip={max(skip, 0)}", "Title": name, "Method": "GET"}
        for name, skip in places.items()
        if (name == "Next" and skip < page.total and page.rows) or (name == "Previous" and page.offset > 0)
    }
