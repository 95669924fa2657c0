"""How a difference came about, and which ones are accepted for a while, in a few words each."""

from __future__ import annotations

from reconciler.engine.classify import FieldView
from reconciler.engine.declared import Accepted
from reconciler.engine.drift import Drift
from reconciler.engine.kind import Field
from reconciler.engine.plan import Plan
from reconciler.render.values import harmless, shown_field

MOST_NAMED = 5
"""So many keys are named in one sentence."""

_TEXTS = {
    Drift.GIT: "changed in git",
    Drift.LIVE: "changed live",
    Drift.BOTH: "changed in git and live",
    Drift.LEFT: "as the last run left it",
    Drift.IN_DOUBT: "the last run is in doubt",
    Drift.RESTORED: "as a restore left it",
    Drift.UNDECLARED: "no longer declared, its live value stays",
}


def drift_text(drift: Drift | None) -> str:
    """Return who brought about a difference, in a few words; nothing where it is not known."""
    return _TEXTS.get(drift, "") if drift else ""


def noted(*parts: str) -> str:
    """Return the parts of a note that say something, with commas between them."""
    return ", ".join(part for part in parts if part)


def accepted_text(field: Field, view: FieldView, accepted: Accepted) -> str:
    """Return until when and why a field is left as it is, and what it would be otherwise."""
    wanted = f" instead of {shown_field(field, view.wanted)}" if view.wanted != view.after else ""
    return f"accepted{wanted} until {accepted.until}: {harmless(accepted.reason)}"


def untold_text(plan: Plan) -> str:
    """Return the updates of which nobody knows what brought them about, as a sentence."""
    changes = [*plan.changes, *(blocked.change for blocked in plan.blocked if blocked.change)]
    keys = [c.key for c in changes if any(view.drift is Drift.UNKNOWN for view in c.fields)]
    if not keys:
        return ""
    more = f" and {len(keys) - MOST_NAMED} more" if len(keys) > MOST_NAMED else ""
    return (
        f"No earlier run is known of {', '.join(keys[:MOST_NAMED])}{more}: what changed in git and what "
        "changed live cannot be told apart."
    )
