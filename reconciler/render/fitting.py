"""A page of bounded size: what does not fit is left out, and how much that is stands in its place."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from reconciler.render.values import counted

Measure: TypeAlias = Callable[[str], int]


@dataclass(frozen=True, slots=True)
class Limit:
    """How large a page may be, by whoever takes it."""

    most: int
    size: Measure


def _units(text: str) -> int:
    """Return how long a text is where characters outside of the first plane count twice."""
    return len(text) + sum(char > "\uffff" for char in text)


COMMENT = Limit(64_900, _units)
"""A comment on GitHub has at most 65,536 characters."""
STEP_SUMMARY = Limit(1_048_000, lambda text: len(text.encode("utf-8", "replace")))
"""The summary of a step on GitHub has at most 1 MiB."""


@dataclass(frozen=True, slots=True)
class Group:
    """Items under a heading, of which as many are shown as fit. Nothing at all is shown of an empty one."""

    heading: str
    items: Sequence[str]
    noun: str
    apart: str = "\n\n"
    """What stands between two items."""


Part: TypeAlias = str | Group


def fitted(parts: Sequence[Part], limit: Limit, elsewhere: str) -> str:
    """Return the parts as one page; `elsewhere` says, as a part of a sentence, where the whole is.

    Room is shared so that small groups are whole before a large one is cut. The plain parts must fit.
    """
    parts = [part for part in parts if (part.items if isinstance(part, Group) else part)]
    groups = [part for part in parts if isinstance(part, Group)]
    frame = [
        _framed(part, _left(part, len(part.items), elsewhere)) if isinstance(part, Group) else part
        for part in parts
    ]
    room = limit.most - sum(limit.size(text) + 2 for text in frame)
    shares = _shares([_size(group, limit) for group in groups], room)
    shown = {
        id(group): _shown(group, share, limit, elsewhere) for group, share in zip(groups, shares, strict=True)
    }
    return "\n\n".join(part if isinstance(part, str) else shown[id(part)] for part in parts)


def _size(group: Group, limit: Limit) -> int:
    return sum(limit.size(item) + len(group.apart) for item in group.items)


def _shares(sizes: Sequence[int], room: int) -> list[int]:
    """Return how much room each has: all that it needs, or as much as every other that needs more."""
    shares = [0] * len(sizes)
    by_size = sorted(range(len(sizes)), key=sizes.__getitem__)
    for place, index in enumerate(by_size):
        shares[index] = max(0, min(sizes[index], room // (len(sizes) - place)))
        room -= shares[index]
    return shares


def _shown(group: Group, room: int, limit: Limit, elsewhere: str) -> str:
    items = list(_fitting(group, room, limit))
    left = len(group.items) - len(items)
    return _framed(group, group.apart.join(items), _left(group, left, elsewhere) if left else "")


def _fitting(group: Group, room: int, limit: Limit) -> Iterator[str]:
    """Yield the items that fit; a large one is passed over, so that it hides no other."""
    for item in group.items:
        size = limit.size(item) + len(group.apart)
        if size <= room:
            room -= size
            yield item


def _framed(group: Group, *texts: str) -> str:
    return "\n\n".join(text for text in (group.heading, *texts) if text)


def _left(group: Group, number: int, elsewhere: str) -> str:
    verb = "is" if number == 1 else "are"
    return f"**{counted(number, f'more {group.noun}')} {verb} left out here:** {elsewhere}."
