"""Dates and times of a seed: how they are written, and what they mean when a run starts.

    today, tomorrow, yesterday, +21d, -3d, 2026-12-01      a day, from 00:00 on
    tomorrow 09:30, 2026-12-01T09:30, 2026-12-01T09:30:00  a local time on it
    2026-12-01T09:30+01:00, 2026-12-01T08:30Z              the same, wherever one is
    now                                                    when the run starts
    11:30                                                  a time of day, on any day

The vendor's samples have an offset, and what a time without one means is not documented; so every resolved
time has one (vendor page POST-api-v3-customer-add).
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta, timezone
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from reconciler.expoints.seed import Moment, MomentKind

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
