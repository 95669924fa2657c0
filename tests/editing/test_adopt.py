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
from reconciler.commands.workspace import Selection
from reconciler.errors import FilesInvalid, NotEdited, UsageError
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
ADOPTED = f"""\
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
    assert accounts.read("mine.yaml") == "# mine\r\n" + ADOPTED.replace("\n", "\r\n")
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
    screen = Screen()
    console = screen.console(accounts.clock, as_json=True)
    adopt(Wanted(ids=(2,)), Selection(target="one"), console, accounts.environment, diff=True)
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
    accounts.change("two", 11, DateFormat="dd/MM", EmailIsRequired=True, UpdateTypeId=2)
    out = accounts.adopt("two").out
    assert out.startswith("~ import_configs.welcome-all  id 11")
    own = ADOPTED.replace("    email_is_required: false\n", "").replace(f"    {MEANT}\n", "")
    assert accounts.read("import_configs.yaml") == own.replace(
        "one: {id: 1}\n",
        "one: {id: 1, email_is_required: false, update_type_id: 1}\n"
        "      two: {id: 11, email_is_required: true, date_format: dd/MM, update_type_id: 2}\n",
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


STATED = "defaults: {date_format: dd-MM-yyyy, update_type_id: 1, survey_settings: {invitation_time: '09:00'}}"


@HALF
@given(
    st.integers(0, 10**6),
    variants(),
    st.sampled_from(["reset", "keep", "refuse"]),
    st.booleans(),
    st.booleans(),
)
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
