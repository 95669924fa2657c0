"""What a change does to people is said in every plan, and some of it needs consent by its name."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from reconciler.commands.plan import show
from reconciler.engine.plan import Consent
from reconciler.errors import Exit, FilesInvalid, UsageError
from tests.commands.conftest import FILES, WELCOME
from tests.commands.world import EVERYTHING, RESETS, SETTINGS, World

DELAY = "      invitation_delay_in_days: 2\n"
NOTHING = {"removed": "", "null": "      invitation_delay_in_days: null\n", "zero": DELAY.replace("2", "0")}
AT_ONCE = "people are mailed at once, no longer 5 days after the import"


@pytest.fixture
def at_once(world: World) -> World:
    world.write("welcome.yaml", FILES.replace(DELAY, ""))
    return world


def agreed(number: int | None, *, name: str = "mails_at_once") -> Consent:
    return Consent(resets=None, effects={name: number})


@pytest.mark.parametrize("form", NOTHING)
@pytest.mark.parametrize("consent", [RESETS, Consent()])
def test_a_delay_that_becomes_nothing_is_refused_in_words_for_people(
    world: World, form: str, consent: Consent
) -> None:
    world.write("welcome.yaml", FILES.replace(DELAY, NOTHING[form]))
    run = world.plans(consent)
    assert run.exit is Exit.REFUSED
    ways = (
        "accept_effects: [mails_at_once] beside it, or run with --allow-effect mails_at_once [refused-effect]"
    )
    assert f"    ! refused without consent: {AT_ONCE}; if that is meant, write {ways}" in run.out
    told = f"{AT_ONCE}: imported now, today 16:13 instead of Sat 26 Sep 16:13 (Europe/Amsterdam)"
    assert f"    ⇒ {told} [mails_at_once]" in run.out
    (blocked,) = world.plans(consent, json=True).document["blocked"]
    effect = blocked["change"]["effects"][0]
    assert (effect["name"], effect["refused"], effect["direction"]) == ("mails_at_once", True, "sooner")
    assert (effect["before"][:16], effect["after"][:16]) == ("2026-09-26T16:13", "2026-09-21T16:13")
    assert world.applies(consent).exit is Exit.REFUSED
    assert world.writes == []


@pytest.mark.parametrize(
    ("days", "clock", "delay", "time", "told"),
    [
        (5, None, 1, "09:00", ["invited 1 day after the import, at 09:00 UTC", "invited 4 days earlier"]),
        (5, None, 6, "09:00", ["invited 6 days after the import, at 09:00 UTC"]),
        (5, None, 0, "09:00", ["invited at 09:00 UTC, or at once where that is past", AT_ONCE[11:]]),
        (5, "09:00:00.0000000", 7, None, ["mailed at once, no longer at 09:00 UTC", "invited 2 days later"]),
        (5, "09:00", 4, None, ["mailed at once, no longer at 09:00 UTC", "invited 1 day earlier"]),
        (None, "16:00", 0, "00:00", ["mailed at once, no longer at 16:00 UTC"]),
        (
            None,
            "16:00",
            0,
            "15:00",
            ["invited up to 1 h earlier, at 15:00 UTC, or at once where that is past"],
        ),
        (None, "16:00", 2, "15:00", ["invited 2 days after the import, no longer on the day of it"]),
        (5, None, 2**31 - 1, None, ["invited 2147483642 days later"]),
    ],
)
def test_a_time_of_day_and_a_delay_that_change_together_are_told_apart(
    world: World, days: int | None, clock: str | None, delay: int, time: str | None, told: list[str]
) -> None:
    settings = {"SurveyId": 4711, "InvitationDelayInDays": days, "InvitationTime": clock}
    world.live({1: {**WELCOME, "SurveySettings": settings}})
    line = f'      invitation_time: "{time}"\n' if time else ""
    world.write("welcome.yaml", FILES.replace(DELAY, f"{DELAY.replace('2', str(delay))}{line}"))
    out = world.plans().out
    found = re.findall("⇒ people (?:are|may be) (.*?)(?:: imported.*)? \\[mails", out)
    assert sorted(found) == sorted(told)
    assert set(re.findall("without consent: people (?:are|may be) (.*?); if", out)) <= {*told}


def test_an_account_that_tells_false_from_nothing_is_told_what_is_not_known(world: World) -> None:
    world.live({1: {**WELCOME, "EmailMustBeUniqueWithinAccount": False}})
    world.write("welcome.yaml", f"{FILES}    email_must_be_unique_within_account: null\n")
    text = "false or 0 is not known to mean the same as no value at all: email_must_be_unique_within_account"
    assert f"    ⇒ {text} [empty_otherwise, unknown]" in world.plans().out.splitlines()


def test_an_invitation_that_would_lapse_before_its_mail_is_told(world: World) -> None:
    assert "lapses before mail" not in world.plans().out
    world.write("welcome.yaml", FILES.replace(DELAY, DELAY.replace("2", "20")))
    assert "; the invitation lapses before mail leaves [mails_later" in world.plans().out


@pytest.mark.parametrize(("number", "exit"), [(None, Exit.DONE), (1, Exit.DONE), (0, Exit.REFUSED)])
def test_a_flag_consents_to_so_many_changes(at_once: World, number: int | None, exit: Exit) -> None:
    assert at_once.applies(agreed(number)).exit is exit


@pytest.mark.parametrize(
    ("place", "exit"),
    [
        ("    accept_effects: [mails_at_once]\n    targets:\n      sandbox: {id: 1}\n", Exit.DONE),
        ("    targets:\n      sandbox: {id: 1, accept_effects: [mails_at_once]}\n", Exit.DONE),
        ("    accept_effects: [other_list]\n    targets:\n      sandbox: {id: 1}\n", Exit.REFUSED),
    ],
)
def test_the_resource_or_its_block_consents(at_once: World, place: str, exit: Exit) -> None:
    files = FILES.replace(DELAY, "").replace("    targets:\n      sandbox: {id: 1}\n", place)
    at_once.write("welcome.yaml", files)
    run = at_once.plans()
    assert run.exit is exit
    assert ("[mails_at_once, accepted in the files]" in run.out) is (exit is Exit.DONE)


def test_a_file_is_no_consent_and_the_way_back_needs_it_too(at_once: World) -> None:
    at_once.plans(agreed(None), out=Path("plan.json"))
    assert at_once.applies(RESETS, plan_files=(Path("plan.json"),)).exit is Exit.REFUSED
    assert at_once.applies(agreed(None), plan_files=(Path("plan.json"),)).exit is Exit.DONE
    at_once.write("welcome.yaml", FILES)
    assert at_once.applies().exit is Exit.DONE
    run = at_once.restores(2, RESETS)
    assert run.exit is Exit.REFUSED
    assert "if that is meant, run with --allow-effect mails_at_once [refused-effect]" in run.out


def test_limits_say_what_is_refused_and_the_first_lines_what_differs(world: World) -> None:
    limits = "    limits: {effects: {mails_earlier: refuse, mails_at_once: allow}}\n"
    world.write("reconciler.yaml", f"{SETTINGS}{limits}")
    run = world.plans()
    assert run.exit is Exit.REFUSED
    assert ", mails_at_once allowed, mails_earlier refused" in run.out.splitlines()[1]
    assert world.applies(agreed(1, name="mails_earlier")).exit is Exit.DONE


def test_the_same_advice_is_given_once(world: World) -> None:
    world.live({1: WELCOME, 2: {**WELCOME, "Name": "Other"}})
    files = FILES.replace(DELAY, "")
    world.write(
        "other.yaml",
        files.replace("welcome:", "other:").replace("Welcome", "Other").replace("id: 1", "id: 2"),
    )
    world.write("welcome.yaml", files)
    out = world.plans().out
    assert out.count("--allow-effect mails_at_once=2") == 1
    assert out.count("for what to do [refused-effect]") == 1
    assert world.applies(agreed(1)).exit is Exit.REFUSED


@pytest.mark.parametrize(
    ("name", "told"),
    [("mail_at_once", "write mails_at_once"), ("hides", "--allow-hide KEY")],
)
def test_a_name_that_is_none_is_answered_with_what_to_write(world: World, name: str, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        world.plans(agreed(None, name=name))
    world.write("welcome.yaml", f"{FILES}    accept_effects: [{name}]\n")
    world.write("reconciler.yaml", f"{SETTINGS}    limits: {{effects: {{{name}: allow}}}}\n")
    with pytest.raises(FilesInvalid) as error:
        world.plans()
    assert [told in problem.hint for problem in error.value.problems] == [True, True]


def test_show_says_it_too(at_once: World) -> None:
    assert f"⇒ {AT_ONCE}" in at_once.ran(show, "welcome", EVERYTHING).out
