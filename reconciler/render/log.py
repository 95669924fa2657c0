"""Lines of the log on stderr, for programs: one JSON object each."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    pass


LONG_WAIT = 0.1
"""Seconds from which on a person is told that a request had to wait."""


class Level(StrEnum):
    """How grave a line is."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


def log_line(now: float, level: Level, event: str, fields: Mapping[str, Any]) -> str:
    """Return one event as one line of JSON in plain ASCII, which neither a terminal nor a runner obeys."""
    document = {"time": moment(now), "level": level.value, "event": event, **fields}
    # GitHub's runner would look for a command behind this; it only ever stands within a string.
    return json.dumps(document).replace("##[", "\\u0023#[")


def moment(at: float) -> str:
    """Return a time in UTC, to the millisecond."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")


def milliseconds(seconds: float) -> float:
    """Return a duration as logs hold it."""
    return round(seconds * 1000, 3)
