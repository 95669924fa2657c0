"""Plans that are written to files and applied after things have changed: what the tests of them share."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from reconciler.commands.workspace import Selection
from reconciler.engine.change import CHECKSUM, checksum_of
from reconciler.engine.plan import Consent
from tests.commands.world import EVERYTHING, World
from tests.commands.world import RESETS as RESETS
from tests.commands.world import Run as Run

FILE = Path("plan.json")


def planned(
    world: World,
    consent: Consent = RESETS,
    selection: Selection = EVERYTHING,
    *,
    out: Path | None = FILE,
    since: str | None = None,
) -> Run:
    """Plan, and write the plan to a file."""
    return world.plans(consent, selection, out=out, since=since, json=True)


def applied(
    world: World,
    named: Collection[str] = (),
    consent: Consent = RESETS,
    selection: Selection = EVERYTHING,
    *,
    file: Path | None = FILE,
    others: Sequence[Path] = (),
    **asked: Any,
) -> Run:
    """Apply the plan of the file, and of others, or what is named."""
    files = () if named or file is None else (file, *others)
    reviewed = frozenset(named)
    return world.applies(
        consent, selection, yes=False, reviewed=reviewed, plan_files=files, json=True, **asked
    )


def edited(world: World, **members: Any) -> None:
    """Edit the plan file as somebody would who then makes its checksum fit again."""
    path = world.folder / FILE
    write_sealed(path, {**json.loads(path.read_text("utf-8")), **members})


def write_sealed(path: Path, document: Mapping[str, Any]) -> None:
    """Write a plan with the checksum that fits."""
    path.write_text(json.dumps({**document, CHECKSUM: checksum_of(document)}), "utf-8")


def declare(world: World, **sizes: int) -> None:
    """Declare configurations with these delays, each in a file of its own; each is live with another."""
    for name, days in sizes.items():
        id = int(name.removeprefix("c"))
        text = f"name: C{id}, survey_settings: {{invitation_delay_in_days: {days}}}, undeclared: keep"
        world.write(
            f"{name}.yaml", f"import_configs: {{{name}: {{{text}, targets: {{sandbox: {{id: {id}}}}}}}}}\n"
        )
