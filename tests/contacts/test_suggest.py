"""The configuration that is suggested for a file: each line with its reason, and no content."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from reconciler.commands.check import check
from reconciler.commands.suggest import suggest
from reconciler.commands.validate import validate
from reconciler.errors import Exit, UsageError
from tests.commands.world import EVERYTHING, SETTINGS, Run, World

DUTCH = (
    "Voornaam;Tussenvoegsel;Achternaam;E-mail;Geb.datum;Land\r\n"
    "Secretjan;van;Do;secret1@example.com;31-12-1980;NL\r\nSecretjane;;Do;secret2@example.com;01-02-1990;NL\r\n"
)
GERMAN = "Vorname,Nachname,E-Mail-Adresse,Sprache\nSecretmax,Do,secret@example.com,de\nSecretmia,Do,,\n"
FRENCH = "Prénom\tNom\tCourriel\tDate de naissance\nSecretjean\tDo\tsecret@example.com\t02/03/1985\n"
CRM = "Email Address,FNAME,BIRTHDAY\nsecret@example.com,Secret,12/31/1980\nsecret@example.com,Secret,\n"
TITLED = "Secret title;;\n\nNombre;Apellidos;Correo\nSecreto;Do;secret@example.com\n"
SERIALS = "E-mail;Geboren\r\nsecret@example.com;45000\r\n"
BARE = "secret@example.com;Secret\nsecret2@example.com;Secret\n"


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path)
    made.write("reconciler.yaml", SETTINGS)
    return made


def suggested(
    world: World, text: str, key: str = "", into: str = "", name: str = "a.csv", **asked: Any
) -> Run:
    (world.folder / name).write_text(text, "utf-8")
    return world.ran(suggest, Path(name), key, Path(into) if into else None, EVERYTHING, **asked)


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (
            DUTCH,
            [
                '- {source_column_number: 5, target_column_name: DateOfBirth}  # header "Geb.datum"',
                "email_must_be_unique_within_file: true  # no address stands there twice",
                "email_is_required: true  # every row has an address",
                "date_format: dd-MM-yyyy  # fits all 2 dates; a day over 12 tells it from MM-dd-yyyy",
                "first_row: 2  #",
                'field_delimiter: ";"  #',
                "default_language_code: nl  # the header is in Dutch: check that the contacts read it",
                "targets: [sandbox]  # without this line it lives on every target",
                "Left to you: columns that no mapping is about, for no known word heads them: B.",
            ],
        ),
        (
            GERMAN,
            [
                "email_is_required: false  # true would refuse 1 of 2 rows, which have no address (R0307)",
                "default_language_code: de  # the language of most rows, for rows that have none",
                'field_delimiter: ","',
            ],
        ),
        (
            FRENCH,
            [
                'target_column_name: LastName}  # header "Nom"',
                "date_format: dd/MM/yyyy  # ambiguous: no day is over 12, so MM/dd/yyyy would fit as well",
                r'field_delimiter: "\\t"',
                "default_language_code: fr",
            ],
        ),
        (
            CRM,
            [
                "date_format: MM/dd/yyyy  # fits all 1 dates; a day over 12 tells it from dd/MM/yyyy",
                "Left to you: rows whose address stands in a row above them: 1.",
                "default_language_code: en",
            ],
        ),
        (TITLED, ["first_row: 4  #", 'target_column_name: FirstName}  # header "Nombre"']),
        (BARE, ["first_row: 1  #", "column_mappings:  # its cells hold an @; columns counted from 1"]),
        (
            "E-mail;Geboren\r\nsecret@example.com;45000\r\n",
            ["Left to you: the dates are written as a number of d"],
        ),
    ],
    ids=["nl", "de", "fr", "crm", "titled", "bare", "serials"],
)
def test_each_line_has_its_reason_and_the_files_are_valid_and_hold_no_content(
    text: str, lines: list[str], world: World
) -> None:
    printed = suggested(world, text).out.replace("\n#  ", "")
    assert [line for line in lines if line not in printed] == []
    run = suggested(world, text, into="new.yaml")
    written = (world.folder / "configs" / "new.yaml").read_text("utf-8")
    assert "secret" not in f"{printed}{run.out}{run.told}{written}".lower()
    assert {one["code"] for one in world.ran(validate, EVERYTHING, json=True).document["problems"]} <= {
        "file-imports-only"
    }
    # The bare file has no language, and one names its days by number.
    checked = world.ran(check, Path("a.csv"), "a", EVERYTHING)
    assert checked.exit == (Exit.REFUSED if text in (BARE, SERIALS) else Exit.DONE), checked.out


def test_dates_in_several_formats_are_not_called_ambiguous(world: World) -> None:
    text = "E-mail;Geboren\r\nsecret@example.com;31-12-1980\r\nother@example.com;1980-12-31\r\n"
    told = "dd-MM-yyyy  # fits 1 of 2 dates, as yyyy-MM-dd does: write all in one format"
    assert told in suggested(world, text).out


def test_what_is_there_stays_as_it_is_and_a_key_is_made_of_the_name_of_the_file(world: World) -> None:
    before = "# Mine.\nimport_configs:\n    klanten:   {name: A, targets: [sandbox]} # stays\n"
    world.write("a.yaml", before)
    run = suggested(world, DUTCH, into="configs/a.yaml", name="Klanten.csv")
    after = (world.folder / "configs" / "a.yaml").read_text("utf-8")
    assert after.startswith(before)
    assert "\n    klanten-2:\n        name: Klanten  #" in after
    assert "+    klanten-2:" in run.out
    assert run.last == "Written: import_configs.klanten-2 into configs/a.yaml."


@pytest.mark.parametrize(
    ("key", "into", "what"),
    [
        ("a", "b.yaml", "import_configs.a is declared already, at configs/a.yaml:1:"),
        ("import_configs.a", "b.yaml", "import_configs.a is declared already"),
        ("é", "b.yaml", "é cannot be a key"),
        ("b", "../../b.yaml", "does not lie in the workspace"),
        ("b", "b.txt", "b.txt is no .yaml or .yml file"),
        ("b", ".hidden/b.yaml", "would be hidden from the workspace by its dot"),
    ],
)
def test_nothing_is_overwritten_and_nothing_is_written_elsewhere(
    key: str, into: str, what: str, world: World
) -> None:
    world.write("a.yaml", "import_configs: {a: {name: A}}\n")
    before = {path: path.read_bytes() for path in world.folder.rglob("*.yaml")}
    with pytest.raises(UsageError, match=what):
        suggested(world, DUTCH, key, into)
    assert {path: path.read_bytes() for path in world.folder.rglob("*.yaml")} == before


def test_printing_takes_no_workspace_and_writing_takes_one(tmp_path: Path) -> None:
    world = World(tmp_path)
    run = suggested(world, DUTCH, json=True)
    assert run.document["key"] == "import_configs.a"
    assert "targets" not in run.document["text"]
    with pytest.raises(UsageError, match=r"no reconciler\.yaml"):
        suggested(world, DUTCH, into="a.yaml")


def test_nothing_is_suggested_for_what_is_no_table(world: World) -> None:
    with pytest.raises(UsageError, match=r"a\.csv: this is a PDF"):
        suggested(world, "%PDF-1.4")
