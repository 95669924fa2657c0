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
from functools import cached_property
from pathlib import Path
from typing import Any

from tests.benchmarks.server import Account, Told
from tests.benchmarks.workspaces import KEYS, write_settings, write_workspace
from tests.hostile.children import Ended, end_of

TOP = Path(__file__).parents[2]
PATIENCE = 1800.0
"""Seconds after which a process is ended that does not end by itself."""


class Failed(Exception):
    """A process did not end as it has to; the message has its last words."""


def spend(
    command: Sequence[str | Path],
    folder: Path = TOP,
    environ: Mapping[str, str] | None = None,
    *,
    watch: Callable[[int], object] = lambda _: None,
) -> Ended:
    """Run a process to its end, and return what it cost with the children that it waited for.

    `watch` is told its number once it runs. Raises `Failed` where it does not end with 0.
    """
    changing = ("RECONCILER_", "PYTHONDONTWRITEBYTECODE", "FORCE_COLOR")  # the tool, or stored bytecode
    usual = {name: value for name, value in os.environ.items() if not name.startswith(changing)}
    ended = end_of(command, folder, {**usual, **(environ or {})}, PATIENCE, watch)
    if ended.exit:
        raise Failed(f"exit {ended.exit}: {' '.join(map(str, command))}\n{ended.text[-3000:]}")
    return ended


def middle(spent: Sequence[Ended]) -> Ended:
    """Return the medians of what several runs cost, and the most memory that any of them held."""
    return replace(
        spent[-1],
        wall=statistics.median(one.wall for one in spent),
        cpu=statistics.median(one.cpu for one in spent),
        megabytes=max(one.megabytes for one in spent),
    )


@dataclass(frozen=True, slots=True)
class Goal:
    """What is promised: `words` for people; met while the figure is at most `bound`."""

    words: str
    bound: float


@dataclass(frozen=True, slots=True)
class Check:
    """A figure, how it is written, and the goal that it is held against, in the same unit.

    The figure is None where nothing could be measured; without a goal it is for orientation only.
    """

    shown: str
    figure: float | None = None
    goal: Goal | None = None

    @property
    def met(self) -> bool | None:
        """Whether the goal is met; None where there is none, or nothing was measured."""
        return None if self.goal is None or self.figure is None else self.figure <= self.goal.bound


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: `ours` and `beside` are what was measured, as text."""

    work: str
    ours: str
    beside: str
    checks: Sequence[Check]


@dataclass(frozen=True, slots=True)
class Point:
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
_HEAD = "| work | reconciler | beside it | ratio or figure | goal |\n|---|---|---|---|---|\n"
_MARKS = {True: "✓", False: "✗", None: "?"}


def machine() -> str:
    """Return what is said of the machine."""
    return f"{os.cpu_count()} cores, Python {platform.python_version()}"


def table(rows: Sequence[Row]) -> str:
    """Return the rows as a table."""
    text = _HEAD
    for row in rows:
        shown = "; ".join(check.shown for check in row.checks)
        goals = "; ".join(f"{check.goal.words} {_MARKS[check.met]}" for check in row.checks if check.goal)
        text += f"| {' | '.join(cell.strip() for cell in (row.work, row.ours, row.beside, shown, goals))} |\n"
    return text


def check_markers(path: Path) -> None:
    """Return if the file has the markers between which the table goes; raises `ValueError` if not."""
    text = path.read_text("utf-8")
    if text.count(BEGIN) != 1 or text.count(END) != 1 or text.index(BEGIN) > text.index(END):
        raise ValueError(f"{path}: the table goes between one line {BEGIN} and one line {END}; add them")


def write_between_markers(path: Path, text: str) -> None:
    """Write `text` in place of what stands between the markers of a file; see `check_markers`."""
    check_markers(path)
    before, _, rest = path.read_text("utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    path.write_text(f"{before}{BEGIN}\n{text.strip()}\n{END}{after}", "utf-8")


@dataclass(frozen=True, slots=True)
class Server:
    """A server that answers at `url`."""

    url: str

    def begin(self, account: Account) -> None:
        """Forget everything, and be this account from now on."""
        self._ask("begin", json.dumps(asdict(account)).encode())

    def told(self) -> Told:
        """Return what was counted since `begin`."""
        return Told(**self._ask("told"))

    def _ask(self, what: str, body: bytes | None = None) -> Any:
        with urllib.request.urlopen(f"{self.url}/-/{what}", body, timeout=60) as answer:  # noqa: S310
            return json.load(answer)


@contextmanager
def served() -> Iterator[Server]:
    """Start a server; it ends with the block, or with this process."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.benchmarks.server"],
        cwd=TOP,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    with process:
        try:
            yield Server(f"http://127.0.0.1:{int(process.stdout.readline())}")
        finally:
            process.kill()


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


@dataclass(frozen=True, slots=True)
class Watched:
    """What a run cost, and for each watched function its calls and their seconds together."""

    spent: Ended
    inside: Mapping[str, tuple[int, float]]


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
    ) -> Ended:
        """Run the tool, in a workspace if one is given; `watch` is told the number of the process."""
        where: list[str | Path] = ["--workspace", workspace] if workspace else []
        return spend([*self.tool, *arguments, *where], self.folder, _ENVIRON, watch=watch)

    def watched(self, names: Sequence[str], *arguments: str, workspace: Path) -> Watched:
        """Run the tool, and tell how long it spent in these functions; see `watching`."""
        result = self.folder / "timed.json"
        watching: list[str | Path] = ["-m", "tests.benchmarks.watching", result, *names, "--"]
        spent = self.script(*watching, *arguments, "--workspace", workspace)
        timed = json.loads(result.read_text("utf-8"))
        return Watched(spent, {name: (calls, seconds) for name, (calls, seconds) in timed.items()})

    def script(self, *arguments: str | Path) -> Ended:
        """Run Python, which this is, with arguments of its own."""
        return spend([sys.executable, *arguments], self.folder, _ENVIRON)

    def alternating(self, runs: Mapping[str, Callable[[], Ended]], objects: int = 0) -> Mapping[str, Ended]:
        """Run each in turn, as often as the scale says for so many objects; return the middles.

        What else the machine does meets all of them.
        """
        spent: dict[str, list[Ended]] = {name: [] for name in runs}
        usual = objects <= self.scale.objects
        for _ in range(self.scale.repetitions if usual else min(self.scale.repetitions, 3)):
            for name, run in runs.items():
                one = run()
                self.say(f"{name}: {one.wall:.3f} s, {one.cpu:.3f} s of processor, {one.megabytes:.0f} MiB")
                spent[name].append(one)
        return {name: middle(several) for name, several in spent.items()}

    def grew(self, objects: int, spent: Mapping[str, Ended]) -> None:
        """Add a point for each of these series to the plot."""
        self.points += [Point(series, objects, one.wall) for series, one in spent.items()]
