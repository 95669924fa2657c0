"""Dates and times: how they are read, how they are written, and when a customer's mail is due.

Samples are ISO 8601 with seven digits after the second and an offset (D: POST-api-v3-customer-add); a plain
date works too (C). The offsets of the samples are those of Dutch winter time.
"""

from __future__ import annotations

from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

from reconciler.sandbox.variants import Variants

# Not stated anywhere; the platform is Dutch (I).
_LOCAL = ZoneInfo("Europe/Amsterdam")


def read_moment(text: str, variants: Variants) -> float:
    """Return a date or time in seconds since 1970; `ValueError` or `OverflowError` for any other text.

    What a missing offset means is unknown (U: variant `missing_offset`).
    """
    return _read(text, variants).astimezone(_LOCAL).timestamp()


def read_time_of_day(text: str, variants: Variants) -> str:
    """Return the local time of day, hh:mm:ss, of a date and time whose date says nothing (D: SendTime).

    Whether its offset says something is unknown (U: variant `send_time_offset`).
    """
    moment = _read(text, variants)
    local = moment if variants.send_time_offset == "ignored" else moment.astimezone(_LOCAL)
    return local.time().isoformat("seconds")


def due(send_date: float | None, send_time: str | None, now: float) -> float:
    """Return when a mail may leave: on the SendDate, null means now, but not before the SendTime (D)."""
    start = now if send_date is None else max(send_date, now)
    if send_time is None:
        return start
    day = datetime.fromtimestamp(start, _LOCAL).date()
    return max(start, datetime.combine(day, time.fromisoformat(send_time), _LOCAL).timestamp())


def written(seconds: float) -> str:
    """Return a time as the samples write it, in local time (D)."""
    text = datetime.fromtimestamp(seconds, _LOCAL).strftime("%Y-%m-%dT%H:%M:%S.%f0%z")
    return f"{text[:-2]}:{text[-2:]}"


def _read(text: str, variants: Variants) -> datetime:
    moment = datetime.fromisoformat(text.strip())
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=_LOCAL if variants.missing_offset == "local" else UTC)
    return moment
