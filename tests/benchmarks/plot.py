"""How cost grows, as a small SVG: both axes in powers of ten, readable on a light and on a dark page."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from tests.benchmarks.bench import Point

_WIDTH, _HEIGHT = 640, 340
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 168, 30, 34
_LINE = 15
_STYLE = """\
text{font:12px system-ui,sans-serif;fill:#24292f}
.grid{stroke:#d0d7de}
.line{fill:none;stroke-width:2}
.other{stroke-dasharray:5 4}
@media (prefers-color-scheme:dark){text{fill:#e6edf3}.grid{stroke:#3d444d}}
"""
# Told apart by light and dark, not by hue alone; each is readable on white and on black.
_COLOURS = ("#0969da", "#1a9c74", "#8c959f", "#cf5f1f", "#9a5fd0", "#b08800")


@dataclass(frozen=True, slots=True)
class _Scale:
    """Maps a value to a place, so that each power of ten takes as much room."""

    lowest: int
    highest: int
    begin: float
    end: float

    @classmethod
    def over(cls, values: Sequence[float], begin: float, end: float) -> _Scale:
        lowest = math.floor(math.log10(min(values)) + 1e-9)
        highest = math.ceil(math.log10(max(values)) - 1e-9)
        return cls(lowest, max(highest, lowest + 1), begin, end)

    def at(self, value: float) -> float:
        share = (math.log10(value) - self.lowest) / (self.highest - self.lowest)
        return round(self.begin + share * (self.end - self.begin), 1)

    @property
    def ticks(self) -> Iterator[float]:
        yield from (10.0**power for power in range(self.lowest, self.highest + 1))


def plot(points: Sequence[Point], series: Mapping[str, str], title: str) -> str:
    """Return the picture of these series, in order; `series` maps their names to the words beside the line.

    A series of which nothing was measured is left out. Raises `ValueError` where nothing was at all.
    """
    lines = {words: _of(points, name) for name, words in series.items()}
    lines = {words: found for words, found in lines.items() if found}
    if not lines:
        raise ValueError("nothing was measured that could be drawn")
    drawn = [point for found in lines.values() for point in found]
    across = _Scale.over([point.objects for point in drawn], _LEFT, _WIDTH - _RIGHT)
    up = _Scale.over([point.seconds for point in drawn], _HEIGHT - _BOTTOM, _TOP)
    parts = [*_axes(across, up), *_lines(lines, across, up), f'<text x="8" y="16">{title}</text>']
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" '
        f'height="{_HEIGHT}" role="img">\n<title>{title}</title>\n<style>{_STYLE}</style>\n{body}\n</svg>\n'
    )


def _of(points: Sequence[Point], name: str) -> list[Point]:
    return sorted((point for point in points if point.series == name), key=lambda point: point.objects)


def _axes(across: _Scale, up: _Scale) -> Iterator[str]:
    for value in across.ticks:
        x = across.at(value)
        yield f'<path class="grid" d="M{x} {up.begin}V{up.end}"/>'
        yield f'<text x="{x}" y="{_HEIGHT - 14}" text-anchor="middle">{value:,.0f}</text>'
    for value in up.ticks:
        y = up.at(value)
        yield f'<path class="grid" d="M{across.begin} {y}H{across.end}"/>'
        yield f'<text x="{_LEFT - 6}" y="{y + 4}" text-anchor="end">{value:g} s</text>'


def _lines(lines: Mapping[str, Sequence[Point]], across: _Scale, up: _Scale) -> Iterator[str]:
    wanted = {words: up.at(found[-1].seconds) for words, found in lines.items()}
    places = _apart(wanted)
    for colour, (words, found) in zip(_COLOURS, lines.items(), strict=False):
        ends = [(across.at(point.objects), up.at(point.seconds)) for point in found]
        path = "L".join(f"{x} {y}" for x, y in ends)
        kind = "line" if words.startswith("reconciler") else "line other"
        yield f'<path class="{kind}" stroke="{colour}" d="M{path}"/>'
        yield from (f'<circle cx="{x}" cy="{y}" r="2.5" fill="{colour}"/>' for x, y in ends)
        y = places[words]
        yield f'<path stroke="{colour}" stroke-width="3" d="M{across.end + 10} {y}h12"/>'
        yield f'<text x="{across.end + 27}" y="{y + 4}">{words}</text>'


def _apart(wanted: Mapping[str, float]) -> Mapping[str, float]:
    """Return places for words near the wanted ones, none on top of another."""
    places: dict[str, float] = {}
    lowest = -math.inf
    for words, place in sorted(wanted.items(), key=lambda one: one[1]):
        lowest = places[words] = max(place, lowest + _LINE)
    below = max(0.0, lowest - (_HEIGHT - _BOTTOM))
    return {words: round(place - below, 1) for words, place in places.items()}
