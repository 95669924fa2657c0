"""A customer seed as the files declare it on one target: its values, its dates and times, its addresses.

Members have the names of the API's `ImportCustomersRequest` and `ImportCustomer` (vendor page
POST-api-v3-customer-add). Dates and times are kept as they were written and resolved when a run starts:

    today, tomorrow, yesterday, +21d, -3d, 2026-12-01      a day, from 00:00 on
    tomorrow 09:30, 2026-12-01T09:30, 2026-12-01T09:30:00  a local time on it
    2026-12-01T09:30+01:00, 2026-12-01T08:30Z              the same in every time zone
    now                                                    when the run starts
    11:30                                                  a time of day, on any day

The vendor's samples have an offset, and the meaning of a time without one is not documented; so every
resolved time has one.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta, timezone
from enum import StrEnum
from fnmatch import fnmatchcase
from functools import lru_cache, partial
from typing import Any, ClassVar, Literal, TypeAlias
from zoneinfo import ZoneInfo

from msgspec import Struct
from pydantic.alias_generators import to_snake

from reconciler.engine.kind import Json, digest_of
from reconciler.problems import Place, Redacted


class Send(StrEnum):
    """When a seed is sent."""

    ONCE = "once"
    ON_CHANGE = "on_change"
    BY_HAND = "by_hand"


SENDINGS: Mapping[str, str] = {
    Send.ONCE: "each customer once a round, whatever changes",
    Send.ON_CHANGE: "again where the content of a customer, or of the batch, has changed",
    Send.BY_HAND: "only by seeds send",
}


class Moment(Struct, frozen=True):
    """A date or time as it was written: `today`, `+21d`, `2026-12-01`, `2026-12-01T09:30`, `11:30`."""

    text: str
    is_time: bool = False  # whether it is a time of day, on any day


Value: TypeAlias = "Json | Moment"  # a member of a batch or customer: plain, or a moment still to be resolved

_BREAK = re.compile("\r\n?")


def line_feeds(text: str) -> str:
    """Return text with every line break as one line feed, as it would stand in another checkout."""
    return _BREAK.sub("\n", text)


def canonical(text: str) -> str:
    """Return text in the form in which it is compared: line feeds, and Unicode's composed form."""
    return text if text.isascii() and "\r" not in text else _spelled(text, "NFC", "\n")


def _spelled(text: str, form: Literal["NFC", "NFD"], line_break: str) -> str:
    # Imported here, for a start is short.
    from unicodedata import normalize

    return normalize(form, line_feeds(text)).replace("\n", line_break)


Spelling: TypeAlias = "Callable[[str], str]"

SPELLINGS: tuple[Spelling, ...] = (
    str,
    *(partial(_spelled, form=f, line_break=b) for f in ("NFC", "NFD") for b in ("\n", "\r\n", "\r")),
)
"""Forms in which an earlier version, which compared text as it stood in the files, may have hashed it."""


def spelled(value: Any, spelling: Spelling) -> Any:
    """Return plain data with every text in it in this spelling, a text file in base64 too."""
    if isinstance(value, str):
        return spelling(value)
    if isinstance(value, list):
        return [spelled(item, spelling) for item in value]
    if not isinstance(value, dict):
        return value
    found = {name: spelled(item, spelling) for name, item in value.items()}
    with suppress(ValueError, TypeError):  # what is no text in base64 stays as it is
        content = base64.b64decode(value.get("Data", ()), validate=True)
        text = spelling(content.decode()).encode()
        found["Data"] = base64.b64encode(text).decode()
        if value.get("FileSize") == len(content):
            found["FileSize"] = len(text)
    return found


class DataItem(Redacted, frozen=True):
    """One value of a customer's data, for the column with that name (`str`) or id (`int`)."""

    shown: ClassVar = ("column", "place")

    column: str | int
    value: str
    place: Place  # where its column is named
    encryption: tuple[str, str] | None = None
    """Certificate thumbprint and encryption key of a value that is already encrypted."""

    @property
    def key(self) -> str | int:
        """The column in the form in which two spellings of its name are one."""
        return canonical(self.column) if isinstance(self.column, str) else self.column


_COPYING = ("PreviousId", "AnswersToCopy", "CopyAllAnswers")


class SeedCustomer(Redacted, frozen=True):
    """One customer of a seed: one survey to one mailbox."""

    shown: ClassVar = ("place",)

    place: Place
    email: str
    members: Mapping[str, Value]
    """Every other declared member but `Email` and `Data`: `SendDate`, `Priority`, `Answers`, …"""
    data: tuple[DataItem, ...]
    header: int = 0  # of a row of a table, the line of its headers
    columns: Mapping[str, int] = {}  # and the number of each column of data, by its header

    @property
    def mailbox(self) -> str:
        """The address in the form in which two spellings of it are one."""
        return self.email.strip().casefold()

    @property
    def copies(self) -> tuple[str, ...]:
        """The fields by which it copies data or answers of an earlier customer of the tenant."""
        return tuple(to_snake(name) for name in _COPYING if self.members.get(name) not in (None, False, []))

    def digest(self, spelling: Spelling = canonical) -> str:
        """Return a fingerprint of the declared content in a spelling; the order of its data means nothing."""
        data = sorted([spelling(str(i.column)), spelling(i.value), i.encryption or ()] for i in self.data)
        return digest_of([self.email, spelled(as_written(self.members), spelling), data])


class Seed(Redacted, frozen=True):
    """A declared test batch on one target."""

    shown: ClassVar = ("key", "place")

    key: str  # `customer_seeds.onboarding-smoke`
    place: Place
    customers: tuple[SeedCustomer, ...]
    batch: Mapping[str, Value]  # every declared member of the request but `Customers`: `IsTest`, `EndDate`, …
    send: Send = Send.ONCE
    round: str = "1"
    after: tuple[str, ...] = ()  # full keys that must be applied or unchanged before it may be sent
    shared_mailbox: bool = False
    fault_statuses: tuple[str | int, ...] = ()
    """Status names or codes of the tenant that mean that a customer was not mailed."""

    def digest_on(self, target: str, account: str, zone: str) -> str:
        """Return a fingerprint that binds a review to what is declared, on one target and tenant.

        It covers the seed as a whole, so that it reveals nothing of a single customer, and what was written
        (`+21d`), not what that means today. `zone` counts where a time is written.
        """
        batch = digest_of(spelled(as_written(self.batch), canonical))
        declared = [self.send, self.round, sorted(self.after), batch]
        everywhere = (self.batch, *(customer.members for customer in self.customers))
        if any(isinstance(value, Moment) for members in everywhere for value in members.values()):
            declared.append(zone)
        return digest_of([target, account, self.key, declared, [c.digest() for c in self.customers]])


def as_written(members: Mapping[str, Value]) -> dict[str, Json]:
    """Return members with the moments among them as text."""
    return {name: value.text if isinstance(value, Moment) else value for name, value in members.items()}


_NOW = "now"
_DAYS = {"yesterday": -1, "today": 0, "tomorrow": 1}
_TIME = r"(?P<time>(?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9])?)"
# Before 1970 local time had offsets of odd seconds, which ISO 8601 cannot write.
_DATE = r"(?P<date>(?:19[7-9][0-9]|2[0-9]{3})-[0-9]{2}-[0-9]{2})"
_DAY = rf"(?P<word>today|tomorrow|yesterday)|(?P<days>[+-][0-9]{{1,4}})d|{_DATE}"
_OFFSET = r"(?P<offset>Z|[+-](?:0[0-9]|1[0-4]):[0-5][0-9])"
_MOMENT = re.compile(f"(?:{_DAY})(?:[T ]{_TIME}{_OFFSET}?)?")
DATE_FORM = re.compile(f"{_NOW}|{_MOMENT.pattern}")
"""How a date, or a time on it, is written; a day that is in no calendar matches too."""
TIME_FORM = re.compile(_TIME)  # how a time of day is written


@lru_cache(maxsize=1_000)  # thousands of customers have the same few moments
def is_relative(moment: Moment) -> bool:
    """Return whether it depends on when a run starts. Errors: `ValueError`, whose text says what to write."""
    return not _parts(moment).get("date")


@lru_cache(maxsize=1_000)
def resolve(moment: Moment, now: datetime, zone: ZoneInfo) -> tuple[datetime, str]:
    """Return when a moment is, in a run that starts at `now`, and how a clock change moves it, "" for not.

    The time has a fixed offset, that of the zone then, and whole seconds. A local time, in the `zone` of its
    writer, that a clock change leaves out moves forward by what is left out; of one that comes twice the
    first counts. A time of day is on a day that has it exactly once, today or else the next, because only
    the time is looked at (vendor, `SendTime`). Errors: as `is_relative`.
    """
    start, parts, note = now.astimezone(zone), _parts(moment), ""
    if not parts:
        at = start.replace(microsecond=0)
    else:
        day = date.fromisoformat(parts.get("date") or start.date().isoformat())
        day += timedelta(days=int(parts.get("days") or _DAYS.get(parts.get("word") or "", 0)))
        local = datetime.combine(day, time.fromisoformat(parts["time"] or "00:00"))
        if parts.get("offset"):
            at = datetime.fromisoformat(f"{local.isoformat()}{parts['offset']}").astimezone(zone)
        else:
            at, note = _local(local, zone)
            if note and moment.is_time:
                at, note = _local(local + timedelta(days=1), zone)
    # Times in one zone are compared by their clocks, which is wrong where a clock is changed.
    return at.astimezone(timezone(at.utcoffset() or timedelta())), note


def mailed_from(send: Value, clock: Value, now: datetime, zone: ZoneInfo) -> datetime:
    """Return before when no mail goes to a customer with this `SendDate`, in a batch with this `SendTime`.

    Vendor: null is now; of a `SendDate` that is over it says nothing. Errors: as `is_relative`.
    """
    first = max(resolve(send if isinstance(send, Moment) else Moment(_NOW), now, zone)[0], now)
    if not isinstance(clock, Moment):
        return first
    that_day = Moment(f"{first.astimezone(zone):%Y-%m-%d}T{clock.text}")
    return max(first, resolve(that_day, now, zone)[0])


def time_text(at: datetime, zone: ZoneInfo) -> str:
    """Return a time for people: `2026-12-01 09:30 Europe/Amsterdam (2026-12-01 08:30 UTC)`."""
    return f"{at.astimezone(zone):%Y-%m-%d %H:%M} {zone.key} ({at.astimezone(UTC):%Y-%m-%d %H:%M} UTC)"


def _parts(moment: Moment) -> Mapping[str, str | None]:
    """Return the parts of a moment, none for the start of the run."""
    if moment.is_time:
        if match := TIME_FORM.fullmatch(moment.text):
            return match.groupdict()
        raise ValueError('write a local time of day, like "11:30"')
    if moment.text == _NOW:
        return {}
    if match := _MOMENT.fullmatch(moment.text):
        with suppress(ValueError):
            date.fromisoformat(match["date"] or "2000-01-01")
            return match.groupdict()
    raise ValueError('write a day, like "2026-12-01", "today" or "+21d", or a time on it: "2026-12-01T09:30"')


_MONTHS = (
    *("jan", "feb", "mar|mrt|maa|mär", "apr", "may|mei|mai", "jun", "jul", "aug", "sep", "o[ck]t", "nov"),
    "de[cz]",
)
_PART = "[0-9]{1,2}|" + "|".join(f"(?:{one})[a-zä]{{0,6}}[.]?" for one in _MONTHS)
# Compiled where a date is wrong: that takes longer than most files.
_DAY_LIKE = (
    rf"([0-9]{{4}}|{_PART})(?:[-./]|,? )({_PART})(?:[-./]|,? )([0-9]{{4}}|[0-9]{{1,2}})"
    r"((?:T|,? )[0-9]{1,2}[:.][0-9]{2}(?:[:.][0-9.]{2,9})?(?: ?[ap]m)?(?:Z|[+-][0-9:]{4,5})?)?"
)
_COMPACT = r"20[0-9]{2}[01][0-9][0-3][0-9]"
_SERIAL = r"[45][0-9]{4}"  # days since the end of 1899, as spreadsheets count


def days_meant(text: str) -> tuple[str, ...] | None:
    """Return the days that a text in the form of a date may mean, `None` for one that is in no such form.

    None are returned for a day that is in no calendar, or has a time on it.
    """
    if re.fullmatch(_SERIAL, text):
        return ((date(1899, 12, 30) + timedelta(days=int(text))).isoformat(),)
    if re.fullmatch(_COMPACT, text):
        text = f"{text[:4]}-{text[4:6]}-{text[6:]}"
    match = re.fullmatch(_DAY_LIKE, text, re.IGNORECASE)
    if match is None:
        return None
    *parts, at = match.groups()
    first, second, last = (
        int(part)
        if part.isdecimal()
        else next(n for n, names in enumerate(_MONTHS, start=1) if re.match(names, part, re.IGNORECASE))
        for part in parts
    )
    year = last if len(parts[2]) == 4 else 2000 + last
    if parts[0].isdecimal() and len(parts[0]) == 4:
        orders = [(first, second, last)]
    else:
        orders = [(year, second, first)] if parts[0].isdecimal() else []
        orders += [(year, first, second)] if parts[1].isdecimal() else []
    days = dict[str, None]()
    for order in orders if not at else ():
        with suppress(ValueError):
            days[date(*order).isoformat()] = None
    return tuple(day for day in days if day >= "1970")


def _local(local: datetime, zone: ZoneInfo) -> tuple[datetime, str]:
    """Return when a local time is, and how a clock change moves it."""
    at = local.replace(tzinfo=zone)
    really = at.astimezone(UTC).astimezone(zone)
    if really.replace(tzinfo=None) != local:
        return really, f"{local:%Y-%m-%d %H:%M} does not exist in {zone.key}: it becomes {really:%H:%M}"
    if at.utcoffset() != at.replace(fold=1).utcoffset():
        return at, f"{local:%Y-%m-%d %H:%M} comes twice in {zone.key}: the first counts"
    return at, ""


LONGEST = 254  # characters of an address
_ATOM = r"[A-Za-z0-9_+'=-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
# No % and !, which some servers take for a way to another mailbox; no *, which belongs in patterns.
_LOCAL = rf"(?=[^@]{{1,64}}@){_ATOM}(?:\.{_ATOM})*"
_DOMAIN = rf"(?:{_LABEL}\.)+[A-Za-z][A-Za-z0-9-]{{0,61}}[A-Za-z0-9]"
ADDRESS = re.compile(f"{_LOCAL}@{_DOMAIN}")  # the form of one plain address in ASCII


def is_one_address(text: str) -> bool:
    """Return whether `text` is exactly one plain address in ASCII, whatever else a mail server may take."""
    return len(text) <= LONGEST and ADDRESS.fullmatch(text) is not None


def matches(address: str, patterns: Iterable[str]) -> bool:
    """Return whether `address` is one address that a pattern allows; without patterns none is.

    Before the @ of a pattern a `*` stands for anything, and nothing else is special; what is after the @ is
    literal, upper and lower case alike.
    """
    if not is_one_address(address):
        return False
    local, _, domain = address.partition("@")
    for pattern in patterns:
        allowed, _, allowed_domain = pattern.rpartition("@")
        # The brackets make the other special characters of a glob mean themselves.
        glob = re.sub(r"[?\[]", r"[\g<0>]", allowed)
        if domain.casefold() == allowed_domain.casefold() and fnmatchcase(local, glob):
            return True
    return False


def masked(text: str) -> str:
    """Return how an address may be shown: `j***@example.com`; `***` for what is not one address."""
    if not is_one_address(text):
        return "***"
    local, _, domain = text.partition("@")
    return f"{local[0]}***@{domain}"
