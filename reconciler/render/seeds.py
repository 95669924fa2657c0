"""Seeds as text and as documents. Nobody's address, number or data is in either: customers are counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct
from msgspec.structs import astuple, replace

from reconciler.engine.review import Since
from reconciler.expoints.planning import Composer, SeedsPlan
from reconciler.expoints.recipients import ChangedPath, Recipient, RecipientState, SeedPlan
from reconciler.expoints.seed import Seed, Send, masked
from reconciler.expoints.sending import SeedStatus, SendResult
from reconciler.render.values import PLAIN, Paint, counted, harmless

MAIL_IS_SENT = "Mail is really sent, for a test batch too. This tool cannot take customers back."


def seeds_text(plan: SeedsPlan, *, paint: Paint = PLAIN) -> str:
    """Return every seed with its states and counts, and every reason against it."""
    if plan.trouble is not None:
        return f"{paint.blocked('!')} Seeds: nothing can be sent: {harmless(str(plan.trouble))}"
    return "\n\n".join(_seed(seed, paint) for seed in plan.seeds)


def without_sending(plan: SeedsPlan) -> SeedsPlan:
    """Return the seeds of which nothing is to be sent."""
    return replace(plan, seeds=tuple(seed for seed in plan.seeds if not seed.to_send))


def _seed(plan: SeedPlan, paint: Paint) -> str:
    lines = [f"{seed_symbol(plan, paint)} {paint.strong(plan.seed.key)}  {seed_what(plan)}"]
    lines += [f"    {paint.blocked('!')} {harmless(block.message)}" for block in plan.blocks]
    lines += [f"    {paint.update('~')} {seed_change(changed)}" for changed in plan.changes]
    lines += [f"    {harmless(note)}" for note in seed_notes(plan)]
    return "\n".join(lines)


def seed_change(changed: ChangedPath) -> str:
    """Return which part of a seed has changed since it was sent, and for how many customers."""
    customers = counted(changed.customers, "customer")
    if not changed.path:
        return f"{customers} changed; they were sent by an older version, which did not write down where"
    return f"{harmless(changed.path)}  changed for {customers}"


def seed_symbol(plan: SeedPlan, paint: Paint = PLAIN) -> str:
    """Return the sign of what a plan does about a seed."""
    if plan.blocks:
        return paint.blocked("!")
    if plan.count(RecipientState.IN_DOUBT):
        return paint.doubt("?")
    return paint.create("→") if plan.to_send else paint.faint("=")


def seed_what(plan: SeedPlan) -> str:
    """Return what is done about a seed, and how many of its customers stand how."""
    counts = ", ".join(f"{plan.count(state)} {state.value}" for state in RecipientState if plan.count(state))
    verb = "send" if plan.to_send else "blocked" if plan.blocks and plan.due else "nothing to send"
    by_hand = ", by hand only" if plan.seed.send is Send.BY_HAND else ""
    return f"{verb}, round {harmless(plan.seed.round)}: {counts}{by_hand}"


def seed_notes(plan: SeedPlan) -> Iterator[str]:
    """Yield what a person should know of a seed besides."""
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
        sent = counted(plan.count(RecipientState.SENT), "customer")
        too = f", which mails the {sent} sent already once more" if plan.count(RecipientState.SENT) else ""
        yield f"or seeds send {plan.seed.key} --again{too}"
    if plan.count(RecipientState.IN_DOUBT):
        yield "in doubt: counting may settle it once it has rested for settle_after; or look at the tenant,"
        yield f"then run seeds resolve {plan.seed.key} --sent or --not-sent"


def customer_cells(plan: SeedPlan) -> Iterator[tuple[str, str, str]]:
    """Yield the masked address of every customer, how it stands, and where it is declared."""
    for recipient in plan.customers:
        customer = recipient.customer
        yield harmless(masked(customer.email)), recipient.state.value, harmless(str(customer.place))


def seeds_summary(plan: SeedsPlan) -> str:
    """Return the part of the plan's summary line that is about seeds."""
    left = kept_back(seeds_documents(plan))
    return f"{counted(len(plan.sending), 'seed')} to send ({counted(plan.customers, 'customer')}){left}"


class KeptBack(Struct, frozen=True):
    """How many seeds, and customers of them, the tenant refused, and apply keeps away from."""

    seeds_refused: int = 0
    customers_refused: int = 0
    seeds_blocked: int = 0
    customers_blocked: int = 0

    def __add__(self, other: KeptBack) -> KeptBack:
        return KeptBack(*map(sum, zip(astuple(self), astuple(other), strict=True)))

    def __str__(self) -> str:
        """Return the end of a summary line; empty where there is nothing to say."""
        told = (
            ("refused", self.seeds_refused, self.customers_refused),
            ("blocked", self.seeds_blocked, self.customers_blocked),
        )
        return "".join(
            f", {counted(seeds, 'seed')} {what} ({counted(customers, 'customer')})"
            for what, seeds, customers in told
            if seeds
        )


def kept_back(seeds: Sequence[Mapping[str, Any]], sent: Sequence[Mapping[str, Any]] = ()) -> KeptBack:
    """Return that of seeds and their ends, both as documents: blocked is also what was found."""
    refused = [end["refused"] for end in sent if end["refused"]]
    blocked = Counter({end["key"]: end["found"] for end in sent})
    for seed in seeds:
        states = seed["states"]
        blocked[seed["key"]] += states["pending"] + states["changed"] if seed["reasons"] else 0
        blocked[seed["key"]] += states["found"] if seed["send"] != Send.BY_HAND.value else 0
    left = +blocked
    return KeptBack(len(refused), sum(refused), len(left), left.total())


def customers_in_doubt(plan: SeedsPlan, sent: Sequence[SendResult]) -> int:
    """Return of how many customers nobody knows whether they were sent: by this run, or one before."""
    before = sum(seed.count(RecipientState.IN_DOUBT) for seed in plan.seeds)
    return before + sum(end.in_doubt for end in sent)


def customers_text(sent: int, in_doubt: int, left: KeptBack = KeptBack()) -> str:  # noqa: B008 - it is frozen
    """Return the part of a report's summary line that is about customers."""
    doubt = f", {in_doubt} in doubt" if in_doubt else ""
    return f"{counted(sent, 'customer')} sent{doubt}{left}"


def sent_text(sent: Sequence[SendResult], *, paint: Paint = PLAIN) -> str:
    """Return how each sending ended."""
    return "\n".join(_sent(end, paint) for end in sent)


def _sent(end: SendResult, paint: Paint) -> str:
    symbol, told = sent_what(end, paint)
    lines = [
        f"{symbol} {paint.strong(end.key)}  {told}",
        *(f"    {harmless(note)}" for note in sent_notes(end)),
    ]
    return "\n".join(lines)


def sent_what(end: SendResult, paint: Paint = PLAIN) -> tuple[str, str]:
    """Return the sign of how a sending ended, and how many customers ended how."""
    counts = {"sent": end.sent, "refused": end.refused, "found": end.found, "in doubt": end.in_doubt}
    told = ", ".join(f"{number} {what}" for what, number in counts.items() if number) or "nothing sent"
    symbol = paint.doubt("?") if end.in_doubt else paint.create("→") if end.sent else paint.blocked("!")
    return symbol, told


def sent_notes(end: SendResult) -> list[str]:
    """Return what a person should know of a sending, and what the tenant counts of it."""
    return [*end.notes, *([f"on the tenant: {_counted(end.status)}"] if end.status else [])]


def seeds_documents(plan: SeedsPlan, since: Since | None = None) -> list[dict[str, Any]]:
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
            "changes": [_changed_document(changed) for changed in seed.changes],
            "file": seed.seed.place.file,
            "line": seed.seed.place.line,
            "reasons": [{"code": block.code, "message": block.message} for block in seed.blocks],
            "notes": list(seed_notes(seed)),
        }
        for seed in plan.seeds
    ]


def _changed_document(changed: ChangedPath) -> dict[str, Any]:
    return {
        "path": changed.path or None,
        "customers": changed.customers,
        "sent_again": changed.sent_again,
    }


def sent_documents(sent: Sequence[SendResult]) -> list[dict[str, Any]]:
    """Return how each sending ended, as documents."""
    return [
        {
            "key": end.key,
            "sent": end.sent,
            "refused": end.refused,
            "found": end.found,
            "in_doubt": end.in_doubt,
            "notes": list(end.notes),
            "status": _status_document(end.status) if end.status else None,
        }
        for end in sent
    ]


def status_text(statuses: Sequence[SeedStatus]) -> str:
    """Return what the tenant counts of each seed, a line each."""
    return "\n".join(_status(status) for status in statuses)


def _status(status: SeedStatus) -> str:
    return f"{status.key}: {status.sent} sent; {status.counted} counted on the tenant; {_counted(status)}"


def _counted(status: SeedStatus) -> str:
    """Return what the tenant counts by its statuses, and what that leaves unverified."""
    told = [
        ", ".join(f"{number} {harmless(name)}" for name, number in status.by_status.items()),
        f"{status.missing} not visible yet, unverified" if status.missing else "",
        f"{status.unplaced} in no status, unverified" if status.unplaced else "",
        _faults(status),
        f"unverified: there is no status {harmless(', '.join(status.unknown))}" if status.unknown else "",
    ]
    return "; ".join(part for part in told if part)


def _faults(status: SeedStatus) -> str:
    if status.faults is None:
        return "faults unverified: no fault_statuses are declared"
    return (
        f"{status.faults} where fault_statuses says that nobody was mailed" if status.faults else "no fault"
    )


def status_documents(statuses: Sequence[SeedStatus]) -> list[dict[str, Any]]:
    """Return what the tenant counts of each seed, as documents."""
    return [_status_document(status) for status in statuses]


def _status_document(status: SeedStatus) -> dict[str, Any]:
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
    rows = [_HEADINGS, *(_preview(plan.seed, recipient, composer) for recipient in plan.customers)]
    if not plan.changes:
        rows = [row[:-1] for row in rows]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)) for row in rows]
    approval = "automatically" if plan.seed.approves_automatically else "by hand, at Expoints"
    title = f"{plan.seed.key}, round {harmless(plan.seed.round)}; approved {approval}"
    return "\n".join([title, "", *(line.rstrip() for line in lines)])


_HEADINGS = (
    "address",
    "state",
    "mailed from",
    "not before",
    "expires",
    "copies",
    "changed since it was sent",
)


def _preview(seed: Seed, recipient: Recipient, composer: Composer) -> tuple[str, ...]:
    customer = recipient.customer
    return (
        harmless(customer.email),
        recipient.state.value,
        composer.spoken(customer.members.get("SendDate")) or "at once",
        composer.spoken_time(seed.batch.get("SendTime")) or "any time",
        composer.spoken(customer.members.get("EndDate", seed.batch.get("EndDate")))
        or "as the system decides",
        ", ".join(customer.copies) or "nothing",
        _paths(recipient.changed),
    )


def _paths(changed: Sequence[str]) -> str:
    return "in what its sender did not write down" if "" in changed else harmless(", ".join(changed))
