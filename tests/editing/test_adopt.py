"""`adopt`: which ones, into which file, in which words; and after it a plan is empty."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.commands.adopt import Wanted, adopt
from reconciler.commands.edit import fmt
from reconciler.commands.history import Filter, history, history_show
from reconciler.commands.plan import PlanOptions, plan
from reconciler.commands.workspace import Selection
from reconciler.errors import FilesInvalid, NotEdited, Refused, UsageError
from reconciler.sandbox import Fault, Variants, create_app
from tests.commands.world import Screen
from tests.editing.accounts import HALF, NAMES, Accounts, Members, configs
from tests.hostile.children import assert_refused, reconciler
from tests.properties.situations import variants

WELCOME: Members = {
    "Name": "Welcome: all", "ContactListId": 12, "UpdateTypeId": 1,
    "EmailIsRequired": False, "SendNotificationMail": True, "IsReusable": True,
    "SurveySettings": {"SurveyId": 4711, "InvitationTime": "09:00:00.0000000"},
    "ColumnMappings": [{"SourceColumnNumber": 1, "TargetColumnName": "Email"}],
}  # fmt: skip
EVENT = {**WELCOME, "Name": "Event", "SurveySettings": {"SurveyId": 4720}, "ContactListId": 13}

MEANT = "update_type_id: 1  # update existing contacts within this survey"
NOTE = "# A configuration without `targets:` lives on every target, production too.\n"
BODY = f"""\
import_configs:
  welcome-all:
    name: "Welcome: all"
    contact_list: newsletter
    survey_settings:
      survey: Customer satisfaction 2026
      invitation_time: "09:00"
    email_is_required: false
    send_notification_mail: true
    {MEANT}
    targets:
      one: {{id: 1}}
"""
ADOPTED = NOTE + BODY


@pytest.fixture
def accounts(tmp_path: Path) -> Accounts:
    return Accounts(tmp_path, {"one": {1: WELCOME, 2: EVENT}, "two": {11: WELCOME}})


def refusal(accounts: Accounts, **wanted: Any) -> str:
    console = Screen().console(accounts.clock)
    with pytest.raises((UsageError, NotEdited)) as refused:
        adopt(Wanted(**wanted), Selection(target="one"), console, accounts.environment)
    return str(refused.value)


def test_it_is_written_by_name_and_with_what_a_code_means(tmp_path: Path) -> None:
    """Columns fill themselves and are not written; of a list of names only what is wanted is read whole."""
    accounts = Accounts(tmp_path, {"one": {1: WELCOME, 2: EVENT}}, Variants(rows="thin"))
    accounts.adopt("one", ids=(1,))
    assert accounts.read("import_configs.yaml") == ADOPTED
    assert not any(request.path.endswith("configs/2") for request in accounts.states["one"].requests())


def test_a_new_file_names_the_schema_by_where_it_lies_from_there(accounts: Accounts) -> None:
    """If the workspace has one; with --split each is a file; a file that is there does not get that line."""
    accounts.write(".schema.json", "{}")
    accounts.adopt("one", ids=(1,))
    line = "# yaml-language-server: $schema="
    assert accounts.read("import_configs.yaml") == f"{line}.schema.json\n{ADOPTED}"
    (accounts.folder / "configs/import_configs.yaml").unlink()
    accounts.write("mine.yaml", "# mine\r\n")
    accounts.adopt("one", ids=(1,), into=Path("mine.yaml"))
    assert accounts.read("mine.yaml") == "# mine\r\n" + BODY.replace("\n", "\r\n")
    accounts.write("mine.yaml", "")
    accounts.adopt("one", into=Path("deep/er"), split=True, everything=True)
    assert accounts.read("deep/er/welcome-all.yaml") == f"{line}../../.schema.json\n{ADOPTED}"
    assert accounts.read("deep/er/event.yaml").startswith(line)


def test_the_diff_writes_nothing_and_the_summary_says_what_was_declared_already(accounts: Accounts) -> None:
    screen = accounts.adopt("one", diff=True, ids=(1,))
    assert screen.out.startswith("--- /dev/null\n+++ b/configs/import_configs.yaml\n")
    assert screen.out.endswith("Would adopt: 1 new, 0 merged, 0 declared already; 1 file.\n")
    assert not (accounts.folder / "configs/import_configs.yaml").exists()
    accounts.adopt("one", ids=(1,))
    assert "declared already, as import_configs.welcome-all" in refusal(accounts, ids=(1,))
    screen = accounts.ran(adopt, Wanted(ids=(2,)), Selection(target="one"), json=True, diff=True)
    adopted = {"key": "import_configs.event", "id": 2, "name": "Event", "merged": False}
    assert screen.document["adopted"] == [{**adopted, "file": "configs/import_configs.yaml"}]
    assert [file["written"] for file in screen.document["files"]] == [False]
    assert accounts.adopt("one").out.splitlines() == [
        '+ import_configs.event  id 2 "Event"  configs/import_configs.yaml',
        "",
        "Adopted: 1 new, 0 merged, 1 declared already; 1 file.",
    ]
    # What has no name of its own is written by its id.
    written = accounts.read("import_configs.yaml")
    assert '      survey_id: 4720  # "Event feedback", like another survey\n' in written
    assert "    contact_list_id: 13\n" in written


def test_with_a_preset_only_what_differs_from_it_is_written(accounts: Accounts) -> None:
    usual = "contact_list: newsletter, email_is_required: true, send_notification_mail: true"
    accounts.write("p.yaml", f"presets: {{usual: {{{usual}, update_type_id: 1, date_format: dd/MM}}}}\n")
    accounts.adopt("one", ids=(1,), preset="usual")
    written = ADOPTED.replace("    name:", "    preset: usual\n    name:").replace(
        "false", "false\n    date_format: null"
    )
    for line in ("contact_list: newsletter", "send_notification_mail: true", MEANT):
        written = written.replace(f"    {line}\n", "")
    assert accounts.read("import_configs.yaml") == written
    accounts.adopt("one", everything=True, preset="usual")
    accounts.assert_nothing_to_do("one", 2)


def test_another_account_adds_its_target_to_what_has_the_same_name(accounts: Accounts) -> None:
    accounts.adopt("one", ids=(1,))
    accounts.change("two", 11, DateFormat="dd/MM/yyyy", EmailIsRequired=True, UpdateTypeId=2)
    out = accounts.adopt("two").out
    assert out.startswith("~ import_configs.welcome-all  id 11")
    own = ADOPTED.replace("    email_is_required: false\n", "").replace(f"    {MEANT}\n", "")
    assert accounts.read("import_configs.yaml") == own.replace(
        "one: {id: 1}\n",
        "one: {id: 1, email_is_required: false, update_type_id: 1}\n"
        "      two: {id: 11, email_is_required: true, date_format: dd/MM/yyyy, update_type_id: 2}\n",
    )
    accounts.assert_nothing_to_do("two", 1)


def test_what_a_person_commented_stays_on_top(accounts: Accounts) -> None:
    """The other account overrides it in its block: a comment belongs to its line."""
    text = ADOPTED.replace("email_is_required: false", "email_is_required: false  # the law says so")
    accounts.write("import_configs.yaml", text)
    accounts.change("two", 11, EmailIsRequired=True)
    accounts.adopt("two")
    assert accounts.read("import_configs.yaml") == text + "      two: {id: 11, email_is_required: true}\n"


def test_an_id_on_top_moves_into_the_block_of_its_target(accounts: Accounts) -> None:
    top = "    id: 1\n    targets: [one]\n"
    accounts.write("import_configs.yaml", ADOPTED.replace("    targets:\n      one: {id: 1}\n", top))
    accounts.adopt("two")
    assert accounts.read("import_configs.yaml").endswith("    targets: {one: {id: 1}, two: {id: 11}}\n")


def test_two_of_one_name_are_told_apart_by_their_ids(accounts: Accounts) -> None:
    accounts.change("one", 2, Name="Welcome: all")
    accounts.adopt("one")
    written = accounts.read("import_configs.yaml")
    assert "  welcome-all-2:\n" in written
    assert "    keep: [name]  # another one has the same name\n" in written
    accounts.assert_nothing_to_do("one", 2)


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({}, "--all"),
    ({"ids": (99,)}, "there is no id 99"),
    ({"everything": True, "preset": "nope"}, "there is no preset nope"),
    ({"everything": True, "into": Path("../../x.yaml")}, "does not lie in the workspace"),
    ({"everything": True, "into": Path(".git/x.yaml")}, "hidden"),
    ({"everything": True, "into": Path("x.txt")}, "no .yaml"),
]


@pytest.mark.parametrize(("wanted", "words"), REFUSED)
def test_what_cannot_be_is_refused_and_nothing_is_written(
    wanted: dict[str, Any], words: str, accounts: Accounts
) -> None:
    assert words in refusal(accounts, **wanted)
    assert [path.name for path in (accounts.folder / "configs").iterdir()] == ["reconciler.yaml"]


@pytest.mark.parametrize("name", ["Actie [NL] 2026", "Sale*", "Happy?", "[", "[!a]"])
def test_a_name_that_is_live_is_no_glob(name: str, accounts: Accounts) -> None:
    """What it would match as a glob stays; a glob that no name is still matches many."""
    accounts.change("one", 1, Name=name)
    accounts.change("one", 2, Name="Sale of Happy! N")
    assert f'id 1 "{name}"' in accounts.adopt("one", diff=True, names=(name,)).out
    assert "1 new" in accounts.adopt("one", diff=True, names=(name,)).out
    assert "2 new" in accounts.adopt("one", diff=True, names=("*",)).out
    assert "[[]" in refusal(accounts, names=(f"{name}[x",))


DOUBTFUL: Members = {
    **WELCOME, "FirstRow": 2, "ContactGroupId": 7, "UpdateTypeId": 2, "EmailMustBeUniqueWithinFile": True,
    "SurveySettings": {"SurveyId": 4711, "SurveyCooldownAfterInvitation": 9},
}  # fmt: skip
KEPT = """\
    keep:
      - contact_group_id  # contact groups no longer exist
      - survey_settings.survey_cooldown_after_invitation  # its switch consider_cooldown_period is not set
      - first_row  # API imports do not use this
      - update_type_id  # 2 always creates contacts, email_must_be_unique_within_file updates existing ones
    targets:
"""


def test_what_the_files_would_warn_of_is_kept_with_the_reason(accounts: Accounts) -> None:
    """In the block of a second target too; a warning that is switched off is none."""
    accounts.change("one", 1, **DOUBTFUL)
    accounts.adopt("one", ids=(1,))
    assert KEPT in accounts.read("import_configs.yaml")
    accounts.write("import_configs.yaml", ADOPTED)
    accounts.change("one", 1, **{**dict.fromkeys(DOUBTFUL), **WELCOME})
    accounts.change("two", 11, **DOUBTFUL)
    accounts.adopt("two", ids=(11,))
    assert "        keep:\n          - contact_group_id  # contact" in accounts.read("import_configs.yaml")
    plans = [accounts.planned(target) for target in accounts.live]
    assert [[*plan["changes"], *plan["blocked"]] for plan in plans] == [[], []]
    assert accounts.problems() == []
    settings = accounts.read("reconciler.yaml")
    switched_off = "ignore_warnings: {file-imports-only: we upload by hand}\n"
    accounts.write("reconciler.yaml", f"{settings}{switched_off}")
    accounts.write("import_configs.yaml", "")
    accounts.adopt("two", ids=(11,))
    assert "    first_row: 2\n" in accounts.read("import_configs.yaml")


def test_twice_is_byte_for_byte_the_same_in_whatever_order_rows_come(tmp_path: Path) -> None:
    """And what fmt would write, without a warning, on lines that are no longer than they have to be."""
    live = {target: configs(7, 12, first, names=NAMES) for target, first in (("one", 100), ("two", 500))}
    written = []
    for order in ("oldest-first", "newest-first"):
        accounts = Accounts(tmp_path / order, live, Variants(row_order=order))
        for target in live:
            accounts.adopt(target, everything=True)
            accounts.ran(fmt, (), Selection(), check=True)
        assert accounts.problems() == []
        written.append(accounts.read("import_configs.yaml"))
    assert written[0] == written[1]
    assert all(len(line.partition("  # ")[0]) <= 100 for line in written[0].splitlines())


def test_the_journal_knows_that_live_and_declared_agreed(accounts: Accounts) -> None:
    """So what is edited later is told apart: live, in git, or both. Nothing was sent."""

    def drift(listed: int) -> list[str]:
        accounts.change("one", 1, ContactListId=listed)
        return [f["drift"] for one in accounts.planned("one")["changes"] for f in one["fields"] if f["drift"]]

    accounts.adopt("one", diff=True, ids=(1,))
    assert not (accounts.folder / ".reconciler/journal.db").exists()
    accounts.adopt("one", ids=(1,))
    assert drift(13) == ["live"]
    accounts.write("import_configs.yaml", ADOPTED.replace("list: newsletter", "list_id: 14"))
    assert (drift(13), drift(12)) == (["both"], ["git"])
    accounts.update("one")
    assert drift(13) == ["live"]
    here = Selection(target="one")
    runs = accounts.ran(history, here, Filter()).out.splitlines()[1:]
    assert [line.split("  ")[-1] for line in runs] == ["1 adopted, exit 0"] * 2
    shown = accounts.ran(history_show, 1, here).out
    assert shown.endswith("= import_configs.welcome-all  adopt id 1: live as declared\n")
    with pytest.raises(Refused, match="wrote no configuration"):
        accounts.ran(plan, here, PlanOptions(restores=1))


def test_where_the_journal_cannot_be_written_the_files_are_and_a_warning_says_so(accounts: Accounts) -> None:
    (accounts.folder / ".reconciler").mkdir(mode=0o700)
    (accounts.folder / ".reconciler/journal.db").mkdir()
    assert "Warning: " in accounts.adopt("one", ids=(1,)).err
    assert accounts.read("import_configs.yaml") == ADOPTED


def test_what_may_be_meant_by_a_name_is_not_adopted_beside_it(accounts: Accounts) -> None:
    """Two are named so, and the files do not say yet which one they mean: a person has to."""
    accounts.change("one", 2, Name="Welcome: all")
    accounts.write("w.yaml", 'import_configs: {w: {name: "Welcome: all", targets: [one]}}\n')
    assert "0 new" in accounts.adopt("one").out
    assert "write the id there" in refusal(accounts, ids=(2,))


def test_what_is_hidden_is_not_adopted(tmp_path: Path) -> None:
    live = {"one": {1: {**WELCOME, "IsReusable": False}}}
    accounts = Accounts(tmp_path, live, Variants(hidden="readable-by-id"))
    assert "hidden" in refusal(accounts, ids=(1,))


def test_without_the_role_to_read_surveys_ids_are_written(accounts: Accounts) -> None:
    """The names of surveys are a convenience: what cannot be asked is not needed."""
    environment, screen = accounts.environment, Screen()
    refused = [Fault.parse("GET /3/surveys:1+:before:status=403")]
    environment.sandboxes["one"] = create_app(accounts.states["one"], faults=refused)  # type: ignore[index]
    adopt(Wanted(ids=(1,)), Selection(target="one"), screen.console(accounts.clock), environment)
    assert "survey_id: 4711\n" in accounts.read("import_configs.yaml")
    assert screen.err.count("Names of surveys cannot be read") == 1


def test_files_that_are_wrong_are_told_before_anything_is_asked(accounts: Accounts) -> None:
    accounts.write("wrong.yaml", "import_configs: {x: {nmae: X}}\n")
    with pytest.raises(FilesInvalid):
        accounts.adopt("one")
    assert not accounts.states["one"].requests()


POLICIES = st.sampled_from(["reset", "keep", "refuse"])
STATED = "defaults: {date_format: dd-MM-yyyy, update_type_id: 1, survey_settings: {invitation_time: '09:00'}}"


@HALF
@given(st.integers(0, 10**6), variants(), POLICIES, st.booleans(), st.booleans())
def test_on_any_server_any_account_is_adopted_whole(
    seed: int, server: Variants, policy: str, stated: bool, split: bool
) -> None:
    with TemporaryDirectory() as folder:
        live = {"one": configs(seed, 12, names=NAMES), "two": configs(seed + 1, 12, 500, names=NAMES)}
        accounts = Accounts(Path(folder), live, server, f"undeclared: {policy}", STATED if stated else "")
        for target in live:
            accounts.clock.sleep(60)
            accounts.adopt(target, everything=True, split=split)
            accounts.assert_nothing_to_do(target, 12)
        accounts.assert_nothing_to_do("one", 12)
        assert accounts.problems() == []
        for state in accounts.states.values():
            state.close()


def test_from_hand_made_configurations_to_a_repository(tmp_path: Path) -> None:
    workspace = tmp_path
    shutil.copytree(Path(__file__).parents[2] / "configs", workspace / "configs")
    for file in ("newsletter", "support", "onboarding"):
        (workspace / f"configs/{file}.yaml").unlink()
    for line in ("adopt", "adopt --id x", "adopt --all --update", "adopt --all --only x"):
        assert_refused(reconciler(workspace, *line.split()), "Error: ")
    adopted = reconciler(workspace, "adopt", "--all").text
    assert "4 new, 0 merged, 0 declared already; 1 file.\n" in adopted
    assert reconciler(workspace, "plan", "--detailed-exitcode").exit == 0
    assert reconciler(workspace, "fmt", "--check").exit == 0
    found = reconciler(workspace, "list", "--where", "survey=Campaign 2023", "--format=json", "--quiet").text
    assert "Old campaign 2023 (do not use)" in [one["name"] for one in json.loads(found)["resources"]]
