"""Which member of a contact the header of a column means, in English, Dutch, French, German and Spanish.

Words that mean several things are left out: an unmapped column is seen, a wrongly mapped one is not.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from functools import cache

from reconciler.checkmarket.model import CONTACT_MEMBERS

# Language → member → words. A date of sending or ending alone may be that of a parcel or a contract.
_WORDS: Mapping[str, Mapping[str, str]] = {
    "": {  # words of several languages, and of programs
        "Email": "email, mail, email address, email 1, email 1 value, email address 1, merge0, primary email",
        "FirstName": "fname, given name",
        "LastName": "lname",
        "LangCode": "lang, langcode, locale, iso language",
        "Phone": "tel, telephone, tel nr, tel no, telephone 1, phone 1 value, gsm, mobil, telefon, mobile",
        "Gender": "sex, gender code",
        "DateOfBirth": "dob",
        "PostalCode": "postcode, zip, zip postal code, address 1 postal code, address 1 zip postal code",
        "Street": "str, address 1 line 1, address 1 street 1, address street",
        "City": "address 1 city, address city",
        "Country": "iso country, address 1 country, address 1 country region",
        "State": "us state",
        "Province": "state province, state region, address 1 state province, provincia",
        "Suite": "suite, apartment, apartment number, apt, suite number, busnummer, busnr, appartement",
        "DateToBeMailed": "mail date, invitation date, invite date, date of invitation, uitnodigingsdatum, "
        "datum uitnodiging, maildatum, date d'invitation, einladungsdatum, fecha de invitacion",
        "DateToExpire": "survey expiry date, invitation expiry date, invitation expiration date",
    },
    "en": {
        "Email": "e-mail address, work email, business email, mail address, email id",
        "FirstName": "first name, forename, christian name, first names, first",
        "LastName": "last name, surname, family name, last names, last",
        "LangCode": "language, language code, preferred language, contact language, lang code",
        "Phone": "phone, phone number, telephone number, mobile phone, mobile number, cell, cell phone, "
        "cell phone number, cellphone number, business phone, home phone, work phone, mobile phone number",
        "Gender": "gender",
        "DateOfBirth": "date of birth, birth date, birthday, born, born on",
        "Street": "street, street name, street address, address line 1, street 1, address 1",
        "HouseNumber": "house number, house no, street number, house nr",
        "PostalCode": "postal code, zip code, post code, zip or postal code",
        "City": "city, town, city town",
        "State": "state, state code",
        "Province": "province, county",
        "Country": "country, country code, country region, country name, country territory",
    },
    "nl": {
        "Email": "e-mailadres, mailadres, e-mail werk, zakelijk e-mailadres, prive e-mailadres",
        "FirstName": "voornaam, voornamen, roepnaam",
        "LastName": "achternaam, familienaam, geslachtsnaam, achternamen",
        "LangCode": "taal, taalcode, voorkeurstaal, correspondentietaal, spreektaal, taal code",
        "Phone": "telefoon, telefoonnummer, telefoonnr, telnr, mobiel, mobiele telefoon, mobiel nummer, "
        "gsm-nummer, gsmnr, mobiele nummer, 06-nummer, tel mobiel, tel. nummer, vast nummer",
        "Gender": "geslacht",
        "DateOfBirth": "geboortedatum, geb.datum, geb. dat., geboren, geboren op, geboorte datum, verjaardag",
        "Street": "straat, straatnaam, straat en huisnummer, straat + nr, adresregel 1, straat en nummer",
        "HouseNumber": "huisnummer, huisnr, huis nr, straatnummer",
        "PostalCode": "postkode, post code",
        "City": "plaats, woonplaats, stad, gemeente, plaatsnaam",
        "Province": "provincie",
        "Country": "land, landcode, land regio, landnaam",
    },
    "fr": {
        "Email": "adresse email, adresse e-mail, adresse mail, adresse electronique, courriel, mel, "
        "adresse courriel, adresse de courriel, adresse de messagerie, adresse email professionnelle",
        "FirstName": "prenom, prenoms",
        "LastName": "nom de famille, nom famille, patronyme",
        "LangCode": "langue, code langue, langue preferee, langue de correspondance, langue du contact",
        "Phone": "tel portable, telephone portable, telephone mobile, portable, n° de telephone, n° tel, "
        "numero de telephone, num tel, tel mobile, n° gsm, numero de gsm, numero de portable, n° telephone",
        "Gender": "sexe, genre",
        "DateOfBirth": "date de naissance, date naissance, naissance, ne le, nee le, ne(e) le, ddn",
        "Street": "rue, voie, nom de rue, adresse 1, adresse ligne 1, adresse postale ligne 1, rue et numero",
        "HouseNumber": "numero de rue, n° de rue, numero de voie, numero de maison, n° rue, n° de maison",
        "PostalCode": "code postal, cp",
        "City": "ville, commune, localite",
        "Country": "pays, code pays, pays region",
    },
    "de": {
        "Email": "e-mail-adresse, mailadresse, e-mail adressen, e-mail geschaftlich, emailadr, mail-adr",
        "FirstName": "vorname, vornamen, rufname",
        "LastName": "nachname, familienname, zuname, nachnamen",
        "LangCode": "sprache, sprachcode, korrespondenzsprache, bevorzugte sprache, sprachkennzeichen",
        "Phone": "telefonnummer, tel.-nr., telefonnr, rufnummer, handy, handynummer, handynr, mobilnummer, "
        "mobiltelefon, mobilnr, natel, telefon mobil, telefon geschaftlich, telefon privat, mobilfunknummer",
        "Gender": "geschlecht",
        "DateOfBirth": "geburtsdatum, geburtstag, geb.-datum, geb. am, geboren am, gebdat, geb, geburtsdat",
        "Street": "straße, straße und hausnummer, straße hausnummer, straße nr, adresszeile 1, straßenname, "
        "straße u. hausnr., straße/hausnr.",
        "HouseNumber": "hausnummer, hausnr, haus nr",
        "PostalCode": "plz, postleitzahl",
        "City": "ort, wohnort, stadt, ortschaft",
        "Province": "bundesland, provinz",
        "Country": "land, landercode, laendercode, landerkennzeichen, land region, wohnland",
    },
    "es": {
        "Email": "correo, correo electronico, direccion de correo, direccion de correo electronico, "
        "direccion de email, direccion email, e-mail personal",
        "FirstName": "nombre de pila, nombres, primer nombre",
        "LastName": "apellido, apellidos, primer apellido",
        "LangCode": "idioma, lengua, codigo de idioma, idioma preferido, codigo idioma",
        "Phone": "telefono, numero de telefono, tfno, tlf, tlfno, movil, celular, telefono movil, "
        "n° telefono, telefono celular, numero de movil, numero de celular, num telefono",
        "Gender": "sexo, genero",
        "DateOfBirth": "fecha de nacimiento, fecha nacimiento, fecha nac., nacimiento, f. nacimiento, "
        "f. de nacimiento, f. nac.",
        "Street": "calle, calle y numero, nombre de la calle, direccion 1, direccion linea 1",
        "HouseNumber": "numero de calle, numero de casa, numero de portal",
        "PostalCode": "codigo postal, cod. postal, c.p.",
        "City": "ciudad, localidad, poblacion, municipio",
        "Country": "pais, codigo de pais, pais region, codigo pais",
    },
}
# Member → words that mean it only where the header has the other member too.
_BESIDE = {
    ("LastName", "FirstName"): "name, naam, nom, surnom, noms",
    ("FirstName", "LastName"): "nombre",
    ("Street", "PostalCode"): "address, adres, adresse, anschrift, direccion, domicilio",
    ("Street", "City"): "address, adres, adresse, anschrift, direccion, domicilio",
    ("HouseNumber", "Street"): "nr, no, n, num, number, nummer, numero, huisnr",
    ("Suite", "Street"): "bus, bte, box, boite",
}
_OWNER = re.compile(
    "^(?:contact|customer|client|klant|kontakt|kunden?|cliente|recipient|respondent|mailing|home|primary|person)"
    "|(?:privat|prive|thuis|(?<![0-9])1)$"
)
_CUSTOM = re.compile(
    "(?:custom(?:field)?|champ(?:personnalise|libre)|benutzerdefiniertesfeld|freifeld|vrijveld|extraveld|"
    "(?:maatwerk|aangepast)veld|campo(?:personalizado|libre))0*([1-9]|1[0-9]|20)"
)
_ASIDE = re.compile(  # a form of dates, some codes, or whether a cell must be filled
    r"[(\[](?:[dmyjatgu]{1,4}(?:[-/. ][dmyjatgu]{1,4})+|[a-z]{2}(?:[-/,| ]+[a-z]{2})+|m[-/ ]?[fvwh]|"
    r"[fvwh][-/ ]m|iso[- 0-9a-z]{0,12}|e\.?164|utc|required|optional|verplicht|optioneel|obligatoire|"
    r"facultatif|pflicht(?:feld)?|obligatorio)[)\]]",
    re.IGNORECASE,
)


def folded(header: str) -> str:
    """Return the letters and digits of a header, small and without accents: all that tells it apart."""
    plain = unicodedata.normalize("NFKD", header.replace("°", "o").replace("º", "o")).casefold()
    return "".join(character for character in plain if character.isalnum())


@cache
def _known() -> Mapping[str, Mapping[str, str]]:
    """Return the member of each known word, by language."""
    names = {folded(member): member for member in CONTACT_MEMBERS}
    return {"names": names} | {
        language: {folded(word): member for member, words in members.items() for word in words.split(",")}
        for language, members in _WORDS.items()
    }


def member_of(header: str) -> str | None:
    """Return the member of a contact that a header means by itself, `None` where it may mean another thing.

    Case, blanks, signs and accents do not matter; of a header in two languages both halves must agree.
    """
    word = folded(_ASIDE.sub("", header))
    words = [word, _OWNER.sub("", word)]
    for known in _known().values():
        if found := next((known[one] for one in words if one in known), None):
            return found
    if custom := _CUSTOM.fullmatch(word):
        return f"CustomField{custom[1]}"
    halves = re.split(r"\s*[/|\n]\s*|\s+-\s+", header.strip())
    meant = {member_of(half) for half in halves} if len(halves) > 1 else {None}
    return meant.pop() if len(meant) == 1 else None


def members_of(header: Sequence[str]) -> dict[int, str]:
    """Return the member that each column means, by its index: of several for one member the first.

    Words like `Naam` or `Nr` mean one beside another column: with `Voornaam` the first is the last name.
    """
    found: dict[int, str] = {}
    for index, member in enumerate(map(member_of, header)):
        if member and member not in found.values():
            found[index] = member
    for (member, other), words in _BESIDE.items():
        known = {folded(word) for word in words.split(",")}
        for index, word in enumerate(map(folded, header)):
            members = found.values()
            if index not in found and word in known and other in members and member not in members:
                found[index] = member
    return found


def language_of(header: Sequence[str]) -> str | None:
    """Return the language that most of the known words of a header are of, `None` where two are as likely."""
    words = {folded(_ASIDE.sub("", one)) for one in header}
    counts = {code: len(words & {*known}) for code, known in _known().items() if len(code) == 2}
    best = max(counts.values())
    likely = [code for code, count in counts.items() if count == best > 0]
    return likely[0] if len(likely) == 1 else None
