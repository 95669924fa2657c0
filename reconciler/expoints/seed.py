"""A customer seed as the files declare it, on one target: all that planning and sending need to know of it.

Members stand under the names of the API's `ImportCustomersRequest` and `ImportCustomer` (vendor page
POST-api-v3-customer-add). Dates and times stand as they were written: they are resolved when a run starts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta, timezone
from enum import StrEnum
from fnmatch import fnmatchcase
from functools import cached_property, lru_cache
from typing import ClassVar, NamedTuple, TypeAlias
from zoneinfo import ZoneInfo

from msgspec import Struct

from reconciler.engine.change import digest_of
from reconciler.engine.kind import Json
from reconciler.problems import Place, Redacted


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


_NOW = "now"
_DAYS = {"yesterday": -1, "today": 0, "tomorrow": 1}
_TIME = r"(?P<time>(?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9])?)"
# Before 1970 local time had offsets of odd seconds, which ISO 8601 cannot write.
_DATE = r"(?P<date>(?:19[7-9][0-9]|2[0-9]{3})-[0-9]{2}-[0-9]{2})"
_DAY = rf"(?P<word>today|tomorrow|yesterday)|(?P<days>[+-][0-9]{{1,4}})d|{_DATE}"
_OFFSET = r"(?P<offset>Z|[+-](?:0[0-9]|1[0-4]):[0-5][0-9])"
_MOMENT = re.compile(f"(?:{_DAY})(?:[T ]{_TIME}{_OFFSET}?)?")
_TIME_OF_DAY = re.compile(_TIME)

FORMS = {
    MomentKind.DATE: re.compile(f"{_NOW}|{_MOMENT.pattern}"),
    MomentKind.TIME_OF_DAY: _TIME_OF_DAY,
}
"""How a moment is written; a day that no calendar has is written so too."""

_HINTS = {
    MomentKind.DATE: 'write a day, like "2026-12-01", "today" or "+21d", or a time on it: "2026-12-01T09:30"',
    MomentKind.TIME_OF_DAY: 'write a local time of day, like "11:30"',
}


class Resolved(NamedTuple):
    """When a moment is. `at` has a fixed offset, that of the zone then, and whole seconds."""

    at: datetime
    note: str = ""
    """What a change of the clock made of it, empty where it made nothing."""


class Spoken(NamedTuple):
    """A time for people: in their own zone, and in UTC."""

    local: str
    utc: str

    def __str__(self) -> str:
        return f"{self.local} ({self.utc})"


def check(moment: Moment) -> None:
    """Check the form of a moment. Errors: `ValueError`, whose text says what to write."""
    is_relative(moment)


@lru_cache(maxsize=1_000)  # thousands of customers say the same few moments
def is_relative(moment: Moment) -> bool:
    """Return whether it depends on when a run starts. Errors: as `check`."""
    said = _parsed(moment)
    return said is None or not said.get("date")


@lru_cache(maxsize=1_000)
def resolve(moment: Moment, now: datetime, zone: ZoneInfo) -> Resolved:
    """Return when a moment is, in a run that starts at `now`, which has an offset, in the zone of its writer.

    A local time that a change of the clock leaves out moves forward by what is left out; of one that comes
    twice the first counts; the note says so. A time of day is on a day that has it exactly once: today, or
    else the next, because only the time is looked at (vendor, `SendTime`). Errors: as `check`.
    """
    today = now.astimezone(zone).date()
    if moment.kind is MomentKind.TIME_OF_DAY:
        return _on_any_day(_clock(_parsed(moment)), today, zone)
    said = _parsed(moment)
    if said is None:
        return Resolved(_fixed(now.astimezone(zone).replace(microsecond=0)))
    local = datetime.combine(_day(said, today), _clock(said))
    if said["offset"]:
        return Resolved(
            _fixed(datetime.fromisoformat(f"{local.isoformat()}{said['offset']}").astimezone(zone))
        )
    return _at(local, zone)


def absolute(moment: Moment, zone: ZoneInfo) -> datetime:
    """Return when a moment is that is not relative, whenever a run starts. Errors: as `check`."""
    return resolve(moment, datetime.fromtimestamp(0, UTC), zone).at


def spoken(at: datetime, zone: ZoneInfo) -> Spoken:
    """Return a time as people read it: `2026-12-01 09:30 Europe/Amsterdam`, `2026-12-01 08:30 UTC`."""
    return Spoken(
        f"{at.astimezone(zone):%Y-%m-%d %H:%M} {zone.key}", f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    )


def _parsed(moment: Moment) -> dict[str, str | None] | None:
    """Return the parts of a moment, `None` for the start of the run."""
    if moment.kind is MomentKind.DATE and moment.text == _NOW:
        return None
    form = _MOMENT if moment.kind is MomentKind.DATE else _TIME_OF_DAY
    match = form.fullmatch(moment.text)
    if match is None or not _exists(match.groupdict().get("date")):
        raise ValueError(_HINTS[moment.kind])
    return match.groupdict()


def _exists(day: str | None) -> bool:
    try:
        return day is None or bool(date.fromisoformat(day))
    except ValueError:
        return False


def _day(said: dict[str, str | None], today: date) -> date:
    if said["date"]:
        return date.fromisoformat(said["date"])
    return today + timedelta(days=int(said["days"] or _DAYS[said["word"] or "today"]))


def _clock(said: dict[str, str | None] | None) -> time:
    return time.fromisoformat((said and said["time"]) or "00:00")


def _at(local: datetime, zone: ZoneInfo) -> Resolved:
    at = local.replace(tzinfo=zone, fold=0)
    really = at.astimezone(UTC).astimezone(zone)
    if really.replace(tzinfo=None) != local:
        note = f"{local:%Y-%m-%d %H:%M} does not exist in {zone.key}: it becomes {really:%H:%M}"
        return Resolved(_fixed(really), note)
    if at.utcoffset() != at.replace(fold=1).utcoffset():
        return Resolved(_fixed(at), f"{local:%Y-%m-%d %H:%M} comes twice in {zone.key}: the first counts")
    return Resolved(_fixed(at))


def _on_any_day(clock: time, today: date, zone: ZoneInfo) -> Resolved:
    on_days = [_at(datetime.combine(today + timedelta(days=days), clock), zone) for days in range(2)]
    return next((resolved for resolved in on_days if not resolved.note), on_days[0])


def _fixed(at: datetime) -> datetime:
    # Times in one zone are compared by their clocks, which is wrong where a clock is changed.
    return at.astimezone(timezone(at.utcoffset() or timedelta()))


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
