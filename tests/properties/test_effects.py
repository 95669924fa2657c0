"""Whatever changes, something is said of it; and the other way round it is said the other way round."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from reconciler.checkmarket.effects import DELAY, RULES, SURVEY, effects
from reconciler.checkmarket.model import IMPORT_CONFIGS
from reconciler.engine.kind import OPPOSITES

AT = datetime(2026, 10, 24, 12, tzinfo=ZoneInfo("Europe/Amsterdam"))
TIMES = st.sampled_from([None, "", "00:00", "08:30", "23:59", "23:59:59"])
MOST = 2**31 - 1
SAID = [
    path
    for path in IMPORT_CONFIGS.by_path
    if path.startswith(("survey_settings.", "email_must_be_unique")) or path == IMPORT_CONFIGS.visible_field
]


def values_of(path: str) -> st.SearchStrategy[Any]:
    if path.endswith("_time"):
        return TIMES
    is_number = path.startswith("survey_settings.") and not path.endswith("period")
    return st.sampled_from([None, 0, 1, 2, 14, 40_000, MOST] if is_number else [None, False, True])


def told(value: Any) -> Any:
    """Return a value so that `""` is no value, and `false` and 0 are one."""
    return None if value in ("", None) else value


BODIES = st.fixed_dictionaries({path: values_of(path) for path in SAID})


@given(BODIES, BODIES, st.sampled_from([None, AT]))
def test_every_changed_field_has_an_effect_whose_direction_turns_with_it(
    before: dict[str, Any], after: dict[str, Any], at: datetime | None
) -> None:
    there, back = effects(before, after, at), effects(after, before, at)
    changed = {path for path in SAID if told(before[path]) != told(after[path])}
    assert {path for effect in there for path in effect.paths} == changed
    assert {effect.name for effect in there} <= {*RULES}
    turned = {(path, OPPOSITES[effect.direction]) for effect in back for path in effect.paths}
    assert {(path, effect.direction) for effect in there for path in effect.paths} == turned
    for effect in there:
        then, now = (
            (effect.before, effect.after) if effect.direction == "sooner" else (effect.after, effect.before)
        )
        assert not (then and now) or effect.direction == "other" or now <= then
    if (after[DELAY] or 0) < (before[DELAY] or 0) and before[SURVEY] and after[SURVEY]:
        assert {effect.name for effect in there} & {"mails_at_once", "mails_earlier"}
