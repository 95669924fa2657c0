"""Workspaces on disk that are meant to do harm."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tests.seeds.world import SETTINGS


def write(folder: Path, files: Mapping[str, str | bytes], settings: str = SETTINGS) -> Path:
    """Write a workspace; settings are those of one sandbox unless told otherwise."""
    for name, content in {"reconciler.yaml": settings, **files}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


def seed(fields: str, name: str = "s") -> str:
    """Return a seed that is a test, with more fields."""
    told = "notification_email_addresses: [qa@example.com]"
    return f"  {name}: {{targets: [sandbox], is_test: true, {told}, {fields}}}\n"


def seeds(*fields: str) -> str:
    """Return a section of seeds, each with these fields."""
    return "customer_seeds:\n" + "".join(seed(one, f"s{number}") for number, one in enumerate(fields))


def table(rows: int, columns: int) -> str:
    """Return a table of customers with columns of data."""
    head = ",".join(["email", *(f"c{number}" for number in range(columns))])
    cells = ",x" * columns
    return f"{head}\n" + "".join(f"a{number}@example.com{cells}\n" for number in range(rows))
