"""The statuses of customers, whose codes and names are the tenant's own (D: GET-…-getcustomerstatuses)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from reconciler.sandbox.state import Document

from .calls import Answer, Call, Tenant, as_json


class _Status(NamedTuple):
    code: int
    name: str


# None is printed on any page (U: variant `statuses`); initial, locked and fault are words of the add page.
_TENANTS: Mapping[str, Mapping[str, _Status]] = {
    "english": {
        "initial": _Status(0, "Initial"),
        "waiting": _Status(10, "Waiting for approval"),
        "invited": _Status(20, "Invited"),
        "finished": _Status(30, "Finished"),
        "fault": _Status(40, "Fault"),
        "locked": _Status(50, "Locked"),
        "opted-out": _Status(60, "Opted out"),
    },
    "dutch": {
        "initial": _Status(1, "Nieuw"),
        "waiting": _Status(2, "Wacht op goedkeuring"),
        "invited": _Status(3, "Uitgenodigd"),
        "finished": _Status(4, "Afgerond"),
        "fault": _Status(5, "Foutief"),
        "locked": _Status(6, "Geblokkeerd"),
        "opted-out": _Status(7, "Afgemeld"),
    },
}


def list_statuses(call: Call) -> Answer:
    """Answer with the code and name of each status."""
    statuses = _TENANTS[call.tenant.variants.statuses].values()
    return as_json({"Statuses": [{"StatusCode": s.code, "StatusName": s.name} for s in statuses]})


def status_code(customer: Document, tenant: Tenant) -> int:
    """Return the code of the status that a customer has now: an approved one is initial until it is mailed.

    Whether one that waits for approval has a status of its own is unknown (U: variant `waiting_status`).
    """
    state = customer["State"]
    if state == "approved":
        state = "initial" if is_scheduled(customer, tenant) else "invited"
    if state == "waiting" and tenant.variants.waiting_status == "initial":
        state = "initial"
    return _TENANTS[tenant.variants.statuses][state].code


def is_scheduled(customer: Document, tenant: Tenant) -> bool:
    """Say whether a customer is approved, and its mail still to come."""
    return bool(customer["State"] == "approved" and customer["NotBefore"] > tenant.now)
