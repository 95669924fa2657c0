"""Several targets in one document and under one summary line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from msgspec import Struct

from reconciler.engine.plan import IN_DOUBT, UNREVIEWED
from reconciler.errors import Exit
from reconciler.render.document import FORMAT_VERSION, Document
from reconciler.render.paint import Paint
from reconciler.render.seeds import KeptBack, customers_text, kept_back
from reconciler.render.values import counted, harmless, skipped_text


class TargetEnd(Struct, frozen=True):
    """How a run ended on one of several targets. Without a document, error or note says why there is none."""

    target: str
    exit: Exit
    document: Document | None = None
    error: str = ""
    note: str = ""


def exit_of(ends: Sequence[TargetEnd]) -> Exit:
    """Return the gravest of all ends."""
    return Exit.gravest(end.exit for end in ends)


def heading(target: str, paint: Paint) -> str:
    """Return the line above all that is told of a target."""
    return paint.strong(f"── {harmless(target)} ──")


def plans_document(ends: Sequence[TargetEnd]) -> Document:
    """Return the plans of several targets, as `planfile.format.PlansDocument` says."""
    return _document(ends, "plan")


def reports_document(ends: Sequence[TargetEnd]) -> Document:
    """Return the reports of several targets, as `planfile.format.ReportsDocument` says."""
    return {
        **_document(ends, "report"),
        **{name: _customers(ends, name) for name in ("customers_sent", "customers_in_doubt")},
    }


def _document(ends: Sequence[TargetEnd], what: str) -> Document:
    return {
        "format_version": FORMAT_VERSION,
        "targets": [_target(end, what) for end in ends],
        "summary": dict(_sums(ends)),
        "exit_code": int(exit_of(ends)),
    }


def _target(end: TargetEnd, what: str) -> Document:
    return {
        "target": end.target,
        "exit_code": int(end.exit),
        "error": end.error or None,
        "note": end.note,
        what: end.document,
    }


def _sums(ends: Sequence[TargetEnd]) -> Counter[str]:
    """Return the figures of all summaries together."""
    sums: Counter[str] = Counter()
    for end in ends:
        if end.document:
            sums.update(end.document["summary"])
    return sums


def _customers(ends: Sequence[TargetEnd], name: str) -> int:
    return sum(end.document[name] for end in ends if end.document)


def _kept_back(ends: Sequence[TargetEnd]) -> KeptBack:
    documents = [end.document for end in ends if end.document]
    each = (kept_back(one.get("plan", one)["seeds"], one.get("sent", ())) for one in documents)
    return sum(each, KeptBack())


def plans_text(ends: Sequence[TargetEnd]) -> str:
    """Return the summary line of several plans."""
    sums = _sums(ends)
    customers = counted(sums["customers_to_send"], "customer")
    return (
        f"{_over(ends)}: {sums['create']} to create, {sums['update']} to update "
        f"({counted(sums['reset_fields'], 'field')} reset), {sums['delete']} to delete, "
        f"{sums['blocked']} blocked, {sums['unchanged']} unchanged; "
        f"{counted(sums['seeds_to_send'], 'seed')} to send ({customers}){_kept_back(ends)}."
    )


def reports_text(ends: Sequence[TargetEnd]) -> str:
    """Return the summary line of several reports."""
    sums = _sums(ends)
    in_doubt = _customers(ends, "customers_in_doubt")
    customers = customers_text(_customers(ends, "customers_sent"), in_doubt, _kept_back(ends))
    left_alone = [one for end in ends if end.document for one in end.document["plan"]["blocked"]]
    codes = [{reason["code"] for reason in one["reasons"]} for one in left_alone]
    blocked = sum(IN_DOUBT not in some and some != {UNREVIEWED} for some in codes)
    return (
        f"{_over(ends)}: {sums['applied']} changed, {sums['failed']} failed, {sums['stale']} stale, "
        f"{skipped_text(sums['skipped'], blocked)}, {sums['in_doubt']} in doubt; {customers}."
    )


def _over(ends: Sequence[TargetEnd]) -> str:
    return f"Over {counted(len(ends), 'target')} ({sum(bool(end.error) for end in ends)} in error)"
