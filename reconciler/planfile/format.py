"""The documents of `plan`, `apply` and `status` as models: schemas come from them, files are held to them.

They are strict: nothing is converted, nothing unknown is let through. What a document says grows only with
`FORMAT_VERSION`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, create_model

from reconciler.config.validation import DIALECT
from reconciler.engine.change import Action
from reconciler.engine.classify import DefaultSource, Drift, FieldClass
from reconciler.engine.kind import Globs
from reconciler.problems import Severity

Digest = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Count = Annotated[int, Field(ge=0)]
Line = Annotated[int, Field(ge=1)]
ExitCode = Annotated[int, Field(ge=0, le=7)]
Day = Annotated[str, Field(pattern="^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]
Moment = Annotated[str, Field(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{12}\+00:00$")]
Caused = Annotated[
    bool | None,
    Field(description="Whether the change of the files since REF causes it; null without --since."),
]


class _Part(BaseModel):
    model_config = ConfigDict(
        strict=True, extra="forbid", frozen=True, hide_input_in_errors=True, defer_build=True
    )


class AcceptedPart(_Part):
    """Why the field is left as it is for a while, and what it would become without that."""

    until: Day
    reason: str
    wanted: JsonValue


class FieldPart(_Part):
    """One field of a change: what is live, what is to come, and why."""

    path: str
    cls: Annotated[FieldClass, Field(alias="class", strict=False)]
    before: JsonValue
    after: JsonValue
    differs: bool
    default_source: Annotated[DefaultSource, Field(strict=False)] | None
    level: str | None
    file: str | None
    line: Line | None
    drift: Annotated[
        Annotated[Drift, Field(strict=False)] | None,
        Field(description="Who brought about the difference since the last run; null where nothing is said."),
    ]
    accepted: AcceptedPart | None


class ChangePart(_Part):
    """One change of one resource."""

    key: str
    action: Annotated[Action, Field(strict=False)]
    id: int | None
    name: str | None
    adopted: bool
    digest: Digest
    caused: Caused
    fields: list[FieldPart]


class ReasonPart(_Part):
    """Why something is left alone."""

    code: str
    message: str


class FieldsReasonPart(ReasonPart):
    """Why a resource is left alone, and which fields are meant."""

    fields: list[str]


class BlockedPart(_Part):
    """A resource that apply leaves alone, and the change that it would be, as far as that is known."""

    key: str
    caused: Caused
    reasons: list[FieldsReasonPart]
    change: ChangePart | None


class UnchangedPart(_Part):
    """A resource that is as declared."""

    key: str
    id: int | None
    adopted: bool
    hidden: bool
    fields: Annotated[
        list[FieldPart], Field(description="Those that are accepted, or kept and no longer declared.")
    ]


class UnmanagedPart(_Part):
    """What is live and declared nowhere."""

    id: int
    name: str


class StatesPart(_Part):
    """How many customers of a seed stand how."""

    pending: Count
    changed: Count
    sent: Count
    found: Count
    in_doubt: Count


class ChangedPathPart(_Part):
    """A path of the files at which customers differ from what they were sent, and how many do.

    Null is for those of whom the journal does not say where: an older version sent them.
    """

    path: str | None
    customers: Count
    sent_again: Count


class SeedPart(_Part):
    """A declared test batch. Its digest is over the whole of it, and holds however much of it was sent."""

    key: str
    digest: Digest
    caused: Caused
    round: str
    send: Literal["once", "on_change", "by_hand"]
    states: StatesPart
    to_send: Count
    changes: list[ChangedPathPart]
    file: str
    line: Line
    reasons: list[ReasonPart]
    notes: list[str]


class ProblemPart(_Part):
    """Something in the files that a person should look at."""

    code: str
    severity: Annotated[Severity, Field(strict=False)]
    file: str
    line: Line
    column: Line
    key: str
    message: str
    hint: str


class LimitsPart(_Part):
    """The guardrails in force; null is no limit, a share is written like 30%."""

    resets: Count | None
    deletes: Count | None
    updates: Count | Annotated[str, Field(pattern="^[0-9]{1,3}%$")] | None


class SelectionPart(_Part):
    """The globs of --only and --exclude."""

    only: list[str]
    exclude: list[str]


class SummaryPart(_Part):
    """The figures of the summary line."""

    create: Count
    update: Count
    reset_fields: Count
    delete: Count
    blocked: Count
    unchanged: Count
    unmanaged: Count
    seeds_to_send: Count
    customers_to_send: Count


class SincePart(_Part):
    """What the plan was split by: the files as they stood at a commit."""

    ref: str
    commit: str
    loosened: Annotated[
        list[ProblemPart],
        Field(description="The guardrails that allow more than then: key is the setting, message its value."),
    ]
    note: str


class PlanDocument(_Part):
    """A plan of one target, as `plan --out` writes it and `plan --format json` prints it.

    The fingerprint is the SHA-256 of the sorted digests of all changes, and of all seeds without reasons.
    """

    format_version: Literal[1]
    target: str
    account: str
    tenant: Annotated[str | None, Field(description="The tenant of the seeds; null where there are none.")]
    explicit_empties: Annotated[
        bool, Field(description="Whether the account had shown a false or 0, so that these are not nothing.")
    ]
    limits: LimitsPart
    selection: Annotated[
        list[SelectionPart],
        Field(description="What of the files it is about: what is in all of these; all of it where none is."),
    ]
    fingerprint: Digest
    summary: SummaryPart
    since: SincePart | None
    changes: list[ChangePart]
    blocked: list[BlockedPart]
    unchanged: list[UnchangedPart]
    unmanaged: list[UnmanagedPart]
    seeds: list[SeedPart]
    seeds_trouble: str | None
    problems: list[ProblemPart]
    checksum: Annotated[
        Digest,
        Field(description="The SHA-256 of the canonical JSON of all other members: sorted, without blanks."),
    ]

    @property
    def parts(self) -> tuple[Globs, ...]:
        """The same selection, as plans have it."""
        return tuple(Globs(tuple(one.only), tuple(one.exclude)) for one in self.selection)

    @property
    def names(self) -> dict[str, str]:
        """The digest of all that this plan would do, and the key of each."""
        seeds = {seed.digest: seed.key for seed in self.seeds if not seed.reasons}
        return {**{change.digest: change.key for change in self.changes}, **seeds}


def _described(name: str, description: str, **members: Any) -> Any:
    """Return the model of a part of a report or a status; a member is its type, or that and what it means.

    These are only written, so nothing but their schema is asked for: no value of one is ever made.
    """
    fields: dict[str, Any] = {
        member: (form[0], Field(description=form[1])) if isinstance(form, tuple) else (form, ...)
        for member, form in members.items()
    }
    return create_model(name, __base__=_Part, __doc__=description, **fields)


ResultsPart: Any = _described(
    "ResultsPart",
    "How many changes ended how.",
    applied=Count,
    failed=Count,
    stale=Count,
    skipped=Count,
    in_doubt=Count,
)
SeedStatusPart: Any = _described(
    "SeedStatusPart",
    "What the tenant counts of a sent seed, by its own statuses; faults are null where unverified.",
    key=str,
    sent=Count,
    counted=Count,
    missing=(Count, "How many are not visible yet, at least."),
    by_status=dict[str, Count],
    in_no_status=Count,
    faults=Count | None,
    unknown_fault_statuses=list[str],
    arrived=bool,
)
SentPart: Any = _described(
    "SentPart",
    "How the sending of a seed ended, in customers.",
    key=str,
    sent=Count,
    refused=Count,
    found=(Count, "Not sent to: the journal does not explain who is there."),
    in_doubt=Count,
    notes=list[str],
    status=(SeedStatusPart | None, "Null where nothing was sent, or it could not be asked."),
)
LinePart: Any = _described("LinePart", "A line of YAML to write into the files.", where=str, text=str)
OutcomePart: Any = _described(
    "OutcomePart",
    "How one change ended.",
    key=str,
    action=Annotated[Action, Field(strict=False)] | None,
    id=int | None,
    result=Literal["applied", "failed", "stale", "skipped", "in_doubt"],
    reason=str,
    warnings=list[str],
    lines=list[LinePart],
)
IdPart: Any = _described("IdPart", "An id that was written into the files.", key=str, id=int)
ReportDocument: Any = _described(
    "ReportDocument",
    "A plan and how each part of it ended, as `apply --format json` prints it.",
    format_version=Literal[1],
    plan=PlanDocument,
    summary=ResultsPart,
    customers_sent=Count,
    customers_in_doubt=(Count, "By this run, or by one before it."),
    exit_code=ExitCode,
    sent=list[SentPart],
    outcomes=list[OutcomePart],
    ids_written=list[IdPart],
    notes=list[str],
)
PlannedPart: Any = _described(
    "PlannedPart",
    "The plan of one of several targets.",
    target=str,
    exit_code=ExitCode,
    error=str | None,
    note=str,
    plan=PlanDocument | None,
)
ReportedPart: Any = _described(
    "ReportedPart",
    "The report of one of several targets.",
    target=str,
    exit_code=ExitCode,
    error=str | None,
    note=str,
    report=ReportDocument | None,
)
PlansDocument: Any = _described(
    "PlansDocument",
    "The plans of several targets, as `plan --format json` prints them; the summary is over all.",
    format_version=Literal[1],
    targets=list[PlannedPart],
    summary=dict[str, Count],
    exit_code=ExitCode,
)
ReportsDocument: Any = _described(
    "ReportsDocument",
    "The reports of several targets, as `apply --format json` prints them; the summary is over all.",
    format_version=Literal[1],
    targets=list[ReportedPart],
    summary=dict[str, Count],
    customers_sent=Count,
    customers_in_doubt=Count,
    exit_code=ExitCode,
)
ResourceFiguresPart: Any = _described(
    "ResourceFiguresPart",
    "How many configurations stand how.",
    managed=(Count, "Declared on the target, and not as absent."),
    unmanaged=(Count, "Live, and declared nowhere."),
    drifted=(Count, "Declared; apply would create, change or delete it."),
    blocked=(Count, "Declared; apply would leave it alone, for a rule says no."),
)
SeedFiguresPart: Any = _described(
    "SeedFiguresPart",
    "How many seeds, and customers of them, stand how.",
    declared=Count,
    pending=(Count, "Apply would send something of it."),
    blocked=(Count, "Something of it is due and a rule says no, or somebody else may have sent it."),
    in_doubt=(Count, "Nobody knows of some of its customers if they were sent."),
    customers_pending=Count,
    customers_in_doubt=Count,
)
LastApplyPart: Any = _described(
    "LastApplyPart",
    "The latest apply on the target that has ended.",
    run=Line,
    began=Moment,
    ended=Moment,
    outcome=(str, "The name of the exit code, such as done; or died."),
    exit_code=(int | None, "Null for a run that died."),
)
OpenRunPart: Any = _described(
    "OpenRunPart",
    "A run that holds the target or one of its accounts.",
    run=Line,
    command=str,
    began=Moment,
    latest=(Moment, "When it last wrote anything down."),
    died=(bool, "Whether its process is provably gone."),
)
JournalPart: Any = _described(
    "JournalPart",
    "What the journal says of the target.",
    last_apply=(LastApplyPart | None, "Null where there was none yet."),
    open_runs=list[OpenRunPart],
)
TargetStatusPart: Any = _described(
    "TargetStatusPart",
    "How a target stands. A null could not be found out; error or journal_error says why.",
    target=str,
    account=str | None,
    tenant=str | None,
    up=(bool, "Whether all that was asked of its APIs was answered."),
    exit_code=ExitCode,
    error=str | None,
    resources=ResourceFiguresPart | None,
    seeds=SeedFiguresPart | None,
    changes_in_doubt=(
        Count | None,
        "Not as declared, and nobody knows whether the last write was carried out.",
    ),
    journal=JournalPart | None,
    journal_error=str | None,
)
StatusDocument: Any = _described(
    "StatusDocument",
    "How targets stand, as `status --format json` prints it.",
    format_version=Literal[1],
    at=(Moment, "When this was found out."),
    targets=list[TargetStatusPart],
    exit_code=ExitCode,
)
DOCUMENTS: Mapping[str, type[BaseModel]] = {
    "plan": PlanDocument,
    "plans": PlansDocument,
    "report": ReportDocument,
    "reports": ReportsDocument,
    "status": StatusDocument,
}
"""Kind → the model of such a document."""


def schema_of(kind: str) -> dict[str, Any]:
    """Return the JSON Schema of a kind of document, in draft 2020-12."""
    return {"$schema": DIALECT, **DOCUMENTS[kind].model_json_schema()}
