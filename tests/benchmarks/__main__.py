"""`python -m tests.benchmarks`: run them all, print the table, and write it with its plot."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from tests.benchmarks import contacts, rows
from tests.benchmarks.bench import TOP, Bench, Failed, Row, Scale, between_markers, served, table
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
    "check": contacts.checking,
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
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    add = parser.add_argument
    add("--only", action="append", choices=BENCHMARKS, help="run this one; repeatable")
    add(
        "--objects",
        type=int,
        default=1000,
        choices=(10, 100, 1000),
        help="how many is usual; many is ten times that",
    )
    add("--repetitions", type=int, default=5, help="how often each process is run")
    add("--no-peers", action="store_true", help="leave out the other tools")
    add("--full", action="store_true", help="measure octoDNS with 10,000 objects too")
    page, drawing = TOP / ".github/BENCHMARKS.md", TOP / ".github/benchmarks.svg"
    add(
        "--write",
        type=Path,
        metavar="FILE",
        nargs="?",
        const=page,
        help="write the table between the markers of this file, or of .github/BENCHMARKS.md",
    )
    add(
        "--plot",
        type=Path,
        metavar="FILE",
        nargs="?",
        const=drawing,
        help="draw how cost grows into this SVG, or .github/benchmarks.svg; needs validate or plan",
    )
    add("--cache", type=Path, default=_CACHE, help="where the peers are installed, on a real disk")
    options = parser.parse_args(arguments)
    names = options.only or list(BENCHMARKS)
    # What cannot be written in the end is refused before anything is measured.
    if options.plot and not {"validate", "plan"} & set(names):
        parser.error("--plot draws what validate and plan measure: run one of them")
    try:
        if options.write:
            between_markers(options.write, "")
    except (OSError, ValueError) as error:
        parser.error(f"--write: {error}")
    scale = Scale(options.objects, options.repetitions, peers=not options.no_peers, full=options.full)
    try:
        bench = measure(scale, options.cache, names)
    except Failed as error:
        print(error, file=sys.stderr)
        return 1
    text = table(bench.rows)
    print(text)
    if options.write:
        options.write.write_text(between_markers(options.write, text), "utf-8")
    if options.plot:
        options.plot.write_text(plot(bench.points, _DRAWN, "Seconds for so many objects"), "utf-8")
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


if __name__ == "__main__":
    sys.exit(main())
