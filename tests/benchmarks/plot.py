"""How cost grows, as a small SVG: both axes in powers of ten, readable on a light and on a dark page."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from tests.benchmarks.bench import Point

_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 472, 30, 306
_STYLE = """\
text{font:12px system-ui,sans-serif;fill:#24292f}
.grid{stroke:#d0d7de}
.line{fill:none;stroke-width:2}
.other{stroke-dasharray:5 4}
@media (prefers-color-scheme:dark){text{fill:#e6edf3}.grid{stroke:#3d444d}}
"""
# Told apart by light and dark, not by hue alone; each is readable on white and on black.
_COLOURS = ("#0969da", "#1a9c74", "#8c959f", "#cf5f1f", "#9a5fd0")


def _axis(values: Sequence[float], begin: int, end: int) -> tuple[Callable[[float], float], Sequence[float]]:
    """Return what maps a value to its place on an axis of powers of ten, and these powers."""
    lowest = math.floor(math.log10(min(values)) + 1e-9)
    highest = max(math.ceil(math.log10(max(values)) - 1e-9), lowest + 1)

    def at(value: float) -> float:
        return round(begin + (math.log10(value) - lowest) / (highest - lowest) * (end - begin), 1)

    return at, [10.0**power for power in range(lowest, highest + 1)]


def plot(points: Sequence[Point], series: Mapping[str, str], title: str) -> str:
    """Return the picture of these series; `series` maps their names to the words beside the line.

    A series of which nothing was measured is left out.
    """
    drawn = [point for point in points if point.series in series]
    across, sizes = _axis([point.objects for point in drawn], _LEFT, _RIGHT)
    up, durations = _axis([point.seconds for point in drawn], _BOTTOM, _TOP)
    parts = [f'<text x="8" y="16">{title}</text>']
    for x, size in ((across(size), size) for size in sizes):
        parts.append(f'<path class="grid" d="M{x} {_BOTTOM}V{_TOP}"/>')
        parts.append(f'<text x="{x}" y="326" text-anchor="middle">{size:,.0f}</text>')
    for y, duration in ((up(duration), duration) for duration in durations):
        parts.append(f'<path class="grid" d="M{_LEFT} {y}H{_RIGHT}"/>')
        parts.append(f'<text x="{_LEFT - 6}" y="{y + 4}" text-anchor="end">{duration:g} s</text>')
    named = {name: [(across(p.objects), up(p.seconds)) for p in drawn if p.series == name] for name in series}
    measured = [(name, ends) for name, ends in named.items() if ends]
    lowest = 0.0  # no words on top of others
    for colour, (name, ends) in sorted(
        zip(_COLOURS, measured, strict=False), key=lambda one: one[1][1][-1][1]
    ):
        lowest = max(ends[-1][1], lowest + 15)
        kind = "line" if name.startswith("reconciler") else "line other"
        path = "L".join(f"{x} {y}" for x, y in ends)
        parts.append(f'<path class="{kind}" stroke="{colour}" d="M{path}"/>')
        parts += [f'<circle cx="{x}" cy="{y}" r="2.5" fill="{colour}"/>' for x, y in ends]
        parts.append(f'<path stroke="{colour}" stroke-width="3" d="M{_RIGHT + 10} {lowest}h12"/>')
        parts.append(f'<text x="{_RIGHT + 27}" y="{lowest + 4}">{series[name]}</text>')
    body = "\n".join(parts)
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 640 340" width="640" height="340" role="img">\n'
        f"<title>{title}</title>\n<style>{_STYLE}</style>\n{body}\n</svg>\n"
    )
