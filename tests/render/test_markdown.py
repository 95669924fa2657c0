"""Reports in Markdown: what a reviewer sees, in which order, and that no value becomes anything else."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from reconciler.engine.change import Action, Block, Limits
from reconciler.engine.outcome import Outcome, Result
from reconciler.expoints.planning import SeedsPlan
from reconciler.problems import Severity
from reconciler.render.github import Links
from reconciler.render.html import html
from reconciler.render.markdown import (
    COMMENT,
    STEP_SUMMARY,
    Group,
    Limit,
    code,
    element,
    fenced,
    fitted,
    markdown,
    marker,
    prose,
)
from reconciler.render.report import Reported, Stopped, problems_of
from reconciler.render.values import harmless
from tests.engine.toys import PLACE, live
from tests.hostile.fuzzing import HARMFUL, share
from tests.hostile.looking import assert_harmless
from tests.render.plans import ADDRESS, applied, change, in_trouble, planned, stopped
from tests.render.reading import MARKDOWN, assert_inert, code_of, spans, tokens


def assert_stays_text(text: str) -> None:
    """It does so as a span, as a block, between tags, and in a sentence, from which nothing is lost."""
    shown = harmless(text)
    spanned = shown if shown.strip(" ") else "(empty)"
    (span,) = spans(code(text))
    assert (span.type, span.content) == ("code_inline", spanned)
    page = f"- key {code(text)}: {code(text)} → {prose(text)}"
    assert code_of(page)[:2] == [spanned] * 2
    block = f"before\n\n{fenced([text, f'+ {text}'], 'diff')}\n\nafter"
    (fence,) = [token for token in tokens(block) if token.type == "fence"]
    assert fence.content == f"{shown}\n{harmless(f'+ {text}')}\n"
    tags = f"<details><summary>{element(text)}</summary>\n\nx\n\n</details>"
    for one in (page, block, tags, prose(text), f"- {prose(text)}", prose(f"it says {text} and stops")):
        assert_inert(one)
        assert_harmless(one)


@pytest.mark.parametrize("text", [*MARKDOWN, *HARMFUL])
def test_a_value_stays_text_wherever_it_stands(text: str) -> None:
    assert_stays_text(text)


@pytest.mark.parametrize(
    "written",
    [
        "3 fields would be reset (by policy): add a reset: list, or `--allow-resets=3`.",
        "of `import_configs.a`, `import_configs.b`: 2026-12-15 08:30 (10:30 UTC)",
        "with `--allow-resets` (`limits.resets` is 3, `f(x)` resets `4`)",
        "(`a.b`) `()` (`c.d`), `) (`",
        "`a.. ;; ,. x_y`:",
    ],
)
def test_words_days_and_stops_stay_a_sentence_and_the_rest_is_code(written: str) -> None:
    assert prose(written.replace("`", "")) == written


def every_report(text: str) -> list[Reported]:
    made: list[Reported] = [planned(text), planned(text, split=False), in_trouble(text), applied(text)]
    return [*made, stopped(text), Stopped.underway("apply", text)]


@pytest.mark.parametrize("text", [*MARKDOWN, *HARMFUL])
def test_no_text_from_outside_becomes_anything_but_text(text: str) -> None:
    for reported in every_report(text):
        page = markdown([reported], origin=[("branch", text)])
        assert_inert(page)
        assert_harmless(page)


def test_what_needs_an_eye_comes_first() -> None:
    page = markdown([planned()])
    order = [
        *("<!-- reconciler:plan target=Robot -->", "### Plan of `Robot`", "Guardrails allow more than at"),
        *(
            "**Plan: ",
            "Limits: resets 0",
            "[!CAUTION]",
            "#### ↺ 2 fields reset",
            "#### ! Blocked",
            "#### Caused by",
        ),
        *("#### Pending or drifted before", "#### Seeds", "#### Unmanaged", "#### Problems"),
        "Fingerprint `",
    ]
    places = [page.index(text) for text in order]
    assert places == sorted(places)


def test_a_reset_is_named_with_what_it_takes_away() -> None:
    page = markdown([planned("Robot", changes=1)])
    assert '- ↺ `toys.Robot1` `size`: `"Robot"` → `(empty)`, reset by policy, default assumed' in page
    assert "<b>↺ 1 field reset</b>" in page


def test_what_comes_to_people_sooner_stands_outside_of_the_fold_and_the_rest_in_it() -> None:
    page = markdown([planned(changes=2, split=False)])
    assert "</details>\n\n- ⇒ Robot\n" in page  # of the seed
    effects = "mails earlier (2), Robot (2); blocked: mails earlier (1), Robot (1)."
    assert f"\n\n**People:** {effects}\n\n" in page
    sooner, rest = "- ⇒ sooner: Robot `[mails_earlier]`", "- ⇒ rest: Robot `[Robot, inferred]`"
    folds = re.split(r"<details|</details>", page[page.index("#### ! Blocked") : page.index("#### Seeds")])
    assert [(sooner in part, rest in part) for part in folds] == [
        (False, False),
        *[(False, True), (True, False)] * 3,
    ]


def test_what_is_refused_without_consent_stands_outside_of_the_fold_once_it_is_consented_to() -> None:
    one = change(1)
    one = replace(one, scope=replace(one.scope, limits=Limits(refused_effects=frozenset({"Robot"}))))
    made = planned(split=False, blocked=0)
    report = replace(made, plan=replace(made.plan, changes=(one,)), places={one.key: PLACE})
    assert "\n</details>\n\n- ⇒ sooner: Robot `[mails_earlier]`\n- ⇒ rest: Robot" in markdown([report])
    problems = [(each.code, each.severity) for each in problems_of([report])]
    assert problems[:2] == [("mails_earlier", Severity.WARNING), ("Robot", Severity.WARNING)]


@pytest.mark.parametrize("room", [COMMENT, Limit(6000, len)])
def test_where_there_is_no_room_for_all_what_comes_to_people_sooner_is_left(room: Limit) -> None:
    page = markdown([planned(changes=200, blocked=9, split=False)], room)
    assert "told in short here" in page
    keys = re.findall(r"toys\.b\d+Robot.*?⇒ sooner: Robot", page, re.DOTALL)
    assert len(keys) == 9
    assert "**People:** mails earlier (200)" in page


def test_what_an_apply_did_to_people_is_counted_of_what_was_applied() -> None:
    assert "**People:** mails earlier (1), Robot (1).\n" in markdown([applied()])


def test_no_address_and_no_carried_value_is_in_it() -> None:
    made = planned()
    one = replace(change(1), live=live({"Owner": "in person"}))
    page = markdown([replace(made, plan=replace(made.plan, changes=(one,)))])
    assert all(text in page for text in ("j***@example.com", "= Owner  carried"))
    assert not any(text in page for text in (ADDRESS, "in person"))


@pytest.mark.parametrize("limit", [COMMENT, STEP_SUMMARY])
@pytest.mark.parametrize("text", ["Robot", "💩" * 80, "`" * 100], ids=["plain", "wide", "ticks"])
def test_hundreds_of_changes_fit_and_what_does_not_is_counted(limit: Limit, text: str) -> None:
    page = markdown([planned(text, changes=600, blocked=60, split=False)], limit)
    assert limit.size(page) <= limit.most
    assert_inert(page)
    rest = page[page.index("#### ! Blocked") :]
    left = [int(number) for number in re.findall(r"\*\*(\d+) more resources? (?:is|are) left out", rest)]
    named = len(re.findall(r"^(?:<details(?: open)?><summary>|- )[~!] ", rest, re.MULTILINE))
    assert named + sum(left) == 660
    assert "**Plan: 0 to create, 600 to update" in page


def test_every_resource_and_every_reset_is_named_where_not_all_can_be_shown() -> None:
    page = markdown([planned(changes=200, blocked=0, split=False)])
    assert page.count("- ↺ `toys.") == 200
    assert len(re.findall(r"^(?:<details><summary>~ <code>|- ~ `)toys\.Robot\d+", page, re.MULTILINE)) == 200


def test_a_hundred_targets_are_never_too_much() -> None:
    page = markdown([stopped(f"target-{number} {'x' * 900}") for number in range(100)])
    assert COMMENT.size(page) <= COMMENT.most
    assert re.search(r"\*\*\d+ more targets are left out here:\*\*", page)
    assert_inert(page)
    assert markdown([stopped("no")], Limit(40, len)) == ""


def test_what_was_blocked_and_what_was_not_sent_is_in_how_it_ended() -> None:
    made = replace(planned(split=False), plan=replace(planned().plan, changes=()))
    (seed,) = made.seeds.seeds
    seeds = SeedsPlan((replace(seed, blocks=(Block("opted-out", "wants no more mail"),)),))
    outcomes = (Outcome("toys.b1Robot", Action.UPDATE, Result.SKIPPED, "blocked"),)
    end = replace(made, seeds=seeds, is_applied=True, outcomes=outcomes)
    page = markdown([end])
    assert "#### Seeds that were not sent" in page
    assert "- ! wants no more mail" in page
    assert any('↺ size           "Robot" → (empty)' in block for block in code_of(page))
    assert "Seeds that were not sent" in html([end], Links())


def test_how_every_change_ended_is_told_the_wrong_ones_first() -> None:
    page = markdown([applied()])
    assert page.index("#### Needs a look") < page.index("<b>in doubt</b>") < page.index("#### Applied\n")
    assert "**Exit 6:** an outcome is in doubt" in page
    assert (
        "**Applied: 1 changed, 1 failed, 1 stale, 1 skipped (1 blocked), 1 in doubt; "
        "1 customer sent, 1 in doubt, 1 seed refused (1 customer).**" in page
    )
    assert "`Robot`: `Robot`" in page


def test_what_stopped_a_run_is_told_with_every_problem() -> None:
    page = markdown([stopped("no")])
    assert page.startswith(marker("plan", "no"))
    assert "> **Exit 1:** no" in page
    assert "- `no.yaml:3:4` error `unknown-key` `no`: no → no" in page


def test_several_targets_stand_in_one_page_and_what_was_stopped_comes_first() -> None:
    page = markdown([planned("a", changes=300), planned("b", changes=300), stopped("c")])
    assert COMMENT.size(page) <= COMMENT.most
    places = [page.index(marker("plan", target)) for target in "cab"]
    assert places == sorted(places)


sizes = st.lists(st.lists(st.integers(2, 300), max_size=30), max_size=5)
LEFT = re.compile(r"\*\*(\d+) more things? (?:is|are) left out here:\*\* the output of the run has them\.")
SHORT = re.compile(r"\*\*(\d+) things? (?:is|are) told in short here:\*\* the output of the run has them\.")


def page(groups: list[list[int]], most: int, *, short: bool = False) -> str:
    parts = [
        Group(f"#{n}", ["x" * size for size in sizes], "thing", "\n\n", ["y"] * len(sizes) * short)
        for n, sizes in enumerate(groups)
    ]
    return fitted([["head", *parts, "foot"]], Limit(most, len))


def told(pattern: re.Pattern[str], text: str) -> int:
    return sum(int(number) for number in pattern.findall(text))


@given(sizes, st.integers(900, 3000), st.booleans())
@share(5)
def test_what_is_shown_and_what_is_counted_is_all_there_is(
    groups: list[list[int]], most: int, short: bool
) -> None:
    text = page(groups, most, short=short)
    whole, brief = (len(re.findall(f"^{one}+$", text, re.MULTILINE)) for one in "xy")
    assert len(text) <= most
    assert text.startswith("head")
    assert text.endswith("foot")
    assert whole + brief + told(LEFT, text) == sum(map(len, groups))
    assert told(SHORT, text) == brief
