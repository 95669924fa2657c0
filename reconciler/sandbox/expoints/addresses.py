"""When an address is valid, and when two are the same: neither is documented."""

from __future__ import annotations

import re

from .calls import Tenant

_ADDRESS = re.compile(r"[^\s@,;<>()\"]+@[^\s@,;<>()\"]+\.[^\s@.,;<>()\"]+")


def is_valid(address: str | None, tenant: Tenant) -> bool:
    """Say whether an address can be mailed (U: variant `plus_addresses`)."""
    if address is None or not _ADDRESS.fullmatch(address):
        return False
    return "+" not in address or tenant.variants.plus_addresses == "accepted"


def folded(address: str | None, tenant: Tenant) -> str:
    """Return what is equal for addresses that are the same (U: variant `address_case`)."""
    address = address or ""
    return address if tenant.variants.address_case == "sensitive" else address.casefold()


def is_asked_for(address: str | None, wanted: str, tenant: Tenant) -> bool:
    """Say whether a list filtered by an address shows another (U: variant `address_filter`)."""
    have, ask = folded(address, tenant), folded(wanted, tenant)
    return ask in have if tenant.variants.address_filter == "contains" else have == ask
