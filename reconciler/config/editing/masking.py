"""Files as they may be shown: personal data is masked by where it stands, not by what it looks like."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.config.editing.layout import Items, Piece, Table, Words, laid_out
from reconciler.config.editing.splices import Splice, spliced
from reconciler.config.yaml import PERSONAL_KEYS

MASK = "•••"


def masked(content: bytes) -> str:
    """Return a file that loads as text, with a mask for every value below a key that holds personal data."""
    text = content.decode("utf-8-sig")
    top = laid_out(text).top
    return spliced(text, _masks(top, hidden=False)) if top else text


def _masks(piece: Piece, *, hidden: bool) -> Iterator[Splice]:
    if isinstance(piece, Words) and hidden:
        yield Splice(piece.start, piece.end, MASK)
    elif isinstance(piece, Items):
        for item in piece.items:
            yield from _masks(item, hidden=hidden)
    elif isinstance(piece, Table):
        for pair in piece.pairs:
            yield from _masks(pair.value, hidden=hidden or pair.name in PERSONAL_KEYS)
