"""Plans and reports as JSON documents."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reconciler.engine.body import unknown_members, written
from reconciler.engine.change import (
    CHECKSUM,
    Action,
    Blocked,
    Change,
    Limits,
    Plan,
    Unchanged,
    checksum_of,
    fingerprint_of,
)
from reconciler.engine.classify import FieldClass, FieldView
from reconciler.engine.declared import Accepted
from reconciler.engine.kind import Field, Kind, Live
from reconciler.engine.outcome import Outcome, Result
from reconciler.engine.review import Since
from reconciler.expoints.planning import SeedsPlan
from reconciler.problems import Problem
from reconciler.render.report import Applied
from reconciler.render.seeds import customers_in_doubt, seeds_documents, sent_documents
from reconciler.render.values import FORMAT_VERSION, Document, problem_document


def plan_document(
    plan: Plan, seeds: SeedsPlan, problems: Sequence[Problem] = (), since: Since | None = None
) -> Document:
    """Return a plan as a document with its checksum, in the format of `planfile.format.PlanDocument`.

    Fields are those that a change touches, keeps, resets or refuses.
    """
    kind = plan.account.kind
    document: Document = {
        "format_version": FORMAT_VERSION,
        "target": plan.scope.target,
        "account": plan.scope.account,
        "tenant": seeds.account or None,
        "since": _since(since) if since else None,
        "explicit_empties": plan.account.normal.explicit_empties,
        "limits": _limits(plan.scope.limits),
        "selection": [{"only": [*one.only], "exclude": [*one.exclude]} for one in plan.scope.parts],
        "fingerprint": fingerprint_of([*plan.digests, *seeds.digests]),
        "summary": plan_summary(plan, seeds),
        "changes": [_change(kind, change, since) for change in plan.changes],
        "blocked": [_blocked(kind, blocked, since) for blocked in plan.blocked],
        "unchanged": [_unchanged(kind, unchanged) for unchanged in plan.unchanged],
        "unmanaged": [_unmanaged(live) for live in plan.unmanaged],
        "seeds": seeds_documents(seeds, since),
        "seeds_trouble": str(seeds.trouble) if seeds.trouble else None,
        "problems": [problem_document(problem) for problem in problems],
    }
    return {**document, CHECKSUM: checksum_of(document)}


def _since(since: Since) -> Document:
    return {
        "ref": since.ref,
        "commit": since.commit,
        "loosened": [problem_document(problem) for problem in since.loosened],
        "note": since.note,
    }


def _limits(limits: Limits) -> Document:
    updates = limits.updates
    return {
        "resets": limits.resets,
        "deletes": limits.deletes,
        "updates": updates if updates is None or isinstance(updates, int) else str(updates),
    }


def plan_summary(plan: Plan, seeds: SeedsPlan) -> Document:
    """Return the figures of the summary line."""
    return {
        "create": plan.count(Action.CREATE),
        "update": plan.count(Action.UPDATE),
        "reset_fields": plan.resets,
        "delete": plan.count(Action.DELETE),
        "blocked": len(plan.blocked),
        "unchanged": len(plan.unchanged),
        "unmanaged": len(plan.unmanaged),
        "seeds_to_send": len(seeds.sending),
        "customers_to_send": seeds.customers,
    }


def _change(kind: Kind, change: Change, since: Since | None) -> Document:
    return {
        "key": change.key,
        "action": change.action.value,
        "id": change.id,
        "name": change.live.name if change.live else None,
        "adopted": change.adopted,
        "digest": change.digest,
        "caused": since.caused(change.digest) if since else None,
        "fields": [
            *(_field(kind, view) for view in change.fields if _matters(view)),
            *_carried(kind, change),
        ],
    }


def _carried(kind: Kind, change: Change) -> Iterator[Document]:
    """Yield the live members that the model does not know; a deletion carries nothing.

    What they hold is left out: it is not touched, and may be anything, which a plan file must not hold.
    """
    if change.live is None or change.action is not Action.UPDATE:
        return
    for member, _ in unknown_members(kind, change.live.body):
        yield {
            "path": ".".join(member),
            "class": FieldClass.CARRIED.value,
            "before": None,
            "after": None,
            "differs": False,
            "default_source": None,
            "level": None,
            "file": None,
            "line": None,
            "drift": None,
            "accepted": None,
        }


def _matters(view: FieldView) -> bool:
    return view.differs or view.before is not None or view.after is not None


def _field(kind: Kind, view: FieldView) -> Document:
    field = kind.by_path[view.path]
    place = view.origin.place if view.origin else None
    return {
        "path": view.path,
        "class": view.cls.value,
        "before": written(field, view.before),
        "after": written(field, view.after),
        "differs": view.differs,
        "default_source": view.default.source.value if view.default else None,
        "level": view.origin.level if view.origin else None,
        "file": place.file if place else None,
        "line": place.line if place else None,
        "drift": view.drift.value if view.drift else None,
        "accepted": _accepted(field, view, view.accepted) if view.accepted else None,
    }


def _accepted(field: Field, view: FieldView, accepted: Accepted) -> Document:
    return {
        "until": accepted.until.isoformat(),
        "reason": accepted.reason,
        "wanted": written(field, view.wanted),
    }


def _blocked(kind: Kind, blocked: Blocked, since: Since | None) -> Document:
    return {
        "key": blocked.key,
        "caused": since.caused_block(blocked) if since else None,
        "reasons": [{"code": b.code, "message": b.message, "fields": list(b.paths)} for b in blocked.blocks],
        "change": _change(kind, blocked.change, since) if blocked.change else None,
    }


def _unchanged(kind: Kind, unchanged: Unchanged) -> Document:
    return {
        "key": unchanged.key,
        "id": unchanged.id,
        "adopted": unchanged.adopted,
        "hidden": unchanged.hidden,
        "fields": [_field(kind, view) for view in unchanged.remarkable],
    }


def _unmanaged(live: Live) -> Document:
    return {"id": live.id, "name": live.name}


def report_document(applied: Applied) -> Document:
    """Return the plan and how each of its changes ended, as `planfile.format.ReportDocument` says."""
    planned, report, sent = applied.planned, applied.report, applied.sent
    return {
        "format_version": FORMAT_VERSION,
        "plan": plan_document(report.plan, planned.seeds, planned.problems, planned.since),
        "summary": {result.name.lower(): report.count(result) for result in Result},
        "customers_sent": sum(end.sent for end in sent),
        "customers_in_doubt": customers_in_doubt(planned.seeds, sent),
        "exit_code": int(applied.exit),
        "sent": sent_documents(sent),
        "outcomes": [_outcome(outcome) for outcome in report.outcomes],
        "ids_written": [{"key": key, "id": id} for key, id in applied.ids_written.items()],
        "notes": list(report.notes),
    }


def _outcome(outcome: Outcome) -> Document:
    return {
        "key": outcome.key,
        "action": outcome.action.value if outcome.action else None,
        "id": outcome.id,
        "result": outcome.result.name.lower(),
        "reason": outcome.reason,
        "warnings": list(outcome.warnings),
        "lines": [{"where": line.where, "text": line.text} for line in outcome.lines],
    }
