"""A customer seed as the files declare it, on one target: all that planning and sending need to know of it.

Members stand under the names of the API's `ImportCustomersRequest` and `ImportCustomer` (vendor page
POST-api-v3-customer-add). Dates and times stand as they were written: they are resolved when a run starts.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from functools import cached_property
from typing import ClassVar, TypeAlias

from msgspec import Struct

from reconciler.engine.digest import digest_of
from reconciler.engine.kind import Json
from reconciler.problems import Place
from reconciler.redacted import Redacted


class Send(StrEnum):
    """When a seed is sent."""

    ONCE = "once"
    """Each customer once a round, whatever changes."""
    ON_CHANGE = "on_change"
    """Again where the content of a customer, or of the batch, has changed."""
    BY_HAND = "by_hand"
    """Only by `seeds send`."""


class MomentKind(StrEnum):
    """What a moment is for, which decides what a missing half means."""

    DATE = "date"
    TIME_OF_DAY = "time of day"


class Moment(Struct, frozen=True):
    """A date or time as it was written: `today`, `+21d`, `2026-12-01`, `2026-12-01T09:30`, `11:30`."""

    text: str
    kind: MomentKind

    def __str__(self) -> str:
        return self.text


Value: TypeAlias = "Json | Moment"
"""A member of a batch or customer: plain, or a moment still to be resolved."""


class DataItem(Redacted, frozen=True):
    """One value of a customer's data, for the column with that name (`str`) or id (`int`)."""

    shown: ClassVar = ("column", "place")

    column: str | int
    value: str
    place: Place
    encryption: tuple[str, str] | None = None
    """Certificate thumbprint and encryption key of a value that is already encrypted."""


class SeedCustomer(Redacted, frozen=True, dict=True):
    """One customer of a seed: one survey to one mailbox."""

    shown: ClassVar = ("place",)

    place: Place
    email: str
    members: Mapping[str, Value]
    """Every other declared member but `Email` and `Data`: `SendDate`, `Priority`, `Answers`, …"""
    data: tuple[DataItem, ...]

    @property
    def mailbox(self) -> str:
        """The address in the form in which two spellings of it are one."""
        return self.email.strip().casefold()

    @cached_property
    def digest(self) -> str:
        """A fingerprint of the declared content; the order of its data means nothing."""
        data = sorted([str(i.column), i.value, i.encryption or ()] for i in self.data)
        return digest_of([self.email, _plain(self.members), data])


_COPYING = {
    "PreviousId": "previous_id",
    "AnswersToCopy": "answers_to_copy",
    "CopyAllAnswers": "copy_all_answers",
}


def copies_of(customer: SeedCustomer) -> tuple[str, ...]:
    """Return the fields by which it copies data or answers of an earlier customer of the tenant."""
    members = customer.members
    return tuple(name for member, name in _COPYING.items() if members.get(member) not in (None, False, []))


class Seed(Redacted, frozen=True, dict=True):
    """A declared test batch on one target."""

    shown: ClassVar = ("key", "place")

    key: str
    """`customer_seeds.onboarding-smoke`."""
    place: Place
    customers: tuple[SeedCustomer, ...]
    batch: Mapping[str, Value]
    """Every declared member of the request but `Customers`: `IsTest`, `EndDate`, `SendTime`, …"""
    send: Send = Send.ONCE
    round: str = "1"
    after: tuple[str, ...] = ()
    """Full keys that must be applied or unchanged before it may be sent."""
    shared_mailbox: bool = False
    fault_statuses: tuple[str | int, ...] = ()
    """Status names or codes of the tenant that mean that a customer was not mailed."""
    table: str = ""
    """A fingerprint of the bytes of the file that its customers come from, empty where none does."""

    @property
    def approves_automatically(self) -> bool:
        """Whether nobody at Expoints has to approve the batch before it is mailed."""
        return self.batch.get("ApproveAutomatically") is True

    @cached_property
    def batch_digest(self) -> str:
        """A fingerprint of the declared batch members, as they were written."""
        return digest_of(_plain(self.batch))

    def digest_on(self, target: str, account: str, zone: str) -> str:
        """Return a fingerprint that binds a review to what is declared, on one target and tenant.

        It is over the whole, so that it tells nothing of anybody in it, and over what was written (`+21d`),
        not over what that means today; nor over what was sent of it, so that it outlives a run. Where a day
        or time is written, `zone` says when that is, so another one is something else.
        """
        declared = [self.send, self.round, sorted(self.after), self.batch_digest, self.table]
        declared += [zone] if self._has_moments else []
        return digest_of([target, account, self.key, declared, [c.digest for c in self.customers]])

    @property
    def _has_moments(self) -> bool:
        everywhere = (self.batch, *(customer.members for customer in self.customers))
        return any(isinstance(value, Moment) for members in everywhere for value in members.values())


def _plain(members: Mapping[str, Value]) -> dict[str, Json]:
    return {name: str(value) if isinstance(value, Moment) else value for name, value in members.items()}
