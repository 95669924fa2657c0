"""The calls that use a configuration: start an import of contacts, and ask what became of it.

The number in the two paths, which are the same, means a configuration in one and a queue item in the other
(DOC, bulk import page and queue item page).
"""

from __future__ import annotations

from typing import Any

from reconciler.sandbox.seeding import CONFIGS

from .calls import Answer, Call, FailedError, reject_unknown
from .import_configs import find_config

_QUEUE = "checkmarket.queue"
_FINISHED = 4
_CREATED = "R0301"  # DOC, import result codes


def start_import(call: Call, identity: int) -> Answer:
    """Take contacts and answer with the queue item; nothing is mailed.

    The first import fills the empty ColumnMappings of its configuration (DOC, POST page), here from the
    members of the contacts in order of appearance.
    """
    stored = find_config(call, identity)
    contacts = _contacts(call.json())
    if not stored["Config"].get("ColumnMappings"):
        config = {**stored["Config"], "ColumnMappings": _mappings(contacts)}
        call.documents.put(CONFIGS, identity, {**stored, "Config": config})
    item = call.documents.next_number(_QUEUE)
    call.documents.put(_QUEUE, item, {"ContactCount": len(contacts)})
    return Answer({"QueueItemId": item})


def read_queue_item(call: Call, identity: int) -> Answer:
    """Answer that an import is finished (DOC, queue item page; CLIENT: its members)."""
    item = call.documents.get(_QUEUE, identity)
    if item is None:
        reject_unknown("queue item", identity, call.variants)
    results = [{"ResultCode": _CREATED, "ContactCount": item["ContactCount"]}]
    return Answer({"QueueItemId": identity, "StatusId": _FINISHED, "Result": {"ImportResult": results}})


def _contacts(body: Any) -> list[dict[str, Any]]:
    if not isinstance(body, list) or not all(isinstance(contact, dict) for contact in body):
        raise FailedError(400, "The contacts have to be an array of objects.")
    return body


def _mappings(contacts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    names = dict.fromkeys(name for contact in contacts for name in contact)
    return [
        {"SourceColumnNumber": number, "TargetColumnName": name} for number, name in enumerate(names, start=1)
    ]
