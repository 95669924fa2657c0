"""Reads what a run says as a person would: a word or stop twice, two claims at once, another's request."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

_SLIPS = (
    re.compile(r"\b([a-z]{2,})\b[^\w/]+\1\b", re.IGNORECASE),  # the same word twice
    re.compile(r"\.\s*[.,;:)]|[,;:]\s*[.,;:]"),  # two stops, or one within a sentence that goes on
    re.compile(r"(refused|not begun): .*\1"),
)
_NOT_DONE = re.compile(r"nothing was (changed|taken|sent)|not (begun|taken)|not sent:", re.IGNORECASE)
_PERHAPS = re.compile(
    r"that it succeeded|it was done|may have been (carried|taken|written)|could not be read"
)
_REQUEST = re.compile(r"(?:PUT|DELETE|GET) \S*/configs/(\d+)")
_LONG = 100


def slips(text: str) -> list[str]:
    """Return what is wrong with a text by itself."""
    found = [match[0] for pattern in _SLIPS if (match := pattern.search(text))]
    return found + (["both claims"] if _NOT_DONE.search(text) and _PERHAPS.search(text) else [])


def slips_in(report: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with how a report, as JSON, says that changes and seeds have ended."""
    texts: list[str] = []
    for one in report.get("outcomes", ()):
        texts += (said := [f"{one['result']}: {one['reason']}", *one["warnings"]])
        others = [text for text in said if set(_REQUEST.findall(text)) - {str(one["id"])}]
        yield from (f"{one['key']} quotes another request: {text}" for text in others)
    for one in report.get("sent", ()):
        texts += one.get("notes", ())
    yield from (f"{slip} in {text}" for text in texts for slip in slips(text))
    yield from (f"said twice: {text}" for text in {*texts} if len(text) > _LONG and texts.count(text) > 1)
