"""Plans that are written to files and applied after things have changed: what the tests of them share."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reconciler.commands.apply import ApplyOptions, apply
from reconciler.commands.plan import PlanOptions, plan
from reconciler.commands.workspace import Selection
from reconciler.engine.change import CHECKSUM, checksum_of
from reconciler.engine.plan import Consent
from reconciler.errors import Exit
from tests.commands.world import EVERYTHING, Screen, World

RESETS = Consent(resets=None)
FILE = Path("plan.json")


@dataclass(frozen=True)
class Run:
    """How a command ended, and what it printed."""

    exit: Exit
    document: Any
    told: str

    @property
    def results(self) -> dict[str, str]:
        """Key → how its change ended."""
        return {outcome["key"]: outcome["result"] for outcome in self.document["outcomes"]}

    @property
    def reasons(self) -> dict[str, str]:
        """Key → why its change ended so."""
        return {outcome["key"]: outcome["reason"] for outcome in self.document["outcomes"]}

    @property
    def sent(self) -> dict[str, int]:
        """Key → how many customers were sent to, of every seed that had anything to send."""
        return {end["key"]: end["sent"] for end in self.document["sent"]}


def planned(
    world: World,
    consent: Consent = RESETS,
    selection: Selection = EVERYTHING,
    *,
    out: Path | None = FILE,
    since: str | None = None,
) -> Run:
    """Plan, and write the plan to a file."""
    screen = Screen()
    console = screen.console(world.clock, as_json=True)
    exit = plan(selection, PlanOptions(consent, out=out, since=since), console, world.environment)
    return Run(exit, screen.document, screen.err)


def applied(
    world: World,
    named: Collection[str] = (),
    consent: Consent = RESETS,
    selection: Selection = EVERYTHING,
    *,
    file: Path | None = FILE,
    others: Sequence[Path] = (),
    with_seeds: bool = True,
    since: str | None = None,
) -> Run:
    """Apply the plan of the file, and of others, or what is named."""
    screen = Screen()
    console = screen.console(world.clock, as_json=True)
    files = () if named or file is None else (file, *others)
    exit = apply(
        selection,
        ApplyOptions(
            consent, with_seeds=with_seeds, reviewed=frozenset(named), plan_files=files, since=since
        ),
        console,
        world.environment,
    )
    return Run(exit, screen.document, screen.err)


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
