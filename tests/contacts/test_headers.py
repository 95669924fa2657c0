"""Which member a header means, and which headers mean none."""

from __future__ import annotations

import pytest

from reconciler.checkmarket.model import CONTACT_MEMBERS
from reconciler.contacts.codes import MEMBERS
from reconciler.contacts.headers import language_of, member_of, members_of

MEANT = {
    "Email": "email|E-mail|E-Mail|EMAIL|Email Address|E_Mail_Adresse|e-mailadres|Adresse e-mail|Courriel|"
    "MERGE0|Correo electrónico|emailaddress1|E-mail 1 - Value|\ufeffEmail|Email / E-mail|"
    "Contact Email|Email (required)",
    "FirstName": "First Name|firstName|first_name|FNAME|Voornaam|Prénom|PRENOM|Vorname|"
    "Prénom / Voornaam|Nombres",
    "LastName": "Last Name|LNAME|Surname|Achternaam|Familienaam|Nom de famille|Nachname|Apellidos",
    "LangCode": "LangCode|Taal (NL/FR)|Language|Taal|Langue|Sprache|Idioma|preferred_language|Voorkeurstaal",
    "Phone": "Phone|Tel.|Tél.|GSM|GSM-nummer|Handy|Móvil|Telefoonnummer|Mobile Phone|"
    "N° de téléphone|mobilephone",
    "Gender": "Geslacht|Geschlecht|Sexe|Género|Gender (M/F)",
    "DateOfBirth": "Geb.datum|Geburtsdatum|Date de naissance|DOB|Birthdate|Né(e) le|Fecha de nacimiento|"
    "Geboortedatum (dd-mm-jjjj)|Birthday",
    "Street": "Straße|STRASSE|Straße privat|Straat|Rue|Calle|Mailing Street|"
    "Address 1: Street 1|Street Address",
    "HouseNumber": "Huisnr.|Hausnummer|House number",
    "PostalCode": "PLZ|Postcode|Code postal|C.P.|Zip|ZIP/Postal Code|Mailing Zip/Postal Code|Código postal",
    "City": "Ort|Woonplaats|Gemeente|Ville|Ciudad|address1_city",
    "State": "State",
    "Province": "Provincie|Bundesland|Mailing State/Province|State/Region",
    "Country": "Land|Pays|País|Country/Region|Landcode",
    "DateToBeMailed": "DateToBeMailed|date_to_be_mailed|Uitnodigingsdatum",
    "CustomField7": "CustomField7|custom field 07|Champ personnalisé 7|vrij veld 7",
}
NO_MEMBER = (
    "Naam|Name|Nom|Nombre|Full Name|Tussenvoegsel|Datum|Date|Verzenddatum|Vervaldatum|Status|Estado|Nr|Bus|"
    "Adresse|Address|Email Opt Out|E-mail (opt-out)|Company Name|Account Name|Fax|Created|Id|CustomField21|"
    "Nationality||?|1"
)


@pytest.mark.parametrize("member", MEANT)
def test_a_header_means_a_member(member: str) -> None:
    assert {header: member_of(header) for header in MEANT[member].split("|")} == dict.fromkeys(
        MEANT[member].split("|"), member
    )


def test_each_member_means_itself() -> None:
    assert [*CONTACT_MEMBERS] == [*MEMBERS]
    assert [*map(member_of, CONTACT_MEMBERS)] == [*CONTACT_MEMBERS]


@pytest.mark.parametrize("header", NO_MEMBER.split("|"))
def test_a_header_that_may_mean_several_things_means_none(header: str) -> None:
    assert member_of(header) is None


@pytest.mark.parametrize(
    ("header", "members"),
    [
        ("Naam;Voornaam;E-mail", {0: "LastName", 1: "FirstName", 2: "Email"}),
        ("Nombre;Apellidos", {0: "FirstName", 1: "LastName"}),
        ("Straat;Nr;Bus;Postcode", {0: "Street", 1: "HouseNumber", 2: "Suite", 3: "PostalCode"}),
        ("Adresse;PLZ", {0: "Street", 1: "PostalCode"}),
        ("Naam;Adres;Nr", {}),
        ("Nr;Adres;Plaats", {0: "HouseNumber", 1: "Street", 2: "City"}),
        ("Phone;Mobile;Email;Email 1", {0: "Phone", 2: "Email"}),
    ],
)
def test_columns_beside_each_other_say_more(header: str, members: dict[int, str]) -> None:
    assert members_of(header.split(";")) == members


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("Voornaam;Land;Email", "nl"),
        ("Vorname;Land", "de"),
        ("Prénom;Nom", "fr"),
        ("Land", None),
        ("x", None),
    ],
)
def test_the_language_of_a_header(header: str, language: str | None) -> None:
    assert language_of(header.split(";")) == language
