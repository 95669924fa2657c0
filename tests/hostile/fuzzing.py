"""How much is fuzzed, and of what: bytes, texts and documents made of what does harm; and a run by number.

`HOSTILE_EXAMPLES` is how many inputs a whole run of `tests/hostile` has; each target gets its share.

`python -m tests.hostile.fuzzing --inputs 100000` feeds journals, headers and plan files to what reads them
(see `targets`), and ends with 1 if an input raises what is not expected, takes longer than 5 s or more than
500 MB of memory. An input is made from its number alone, so `--target NAME --only NUMBER` repeats it.
"""

from __future__ import annotations

import argparse
import os
import resource
import signal
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from random import Random
from types import FrameType
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

LONGEST = 5.0
"""Seconds that one input may take."""
MOST_MEMORY = 500_000_000
"""Bytes that the process may take at any time; inputs may add four fifths of that to what it began with."""
MOST_FINDINGS = 10
"""After so many a target is given up."""

EXAMPLES = int(os.environ.get("HOSTILE_EXAMPLES", "2000"))
"""Inputs of all targets together."""


def share(percent: int) -> settings:
    """Return the settings of a target that gets `percent` of all inputs; the same ones each time in CI."""
    return settings(
        max_examples=max(1, EXAMPLES * percent // 100),
        deadline=None,
        derandomize=bool(os.environ.get("CI")),
        print_blob=True,
        suppress_health_check=list(HealthCheck),
    )


HARMFUL = (
    *("\x1b[31m", "\x1b]0;owned\x07", "\x1b]8;;https://evil.example\x07", "\x9b2J", "\r", "\n"),
    *("\x00", "\x7f"),
    *("\u202e", "\u2066", "\u200f", "\u200b", "\ufeff", "\u2028", "\U000e0041"),
    *("\U0001f4a9", "e\u0301\u0301"),
    *("=cmd|' /C calc'!A0", "+1", "-1", "@SUM(A1)", "|", "```", "</details>"),
    *("<script>", "[x](https://evil.example)"),
    *("' OR 1=1 --", "../../etc/passwd", "/etc/passwd", "{{7*7}}", "${HOME}"),
    *("%s%n", "::set-output name=x::y"),
)
"""Texts that steer a terminal, turn writing around, or mean something to whoever reads them later."""

FIELDS = (
    *("version", "targets", "default_target", "undeclared", "time_zone", "import_configs", "customer_seeds"),
    *("presets", "moved", "guardrails", "checkmarket", "expoints", "url", "master_key", "key"),
    *("token", "oauth"),
    *("env", "file", "limits", "resets", "updates", "allowed_recipients", "contact_lists"),
    *("defaults", "journal"),
    *("name", "contact_list", "contact_list_id", "survey_settings", "survey", "survey_id", "invitation_time"),
    *("keep", "reset", "preset", "id", "absent", "hidden", "column_mappings", "source_column_number", "<<"),
    *("sandbox", "production", "welcome", "is_test", "is_reusable", "customers", "customers_from", "email"),
    *("data", "answers", "file_answers", "send", "round", "after", "end_date", "send_time", "shared_mailbox"),
    *("notification_email_addresses", "defaults.date_format"),
    *("survey_settings.survey_id", "base_question_id"),
)
"""Names that mean something somewhere in the files."""

VALUES = (
    *("sandbox:", "https://api.checkmarket.com", "http://localhost:1", "https://evil.example"),
    *("09:00", "+21d"),
    *("today", "reset", "keep", "refuse", "once", "on_change", "Europe/Amsterdam", "../../etc/passwd", "30%"),
    *("a@example.com", "*@example.com", "rows.csv", "rows.jsonl", ".", "..", "/dev/zero", "reconciler.yaml"),
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


class Hang(BaseException):
    """An input has taken too long. No `Exception`, so that nothing on the way takes it for its own."""


@dataclass(frozen=True)
class Finding:
    """An input after which something was not as it must be."""

    target: str
    number: int
    what: str

    def __str__(self) -> str:
        return f"{self.target}, input {self.number}: {self.what}"


def fuzz(target: str, numbers: range, seed: str = "1") -> list[Finding]:
    """Feed inputs of these numbers to a target; return what was found, at most one for each place of code."""
    from tests.hostile.targets import TARGETS  # it takes from here what does harm

    make, _ = TARGETS[target]
    found: dict[str, Finding] = {}
    most = _memory() + MOST_MEMORY * 4 // 5
    with closing(make()) as fed:
        for number in numbers:
            try:
                with _watched():
                    fed.feed(Random(f"{seed} {target} {number}"))
            except (Exception, Hang) as error:  # noqa: BLE001 - whatever it is, it is a finding
                last = traceback.extract_tb(error.__traceback__)[-1]
                place = f"{type(error).__name__} at {last.filename}:{last.lineno}"
                said = "".join(traceback.format_exception(error)[-12:])
                found.setdefault(place, Finding(target, number, f"{place}\n{said}"))
            if _memory() > most:
                found["memory"] = Finding(target, number, f"the process took {_memory() // 1_000_000} MB")
                break
            if len(found) >= MOST_FINDINGS:
                break
    return list(found.values())


def _memory() -> int:
    """Return how many bytes this process has taken at most so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


@contextmanager
def _watched() -> Iterator[None]:
    """Raise `Hang` in the block once it has taken too long."""

    def stop(number: int, frame: FrameType | None) -> None:
        del number, frame
        raise Hang(f"longer than {LONGEST:g} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, LONGEST)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def main() -> int:
    """Fuzz by number; return 1 if anything was found."""
    from tests.hostile.targets import TARGETS

    options = argparse.ArgumentParser(prog="python -m tests.hostile.fuzzing", description=__doc__)
    options.add_argument("--inputs", type=int, default=3000, help="how many, of all targets together")
    options.add_argument("--seed", default="1", help="another one makes other inputs")
    options.add_argument("--target", choices=TARGETS, help="only this one")
    options.add_argument("--only", type=int, help="only the input with this number, of one target")
    given = options.parse_args()
    found: list[Finding] = []
    for target, (_, percent) in TARGETS.items():
        if given.target not in (None, target):
            continue
        inputs = given.inputs if given.target else given.inputs * percent // 100
        numbers = range(inputs) if given.only is None else range(given.only, given.only + 1)
        began = time.monotonic()
        ended = fuzz(target, numbers, given.seed)
        found += ended
        print(
            f"{target}: {len(numbers)} inputs, {len(ended)} findings, {time.monotonic() - began:.0f} s",
            flush=True,
        )
        for finding in ended:
            print(f"\n{finding}", file=sys.stderr, flush=True)
    print(f"{len(found)} findings; at most {_memory() // 1_000_000} MB")
    return 1 if found or _memory() > MOST_MEMORY else 0


if __name__ == "__main__":
    sys.exit(main())
