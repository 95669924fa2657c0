"""What is told of a measurement: a figure beside its floor or peer, and its goal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tests.benchmarks.processes import Spent


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
        return f"{value * 1000:.3g} ms"
    return f"{value:.3g} s" if value < 1000 else f"{value:.0f} s"


def cost(spent: Spent) -> str:
    """Return what a process took and held."""
    return f"{seconds(spent.wall)}, {spent.mebibytes:.0f} MiB"


def times(ratio: float) -> str:
    """Return a ratio for people: 1.3 ×, or 1/14 where it is small."""
    return f"1/{1 / ratio:.3g}" if 0 < ratio < 0.95 else f"{ratio:.2f} ×"


def beside(ours: Spent, other: Spent, goal: Goal | None = None) -> Check:
    """Return the ratio of the time of two processes, and that of what they took of the processor."""
    ratio = ours.wall / other.wall
    return Check(f"{times(ratio)} (CPU {times(ours.cpu / other.cpu)})", ratio, goal)


def grown(many: Spent, usual: Spent) -> Check:
    """Return how much longer ten times as much took."""
    ratio = many.wall / usual.wall
    return Check(f"{times(ratio)} for 10 ×", ratio, Goal("≤ 10 ×", 10))


def held(spent: Spent, most: int) -> Check:
    """Return the memory of a process, which may hold so many MiB."""
    return Check(f"{spent.mebibytes:.0f} MiB", spent.mebibytes, Goal(f"≤ {most} MiB", most))
