"""What is said of an import beforehand: its timeline, and why it is so, each sentence with how sure it is.

Source: the vendor's model page ImportSurveyLink; that R0311 is about cooldown follows from its name alone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from itertools import product

from msgspec.structs import replace

from reconciler.checkmarket.effects import (
    DELAY,
    EXPIRATION,
    EXPIRATION_TIME,
    INVITATION_TIME,
    SURVEY,
    SWITCH,
    Timeline,
    timeline,
)
from reconciler.checkmarket.model import IMPORT_CONFIGS
from reconciler.engine.body import compared
from reconciler.engine.kind import Certainty, Declared, Json, Policy, Reference, Values

_RULES = {
    "survey_settings.survey_cooldown_after_invitation": "were invited to this survey",
    "survey_settings.survey_cooldown_after_response": "completed this survey",
    "survey_settings.account_cooldown_after_invitation": "were invited to any survey of the account",
    "survey_settings.account_cooldown_after_response": "completed any survey of the account",
}

_COLUMNS = "column_mappings"
_OWN_DATES = ("DateToBeMailed", "DateToExpire")  # members of a contact: vendor page model/newcontact
_DOC, _INF, _UNK = Certainty.DOCUMENTED, Certainty.INFERRED, Certainty.UNKNOWN
Sentence = tuple[Certainty, str]


def declared_values(declared: Declared, defaults: Mapping[str, Json]) -> tuple[Values, Mapping[str, Policy]]:
    """Return what the files say of invitations, in compared form, and what becomes of the other fields.

    What a PUT resets has the default that is stated, else none. A survey is its name, where that is declared.
    """
    values, undeclared = dict[str, Json](), dict[str, Policy]()
    for field in (*IMPORT_CONFIGS.leaves("survey_settings"), *IMPORT_CONFIGS.leaves(_COLUMNS)):
        path, given = field.path, declared.given.get(field.path)
        if path in declared.accepted or (not given and declared.policy(field) is Policy.KEEP):
            undeclared[path] = Policy.KEEP
        elif given:
            said = given.value
            values[path] = str(said) if isinstance(said, Reference) else compared(field, said)
        else:
            values[path], undeclared[path] = compared(field, defaults.get(path)), Policy.RESET
    return values, undeclared


def forecast_of(values: Values, undeclared: Mapping[str, Policy], at: datetime) -> Timeline:
    """Return what becomes of contacts imported at a moment, with everything that should be known of it.

    A field that is kept may have any value on the account: the moments are as wide as that.
    """
    kept = {path for path, policy in undeclared.items() if policy is Policy.KEEP}
    values = {**values, **({SURVEY: True} if SURVEY in kept else {})}
    clocks = [path for path in (INVITATION_TIME, EXPIRATION_TIME) if path in kept]
    of_day = product(("00:00", "23:59"), repeat=len(clocks))
    every = [timeline({**values, **dict(zip(clocks, some, strict=True))}, at) for some in of_day]
    one = every[0]
    if one.invited and INVITATION_TIME in kept:
        may = [timeline({**values, INVITATION_TIME: None}, at), *every]
        earliest = min(other.invited_earliest or one.at for other in may)
        latest = max(other.invited_latest or one.at for other in may)
        one = replace(one, invited_earliest=earliest, invited_latest=latest, invited_certainty=_UNK)
    if one.invited and DELAY in kept:
        one = replace(one, invited=None, invited_earliest=None, invited_latest=None, invited_certainty=_UNK)
    if EXPIRATION_TIME in kept:
        one = replace(one, lapses_latest=every[-1].lapses_latest, lapses_certainty=_UNK)
    if EXPIRATION in kept:
        one = replace(one, lapses=None, lapses_earliest=None, lapses_latest=None, lapses_certainty=_UNK)
    return replace(one, notes=[*_sentences(values, undeclared, kept, one), *one.notes])


def _sentences(
    values: Values, undeclared: Mapping[str, Policy], kept: Collection[str], one: Timeline
) -> Iterator[Sentence]:
    """Yield why the moments are as they are, and whom cooldown leaves out."""
    told = (SURVEY, DELAY, INVITATION_TIME, EXPIRATION, EXPIRATION_TIME, SWITCH)
    for policy, sure, text in (
        (
            Policy.KEEP,
            _UNK,
            "kept as on the account, so any value may be there: {}; --live reads the account",
        ),
        (
            Policy.RESET,
            _INF,
            "not declared, so reset by a PUT: {}; counts as empty, or as defaults: states it",
        ),
    ):
        if named := [path.rpartition(".")[2] for path in told if undeclared.get(path) is policy]:
            yield sure, text.format(", ".join(named))
    if one.invited is None and one.invited_certainty is not _UNK:
        return
    if (survey := values[SURVEY]) is not True:
        yield _DOC, f"contacts are added to {survey if isinstance(survey, str) else f'survey {survey}'}"
    delay, clock = values.get(DELAY), values.get(INVITATION_TIME)
    if not {DELAY, INVITATION_TIME} & {*kept}:
        yield _mail(delay, clock, one)
    if clock and one.is_at_once:
        yield _DOC, f"{clock} UTC is past by then, and a time already past means at once"
    yield from _shifted(clock, one.invited, one)
    if delay or clock:
        yield _DOC, "delay and time of an invitation count for the platform's own e-mail alone"
        yield _UNK, "when people are invited by another channel is not documented"
    days, clock = values.get(EXPIRATION), values.get(EXPIRATION_TIME)
    if days:
        at = f", at {clock} UTC" if clock else ""
        text = f"the invitation lapses {_days(days)} after the import{at}: the date of the import counts, not"
        yield _DOC, f"{text} that of the mail"
    elif EXPIRATION not in kept:
        yield _UNK, "expiration_after_days is not set: when an invitation then lapses is not documented"
    yield from _shifted(clock, one.lapses, one)
    if one.lapses_first:
        yield _UNK, "the invitation lapses before mail leaves; what then becomes of it is not documented"
    rows = values.get(_COLUMNS)
    columns = (
        {row.get("TargetColumnName") for row in rows if isinstance(row, dict)}
        if isinstance(rows, list)
        else ()
    )
    for name in [name for name in _OWN_DATES if name in columns]:
        yield _UNK, f"whether {name}, which a column of the file fills, counts before this is not documented"
    yield from _cooldown(values, kept)


def _mail(delay: Json, clock: Json, one: Timeline) -> Sentence:
    if delay and clock:
        return _DOC, f"mail leaves {_days(delay)} after the import, at {clock} UTC"
    if delay:
        return _INF, f"mail leaves {_days(delay)} after the import; no invitation_time is set"
    if clock:
        sure = _DOC if one.is_at_once else _INF
        return sure, f"mail leaves on the day of the import, at {clock} UTC; no delay is set"
    return _DOC, "mail leaves at once: neither invitation_delay_in_days nor invitation_time is set"


def _days(number: Json) -> str:
    return f"{number} {'day' if number == 1 else 'days'}"


def _shifted(clock: Json, then: datetime | None, one: Timeline) -> Iterator[Sentence]:
    """Yield that a time of day in UTC is another one for people than at the import."""
    if clock and then and then.utcoffset() != one.at.utcoffset():
        hours = f"{then:%H:%M} in {one.zone} then, and {then.astimezone(one.at.tzinfo):%H:%M} at the import"
        yield _INF, f"the clock changes in between: {clock} UTC is {hours}"


def _cooldown(values: Values, kept: Collection[str]) -> Iterator[Sentence]:
    rules = {path: values[path] for path in _RULES if values.get(path)}
    if SWITCH in kept:
        return
    if not values.get(SWITCH):
        yield _INF, "cooldown is off: nobody is left out for an earlier invitation or answer"
        if rules:
            yield _UNK, "what the days of its rules do meanwhile is not documented"
        return
    for path, days in rules.items():
        yield _DOC, f"cooldown: addresses that {_RULES[path]} in the {_days(days)} before are skipped"
    if rules:
        yield _INF, "addresses that are skipped are reported as R0311"
    elif not {*_RULES} & {*kept}:
        yield _UNK, "cooldown is on, and how many days it counts is not set: whom it skips is not documented"
    yield _UNK, "which addresses cooldown skips is known to the account alone"
