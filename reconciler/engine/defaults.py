"""What a reset leaves behind: stated in the files, learned from a read-back, or assumed."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from msgspec import Struct

from reconciler.engine.kind import Json


class DefaultSource(StrEnum):
    """How a default is known."""

    STATED = "stated"
    LEARNED = "learned"
    ASSUMED = "assumed"


class Default(Struct, frozen=True):
    """The value that the server gives to a field that a PUT leaves out, and how that is known."""

    value: Json
    source: DefaultSource


ASSUMED_EMPTY = Default(None, DefaultSource.ASSUMED)

Defaults = Mapping[str, Default]
"""Path → default; a path that is missing is assumed to be empty."""


def stated(values: Mapping[str, Json]) -> Defaults:
    """Return the defaults that the files state; they count more than what was learned."""
    return {path: Default(value, DefaultSource.STATED) for path, value in values.items()}


def learned(values: Mapping[str, Json]) -> Defaults:
    """Return the defaults that the journal has learned from what resets left behind."""
    return {path: Default(value, DefaultSource.LEARNED) for path, value in values.items()}
