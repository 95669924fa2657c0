"""What is written down, as entries: how they are made, where they lie, and how a log of them reads.

No subject names a person: it holds keys of resources, numbers, and words of this program.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec.structs import asdict

from reconciler.journal.forms import checked, document
from reconciler.journal.ledger import BatchIntent, Delivery, DeliveryState
from reconciler.journal.replay import AnyEntry, Entry, Known
from reconciler.journal.runs import Ending, Intent, RunStart


def run(number: int, start: RunStart) -> Entry:
    """Return the entry of a run that begins."""
    return {"what": "run", "number": number, "start": {**asdict(start), "process": asdict(start.process)}}


def run_end(number: int, exit: int | None, counts: Mapping[str, int], note: str) -> Entry:
    """Return the entry of a run that ended, or was ended."""
    return {"what": "run end", "run": number, "exit": exit, "counts": dict(counts), "note": note}


def operation(number: int, of_run: int, intent: Intent) -> Entry:
    """Return the entry of a write that is about to be made."""
    return {"what": "operation", "number": number, "run": of_run, "intent": asdict(intent)}


def operation_end(number: int, ending: Ending) -> Entry:
    """Return the entry of how a write ended."""
    return {"what": "operation end", "operation": number, "ending": asdict(ending)}


def learned(by_run: int, account: str, values: Mapping[str, Any]) -> Entry:
    """Return the entry of what resets left behind."""
    return {"what": "learned", "run": by_run, "account": account, "values": dict(values)}


def batch(number: int, shipment: BatchIntent, standing: DeliveryState) -> Entry:
    """Return the entry of deliveries that are written down together, all of them with one standing."""
    return {
        "what": "batch",
        "number": number,
        "run": shipment.run,
        "account": shipment.account,
        "seed": shipment.seed,
        "round": shipment.round,
        "resolved": dict(shipment.resolved),
        "server_at": shipment.server_at,
        "standing": standing.value,
        "deliveries": [_delivery(delivery) for delivery in shipment.deliveries],
    }


def standing(
    of_batch: int, customer: str | None, standing: DeliveryState, note: str, server_since: float | None = None
) -> Entry:
    """Return the entry of what became known of a batch, or of one customer in it."""
    told = {"batch": of_batch, "customer": customer, "standing": standing.value, "note": note}
    return {"what": "standing", **told, "server_at": server_since}


def pruned(known: Known, runs: int, operations: int) -> Entry:
    """Return the entry of a removal. It keeps the highest numbers, so that none is given again."""
    highest = {"run": known.given.run, "operation": known.given.operation}
    return {"what": "pruned", **highest, "runs": runs, "operations": operations}


def line(entry: Entry) -> str:
    """Return an entry as one line of ASCII, its end included. Any text can stand in it.

    Raises one of `UNSTORABLE` for a value that JSON cannot hold; an infinite number is one.
    """
    return json.dumps(entry, default=dict, separators=(",", ":"), allow_nan=False) + "\n"


def as_read(entry: Entry) -> Entry:
    """Return an entry as others will read it. Raises `Unsound` for one that they would refuse."""
    found: Entry = document(line(entry))
    checked(AnyEntry, found, "the new entry")  # type: ignore[arg-type]  # a union
    return found


def folder(entry: Entry, known: Known) -> str:
    """Return the folder in which an entry lies, once it is known; no run or batch has more than one."""
    match entry["what"]:
        case "run":
            return folder_of_run(known, entry["number"])
        case "run end" | "operation":
            return folder_of_run(known, entry["run"])
        case "operation end":
            return folder_of_run(known, known.operations[entry["operation"]].run)
        case "batch":
            return _folder_of_batch(known, entry["number"])
        case "standing":
            return _folder_of_batch(known, entry["batch"])
        case what:
            return f"{_month(entry['at'])}/{what}"


def folder_of_run(known: Known, number: int) -> str:
    """Return the folder in which everything of one run lies."""
    return f"{_month(known.runs[number].began)}/run-{number:06}"


def subject(entry: Entry, known: Known) -> str:
    """Return what an entry says, in one line for people, once it is known."""
    said = "".join(char if char.isprintable() else "?" for char in _subject(entry, known))
    return said if len(said) <= 100 else said[:99] + "…"


def _subject(entry: Entry, known: Known) -> str:
    match entry["what"]:
        case "run":
            start = entry["start"]
            return f"run {entry['number']}: begin {start['command']} on {start['target']}"
        case "run end":
            return f"run {entry['run']}: {_ended(entry)}"
        case "operation":
            return f"run {entry['run']}: {entry['intent']['action']} {entry['intent']['key']}"
        case "operation end":
            told = known.operations[entry["operation"]]
            return f"run {told.run}: {told.intent.key} {entry['ending']['result']}"
        case "learned":
            return f"run {entry['run']}: learn {_counted(len(entry['values']), 'default')}"
        case "batch":
            return _of_batch(entry)
        case "standing":
            which = "" if entry["customer"] is None else ", one customer"
            return f"batch {entry['batch']}{which}: {entry['standing']}"
        case _:
            removed = f"{_counted(entry['runs'], 'run')}, {_counted(entry['operations'], 'write')}"
            return f"prune {removed}"


def _of_batch(entry: Entry) -> str:
    who = f"run {entry['run']}: " if entry["run"] is not None else ""
    verb = "find" if entry["standing"] == DeliveryState.FOUND.value else "send"
    customers = _counted(len(entry["deliveries"]), "customer")
    return f"{who}{verb} {entry['seed']}, round {entry['round']} ({customers}, batch {entry['number']})"


def _ended(entry: Entry) -> str:
    if entry["exit"] is None:
        return "ended by another run"
    counts = ", ".join(f"{number} {name}" for name, number in entry["counts"].items() if number)
    return f"end with exit code {entry['exit']}" + (f" ({counts})" if counts else "")


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")


def _delivery(delivery: Delivery) -> dict[str, Any]:
    """Return what of a delivery is its own; the rest stands in its batch."""
    names: Sequence[str] = ("customer", "mailbox", "digest", "baseline")
    ids = None if delivery.ids is None else list(delivery.ids)
    own = {name: getattr(delivery, name) for name in names}
    return {**own, "contents": dict(delivery.contents), "ids": ids}


def _folder_of_batch(known: Known, number: int) -> str:
    return f"{_month(known.batches[number].at)}/batch-{number:06}"


def _month(at: float) -> str:
    return time.strftime("%Y-%m", time.gmtime(at))
