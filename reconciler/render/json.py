"""Plans, reports and seeds as JSON documents. `planfile.format` says what each member is."""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.engine.body import written
from reconciler.engine.change import CHECKSUM, Change, Plan, Share, checksum_of
from reconciler.engine.classify import FieldClass, FieldView
from reconciler.engine.kind import Declared, Kind
from reconciler.engine.plan import Since
from reconciler.errors import Exit
from reconciler.expoints.planning import SeedsPlan
from reconciler.expoints.recipients import RecipientState, SeedStatus, SendResult
from reconciler.render.report import TargetEnd, TargetReport, entry_of, summary_of
from reconciler.render.text import carried_by, seed_notes
from reconciler.render.values import FORMAT_VERSION, Document, problem_document


def plan_document(planned: TargetReport) -> Document:
    """Return a plan with its checksum; of fields those that a change touches, keeps or refuses."""
    plan, seeds, since = planned.plan, planned.seeds, planned.since
    kind, limits = plan.account.kind, plan.scope.limits
    updates = str(limits.updates) if isinstance(limits.updates, Share) else limits.updates
    document: Document = {
        "format_version": FORMAT_VERSION,
        "target": plan.scope.target,
        "account": plan.scope.account,
        "tenant": seeds.account or None,
        "since": {
            "ref": since.ref,
            "commit": since.commit,
            "loosened": [problem_document(problem) for problem in since.loosened],
            "note": since.note,
        }
        if since
        else None,
        "explicit_empties": plan.account.explicit_empties,
        "limits": {
            "resets": limits.resets,
            "deletes": limits.deletes,
            "refused_effects": sorted(limits.refused_effects),
            "updates": updates,
        },
        "selection": [{"only": [*one.only], "exclude": [*one.exclude]} for one in plan.scope.parts],
        "restores": plan.scope.restores,
        "remarks": [*plan.remarks],
        "fingerprint": planned.fingerprint,
        "summary": dict(planned.plan_summary),
        "changes": [_change(kind, change, since) for change in plan.changes],
        "blocked": [
            {
                "key": one.key,
                "caused": since.caused_block(one) if since else None,
                "reasons": [
                    {"code": block.code, "message": block.message, "fields": list(block.paths)}
                    for block in one.blocks
                ],
                "change": _change(kind, one.change, since) if one.change else None,
            }
            for one in plan.blocked
        ],
        "unchanged": [
            {
                **{name: getattr(one, name) for name in ("key", "id", "adopted", "hidden")},
                "fields": [_field(kind, view) for view in one.remarkable],
            }
            for one in plan.unchanged
        ],
        "unmanaged": [{"id": live.id, "name": live.name} for live in plan.unmanaged],
        "seeds": seeds_documents(seeds, since),
        "seeds_trouble": str(seeds.trouble) if seeds.trouble else None,
        "problems": [problem_document(problem) for problem in planned.problems],
    }
    return {**document, CHECKSUM: checksum_of(document)}


def _change(kind: Kind, change: Change, since: Since | None) -> Document:
    """Return a change; of live members that the model does not know the name alone."""
    fields = [
        _field(kind, view)
        for view in change.fields
        if view.differs or view.before is not None or view.after is not None
    ]
    fields += [_CARRIED | {"path": name} for name, _ in carried_by(kind, change)]
    return {
        "key": change.key,
        "action": change.action.value,
        "id": change.id,
        "name": change.live.name if change.live else None,
        "adopted": change.adopted,
        "digest": change.digest,
        "caused": since.caused(change.digest) if since else None,
        "effects": [
            {
                **{name: getattr(effect, name) for name in ("name", "text", "direction")},
                "fields": [*effect.paths],
                "certainty": effect.certainty.value,
                "before": effect.before.isoformat() if effect.before else None,
                "after": effect.after.isoformat() if effect.after else None,
                "refused": effect.name in change.scope.limits.refused_effects,
                "accepted": effect.accepted,
            }
            for effect in change.effects
        ],
        "fields": fields,
    }


_CARRIED: Document = {
    "path": "",
    "class": FieldClass.CARRIED.value,
    "before": None,
    "after": None,
    "differs": False,
    **dict.fromkeys(("default_source", "level", "file", "line", "drift", "accepted")),
}


def _field(kind: Kind, view: FieldView) -> Document:
    field, accepted = kind.by_path[view.path], view.accepted
    place = view.origin.place if view.origin and view.origin.place.file else None
    return {
        "path": view.path,
        "class": view.cls.value,
        "before": None if view.unknown else written(field, view.before),
        "after": written(field, view.after),
        "differs": view.differs,
        "default_source": view.default.source.value if view.default else None,
        "level": view.origin.level if view.origin else None,
        "file": place.file if place else None,
        "line": place.line if place else None,
        "drift": view.drift.value if view.drift else None,
        "accepted": {
            "until": accepted.until.isoformat(),
            "reason": accepted.reason,
            "wanted": written(field, view.wanted),
        }
        if accepted
        else None,
    }


def report_document(applied: TargetReport) -> Document:
    """Return the plan and how each of its changes ended."""
    return {
        "format_version": FORMAT_VERSION,
        "plan": plan_document(applied),
        "summary": dict(applied.summary),
        "customers_sent": applied.customers_sent,
        "customers_in_doubt": applied.customers_in_doubt,
        "seeds_blocked": len(applied.seeds_blocked),
        "customers_blocked": sum(applied.seeds_blocked.values()),
        "exit_code": int(applied.exit),
        "run": applied.run,
        "sent": sent_documents(applied.sent),
        "outcomes": [
            {
                "key": outcome.key,
                "action": outcome.action.value if outcome.action else None,
                "id": outcome.id,
                "result": outcome.result.name.lower(),
                "reason": outcome.reason,
                "warnings": list(outcome.warnings),
                "lines": [{"where": line.where, "text": line.text} for line in outcome.lines],
            }
            for outcome in applied.outcomes
        ],
        "ids_written": [{"key": key, "id": id} for key, id in applied.ids_written.items()],
        "notes": list(applied.notes),
    }


def across_document(ends: Sequence[TargetEnd], verb: str) -> Document:
    """Return the ends of a `plan` or an `apply` over several targets."""
    name = "plan" if verb == "plan" else "report"
    targets = []
    for end in ends:
        one = end.report
        document = (report_document if one.is_applied else plan_document)(one) if one else None
        about = {"exit_code": int(end.exit), "error": end.error or None, "note": end.note}
        targets.append({"target": end.target, **about, name: document})
    document = {
        "format_version": FORMAT_VERSION,
        "targets": targets,
        "summary": dict(summary_of(end.report for end in ends if end.report)),
        "exit_code": int(Exit.gravest(end.exit for end in ends)),
    }
    if verb != "plan":
        reports = [end.report for end in ends if end.report and end.report.is_applied]
        document["customers_sent"] = sum(one.customers_sent for one in reports)
        document["customers_in_doubt"] = sum(one.customers_in_doubt for one in reports)
    return document


def show_document(plan: Plan, declared: Declared) -> Document:
    """Return one resource as a document: its plan, and what every field is live and would become."""
    return {
        "format_version": FORMAT_VERSION,
        "key": declared.key,
        "fields": [
            {
                "path": view.path,
                "class": view.cls.value,
                "live": None if view.unknown else view.before,
                "desired": view.after,
                "differs": view.differs,
                "drift": view.drift.value if view.drift else None,
                "accepted_until": view.accepted.until.isoformat() if view.accepted else None,
            }
            for view in entry_of(plan)[1]
        ],
        "plan": plan_document(TargetReport(plan)),
    }


def seeds_documents(plan: SeedsPlan, since: Since | None = None) -> list[Document]:
    """Return every seed as a document."""
    return [
        {
            "key": seed.seed.key,
            "digest": seed.digest,
            "caused": since.caused(seed.digest) if since else None,
            "round": seed.seed.round,
            "send": seed.seed.send.value,
            "states": {state.name.lower(): seed.count(state) for state in RecipientState},
            "to_send": len(seed.to_send),
            "changes": [
                {"path": path or None, "customers": number, "sent_again": again}
                for path, (number, again) in seed.changes.items()
            ],
            "file": seed.seed.place.file,
            "line": seed.seed.place.line,
            "reasons": [{"code": block.code, "message": block.message} for block in seed.blocks],
            "notes": [*([seed.mail] if seed.mail and seed.to_send else []), *seed_notes(seed)],
        }
        for seed in plan.seeds
    ]


def sent_documents(sent: Sequence[SendResult]) -> list[Document]:
    """Return how each sending ended, as documents."""
    return [
        {
            **{name: getattr(end, name) for name in ("key", "sent", "refused", "found", "in_doubt")},
            "notes": list(end.notes),
            "status": seed_status_document(end.status) if end.status else None,
        }
        for end in sent
    ]


def seed_status_document(status: SeedStatus) -> Document:
    """Return what the tenant counts of a seed, as a document."""
    return {
        **{name: getattr(status, name) for name in ("key", "sent", "counted", "missing")},
        "by_status": dict(status.by_status),
        "in_no_status": status.unplaced,
        "faults": status.faults,
        "unknown_fault_statuses": list(status.unknown),
        "arrived": status.has_arrived,
    }
