"""The documents of `plan`, `apply`, `status`, `check`, … as models: schemas, and what files are held to.

They are strict: nothing is converted, nothing unknown is let through. What a document says grows only with
`FORMAT_VERSION`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, create_model

from reconciler.config.validation import DIALECT, SCHEMA_ID
from reconciler.engine.change import Action
from reconciler.engine.classify import DefaultSource, Drift, FieldClass
from reconciler.engine.kind import Certainty
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


def _described(name: str, description: str, /, **members: Any) -> Any:
    """Return the model of a document or of a part: a member is its type, or that and what it means.

    One that was added later has what it stands for where an earlier version wrote none.
    """
    fields: dict[str, Any] = {
        member: (form[0], Field(*form[2:], description=form[1])) if isinstance(form, tuple) else (form, ...)
        for member, form in members.items()
    }
    return create_model(name, __base__=_Part, __doc__=description, **fields)


AcceptedPart: Any = _described(
    "AcceptedPart",
    "Why the field is left as it is for a while, and what it would become without that.",
    until=Day,
    reason=str,
    wanted=JsonValue,
)
FieldPart: Any = _described(
    "FieldPart",
    "One field of a change: what is live, what is to come, and why.",
    path=str,
    cls=Annotated[FieldClass, Field(alias="class", strict=False)],
    before=JsonValue,
    after=JsonValue,
    differs=bool,
    default_source=Annotated[DefaultSource, Field(strict=False)] | None,
    level=str | None,
    file=str | None,
    line=Line | None,
    drift=(
        Annotated[Drift, Field(strict=False)] | None,
        "Who brought about the difference since the last run; null where nothing is said.",
    ),
    accepted=AcceptedPart | None,
)
EffectPart: Any = _described(
    "EffectPart",
    "What a change does to people, by a rule of the vendor.",
    name=(str, "What limits.effects, accept_effects and --allow-effect call it."),
    text=str,
    direction=Literal["sooner", "later", "more", "fewer", "other"],
    fields=list[str],
    certainty=Annotated[Certainty, Field(strict=False)],
    before=(str | None, "When it happens as things are, of an import at the moment of the plan."),
    after=(str | None, "The same once the change is applied; both in the workspace's time zone."),
    refused=(bool, "Whether the target refuses it until somebody consents to it by its name."),
    accepted=(bool, "Whether accept_effects: in the files is that consent."),
)
ChangePart: Any = _described(
    "ChangePart",
    "One change of one resource.",
    key=str,
    action=Annotated[Action, Field(strict=False)],
    id=int | None,
    name=str | None,
    adopted=bool,
    digest=Digest,
    caused=Caused,
    fields=list[FieldPart],
    effects=(list[EffectPart], "What it does to people.", ()),
)
_REASON: dict[str, Any] = {"code": str, "message": str}
ReasonPart: Any = _described("ReasonPart", "Why something is left alone.", **_REASON)
FieldsReasonPart: Any = _described(
    "FieldsReasonPart",
    "Why a resource is left alone, and which fields are meant.",
    **_REASON,
    fields=list[str],
)
BlockedPart: Any = _described(
    "BlockedPart",
    "A resource that apply leaves alone, and the change that it would be, as far as that is known.",
    key=str,
    caused=Caused,
    reasons=list[FieldsReasonPart],
    change=ChangePart | None,
)
UnchangedPart: Any = _described(
    "UnchangedPart",
    "A resource that is as declared.",
    key=str,
    id=int | None,
    adopted=bool,
    hidden=bool,
    fields=(list[FieldPart], "Those that are accepted, or kept and no longer declared."),
)
UnmanagedPart: Any = _described("UnmanagedPart", "What is live and declared nowhere.", id=int, name=str)
StatesPart: Any = _described(
    "StatesPart",
    "How many customers of a seed stand how.",
    **dict.fromkeys(("pending", "changed", "sent", "found", "in_doubt"), Count),
)
ChangedPathPart: Any = _described(
    "ChangedPathPart",
    "A path of the files at which customers differ from what they were sent, and how many do.\n\n"
    "Null is for those of whom the journal does not say where: an older version sent them.",
    path=str | None,
    customers=Count,
    sent_again=Count,
)
SeedPart: Any = _described(
    "SeedPart",
    "A declared test batch. Its digest is over the whole of it, and holds however much of it was sent.",
    key=str,
    digest=Digest,
    caused=Caused,
    round=str,
    send=Literal["once", "on_change", "by_hand"],
    states=StatesPart,
    to_send=Count,
    changes=list[ChangedPathPart],
    file=str,
    line=Line,
    reasons=list[ReasonPart],
    notes=list[str],
)
ProblemPart: Any = _described(
    "ProblemPart",
    "Something in the files that a person should look at.",
    code=str,
    severity=Annotated[Severity, Field(strict=False)],
    file=str,
    line=Line,
    column=Line,
    key=str,
    message=str,
    hint=str,
)
LimitsPart: Any = _described(
    "LimitsPart",
    "The guardrails in force; null is no limit, a share is written like 30%.",
    resets=Count | None,
    deletes=Count | None,
    updates=Count | Annotated[str, Field(pattern="^[0-9]{1,3}%$")] | None,
    refused_effects=(list[str], "What a change must not do to people without consent.", ()),
)
SelectionPart: Any = _described(
    "SelectionPart", "The globs of --only and --exclude.", only=list[str], exclude=list[str]
)
SummaryPart: Any = _described(
    "SummaryPart",
    "The figures of the summary line.",
    **dict.fromkeys(("create", "update", "reset_fields", "resets_by_policy", "delete", "blocked"), Count),
    **dict.fromkeys(("unchanged", "unmanaged", "seeds_to_send", "customers_to_send"), Count),
    **dict.fromkeys(("seeds_blocked", "customers_blocked"), Count),
)
SincePart: Any = _described(
    "SincePart",
    "What the plan was split by: the files as they stood at a commit.",
    ref=str,
    commit=str,
    loosened=(
        list[ProblemPart],
        "The guardrails that allow more than then: key is the setting, message its value.",
    ),
    note=str,
)
PlanDocument: Any = _described(
    "PlanDocument",
    "A plan of one target, as `plan --out` writes it and `plan --format json` prints it.\n\n"
    "The fingerprint is the SHA-256 of the sorted digests of all changes, and of all seeds without reasons.",
    format_version=Literal[1],
    target=str,
    account=str,
    tenant=(str | None, "The tenant of the seeds; null where there are none."),
    explicit_empties=(bool, "Whether the account had shown a false or 0, so that these are not nothing."),
    limits=LimitsPart,
    selection=(
        list[SelectionPart],
        "What of the files it is about: what is in all of these; all of it where none is.",
    ),
    restores=(Line | None, "The run that it takes back; null for a plan of what the files declare.", None),
    remarks=(list[str], "What a person should know of a way back.", ()),
    fingerprint=Digest,
    summary=SummaryPart,
    since=SincePart | None,
    changes=list[ChangePart],
    blocked=list[BlockedPart],
    unchanged=list[UnchangedPart],
    unmanaged=list[UnmanagedPart],
    seeds=list[SeedPart],
    seeds_trouble=str | None,
    problems=list[ProblemPart],
    checksum=(Digest, "The SHA-256 of the canonical JSON of all other members: sorted, without blanks."),
)
ResultsPart: Any = _described(
    "ResultsPart",
    "How many changes ended how.",
    **dict.fromkeys(("applied", "failed", "stale", "skipped", "in_doubt"), Count),
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
    seeds_blocked=(Count, "Seeds of which something is kept back, by a rule or as another may have sent it."),
    customers_blocked=(Count, "How many customers of them."),
    exit_code=ExitCode,
    run=(Line | None, "The number in the journal of the run that wrote; null where nothing was to be done."),
    sent=list[SentPart],
    outcomes=list[OutcomePart],
    ids_written=list[IdPart],
    notes=list[str],
)
_END: dict[str, Any] = {"target": str, "exit_code": ExitCode, "error": str | None, "note": str}
PlannedPart: Any = _described(
    "PlannedPart", "The plan of one of several targets.", **_END, plan=PlanDocument | None
)
ReportedPart: Any = _described(
    "ReportedPart", "The report of one of several targets.", **_END, report=ReportDocument | None
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
    pending=(Count, "Declared; apply would create, change or delete it; nothing shows a change made live."),
    drifted=(Count, "Declared; changed live since its last write, and apply would change it back."),
    blocked=(Count, "Declared; apply would leave it alone, for a rule says no."),
)
SeedFiguresPart: Any = _described(
    "SeedFiguresPart",
    "How many seeds, and customers of them, stand how.",
    declared=Count,
    pending=(Count, "Apply would send something of it."),
    blocked=(Count, "Something of it is due, and a rule says no or another sender may have sent it."),
    in_doubt=(Count, "It is unknown of some of its customers whether they were sent."),
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
    changes_in_doubt=(Count | None, "Not as declared, and the outcome of the last write is unknown."),
    journal=JournalPart | None,
    journal_error=str | None,
)
StatusDocument: Any = _described(
    "StatusDocument",
    "How targets stand, as `status --format json` prints it.",
    format_version=Literal[1],
    at=(Moment, "When this was found out."),
    targets=list[TargetStatusPart],
    problems=(list[ProblemPart], "The warnings about the files."),
    exit_code=ExitCode,
)
Sure = Literal["documented", "inferred", "unknown"]
RuleFieldsPart: Any = _described(
    "RuleFieldsPart",
    "What the files declare of contact files, by the names of fields; null for what is left to the account.",
    column_mappings=(dict[str, str] | None, "The number of a column, and the member that it fills."),
    first_row=int | None,
    field_delimiter=str | None,
    row_delimiter=str | None,
    date_format=str | None,
    default_language_code=str | None,
    email_is_required=bool | None,
    email_must_be_unique_within_file=bool | None,
)
RowResultPart: Any = _described(
    "RowResultPart",
    "What an import is predicted to answer to rows of the file, by code and column.",
    code=(str, "The vendor's, like R0308, or one of this tool in words, like too-long."),
    meaning=str,
    refuses=(bool, "Whether such a contact may be left out: it counts as refused."),
    certainty=Sure,
    column=(Count, "Counts from 1; 0 for the whole row."),
    member=(str, "The member of a contact that the column fills."),
    count=Count,
    rows=(list[Line], "The first of them, as a spreadsheet counts: from 1, with the header."),
    shapes=(list[str], "The most common shapes of the cells; no content of any."),
)
CheckDocument: Any = _described(
    "CheckDocument",
    "What an import would make of a file of contacts, as `check --format json` prints it.",
    format_version=Literal[1],
    file=(str, "Its path, or its name alone where it lies outside of the repository."),
    key=str,
    target=str,
    declared=RuleFieldsPart,
    dialect=(str, "How the file is written, in words."),
    rows=(Count, "Rows of contacts."),
    refused=(Count, "Rows with at least one result that refuses."),
    allowed_refused=(str, "How many of them --allow-refused lets pass: a number, or a share like 0.5%."),
    problems=(list[ProblemPart], "Of the file; with an error it does not fit the configuration."),
    results=list[RowResultPart],
    unknown=(list[str], "What cannot be known without the account."),
    exit_code=ExitCode,
)
Local = Annotated[str, Field(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}[+-][0-9]{2}:[0-9]{2}$")]
WindowPart: Any = _described(
    "WindowPart",
    "A moment, and what the facts allow, in the time zone; null where it never comes or is not known.",
    expected=Local | None,
    earliest=Local | None,
    latest=Local | None,
    certainty=Sure,
)
PeoplePart: Any = _described(
    "PeoplePart",
    "How many people it is about.",
    rows=(Count, "Rows that are imported, or customers."),
    refused=(Count | None, "Those of a file that may be left out; null where no file was checked."),
)
StatementPart: Any = _described("StatementPart", "What should be known of it.", text=str, certainty=Sure)
ForecastDocument: Any = _described(
    "ForecastDocument",
    "When people are mailed by an import or a test batch, as `forecast --format json` prints it.",
    format_version=Literal[1],
    key=str,
    target=str,
    time_zone=str,
    when=(Local, "When it is imported or sent."),
    invited=WindowPart,
    lapses=WindowPart,
    seconds_to_answer=(int | None, "Between both as expected; negative where it lapses before mail leaves."),
    people=PeoplePart | None,
    statements=list[StatementPart],
)
DOCUMENTS: Mapping[str, type[BaseModel]] = {
    "plan": PlanDocument,
    "plans": PlansDocument,
    "report": ReportDocument,
    "reports": ReportsDocument,
    "status": StatusDocument,
    "check": CheckDocument,
    "forecast": ForecastDocument,
}
"""Kind → the model of such a document."""


def schema_of(kind: str) -> dict[str, Any]:
    """Return the JSON Schema of a kind of document, in draft 2020-12."""
    return {"$schema": DIALECT, "$id": f"{SCHEMA_ID}{kind}", **DOCUMENTS[kind].model_json_schema()}
