"""The call that lists who wants no more mail (D: GET-api-v3-customer-getoptouts)."""

from __future__ import annotations

from typing import Any

from reconciler.sandbox.seeding import OPT_OUTS
from reconciler.sandbox.state import Document

from .addresses import folded
from .calls import Answer, Call, Tenant
from .moments import written
from .paging import answer_page


def list_opt_outs(call: Call) -> Answer:
    """Answer with a page of the opt-outs, those of test customers only if asked for."""
    with_tests = call.flag("IncludeTestRecords")
    every = call.tenant.documents.all(OPT_OUTS).items()
    rows = {int(key): _row(opt_out) for key, opt_out in every if with_tests or not opt_out["IsTest"]}
    return answer_page("OptOuts", rows, call)


def has_opted_out(address: str, tenant: Tenant) -> bool:
    """Say whether an address is among the opt-outs (U, letter case: variant `address_case`)."""
    every = tenant.documents.all(OPT_OUTS).values()
    return folded(address, tenant) in {folded(opt_out["Email"], tenant) for opt_out in every}


def _row(opt_out: Document) -> dict[str, Any]:
    """Return an opt-out with every documented member."""
    return {
        "OptOutDate": written(opt_out["OptOutDate"]),
        "Email": opt_out["Email"],
        "TransactionDate": written(opt_out["OptOutDate"]),
        "SurveyClosedDate": None,
        "Data": [],
        "Language": "nl",
        "IsContactRequested": False,
        "IsConcept": False,
    }
