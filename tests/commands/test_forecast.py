"""`forecast` says when people are mailed and until when, how sure that is, and writes it as a calendar."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from icalendar import Calendar

from reconciler.cli import main
from reconciler.commands.forecast import forecast
from reconciler.errors import Exit, UsageError
from reconciler.render.values import PLAIN
from tests.commands.world import EVERYTHING, Members
from tests.seeds.world import JANE, JOHN, SETTINGS, SeedWorld

SURVEY = {"survey": "Customer satisfaction 2026"}
USUAL = SURVEY | {
    "invitation_delay_in_days": 2,
    "invitation_time": "09:00",
    "expiration_after_days": 14,
    "expiration_time": "22:00",
}
OFF = {"consider_cooldown_period": False}


@pytest.fixture
def world(tmp_path: Path) -> SeedWorld:
    return SeedWorld(tmp_path)  # it is Monday 21 September 2026, 14:13 UTC


def declared(world: SeedWorld, settings: Members, **fields: Any) -> None:
    resource = {"name": "Newsletter NL", "survey_settings": settings, **fields}
    world.write("news.yaml", json.dumps({"import_configs": {"news": resource}}))


def run(world: SeedWorld, key: str = "news", at: str = "now", **asked: Any) -> Any:
    return world.ran(forecast, key, at, EVERYTHING, **asked)


@pytest.mark.parametrize(
    ("settings", "at", "summary", "sentence"),
    [
        (USUAL, "now", "mail leaves Wed 23 Sep 2026 11:00, lapses Tue 6 Oct 2026 00:00",
         "at 09:00 UTC [documented]"),
        # Over both changes to summer time.
        (USUAL, "2026-03-27 12:00", "mail leaves Sun 29 Mar 2026 11:00, lapses Sat 11 Apr 2026 00:00",
         "09:00 UTC is 11:00 in Europe/Amsterdam then, and 10:00 at the import [inferred]"),
        (USUAL, "2026-10-24T12:00", "mail leaves Mon 26 Oct 2026 10:00, lapses Sat 7 Nov 2026 23:00",
         "09:00 UTC is 10:00 in Europe/Amsterdam then, and 11:00 at the import [inferred]"),
        # At once, for nothing is set, and for a time that is past.
        (SURVEY, "now", "mail leaves at once, lapses at no set time", "mail leaves at once: neither"),
        (SURVEY | {"invitation_time": "09:00"}, "tomorrow 12:00", "mail leaves at once,",
         "09:00 UTC is past by then, and a time already past means at once [documented]"),
        (SURVEY | {"invitation_delay_in_days": 1}, "now", "mail leaves Tue 22 Sep 2026 16:13 (expected)",
         "mail may leave earlier, even with the import itself [unknown]"),
        (USUAL | {"invitation_delay_in_days": 30}, "now",
         "mail leaves Wed 21 Oct 2026 11:00, lapses Tue 6 Oct 2026 00:00",
         "the invitation lapses before mail leaves; what then becomes of it is not documented [unknown]"),
        (OFF, "now", "mail leaves to nobody (Eur", "nobody is invited [inferred]"),
        (USUAL | {"consider_cooldown_period": True, "survey_cooldown_after_invitation": 30}, "now", "mail",
         "addresses that were invited to this survey in the 30 days before are skipped [documented]"),
        (USUAL | OFF, "now", "mail leaves Wed", "cooldown is off: nobody is left out"),
        (SURVEY, "now", "mail", "not declared, so reset by a PUT: invitation_delay_in_days, "),
    ],
)  # fmt: skip
def test_a_forecast_says_when_and_how_sure(
    settings: Members, at: str, summary: str, sentence: str, world: SeedWorld
) -> None:
    declared(world, settings)
    ended = run(world, at=at)
    assert ended.exit is Exit.DONE
    assert ended.last.startswith(f"Forecast: {summary}")
    assert sentence in ended.out
    document = run(world, at=at, json=True).document
    assert [f"• {one['text']} [{one['certainty']}]" for one in document["statements"]] == [
        line for line in ended.out.splitlines() if line.startswith("•")
    ]
    assert run(world, at=at, settings={"quiet": True}).out.strip() == ended.last


def test_what_is_kept_is_not_known_until_the_account_is_asked(world: SeedWorld) -> None:
    keep = ["survey_settings.expiration_time", "survey_settings.invitation_delay_in_days"]
    settings = {name: value for name, value in USUAL.items() if f"survey_settings.{name}" not in keep}
    declared(world, settings, keep=keep, targets={"sandbox": {"id": 288}})
    found = run(world, json=True).document
    assert found["invited"] == {"expected": None, "earliest": None, "latest": None, "certainty": "unknown"}
    assert found["lapses"]["certainty"] == "unknown"
    assert found["lapses"]["earliest"] < found["lapses"]["latest"]
    assert "kept as on the account, so any value may be there: invitation_delay_in_days, " in str(found)
    live = run(world, live=True, json=True).document
    assert live["invited"]["expected"] == "2026-09-26T11:00:00+02:00"  # five days live
    assert live["lapses"] == {
        **dict.fromkeys(("expected", "earliest", "latest"), "2026-10-06T00:00:00+02:00"),
        "certainty": "documented",
    }
    assert live["seconds_to_answer"] == 9 * 86400 + 13 * 3600


def test_a_seed_is_told_alike(world: SeedWorld) -> None:
    customers = [{"email": JOHN, "send_date": "+1d"}, {"email": JANE, "send_date": "+3d"}]
    world.declare(customers=customers, end_date="+21d", send_time="11:30", approve_automatically=False)
    ended = run(world, "customer_seeds.smoke")
    summary = "mail leaves Tue 22 Sep 2026 11:30 (expected), closes Mon 12 Oct 2026 00:00"
    assert ended.last == f"Forecast: {summary} (Europe/Amsterdam)."
    for text in (
        "  latest     Thu 24 Sep 2026 11:30 Europe/Amsterdam (09:30 UTC)",
        "people       2 customers",
        "end_date +21d: 2026-10-12 00:00 Europe/Amsterdam (2026-10-11 22:00 UTC) [documented]",
        "a person at Expoints has to approve the batch first",
    ):
        assert text in ended.out
    assert "example.com" not in ended.out
    assert run(world, "smoke", at="+30d 09:00").out.count("it closes before mail leaves") == 0  # both move
    world.declare(JOHN, end_date="2026-10-01")
    late = run(world, "smoke", at="2026-10-02T09:00").out
    assert "it closes before mail leaves, so apply sends nothing of it [inferred]" in late


def test_a_calendar_has_both_moments_in_utc_and_the_same_events_whenever_it_is_written(
    world: SeedWorld,
) -> None:
    declared(world, USUAL | {"survey": "Zoë, 100% \\ “tevreden”; " + "é" * 90})
    assert run(world, at="2026-10-24 12:00", ics=Path("mail.ics")).exit is Exit.DONE
    content = (world.folder / "mail.ics").read_bytes()
    lines = content.split(b"\r\n")
    assert b"\n" not in content.replace(b"\r\n", b"")
    assert max(map(len, lines)) <= 75
    assert [line.decode() for line in lines]  # no part ends within a character
    calendar = Calendar.from_ical(content)
    events = calendar.walk("VEVENT")
    assert [event.decoded("DTSTART") for event in events] == [
        datetime(2026, 10, 26, 9, tzinfo=UTC),
        datetime(2026, 11, 7, 22, tzinfo=UTC),
    ]
    assert str(events[0]["SUMMARY"]) == "import_configs.news on sandbox: mail leaves"
    assert "Zoë, 100% \\ “tevreden”; ééé" in str(events[0]["DESCRIPTION"])
    assert "lapses: Sat 7 Nov 2026 23:00 Europe/Amsterdam (22:00 UTC)\n" in str(events[0]["DESCRIPTION"])
    assert all(not event.errors and event["DTSTAMP"] for event in [*events])
    world.clock.sleep(3600)
    run(world, at="2026-10-24 12:00", ics=Path("mail.ics"))
    again = Calendar.from_ical((world.folder / "mail.ics").read_bytes()).walk("VEVENT")
    assert [one["UID"] for one in again] == [one["UID"] for one in events] != []
    assert len({one["UID"] for one in events}) == 2


@pytest.mark.parametrize(
    ("key", "asked", "why"),
    [
        ("nws", {}, "nothing declared on target sandbox is called nws; write news"),
        ("*", {}, "names more than one"),
        ("elsewhere", {}, "It lives on other: add --target"),
        ("news", {"at": "tomorow"}, '--at: write a day, like "2026-12-01"'),
        ("news", {"at": "2026-13-01"}, "--at: write a day"),
        ("news", {"ics": Path("nowhere/mail.ics")}, "there is no folder"),
        ("news", {"ics": Path("mail.ics")}, "there is no moment to write to mail.ics"),
        ("news", {"file": Path("none.csv")}, "there is no file none.csv"),
        ("smoke", {"rows": 3}, "is a test batch: leave out --live, --file and --rows"),
        ("gone", {}, "is declared absent: true on sandbox: nothing is imported with it"),
    ],
)
def test_what_cannot_be_told_is_refused(key: str, asked: dict[str, Any], why: str, world: SeedWorld) -> None:
    declared(world, OFF)
    world.write("other.yaml", "import_configs: {elsewhere: {name: Elsewhere, targets: [other]}}")
    other = '  other: {checkmarket: {url: "sandbox:"}}\n'
    world.write("reconciler.yaml", SETTINGS + other)
    world.write("gone.yaml", "import_configs: {gone: {name: Gone, absent: true}}")
    world.declare(JOHN)
    with pytest.raises(UsageError, match=re.escape(why)):
        run(world, key, **asked)
    assert not (world.folder / "mail.ics").exists()


def test_it_fits_a_terminal_and_says_which_hour_a_day_without_one_is(world: SeedWorld) -> None:
    declared(world, USUAL)
    ended = run(world, at="2026-12-01", rows=500, settings={"paint": PLAIN.__class__(width=80)})
    assert max(map(len, ended.out.splitlines())) <= 80
    assert "people       500 rows" in ended.out
    assert ended.told.startswith("--at 2026-12-01 is the beginning of that day;")
    assert "2026-03-29 02:30 does not exist" in run(world, at="2026-03-29 02:30").told


def test_the_rows_of_a_file_are_counted_as_a_check_does(world: SeedWorld) -> None:
    columns = {1: "Email", 2: "DateToBeMailed"}
    mappings = [{"source_column_number": n, "target_column_name": name} for n, name in columns.items()]
    declared(world, USUAL, email_is_required=True, column_mappings=mappings, default_language_code="nl")
    (world.folder / "a.csv").write_text(f"Email,Send\n{JOHN},2026-10-01\n,2026-10-01\n", "utf-8")
    ended = run(world, file=Path("a.csv"))
    assert "people       1 of 2 rows" in ended.out
    assert "1 of 2 rows would be refused; check says which, and why [inferred]" in ended.out
    assert "whether DateToBeMailed, which a column of the file fills, counts before this" in ended.out
    assert "example.com" not in ended.out
    found = run(world, file=Path("a.csv"), json=True).document
    assert found["people"] == {"rows": 2, "refused": 1}


def test_the_command_line_takes_rows_or_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["forecast", "news", "--rows", "3", "--file", "x.csv"]) == 1
    assert "--file counts the rows: leave out --rows" in capsys.readouterr().err
