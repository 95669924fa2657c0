"""What must hold of whatever a person or a program gets to see."""

from __future__ import annotations

import json
import unicodedata
from typing import Any, NoReturn

STEERING_CATEGORIES = {"Cc", "Cf", "Cs", "Zl", "Zp"}
JOINERS = "\u200c\u200d"


def assert_harmless(text: str) -> None:
    """Nothing in it steers a terminal, turns the direction of writing or breaks a line that is not ours."""
    bad = [
        char
        for char in text
        if char not in JOINERS and char != "\n" and unicodedata.category(char) in STEERING_CATEGORIES
    ]
    assert bad == [], text


def strict(text: str) -> Any:
    """Return what a JSON text says; fails for what is not JSON by the standard."""
    return json.loads(text, parse_constant=_refused)


def _refused(constant: str) -> NoReturn:
    raise AssertionError(f"{constant} is not JSON")
