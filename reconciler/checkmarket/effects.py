"""What an import configuration does to people: when contacts are invited, and when their invitation lapses.

Source, where nothing else is said: the vendor's model page ImportSurveyLink. Times of day are UTC. Whether
days count from the date of the import in UTC or in the account's time zone is not documented, nor what a
delay does without a time. So each moment has the earliest and the latest one that the facts allow.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo

from msgspec import Struct

from reconciler.engine.kind import Certainty, Json, Values

SURVEY = "survey_settings.survey_id"
DELAY = "survey_settings.invitation_delay_in_days"
INVITATION_TIME = "survey_settings.invitation_time"
EXPIRATION = "survey_settings.expiration_after_days"
EXPIRATION_TIME = "survey_settings.expiration_time"

_LAST = date(9999, 12, 29)  # so that every moment can be told in every time zone


class Timeline(Struct, frozen=True):
    """What becomes of contacts imported at one moment.

    `invited` and `lapses` are what to expect, `None` for never; what the facts allow lies between the
    earliest and the latest, which are the same where nothing is open. Every time has the fixed offset that
    `zone` has then: times of one zone are compared by their clocks, which is wrong where a clock is changed.
    """

    at: datetime  # of the import
    zone: str  # the name of the time zone, for people
    invited: datetime | None = None
    invited_earliest: datetime | None = None
    invited_latest: datetime | None = None
    invited_certainty: Certainty = Certainty.DOCUMENTED
    lapses: datetime | None = None
    lapses_earliest: datetime | None = None
    lapses_latest: datetime | None = None
    lapses_certainty: Certainty = Certainty.DOCUMENTED
    notes: Sequence[tuple[Certainty, str]] = ()  # what a person should know of it, each with its mark

    @property
    def is_at_once(self) -> bool:
        """Whether mail is expected to leave with the import itself."""
        return self.invited == self.at

    @property
    def lapses_first(self) -> bool:
        """Whether the invitation is expected to lapse before it is sent."""
        return bool(self.invited and self.lapses and self.lapses <= self.invited)


def timeline(values: Values, at: datetime) -> Timeline:
    """Return when contacts imported `at` that moment are invited and when their invitation lapses.

    `at` is aware, in the time zone in which people read. A value in no known form counts as empty.
    """
    zone, day = at.tzinfo or UTC, at.date()
    at = at.astimezone(UTC)
    if not values.get(SURVEY):
        note = "no survey is set: contacts are imported, and nobody is invited"
        notes = [(Certainty.INFERRED, note)]
        return Timeline(_fixed(at, zone), str(zone), invited_certainty=Certainty.INFERRED, notes=notes)
    days, unknown = (at.date(), day), list[str]()  # from the first of them days are expected to count

    delay, clock = _days(values.get(DELAY)), _clock(values.get(INVITATION_TIME))
    invited = [at]
    if clock is not None:
        invited = [max(at, _moment(day, delay, clock)) for day in days]
    elif delay:
        invited = [_moment(days[0], delay, at.time())]
    is_moved = len({*invited}) > 1
    if invited[0] > at and (clock is None or not delay):
        empty, given = ("time", "a delay") if delay else ("delay", "a time still to come")
        unknown.append(
            f"an empty {empty} is documented as at once, and not what it does beside {given}: mail may leave "
            "earlier, even with the import itself"
        )
        invited.append(at)

    after, clock = _days(values.get(EXPIRATION)), _clock(values.get(EXPIRATION_TIME))
    lapses: list[datetime] = []
    if after and clock is not None:
        lapses = [_moment(day, after, clock) for day in days]
    elif after:
        lapses = [_moment(day, after + n, time(), its) for n in (0, 1) for day in days for its in (UTC, zone)]
        unknown.append("at which hour of its day an invitation lapses that has no time is not documented")
    elif clock is not None:
        unknown.append("whether an expiration time without days ends an invitation is not documented")
    if days[0] != days[1] and (is_moved or after):
        dates = f"{days[0]} in UTC and {days[1]} in {zone}"
        unknown.append(f"the import is on {dates}: from which of them days count is not documented")
    may_lapse = [*lapses, max(at, _moment(days[0], 0, clock))] if clock and not after else lapses
    is_open = (min(invited) != max(invited), len({*may_lapse}) != 1 or not lapses)
    sure = [Certainty.INFERRED if one else Certainty.DOCUMENTED for one in is_open]
    ends = [sorted(may_lapse)[:1], lapses[:1], sorted(lapses)[-1:]]
    earliest, lapse, latest = [_fixed(one[0], zone) if one else None for one in ends]
    return Timeline(
        at=_fixed(at, zone),
        zone=str(zone),
        invited=_fixed(invited[0], zone),
        invited_earliest=_fixed(min(invited), zone),
        invited_latest=_fixed(max(invited), zone),
        invited_certainty=sure[0],
        lapses=lapse,
        lapses_earliest=earliest,
        lapses_latest=latest,
        lapses_certainty=sure[1],
        notes=[(Certainty.UNKNOWN, one) for one in unknown],
    )


def moment_told(at: datetime) -> str:
    """Return a moment for people, in its own time zone: `Thu 3 Dec 2026 11:00`."""
    return f"{at:%a} {at.day} {at:%b} {at.year} {at:%H:%M}"


def _fixed(at: datetime, zone: tzinfo) -> datetime:
    at = at.astimezone(zone)
    return at.astimezone(timezone(at.utcoffset() or timedelta()))


def _moment(day: date, days: int, clock: time, zone: tzinfo = UTC) -> datetime:
    """Return the time of day so many days later, at the latest on the last day that can be told."""
    last = day + timedelta(days=min(days, (_LAST - day).days))
    return datetime.combine(last, clock, zone).astimezone(UTC)


def _days(value: Json) -> int:
    return max(value, 0) if isinstance(value, int) and not isinstance(value, bool) else 0


def _clock(value: Json) -> time | None:
    """Return a time of day, `None` for none and for what is in no known form."""
    with suppress(ValueError):
        return time.fromisoformat(value) if isinstance(value, str) and ":" in value else None
    return None
