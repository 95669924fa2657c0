"""What every benchmark has at hand: its size, a place for files, the server, the way to run the tool."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from tests.benchmarks.figures import Results
from tests.benchmarks.processes import TOP, Spent, alternating, spend
from tests.benchmarks.serving import Server
from tests.benchmarks.workspaces import KEYS, write_settings, write_workspace

FLOOR = TOP / "tests" / "benchmarks" / "floor.py"
# What the person at the keyboard has set must not change what is measured.
_ENVIRON = {**KEYS, "CI": "", "GITHUB_ACTIONS": "", "NO_COLOR": "1", "PYTHONPATH": str(TOP)}


@dataclass(frozen=True, slots=True)
class Scale:
    """How much is measured: the usual number of objects, of which many is ten times, and how often."""

    objects: int = 1000
    repetitions: int = 5
    peers: bool = True
    full: bool = False
    """Peers too are measured with many objects."""

    @property
    def many(self) -> int:
        """The large number of objects."""
        return 10 * self.objects

    @property
    def sizes(self) -> Sequence[int]:
        """The numbers of objects at which growth is looked at, in steps of ten."""
        steps = {size for size in (10, 100, 1000, 10_000) if size <= self.many}
        return sorted(steps | {self.objects, self.many})

    def repetitions_at(self, objects: int) -> int:
        """Return how often something with so many objects is run."""
        return self.repetitions if objects <= self.objects else min(self.repetitions, 3)


@dataclass(frozen=True, slots=True)
class Watched:
    """What a run cost, and for each watched function its calls and their seconds together."""

    spent: Spent
    inside: Mapping[str, tuple[int, float]]


@dataclass
class Bench:
    """One run of the benchmarks. `folder` is on a real disk, `cache` keeps environments of peers."""

    scale: Scale
    folder: Path
    cache: Path
    server: Server
    say: Callable[[str], object]
    results: Results = field(default_factory=Results)
    _workspaces: dict[int, Path] = field(default_factory=dict)

    @cached_property
    def tool(self) -> Sequence[str | Path]:
        """The command under measurement: the installed program, as people call it."""
        program = Path(sys.executable).with_name("reconciler")
        return [program] if program.exists() else [sys.executable, "-m", "reconciler"]

    def workspace(self, objects: int, parallelism: int = 8) -> Path:
        """Return a workspace of so many configurations, on the server, without a journal of earlier runs."""
        if objects not in self._workspaces:
            folder = self.folder / f"{objects}" / "configs"
            self._workspaces[objects] = write_workspace(folder, objects)
        folder = self._workspaces[objects]
        write_settings(folder, self.server.url, parallelism)
        shutil.rmtree(folder.parent / ".reconciler", ignore_errors=True)
        return folder

    def run(
        self,
        *arguments: str | Path,
        workspace: Path | None = None,
        watch: Callable[[int], object] = lambda _: None,
    ) -> Spent:
        """Run the tool, in a workspace if one is given; `watch` is told the number of the process."""
        where: list[str | Path] = ["--workspace", workspace] if workspace else []
        return spend([*self.tool, *arguments, *where], self.folder, _ENVIRON, watch=watch)

    def watched(self, names: Sequence[str], *arguments: str, workspace: Path) -> Watched:
        """Run the tool, and tell how long it spent in these functions; see `stopwatch`."""
        result = self.folder / "stopwatch.json"
        stopwatch: list[str | Path] = ["-m", "tests.benchmarks.stopwatch", result, *names, "--", *arguments]
        spent = self.script(*stopwatch, "--workspace", workspace)
        told = json.loads(result.read_text("utf-8"))
        return Watched(spent, {name: (calls, seconds) for name, (calls, seconds) in told.items()})

    def script(self, *arguments: str | Path) -> Spent:
        """Run Python, which this is, with arguments of its own."""
        return spend([sys.executable, *arguments], self.folder, _ENVIRON)

    def alternating(self, runs: Mapping[str, Callable[[], Spent]], objects: int = 0) -> Mapping[str, Spent]:
        """Run each in turn, as often as the scale says for so many objects; return the middles."""
        return alternating(runs, self.scale.repetitions_at(objects), self.say)
