"""The members of a contact with their limits, and the result codes of an import: the vendor's facts on rows.

Members: vendor page model/newcontact. Codes: vendor page contact-import-report-notification-email, which says
what each means; when it comes, and whether the contact is then left out, it does not say.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from reconciler.checkmarket.model import CONTACT_MEMBERS
from reconciler.contacts.model import Member, ResultCode
from reconciler.engine.kind import Certainty

_CUSTOM_FIELD = re.compile(r"customfield\d+")

MEMBERS: Mapping[str, Member] = {name: Member(name, *facts) for name, facts in CONTACT_MEMBERS.items()}
"""The members of a contact by their name."""
_BY_FOLDED = {name.casefold(): member for name, member in MEMBERS.items()}


def member_named(name: str) -> Member:
    """Return the member that a column's target names, in any case of letters; any text, if none has the name.

    Whether the vendor minds the case is unknown.
    """
    folded = name.strip().casefold()
    longest = MEMBERS["CustomField1"].longest if _CUSTOM_FIELD.fullmatch(folded) else None
    return _BY_FOLDED.get(folded) or Member(name, longest)


_DOC, _INF, _UNK = Certainty.DOCUMENTED, Certainty.INFERRED, Certainty.UNKNOWN
_EXISTING = "which contacts exist is known to the account alone"
_PEOPLE = "who has opted out, and who was invited or has answered lately, is known to the account alone"
_LISTS = "the bounce list and the list of blocked domains are known to the vendor alone"
_CODES = (
    ResultCode("R0207", "invalid address", True, _UNK, "how it differs from R0308 is not documented"),
    ResultCode("R0300", "an existing contact is updated", False, _DOC, _EXISTING),
    ResultCode("R0301", "a contact is created", False, _DOC, _EXISTING),
    ResultCode("R0302", "invalid birth date", True, _INF),
    ResultCode("R0303", "unknown country: two letters are asked for, like NL", True, _INF),
    ResultCode("R0304", "unknown state: two letters of the USA are asked for, like CA", True, _INF),
    ResultCode("R0305", "no language code", True, _INF),
    ResultCode("R0306", "invalid language code: two letters are asked for, like nl", True, _INF),
    ResultCode("R0307", "no address", True, _DOC),
    ResultCode("R0308", "invalid address", True, _INF),
    ResultCode("R0309", "opted out", True, _DOC, _PEOPLE),
    ResultCode("R0310", "on the global bounce list", True, _DOC, _LISTS),
    ResultCode("R0311", "in a cooldown period", True, _INF, _PEOPLE),
    ResultCode("R0315", "duplicate address in the file", True, _INF),
    ResultCode("R0316", "duplicate address in the contacts", True, _DOC, _EXISTING),
    ResultCode("R0318", "the default language is used", False, _DOC),
    ResultCode("R0322", "invalid phone number: E.164 is asked for, like +31612345678", True, _INF),
    ResultCode("R0323", "the domain is blocked", True, _DOC, _LISTS),
    # Which local parts the vendor counts, and whether it leaves such a contact out, is not documented.
    ResultCode("R0324", "role-based address, perhaps", False, _UNK),
    ResultCode("R0326", "the contact id is not found for an update", True, _DOC, _EXISTING),
    # Without a code of the vendor.
    ResultCode("too-long", "longer than the member takes: cut or refused", True, _UNK),
    ResultCode("invalid-date", "no date in the declared format, or none of the calendar", True, _UNK),
    ResultCode("past-date", "a date that is over", False, _UNK),
    ResultCode("no-address", "no address, where none may be needed", False, _UNK),
    ResultCode("duplicate-address", "an address that stands in the file before", False, _UNK),
    ResultCode("phone-form", "a phone number with blanks or signs, which E.164 has not", False, _UNK),
    ResultCode("unknown-gender", "neither M nor F", False, _UNK),
    ResultCode("outer-blanks", "blanks before or after the value: kept or cut", False, _UNK),
    ResultCode("control-character", "a line break, a tab or another control character", False, _UNK),
)
RESULT_CODES: Mapping[str, ResultCode] = {code.code: code for code in _CODES}
"""Every result of a row by its code: those of the vendor, then those for which no code of it is known."""

# ISO 3166-1 alpha-2.
_COUNTRIES = (
    "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT "
    "BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH "
    "ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT "
    "HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS "
    "LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI "
    "NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG "
    "SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG "
    "UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW"
)
# The states of the USA as its post writes them, with the district, the territories and the forces abroad.
_STATES = (
    "AL AK AZ AR CA CO CT DE FL GA HI ID IL IN IA KS KY LA ME MD MA MI MN MS MO MT NE NV NH NJ NM NY NC "
    "ND OH OK OR PA RI SC SD TN TX UT VT VA WA WV WI WY DC AS GU MP PR VI UM AA AE AP"
)
# Local parts that stand for a function and no person; which of them the vendor means is not documented.
_ROLES = (
    "abuse accounting accounts admin administrator billing contact enquiries feedback finance hello help "
    "hostmaster hr info inquiries jobs mail marketing newsletter no-reply noreply office orders "
    "postmaster pr press privacy reception sales security service spam support team webmaster"
)
COUNTRIES, STATES, ROLES = (frozenset(words.split()) for words in (_COUNTRIES, _STATES, _ROLES))
"""The codes of countries and of states of the USA, and local parts of addresses that are no person's."""
