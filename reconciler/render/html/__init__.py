"""Plans, and how they ended, as one page of HTML that needs no network and no other file.

Every text is made harmless here, and escaped by Jinja. The page may run what it brings, by its hash, alone.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined
from msgspec import Struct
from msgspec.structs import replace

from reconciler.engine.body import put, value_at
from reconciler.engine.change import Action, Blocked, Change
from reconciler.engine.classify import FieldClass, FieldView, carried, desired
from reconciler.engine.kind import Kind
from reconciler.engine.outcome import Outcome, Result
from reconciler.errors import MEANINGS, Exit
from reconciler.expoints.recipients import SeedPlan
from reconciler.expoints.seed import masked
from reconciler.problems import Place, Problem, Severity
from reconciler.render.github import Links
from reconciler.render.report import Reported, Stopped, TargetReport, in_order, summary_line
from reconciler.render.text import (
    MAIL_IS_SENT,
    adoption_line,
    carried_by,
    effect_parts,
    field_rows,
    header_text,
    remarks,
    seed_lines,
    seed_title,
    sent_parts,
    sign_of,
)
from reconciler.render.values import (
    MOST_LISTED,
    SIGNS,
    Document,
    harmless,
    shortened,
    shown_field,
    tally,
    warnings_by_code,
)

WHOLE = 40
"""How many cards stand on a page as a whole. The inside of the others waits as text, of which a script makes
elements bit by bit: a browser that makes those of a thousand at once answers nothing meanwhile."""
MOST_OPEN = 10  # from more open cards in a group on, all are folded, to show how many there are
_LONGEST_VALUE = 2000
_NEAR = 35  # percent of a timeline: words at a point so near to its end begin or end there
_LONGEST_BODY = 100_000
_CARRIED = "(carried as it is)"  # what a body carries and the model does not know may be anything

_MEANS_A_SCRIPT = re.compile("<(?=!|script)", re.IGNORECASE)


def html(reports: Sequence[Reported], links: Links, origin: Sequence[tuple[str, str]] = ()) -> str:
    """Return the page of a run over its targets; `links` lead from places in files to where they are seen.

    `origin` says of what and when it is, as names and values.
    """
    templates, given = _templates()
    page, later = page_of(reports, links), ""
    page["origin"] = [(name, harmless(value)) for name, value in origin]
    if waiting := page["cards"][WHOLE:]:
        inside = templates.get_template("card.html.j2").module.inside  # type: ignore[attr-defined]  # a macro
        text = json.dumps([str(inside(card)) for card in waiting], ensure_ascii=False)
        # It stands in a script element: nothing in it may end that, or begin another one.
        later = _MEANS_A_SCRIPT.sub(r"\\u003c", text.replace("</", r"<\/"))
    return templates.get_template("page.html.j2").render(
        given, page=page, whole=WHOLE, most_listed=MOST_LISTED, later=later
    )


def rendered(template: str, **given: Any) -> str:
    """Return a page of another template of this folder; what is given to it is harmless already."""
    templates, brought = _templates()
    return templates.get_template(template).render(brought, **given)


@cache
def _templates() -> tuple[Environment, Mapping[str, str]]:
    """Return the templates, and what every page brings: style, script, a policy that allows no others."""
    folder = files(__name__)
    style, script = (folder.joinpath(name).read_text("utf-8") for name in ("page.css", "page.js"))
    hashes = (base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in (style, script))
    sources = "style-src 'sha256-{}'; script-src 'sha256-{}'".format(*hashes)
    policy = f"default-src 'none'; {sources}; base-uri 'none'; form-action 'none'"
    environment = Environment(
        loader=FunctionLoader(lambda name: folder.joinpath(name).read_text("utf-8")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    return environment, {"style": style, "script": script, "policy": policy}


class Card(Struct, frozen=True):
    """One resource or seed, folded: what is done about it, why or why not, and every field of it."""

    key: str
    symbol: str
    action: str
    what: str
    target: str
    spot: Document | None = None
    resets: int = 0
    remark: str = ""
    is_open: bool = False
    reasons: Sequence[str] = ()
    notes: Sequence[str] = ()
    effects: Sequence[Document] = ()
    rows: Sequence[Document] = ()
    customers: Sequence[Document] = ()
    request: str = ""
    body: str = ""

    @property
    def classes(self) -> str:
        """The classes of its fields, by which it is found."""
        return " ".join(dict.fromkeys(row["cls"] for row in self.rows))

    @property
    def files(self) -> Sequence[str]:
        """The files in which anything of it is declared."""
        spots = (self.spot, *(row["spot"] for row in self.rows), *(one["spot"] for one in self.customers))
        return [*dict.fromkeys(spot["file"] for spot in spots if spot)]


def page_of(reports: Sequence[Reported], links: Links) -> Document:
    """Return what a page over targets says, as its template takes it."""
    sections = [_section(one, links) for one in in_order(reports)]
    is_apply = any(one.verb == "apply" if isinstance(one, Stopped) else one.is_applied for one in reports)
    is_check = any(isinstance(one, Stopped) and one.verb == "check" for one in reports)
    cards = [card for section in sections for group in section["groups"] for card in group["cards"]]
    figures = Counter[tuple[str, str]]()
    for section in sections:
        for cls, label, number in section["figures"]:
            figures[cls, label] += number
    plans = [one.plan for one in reports if not isinstance(one, Stopped)]
    targets = ", ".join(section["target"] for section in sections if section["target"]) or "a workspace"
    back = "".join(f": way back from run {one.scope.restores}" for one in plans if one.scope.restores)
    return {
        "title": f"{'Apply to' if is_apply else 'Check on' if is_check else 'Plan of'} {targets}{back}",
        "sections": sections,
        "why_reset": " or ".join(
            sorted({"empty before" if one.scope.restores else "not declared" for one in plans})
        )
        + f", so {SIGNS['↺'][1]}.",
        "figures": [(cls, label, number) for (cls, label), number in figures.items()],
        "cards": cards,
        # What to choose from; a target that was stopped has no card.
        "targets": sorted({section["target"] for section in sections} - {""}),
        "actions": sorted({card.action for card in cards}),
        "classes": sorted({row["cls"] for card in cards for row in card.rows}),
        "effects": sorted({effect["name"] for card in cards for effect in card.effects}),
        "files": sorted({file for card in cards for file in card.files}),
    }


def _section(reported: Reported, links: Links) -> Document:
    """Return all that is said of one target; a part that there is nothing to say of is empty."""
    exit = int(reported.exit)
    if isinstance(reported, Stopped):
        alert = harmless(f"{'' if reported.is_underway else f'Exit {exit}: '}{reported.error}")
    else:
        is_alert = reported.exit not in (Exit.DONE, Exit.PENDING)
        alert = f"Exit {exit}: {MEANINGS[reported.exit]}." if is_alert else ""
    section: Document = {
        "target": harmless(reported.target),
        "alert": alert,
        "problems": [_problem(one, links) for one in reported.problems if one.severity is Severity.ERROR],
        "warnings": [
            (harmless(tally(code, some)), [_problem(one, links) for one in some])
            for code, some in warnings_by_code(reported.problems).items()
        ],
        **dict.fromkeys(("summary", "people", "fingerprint", "run"), ""),
        **dict.fromkeys(("lines", "loosened", "groups", "notes", "lists", "to_write", "figures"), ()),
    }
    if isinstance(reported, Stopped):
        return section
    section |= {
        "lines": header_text(reported.plan).splitlines(),
        "loosened": [_problem(one, links) for one in reported.loosened],
        "people": harmless(reported.people),
        "fingerprint": reported.fingerprint,
        "run": reported.run,
    }
    return section | (_end(reported, links) if reported.is_applied else _plan(reported, links))


def _problem(problem: Problem, links: Links) -> Document:
    return {
        "code": problem.code,
        "spot": _spot(problem.place, links),
        "key": harmless(problem.key),
        "message": harmless(problem.message),
        "hint": harmless(problem.hint),
    }


def _spot(place: Place, links: Links) -> Document | None:
    """Return a place in a file, with the address at which it is seen; `None` for what stands in none."""
    if not place.file:
        return None
    file = harmless(place.file)
    return {"file": file, "text": f"{file}:{place.line}", "link": links.to(place)}


def _group(heading: str, cards: Sequence[Card], remark: str = "") -> Document:
    """Return cards under a heading, with a remark to it; a page leaves out a group without cards."""
    is_long = sum(card.is_open for card in cards) > MOST_OPEN
    return {"heading": heading, "cards": cards, "remark": remark, "is_long": is_long}


def _plan(planned: TargetReport, links: Links) -> Document:
    """Return what there is to say of a plan."""
    plan, seeds, since = planned.plan, planned.seeds, planned.since
    caused, before = (
        [_change(planned, one, links) for one in plan.changes if planned.is_caused(one) is is_caused]
        for is_caused in (True, False)
    )
    because = f"Caused by the change of the files since {harmless(since.ref)}" if since else "Changes"
    left = [
        _card(
            planned,
            one.key,
            links,
            symbol="=",
            action="unchanged",
            what=f"found by its name, id {one.id}" if one.adopted else "",
            rows=[*_rows(planned, one.remarkable, links)],
        )
        for one in planned.left
    ]
    sending = [_seed(planned, one, links) for one in seeds.seeds]
    notes = (since.note if since else "", *remarks(plan), planned.seeds_trouble)
    unmanaged = [harmless(f"{live.id} · {live.name}") for live in plan.unmanaged]
    unchanged = [harmless(one.key) for one in plan.unchanged if not one.adopted and not one.remarkable]
    sooner = sum(any(effect.is_sooner for effect in one.effects) for one in plan.changes)
    return {
        "groups": [
            _group("Blocked", [_blocked(planned, one, links) for one in plan.blocked]),
            _group(because, caused),
            _group("Pending or drifted before", before),
            _group("Seeds", sending, MAIL_IS_SENT if seeds.customers else ""),
            _group("Left as it is", left),
        ],
        "notes": [harmless(note) for note in notes if note],
        "lists": [
            ("Unmanaged", "Live, declared nowhere; left alone.", unmanaged),
            ("Unchanged", "As declared.", unchanged),
        ],
        "summary": harmless(summary_line([planned], "plan")),
        "figures": [
            ("create", "to create", plan.count(Action.CREATE)),
            ("update", "to update", plan.count(Action.UPDATE)),
            ("reset", "fields reset", plan.resets),
            ("delete", "to delete", plan.count(Action.DELETE)),
            ("blocked", "blocked", len(plan.blocked)),
            ("unchanged", "unchanged", len(plan.unchanged)),
            ("send", "customers to send", seeds.customers),
            *([("send", "reach people anew or sooner", sooner)] if sooner else []),
            *([("blocked", "seeds blocked", len(planned.seeds_blocked))] if planned.seeds_blocked else []),
        ],
    }


def _end(applied: TargetReport, links: Links) -> Document:
    """Return what there is to say of how everything ended."""
    ends, doubtful = applied.summary, applied.customers_in_doubt
    right, wrong, changes = list[Card](), list[Card](), applied.changes
    for outcome in applied.told_once:
        card = _ended(applied, outcome, changes.get(outcome.key), links)
        (right if outcome.result is Result.APPLIED else wrong).append(card)
    sent = []
    for end in applied.sent:
        symbol, what, texts = sent_parts(end)
        action = "in-doubt" if end.in_doubt else "sent" if end.sent else "held"
        card = _card(applied, end.key, links, symbol=symbol, action=action, what=what)
        sent.append(replace(card, notes=[harmless(note) for note in texts], is_open=bool(texts)))
    ids = [f"Written into the files: {key}: id {id}" for key, id in applied.ids_written.items()]
    return {
        "groups": [
            _group("Needs a look", wrong),
            _group("Applied", right),
            _group("Seeds", sent),
            _group("Seeds that were not sent", [_seed(applied, one, links) for one in applied.held]),
        ],
        "notes": [harmless(note) for note in (applied.seeds_trouble, *applied.notes, *ids) if note],
        "to_write": [(harmless(line.where), harmless(line.text)) for line in applied.lines],
        "summary": harmless(summary_line([applied], "apply")),
        "figures": [
            ("create", "changed", ends["applied"]),
            ("delete", "failed", ends["failed"]),
            ("update", "stale", ends["stale"]),
            ("blocked", "skipped", ends["skipped"]),
            ("in-doubt", "in doubt", ends["in_doubt"]),
            ("send", "customers sent", applied.customers_sent),
            *([("in-doubt", "customers in doubt", doubtful)] if doubtful else []),
            *([("blocked", "seeds blocked", len(blocked))] if (blocked := applied.seeds_blocked) else []),
        ],
    }


def _card(planned: TargetReport, key: str, links: Links, **members: Any) -> Card:
    """Return a card with the place at which its key is declared, if any."""
    place = planned.places.get(key)
    spot = _spot(place, links) if place else None
    return Card(**{"key": harmless(key), "target": harmless(planned.target), "spot": spot, **members})


def _change(planned: TargetReport, change: Change, links: Links) -> Card:
    live, kind = change.live, planned.plan.account.kind
    rows = [*_rows(planned, change.fields, links)]
    for path, _ in carried_by(kind, change):
        values = {"before": _CARRIED, "after": _CARRIED, "note": "unknown to this tool", "spot": None}
        rows.append({"cls": FieldClass.CARRIED.value, "symbol": "=", "path": harmless(path), **values})
    adoption = f"Found by its name; to keep it: {adoption_line(change)}"
    return _card(
        planned,
        change.key,
        links,
        symbol=sign_of(change),
        action=change.action.value,
        what=change.action.value + (harmless(f" id {live.id} · {live.name}") if live else ""),
        spot=_spot(change.declared.place, links) if change.declared else None,
        resets=len(change.resets),
        notes=[harmless(adoption)] if change.adopted else [],
        effects=[*_effects(change)],
        rows=rows,
        request="Body of the POST"
        if change.action is Action.CREATE
        else "Body of the PUT; what is kept or carried is read again right before",
        body=_body_text(kind, change),
    )


def _effects(change: Change) -> Iterator[Document]:
    """Yield what a change does to people; of one that moves in time, how far along its line it is."""
    moments = [(one.before, one.after) for one in change.effects if one.before and one.after]
    start, end = change.scope.at, max((at for pair in moments for at in pair), default=None)
    for one in change.effects:
        points = []
        if start and end and one.before and one.after and one.before != one.after and start < end:
            for name, at in (("before", one.before), ("after", one.after)):
                part = max(0, round(100 * ((at - start) / (end - start))))
                words = f"{name} {at:%a} {at.day} {at:%b %Y %H:%M}"
                anchor = "start" if part < _NEAR else "end" if part > 100 - _NEAR else "middle"
                points.append({"part": part, "words": words, "anchor": anchor})
        name, text = harmless(one.name), " ".join(effect_parts(one))
        yield {"name": name, "text": text, "points": points, "is_urgent": one in change.urgent}


def _blocked(planned: TargetReport, blocked: Blocked, links: Links) -> Card:
    change, why = blocked.change, "" if blocked.why == "blocked" else f" · {blocked.why}"
    empty = {"symbol": "", "action": "", "what": ""}
    card = _change(planned, change, links) if change else _card(planned, blocked.key, links, **empty)
    return replace(
        card,
        key=harmless(blocked.key),
        symbol=sign_of(blocked),
        action="in-doubt" if blocked.is_in_doubt else "blocked",
        what=f"{card.what}{why}".removeprefix(" · "),
        remark="" if planned.is_caused(blocked) else "so before",
        is_open=True,
        reasons=[harmless(block.message) for block in blocked.blocks],
    )


def _ended(planned: TargetReport, outcome: Outcome, change: Change | None, links: Links) -> Card:
    action = outcome.action.value if outcome.action else ""
    empty = {"symbol": "", "action": "", "what": action}
    card = _change(planned, change, links) if change else _card(planned, outcome.key, links, **empty)
    return replace(
        card,
        symbol=sign_of(outcome),
        action=outcome.result.value.replace(" ", "-"),
        what=f"{action} id {outcome.id}" if action and outcome.id is not None else card.what,
        is_open=outcome.result is not Result.APPLIED or bool(outcome.warnings),
        reasons=[harmless(outcome.reason)] if outcome.reason else [],
        notes=[*(f"warning: {harmless(warning)}" for warning in outcome.warnings), *card.notes],
    )


def _seed(planned: TargetReport, plan: SeedPlan, links: Links) -> Card:
    symbol, what = seed_title(plan)
    lines = [(sign, harmless(text)) for sign, text in seed_lines(plan)]
    return _card(
        planned,
        plan.seed.key,
        links,
        symbol=symbol,
        action={"!": "blocked", "?": "in-doubt", "→": "send", "=": "unchanged"}[symbol],
        what=harmless(what),
        spot=_spot(plan.seed.place, links),
        remark="pending before" if plan.to_send and not planned.is_caused(plan) else "",
        is_open=bool(plan.kept_back),
        reasons=[text for sign, text in lines if sign == "!"],
        notes=[f"{sign} {text}" if sign else text for sign, text in lines if sign != "!"],
        customers=[
            {
                "address": harmless(masked(one.customer.email)),
                "state": one.state.value,
                "spot": _spot(one.customer.place, links),
            }
            for one in plan.customers
        ],
    )


def _rows(planned: TargetReport, views: Sequence[FieldView], links: Links) -> Iterator[Document]:
    """Yield what happens to each field that there is something to say of."""
    kind = planned.plan.account.kind
    for row in field_rows(kind, views):
        view, field = row.view, kind.by_path[row.view.path]
        before = shown_field(field, view.before, longest=_LONGEST_VALUE, beside=view.after)
        before = row.before if view.unknown else before
        after = shown_field(field, view.after, longest=_LONGEST_VALUE, beside=view.before)
        yield {
            "cls": view.cls.value,
            "symbol": row.symbol,
            "path": harmless(view.path),
            "before": before,
            "after": before if view.cls is FieldClass.REFUSED else after,
            "note": row.note,
            "spot": _spot(view.origin.place, links) if view.origin else None,
        }


def _body_text(kind: Kind, change: Change) -> str:
    """Return the body that is sent, as far as the plan knows it, with what is carried left out."""
    if change.declared is None or change.action is Action.DELETE:
        return ""
    live = change.live.body if change.live else None
    body = desired(kind, change.declared, change.fields, live)
    for member, _ in carried(kind, change.fields, live):
        put(body, member, _CARRIED)
    for one in kind.fields:
        rows = value_at(body, one.member)
        if one.rows and isinstance(rows, list):
            known = one.rows.names
            put(
                body,
                one.member,
                [
                    {name: value if name in known else _CARRIED for name, value in row.items()}
                    if isinstance(row, dict)
                    else row
                    for row in rows
                ],
            )
    text = "\n".join(map(harmless, json.dumps(body, ensure_ascii=False, indent=2).split("\n")))
    return shortened(text, _LONGEST_BODY)
