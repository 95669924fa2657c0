"""How a server writes its answers makes no difference to what is planned."""

from __future__ import annotations

import datetime as dt
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from reconciler.checkmarket.model import IMPORT_CONFIGS
from reconciler.engine.change import fingerprint_of
from reconciler.sandbox import Variants
from tests.properties.situations import situations
from tests.properties.world import Situation, World


def fingerprint(situation: Situation, server: Variants) -> str:
    with World(replace(situation, variants=server)) as world:
        return fingerprint_of(world.plan(situation).digests)


@given(
    situations(),
    st.fixed_dictionaries(
        {
            "times": st.sampled_from(["long", "seconds", "short"]),
            "mappings_order": st.sampled_from(["as-sent", "reversed"]),
            "rows": st.sampled_from(["whole", "thin"]),
            "listing": st.sampled_from(["paged", "unpaged", "clamped"]),
            "row_order": st.sampled_from(["oldest-first", "newest-first"]),
            "error_body": st.sampled_from(["object", "string"]),
            "unknown_id": st.sampled_from(["404", "refused"]),
        }
    ),
)
def test_the_form_of_an_answer_makes_no_difference(situation: Situation, form: dict[str, Any]) -> None:
    """Times, orders, pages and thin rows: a review of the plan binds whatever they look like."""
    server = situation.variants
    assert fingerprint(situation, server) == fingerprint(situation, replace(server, **form))


@given(
    st.times(),
    st.sampled_from(["survey_settings.invitation_time", "survey_settings.expiration_time"]),
)
def test_a_time_is_the_same_time_in_every_form(time: dt.time, path: str) -> None:
    """09:00, 09:00:00 and 09:00:00.0000000 are one; a second that is not zero makes another time."""
    field = IMPORT_CONFIGS.by_path[path]
    minute = f"{time:%H:%M}"
    assert field.normal(minute) == field.normal(f"{minute}:00") == field.normal(f"{minute}:00.0000000")
    same = field.normal(f"{time:%H:%M:%S.%f}0") == field.normal(minute)
    assert same is not bool(time.second or time.microsecond)
