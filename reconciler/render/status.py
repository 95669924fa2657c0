"""How targets stand: the figures of `status`, as a table for people and as a document.

A figure that nobody could find out is `None`, and is left out or shown as a dash; it is never zero.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from msgspec import Struct
from msgspec.structs import asdict

from reconciler import __version__
from reconciler.errors import Exit
from reconciler.journal.entries import Run
from reconciler.render.values import FORMAT_VERSION, PLAIN, Paint, counted, harmless

DIED = "died"
"""The outcome of a run that never said how it ended, and was ended by somebody else."""

_HEADINGS = (
    *("target", "managed", "drifted", "blocked", "unmanaged"),
    *("seeds pending", "customers in doubt", "changes in doubt", "last apply"),
)
_UNKNOWN = "–"


class ResourceFigures(Struct, frozen=True):
    """How many configurations of a target stand how; one that is not as declared is drifted or blocked."""

    managed: int
    """Declared on the target; not those that are declared `absent`."""
    unmanaged: int
    """Live, and declared nowhere."""
    drifted: int
    """Declared, and apply would create, change or delete it; whoever brought the difference about."""
    blocked: int
    """Declared, and apply would leave it alone, differing or not to be identified, for a rule says no."""


class SeedFigures(Struct, frozen=True):
    """How many seeds of a target, and customers of them, stand how."""

    declared: int
    pending: int
    """Apply would send something of it."""
    blocked: int
    """Something of it is due, and a rule says no; or somebody else may have sent it."""
    in_doubt: int
    """Of some of its customers nobody knows whether they were sent."""
    customers_pending: int
    customers_in_doubt: int


class OpenRun(Struct, frozen=True):
    """A run that holds the account; `is_dead` where its process is provably gone."""

    run: Run
    is_dead: bool


class JournalFigures(Struct, frozen=True):
    """What the journal says of a target."""

    last_apply: Run | None = None
    """The latest `apply` on the target that has ended, in whatever way; `None` if there was none."""
    open_runs: tuple[OpenRun, ...] = ()
    """The runs, of any command, that hold the target or its accounts."""

    @property
    def open(self) -> int:
        """How many of them there are."""
        return len(self.open_runs)

    @property
    def oldest_began(self) -> float | None:
        """When the oldest of them began, in seconds since 1970 UTC; `None` where there is none."""
        return min((one.run.began for one in self.open_runs), default=None)


class TargetStatus(Struct, frozen=True):
    """How a target stands. What is `None` could not be found out, and `error` or `journal_error` says why."""

    target: str
    account: str = ""
    tenant: str = ""
    resources: ResourceFigures | None = None
    seeds: SeedFigures | None = None
    changes_in_doubt: int | None = None
    """Resources that are not as declared, and of which nobody knows whether their last write was carried out.

    It takes the journal and the account to tell: a write in doubt of what is as declared now needs nobody.
    What a run that lives is just writing does not count.
    """
    journal: JournalFigures | None = None
    error: str = ""
    """Why the target could not be asked, or not the whole of it."""
    journal_error: str = ""
    exit: Exit = Exit.DONE

    @property
    def is_up(self) -> bool:
        """Whether everything that was asked of its APIs was answered."""
        return not self.error

    @property
    def is_journal_up(self) -> bool:
        """Whether the journal was read."""
        return self.journal is not None

    @property
    def is_pending(self) -> bool:
        """Whether something on it is known not to be as declared, or due to be sent."""
        resources, seeds = self.resources, self.seeds
        return bool(resources and (resources.drifted or resources.blocked)) or bool(seeds and seeds.pending)


def outcome_of(run: Run) -> str:
    """Return how an ended run ended, in one word: the name of its exit code, or that it died."""
    if run.exit is None:
        return DIED
    return Exit(run.exit).name.lower() if run.exit in set(Exit) else f"exit_{run.exit}"


def status_text(statuses: Sequence[TargetStatus], now: float, *, paint: Paint = PLAIN) -> str:
    """Return one row a target, then what is wrong with any of them, then a line over all."""
    blocks = [_table(statuses, paint), "\n".join(_remarks(statuses, now, paint)), _summary(statuses, paint)]
    return "\n\n".join(block for block in blocks if block)


def _table(statuses: Sequence[TargetStatus], paint: Paint) -> str:
    rows = [_HEADINGS, *(_row(status) for status in statuses)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADINGS))]
    lines = [_line(row, widths) for row in rows]
    return "\n".join([paint.strong(lines[0]), *lines[1:]])


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    """Return a row with its names on the left and its figures on the right of their columns."""
    first, *figures, last = row
    between = [f"{cell:>{width}}" for cell, width in zip(figures, widths[1:-1], strict=True)]
    return "  ".join([f"{first:<{widths[0]}}", *between, last]).rstrip()


def _row(status: TargetStatus) -> tuple[str, ...]:
    figures = (
        *(_figure(status.resources, name) for name in ("managed", "drifted", "blocked", "unmanaged")),
        *(_figure(status.seeds, name) for name in ("pending", "customers_in_doubt")),
        _figure(status, "changes_in_doubt"),
    )
    return (harmless(status.target), *figures, _last_apply(status.journal))


def _figure(figures: object, name: str) -> str:
    number = getattr(figures, name, None)
    return _UNKNOWN if number is None else str(number)


def _last_apply(journal: JournalFigures | None) -> str:
    if journal is None:
        return _UNKNOWN
    run = journal.last_apply
    if run is None or run.ended is None:
        return "never"
    return f"{_utc(run.ended):%Y-%m-%d %H:%M} UTC, run {run.number}: {outcome_of(run).replace('_', ' ')}"


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
        for one in status.journal.open_runs if status.journal else ():
            yield f"{paint.doubt('?')} {name}: {_open(one, now)}"


def _open(one: OpenRun, now: float) -> str:
    run, age = one.run, max(0, round(now - one.run.latest))
    state = "died, and the next run will end it" if one.is_dead else f"last heard of {age} s ago"
    return f"run {run.number} ({harmless(run.start.command)}) holds the account, {state}"


def _summary(statuses: Sequence[TargetStatus], paint: Paint) -> str:
    found = [status.resources for status in statuses if status.resources]
    seeds = [status.seeds for status in statuses if status.seeds]
    down = sum(not status.is_up for status in statuses)
    changes = sum(status.changes_in_doubt or 0 for status in statuses)
    return paint.strong(
        f"Status of {counted(len(statuses), 'target')} ({down} in error): "
        f"{sum(one.managed for one in found)} managed, {sum(one.drifted for one in found)} drifted, "
        f"{sum(one.blocked for one in found)} blocked, {sum(one.unmanaged for one in found)} unmanaged; "
        f"{counted(sum(one.pending for one in seeds), 'seed')} pending; "
        f"{counted(sum(one.customers_in_doubt for one in seeds), 'customer')} and "
        f"{counted(changes, 'change')} in doubt."
    )


def status_document(statuses: Sequence[TargetStatus], now: float) -> dict[str, Any]:
    """Return the same as a document, as `planfile.format.StatusDocument` says."""
    return {
        "format_version": FORMAT_VERSION,
        "at": _iso(now),
        "targets": [_target(status) for status in statuses],
        "exit_code": int(Exit.gravest(status.exit for status in statuses)),
    }


def _target(status: TargetStatus) -> dict[str, Any]:
    return {
        "target": status.target,
        "account": status.account or None,
        "tenant": status.tenant or None,
        "up": status.is_up,
        "exit_code": int(status.exit),
        "error": status.error or None,
        "resources": _figures(status.resources),
        "seeds": _figures(status.seeds),
        "changes_in_doubt": status.changes_in_doubt,
        "journal": _journal(status.journal) if status.journal else None,
        "journal_error": status.journal_error or None,
    }


def _figures(figures: ResourceFigures | SeedFigures | None) -> dict[str, int] | None:
    return asdict(figures) if figures else None


def _journal(journal: JournalFigures) -> dict[str, Any]:
    return {
        "last_apply": _ended(journal.last_apply) if journal.last_apply else None,
        "open_runs": [_held(one) for one in journal.open_runs],
    }


def _ended(run: Run) -> dict[str, Any]:
    return {
        "run": run.number,
        "began": _iso(run.began),
        "ended": None if run.ended is None else _iso(run.ended),
        "outcome": outcome_of(run),
        "exit_code": run.exit,
    }


def _held(one: OpenRun) -> dict[str, Any]:
    run = one.run
    return {
        "run": run.number,
        "command": run.start.command,
        "began": _iso(run.began),
        "latest": _iso(run.latest),
        "died": one.is_dead,
    }


def _iso(at: float) -> str:
    return _utc(at).isoformat(timespec="milliseconds")


def _utc(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)


Labels = Mapping[str, str]
Sample = tuple[Labels, float]

_PREFIX = "reconciler"
_SECONDS = "seconds"


class Family(Struct, frozen=True):
    """Samples of one meaning. An `info` says something by its labels, and its value is always 1."""

    name: str
    help: str
    samples: Sequence[Sample]
    type: str = "gauge"

    @property
    def unit(self) -> str:
        """The unit, which a name has to end with; empty where it has none."""
        return _SECONDS if self.name.endswith(f"_{_SECONDS}") else ""

    @property
    def sample_name(self) -> str:
        """What its samples are called."""
        return f"{self.name}_info" if self.type == "info" else self.name


def openmetrics(statuses: Sequence[TargetStatus], now: float) -> str:
    """Return the figures in the text format of OpenMetrics 1.0, without the line break at its end."""
    lines = (line for family in _families(statuses, now) for line in _openmetrics_lines(family))
    return "\n".join([*lines, "# EOF"])


def prometheus(statuses: Sequence[TargetStatus], now: float) -> str:
    """Return the figures in the text format 0.0.4 of Prometheus, without the line break at its end."""
    return "\n".join(line for family in _families(statuses, now) for line in _prometheus_lines(family))


def _openmetrics_lines(family: Family) -> Iterator[str]:
    yield f"# TYPE {family.name} {family.type}"
    if family.unit:
        yield f"# UNIT {family.name} {family.unit}"
    yield f"# HELP {family.name} {family.help}"
    yield from _sample_lines(family)


def _prometheus_lines(family: Family) -> Iterator[str]:
    yield f"# HELP {family.sample_name} {family.help}"
    yield f"# TYPE {family.sample_name} gauge"
    yield from _sample_lines(family)


def _sample_lines(family: Family) -> Iterator[str]:
    for labels, value in family.samples:
        written = ",".join(f'{name}="{_escaped(text)}"' for name, text in labels.items() if text)
        number = str(value) if isinstance(value, int) else f"{value:.3f}"
        yield f"{family.sample_name}{f'{{{written}}}' if written else ''} {number}"


def _escaped(text: str) -> str:
    """Return a label's value as both formats write it, and harmless where a person or a runner reads it."""
    return harmless(text).replace("\\", "\\\\").replace('"', '\\"')


def _families(statuses: Sequence[TargetStatus], now: float) -> Iterator[Family]:
    """Yield every family of which there is something to say."""
    every = [
        Family(f"{_PREFIX}_build", "The version that looked.", [({"version": __version__}, 1)], "info"),
        Family(
            f"{_PREFIX}_status_timestamp_seconds",
            "When this was found out, in seconds since 1970 UTC.",
            [({}, now)],
        ),
        Family(f"{_PREFIX}_target", "What a target stands for.", [*_identities(statuses)], "info"),
        *(
            Family(f"{_PREFIX}_{name}", help, [*_samples(statuses, path)])
            for name, (help, path) in _GAUGES.items()
        ),
    ]
    yield from (family for family in every if family.samples)


def _identities(statuses: Iterable[TargetStatus]) -> Iterator[Sample]:
    for one in statuses:
        if one.account or one.tenant:
            yield {"target": one.target, "account": one.account, "tenant": one.tenant}, 1


def _samples(statuses: Iterable[TargetStatus], path: str) -> Iterator[Sample]:
    for status in statuses:
        value: Any = status
        for member in path.split("."):
            value = None if value is None else getattr(value, member)
        if value is not None:
            yield {"target": status.target}, float(value) if isinstance(value, float) else int(value)


_GAUGES: Mapping[str, tuple[str, str]] = {
    "up": ("Whether all that was asked of the APIs of the target was answered.", "is_up"),
    "journal_up": ("Whether the journal of the target could be read.", "is_journal_up"),
    "managed_resources": ("Configurations that are declared on the target.", "resources.managed"),
    "unmanaged_resources": ("Configurations that are live and declared nowhere.", "resources.unmanaged"),
    "drifted_resources": (
        "Declared configurations that apply would create, change or delete.",
        "resources.drifted",
    ),
    "blocked_resources": (
        "Declared configurations that apply would leave alone because a rule says no.",
        "resources.blocked",
    ),
    "declared_seeds": ("Seeds that are declared on the target.", "seeds.declared"),
    "pending_seeds": ("Seeds of which apply would send something.", "seeds.pending"),
    "blocked_seeds": (
        "Seeds of which something is due although a rule says no, or that somebody else may have sent.",
        "seeds.blocked",
    ),
    "in_doubt_seeds": (
        "Seeds with customers of whom nobody knows whether they were sent.",
        "seeds.in_doubt",
    ),
    "pending_customers": ("Customers that apply would send.", "seeds.customers_pending"),
    "in_doubt_customers": (
        "Customers of whom nobody knows whether they were sent.",
        "seeds.customers_in_doubt",
    ),
    "in_doubt_changes": (
        "Configurations that are not as declared after a last write of which nobody knows the end.",
        "changes_in_doubt",
    ),
    "open_runs": ("Runs that hold the target or its accounts.", "journal.open"),
    "oldest_open_run_timestamp_seconds": (
        "When the oldest of these runs began, in seconds since 1970 UTC.",
        "journal.oldest_began",
    ),
    "last_apply_run": ("The number of the last apply that has ended.", "journal.last_apply.number"),
    "last_apply_exit_code": (
        "Its exit code; left out of one that died.",
        "journal.last_apply.exit",
    ),
    "last_apply_timestamp_seconds": (
        "When it ended, in seconds since 1970 UTC.",
        "journal.last_apply.ended",
    ),
}
"""Name → what it means, and where a status holds it; what is unknown there is left out."""
