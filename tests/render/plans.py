"""Reports of toys in which every text from outside is the one that a test hands in."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from reconciler.engine.change import Action, Block, Blocked, Change, Plan, Scope
from reconciler.engine.classify import classify
from reconciler.engine.kind import Certainty, Effect, Json, Reference
from reconciler.engine.outcome import Line, Outcome, Result
from reconciler.engine.plan import Since
from reconciler.errors import Exit, Refused
from reconciler.expoints.planning import SeedsPlan
from reconciler.expoints.recipients import Recipient, SeedPlan, SendResult
from reconciler.expoints.seed import Seed, SeedCustomer
from reconciler.problems import Place, Problem
from reconciler.render.report import Stopped, TargetReport
from tests.engine.toys import account, declared, live

NOW = datetime(2026, 12, 1, 10, tzinfo=ZoneInfo("Europe/Amsterdam"))
ADDRESS = "jane.do@example.com"


def change(number: int, text: str = "Robot", *, action: Action = Action.UPDATE) -> Change:
    """A change of one toy: a value set, one by reference, one reset, one kept and one carried."""
    seen = live(
        {"Name": text, "Size": text, "Battery": {"Kind": text}, "Parts": parts(text), text: text}, id=number
    )
    wanted: dict[str, Json | Reference] = {"name": f"{text} {number}", "battery.count": 3}
    one = declared(f"toys.{text}{number}", wanted, id=number, keep=["battery.kind"])
    views = classify(account(), one, None if action is Action.CREATE else seen.body)
    views = tuple(
        replace(view, named=Reference("toy", text)) if view.path == "name" else view for view in views
    )
    scope = Scope(text, text, at=NOW)
    known = None if action is Action.CREATE else seen
    return Change(scope, one.key, action, views, one, known, adopted=True, effects=effects(text))


def effects(text: str = "Robot") -> tuple[Effect, ...]:
    """One that comes sooner than before, and one without a time."""
    before, after = (NOW + timedelta(days=days) for days in (5, 2))
    return (
        Effect(
            "mails_earlier",
            f"sooner: {text}",
            ("battery.count",),
            before=before,
            after=after,
            direction="sooner",
        ),
        Effect(text, f"rest: {text}", ("name",), Certainty.INFERRED),
    )


def parts(text: str) -> Json:
    return [{"Number": 1, "Label": text}]


def seeds(text: str = "smoke", customers: int = 2) -> SeedsPlan:
    """A plan of one seed, to be sent, with a note."""
    people = tuple(
        SeedCustomer(Place(f"{text}.yaml", number + 1, 1), ADDRESS, {}, ()) for number in range(customers)
    )
    seed = Seed(f"customer_seeds.{text}", Place(f"{text}.yaml", 1, 1), people, {}, round=text)
    recipients = tuple(Recipient(one, "name", "box", "digest", {}, note=text) for one in people)
    return SeedsPlan((SeedPlan(seed, recipients, (), (text,), "0" * 64, text),), account=text)


def planned(text: str = "Robot", *, changes: int = 2, blocked: int = 1, split: bool = True) -> TargetReport:
    """A plan with something of everything."""
    made = tuple(change(number, text) for number in range(1, changes + 1))
    left = tuple(
        Blocked(f"toys.b{number}{text}", (Block("resets", text, ("size",)),), change(number, text))
        for number in range(1, blocked + 1)
    )
    plan = Plan(Scope(text, text), account(), made, left, unmanaged=(live({"Name": text}, id=99),))
    digests, loosened = frozenset(one.digest for one in made[1:]), (problem(text),)
    since = Since(text, "0" * 40, digests, note=text, loosened=loosened)
    return TargetReport(plan, seeds(text), since if split else None, (problem(text),), Exit.REFUSED)


def problem(text: str) -> Problem:
    return Problem("unknown-key", Place(f"{text}.yaml", 3, 4), text, text, text)


def applied(text: str = "Robot") -> TargetReport:
    """An apply of which every change ended otherwise."""
    results = [*Result]
    plan = replace(planned(text).plan, changes=tuple(change(n, text) for n in range(len(results))))
    outcomes = tuple(
        Outcome(one.key, one.action, result, text, (text,), (Line(text, text),), one.id)
        for one, result in zip(plan.changes, results, strict=True)
    )
    whole = TargetReport(plan, seeds(text), problems=(problem(text),))
    sent = (SendResult(f"customer_seeds.{text}", 1, 1, 1, (text,)),)
    ended = replace(whole, is_applied=True, outcomes=outcomes, notes=(text,), sent=sent)
    return replace(ended, exit=Exit.IN_DOUBT)


def stopped(text: str = "no") -> Stopped:
    return Stopped("plan", text, text, Exit.ERROR, (problem(text),))


def in_trouble(text: str) -> TargetReport:
    return replace(planned(text), seeds=SeedsPlan(trouble=Refused(text)))
