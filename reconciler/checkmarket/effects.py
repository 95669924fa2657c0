"""What an import configuration does to people: when it invites them, and what a change of it means to them.

Source, where nothing else is said: the vendor's model page ImportSurveyLink. Times of day are UTC. Whether
days count from the date of the import in UTC or in the account's time zone is not documented, nor what a
delay does without a time. So each moment has the earliest and the latest one that the facts allow.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo

from msgspec import Struct

from reconciler.engine.kind import Certainty, Effect, EffectRule, Json, Values

SURVEY = "survey_settings.survey_id"
DELAY = "survey_settings.invitation_delay_in_days"
INVITATION_TIME = "survey_settings.invitation_time"
EXPIRATION = "survey_settings.expiration_after_days"
EXPIRATION_TIME = "survey_settings.expiration_time"
_TIMES = frozenset({SURVEY, DELAY, INVITATION_TIME, EXPIRATION, EXPIRATION_TIME})

_LAST = date(9999, 12, 29)  # so that every moment can be told in every time zone


class Timeline(Struct, frozen=True):
    """What becomes of contacts imported at one moment.

    `invited` and `lapses` are what to expect, `None` for never; what the facts allow lies between the
    earliest and the latest, which are the same where nothing is open. Every time has the fixed offset that
    `zone` has then: times of one zone are compared by their clocks, which is wrong where a clock is changed.
    """

    at: datetime  # of the import
    zone: str  # the name of the time zone, for people
    invited: datetime | None = None
    invited_earliest: datetime | None = None
    invited_latest: datetime | None = None
    invited_certainty: Certainty = Certainty.DOCUMENTED
    lapses: datetime | None = None
    lapses_earliest: datetime | None = None
    lapses_latest: datetime | None = None
    lapses_certainty: Certainty = Certainty.DOCUMENTED
    notes: Sequence[tuple[Certainty, str]] = ()  # what a person should know of it, each with its mark

    @property
    def is_at_once(self) -> bool:
        """Whether mail is expected to leave with the import itself."""
        return self.invited == self.at

    @property
    def lapses_first(self) -> bool:
        """Whether the invitation is expected to lapse before it is sent."""
        return bool(self.invited and self.lapses and self.lapses <= self.invited)


def timeline(values: Values, at: datetime) -> Timeline:
    """Return when contacts imported `at` that moment are invited and when their invitation lapses.

    `at` is aware, in the time zone in which people read. A value in no known form counts as empty.
    """
    zone, day = at.tzinfo or UTC, at.date()
    at = at.astimezone(UTC)
    if not values.get(SURVEY):
        note = "no survey is set: contacts are imported, and nobody is invited"
        notes = [(Certainty.INFERRED, note)]
        here = at.astimezone(timezone(at.astimezone(zone).utcoffset() or timedelta()))
        return Timeline(here, str(zone), invited_certainty=Certainty.INFERRED, notes=notes)
    days, unknown = (at.date(), day), list[str]()  # from the first of them days are expected to count
    each = dict.fromkeys(days)

    delay, clock = _days(values.get(DELAY)), _clock(values.get(INVITATION_TIME))
    invited = [at]
    if clock is not None:
        invited = [max(at, _moment(day, delay, clock)) for day in each]
    elif delay:
        invited = [_moment(days[0], delay, at.time())]
    is_moved = len({*invited}) > 1
    if invited[0] > at and (clock is None or not delay):
        empty, given = ("time", "a delay") if delay else ("delay", "a time still to come")
        unknown.append(
            f"an empty {empty} is documented as at once, and not what it does beside {given}: mail may leave "
            "earlier, even with the import itself"
        )
        invited.append(at)

    after, clock = _days(values.get(EXPIRATION)), _clock(values.get(EXPIRATION_TIME))
    lapses: list[datetime] = []
    if after and clock is not None:
        lapses = [_moment(day, after, clock) for day in each]
    elif after:
        lapses = [_moment(day, after + n, time(), its) for n in (0, 1) for day in each for its in (UTC, zone)]
        unknown.append("at which hour of its day an invitation lapses that has no time is not documented")
    elif clock is not None:
        unknown.append("whether an expiration time without days ends an invitation is not documented")
    if days[0] != days[1] and (is_moved or after):
        dates = f"{days[0]} in UTC and {days[1]} in {zone}"
        unknown.append(f"the import is on {dates}: from which of them days count is not documented")
    may_lapse = [*lapses, max(at, _moment(days[0], 0, clock))] if clock and not after else lapses
    is_open = (min(invited) != max(invited), len({*may_lapse}) != 1 or not lapses)
    sure = [Certainty.INFERRED if one else Certainty.DOCUMENTED for one in is_open]
    ends = [sorted(may_lapse)[:1], lapses[:1], sorted(lapses)[-1:]]
    told = [at, invited[0], min(invited), max(invited), *(one for some in ends for one in some)]
    local = [one.astimezone(zone) for one in told]
    fixed = [one.astimezone(timezone(one.utcoffset() or timedelta())) for one in local]
    earliest, lapse, latest = [fixed.pop(4) if one else None for one in ends]
    return Timeline(
        at=fixed[0],
        zone=str(zone),
        invited=fixed[1],
        invited_earliest=fixed[2],
        invited_latest=fixed[3],
        invited_certainty=sure[0],
        lapses=lapse,
        lapses_earliest=earliest,
        lapses_latest=latest,
        lapses_certainty=sure[1],
        notes=[(Certainty.UNKNOWN, one) for one in unknown],
    )


def moment_told(at: datetime) -> str:
    """Return a moment for people, in its own time zone: `Thu 3 Dec 2026 11:00`."""
    return f"{at:%a} {at.day} {at:%b} {at.year} {at:%H:%M}"


def _moment(day: date, days: int, clock: time, zone: tzinfo = UTC) -> datetime:
    """Return the time of day so many days later, at the latest on the last day that can be told."""
    last = day + timedelta(days=min(days, (_LAST - day).days))
    return datetime.combine(last, clock, zone).astimezone(UTC)


def _days(value: Json) -> int:
    return max(value, 0) if isinstance(value, int) and not isinstance(value, bool) else 0


def _clock(value: Json) -> time | None:
    """Return a time of day, `None` for none and for what is in no known form."""
    with suppress(ValueError):
        return time.fromisoformat(value) if isinstance(value, str) and ":" in value else None
    return None


SETTINGS = "survey_settings."
SWITCH = "survey_settings.consider_cooldown_period"
COOLDOWNS = {
    f"survey_settings.{whose}_cooldown_after_{what}": f"{words} {whom} survey"
    for whose, whom in (("survey", "this"), ("account", "any"))
    for what, words in (("invitation", "an invitation to"), ("response", "a response to"))
}
_UPDATE_TYPE = "update_type_id"
_UPDATES: Mapping[Json, str] = {1: "updated within the survey", 2: "always created anew"}
# How a value is told, where it is not told as it is; of a few letters at most.
_TOLD: Mapping[str, Callable[[Json], str]] = {
    **dict.fromkeys(COOLDOWNS, lambda value: f"{value or 0} day{'s' * (value != 1)}"),
    _UPDATE_TYPE: lambda value: _UPDATES.get(value, "in no documented way"),
    "contact_list_id": lambda value: f"list {value}" if value else "no list",
    "contact_group_id": lambda value: f"group {value}" if value else "no group",
    "date_format": lambda value: str(value or "the account's own form")[:24],
    "default_language_code": lambda value: str(value or "no set language")[:24],
}
_TURNS = {(False, False): "empty", (False, True): "set", (True, False): "emptied"}
_FILE = ("field_delimiter", "row_delimiter", "first_row", "column_mappings")
_SET, _EMPTIED = frozenset({"set"}), frozenset({"emptied"})
_CHANGED = frozenset({"set", "emptied", "raised", "lowered", "changed"})
_MORE = frozenset({"set", "raised"})
_LESS = frozenset({"emptied", "lowered"})

RULES: Mapping[str, EffectRule] = {
    # Of a whole configuration, and of its times: `effects` says these.
    "invites": EffectRule(
        "A new configuration invites the contacts that are imported with it.",
        "more",
        paths=(SURVEY, DELAY, INVITATION_TIME),
    ),
    "imports_only": EffectRule(
        "A new configuration imports contacts, and invites nobody.", "more", paths=(SURVEY,)
    ),
    "ends_imports": EffectRule(
        "Nothing can be imported with the configuration any more.",
        "fewer",
        "nothing can be imported with it any more (what becomes of imports under way is not documented)",
    ),
    "mails_at_once": EffectRule(
        "A delay or time of the invitation becomes empty or 0: mail goes with the import itself.",
        "sooner",
        paths=(DELAY, INVITATION_TIME),
        refused=True,
    ),
    "mails_earlier": EffectRule(
        "People are invited sooner after an import than before.", "sooner", paths=(DELAY, INVITATION_TIME)
    ),
    "mails_later": EffectRule(
        "People are invited later after an import than before.", "later", paths=(DELAY, INVITATION_TIME)
    ),
    "lapses_earlier": EffectRule(
        "The invitation lapses sooner: people have less time to answer.",
        "sooner",
        paths=(EXPIRATION, EXPIRATION_TIME),
    ),
    "lapses_later": EffectRule(
        "The invitation lapses later, or never: people have more time.",
        "later",
        paths=(EXPIRATION, EXPIRATION_TIME),
    ),
    "joins_survey": EffectRule(
        "Imported contacts are added to a survey, and were not.", "more", paths=(SURVEY,)
    ),
    "leaves_survey": EffectRule(
        "Imported contacts are no longer added to a survey.", "fewer", paths=(SURVEY,)
    ),
    # Of single fields: the texts are filled in.
    "switches_survey": EffectRule(
        "Imported contacts are invited to another survey.",
        "other",
        "contacts go to another survey: those imported from now on are invited to {after}, not to {before}",
        (SURVEY,),
        frozenset({"raised", "lowered", "changed"}),
        refused=True,
    ),
    "cooldown_off": EffectRule(
        "The rules of cooldown count no longer: an address may be mailed however recently it was.",
        "more",
        "nobody is spared for a recent invitation or response: the rules of cooldown no longer count",
        (SWITCH,),
        _EMPTIED,
    ),
    "cooldown_on": EffectRule(
        "The rules of cooldown count: an address that was mailed recently is skipped.",
        "fewer",
        "who was invited or responded recently is skipped: the rules of cooldown count now",
        (SWITCH,),
        _SET,
    ),
    "weakens_cooldown": EffectRule(
        "An address may be mailed sooner after it was invited, or has responded.",
        "more",
        "people may be mailed again sooner: {after} instead of {before} after {what}",
        tuple(COOLDOWNS),
        _LESS,
    ),
    "strengthens_cooldown": EffectRule(
        "An address is skipped for longer after it was invited, or has responded.",
        "fewer",
        "people are mailed again later: {after} instead of {before} after {what}",
        tuple(COOLDOWNS),
        _MORE,
    ),
    "overwrites_account": EffectRule(
        "An import updates contacts of the whole account that have the same address.",
        "more",
        "an import overwrites contacts of the whole account: every one with the same address",
        ("email_must_be_unique_within_account",),
        _SET,
        refused=True,
    ),
    "spares_account": EffectRule(
        "An import no longer updates contacts of the whole account.",
        "fewer",
        "an import no longer overwrites contacts elsewhere in the account that have the same address",
        ("email_must_be_unique_within_account",),
        _EMPTIED,
    ),
    "overwrites_group": EffectRule(
        "An import updates contacts of the group with the same address; groups are obsolete.",
        "more",
        "an import may overwrite contacts of the group with the same address: groups are obsolete",
        ("email_must_be_unique_within_group",),
        _SET,
        certainty=Certainty.UNKNOWN,
    ),
    "spares_group": EffectRule(
        "An import no longer updates contacts of the group; groups are obsolete.",
        "fewer",
        "an import no longer overwrites contacts of the group with the same address: groups are obsolete",
        ("email_must_be_unique_within_group",),
        _EMPTIED,
        certainty=Certainty.UNKNOWN,
    ),
    "lets_duplicates_in": EffectRule(
        "An address that stands in a file twice is taken twice.",
        "more",
        "people may be mailed twice: an address that stands twice in a file is taken twice",
        ("email_must_be_unique_within_file",),
        _EMPTIED,
        certainty=Certainty.INFERRED,
    ),
    "keeps_duplicates_out": EffectRule(
        "An address that stands in a file twice is taken once.",
        "fewer",
        "an address that stands twice in a file is taken once: the other row gets R0315",
        ("email_must_be_unique_within_file",),
        _SET,
        certainty=Certainty.INFERRED,
    ),
    "updates_otherwise": EffectRule(
        "Contacts that exist already are treated in another way.",
        "other",
        "existing contacts are treated otherwise: {after}, not {before}",
        (_UPDATE_TYPE,),
        _CHANGED,
    ),
    "requires_address": EffectRule(
        "Contacts without an e-mail address are refused.",
        "fewer",
        "contacts without an e-mail address are refused (R0307)",
        ("email_is_required",),
        _SET,
    ),
    "allows_no_address": EffectRule(
        "Contacts without an e-mail address are taken.",
        "more",
        "contacts without an e-mail address are taken too",
        ("email_is_required",),
        _EMPTIED,
    ),
    "hides": EffectRule(
        "The configuration vanishes from the API and the Tool, for good.",
        "fewer",
        "it vanishes from the API and the Tool, for good: nothing can be imported with it",
        ("is_reusable",),
        _EMPTIED,
        refused=True,
    ),
    "shows": EffectRule(
        "The configuration can be seen and used in the API and the Tool.",
        "more",
        "it can be seen and used in the API and the Tool",
        ("is_reusable",),
        _SET,
    ),
    "notification_off": EffectRule(
        "Nobody is told by mail any more when an import has ended.",
        "fewer",
        "no notification is mailed after an import any more",
        ("send_notification_mail",),
        _EMPTIED,
    ),
    "notification_on": EffectRule(
        "A notification is mailed after every import.",
        "more",
        "a notification is mailed after every import",
        ("send_notification_mail",),
        _SET,
    ),
    "other_language": EffectRule(
        "Contacts whose row names no language get another one.",
        "other",
        "contacts without a language of their own are mailed in {after}, not {before}",
        ("default_language_code",),
        _CHANGED,
    ),
    "other_list": EffectRule(
        "Imported contacts are linked to another list or group, or to none.",
        "other",
        "imported contacts are linked to {after}, not to {before}",
        ("contact_list_id", "contact_group_id"),
        _CHANGED,
    ),
    "reads_dates_otherwise": EffectRule(
        "Dates in files and requests are read in another form.",
        "other",
        "dates are read as {after}, not {before}: others are refused or misread",
        ("date_format",),
        _CHANGED,
        certainty=Certainty.INFERRED,
    ),
    "reads_files_otherwise": EffectRule(
        "Files that are uploaded in the Tool are read in another way.",
        "other",
        "files uploaded in the Tool are read otherwise: {what}",
        _FILE,
        _CHANGED,
        is_joint=True,
    ),
    # Only on an account that has shown an explicit one are these not the same.
    "empty_otherwise": EffectRule(
        "false or 0 becomes no value at all, or the other way round: whether that is the same is not known.",
        "other",
        "false or 0 is not known to mean the same as no value at all: {what}",
        (
            *(SURVEY, DELAY, EXPIRATION, SWITCH, *COOLDOWNS, "email_is_required", "is_reusable"),
            *(f"email_must_be_unique_within_{where}" for where in ("account", "group", "file")),
            *("send_notification_mail", "first_row", "contact_list_id", "contact_group_id"),
        ),
        frozenset({"empty"}),
        certainty=Certainty.UNKNOWN,
        is_joint=True,
    ),
}
"""By its name, what a change can do to people. Names are kept: files and commands name them."""


def effects(before: Values | None, after: Values | None, at: datetime | None) -> list[Effect]:
    """Return what a change does to people, as `Kind.effects` says: what its times do first."""
    old, new = before or {}, after or {}
    if after is None:
        text = RULES["ends_imports"].text
        return [_effect("ends_imports", text, [path for path, value in old.items() if value])]
    if before is None:
        if not new.get(SURVEY):
            return [_effect("imports_only", "contacts are imported, and nobody is invited", [SURVEY])]
        text = f"contacts are invited to survey {new[SURVEY]}"
        line = timeline(new, at) if at else None
        return [_effect("invites", text, [SURVEY, DELAY, INVITATION_TIME], line)]
    turned = dict[str, str]()
    for path in {*old, *new}:
        one, other = old.get(path), new.get(path)
        if one != other and (one or other or (one == 0) != (other == 0)):
            turn = "changed"
            if isinstance(one, int) and isinstance(other, int):
                turn = "raised" if one < other else "lowered"
            turned[path] = _TURNS.get((bool(one), bool(other)), turn)
    times = at if {*turned} & _TIMES else None
    was, line = (timeline(one, times) if times else None for one in (old, new))
    found: list[Effect] = []
    if turned.get(SURVEY) in ("set", "emptied"):
        name, text = "joins_survey", f"contacts are invited to survey {new.get(SURVEY)}, and were to none"
        if not new.get(SURVEY):
            name, text = "leaves_survey", f"contacts no longer join survey {old[SURVEY]}: nobody is invited"
        found.append(_effect(name, text, [p for p in sorted(turned) if p.startswith(SETTINGS)], line))
        turned = {path: turn for path, turn in turned.items() if not path.startswith(SETTINGS)}
    found += _timed(old, new, turned, was, line)
    for name, rule in RULES.items():
        paths = [path for path in rule.paths if turned.get(path) in rule.turns]
        for path in paths[:1] if rule.is_joint else paths:
            values = [_TOLD.get(path, str)(one.get(path)) for one in (old, new)]
            what = ", ".join(paths) if rule.is_joint else COOLDOWNS.get(path, path)
            text = rule.text.format(before=values[0], after=values[1], what=what)
            is_open = path in COOLDOWNS and not (old.get(SWITCH) and new.get(SWITCH))
            is_open |= path == _UPDATE_TYPE and not (old.get(path) and new.get(path))
            sure = Certainty.UNKNOWN if is_open else rule.certainty
            found.append(_effect(name, text, paths if rule.is_joint else [path], certainty=sure))
    return found


def _timed(
    old: Values, new: Values, turned: Mapping[str, str], was: Timeline | None, line: Timeline | None
) -> Iterator[Effect]:
    """Yield what the times do: of the invitation, and of its end.

    A time of day that comes or goes is one effect, and a delay the other way beside it another.
    """
    lines, day = [one for one in (was, line) if one], 24 * 60 * 60
    for delay, clock, no_days, no_time in (
        (DELAY, INVITATION_TIME, 0, 0),
        (EXPIRATION, EXPIRATION_TIME, 1 << 32, day),
    ):
        paths = [path for path in (delay, clock) if turned.get(path, "empty") != "empty"]
        emptied, filled = ([path for path in paths if turned[path] == turn] for turn in ("emptied", "set"))
        days = [_days(one.get(delay)) for one in (old, new)]
        is_open = clock in (*emptied, *filled)  # there are no two times to compare
        before, after = (
            (n or no_days) * day + (at.hour * 60 * 60 + at.minute * 60 + at.second if at else no_time)
            for n, one in zip(days, (old, new), strict=True)
            for at in [None if is_open and delay == DELAY else _clock(one.get(clock))]
        )
        which, gap = "earlier" if after < before else "later", abs(after - before)
        told = [f"{n} day{'s' * (n != 1)}" for n in (gap // day, *days)]
        parts = [told[0], f"{gap % day // 3600} h", f"{gap % 3600 // 60} min"]
        span = " ".join([*(part for part in parts if part[:2] != "0 "), which])
        if delay == EXPIRATION and paths:
            sure = max((one.lapses_certainty for one in lines), key=[*Certainty].index, default=None)
            text = f"the invitation lapses {span}"
            if is_open or not all(days):
                text = f"the invitation may lapse {which}{', or never' * (not days[1])}"
                sure = sure if all(days) else Certainty.UNKNOWN
            ends = (was.lapses if was else None, line.lapses if line else None)
            yield _effect(f"lapses_{which}", text, paths, line, *ends, certainty=sure)
            continue
        sure = max((one.invited_certainty for one in lines), key=[*Certainty].index, default=None)
        mails = (was.invited if was else None, line.invited if line else None)
        is_past = f"at {new.get(clock)} UTC, or at once where that is past"
        if not filled and (delay in emptied or (new.get(clock) == "00:00" and not days[1])):
            emptied = paths  # every import is later than the first minute of its day
        if emptied:
            is_open = bool(new.get(delay) or new.get(clock))
            certain = line.invited_certainty if line else (Certainty.DOCUMENTED, Certainty.INFERRED)[is_open]
            may_be = "are" if certain is Certainty.DOCUMENTED else "may be"
            then = f"{told[1]} after the import" if delay in emptied else f"at {old[clock]} UTC"
            text = f"people {may_be} mailed at once, no longer {then}"
            yield _effect("mails_at_once", text, emptied, line, *mails, certainty=certain)
        rest = [path for path in paths if path not in emptied]
        if filled:
            text = f"people are invited {told[2]} after the import"
            text += ", no longer on the day of it" if delay in filled else f", at {new[clock]} UTC"
            text = text if days[1] else f"people are invited {is_past}"
            sooner = [delay] if which == "earlier" and turned.get(delay) == "lowered" else []
            named = [path for path in rest if path not in sooner]
            yield _effect("mails_later", text, named, line, *mails, certainty=sure)
            rest = sooner
        if rest:
            text = f"people are invited {span}" if days[1] else f"people are invited up to {span}, {is_past}"
            yield _effect(f"mails_{which}", text, rest, line, *mails, certainty=sure)


def _effect(
    name: str,
    text: str,
    paths: Iterable[str],
    line: Timeline | None = None,
    before: datetime | None = None,
    after: datetime | None = None,
    certainty: Certainty | None = None,
) -> Effect:
    """Return an effect; with what it means for an import at the moment of `line`, where that has a time."""
    rule = RULES[name]
    if line and name in ("invites", "joins_survey"):
        after, certainty = line.invited, line.invited_certainty
    if before and after and {"sooner": before < after, "later": after < before}.get(rule.direction):
        before = after = None  # what is expected is not what may be: another effect, or none, has its times
    moments = [
        f"{'today' if one.date() == line.at.date() else f'{one:%a} {one.day} {one:%b}'}"
        f"{f' {one.year}' * (one.year != line.at.year)} {one:%H:%M}"
        for one in (after, before)
        if line and one
    ]
    if line and after and moments[0:1] != moments[1:2]:
        text = f"{text}: imported now, {' instead of '.join(moments)} ({line.zone})"
    if line and line.invited and line.lapses and line.lapses <= line.invited:
        text += "; the invitation lapses before mail leaves"
    return Effect(name, text, tuple(paths), certainty or rule.certainty, before, after, rule.direction)
