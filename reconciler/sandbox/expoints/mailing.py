"""Who is mailed, and when: approval, opt-outs, priorities, and a record of each mail that would be sent."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

from reconciler.sandbox.seeding import BATCHES, CUSTOMERS, MAILS
from reconciler.sandbox.state import Document, State
from reconciler.sandbox.variants import Variants

from .addresses import folded, is_valid
from .calls import Tenant
from .moments import due
from .optouts import has_opted_out
from .statuses import is_scheduled

Kind = Literal["invitation", "text-message", "notification"]

# Who is told about a batch without NotificationEmailAddresses (D: "send to front office default").
FRONT_OFFICE = "front-office@tenant.example"

_ANY = Variants()


def approve(
    state: State, *, variants: Variants = _ANY, clock: Callable[[], float] = time.time
) -> Sequence[int]:
    """Approve every customer that waits, as an experience manager does by hand, and return their ids.

    D: with ApproveAutomatically false nothing is mailed before. `variants` and `clock` are to be those of the
    application over this state.
    """
    with state.transaction() as documents:
        tenant = Tenant(documents, variants, clock())
        return invite([int(key) for key in documents.all(CUSTOMERS)], tenant)


def first_state(customer: Document, tenant: Tenant) -> str:
    """Return the state of a new customer: waiting, unless it can never be mailed.

    An address that is not valid is a fault, not a refused call (D); that one which opted out is not mailed is
    inferred (I: variant `opted_out`).
    """
    if not is_valid(customer["Email"], tenant):
        return "fault"
    unmailed = tenant.variants.opted_out == "unmailed" and has_opted_out(customer["Email"], tenant)
    return "opted-out" if unmailed else "waiting"


def invite(identities: Iterable[int], tenant: Tenant) -> Sequence[int]:
    """Approve those of these customers that wait, test customers too (D), and return their ids.

    Each is mailed when its time comes, unless a higher priority locks it.
    """
    agenda = _Agenda(tenant)
    waiting = [key for key in identities if _load(CUSTOMERS, key, tenant)["State"] == "waiting"]
    for identity in waiting:
        agenda.invite(identity)
    return waiting


def notify(batch_id: int, addresses: Sequence[str], tenant: Tenant) -> None:
    """Tell these addresses about a batch, or the front office where there are none (D)."""
    batch = _load(BATCHES, batch_id, tenant)
    for address in addresses or [FRONT_OFFICE]:
        _record(_letter("notification", address, tenant.now, batch), tenant)


class _Agenda:
    """The customers whose mail is still to come, while some are added; of one address, priorities decide.

    D, model ImportCustomer: when another, future customer in status initial has a higher priority, this one
    becomes locked.
    """

    def __init__(self, tenant: Tenant) -> None:
        self._tenant = tenant
        every = tenant.documents.all(CUSTOMERS).items()
        self._coming = {int(key): customer for key, customer in every if is_scheduled(customer, tenant)}

    def invite(self, identity: int) -> None:
        """Approve a customer, and lock it, or those that it surpasses."""
        waiting = _load(CUSTOMERS, identity, self._tenant)
        batch = _load(BATCHES, waiting["BatchId"], self._tenant)
        not_before = due(waiting["SendDate"], batch["SendTime"], self._tenant.now)
        customer = {**waiting, "State": "approved", "NotBefore": not_before}
        rivals = self._rivals(customer)
        if any(rival["Priority"] > customer["Priority"] for rival in rivals.values()):
            self._lock(identity, customer)
        else:
            self._schedule(identity, customer, batch, rivals)

    def _rivals(self, customer: Document) -> dict[int, Document]:
        address = folded(customer["Email"], self._tenant)
        return {
            k: rival for k, rival in self._coming.items() if folded(rival["Email"], self._tenant) == address
        }

    def _schedule(
        self, identity: int, customer: Document, batch: Document, rivals: dict[int, Document]
    ) -> None:
        self._tenant.documents.put(CUSTOMERS, identity, customer)
        _mail(identity, customer, batch, self._tenant)
        if not is_scheduled(customer, self._tenant):
            return
        self._coming[identity] = customer
        for key, rival in rivals.items():
            if rival["Priority"] < customer["Priority"]:
                self._lock(key, rival)

    def _lock(self, identity: int, customer: Document) -> None:
        """Keep a customer from being mailed, and take back the mail that it was to get."""
        documents = self._tenant.documents
        documents.put(CUSTOMERS, identity, {**customer, "State": "locked", "NotBefore": None})
        self._coming.pop(identity, None)
        for key, mail in documents.all(MAILS).items():
            if mail["customer_id"] == identity:
                documents.remove(MAILS, key)


def _mail(identity: int, customer: Document, batch: Document, tenant: Tenant) -> None:
    """Record what a customer gets (U: variants `portal_batch` and `phone_numbers`)."""
    if batch["Type"] == "portal" and tenant.variants.portal_batch == "unmailed":
        return
    when = customer["NotBefore"]
    _record(_letter("invitation", customer["Email"], when, batch, identity), tenant)
    if customer["PhoneNumber"] and tenant.variants.phone_numbers == "texted":
        _record(_letter("text-message", customer["PhoneNumber"], when, batch, identity), tenant)


def _letter(
    kind: Kind, to: str, not_before: float, batch: Document, customer: int | None = None
) -> dict[str, Any]:
    return {
        "kind": kind,
        "to": to,
        "customer_id": customer,
        "batch_id": batch["Id"],
        "batch_name": batch["Name"],
        "is_test": batch["IsTest"],
        "is_concept": batch["IsConcept"],
        "not_before": datetime.fromtimestamp(not_before, UTC).isoformat(),
    }


def _record(letter: dict[str, Any], tenant: Tenant) -> None:
    tenant.documents.put(MAILS, tenant.documents.next_number(MAILS), letter)


def _load(collection: str, key: int, tenant: Tenant) -> Document:
    document = tenant.documents.get(collection, key)
    if document is None:
        raise LookupError(f"{collection} has no {key}")
    return document
