"""What is told of a measurement: a figure beside its floor or peer, and its goal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.benchmarks.processes import Spent


@dataclass(frozen=True, slots=True)
class Goal:
    """What is promised: `words` for people; met while the figure is at most `bound`."""

    words: str
    bound: float


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table.

    `ours` and `beside` are what was measured, as text; `figure` is what the goal is about, in the goal's
    unit, and `shown` how it is written. Without a goal the line is for orientation only.
    """

    work: str
    ours: str
    beside: str = ""
    figure: float | None = None
    shown: str = ""
    goal: Goal | None = None

    @property
    def met(self) -> bool | None:
        """Whether the goal is met; None where there is none, or nothing was measured."""
        return None if self.goal is None or self.figure is None else self.figure <= self.goal.bound


@dataclass(frozen=True, slots=True)
class Point:
    """One point of the plot: what one series took for so many objects, in seconds."""

    series: str
    objects: int
    seconds: float


@dataclass
class Results:
    """Everything that a run has measured so far."""

    rows: list[Row] = field(default_factory=list)
    points: list[Point] = field(default_factory=list)

    def grew(self, objects: int, spent: Mapping[str, Spent]) -> None:
        """Add a point for each of these series."""
        self.points += [Point(series, objects, one.wall) for series, one in spent.items()]


def seconds(value: float) -> str:
    """Return a duration for people, in three digits at most."""
    if value < 1:
        return f"{value * 1000:.0f} ms"
    return f"{value:.2f} s" if value < 10 else f"{value:.1f} s" if value < 100 else f"{value:.0f} s"


def cost(spent: Spent) -> str:
    """Return what a process took and held."""
    return f"{seconds(spent.wall)}, {spent.mebibytes:.0f} MiB"


def times(ratio: float) -> str:
    """Return a ratio for people: × 1.3, or 1/14 where it is small."""
    return f"1/{1 / ratio:.1f}" if 0 < ratio < 0.95 else f"{ratio:.2f} ×"


def compared(work: str, ours: Spent, other: Spent, name: str, goal: Goal | None = None) -> Row:
    """Return the line of a process beside another one; its figure is the ratio of their times."""
    ratio = ours.wall / other.wall
    shown = f"{times(ratio)} (CPU {times(ours.cpu / other.cpu)})"
    return Row(work, cost(ours), f"{name} {cost(other)}", ratio, shown, goal)
