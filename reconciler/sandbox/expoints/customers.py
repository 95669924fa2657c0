"""The calls that list and count customers (D: GET-api-v3-customer, GET-api-v3-customer-count)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from reconciler.sandbox.seeding import CUSTOMERS
from reconciler.sandbox.state import Document

from .addresses import is_asked_for
from .calls import Answer, Call, FailedError, as_json
from .moments import written
from .paging import answer_page
from .statuses import status_code

Test = Callable[[int, Document], bool]

# No customer has it, for it is no address.
_OF_NOBODY = "\0"

# Documented, but with members that are not; to ignore them would be to answer with too much.
_NOT_EMULATED = (
    "transactiondatefilter",
    "surveyfinisheddatefilter",
    "dateinvitedfilter",
    "scheduledinvitationdatefilter",
    "optedoutdatefilter",
    "batchcloseddatefilter",
    "lastactivitydatefilter",
    "reviewapproveddatefilter",
    "reviewstatus",
    "datafilters",
    "answerfilters",
)


def list_customers(call: Call) -> Answer:
    """Answer with a page of the customers that pass the filters, oldest first."""
    return answer_page("Customers", {key: _row(key, found, call) for key, found in _found(call)}, call)


def count_customers(call: Call) -> Answer:
    """Answer with how many customers pass the filters, which are those of the list."""
    return as_json({"CustomerCount": sum(1 for _ in _found(call))})


def _found(call: Call) -> Iterator[tuple[int, Document]]:
    tests = _tests(call)
    for key, customer in call.tenant.documents.all(CUSTOMERS).items():
        if all(passes(int(key), customer) for passes in tests):
            yield int(key), customer


def _tests(call: Call) -> list[Test]:
    """Return what a customer has to pass; test customers are left out unless asked for (D)."""
    _refuse_unknown_filters(call)
    tests: list[Test] = [_has_appeared(call), _has_address(call), _has_status(call)]
    if call.tenant.variants.waiting_customers == "hidden":
        tests.append(lambda _key, customer: customer["State"] != "waiting")
    if ids := call.numbers("CustomerIds"):
        tests.append(lambda key, _customer: key in ids)
    if not call.flag("IncludeTestRecords"):
        tests.append(lambda _key, customer: not customer["IsTest"])
    if (opted_out := call.flag("IsOptout")) is not None:
        tests.append(lambda _key, customer: (customer["State"] == "opted-out") is opted_out)
    return tests


def _has_appeared(call: Call) -> Test:
    """Return the test of age (U: variant `customers_appear_after_seconds`)."""
    latest = call.tenant.now - call.tenant.variants.customers_appear_after_seconds
    return lambda _key, customer: bool(customer["CreatedAt"] <= latest)


def _has_address(call: Call) -> Test:
    """Return the test of the address (U: variants `address_filter`, `address_list` and `address_case`)."""
    wanted = call.texts("EmailAddresses")
    if len(wanted) > 1:
        wanted = _taken(wanted, call.tenant.variants.address_list)
    if not wanted or call.tenant.variants.address_filter == "ignored":
        return lambda _key, _customer: True
    return lambda _key, customer: any(is_asked_for(customer["Email"], text, call.tenant) for text in wanted)


def _taken(wanted: Sequence[str], form: str) -> Sequence[str]:
    """Return the addresses that several stand for; none at all filter nothing."""
    if form == "refused":
        raise FailedError(400, "The request is invalid.", {"EmailAddresses": "One value is expected."})
    forms = {
        "first": wanted[:1],
        "last": wanted[-1:],
        "first-ten": wanted[:10],
        "joined": [",".join(wanted)],
        "everybody": [],
        "nobody": [_OF_NOBODY],
    }
    return forms.get(form, wanted)


def _has_status(call: Call) -> Test:
    wanted = call.numbers("Statuses")
    return lambda _key, customer: not wanted or status_code(customer, call.tenant) in wanted


def _refuse_unknown_filters(call: Call) -> None:
    for name in call.query:
        if name.partition(".")[0].partition("[")[0] in _NOT_EMULATED:
            raise FailedError(400, f"The sandbox does not emulate {name}: its members are not documented.")


def _row(key: int, customer: Document, call: Call) -> dict[str, Any]:
    """Return a customer as the list shows it: Id and AccessKey (C), the rest is not documented (U).

    U: variant `customer_rows`.
    """
    identity = {"Id": key, "AccessKey": str(uuid5(NAMESPACE_URL, f"customer/{key}"))}
    form, email = call.tenant.variants.customer_rows, customer["Email"]
    if form == "thin":
        return identity
    address = {"Email": email} if form == "whole" else {"Contact": {"EmailAddress": email}}
    return {
        **identity,
        **address,
        "StatusCode": status_code(customer, call.tenant),
        "TransactionDate": written(customer["TransactionDate"]),
        "IsTest": customer["IsTest"],
        "IsConcept": customer["IsConcept"],
        "Data": customer["Data"],
    }
