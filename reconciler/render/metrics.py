"""The figures of `status` for a monitoring system, in the two text formats that such systems read.

OpenMetrics 1.0 is what a scraper asks for. The older text format of Prometheus, version 0.0.4, is what the
textfile collector of node_exporter reads: it knows no `info`, and refuses a whole file for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct

from reconciler import __version__
from reconciler.render.status import TargetStatus
from reconciler.render.values import harmless

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
