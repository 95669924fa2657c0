"""A page of bounded size: what does not fit is left out, and how much that is stands in its place."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeAlias

from msgspec import Struct

from reconciler.render.values import counted

_BREAK = 2
"""What stands between two parts."""

Measure: TypeAlias = Callable[[str], int]


class Limit(Struct, frozen=True):
    """How large a page may be, by whoever takes it."""

    most: int
    size: Measure


def _units(text: str) -> int:
    """Return how long a text is where characters outside of the first plane count twice."""
    return len(text) + sum(char > "\uffff" for char in text)


COMMENT = Limit(64_900, _units)
"""A comment on GitHub has at most 65,536 characters, as its refusal says, or 262,144 bytes, as others have
measured: so many units are below both, whatever they are of."""
STEP_SUMMARY = Limit(1_048_000, lambda text: len(text.encode("utf-8", "replace")))
"""The summary of a step on GitHub has at most 1 MiB."""


class Group(Struct, frozen=True):
    """Items under a heading, of which as many are shown as fit. Nothing at all is shown of an empty one."""

    heading: str
    items: Sequence[str]
    noun: str
    apart: str = "\n\n"
    """What stands between two items."""
    short: Sequence[str] = ()
    """Each item in short, for where they do not all fit; none where no item can be shorter."""
    is_grave: bool = False
    """Whether it has its room before all that is not."""


Part: TypeAlias = str | Group


def fitted(pages: Sequence[Sequence[Part]], limit: Limit, elsewhere: str) -> str:
    """Return pages one after the other as one; `elsewhere` says, as a part of a sentence, where the whole is.

    What is grave has its room first, and small groups are whole before a large one is cut. A page is left out
    only where its plain parts do not fit. Where not even one does, the text is empty.
    """
    pages = [[part for part in page if not isinstance(part, Group) or part.items] for page in pages]
    frames = [sum(_frame_size(part, limit, elsewhere) for part in page if part) for page in pages]
    kept, left = _whole_pages(frames, limit, elsewhere)
    room = limit.most - sum(frames[:kept]) - limit.size(left)
    parts = [part for page in pages[:kept] for part in page if part]
    groups = [part for part in parts if isinstance(part, Group)]
    rooms = {id(group): share for group, share in _rooms(groups, room, limit)}
    texts = (
        part if isinstance(part, str) else _shown(part, rooms[id(part)], limit, elsewhere) for part in parts
    )
    return "\n\n".join(text for text in (*texts, left.strip()) if text)


def _frame_size(part: Part, limit: Limit, elsewhere: str) -> int:
    """Return what a part takes without any item, but with all that may have to be said of those."""
    if isinstance(part, str):
        return limit.size(part) + _BREAK
    number = len(part.items)
    told = (_left(part.noun, number, elsewhere), _shortened(part.noun, number, elsewhere))
    return sum(limit.size(text) + _BREAK for text in (part.heading, *told))


def _whole_pages(frames: Sequence[int], limit: Limit, elsewhere: str) -> tuple[int, str]:
    """Return how many pages fit at all, and what is to be said of the others."""
    if sum(frames) <= limit.most:
        return len(frames), ""
    for kept in range(len(frames) - 1, -1, -1):
        left = f"\n\n{_left('target', len(frames) - kept, elsewhere)}"
        if sum(frames[:kept]) + limit.size(left) <= limit.most:
            return kept, left
    return 0, ""


def _rooms(groups: Sequence[Group], room: int, limit: Limit) -> Iterator[tuple[Group, int]]:
    """Yield each group with the room that its items have: the grave ones first, then what is left."""
    for is_grave in (True, False):
        some = [group for group in groups if group.is_grave is is_grave]
        shares = _shares([_size(group.items, group, limit) for group in some], room)
        yield from zip(some, shares, strict=True)
        room -= sum(shares)


def _size(items: Iterable[str], group: Group, limit: Limit) -> int:
    return sum(limit.size(item) + len(group.apart) for item in items)


def _shares(sizes: Sequence[int], room: int) -> list[int]:
    """Return how much room each has: all that it needs, or as much as every other that needs more."""
    shares = [0] * len(sizes)
    by_size = sorted(range(len(sizes)), key=sizes.__getitem__)
    for place, index in enumerate(by_size):
        shares[index] = max(0, min(sizes[index], room // (len(sizes) - place)))
        room -= shares[index]
    return shares


def _shown(group: Group, room: int, limit: Limit, elsewhere: str) -> str:
    items = _fitting(group, room, limit)
    left = items.count("")
    short = sum(
        one == brief != item for one, item, brief in zip(items, group.items, group.short, strict=False)
    )
    told = (
        group.apart.join(item for item in items if item),
        _shortened(group.noun, short, elsewhere) if short else "",
        _left(group.noun, left, elsewhere) if left else "",
    )
    return "\n\n".join(text for text in (group.heading, *told) if text)


def _fitting(group: Group, room: int, limit: Limit) -> list[str]:
    """Return every item: as it is, in short, or empty where it does not fit.

    A large one is passed over, so that it hides no other. None is whole while any is left out.
    """
    chosen = [""] * len(group.items)
    for items in (group.short, group.items):
        for index, item in enumerate(items):
            more = limit.size(item) - (limit.size(chosen[index]) if chosen[index] else -len(group.apart))
            if more <= room:
                chosen[index], room = item, room - more
        if "" in chosen and group.short:
            break
    return chosen


def _left(noun: str, number: int, elsewhere: str) -> str:
    verb = "is" if number == 1 else "are"
    return f"**{counted(number, f'more {noun}')} {verb} left out here:** {elsewhere}."


def _shortened(noun: str, number: int, elsewhere: str) -> str:
    verb = "is" if number == 1 else "are"
    return f"**{counted(number, noun)} {verb} told in short here:** {elsewhere}."
