"""What every report is about: a plan, how it ended, or what stopped it, on one target or on several."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

from msgspec import Struct, field
from msgspec.structs import replace

from reconciler.engine.change import Action, Blocked, Change, Plan, Unchanged, fingerprint_of
from reconciler.engine.classify import FieldView
from reconciler.engine.outcome import Line, Outcome, Result
from reconciler.engine.plan import Review, Since
from reconciler.errors import Exit, ReconcilerError
from reconciler.expoints.planning import SeedsPlan
from reconciler.expoints.recipients import RecipientState, SeedPlan, SendResult
from reconciler.problems import Place, Problem, Severity
from reconciler.render.values import counted

_SHORT = 60  # a text that is no longer than this is said again where another one would refer to it


class TargetReport(Struct, frozen=True):
    """What is reported of one target: its plan, split by `since` if asked for, and how it ended if applied.

    For an apply, all that was not reviewed is marked in it, and `digests` are of what is carried out.
    """

    plan: Plan
    seeds: SeedsPlan = SeedsPlan()
    since: Since | None = None
    problems: Sequence[Problem] = ()
    exit: Exit = Exit.DONE
    places: Mapping[str, Place] = field(default_factory=dict)  # key → where it is declared
    digests: Sequence[str] = ()
    review: Review | None = None  # `None` where all of it is meant
    gone: str = ""  # what was reviewed and is not to be done any more, as a sentence
    trouble: ReconcilerError | None = None  # why the journal cannot be read: nothing is carried out
    is_applied: bool = False  # whether the plan was carried out; what follows is empty before
    run: int | None = None  # the number in the journal of the run that carried it out
    outcomes: Sequence[Outcome] = ()
    notes: Sequence[str] = ()
    sent: Sequence[SendResult] = ()
    ids_written: Mapping[str, int] = field(default_factory=dict)  # key → the id that the files have learned

    @property
    def target(self) -> str:
        """The target of the plan."""
        return self.plan.scope.target

    @property
    def fingerprint(self) -> str:
        """What binds a review to the whole of it."""
        return fingerprint_of([*self.plan.digests, *self.seeds.digests])

    @property
    def loosened(self) -> Sequence[Problem]:
        """The guardrails that allow more than in the files of before, where `since` was asked for."""
        return self.since.loosened if self.since else ()

    @property
    def seeds_trouble(self) -> str:
        """Why nothing can be sent at all; empty if nothing stands against it."""
        trouble = self.seeds.trouble
        return f"Seeds: nothing can be sent: {trouble}" if trouble is not None else ""

    @property
    def left(self) -> Sequence[Unchanged]:
        """The resources that nothing is done about, and of which a person should know all the same."""
        return [one for one in self.plan.unchanged if one.adopted or one.remarkable]

    def is_caused(self, one: Change | Blocked | SeedPlan) -> bool:
        """Tell whether the change of the files since `since` causes it; true where that was not asked for."""
        if self.since is None:
            return True
        return self.since.caused_block(one) if isinstance(one, Blocked) else self.since.caused(one.digest)

    @property
    def told_once(self) -> Sequence[Outcome]:
        """The outcomes for a reader: a long reason or warning of an earlier one refers to that one."""
        first = dict[str, str]()

        def told(text: str, one: Outcome) -> str:
            # A request to each has its own number in its path, which the line says anyway.
            known = first.setdefault(text.replace(f"/{one.id}:", ":"), one.key)
            return f"the same as {known}" if len(text) > _SHORT and known != one.key else text

        return [
            replace(
                one,
                reason=told(one.reason, one),
                warnings=tuple(told(warning, one) for warning in one.warnings),
            )
            for one in self.outcomes
        ]

    @property
    def summary(self) -> Counter[str]:
        """How many changes ended in each way; before they are carried out, what is planned."""
        if not self.is_applied:
            return self.plan_summary
        ends = [outcome.result for outcome in self.outcomes]
        return Counter({result.name.lower(): ends.count(result) for result in Result})

    @property
    def plan_summary(self) -> Counter[str]:
        """The figures of the plan's summary line, in the order of the JSON document."""
        plan, seeds = self.plan, self.seeds
        return Counter(
            create=plan.count(Action.CREATE),
            update=plan.count(Action.UPDATE),
            reset_fields=plan.resets,
            resets_by_policy=plan.resets_by_policy,
            delete=plan.count(Action.DELETE),
            blocked=len(plan.blocked),
            unchanged=len(plan.unchanged),
            unmanaged=len(plan.unmanaged),
            seeds_to_send=len(seeds.sending),
            customers_to_send=seeds.customers,
            seeds_blocked=len(self.seeds_blocked),
            customers_blocked=sum(self.seeds_blocked.values()),
        )

    @property
    def held(self) -> Sequence[SeedPlan]:
        """The seeds that nothing was sent of although a person should know of them: blocked, or in doubt."""
        tried = {end.key for end in self.sent}
        seeds = (seed for seed in self.seeds.seeds if seed.seed.key not in tried)
        return [seed for seed in seeds if seed.kept_back or seed.count(RecipientState.IN_DOUBT)]

    @property
    def seeds_blocked(self) -> Mapping[str, int]:
        """Each blocked seed → how many customers of it apply keeps away from: planned so, or found then."""
        kept = Counter({end.key: end.found for end in self.sent})
        kept.update({plan.seed.key: plan.kept_back for plan in self.seeds.seeds})
        return {key: number for key, number in kept.items() if number}

    @property
    def lines(self) -> Sequence[Line]:
        """The lines worth writing into the files, each once."""
        return [*dict.fromkeys(line for outcome in self.outcomes for line in outcome.lines)]

    @property
    def customers_sent(self) -> int:
        """How many customers this run sent."""
        return sum(end.sent for end in self.sent)

    @property
    def customers_in_doubt(self) -> int:
        """Of how many customers it is unknown whether they were sent: by this run, or one before."""
        before = sum(seed.count(RecipientState.IN_DOUBT) for seed in self.seeds.seeds)
        return before + sum(end.in_doubt for end in self.sent)

    @property
    def people(self) -> str:
        """What is done to people, with the number of changes that do; empty where none does anything.

        What is urgent comes first. Of an apply, what was applied counts; of a plan, what is blocked is apart.
        """
        done = {end.key for end in self.outcomes if end.result is Result.APPLIED}
        made = [one for one in self.plan.changes if not self.is_applied or one.key in done]
        blocked = [one.change for one in self.plan.blocked if one.change and not self.is_applied]
        texts = []
        for some, what in ((made, ""), (blocked, "blocked: ")):
            sums = Counter(
                key for one in some for key in {(e not in one.urgent, e.name) for e in one.effects}
            )
            ordered = sorted((is_later, -number, name) for (is_later, name), number in sums.items())
            named = [f"{name.replace('_', ' ')} ({-number})" for _, number, name in ordered]
            texts += [f"{what}{', '.join(named)}"] if named else []
        return f"{'; '.join(texts)}." if texts else ""

    @property
    def changes(self) -> Mapping[str, Change]:
        """Key → what was carried out; of what was blocked, the change that it would have been."""
        blocked = {one.key: one.change for one in self.plan.blocked if one.change}
        return blocked | {change.key: change for change in self.plan.changes}


class Stopped(Struct, frozen=True):
    """What stopped a command before there was a plan, or an end. `target` is empty where none was named."""

    verb: str
    target: str
    error: str
    exit: Exit
    problems: Sequence[Problem] = ()
    is_underway: bool = False  # whether it stands in the report only until the run has ended

    @classmethod
    def underway(cls, verb: str, target: str) -> Stopped:
        """Return what stands in a report until its run has ended."""
        text = (
            "This run has not ended: it is under way, or it was killed. This report is not the whole of it."
        )
        return cls(verb, target, text, Exit.ERROR, is_underway=True)


Reported: TypeAlias = TargetReport | Stopped


class TargetEnd(Struct, frozen=True):
    """How a run ended on one of several targets. Without a report, error or note says why there is none."""

    target: str
    exit: Exit
    report: TargetReport | None = None
    error: str = ""
    note: str = ""


def entry_of(plan: Plan) -> tuple[Change | Blocked | Unchanged | None, Sequence[FieldView]]:
    """Return what the plan of a single resource says of it, with its fields as far as they are known."""
    entries: Sequence[Change | Blocked | Unchanged] = (*plan.changes, *plan.blocked, *plan.unchanged)
    entry = next(iter(entries), None)
    one = entry.change if isinstance(entry, Blocked) else entry
    return entry, one.fields if one else ()


def in_order(reports: Sequence[Reported]) -> Sequence[Reported]:
    """Return reports in the order in which a person reads them: those first of which there is no plan."""
    return sorted(reports, key=lambda one: not isinstance(one, Stopped))


def problems_of(reports: Sequence[Reported]) -> list[Problem]:
    """Return what is to be shown on lines of the files, each once, whatever targets it was found for."""
    found = [problem for one in reports if isinstance(one, TargetReport) for problem in one.loosened]
    for one in reports:
        if isinstance(one, Stopped):
            continue
        places, where = one.places, f"on target {one.target}: "
        if one.is_applied:
            for end in one.outcomes:
                if end.result is not Result.APPLIED and end.key in places:
                    code = end.result.value.replace(" ", "-")
                    found.append(Problem(code, places[end.key], end.key, f"{where}{end.reason}"))
        else:
            for left in one.plan.blocked:
                severity = Severity.ERROR if one.is_caused(left) else Severity.WARNING
                found += [
                    Problem(b.code, places[left.key], left.key, f"{where}{b.message}", severity=severity)
                    for b in left.blocks
                    if left.key in places
                ]
            found += [
                Problem(
                    effect.name,
                    places[change.key],
                    change.key,
                    f"{where}{effect.text}",
                    severity=Severity.WARNING,
                )
                for change in one.plan.changes
                for effect in change.urgent
                if change.key in places and one.is_caused(change)
            ]
        for seed in one.seeds.seeds:
            for b in seed.blocks if seed.kept_back else ():
                found.append(Problem(b.code, seed.seed.place, seed.seed.key, f"{where}{b.message}"))
    # Last, for GitHub shows the first of a kind: warnings about the files may be many.
    found += [problem for one in reports for problem in one.problems]
    return [*dict.fromkeys(found)]


def summary_of(reports: Iterable[TargetReport]) -> Counter[str]:
    """Return the figures of all summaries together."""
    sums = Counter[str]()
    for one in reports:
        sums.update(one.summary)
    return sums


def summary_line(reports: Sequence[TargetReport], verb: str, title: str = "") -> str:
    """Return the last line of a plan or a report, or of several under a title. It is stable: scripts read it.

    `verb` is `plan`, or anything else for what was carried out; `reports` are of that alone.
    """
    sums = summary_of(reports)
    # Of how many customers in each seed: those that the tenant refused, and those that apply keeps away from.
    refused = [end.refused for one in reports for end in one.sent if end.refused]
    held = [number for one in reports for number in one.seeds_blocked.values()]
    kept_back = "".join(
        f", {counted(len(numbers), 'seed')} {what} ({counted(sum(numbers), 'customer')})"
        for what, numbers in (("refused", refused), ("blocked", held))
        if numbers
    )
    if verb == "plan":
        seeds = counted(sums["seeds_to_send"], "seed")
        return (
            f"{title or 'Plan'}: {sums['create']} to create, {sums['update']} to update "
            f"({counted(sums['reset_fields'], 'field')} reset), {sums['delete']} to delete, "
            f"{sums['blocked']} blocked, {sums['unchanged']} unchanged; "
            f"{seeds} to send ({counted(sums['customers_to_send'], 'customer')}){kept_back}."
        )
    blocked = sum(left.why == "blocked" for one in reports for left in one.plan.blocked)
    of_these = f" ({blocked} blocked)" if blocked else ""
    in_doubt = sum(one.customers_in_doubt for one in reports)
    return (
        f"{title or 'Applied'}: {sums['applied']} changed, {sums['failed']} failed, {sums['stale']} stale, "
        f"{sums['skipped']} skipped{of_these}, {sums['in_doubt']} in doubt; "
        f"{counted(sum(one.customers_sent for one in reports), 'customer')} sent"
        f"{f', {in_doubt} in doubt' if in_doubt else ''}{kept_back}."
    )


def across_summary(ends: Sequence[TargetEnd], verb: str) -> str:
    """Return the summary line of a `plan` or an `apply` over several targets."""
    errors = sum(bool(end.error) for end in ends)
    reports = [end.report for end in ends if end.report and end.report.is_applied is (verb != "plan")]
    return summary_line(reports, verb, f"Over {counted(len(ends), 'target')} ({errors} in error)")
