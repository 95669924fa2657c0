"""When contacts are invited, and when the invitation lapses: over both changes to summer time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.checkmarket.effects import Timeline, timeline
from reconciler.engine.kind import Certainty, Json, Values

AMSTERDAM, NEW_YORK = "Europe/Amsterdam", "America/New_York"
KOLKATA, CHATHAM = "Asia/Kolkata", "Pacific/Chatham"


def settings(**given: Json) -> Values:
    return {f"survey_settings.{name}": value for name, value in {"survey_id": 7, **given}.items()}


def of(
    at: str, zone: str, delay: Json = None, time: Json = None, days: Json = None, end: Json = None
) -> Timeline:
    names = ("invitation_delay_in_days", "invitation_time", "expiration_after_days", "expiration_time")
    moment = datetime.fromisoformat(at).replace(tzinfo=UTC).astimezone(ZoneInfo(zone))
    return timeline(settings(**dict(zip(names, (delay, time, days, end), strict=True))), moment)


def told(moment: datetime | None) -> str:
    return f"{moment:%m-%d %H:%M}" if moment else "never"


@pytest.mark.parametrize(
    ("at", "zone", "delay", "time", "local"),
    [
        # Both changes to summer time: UTC stays, the local hour moves.
        ("2026-03-27T12:00", AMSTERDAM, 1, "09:00", "03-28 10:00"),
        ("2026-03-27T12:00", AMSTERDAM, 2, "09:00", "03-29 11:00"),
        ("2026-03-27T12:00", AMSTERDAM, 2, "01:00", "03-29 03:00"),  # the first moment of summer time
        ("2026-03-27T12:00", AMSTERDAM, 2, "00:59", "03-29 01:59"),
        ("2026-10-23T12:00", AMSTERDAM, 2, "00:30", "10-25 02:30"),  # the hour that comes twice
        ("2026-10-23T12:00", AMSTERDAM, 2, "01:30", "10-25 02:30"),
        ("2026-10-23T12:00", AMSTERDAM, 2, "09:00", "10-25 10:00"),
        ("2026-03-07T15:00", NEW_YORK, 1, "13:00", "03-08 09:00"),
        ("2026-10-31T15:00", NEW_YORK, 1, "13:00", "11-01 08:00"),
        ("2026-12-01T06:00", KOLKATA, 1, "09:00", "12-02 14:30"),
        ("2026-09-25T05:00", CHATHAM, 1, "09:00", "09-26 21:45"),
        ("2026-09-25T05:00", CHATHAM, 2, "09:00", "09-27 22:45"),
        # At once: nothing is set, or the time is past.
        ("2026-12-01T12:00", AMSTERDAM, None, None, "12-01 13:00"),
        ("2026-12-01T12:00", AMSTERDAM, 0, "", "12-01 13:00"),
        ("2026-12-01T12:00", AMSTERDAM, None, "09:00", "12-01 13:00"),
        ("2026-12-01T12:00", AMSTERDAM, None, "12:00", "12-01 13:00"),
        ("2026-12-01T12:00", AMSTERDAM, None, "noon", "12-01 13:00"),
    ],
)
def test_mail_leaves_at_its_utc_hour(at: str, zone: str, delay: Json, time: Json, local: str) -> None:
    found = of(at, zone, delay, time)
    assert (told(found.invited), found.invited_certainty) == (local, Certainty.DOCUMENTED)
    assert found.invited_earliest == found.invited == found.invited_latest
    assert found.is_at_once == (found.invited == found.at)
    assert found.notes == []


@pytest.mark.parametrize(
    ("at", "zone", "delay", "time", "expected", "earliest", "latest"),
    [
        # A delay without a time, and a time to come without a delay: at once is possible.
        ("2026-12-01T12:00", AMSTERDAM, 2, None, "12-03 13:00", "12-01 13:00", "12-03 13:00"),
        ("2026-12-01T06:00", AMSTERDAM, None, "09:00", "12-01 10:00", "12-01 07:00", "12-01 10:00"),
        # Between the two hours of one name.
        ("2026-10-25T00:40", AMSTERDAM, None, "01:10", "10-25 02:10", "10-25 02:40", "10-25 02:10"),
        # Around midnight it is another date there than in UTC.
        ("2026-12-01T23:30", AMSTERDAM, 2, "09:00", "12-03 10:00", "12-03 10:00", "12-04 10:00"),
        ("2026-12-01T23:30", AMSTERDAM, 0, "09:00", "12-02 00:30", "12-02 00:30", "12-02 10:00"),
        ("2026-12-02T03:00", NEW_YORK, 1, "09:00", "12-03 04:00", "12-02 04:00", "12-03 04:00"),
        ("2026-12-01T20:00", CHATHAM, 1, "09:00", "12-02 22:45", "12-02 22:45", "12-03 22:45"),
    ],
)
def test_what_is_not_documented_is_a_window(
    at: str, zone: str, delay: Json, time: Json, expected: str, earliest: str, latest: str
) -> None:
    found = of(at, zone, delay, time)
    moments = (found.invited, found.invited_earliest, found.invited_latest)
    assert tuple(map(told, moments)) == (expected, earliest, latest)
    assert found.invited_certainty is Certainty.INFERRED
    assert {sure for sure, _ in found.notes} == {Certainty.UNKNOWN}


@pytest.mark.parametrize(
    ("at", "zone", "days", "end", "expected", "earliest", "latest"),
    [
        ("2026-03-20T12:00", AMSTERDAM, 14, "22:00", "04-04 00:00", "04-04 00:00", "04-04 00:00"),
        ("2026-10-20T12:00", AMSTERDAM, 14, "22:00", "11-03 23:00", "11-03 23:00", "11-03 23:00"),
        ("2026-12-01T23:30", AMSTERDAM, 14, "22:00", "12-15 23:00", "12-15 23:00", "12-16 23:00"),
        ("2026-12-01T12:00", AMSTERDAM, 14, None, "12-15 01:00", "12-15 00:00", "12-16 01:00"),
        ("2026-12-01T12:00", AMSTERDAM, None, None, "never", "never", "never"),
        ("2026-12-01T12:00", AMSTERDAM, None, "22:00", "never", "12-01 23:00", "never"),
        ("2026-12-01T12:00", AMSTERDAM, None, "09:00", "never", "12-01 13:00", "never"),
    ],
)
def test_an_invitation_lapses_days_after_the_import(
    at: str, zone: str, days: Json, end: Json, expected: str, earliest: str, latest: str
) -> None:
    found = of(at, zone, days=days, end=end)
    assert tuple(map(told, (found.lapses, found.lapses_earliest, found.lapses_latest))) == (
        expected,
        earliest,
        latest,
    )


def test_nobody_is_invited_without_a_survey_and_an_invitation_may_lapse_before_it_is_sent() -> None:
    at = datetime(2026, 12, 1, 12, tzinfo=UTC)
    assert (
        timeline({**settings(expiration_after_days=3), "survey_settings.survey_id": None}, at).invited is None
    )
    early = settings(invitation_delay_in_days=20, expiration_after_days=14, expiration_time="22:00")
    assert timeline(early, at).lapses_first


zones = st.sampled_from([AMSTERDAM, NEW_YORK, KOLKATA, CHATHAM, "UTC"]).map(ZoneInfo)
moments = st.integers(0, 4_000_000_000).map(lambda at: datetime.fromtimestamp(at, UTC))
clocks = st.times().map(lambda one: f"{one:%H:%M}")


@given(moments, zones, st.integers(0, 2**31 - 1), st.integers(0, 2**31 - 1), st.none() | clocks)
def test_a_longer_delay_never_mails_earlier_and_utc_is_as_declared(
    at: datetime, zone: ZoneInfo, one: int, other: int, clock: str | None
) -> None:
    less, more = sorted((one, other))
    soon, late = (
        timeline(settings(invitation_delay_in_days=days, invitation_time=clock), at.astimezone(zone))
        for days in (less, more)
    )
    assert soon.at <= (soon.invited_earliest or soon.at)
    for name in ("invited", "invited_latest"):
        assert getattr(soon, name) <= getattr(late, name)
    for found in (soon, late):
        assert found.invited is not None
        is_as_declared = clock is None or f"{found.invited.astimezone(UTC):%H:%M}" == clock
        assert is_as_declared or found.is_at_once
        assert found.invited_earliest <= found.invited <= found.invited_latest  # type: ignore[operator]
        assert found.invited - found.at <= timedelta(days=min(more, 3_000_000) + 1)
