"""What stands on the page, as values: every text is made harmless here, and escaped by the template."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib.resources import files

from jinja2 import Environment, FunctionLoader, StrictUndefined
from msgspec import Struct, field
from msgspec.structs import replace

from reconciler.engine.body import put, unknown_members, value_at
from reconciler.engine.change import Action, Blocked, Change, Unchanged
from reconciler.engine.classify import FieldClass, FieldView, desired
from reconciler.engine.kind import Json, Kind, Live
from reconciler.engine.outcome import Outcome, Result
from reconciler.errors import Exit
from reconciler.expoints.recipients import RecipientState, SeedPlan
from reconciler.expoints.seed import masked
from reconciler.expoints.sending import SendResult
from reconciler.problems import Place, Problem
from reconciler.render.github import Links
from reconciler.render.report import MEANINGS, Applied, Planned, Reported, Stopped, Underway, without_plan
from reconciler.render.seeds import (
    MAIL_IS_SENT,
    customers_in_doubt,
    seed_change,
    seed_notes,
    seed_symbol,
    seed_what,
    sent_notes,
    sent_what,
)
from reconciler.render.text import (
    RESULT_SYMBOLS,
    SYMBOLS,
    FieldRow,
    adoption_line,
    applied_text,
    carried_names,
    field_rows,
    header_text,
    summary_text,
    unproved_text,
    untold_text,
)
from reconciler.render.values import harmless, shortened, shown_field

LONGEST_VALUE = 2000
MOST_OPEN = 10
LONGEST_BODY = 100_000
CARRIED = "(carried as it is)"
"""Stands for what a body carries although nobody knows it: it may be anything."""


class Spot(Struct, frozen=True):
    """A place in a file, with the address at which it is seen, if there is one."""

    file: str
    text: str
    link: str = ""


class Row(Struct, frozen=True):
    """What happens to one field."""

    cls: str
    symbol: str
    path: str
    before: str
    after: str
    note: str = ""
    spot: Spot | None = None


class Customer(Struct, frozen=True):
    """One customer of a seed, masked."""

    address: str
    state: str
    spot: Spot


class Card(Struct, frozen=True):
    """One resource or seed, folded: what is done about it, why or why not, and every field of it."""

    key: str
    symbol: str
    action: str
    what: str
    target: str
    spot: Spot | None = None
    resets: int = 0
    remark: str = ""
    is_open: bool = False
    reasons: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    rows: tuple[Row, ...] = ()
    customers: tuple[Customer, ...] = ()
    request: str = ""
    body: str = ""

    @property
    def classes(self) -> str:
        """The classes of its fields, by which it is found."""
        return " ".join(dict.fromkeys(row.cls for row in self.rows))

    @property
    def files(self) -> tuple[str, ...]:
        """The files in which anything of it is declared."""
        spots = (self.spot, *(row.spot for row in self.rows), *(one.spot for one in self.customers))
        return tuple(dict.fromkeys(spot.file for spot in spots if spot))


class Group(Struct, frozen=True):
    """Cards under a heading. Where many would be open, all are folded, to show how many there are."""

    heading: str
    cards: tuple[Card, ...]
    told: str = ""

    @property
    def is_long(self) -> bool:
        """Whether none of them is open at first."""
        return sum(card.is_open for card in self.cards) > MOST_OPEN


class Told(Struct, frozen=True):
    """A problem of the files, with its place."""

    severity: str
    code: str
    spot: Spot
    key: str
    message: str
    hint: str


class Section(Struct, frozen=True):
    """All there is to tell of one target."""

    target: str
    lines: tuple[str, ...] = ()
    alert: str = ""
    loosened: tuple[Told, ...] = ()
    groups: tuple[Group, ...] = ()
    notes: tuple[str, ...] = ()
    unmanaged: tuple[str, ...] = ()
    problems: tuple[Told, ...] = ()
    to_write: tuple[tuple[str, str], ...] = ()
    summary: str = ""
    fingerprint: str = ""
    figures: tuple[tuple[str, str, int], ...] = ()


class Page(Struct, frozen=True):
    """The whole page."""

    title: str
    sections: tuple[Section, ...]
    figures: tuple[tuple[str, str, int], ...] = field(default=())
    """Class, label and number."""

    @property
    def cards(self) -> tuple[Card, ...]:
        """Every card, whatever its target."""
        return tuple(card for section in self.sections for group in section.groups for card in group.cards)

    @property
    def targets(self) -> list[str]:
        """The targets, to choose from; a stopped one too, of which there is no card."""
        return sorted({section.target for section in self.sections} - {""})

    @property
    def actions(self) -> list[str]:
        """What is done, to choose from."""
        return sorted({card.action for card in self.cards})

    @property
    def classes(self) -> list[str]:
        """The classes of fields, to choose from."""
        return sorted({row.cls for card in self.cards for row in card.rows})

    @property
    def files(self) -> list[str]:
        """The files, to choose from."""
        return sorted({file for card in self.cards for file in card.files})


def page_of(told: Sequence[Reported], links: Links) -> Page:
    """Return what a page over targets says, those first of which there is no plan."""
    ordered = sorted(told, key=lambda one: not without_plan(one))
    sections = tuple(_section(one, links) for one in ordered)
    verb = "Apply" if any(isinstance(one, Applied) or _is_apply(one) for one in told) else "Plan"
    targets = ", ".join(section.target for section in sections if section.target)
    return Page(
        f"{verb} {'to' if verb == 'Apply' else 'of'} {targets or 'a workspace'}", sections, _sums(sections)
    )


def _is_apply(reported: Reported) -> bool:
    return isinstance(reported, Stopped | Underway) and reported.verb == "apply"


def _sums(sections: Sequence[Section]) -> tuple[tuple[str, str, int], ...]:
    sums: dict[tuple[str, str], int] = {}
    for section in sections:
        for cls, label, number in section.figures:
            sums[cls, label] = sums.get((cls, label), 0) + number
    return tuple((cls, label, number) for (cls, label), number in sums.items())


def _section(reported: Reported, links: Links) -> Section:
    match reported:
        case Planned():
            return _Making(reported, links).plan()
        case Applied():
            return _Making(reported.planned, links).end(reported)
        case Stopped():
            problems = tuple(_problem(one, links) for one in reported.problems)
            alert = f"Exit {int(reported.exit)}: {harmless(reported.error)}"
            return Section(harmless(reported.target), alert=alert, problems=problems)
        case Underway():
            return Section(harmless(reported.target), alert=reported.told)


def _alert(exit: Exit) -> str:
    return f"Exit {int(exit)}: {MEANINGS[exit]}." if exit in MEANINGS else ""


def _problem(problem: Problem, links: Links) -> Told:
    texts = (problem.key, problem.message, problem.hint)
    return Told(problem.severity.value, problem.code, _spot(problem.place, links), *map(harmless, texts))


def _spot(place: Place, links: Links) -> Spot:
    file = harmless(place.file)
    return Spot(file, f"{file}:{place.line}", links.to(place))


class _Making(Struct, frozen=True):
    """The making of one target's section."""

    planned: Planned
    links: Links

    @property
    def kind(self) -> Kind:
        return self.planned.plan.account.kind

    @property
    def target(self) -> str:
        return harmless(self.planned.target)

    def plan(self) -> Section:
        """Return the section of a plan."""
        plan = self.planned.plan
        return replace(
            self._frame(self.planned.exit),
            groups=tuple(group for group in self._groups() if group.cards),
            notes=tuple(harmless(note) for note in self._notes() if note),
            unmanaged=tuple(_unmanaged(live) for live in plan.unmanaged),
            summary=harmless(summary_text(plan, self.planned.seeds)),
            figures=self._figures(),
        )

    def end(self, applied: Applied) -> Section:
        """Return the section of how everything ended."""
        cards = [self._ended(one, applied.change_of(one)) for one in applied.report.outcomes]
        wrong = tuple(card for card in cards if card.action != Result.APPLIED.value)
        right = tuple(card for card in cards if card.action == Result.APPLIED.value)
        sent = tuple(self._sent(end) for end in applied.sent)
        held = tuple(map(self._seed, applied.held))
        groups = [
            Group("Needs a look", wrong),
            Group("Applied", right),
            Group("Seeds", sent),
            Group("Seeds that were not sent", held),
        ]
        lines = dict.fromkeys(line for outcome in applied.report.outcomes for line in outcome.lines)
        ids = [f"Written into the files: {key}: id {id}" for key, id in applied.ids_written.items()]
        return replace(
            self._frame(applied.exit),
            groups=tuple(group for group in groups if group.cards),
            notes=tuple(map(harmless, [*self._trouble(), *applied.report.notes, *ids])),
            to_write=tuple((harmless(line.where), harmless(line.text)) for line in lines),
            summary=harmless(applied_text(applied.report, applied.planned.seeds, applied.sent)),
            figures=_end_figures(applied),
        )

    def _frame(self, exit: Exit) -> Section:
        planned = self.planned
        return Section(
            self.target,
            tuple(header_text(planned.plan.scope).splitlines()),
            _alert(exit),
            tuple(_problem(one, self.links) for one in planned.loosened),
            problems=tuple(_problem(one, self.links) for one in planned.problems),
            fingerprint=planned.fingerprint,
        )

    def _notes(self) -> Iterator[str]:
        if self.planned.since:
            yield self.planned.since.note
        yield unproved_text(self.planned.plan)
        yield untold_text(self.planned.plan)
        yield from self._trouble()

    def _trouble(self) -> Iterator[str]:
        if self.planned.seeds.trouble is not None:
            yield f"Seeds: nothing can be sent: {self.planned.seeds.trouble}"

    def _figures(self) -> tuple[tuple[str, str, int], ...]:
        plan, seeds = self.planned.plan, self.planned.seeds
        return (
            ("create", "to create", plan.count(Action.CREATE)),
            ("update", "to update", plan.count(Action.UPDATE)),
            ("reset", "fields reset", plan.resets),
            ("delete", "to delete", plan.count(Action.DELETE)),
            ("blocked", "blocked", len(plan.blocked)),
            ("unchanged", "unchanged", len(plan.unchanged)),
            ("send", "customers to send", seeds.customers),
        )

    def _groups(self) -> Iterator[Group]:
        plan, since = self.planned.plan, self.planned.since
        yield Group("Blocked", tuple(map(self._blocked, plan.blocked)))
        if since is None:
            yield Group("Changes", tuple(map(self._change, plan.changes)))
        else:
            caused = tuple(self._change(one) for one in plan.changes if since.caused(one.digest))
            before = tuple(self._change(one) for one in plan.changes if not since.caused(one.digest))
            yield Group(f"Caused by the change of the files since {harmless(since.ref)}", caused)
            yield Group("Pending or drifted before", before)
        told = MAIL_IS_SENT if self.planned.seeds.customers else ""
        yield Group("Seeds", tuple(map(self._seed, self.planned.seeds.seeds)), told)
        left = [one for one in plan.unchanged if one.adopted or one.remarkable]
        yield Group("Left as it is", tuple(map(self._left, left)))

    def _change(self, change: Change) -> Card:
        place = change.declared.place if change.declared else None
        adoption = (f"Found by its name; to keep it: {adoption_line(change)}",) if change.adopted else ()
        return Card(
            harmless(change.key),
            SYMBOLS[change.action],
            change.action.value,
            _what(change),
            self.target,
            _spot(place, self.links) if place else None,
            len(change.resets),
            notes=tuple(map(harmless, adoption)),
            rows=tuple(self._rows(change)),
            request=_request(change),
            body=_body_text(self.kind, change),
        )

    def _blocked(self, blocked: Blocked) -> Card:
        card = self._change(blocked.change) if blocked.change else None
        card = card or self._nameless(blocked.key)
        since = self.planned.since
        return replace(
            card,
            key=harmless(blocked.key),
            symbol="?" if blocked.is_in_doubt else "!",
            action="in-doubt" if blocked.is_in_doubt else "blocked",
            what=card.what
            if blocked.why == "blocked"
            else f"{card.what} · {blocked.why}".removeprefix(" · "),
            remark="so before" if since and not since.caused_block(blocked) else "",
            is_open=True,
            reasons=tuple(harmless(block.message) for block in blocked.blocks),
        )

    def _nameless(self, key: str, what: str = "") -> Card:
        """Return the card of a resource of which no change is known."""
        place = self.planned.places.get(key)
        return Card(harmless(key), "", "", what, self.target, _spot(place, self.links) if place else None)

    def _left(self, unchanged: Unchanged) -> Card:
        found = f"found by its name, id {unchanged.id}" if unchanged.adopted else ""
        rows = tuple(self._views(unchanged.remarkable))
        card = self._nameless(unchanged.key, found)
        return replace(card, symbol="=", action="unchanged", rows=rows)

    def _seed(self, plan: SeedPlan) -> Card:
        since = self.planned.since
        was_there = bool(plan.to_send and since and not since.caused(plan.digest))
        changed = (f"~ {seed_change(one)}" for one in plan.changes)
        return Card(
            harmless(plan.seed.key),
            seed_symbol(plan),
            _seed_action(plan),
            harmless(seed_what(plan)),
            self.target,
            _spot(plan.seed.place, self.links),
            remark="pending before" if was_there else "",
            is_open=bool(plan.blocks),
            reasons=tuple(harmless(block.message) for block in plan.blocks),
            notes=tuple(map(harmless, [*changed, *seed_notes(plan)])),
            customers=tuple(self._customers(plan)),
        )

    def _customers(self, plan: SeedPlan) -> Iterator[Customer]:
        for recipient in plan.customers:
            one = recipient.customer
            yield Customer(harmless(masked(one.email)), recipient.state.value, _spot(one.place, self.links))

    def _ended(self, outcome: Outcome, change: Change | None) -> Card:
        card = self._change(change) if change else None
        card = card or self._nameless(outcome.key, outcome.action.value if outcome.action else "")
        what = (
            f"{outcome.action.value} id {outcome.id}"
            if outcome.action and outcome.id is not None
            else card.what
        )
        return replace(
            card,
            symbol=RESULT_SYMBOLS[outcome.result][0],
            action=outcome.result.value.replace(" ", "-"),
            what=what,
            is_open=outcome.result is not Result.APPLIED or bool(outcome.warnings),
            reasons=(harmless(outcome.reason),) if outcome.reason else (),
            notes=tuple(f"warning: {harmless(warning)}" for warning in outcome.warnings),
        )

    def _sent(self, end: SendResult) -> Card:
        symbol, told = sent_what(end)
        action = "in-doubt" if end.in_doubt else "sent" if end.sent else "held"
        notes = tuple(map(harmless, sent_notes(end)))
        card = self._nameless(end.key, told)
        return replace(card, symbol=symbol, action=action, notes=notes, is_open=bool(notes))

    def _rows(self, change: Change) -> Iterator[Row]:
        yield from self._views(change.fields)
        for name in carried_names(self.kind, change):
            yield Row(FieldClass.CARRIED.value, "=", name, CARRIED, CARRIED, "unknown to this tool")

    def _views(self, views: Sequence[FieldView]) -> Iterator[Row]:
        by_path: Mapping[str, FieldView] = {view.path: view for view in views}
        for row in field_rows(self.kind, views):
            yield self._row(row, by_path[row.path])

    def _row(self, row: FieldRow, view: FieldView) -> Row:
        field = self.kind.by_path[view.path]
        before, after = (
            shown_field(field, value, longest=LONGEST_VALUE) for value in (view.before, view.after)
        )
        if view.cls is FieldClass.REFUSED:
            after = before
        spot = _spot(view.origin.place, self.links) if view.origin else None
        return Row(view.cls.value, row.symbol, row.path, before, after, row.note, spot)


def _what(change: Change) -> str:
    if change.live is None:
        return change.action.value
    return harmless(f"{change.action.value} id {change.live.id} · {change.live.name}")


def _request(change: Change) -> str:
    if change.action is Action.CREATE:
        return "Body of the POST"
    return "Body of the PUT; what is kept or carried is read again right before"


def _unmanaged(live: Live) -> str:
    return harmless(f"{live.id} · {live.name}")


def _seed_action(plan: SeedPlan) -> str:
    if plan.blocks:
        return "blocked"
    if plan.count(RecipientState.IN_DOUBT):
        return "in-doubt"
    return "send" if plan.to_send else "unchanged"


def _end_figures(applied: Applied) -> tuple[tuple[str, str, int], ...]:
    classes = {
        Result.APPLIED: ("create", "changed"),
        Result.FAILED: ("delete", "failed"),
        Result.STALE: ("update", "stale"),
        Result.SKIPPED: ("blocked", "skipped"),
        Result.IN_DOUBT: ("in-doubt", "in doubt"),
    }
    figures = [(*texts, applied.report.count(result)) for result, texts in classes.items()]
    doubtful = customers_in_doubt(applied.planned.seeds, applied.sent)
    customers = ("send", "customers sent", sum(end.sent for end in applied.sent))
    return (*figures, customers, *([("in-doubt", "customers in doubt", doubtful)] if doubtful else []))


def _body_text(kind: Kind, change: Change) -> str:
    """Return the body that is sent, as far as the plan knows it, with what is carried left out."""
    if change.declared is None or change.action is Action.DELETE:
        return ""
    live = change.live.body if change.live else None
    body = desired(kind, change.declared, change.fields, live)
    for member, _ in list(unknown_members(kind, live or {})):
        put(body, member, CARRIED)
    for one in kind.fields:
        rows = value_at(body, one.member)
        if one.rows and isinstance(rows, list):
            put(body, one.member, [_known(row, one.rows.names) for row in rows])
    text = "\n".join(map(harmless, json.dumps(body, ensure_ascii=False, indent=2).split("\n")))
    return shortened(text, LONGEST_BODY)


def _known(row: Json, names: Mapping[str, str]) -> Json:
    if not isinstance(row, dict):
        return row
    return {name: value if name in names else CARRIED for name, value in row.items()}


WHOLE = 40
"""So many cards stand on a page as a whole. What is inside of the others waits as text, for a script to make
elements of: a browser would make those of a thousand at one go, and answer nobody meanwhile."""

_MEANS_A_SCRIPT = re.compile("<(?=!|script)", re.IGNORECASE)


def html(told: Sequence[Reported], links: Links) -> str:
    """Return the page of a run over its targets; `links` lead from places in files to where they are seen."""
    page = page_of(told, links)
    given = {"page": page, "whole": WHOLE, "later": _later(page.cards[WHOLE:]), "policy": _policy()}
    return _templates().get_template("page.html.j2").render(given, **_assets())


def _later(cards: Sequence[Card]) -> str:
    """Return what is inside of some cards as JSON, which holds nothing that ends or begins a script."""
    if not cards:
        return ""
    inside = _templates().get_template("card.html.j2").module.inside  # type: ignore[attr-defined]  # a macro
    told = json.dumps([str(inside(card)) for card in cards], ensure_ascii=False)
    return _MEANS_A_SCRIPT.sub(r"\\u003c", told.replace("</", r"<\/"))


@cache
def _templates() -> Environment:
    return Environment(
        loader=FunctionLoader(_asset),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )


@cache
def _assets() -> Mapping[str, str]:
    return {"style": _asset("page.css"), "script": _asset("page.js")}


@cache
def _policy() -> str:
    """Return the page's Content-Security-Policy."""
    style, script = (_source(text) for text in _assets().values())
    return f"default-src 'none'; style-src {style}; script-src {script}; base-uri 'none'; form-action 'none'"


def _source(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _asset(name: str) -> str:
    return files(__name__).joinpath(name).read_text("utf-8")
