"""`python -m tests.benchmarks`: run them all, print the table, and write it with its plot."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from tests.benchmarks import rows
from tests.benchmarks.bench import (
    Bench,
    Failed,
    Row,
    Scale,
    check_markers,
    machine,
    served,
    table,
    write_between_markers,
)
from tests.benchmarks.plot import plot

BENCHMARKS: Mapping[str, Callable[[Bench], Iterator[Row]]] = {
    "start": rows.starting,
    "validate": rows.validating,
    "plan": rows.planning,
    "requests": rows.asking,
    "apply": rows.applying,
    "only": rows.only,
    "seeds": rows.seeding,
    "page": rows.paging,
}
# Drawn in this order, with these words beside the lines.
_DRAWN = {
    rows.PLAN: rows.PLAN,
    rows.VALIDATE: rows.VALIDATE,
    rows.SCRIPT: "bare script, plan",
    rows.OCTODNS: "octoDNS, plan",
    rows.TERRAFORM: "Terraform, plan",
}
_CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "reconciler-benchmarks"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmarks that are asked for; return 1 where one could not be run."""
    options = _options(arguments)
    objects = options.objects or (200 if options.quick else 1000)
    repetitions = options.repetitions or (2 if options.quick else 5)
    scale = Scale(objects, repetitions, peers=not options.no_peers, full=options.full)
    try:
        bench = measure(scale, options.cache, options.only)
    except Failed as error:
        print(error, file=sys.stderr)
        return 1
    text = f"{machine()}; medians.\n\n{table(bench.rows)}"
    print(text)
    if options.write:
        write_between_markers(options.write, text)
    if options.plot:
        title = f"Seconds for so many objects; {machine()}"
        options.plot.write_text(plot(bench.points, _DRAWN, title), "utf-8")
    return 0


def measure(scale: Scale, cache: Path, names: Sequence[str]) -> Bench:
    """Run these benchmarks one after the other. Raises `Failed` where a process did."""
    cache.mkdir(parents=True, exist_ok=True)
    # Not in the system's place for such files, which may be memory: a journal is to wait for a real disk.
    with tempfile.TemporaryDirectory(dir=cache, prefix="run-") as folder, served() as server:
        bench = Bench(scale, Path(folder), cache, server, _say)
        for name in names:
            begun = time.monotonic()
            bench.rows += BENCHMARKS[name](bench)
            _say(f"{name} took {time.monotonic() - begun:.0f} s")
        return bench


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return the options; what cannot be written in the end is refused before anything is measured."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    add = parser.add_argument
    add("--only", action="append", choices=BENCHMARKS, help="run this one; repeatable")
    add("--quick", action="store_true", help="fewer objects and repetitions, for development")
    add("--objects", type=int, choices=(10, 100, 1000), help="how many is usual; many is ten times that")
    add("--repetitions", type=int, help="how often each process is run")
    add("--no-peers", action="store_true", help="leave out octoDNS, Terraform and Ansible")
    add("--full", action="store_true", help="measure the peers with 10,000 objects too")
    add("--write", type=Path, metavar="FILE", help="write the table between the markers of this file")
    add("--plot", type=Path, metavar="FILE", help="draw how cost grows into this SVG; needs validate or plan")
    add("--cache", type=Path, default=_CACHE, help="where the peers are installed, on a real disk")
    options = parser.parse_args(arguments)
    options.only = options.only or list(BENCHMARKS)
    if options.plot and not {"validate", "plan"} & set(options.only):
        parser.error("--plot draws what validate and plan measure: run one of them")
    try:
        if options.write:
            check_markers(options.write)
    except (OSError, ValueError) as error:
        parser.error(f"--write: {error}")
    return options


if __name__ == "__main__":
    sys.exit(main())
