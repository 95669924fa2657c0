"""Whom a test batch may write to: single addresses that a target's lists allow, and how they are shown.

Mail is sent even for a test batch (vendor page POST-api-v3-customer-add), so whatever is not plainly one
address is none, even where a mail server would take it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from fnmatch import fnmatchcase
from functools import lru_cache

LONGEST = 254
_ATOM = r"[A-Za-z0-9_+'=-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
# No % and !, which some servers take for a way to somebody else; no *, which belongs in patterns.
_LOCAL = rf"(?=[^@]{{1,64}}@){_ATOM}(?:\.{_ATOM})*"
_DOMAIN = rf"(?:{_LABEL}\.)+[A-Za-z][A-Za-z0-9-]{{0,61}}[A-Za-z0-9]"
ADDRESS = re.compile(f"{_LOCAL}@{_DOMAIN}")
"""The form of one plain address in ASCII."""
_NOT_STARS = re.compile(r"[?\[]")


def is_one_address(text: str) -> bool:
    """Return whether `text` is exactly one plain address in ASCII: no list, name, quotes or blank."""
    return len(text) <= LONGEST and ADDRESS.fullmatch(text) is not None


def matches(address: str, patterns: Iterable[str]) -> bool:
    """Return whether `address` is one address that a pattern allows.

    Before the @ of a pattern a `*` stands for anything, and nothing else is special; what is after the @ is
    literal, upper and lower case alike. Without patterns nobody is allowed.
    """
    return is_one_address(address) and any(_allows(pattern, address) for pattern in patterns)


def masked(text: str) -> str:
    """Return how an address may be shown: `j***@example.com`; `***` for what is not one address."""
    if not is_one_address(text):
        return "***"
    local, _, domain = text.partition("@")
    return f"{local[0]}***@{domain}"


def _allows(pattern: str, address: str) -> bool:
    local, _, domain = address.partition("@")
    allowed, allowed_domain = _parts(pattern)
    return domain.casefold() == allowed_domain and fnmatchcase(local, allowed)


@lru_cache(maxsize=1_000)
def _parts(pattern: str) -> tuple[str, str]:
    """Return the glob for what is before the @, and the domain in lower case."""
    allowed, _, domain = pattern.rpartition("@")
    # The brackets make the other special characters of a glob mean themselves.
    return _NOT_STARS.sub(r"[\g<0>]", allowed), domain.casefold()
