"""Who may call, and how often: the two keys of every request, their roles, and the account's allowance."""

from __future__ import annotations

from typing import NamedTuple

from msgspec import Struct

from .calls import Call, FailedError

READ_CONTACTS = "Contacts (read)"
WRITE_CONTACTS = "Contacts (write)"

_ALLOWANCE = "checkmarket.allowance"


class Keys(Struct, frozen=True, kw_only=True):
    """Which keys are accepted, None for all that are not blank; a read-only key lacks the write role."""

    master: frozenset[str] | None = None
    accepted: frozenset[str] | None = None
    read_only: frozenset[str] = frozenset()

    def admit(self, master_key: str, key: str, role: str | None, call: Call) -> None:
        """Raise `FailedError` unless both keys are accepted (UNK: variant `bad_key`) and hold the role.

        A missing role is 403 (DOC, single contact example).
        """
        if not (_accepts(self.master, master_key) and _accepts(self.accepted, key)):
            raise FailedError(int(call.variants.bad_key), "X-Master-Key or X-Key is missing or wrong.")
        if role == WRITE_CONTACTS and key in self.read_only:
            raise FailedError(403, f"The key does not have the role {role}.")


def spend_allowance(call: Call) -> None:
    """Count one request of the account; `FailedError` 429, and nothing counted, over its allowance.

    DOC, throttling page: counted per account over all keys, per minute and per day; the answer says which
    limit was hit and for how long. UNK: the numbers and Retry-After (variants).
    """
    variants = call.variants
    windows = (
        _Window("minute", 60, variants.requests_per_minute),
        _Window("day", 86_400, variants.requests_per_day),
    )
    limited = [window for window in windows if window.allowed is not None]
    for window in limited:
        window.check(call)
    for window in limited:
        window.add_one(call)


class _Window(NamedTuple):
    """A calendar minute or day, and the requests that are allowed in it."""

    unit: str
    seconds: int
    allowed: int | None

    def check(self, call: Call) -> None:
        """Raise `FailedError` where the allowance is used up."""
        if self._spent(call) >= (self.allowed or 0):
            wait = int(self.seconds - call.now % self.seconds) + 1
            headers = {"Retry-After": str(wait)} if call.variants.retry_after == "header" else {}
            message = f"The allowance of {self.allowed} requests per {self.unit} is used up"
            raise FailedError(429, f"{message}; retry after {wait} seconds.", headers)

    def add_one(self, call: Call) -> None:
        """Count one request in this window."""
        spent = {"Window": call.now // self.seconds, "Count": self._spent(call) + 1}
        call.documents.put(_ALLOWANCE, self.unit, spent)

    def _spent(self, call: Call) -> int:
        spent = call.documents.get(_ALLOWANCE, self.unit)
        return int(spent["Count"]) if spent and spent["Window"] == call.now // self.seconds else 0


def _accepts(accepted: frozenset[str] | None, key: str) -> bool:
    return bool(key.strip()) and (accepted is None or key in accepted)
