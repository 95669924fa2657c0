"""When contacts of an import are invited, and until when: as text, as a document, as calendar, drawn."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from html import escape

from reconciler.checkmarket.effects import Timeline, moment_told
from reconciler.engine.kind import Certainty, digest_of
from reconciler.render.values import FORMAT_VERSION, PLAIN, Document, Paint, columns, counted, harmless

_WIDTH, _LEFT, _RIGHT, _ROW = 640, 62, 14, 58  # of the drawing, its margins, and a row of it
_OCTETS = 75  # of a line of a calendar
_DAY = timedelta(days=1)
_ENDLESS = "no days are set after which the invitation lapses"


def timeline_words(one: Timeline) -> str:
    """Return in a line when mail leaves and when the invitation lapses, in the time zone of the timeline."""
    if not one.invited:
        is_known = one.invited_certainty is not Certainty.UNKNOWN
        return "nobody is invited" if is_known else "when mail leaves is not known"
    mail = f"mail leaves {'at once' if one.is_at_once else moment_told(one.invited)}"
    if one.invited_earliest != one.invited_latest:
        mail += f"{_between(one.invited_earliest, one.invited_latest)}"
    if not one.lapses:
        is_known = one.lapses_certainty is not Certainty.UNKNOWN
        return f"{mail}, and {_ENDLESS if is_known else 'when the invitation lapses is not known'}"
    window = _between(one.lapses_earliest, one.lapses_latest)
    return f"{mail}, and the invitation lapses {moment_told(one.lapses)}{window}"


def _between(earliest: datetime | None, latest: datetime | None) -> str:
    if earliest is None or latest is None or earliest == latest:
        return ""
    return f" (it may be from {moment_told(earliest)} to {moment_told(latest)})"


def timeline_svg(before: Timeline | None, after: Timeline) -> str:
    """Return a drawing of what becomes of contacts imported at one moment, before a change and after it.

    It is one element of SVG, described in words, with the color and the font of the text around it. It needs
    no style, script or file: it is seen on any ground, in print, and under the policy of the pages.
    """
    shown = [(name, one) for name, one in (("before", before), ("after", after)) if one]
    moments = [at for _, one in shown for at in (one.at, one.invited_latest, one.lapses_latest) if at]
    span = max(max(moments) - after.at, _DAY) * 1.04

    def x(at: datetime) -> float:
        return round(_LEFT + max((at - after.at) / span, 0) * (_WIDTH - _LEFT - _RIGHT), 1)

    height, title = 26 + _ROW * len(shown), escape(f"imported {moment_told(after.at)} {after.zone}")
    words = "; ".join(f"{name}: {timeline_words(one)}" for name, one in shown)
    return "\n".join(
        [
            (
                f'<svg xmlns="http://www.w3.org/2000/svg" class="timeline" role="img" width="{_WIDTH}" '
                f'height="{height}" viewBox="0 0 {_WIDTH} {height}" fill="currentColor" font-size="12">'
            ),
            f"<title>Contacts {title}</title>",
            f"<desc>{escape(words)}</desc>",
            f'<text x="{_LEFT}" y="12">{title}</text>',
            f'<path d="M{_LEFT} 18V{height - 6}" stroke="currentColor" stroke-dasharray="2 3"/>',
            *(part for n, row in enumerate(shown) for part in _row(*row, 26 + _ROW * n + _ROW // 2, x)),
            "</svg>",
        ]
    )


def _row(name: str, one: Timeline, y: int, x: Callable[[datetime], float]) -> Iterator[str]:
    """Yield the parts of a row: mail is told above its line, and where the invitation lapses below."""

    def text(at: float, above: bool, words: str) -> str:
        anchor = "end" if at > 0.7 * _WIDTH else "middle" if at > 0.35 * _WIDTH else "start"
        at += 4 if anchor == "start" else 0
        return f'<text x="{at}" y="{y - 11 if above else y + 20}" text-anchor="{anchor}">{words}</text>'

    yield f'<text x="0" y="{y + 4}" font-weight="bold">{name}</text>'
    if not one.invited:
        yield f'<text x="{_LEFT + 10}" y="{y + 4}">{timeline_words(one)}</text>'
        return
    mail = x(one.invited)
    end = x(one.lapses) if one.lapses else float(_WIDTH - _RIGHT)
    yield f'<path d="M{mail} {y}H{end}" stroke="currentColor" stroke-width="2"/>'
    for first, last in ((one.invited_earliest, one.invited_latest), (one.lapses_earliest, one.lapses_latest)):
        if first and last and first != last:  # what the facts allow
            width = round(x(last) - x(first), 1)
            yield f'<rect x="{x(first)}" y="{y - 5}" width="{width}" height="10" rx="3" opacity="0.3"/>'
    yield f'<circle cx="{mail}" cy="{y}" r="5"/>'
    yield text(mail, True, f"mail {'at once' if one.is_at_once else escape(moment_told(one.invited))}")
    if one.lapses:
        yield f'<path d="M{end} {y - 7}v14" stroke="currentColor" stroke-width="3"/>'
        yield text(end, False, f"lapses {escape(moment_told(one.lapses))}")
    else:
        yield f'<path d="M{end} {y}l-7 -5v10z"/>'
        yield text(end, False, "no days are set after which it lapses")


def forecast_text(key: str, target: str, one: Timeline, people: Document | None, paint: Paint = PLAIN) -> str:
    """Return a forecast for people; its last line is the summary. `people` is as in the document."""
    began, ended = _verbs(key)
    rows, ends = [(began, _both(one.at, one.zone))], []
    for name, *moments, sure in (
        ("mail leaves", one.invited, one.invited_earliest, one.invited_latest, one.invited_certainty),
        (ended, one.lapses, one.lapses_earliest, one.lapses_latest, one.lapses_certainty),
    ):
        if name == ended and one.invited is None and one.invited_certainty is not Certainty.UNKNOWN:
            continue  # nobody is invited
        expected, earliest, latest = moments
        never = (
            "not known" if sure is Certainty.UNKNOWN else "no end is set" if name == ended else "to nobody"
        )
        told, short = (_both(expected, one.zone), moment_told(expected)) if expected else (never, "")
        if expected == one.at:
            told, short = f"at once: {told}", "at once"
        rows.append((name, told))
        end = f"{name} {short}" if short else f"{name}{' ' if never == 'to nobody' else ': '}{never}"
        ends.append(f"{end}{' (expected)' if expected and earliest != latest else ''}")
        if earliest != latest:
            bounds = (("  earliest", earliest), ("  latest", latest))
            rows += [(word, _both(at, one.zone)) for word, at in bounds if at]
    if one.invited and one.lapses and one.lapses > one.invited:
        is_sure = one.invited_earliest == one.invited_latest and one.lapses_earliest == one.lapses_latest
        rows.append(("to answer", f"{'' if is_sure else 'about '}{_lasting(one.lapses - one.invited)}"))
    if people:
        count, left = counted(people["rows"], "customer" if began == "sent" else "row"), people["refused"]
        rows.append(("people", count if left is None else f"{people['rows'] - left} of {count}"))
    marks = dict.fromkeys(Certainty, paint.faint) | {Certainty.UNKNOWN: paint.doubt}
    lines = [
        *(f"{paint.strong(harmless(key))} on {harmless(target)}", ""),
        *columns([(f"  {name}", text) for name, text in rows]),
        *("", *(f"• {harmless(text)} {marks[sure](f'[{sure}]')}" for sure, text in one.notes), ""),
        f"Forecast: {', '.join(ends)} ({one.zone}).",
    ]
    return "\n".join(lines)


def _verbs(key: str) -> tuple[str, str]:
    """Return what people do with a resource, and what its end is called."""
    return ("sent", "closes") if key.startswith("customer_seeds.") else ("imported", "lapses")


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
    began, ended = _verbs(key)
    about = [f"{began} {_both(one.at, one.zone)}", *(f"{text} [{sure}]" for sure, text in one.notes)]
    lines = []
    for what, at in (("mail leaves", one.invited), (ended, one.lapses)):
        if at is None:
            continue
        uid = digest_of([key, target, f"{one.at.astimezone(UTC):%Y-%m-%dT%H:%M}", what])[:32]
        lines += [
            "BEGIN:VEVENT",
            f"UID:{uid}@survey-reconciler",
            f"DTSTAMP:{now.astimezone(UTC):%Y%m%dT%H%M%SZ}",
            f"DTSTART:{at.astimezone(UTC):%Y%m%dT%H%M%SZ}",
            f"SUMMARY:{_escaped(f'{key} on {target}: {what}')}",
            f"DESCRIPTION:{_escaped(chr(10).join(about))}",
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
