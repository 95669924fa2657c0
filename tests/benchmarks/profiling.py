"""Where the time goes of what is measured elsewhere: the profile beside a goal that is not met."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from tests.benchmarks.applying import LATENCY, WORKERS
from tests.benchmarks.bench import Bench
from tests.benchmarks.figures import Check, Row, seconds
from tests.benchmarks.server import Account

_LEAST = 0.02
"""The smallest part that is named; the rest is taken together."""


def profiling(bench: Bench) -> Iterator[Row]:
    """Look where `validate`, `plan` and `apply` spend their time."""
    few, many = 3, bench.scale.objects
    yield _row(f"`validate`, {few} files", _parts(bench, "validate", objects=few))
    yield _row(f"`validate`, {many:,} files", _parts(bench, "validate", objects=many))
    bench.server.begin(Account(many, many // 10))
    yield _row(f"`plan`, {many:,} configurations", _parts(bench, "plan", objects=many))
    bench.server.begin(Account(many, many, latency=LATENCY))
    parts = _parts(bench, "apply", "--yes", objects=many, parallelism=WORKERS)
    yield _row(f"`apply`, {many:,} changes", parts)


def _parts(bench: Bench, *arguments: str, objects: int, parallelism: int = 8) -> Mapping[str, float]:
    """Return the seconds that a run spent in each part of the tool."""
    folder = bench.workspace(objects, parallelism)
    result = bench.folder / "sampled.json"
    bench.script("-m", "tests.benchmarks.sampling", result, "--", *arguments, "--workspace", folder)
    parts: Mapping[str, float] = json.loads(result.read_text("utf-8"))
    return parts


def _row(work: str, parts: Mapping[str, float]) -> Row:
    whole = sum(parts.values())
    named = {part: spent / whole for part, spent in parts.items() if spent / whole >= _LEAST}
    shares = sorted(named.items(), key=lambda one: -one[1])
    words = ", ".join(f"{part} {share:.0%}" for part, share in shares)
    rest = 1 - sum(named.values())
    text = f"{words}, the rest {rest:.0%}" if rest >= 0.005 else words
    return Row(f"where {work} is at work", seconds(whole), "looked at 500 times a second", [Check(text)])
