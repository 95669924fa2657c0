"""Seeds as text and as documents. Nobody's address, number or data is in either: customers are counted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from reconciler.engine.since import Since
from reconciler.expoints.composing import Composer
from reconciler.expoints.planning import SeedsPlan
from reconciler.expoints.seed import Seed, Send
from reconciler.expoints.sending import Sent
from reconciler.expoints.standing import SeedPlan, Standee, State
from reconciler.expoints.status import SeedStatus
from reconciler.render.paint import PLAIN, Paint
from reconciler.render.values import counted, harmless

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
    lines = [f"{_symbol(plan, paint)} {paint.strong(plan.seed.key)}  {_what(plan)}"]
    lines += [f"    {paint.blocked('!')} {harmless(block.message)}" for block in plan.blocks]
    lines += [f"    {harmless(note)}" for note in _notes(plan)]
    return "\n".join(lines)


def _symbol(plan: SeedPlan, paint: Paint) -> str:
    if plan.blocks:
        return paint.blocked("!")
    if plan.count(State.IN_DOUBT):
        return paint.doubt("?")
    return paint.create("→") if plan.to_send else paint.faint("=")


def _what(plan: SeedPlan) -> str:
    counts = ", ".join(f"{plan.count(state)} {state.value}" for state in State if plan.count(state))
    verb = "send" if plan.to_send else "blocked" if plan.blocks and plan.due else "nothing to send"
    by_hand = ", by hand only" if plan.seed.send is Send.BY_HAND else ""
    return f"{verb}, round {harmless(plan.seed.round)}: {counts}{by_hand}"


def _notes(plan: SeedPlan) -> Iterator[str]:
    yield from plan.notes
    yield from dict.fromkeys(standee.note for standee in plan.customers if standee.note)
    if plan.count(State.FOUND):
        yield "found: mailboxes with customers that no journal knows of; only a new round: sends to them"
    if plan.count(State.IN_DOUBT):
        yield f"in doubt: look at the tenant, then run seeds resolve {plan.seed.key} --sent or --not-sent"


def seeds_summary(plan: SeedsPlan) -> str:
    """Return the part of the plan's summary line that is about seeds."""
    return f"{counted(len(plan.sending), 'seed')} to send ({counted(plan.customers, 'customer')})"


def sent_text(sent: Sequence[Sent], *, paint: Paint = PLAIN) -> str:
    """Return how each sending ended."""
    return "\n".join(_sent(end, paint) for end in sent)


def _sent(end: Sent, paint: Paint) -> str:
    counts = {"sent": end.sent, "refused": end.refused, "in doubt": end.in_doubt}
    told = ", ".join(f"{number} {what}" for what, number in counts.items() if number) or "nothing sent"
    symbol = paint.doubt("?") if end.in_doubt else paint.create("→") if end.sent else paint.blocked("!")
    lines = [f"{symbol} {paint.strong(end.key)}  {told}", *(f"    {harmless(note)}" for note in end.notes)]
    return "\n".join(lines)


def seeds_documents(plan: SeedsPlan, since: Since | None = None) -> list[dict[str, Any]]:
    """Return every seed as a document."""
    return [
        {
            "key": seed.seed.key,
            "digest": seed.digest,
            "caused": since.caused(seed.digest) if since else None,
            "round": seed.seed.round,
            "send": seed.seed.send.value,
            "states": {state.name.lower(): seed.count(state) for state in State},
            "to_send": len(seed.to_send),
            "file": seed.seed.place.file,
            "line": seed.seed.place.line,
            "reasons": [{"code": block.code, "message": block.message} for block in seed.blocks],
            "notes": list(_notes(seed)),
        }
        for seed in plan.seeds
    ]


def sent_documents(sent: Sequence[Sent]) -> list[dict[str, Any]]:
    """Return how each sending ended, as documents."""
    return [
        {
            "key": end.key,
            "sent": end.sent,
            "refused": end.refused,
            "in_doubt": end.in_doubt,
            "notes": list(end.notes),
        }
        for end in sent
    ]


def status_text(statuses: Sequence[SeedStatus]) -> str:
    """Return what the tenant counts of each seed, a line each."""
    return "\n".join(_status(status) for status in statuses)


def _status(status: SeedStatus) -> str:
    counts = ", ".join(f"{number} {harmless(name)}" for name, number in status.by_status.items())
    faults = "faults unverified: no fault_statuses are declared" if status.faults is None else ""
    told = [f"{status.sent} sent", f"{status.counted} counted on the tenant", counts, faults]
    return f"{status.key}: {'; '.join(part for part in told if part)}"


def status_documents(statuses: Sequence[SeedStatus]) -> list[dict[str, Any]]:
    """Return what the tenant counts of each seed, as documents."""
    return [
        {
            "key": status.key,
            "sent": status.sent,
            "counted": status.counted,
            "by_status": dict(status.by_status),
            "faults": status.faults,
            "arrived": status.has_arrived,
        }
        for status in statuses
    ]


def preview_text(plan: SeedPlan, composer: Composer) -> str:
    """Return each customer as it will go, with its address in full: for a terminal only."""
    rows = [_HEADINGS, *(_preview(plan.seed, standee, composer) for standee in plan.customers)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADINGS))]
    lines = ["  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)) for row in rows]
    approval = "automatically" if plan.seed.approves_automatically else "by hand, at Expoints"
    title = f"{plan.seed.key}, round {harmless(plan.seed.round)}; approved {approval}"
    return "\n".join([title, "", *(line.rstrip() for line in lines)])


_HEADINGS = ("address", "state", "mailed from", "not before", "expires")


def _preview(seed: Seed, standee: Standee, composer: Composer) -> tuple[str, ...]:
    customer = standee.addressee.customer
    return (
        harmless(customer.email),
        standee.state.value,
        composer.spoken(customer.members.get("SendDate")) or "at once",
        composer.spoken_time(seed.batch.get("SendTime")) or "any time",
        composer.spoken(customer.members.get("EndDate", seed.batch.get("EndDate")))
        or "as the system decides",
    )
