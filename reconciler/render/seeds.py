"""Seeds as text and as documents. Both count recipients, and show no address, number or data of any.

Only the preview, which is for a terminal, shows addresses in full.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from reconciler.engine.plan import Since
from reconciler.expoints.planning import Composer, SeedsPlan
from reconciler.expoints.recipients import RecipientState, SeedPlan, SeedStatus, SendResult
from reconciler.expoints.seed import Send
from reconciler.render.values import PLAIN, Document, Paint, columns, counted, harmless

MAIL_IS_SENT = "Mail is really sent, for a test batch too. This tool cannot take customers back."

_PREVIEW = ("address", "state", "mailed from", "not before", "expires", "copies", "changed since it was sent")


def seeds_text(plan: SeedsPlan, *, paint: Paint = PLAIN) -> str:
    """Return every seed with its states and counts, and every reason against it."""
    if plan.trouble is not None:
        return f"{paint.blocked('!')} Seeds: nothing can be sent: {harmless(str(plan.trouble))}"
    signs = {"!": f"{paint.blocked('!')} ", "~": f"{paint.update('~')} ", "": ""}
    blocks = []
    for seed in plan.seeds:
        title = f"{seed_symbol(seed, paint)} {paint.strong(seed.seed.key)}  {seed_what(seed)}"
        lines = [f"    {signs[sign]}{harmless(text)}" for sign, text in seed_lines(seed)]
        blocks.append("\n".join([title, *lines]))
    return "\n\n".join(blocks)


def seed_symbol(plan: SeedPlan, paint: Paint = PLAIN) -> str:
    """Return the sign of what a plan does about a seed."""
    if plan.blocks:
        return paint.blocked("!")
    if plan.count(RecipientState.IN_DOUBT):
        return paint.doubt("?")
    return paint.create("→") if plan.to_send else paint.faint("=")


def seed_what(plan: SeedPlan) -> str:
    """Return what is done about a seed, and how many of its customers are in which state."""
    counts = ", ".join(f"{plan.count(state)} {state.value}" for state in RecipientState if plan.count(state))
    verb = "send" if plan.to_send else "blocked" if plan.blocks and plan.due else "nothing to send"
    by_hand = ", by hand only" if plan.seed.send is Send.BY_HAND else ""
    return f"{verb}, round {harmless(plan.seed.round)}: {counts}{by_hand}"


def seed_lines(plan: SeedPlan) -> Iterator[tuple[str, str]]:
    """Yield what there is to say of a seed, each with its sign.

    `!` is a reason not to send, `~` a part that has changed since it was sent; a note has none.
    """
    for block in plan.blocks:
        yield "!", block.message
    for path, (number, _) in plan.changes.items():
        customers = counted(number, "customer")
        if path:
            yield "~", f"{harmless(path)}  changed for {customers}"
        else:
            version = "they were sent by an older version, which did not write down where"
            yield "~", f"{customers} changed; {version}"
    for note in seed_notes(plan):
        yield "", note


def seed_notes(plan: SeedPlan) -> Iterator[str]:
    """Yield what else a person should know of a seed."""
    yield from plan.notes
    copies = sum(bool(customer.copies) for customer in plan.seed.customers)
    if copies:
        yield f"{counted(copies, 'customer')} copied from earlier ones of the tenant, who may be real people"
    yield from dict.fromkeys(recipient.note for recipient in plan.customers if recipient.note)
    if any(recipient.changed and recipient.state is RecipientState.SENT for recipient in plan.customers):
        yield f"changed since; send: {plan.seed.send.value} does not send it again"
    if plan.count(RecipientState.FOUND):
        yield "found: customers that this journal does not explain, or mail of another seed, may be there;"
        yield f"look at the tenant, then run seeds resolve {plan.seed.key} --sent or --not-sent,"
        sent = plan.count(RecipientState.SENT)
        too = f", which mails the {counted(sent, 'customer')} sent already once more" if sent else ""
        yield f"or seeds send {plan.seed.key} --again{too}"
    if plan.count(RecipientState.IN_DOUBT):
        yield "in doubt: counting may settle it once it has rested for settle_after; or look at the tenant,"
        yield f"then run seeds resolve {plan.seed.key} --sent or --not-sent"


def kept_back_text(reports: Iterable[tuple[SeedsPlan, Sequence[SendResult]]]) -> str:
    """Return the end of a summary line over plans and what was sent by each; empty if nothing is to say.

    It counts the customers that the tenant refused, and those that apply keeps away from, also what was
    found.
    """
    refused, blocked = list[int](), list[int]()
    for plan, sent in reports:
        refused += [end.refused for end in sent if end.refused]
        kept = {end.key: end.found for end in sent}
        for seed in plan.seeds:
            waiting = seed.count(RecipientState.PENDING) + seed.count(RecipientState.CHANGED)
            found = seed.count(RecipientState.FOUND) if seed.is_found else 0
            kept[seed.seed.key] = kept.get(seed.seed.key, 0) + (waiting if seed.blocks else 0) + found
        blocked += [number for number in kept.values() if number]
    return "".join(
        f", {counted(len(numbers), 'seed')} {what} ({counted(sum(numbers), 'customer')})"
        for what, numbers in (("refused", refused), ("blocked", blocked))
        if numbers
    )


def sent_text(sent: Sequence[SendResult], *, paint: Paint = PLAIN) -> str:
    """Return how each sending ended."""
    lines = []
    for end in sent:
        symbol, counts, notes = sent_parts(end, paint)
        lines += [f"{symbol} {paint.strong(end.key)}  {counts}", *(f"    {harmless(note)}" for note in notes)]
    return "\n".join(lines)


def sent_parts(end: SendResult, paint: Paint = PLAIN) -> tuple[str, str, Sequence[str]]:
    """Return the sign of how a sending ended, how many customers ended how, and what else is to know.

    That includes what the tenant counts of them.
    """
    numbers = {"sent": end.sent, "refused": end.refused, "found": end.found, "in doubt": end.in_doubt}
    counts = ", ".join(f"{number} {what}" for what, number in numbers.items() if number) or "nothing sent"
    symbol = paint.doubt("?") if end.in_doubt else paint.create("→") if end.sent else paint.blocked("!")
    return symbol, counts, [*end.notes, *([f"on the tenant: {_counts(end.status)}"] if end.status else [])]


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
            "notes": list(seed_notes(seed)),
        }
        for seed in plan.seeds
    ]


def sent_documents(sent: Sequence[SendResult]) -> list[Document]:
    """Return how each sending ended, as documents."""
    return [
        {
            "key": end.key,
            "sent": end.sent,
            "refused": end.refused,
            "found": end.found,
            "in_doubt": end.in_doubt,
            "notes": list(end.notes),
            "status": status_document(end.status) if end.status else None,
        }
        for end in sent
    ]


def status_text(statuses: Sequence[SeedStatus]) -> str:
    """Return what the tenant counts of each seed, a line each."""
    return "\n".join(
        f"{one.key}: {one.sent} sent; {one.counted} counted on the tenant; {_counts(one)}" for one in statuses
    )


def _counts(status: SeedStatus) -> str:
    """Return what the tenant counts by its statuses, and what that leaves unverified."""
    if status.faults is None:
        faults = "faults unverified: no fault_statuses are declared"
    elif status.faults:
        faults = f"{status.faults} where fault_statuses says that nobody was mailed"
    else:
        faults = "no fault"
    parts = [
        ", ".join(f"{number} {harmless(name)}" for name, number in status.by_status.items()),
        f"{status.missing} not visible yet, unverified" if status.missing else "",
        f"{status.unplaced} in no status, unverified" if status.unplaced else "",
        faults,
        f"unverified: there is no status {harmless(', '.join(status.unknown))}" if status.unknown else "",
    ]
    return "; ".join(part for part in parts if part)


def status_document(status: SeedStatus) -> Document:
    """Return what the tenant counts of a seed, as a document."""
    return {
        "key": status.key,
        "sent": status.sent,
        "counted": status.counted,
        "missing": status.missing,
        "by_status": dict(status.by_status),
        "in_no_status": status.unplaced,
        "faults": status.faults,
        "unknown_fault_statuses": list(status.unknown),
        "arrived": status.has_arrived,
    }


def preview_text(plan: SeedPlan, composer: Composer) -> str:
    """Return each customer as it will go, with its address in full: for a terminal only."""
    seed, rows = plan.seed, [_PREVIEW]
    for recipient in plan.customers:
        customer, changed = recipient.customer, recipient.changed
        row = (
            harmless(customer.email),
            recipient.state.value,
            composer.text(customer.members.get("SendDate")) or "at once",
            composer.text(seed.batch.get("SendTime")) or "any time",
            composer.text(customer.members.get("EndDate", seed.batch.get("EndDate")))
            or "as the system decides",
            ", ".join(customer.copies) or "nothing",
            "in what its sender did not write down" if "" in changed else harmless(", ".join(changed)),
        )
        rows.append(row)
    cells = rows if plan.changes else [row[:-1] for row in rows]
    approval = "automatically" if seed.batch.get("ApproveAutomatically") is True else "by hand, at Expoints"
    title = f"{seed.key}, round {harmless(seed.round)}; approved {approval}"
    return "\n".join([title, "", *columns(cells)])
