"""How much is fuzzed, and of what: bytes, texts and documents made of what does harm.

`HOSTILE_EXAMPLES` is how many inputs a whole run of `tests/hostile` has; each target gets its share.
"""

from __future__ import annotations

import os
from datetime import timedelta
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

LONGEST = timedelta(seconds=10)
EXAMPLES = int(os.environ.get("HOSTILE_EXAMPLES", "2000"))
"""Inputs of all targets together."""


def share(percent: int) -> settings:
    """Return the settings of a target that gets `percent` of all inputs; the same ones each time in CI."""
    return settings(
        max_examples=max(1, EXAMPLES * percent // 100),
        deadline=LONGEST,
        derandomize=bool(os.environ.get("CI")),
        print_blob=True,
        suppress_health_check=list(HealthCheck),
    )


HARMFUL = (
    *("\x1b[31m", "\x1b]0;owned\x07", "\x1b]8;;https://evil.example\x07", "\x9b2J", "\r", "\n"),
    *("\x00", "\x7f", "\u202e", "\u2066", "\u200f", "\u200b", "\ufeff", "\u2028", "\U000e0041"),
    *("\U0001f4a9", "e\u0301\u0301", "=cmd|' /C calc'!A0", "+1", "-1", "@SUM(A1)", "|", "```"),
    *("</details>", "<script>", "[x](https://evil.example)", "' OR 1=1 --", "../../etc/passwd"),
    *("/etc/passwd", "{{7*7}}", "${HOME}", "%s%n", "::set-output name=x::y"),
)
"""Texts that steer a terminal, turn writing around, or mean something to whoever reads them later."""

FIELDS = tuple(
    """
    version targets default_target undeclared time_zone import_configs customer_seeds presets moved guardrails
    checkmarket expoints url master_key key token oauth env file limits resets updates allowed_recipients
    contact_lists defaults journal name contact_list contact_list_id survey_settings survey survey_id
    invitation_time keep reset preset id absent hidden column_mappings source_column_number << sandbox
    production welcome is_test is_reusable customers customers_from email data answers file_answers send round
    after end_date send_time shared_mailbox notification_email_addresses defaults.date_format
    survey_settings.survey_id base_question_id
    """.split()  # noqa: SIM905
)
"""Names that mean something somewhere in the files."""

VALUES = tuple(
    """
    sandbox: https://api.checkmarket.com http://localhost:1 https://evil.example 09:00 +21d today reset keep
    refuse once on_change Europe/Amsterdam ../../etc/passwd 30% a@example.com *@example.com rows.csv
    rows.jsonl . .. /dev/zero reconciler.yaml
    """.split()  # noqa: SIM905
)
"""Values that mean something somewhere in the files."""

harmful_text = st.one_of(
    st.sampled_from(HARMFUL),
    st.text(max_size=12),
    st.lists(st.one_of(st.sampled_from(HARMFUL), st.text(max_size=4)), max_size=4).map("".join),
)
numbers: st.SearchStrategy[Any] = st.one_of(
    st.integers(-2, 400), st.sampled_from([2**31, -(2**63), 10**400, -(10**400), 0.5, -0.0, 1e308])
)
yamlish = st.lists(
    st.sampled_from(
        [*"aM1 0:-,[]{}&*!<>|\n\t\"'#%?~.\\\x00é\u202e", "&a ", "*a ", "\n  ", "? ", "---", *FIELDS]
    ),
    max_size=60,
).map("".join)


def documents(keys: st.SearchStrategy[str], leaves: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Return plain data of any shape."""
    return st.recursive(
        leaves,
        lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(keys, inner, max_size=5)),
        max_leaves=16,
    )


declared = documents(
    st.one_of(st.sampled_from(FIELDS), harmful_text),
    st.one_of(st.none(), st.booleans(), numbers, st.sampled_from(VALUES), harmful_text),
)
