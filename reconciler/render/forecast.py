"""When contacts of an import are invited, and until when: as text, as a document, and as a calendar."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from reconciler.checkmarket.effects import Timeline, moment_told
from reconciler.engine.kind import Certainty, digest_of
from reconciler.render.values import FORMAT_VERSION, PLAIN, Document, Paint, columns, counted, harmless

_OCTETS = 75  # of a line of a calendar


def forecast_text(key: str, target: str, one: Timeline, people: Document | None, paint: Paint = PLAIN) -> str:
    """Return a forecast for people; its last line is the summary. `people` is as in the document."""
    rows, ends = _rows(key, one), []
    if people:
        count, left = counted(people["rows"], _verbs(key)[2]), people["refused"]
        rows.append(("people", count if left is None else f"{people['rows'] - left} of {count}"))
    for name, expected, earliest, latest, never in _moments(key, one):
        when = "at once" if expected == one.at else moment_told(expected) if expected else never
        ends.append(f"{name} {when}{' (expected)' if expected and earliest != latest else ''}")
    marks = dict.fromkeys(Certainty, paint.faint) | {Certainty.UNKNOWN: paint.doubt}
    lines = [
        *(f"{paint.strong(harmless(key))} on {harmless(target)}", ""),
        *columns([(f"  {name}", text) for name, text in rows]),
        *("", *(f"• {harmless(text)} {marks[sure](f'[{sure}]')}" for sure, text in one.notes), ""),
        f"Forecast: {', '.join(ends)} ({one.zone}).",
    ]
    return "\n".join(lines)


def _moments(
    key: str, one: Timeline
) -> Iterator[tuple[str, datetime | None, datetime | None, datetime | None, str]]:
    """Yield what happens, when: as expected, at the earliest, at the latest; and what is said for never."""
    is_known = one.invited_certainty is not Certainty.UNKNOWN
    never = "to nobody" if is_known else "at a time that is not known"
    yield "mail leaves", one.invited, one.invited_earliest, one.invited_latest, never
    if one.invited or not is_known:
        never = (
            "at no set time"
            if one.lapses_certainty is not Certainty.UNKNOWN
            else "at a time that is not known"
        )
        yield _verbs(key)[1], one.lapses, one.lapses_earliest, one.lapses_latest, never


def _rows(key: str, one: Timeline) -> list[tuple[str, str]]:
    """Return every moment, in both time zones, under what happens then."""
    rows = [(_verbs(key)[0], _both(one.at, one.zone))]
    for name, expected, earliest, latest, never in _moments(key, one):
        when = _both(expected, one.zone) if expected else never
        rows.append((name, f"at once: {when}" if expected == one.at else when))
        if earliest != latest:
            bounds = (("  earliest", earliest), ("  latest", latest))
            rows += [(word, _both(at, one.zone)) for word, at in bounds if at]
    if one.invited and one.lapses and one.lapses > one.invited:
        is_sure = one.invited_earliest == one.invited_latest and one.lapses_earliest == one.lapses_latest
        rows.append(("to answer", f"{'' if is_sure else 'about '}{_lasting(one.lapses - one.invited)}"))
    return rows


def _verbs(key: str) -> tuple[str, str, str]:
    """Return what people do with a resource, what its end is called, and what it is counted in."""
    is_seed = key.startswith("customer_seeds.")
    return ("sent", "closes", "customer") if is_seed else ("imported", "lapses", "row")


def _both(at: datetime, zone: str) -> str:
    """Return a moment in the time zone and in UTC, with its day where that is another one."""
    utc = at.astimezone(UTC)
    day = "" if utc.date() == at.date() else f"{utc:%a} {utc.day} {utc:%b} "
    return f"{moment_told(at)} {zone} ({day}{utc:%H:%M} UTC)"


def _lasting(time: timedelta) -> str:
    parts = ((time.days, "day"), (time.seconds // 3600, "hour"), (time.seconds % 3600 // 60, "minute"))
    return " ".join(counted(number, noun) for number, noun in parts if number) or "less than a minute"


def forecast_document(key: str, target: str, one: Timeline, people: Document | None) -> Document:
    """Return a forecast as a document; a moment that is not known, or never comes, is null."""

    def window(name: str) -> Document:
        moments = {"expected": name, "earliest": f"{name}_earliest", "latest": f"{name}_latest"}
        found = {word: getattr(one, member) for word, member in moments.items()}
        told = {word: at.isoformat() if at else None for word, at in found.items()}
        return {**told, "certainty": getattr(one, f"{name}_certainty").value}

    to_answer = one.lapses - one.invited if one.lapses and one.invited else None
    return {
        "format_version": FORMAT_VERSION,
        "key": key,
        "target": target,
        "time_zone": one.zone,
        "when": one.at.isoformat(),
        "invited": window("invited"),
        "lapses": window("lapses"),
        "seconds_to_answer": int(to_answer.total_seconds()) if to_answer is not None else None,
        "people": people,
        "statements": [{"text": text, "certainty": sure.value} for sure, text in one.notes],
    }


def forecast_calendar(key: str, target: str, one: Timeline, now: datetime) -> str:
    """Return a calendar (RFC 5545) with an event for the mail and one for its end, empty without either.

    The same import has the same events whenever it is written, so that a calendar replaces them. It holds no
    personal data: only what the forecast says.
    """
    told = [f"{name.strip()}: {text}" for name, text in _rows(key, one)]
    about = "\n".join([*told, *(f"{text} [{sure}]" for sure, text in one.notes)])
    lines = []
    for what, at, *_ in _moments(key, one):
        if at is None:
            continue
        uid = digest_of([key, target, f"{one.at.astimezone(UTC):%Y-%m-%dT%H:%M}", what])[:32]
        lines += [
            "BEGIN:VEVENT",
            f"UID:{uid}@survey-reconciler",
            f"DTSTAMP:{now.astimezone(UTC):%Y%m%dT%H%M%SZ}",
            f"DTSTART:{at.astimezone(UTC):%Y%m%dT%H%M%SZ}",
            f"SUMMARY:{_escaped(f'{key} on {target}: {what}')}",
            f"DESCRIPTION:{_escaped(about)}",
            "TRANSP:TRANSPARENT",
            "END:VEVENT",
        ]
    if not lines:
        return ""
    whole = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//survey-reconciler//forecast//EN",
        *lines,
        "END:VCALENDAR",
    ]
    return "".join(f"{line}\r\n" for one in whole for line in _folded(one))


def _escaped(text: str) -> str:
    text = "\n".join(map(harmless, text.split("\n")))
    for plain in ("\\", ";", ","):
        text = text.replace(plain, f"\\{plain}")
    return text.replace("\n", "\\n")


def _folded(line: str) -> Iterator[str]:
    """Yield a line in parts of at most 75 octets, none of which ends within a character."""
    part = ""
    for character in line:
        if len((part + character).encode()) > _OCTETS:
            yield part
            part = " "
        part += character
    yield part
