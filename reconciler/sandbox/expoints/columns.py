"""The columns that a tenant keeps about its customers (D: GET-api-v3-customerdatacolumn)."""

from __future__ import annotations

from reconciler.sandbox.seeding import COLUMNS
from reconciler.sandbox.state import Document, Key

from .calls import Answer, Call, Tenant, as_json

# The number that the vendor's example leaves out.
_TWIN: dict[Key, Document] = {
    17: {"Required": False, "Archived": False, "Name": "Business Unit", "DisplayName": "BU (second)"}
}


def list_columns(call: Call) -> Answer:
    """Answer with the columns that pass the filters Required, Archived and CustomerDataColumnIds; unpaged."""
    wanted = {"Required": call.flag("Required"), "Archived": call.flag("Archived")}
    ids = call.numbers("CustomerDataColumnIds")
    rows = [
        {"Id": identity, **column}
        for identity, column in columns_of(call.tenant).items()
        if all(flag in (None, column[name]) for name, flag in wanted.items()) and (not ids or identity in ids)
    ]
    return as_json({"CustomerDataColumns": rows})


def columns_of(tenant: Tenant) -> dict[Key, Document]:
    """Return every column by id; that names are unique is not stated (U: variant `twin_columns`)."""
    columns = tenant.documents.all(COLUMNS)
    return {**columns, **_TWIN} if tenant.variants.twin_columns else columns
