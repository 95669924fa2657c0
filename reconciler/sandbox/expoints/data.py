"""What is known about a customer: its data, a value for each column (D: POST-api-v3-customer-add)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from reconciler.sandbox.seeding import CUSTOMERS
from reconciler.sandbox.state import Document

from .bodies import Members
from .calls import Tenant
from .columns import columns_of

Item = dict[str, Any]

# Passed through as they came: how values are encrypted is not documented.
_ENCRYPTION = ("IsEncrypted", "CertificateThumbprint", "EncryptionKey")


class InvalidCustomerError(Exception):
    """A customer is not valid; `path` is where in the body, the message what is wrong."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(message)
        self.path = path


def read_data(customer: Members, tenant: Tenant) -> list[Item]:
    """Return the data of a customer, the previous one's where it gives none itself (D: PreviousId).

    Raises `InvalidCustomerError` where a column cannot be used, or a required one has no value (D: "This
    will result in a validation error").
    """
    columns = columns_of(tenant)
    given = [(_column(item, columns, tenant), item) for item in customer.objects("Data")]
    data = _copied(customer, tenant)
    data.update({key: _item(key, item) for key, item in given if key in columns})
    _check_required(customer, data, columns, tenant)
    return list(data.values())


def _column(item: Members, columns: dict[Any, Document], tenant: Tenant) -> int | None:
    """Return the id of the column that an item is for, None for one that is left out of the data.

    U: variants `unknown_column` and `archived_column`.
    """
    key = _named(item, columns, tenant)
    column = columns.get(key)
    if column is None and tenant.variants.unknown_column == "refused":
        raise InvalidCustomerError(item.path, "The customer data column does not exist.")
    if column and column["Archived"] and tenant.variants.archived_column == "refused":
        raise InvalidCustomerError(item.path, f"The customer data column {column['Name']} is archived.")
    return key


def _named(item: Members, columns: dict[Any, Document], tenant: Tenant) -> int | None:
    """Return the id that an item names, by itself or by a name; both, or a name alone, are unknown.

    U: variants `data_by_name` and `id_and_name_differ`.
    """
    identity, name = item.number("CustomerDataColumnId"), item.text("Name")
    if identity is None and tenant.variants.data_by_name == "refused":
        raise InvalidCustomerError(item.path, "The CustomerDataColumnId is required.")
    if identity is None:
        return _by_name(item, columns)
    differ = name is not None and name != columns.get(identity, {"Name": name})["Name"]
    if differ and tenant.variants.id_and_name_differ == "refused":
        raise InvalidCustomerError(item.path, "The CustomerDataColumnId and the Name are of two columns.")
    return _by_name(item, columns) if differ and tenant.variants.id_and_name_differ == "name" else identity


def _by_name(item: Members, columns: dict[Any, Document]) -> int | None:
    found = [key for key, column in columns.items() if column["Name"] == item.text("Name")]
    if len(found) > 1:
        raise InvalidCustomerError(item.path, "The Name is of several customer data columns.")
    return found[0] if found else None


def _item(key: int | None, item: Members) -> Item:
    encryption = {name: item.raw(name) for name in _ENCRYPTION if item.raw(name) is not None}
    return {"CustomerDataColumnId": key, "Value": item.text("Value"), **encryption}


def _copied(customer: Members, tenant: Tenant) -> dict[int | None, Item]:
    """Return the data of the previous customer (U, one that nobody has: variant `unknown_previous`)."""
    identity = customer.number("PreviousId")
    previous = None if identity is None else tenant.documents.get(CUSTOMERS, identity)
    if identity is not None and previous is None and tenant.variants.unknown_previous == "refused":
        raise InvalidCustomerError(customer.at("PreviousId"), "The previous customer does not exist.")
    return {item["CustomerDataColumnId"]: item for item in previous["Data"]} if previous else {}


def _check_required(
    customer: Members, data: dict[int | None, Item], columns: dict[Any, Document], tenant: Tenant
) -> None:
    given = {key for key, item in data.items() if _counts(item, tenant)}
    missing = [columns[key]["Name"] for key in _required(columns, tenant) if key not in given]
    if missing:
        message = f"Required customer data is missing: {', '.join(missing)}."
        raise InvalidCustomerError(customer.at("Data"), message)


def _required(columns: dict[Any, Document], tenant: Tenant) -> Iterable[Any]:
    """Return the required columns (U, archived ones: variant `archived_required`)."""
    with_archived = tenant.variants.archived_required == "needed"
    return (key for key, c in columns.items() if c["Required"] and (with_archived or not c["Archived"]))


def _counts(item: Item, tenant: Tenant) -> bool:
    """Say whether an item satisfies a required column (U, empty values: variant `empty_required`)."""
    return bool(item["Value"]) or tenant.variants.empty_required == "accepted"
