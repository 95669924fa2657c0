"""What every benchmark has at hand: processes and their cost, figures, the table, the server, the tool."""

from __future__ import annotations

import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

from tests.benchmarks.server import Account, Counts
from tests.benchmarks.workspaces import KEYS, write_settings, write_workspace
from tests.hostile.children import Ended, end_of

TOP = Path(__file__).parents[2]
FLOOR = TOP / "tests" / "benchmarks" / "floor.py"
_PATIENCE = 1800.0
# What the person at the keyboard has set must not change what is measured.
_ENVIRON = {**KEYS, "CI": "", "GITHUB_ACTIONS": "", "NO_COLOR": "1", "PYTHONPATH": str(TOP)}


class Failed(Exception):
    """A process did not end as it has to; the message has its last words."""


def spend(
    command: Sequence[str | Path], folder: Path = TOP, environ: Mapping[str, str] | None = None
) -> Ended:
    """Run a process; return what it and its children cost. Raises `Failed` unless it ends with 0."""
    changing = ("RECONCILER_", "PYTHONDONTWRITEBYTECODE", "FORCE_COLOR")  # the tool, or stored bytecode
    usual = {name: value for name, value in os.environ.items() if not name.startswith(changing)}
    ended = end_of(command, folder, {**usual, **(environ or {})}, _PATIENCE)
    if ended.exit:
        raise Failed(f"exit {ended.exit}: {' '.join(map(str, command))}\n{ended.text[-3000:]}")
    return ended


def middle(spent: Sequence[Ended]) -> Ended:
    """Return the medians of what several runs cost, and the most memory that any of them held."""
    wall, cpu = (statistics.median(getattr(one, name) for one in spent) for name in ("wall", "cpu"))
    return replace(spent[-1], wall=wall, cpu=cpu, megabytes=max(one.megabytes for one in spent))


class Goal(NamedTuple):
    """What is promised: `words` for people; met while the figure is at most `bound`."""

    words: str
    bound: float


class Check(NamedTuple):
    """A figure, how it is written, and its goal in the same unit; without one it is for orientation only."""

    shown: str
    figure: float
    goal: Goal | None = None


class Row(NamedTuple):
    """One line of the table: `ours` and `beside` are what was measured, as text."""

    work: str
    ours: str
    beside: str
    checks: Sequence[Check]


class Point(NamedTuple):
    """One point of the plot: what one series took for so many objects, in seconds."""

    series: str
    objects: int
    seconds: float


def seconds(value: float) -> str:
    """Return a duration for people, in three digits at most."""
    if value < 1:
        return f"{value * 1000:.3g} ms"
    return f"{value:.3g} s" if value < 1000 else f"{value:.0f} s"


def cost(spent: Ended) -> str:
    """Return what a process took and held."""
    return f"{seconds(spent.wall)}, {spent.megabytes:.0f} MiB"


def times(ratio: float) -> str:
    """Return a ratio for people: 1.3 ×, or 1/14 where it is small."""
    return f"1/{1 / ratio:.3g}" if 0 < ratio < 0.95 else f"{ratio:.2f} ×"


def beside(ours: Ended, other: Ended, goal: Goal | None = None) -> Check:
    """Return the ratio of the time of two processes, and that of what they took of the processor."""
    ratio = ours.wall / other.wall
    return Check(f"{times(ratio)} (CPU {times(ours.cpu / other.cpu)})", ratio, goal)


def grown(many: Ended, usual: Ended) -> Check:
    """Return how much longer ten times as much took."""
    ratio = many.wall / usual.wall
    return Check(f"{times(ratio)} for 10 ×", ratio, Goal("≤ 10 ×", 10))


def held(spent: Ended, most: int) -> Check:
    """Return the memory of a process, which may hold so many MiB."""
    return Check(f"{spent.megabytes:.0f} MiB", spent.megabytes, Goal(f"≤ {most} MiB", most))


BEGIN, END = "<!-- benchmarks: begin -->", "<!-- benchmarks: end -->"


def table(rows: Sequence[Row]) -> str:
    """Return the machine, and the rows as a table."""
    text = f"{os.cpu_count()} cores, Python {platform.python_version()}; medians.\n\n"
    text += "| work | reconciler | beside it | ratio or figure | goal |\n|---|---|---|---|---|\n"
    for row in rows:
        shown = "; ".join(check.shown for check in row.checks)
        goals = ((check.goal, check.figure) for check in row.checks if check.goal)
        met = "; ".join(f"{goal.words} {'✓' if figure <= goal.bound else '✗'}" for goal, figure in goals)
        text += f"| {' | '.join(cell.strip() for cell in (row.work, row.ours, row.beside, shown, met))} |\n"
    return text


def between_markers(path: Path, text: str) -> str:
    """Return what a file holds, with `text` between its markers. Raises `ValueError` where it has none."""
    whole = path.read_text("utf-8")
    before, begin, rest = whole.partition(f"{BEGIN}\n")
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{path}: the table goes between one line {BEGIN} and one line {END}; add them")
    return f"{before}{begin}{text.strip()}\n{end}{after}"


class Server(NamedTuple):
    """A server that answers at `url`."""

    url: str

    def begin(self, account: Account) -> None:
        """Forget everything, and be this account from now on."""
        self._ask("begin", json.dumps(asdict(account)).encode())

    def counts(self) -> Counts:
        """Return what was counted since `begin`."""
        return Counts(**self._ask("counts"))

    def _ask(self, what: str, body: bytes | None = None) -> Any:
        with urllib.request.urlopen(f"{self.url}/-/{what}", body, timeout=60) as answer:  # noqa: S310
            return json.load(answer)


@contextmanager
def served() -> Iterator[Server]:
    """Start a server; it ends with the block, or with this process."""
    command = [sys.executable, "-m", "tests.benchmarks.server"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=TOP, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdout is not None
        try:
            yield Server(f"http://127.0.0.1:{int(process.stdout.readline())}")
        finally:
            process.kill()


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
        return [size for size in (10, 100, 1000, 10_000) if size <= self.many]


@dataclass
class Bench:
    """One run of the benchmarks. `folder` is on a real disk, `cache` keeps environments of peers."""

    scale: Scale
    folder: Path
    cache: Path
    server: Server
    say: Callable[[str], object]
    rows: list[Row] = field(default_factory=list)
    points: list[Point] = field(default_factory=list)

    def workspace(self, objects: int, parallelism: int = 8) -> Path:
        """Return a workspace of so many configurations, on the server, without a journal of earlier runs."""
        folder = self.folder / f"{objects}" / "configs"
        if folder.exists():
            write_settings(folder, self.server.url, parallelism)
        else:
            write_workspace(folder, objects, self.server.url, parallelism)
        shutil.rmtree(folder.parent / ".reconciler", ignore_errors=True)
        return folder

    def run(self, *arguments: str | Path, workspace: Path | None = None) -> Ended:
        """Run the installed program, as people call it, in a workspace if one is given."""
        where: list[str | Path] = ["--workspace", workspace] if workspace else []
        return spend(
            [Path(sys.executable).with_name("reconciler"), *arguments, *where], self.folder, _ENVIRON
        )

    def watched(
        self, names: Sequence[str], *arguments: str, workspace: Path
    ) -> tuple[Ended, Mapping[str, tuple[int, float]]]:
        """Run the tool; return its cost, and calls and seconds of these functions; see `watching`."""
        result = self.folder / "timed.json"
        watching: list[str | Path] = ["-m", "tests.benchmarks.watching", result, *names, "--"]
        spent = self.script(*watching, *arguments, "--workspace", workspace)
        return spent, json.loads(result.read_text("utf-8"))

    def script(self, *arguments: str | Path) -> Ended:
        """Run Python, which this is, with arguments of its own."""
        return spend([sys.executable, *arguments], self.folder, _ENVIRON)

    def alternating(self, runs: Mapping[str, Callable[[], Ended]], objects: int = 0) -> Mapping[str, Ended]:
        """Run each in turn, as often as the scale says for so many objects; return the middles.

        What else the machine does meets all of them. With objects given, each is a point of the plot too.
        """
        spent: dict[str, list[Ended]] = {name: [] for name in runs}
        usual = objects <= self.scale.objects
        for _ in range(self.scale.repetitions if usual else min(self.scale.repetitions, 3)):
            for name, run in runs.items():
                one = run()
                self.say(f"{name}: {one.wall:.3f} s, {one.cpu:.3f} s of processor, {one.megabytes:.0f} MiB")
                spent[name].append(one)
        middles = {name: middle(several) for name, several in spent.items()}
        self.points += [Point(series, objects, one.wall) for series, one in middles.items() if objects]
        return middles
