"""When contacts of an import are invited, and until when: as text, as a document, as calendar, drawn."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from html import escape

from reconciler.checkmarket.effects import Timeline, moment_told

_WIDTH, _LEFT, _RIGHT, _ROW = 640, 62, 14, 58  # of the drawing, its margins, and a row of it
_DAY = timedelta(days=1)


def timeline_words(one: Timeline) -> str:
    """Return in a line when mail leaves and when the invitation lapses, in the time zone of the timeline."""
    if not one.invited:
        return "nobody is invited"
    mail = f"mail leaves {'at once' if one.is_at_once else moment_told(one.invited)}"
    if one.invited_earliest != one.invited_latest:
        mail += f"{_between(one.invited_earliest, one.invited_latest)}"
    if not one.lapses:
        return f"{mail}, and no days are set after which the invitation lapses"
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
        yield f'<text x="{_LEFT + 10}" y="{y + 4}">nobody is invited</text>'
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
