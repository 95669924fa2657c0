"""Text from outside, made fit to be shown."""

from __future__ import annotations


def printable(text: str) -> str:
    """Return text on one line, without the characters that steer a terminal."""
    return "".join(char for char in " ".join(text.split()) if char.isprintable())
