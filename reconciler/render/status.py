"""The figures of `status`, as a table, as a document, and for monitoring systems.

A figure that is unknown is `None`, and is left out or shown as a dash; it is never zero. Scrapers ask for
OpenMetrics 1.0; the textfile collector of node_exporter reads version 0.0.4 of Prometheus, without `info`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from msgspec import Struct
from msgspec.structs import asdict

from reconciler import __version__
from reconciler.errors import Exit
from reconciler.journal.entries import Run
from reconciler.problems import Problem
from reconciler.render.values import (
    FORMAT_VERSION,
    PLAIN,
    Document,
    Paint,
    counted,
    harmless,
    moment,
    problem_document,
    stacked,
)

_HEADINGS = (
    *("target", "managed", "pending", "drifted", "blocked", "unmanaged"),
    *("seeds pending", "customers in doubt", "changes in doubt", "last apply"),
)
_UNKNOWN = "–"


class ResourceFigures(Struct, frozen=True):
    """Configurations of a target by state; one that is not as declared is pending, drifted or blocked."""

    managed: int  # declared on the target; not those that are declared `absent`
    unmanaged: int  # live, and declared nowhere
    pending: int  # declared, and apply would create, change or delete it; nothing shows a change made live
    drifted: int  # declared, and apply would change it back: it was changed live since its last write
    blocked: int  # declared, and apply would leave it alone because a rule says no


class SeedFigures(Struct, frozen=True):
    """Seeds of a target, and customers of them, by state."""

    declared: int
    pending: int  # apply would send something of it
    blocked: int  # something of it is due, and a rule says no; or another sender may have sent it
    in_doubt: int  # of some of its customers it is unknown whether they were sent
    customers_pending: int
    customers_in_doubt: int


class JournalFigures(Struct, frozen=True):
    """What the journal says of a target."""

    last_apply: Run | None = None  # the latest `apply` on the target that has ended, in whatever way
    open_runs: tuple[tuple[Run, bool], ...] = ()
    """Runs that hold the target or its accounts, each with whether its process is provably gone."""
    zone: ZoneInfo = ZoneInfo("UTC")  # in which people are told its times


class TargetStatus(Struct, frozen=True):
    """The state of a target. What is `None` is unknown, and `error` or `journal_error` says why."""

    target: str
    account: str = ""
    tenant: str = ""
    resources: ResourceFigures | None = None
    seeds: SeedFigures | None = None
    changes_in_doubt: int | None = None
    """Resources that are not as declared, and whose last write, not of a living run, has no known outcome."""
    journal: JournalFigures | None = None
    error: str = ""  # why the target could not be asked, or not the whole of it
    journal_error: str = ""
    exit: Exit = Exit.DONE

    @property
    def is_pending(self) -> bool:
        """Whether something on it is known not to be as declared, or due to be sent."""
        resources, seeds = self.resources, self.seeds
        differing = resources.pending + resources.drifted + resources.blocked if resources else 0
        return bool(differing or (seeds and seeds.pending))


def outcome_of(run: Run) -> str:
    """Return how an ended run ended, in one word: the name of its exit code, or that it died."""
    if run.exit is None:
        return "died"
    return Exit(run.exit).name.lower() if run.exit in set(Exit) else f"exit_{run.exit}"


def status_text(statuses: Sequence[TargetStatus], now: float, *, paint: Paint = PLAIN) -> str:
    """Return one row a target, then what is wrong with any of them, then a line over all."""
    rows = [_HEADINGS, *(_row(status) for status in statuses)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for name, *figures, last in rows:
        # Names stand on the left of their column, figures on the right.
        cells = [f"{cell:>{width}}" for cell, width in zip(figures, widths[1:-1], strict=True)]
        lines.append("  ".join([f"{name:<{widths[0]}}", *cells, last]).rstrip())
    table = "\n".join([paint.strong(lines[0]), *lines[1:]])
    if paint.width and max(map(len, lines)) > paint.width:
        named = [(paint.strong(name), *others) for name, *others in rows[1:]]
        table = "\n\n".join(stacked(_HEADINGS, named, 1))
    blocks = [table, "\n".join(_remarks(statuses, now, paint)), paint.strong(_summary(statuses))]
    return "\n\n".join(block for block in blocks if block)


def _row(status: TargetStatus) -> tuple[str, ...]:
    figures = (
        *(getattr(status.resources, name, None) for name in _HEADINGS[1:6]),
        *(getattr(status.seeds, name, None) for name in ("pending", "customers_in_doubt")),
        status.changes_in_doubt,
    )
    journal, last = status.journal, "never" if status.journal else _UNKNOWN
    if journal and (run := journal.last_apply) and run.ended is not None:
        at = datetime.fromtimestamp(run.ended, journal.zone)
        outcome = outcome_of(run).replace("_", " ")
        last = f"{at:%Y-%m-%d %H:%M} {journal.zone.key}, run {run.number}: {outcome}"
    numbers = (_UNKNOWN if number is None else str(number) for number in figures)
    return (harmless(status.target), *numbers, last)


def _remarks(statuses: Sequence[TargetStatus], now: float, paint: Paint) -> Iterator[str]:
    for status in statuses:
        name = harmless(status.target)
        if status.error:
            yield f"{paint.blocked('!')} {name}: {harmless(status.error)}"
        if status.journal_error:
            yield f"{paint.blocked('!')} {name}: the journal says nothing: {harmless(status.journal_error)}"
        if status.seeds and status.seeds.blocked:
            what = counted(status.seeds.blocked, "seed")
            yield f"{paint.blocked('!')} {name}: {what} blocked; reconciler seeds status says why"
        for run, is_dead in status.journal.open_runs if status.journal else ():
            age = max(0, round(now - run.latest))
            state = "died, and the next run will end it" if is_dead else f"last heard of {age} s ago"
            what = f"run {run.number} ({harmless(run.start.command)}) holds the account, {state}"
            yield f"{paint.doubt('?')} {name}: {what}"


def _summary(statuses: Sequence[TargetStatus]) -> str:
    found, seeds = Counter[str](), Counter[str]()
    for status in statuses:
        found.update(asdict(status.resources) if status.resources else {})
        seeds.update(asdict(status.seeds) if status.seeds else {})
    down = sum(bool(status.error) for status in statuses)
    changes = sum(status.changes_in_doubt or 0 for status in statuses)
    return (
        f"Status of {counted(len(statuses), 'target')} ({down} in error): "
        f"{found['managed']} managed, {found['pending']} pending, {found['drifted']} drifted, "
        f"{found['blocked']} blocked, {found['unmanaged']} unmanaged; "
        f"{counted(seeds['pending'], 'seed')} pending; "
        f"{counted(seeds['customers_in_doubt'], 'customer')} and {counted(changes, 'change')} in doubt."
    )


def status_document(statuses: Sequence[TargetStatus], now: float, warnings: Sequence[Problem]) -> Document:
    """Return the same as a document, as `planfile.format.StatusDocument` says."""
    return {
        "format_version": FORMAT_VERSION,
        "at": moment(now),
        "targets": [
            {
                "target": status.target,
                "account": status.account or None,
                "tenant": status.tenant or None,
                "up": not status.error,
                "exit_code": int(status.exit),
                "error": status.error or None,
                "resources": asdict(status.resources) if status.resources else None,
                "seeds": asdict(status.seeds) if status.seeds else None,
                "changes_in_doubt": status.changes_in_doubt,
                "journal": _journal(status.journal) if status.journal else None,
                "journal_error": status.journal_error or None,
            }
            for status in statuses
        ],
        "problems": [problem_document(problem) for problem in warnings],
        "exit_code": int(Exit.gravest(status.exit for status in statuses)),
    }


def _journal(journal: JournalFigures) -> Document:
    last = journal.last_apply
    return {
        "last_apply": {
            "run": last.number,
            "began": moment(last.began),
            "ended": None if last.ended is None else moment(last.ended),
            "outcome": outcome_of(last),
            "exit_code": last.exit,
        }
        if last
        else None,
        "open_runs": [
            {
                "run": run.number,
                "command": run.start.command,
                "began": moment(run.began),
                "latest": moment(run.latest),
                "died": is_dead,
            }
            for run, is_dead in journal.open_runs
        ],
    }


def openmetrics(statuses: Sequence[TargetStatus], now: float) -> str:
    """Return the figures in the text format of OpenMetrics 1.0, without the line break at its end."""
    lines = []
    for name, type, help, samples in _families(statuses, now):
        unit = [f"# UNIT {name} seconds"] if name.endswith("_seconds") else []
        lines += [f"# TYPE {name} {type}", *unit, f"# HELP {name} {help}"]
        lines += _sample_lines(f"{name}_info" if type == "info" else name, samples)
    return "\n".join([*lines, "# EOF"])


def prometheus(statuses: Sequence[TargetStatus], now: float) -> str:
    """Return the figures in the text format 0.0.4 of Prometheus, without the line break at its end."""
    lines = []
    for family, type, help, samples in _families(statuses, now):
        name = f"{family}_info" if type == "info" else family
        lines += [f"# HELP {name} {help}", f"# TYPE {name} gauge", *_sample_lines(name, samples)]
    return "\n".join(lines)


Samples = Sequence[tuple[Mapping[str, str], float]]
"""Values with their labels. An `info` says something by its labels, and its value is always 1."""


def _sample_lines(name: str, samples: Samples) -> Iterator[str]:
    for labels, value in samples:
        texts = {
            label: harmless(text).replace("\\", "\\\\").replace('"', '\\"') for label, text in labels.items()
        }
        written = ",".join(f'{label}="{text}"' for label, text in texts.items() if text)
        number = str(value) if isinstance(value, int) else f"{value:.3f}"
        yield f"{name}{f'{{{written}}}' if written else ''} {number}"


def _families(statuses: Sequence[TargetStatus], now: float) -> Iterator[tuple[str, str, str, Samples]]:
    """Yield name, type, help and samples of every family of which there is something to say."""
    yield "reconciler_build", "info", "The version that looked.", [({"version": __version__}, 1)]
    help = "When this was found out, in seconds since 1970 UTC."
    yield "reconciler_status_timestamp_seconds", "gauge", help, [({}, now)]
    known = [one for one in statuses if one.account or one.tenant]
    if known:
        labels = [{"target": one.target, "account": one.account, "tenant": one.tenant} for one in known]
        help = "What a target stands for."
        yield "reconciler_target", "info", help, [(some, 1) for some in labels]
    values = [(status.target, _gauges(status)) for status in statuses]
    for name, help in _HELP.items():
        some = [({"target": target}, found) for target, all in values if (found := all.get(name)) is not None]
        if some:
            yield f"reconciler_{name}", "gauge", help, some


def _gauges(status: TargetStatus) -> Mapping[str, float]:
    """Return every figure that is known by the name of its metric."""
    resources, seeds, journal = status.resources, status.seeds, status.journal
    values: dict[str, float | None] = {"up": int(not status.error), "journal_up": int(journal is not None)}
    if resources:
        values |= {f"{name}_resources": number for name, number in asdict(resources).items()}
    if seeds:
        values |= {
            **{
                f"{name}_seeds": getattr(seeds, name)
                for name in ("declared", "pending", "blocked", "in_doubt")
            },
            "pending_customers": seeds.customers_pending,
            "in_doubt_customers": seeds.customers_in_doubt,
        }
    values["in_doubt_changes"] = status.changes_in_doubt
    if journal:
        began = [float(run.began) for run, _ in journal.open_runs]
        values |= {"open_runs": len(began), "oldest_open_run_timestamp_seconds": min(began, default=None)}
        if last := journal.last_apply:
            values |= {
                "last_apply_run": last.number,
                "last_apply_exit_code": last.exit,
                "last_apply_timestamp_seconds": last.ended,
            }
    return {name: value for name, value in values.items() if value is not None}


_HELP = {
    "up": "Whether all that was asked of the APIs of the target was answered.",
    "journal_up": "Whether the journal of the target could be read.",
    "managed_resources": "Configurations that are declared on the target.",
    "unmanaged_resources": "Configurations that are live and declared nowhere.",
    "pending_resources": "Declared configurations that apply would create, change or delete.",
    "drifted_resources": "Declared configurations that were changed live since their last write.",
    "blocked_resources": "Declared configurations that apply would leave alone because a rule says no.",
    "declared_seeds": "Seeds that are declared on the target.",
    "pending_seeds": "Seeds of which apply would send something.",
    "blocked_seeds": "Seeds of which something is due although a rule says no, or that may have been sent by "
    "another sender.",
    "in_doubt_seeds": "Seeds with customers of whom it is unknown whether they were sent.",
    "pending_customers": "Customers that apply would send.",
    "in_doubt_customers": "Customers of whom it is unknown whether they were sent.",
    "in_doubt_changes": "Configurations that are not as declared, and whose last write has no known outcome.",
    "open_runs": "Runs that hold the target or its accounts.",
    "oldest_open_run_timestamp_seconds": "When the oldest of these runs began, in seconds since 1970 UTC.",
    "last_apply_run": "The number of the last apply that has ended.",
    "last_apply_exit_code": "Its exit code; left out of one that died.",
    "last_apply_timestamp_seconds": "When it ended, in seconds since 1970 UTC.",
}
