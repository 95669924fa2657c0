"""Hypothesis looks as long here as it does in `tests/properties`."""

from __future__ import annotations

from tests.properties import conftest  # noqa: F401  # it loads the profiles
