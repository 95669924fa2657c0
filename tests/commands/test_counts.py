"""What a plan counts and lists: resets by their consent, what is unchanged, and large accounts in short."""

from __future__ import annotations

import re

import pytest

from reconciler.commands.adopt import Wanted, adopt, adopt_update
from reconciler.commands.reports import Form, ReportFile
from reconciler.engine.plan import Consent
from tests.commands.world import EVERYTHING, RESETS, SETTINGS, World

LIVE = {
    "Name": "Welcome",
    "IsReusable": True,
    "DateFormat": "dd/MM/yyyy",
    "FirstRow": 2,
    "FieldDelimiter": ";",
}
NAMED = "import_configs: {welcome: {name: Welcome, reset: [%s], targets: {sandbox: {id: 1}}}}\n"


@pytest.mark.parametrize(
    ("limit", "named", "consent", "shown"),
    [
        (5, "first_row", Consent(), "resets 5 (named 1, by policy 2 of 5)"),
        (1, "first_row", Consent(), "resets 1 (named 1, by policy 2 of 1, so these are blocked)"),
        (0, "first_row", Consent(resets=4), "resets 0 (named 1, by policy 2 of 4 by --allow-resets)"),
        (0, "first_row", RESETS, "resets 0 (named 1, by policy 2, allowed by --allow-resets)"),
        ("null", "", Consent(), "resets any (named 0, by policy 3)"),
        (0, "first_row, date_format, field_delimiter", Consent(), "resets 0 (named 3, by policy 0 of 0)"),
    ],
)
def test_the_limits_say_which_resets_they_count(
    world: World, limit: object, named: str, consent: Consent, shown: str
) -> None:
    world.live({1: LIVE})
    world.write("reconciler.yaml", f"{SETTINGS}    limits: {{resets: {limit}}}\n")
    world.write("welcome.yaml", NAMED % named)
    run = world.plans(consent)
    assert f"Limits: {shown}, deletes 0" in run.out
    assert "↺ not declared: the PUT leaves it out" in run.out  # of what is blocked too
    plan = world.plans(consent, json=True).document
    counts = [int(number) for number in re.findall(r"(?:named|policy) (\d+)", shown)]
    summary = plan["summary"]
    resets, by_policy = (0, 0) if "blocked" in shown else counts
    assert (summary["reset_fields"], summary["resets_by_policy"]) == (resets + by_policy, by_policy)


NUMBER = 25


def large(world: World, *, live: int = NUMBER, declared: int = 0, delay: int = 0) -> None:
    """Let configurations be live, and declare some of them as they are, or with another delay."""
    settings = {"SurveySettings": {"SurveyId": 4711, "InvitationDelayInDays": 1}}
    world.live({n: {"Name": f"N{n:02}", "IsReusable": True, **settings} for n in range(1, live + 1)})
    line = f"survey_settings: {{survey_id: 4711, invitation_delay_in_days: {1 + delay}}}"
    ids = (
        f"  k{n:02}: {{name: N{n:02}, {line}, targets: {{sandbox: {{id: {n}}}}}}}\n"
        for n in range(1, declared + 1)
    )
    world.write("welcome.yaml", f"import_configs:\n{''.join(ids)}" if declared else "")
    world.write("reconciler.yaml", f"{SETTINGS}    limits: {{updates: 100%}}\n")


@pytest.mark.parametrize("verb", [World.plans, World.applies])
def test_the_first_ten_unmanaged_are_listed_and_the_others_counted(world: World, verb: object) -> None:
    large(world)
    out = verb(world).out  # type: ignore[operator]  # a method of a world
    assert re.findall(r'^  \d+ "N(\d\d)"$', out, re.MULTILINE) == [f"{n:02}" for n in range(1, 11)]
    assert "  and 15 more of 25; --verbose or --format json lists them\n" in out
    assert verb(world, settings={"verbose": True}).out.count('"N') == NUMBER  # type: ignore[operator]
    assert len(world.plans(json=True).document["unmanaged"]) == NUMBER


def test_ten_are_named_that_are_adopted_or_brought_back(world: World) -> None:
    large(world)
    more = "and 15 more of 25; --verbose or --format json lists them\n"
    wanted, verbose = Wanted(everything=True), {"verbose": True}
    every = world.ran(adopt, wanted, EVERYTHING, diff=True, settings=verbose).out
    assert every.count("\n+ import_configs.") == NUMBER
    out = world.ran(adopt, wanted, EVERYTHING).out
    assert (out.count("+ import_configs."), more in out) == (10, True)
    for id in range(1, NUMBER + 1):
        world.change(id, SurveySettings={"SurveyId": 4711, "InvitationDelayInDays": 2})
    assert len(world.ran(adopt_update, EVERYTHING, diff=True, json=True).document["fields"]) == NUMBER
    out = world.ran(adopt_update, EVERYTHING).out
    assert (out.count("~ import_configs."), more in out) == (10, True)


def test_a_plan_names_what_is_unchanged_and_ten_of_many(world: World) -> None:
    large(world, declared=2)
    assert "Unchanged:\n  import_configs.k01, import_configs.k02\n" in world.plans().out
    large(world, declared=NUMBER)
    out = world.plans().out
    assert "import_configs.k10, and 15 more of 25; --verbose or --format json lists them\n" in out
    assert "import_configs.k11" not in out
    assert "  import_configs.k25  id 25\n" in world.plans(settings={"verbose": True}).out


def test_ten_are_named_of_which_no_earlier_run_is_known(world: World) -> None:
    large(world, declared=NUMBER, delay=1)
    told = next(line for line in world.plans().out.splitlines() if line.startswith("No earlier run"))
    assert "import_configs.k10 and 15 more: what changed in git" in told
    assert told.endswith("--verbose names all 25.")
    assert "import_configs.k25: what changed in git" in world.plans(settings={"verbose": True}).out


def test_reports_are_as_short_where_nothing_needs_an_eye(world: World) -> None:
    large(world, declared=12)
    files = [ReportFile(form, world.folder / form.value) for form in (Form.MARKDOWN, Form.HTML)]
    world.plans(reports=tuple(files))
    page, html = (file.path.read_text() for file in files)
    assert "- and 3 more of 13; the HTML page or `plan --verbose` lists them\n" in page
    assert "`import_configs.k10`, and 2 more of 12; the HTML page or" in page
    assert html.count("<li>import_configs.k") == 12
    assert "<details><summary>Live, declared nowhere; left alone.</summary>" in html
