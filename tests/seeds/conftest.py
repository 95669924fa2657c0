"""A world with one seed of two customers."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.seeds.world import JANE, JOHN, SeedWorld


@pytest.fixture
def world(tmp_path: Path) -> SeedWorld:
    made = SeedWorld(tmp_path)
    made.declare(JOHN, JANE)
    return made
