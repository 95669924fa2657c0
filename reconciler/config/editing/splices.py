"""Cutting a text in several places at once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from reconciler.config.editing.layout import Piece
from reconciler.config.yaml import Refusal


class Splice(NamedTuple):
    """`text[start:end]` is replaced by `new`."""

    start: int
    end: int
    new: str


class Overlap(Exception):
    """Two cuts meet in one place: they were not made for each other."""


class Unsafe(Exception):
    """Something cannot be edited without guessing, and why."""

    def __init__(self, refusal: Refusal, piece: Piece) -> None:
        super().__init__(refusal.code)
        self.refusal = refusal
        self.piece = piece


def spliced(text: str, splices: Iterable[Splice]) -> str:
    """Return the text with every splice made; of several insertions at one place the first comes first."""
    parts: list[str] = []
    at = 0
    for start, end, new in sorted(splices, key=lambda splice: (splice.start, splice.end)):
        if start < at:
            raise Overlap
        parts += [text[at:start], new]
        at = end
    return "".join([*parts, text[at:]])


def no_place(piece: Piece, message: str) -> Unsafe:
    """Return the refusal of a layout that nothing can be written into."""
    return Unsafe(Refusal("edit-layout", message, "edit it by hand"), piece)
