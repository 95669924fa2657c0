"""Colour for a terminal, and none anywhere else."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

Style = Callable[[str], str]


def _ansi(code: str) -> Style:
    return lambda text: f"\x1b[{code}m{text}\x1b[0m" if text else text


def _plain(text: str) -> str:
    return text


class Paint(Struct, frozen=True):
    """How each sort of text looks. The meaning never hangs on the colour: each line has its symbol."""

    create: Style = _plain
    update: Style = _plain
    delete: Style = _plain
    reset: Style = _plain
    kept: Style = _plain
    blocked: Style = _plain
    doubt: Style = _plain
    strong: Style = _plain
    faint: Style = _plain


PLAIN = Paint()
COLOURED = Paint(
    create=_ansi("32"),
    update=_ansi("33"),
    delete=_ansi("31"),
    reset=_ansi("1;35"),
    kept=_ansi("2"),
    blocked=_ansi("1;31"),
    doubt=_ansi("1;33"),
    strong=_ansi("1"),
    faint=_ansi("2"),
)
