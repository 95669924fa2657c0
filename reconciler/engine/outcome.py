"""How each change of a run ended: exactly one of five ways, with all that a person needs to go on."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from msgspec import Struct, field

from reconciler.engine.kind import Body, Json
from reconciler.engine.plan import Action, Plan
from reconciler.errors import Exit


class Result(StrEnum):
    """The five ways in which a change can end."""

    APPLIED = "applied"
    FAILED = "failed"
    STALE = "stale"
    SKIPPED = "skipped"
    IN_DOUBT = "in doubt"


class Line(Struct, frozen=True):
    """A line of YAML to write. `where` names the mapping that takes it: `targets.production.defaults`."""

    where: str
    text: str


class Outcome(Struct, frozen=True):
    """The end of one change. `exit` is what this end alone would make the process say."""

    key: str
    action: Action | None
    result: Result
    reason: str = ""
    warnings: tuple[str, ...] = ()
    lines: tuple[Line, ...] = ()
    id: int | None = None
    exit: Exit = Exit.DONE
    body: Body | None = None
    """The whole body as it was read back, where it was."""
    learned: Mapping[str, Json] = field(default_factory=dict)
    """What its resets were seen to leave behind: path → value in compared form."""


class Report(Struct, frozen=True):
    """All outcomes of a run on one target, in the order of the plan."""

    plan: Plan
    outcomes: tuple[Outcome, ...]
    notes: tuple[str, ...] = ()

    def count(self, result: Result) -> int:
        """Return how many changes ended so."""
        return sum(outcome.result is result for outcome in self.outcomes)

    @property
    def exit(self) -> Exit:
        """The gravest of all ends; some applied beside some that went wrong is partly applied."""
        exits = [outcome.exit for outcome in self.outcomes]
        went_wrong = any(e in (Exit.ERROR, Exit.UNAVAILABLE) for e in exits)
        partly = [Exit.PARTLY] if went_wrong and self.count(Result.APPLIED) else []
        return Exit.gravest([*exits, *partly])
