from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.expoints.seed import Moment, is_relative, resolve

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
NOW = datetime(2026, 7, 1, 22, 30, 15, 123456, tzinfo=UTC)
"""In Amsterdam it is already the second of July."""
ZONES = st.sampled_from(["Europe/Amsterdam", "America/New_York", "Australia/Lord_Howe", "UTC"]).map(ZoneInfo)


def day(text: str) -> Moment:
    return Moment(text)


def clock(text: str) -> Moment:
    return Moment(text, is_time=True)


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("now", "2026-07-02T00:30:15+02:00"),
        ("today", "2026-07-02T00:00:00+02:00"),
        ("tomorrow", "2026-07-03T00:00:00+02:00"),
        ("yesterday", "2026-07-01T00:00:00+02:00"),
        ("+21d", "2026-07-23T00:00:00+02:00"),
        ("+9999d", "2053-11-16T00:00:00+01:00"),
        ("tomorrow 09:30", "2026-07-03T09:30:00+02:00"),
        ("+1dT09:30:05", "2026-07-03T09:30:05+02:00"),
        ("2026-12-01", "2026-12-01T00:00:00+01:00"),
        ("2026-12-01T09:30", "2026-12-01T09:30:00+01:00"),
        ("2026-12-01T09:30Z", "2026-12-01T10:30:00+01:00"),
        ("2026-12-01T09:30+05:30", "2026-12-01T05:00:00+01:00"),
    ],
)
def test_a_day_or_a_time_on_it(text: str, at: str) -> None:
    resolved, note = resolve(day(text), NOW, AMSTERDAM)
    assert (resolved.isoformat(), note) == (at, "")


NO_DAYS = [
    *("", "Today", "next week", "21d", "+21", "+21w", "+ 21d", "+12345d", "today+1d", "now 09:30"),
    *("2026-02-30", "2027-02-29", "2026-13-01", "2026-1-1", "01-12-2026", "2026/12/01", "20261201"),
    *("2026-12-01T", "2026-12-01T24:00", "2026-12-01T9:30", "2026-12-01T09:30:60", "2026-12-01T09"),
    *("2026-12-01T09:30+1", "2026-12-01T09:30.5", "1969-12-31", "9999-12-3", "2026-12-01\n", "٢٠٢٦-12-01"),
    *("11:30", "tomorrow 09:30 "),
]
NO_TIMES = ["", "9:30", "24:00", "11:60", "11", "11.30", "11:30Z", "today", "2026-12-01T11:30", "now"]


@pytest.mark.parametrize(
    ("moment", "message"),
    [
        *((Moment(text), "write a day") for text in NO_DAYS),
        *((Moment(text, is_time=True), "write a local time of day") for text in NO_TIMES),
    ],
    ids=str,
)
def test_what_is_no_moment(moment: Moment, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        is_relative(moment)


@pytest.mark.parametrize(
    ("text", "at", "note"),
    [
        ("2026-03-29T02:30", "2026-03-29T03:30:00+02:00", "does not exist in ZONE: it becomes 03:30"),
        ("2026-03-29T03:00", "2026-03-29T03:00:00+02:00", ""),
        ("2026-10-25T02:30", "2026-10-25T02:30:00+02:00", "comes twice in ZONE: the first counts"),
        ("2026-10-25T02:30+01:00", "2026-10-25T02:30:00+01:00", ""),
    ],
)
def test_around_a_change_of_the_clock(text: str, at: str, note: str) -> None:
    resolved, told = resolve(day(text), NOW, AMSTERDAM)
    assert resolved.isoformat() == at
    assert told.endswith(note.replace("ZONE", AMSTERDAM.key))
    assert bool(told) == bool(note)


@pytest.mark.parametrize(
    ("text", "now", "at"),
    [
        ("11:30", "2026-07-01T08:00+02:00", "2026-07-01T11:30:00+02:00"),
        ("11:30", "2026-07-01T23:00+00:00", "2026-07-02T11:30:00+02:00"),
        ("11:30:15", "2026-12-01T20:00+01:00", "2026-12-01T11:30:15+01:00"),
        ("02:30", "2026-03-29T00:30+01:00", "2026-03-30T02:30:00+02:00"),
        ("02:30", "2026-10-25T00:30+02:00", "2026-10-26T02:30:00+01:00"),
    ],
)
def test_of_a_time_of_day_only_the_time_counts(text: str, now: str, at: str) -> None:
    resolved, note = resolve(clock(text), datetime.fromisoformat(now), AMSTERDAM)
    assert (resolved.isoformat(), note) == (at, "")


LOCAL = st.datetimes(datetime.fromisoformat("1970-01-01"), datetime.fromisoformat("2099-12-31")).map(
    lambda at: at.replace(microsecond=0)
)
"""From 2000 to 2090."""


@given(LOCAL, ZONES)
def test_a_local_time_comes_back_unless_it_is_told_and_of_two_the_first_counts(
    local: datetime, zone: ZoneInfo
) -> None:
    at, note = resolve(day(local.isoformat()), NOW, zone)
    back = at.astimezone(zone).replace(tzinfo=None)
    assert at.utcoffset() == at.astimezone(zone).utcoffset()
    if "does not exist" in note:
        assert timedelta() < back - local <= timedelta(days=1)
    else:
        assert back == local
    around = [(at + timedelta(minutes=m)).astimezone(zone).replace(tzinfo=None) for m in (-60, -30, 30, 60)]
    assert local not in around[:2]
    assert (local in around[2:]) == ("comes twice" in note)
