"""Strategies: what can be declared, what can be live, every plausible server between them, and its faults."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from hypothesis import strategies as st

from reconciler.checkmarket.model import IMPORT_CONFIGS
from reconciler.engine.body import put, value_at
from reconciler.engine.kind import Declared, Given, Json, Origin, Policy, Reference, Ruling
from reconciler.problems import Place
from reconciler.sandbox import Fault, Variants
from reconciler.sandbox.checkmarket import defaults_of
from reconciler.sandbox.seeding import stored_config
from tests.properties.world import Situation

PLACE = Place("drawn.yaml", 1, 1)
RESOURCE = Origin("resource", PLACE)

_SURVEYS = {"Customer satisfaction 2026": 4711, "Support follow-up": 4713}
_EVENTS = ("invitation", "response")
_DAYS, _TIMES, _YES = (2, 30), ("09:00", "22:30"), (True,)
_SETTINGS: Mapping[str, tuple[Json | Reference, ...]] = {
    "survey_id": (Reference("survey", "Customer satisfaction 2026"), 4713),
    **dict.fromkeys(("invitation_delay_in_days", "expiration_after_days"), _DAYS),
    **dict.fromkeys(("invitation_time", "expiration_time"), _TIMES),
    "consider_cooldown_period": _YES,
    **{f"{of}_cooldown_after_{event}": _DAYS for of, event in product(("survey", "account"), _EVENTS)},
}
_VALUES: Mapping[str, tuple[Json | Reference, ...]] = {
    "contact_group_id": (7, 8),
    "contact_list_id": (12, 13),
    **{f"survey_settings.{name}": values for name, values in _SETTINGS.items()},
    "column_mappings": (
        [
            {"SourceColumnNumber": 2, "TargetColumnName": "Email"},
            {"SourceColumnNumber": 0, "TargetColumnName": "FirstName"},
        ],
        [{"SourceColumnNumber": 1, "TargetColumnName": "Email"}],
    ),
    **{f"email_must_be_unique_within_{part}": _YES for part in ("account", "group", "file")},
    **dict.fromkeys(("email_is_required", "send_notification_mail"), _YES),
    "date_format": ("yyyy-MM-dd", "dd/MM/yyyy"),
    "first_row": (1, 2),
    "field_delimiter": (";", r"\t"),
    "row_delimiter": (r"\n", "\n"),
    "default_language_code": ("nl", "fr"),
    "update_type_id": (1, 2),
}
"""Path → values that are neither empty nor, in most variants, the default."""

# The files refuse an empty value for these.
_NEVER_EMPTY = {"contact_group_id", "contact_list_id", "survey_settings.survey_id", "update_type_id"} | {
    path for path, values in _VALUES.items() if values is _TIMES
}
_FIELDS = IMPORT_CONFIGS.by_path


@dataclass(frozen=True)
class Aspect:
    """How one field is declared and what is live of it."""

    how: str
    live: str


# Simplest first, for hypothesis shrinks towards the beginning.
_HOW = ("undeclared", "keep", "reset", "preset-reset", "other", "another", "null", "empty", "default")
_LIVE = ("absent", "other", "another", "null", "empty", "default")
_ASPECTS = tuple(Aspect(how, live) for live, how in product(_LIVE, _HOW))
_RULINGS = {
    "keep": Ruling(Policy.KEEP, RESOURCE, own=True),
    "reset": Ruling(Policy.RESET, RESOURCE, own=True),
    "preset-reset": Ruling(Policy.RESET, Origin("preset standard", PLACE), own=False),
}


def value_of(path: str, choice: str, variants: Variants) -> Json | Reference:
    """Return the value that a choice stands for, in the form of the API's bodies."""
    field, values = _FIELDS[path], _VALUES[path]
    match choice:
        case "other":
            return values[0]
        case "another":
            return values[-1]
        case "empty" if path not in _NEVER_EMPTY:
            return _empty(values[0])
        case "default":
            default = value_at(defaults_of(variants), field.member)
            return field.normal(default) if default else None
    return None


def _empty(value: Json | Reference) -> Json:
    match value:
        case bool():
            return False
        case int():
            return 0
        case str():
            return ""
    return []


def stored_form(value: Json | Reference, variants: Variants) -> Json:
    """Return a value as the sandbox stores it: times in the long form, references as ids.

    A server that takes escapes for the characters that they mean holds none.
    """
    if isinstance(value, Reference):
        return _SURVEYS[value.name]
    if variants.delimiters == "unescaped" and isinstance(value, str):
        value = value.replace(r"\t", "\t").replace(r"\n", "\n")
    return f"{value}:00.0000000" if value in _TIMES else value


@dataclass(frozen=True)
class Drawn:
    """One configuration: how it is declared, whether and how it is there, and all its fields' aspects."""

    identity: str
    """How it is found: `id`, `name`, or `none` where it is not there yet."""
    aspects: Mapping[str, Aspect]
    """Path → aspect; of every other field nothing is declared and nothing is live."""
    policy: Policy
    visible: bool | None
    """What is declared of its visibility."""
    kept_name: bool = False
    renamed: bool = False
    absent: bool = False

    def declared(self, number: int, variants: Variants) -> Declared:
        """Return it as the files would say it."""
        given = {
            path: Given(value_of(path, aspect.how, variants), RESOURCE)
            for path, aspect in self.aspects.items()
            if aspect.how in ("other", "another", "null", "empty", "default")
        }
        rulings = {path: _RULINGS[a.how] for path, a in self.aspects.items() if a.how in _RULINGS}
        if self.visible is not None:
            given["is_reusable"] = Given(self.visible, RESOURCE)
        if self.kept_name and self.identity == "id":
            rulings["name"] = _RULINGS["keep"]
        else:
            given["name"] = Given(_name(number), RESOURCE)
        return Declared(
            f"import_configs.config-{number}",
            PLACE,
            id=number if self.identity == "id" else None,
            absent=self.absent,
            given=given,
            rulings=rulings,
            undeclared=self.policy,
        )

    def stored(self, number: int, variants: Variants) -> dict[str, Any]:
        """Return it as the sandbox stores it."""
        renamed = self.renamed and self.identity == "id"
        members: dict[str, Json] = {
            "Name": f"Older {number}" if renamed else _name(number),
            "IsReusable": True,
        }
        for path, aspect in self.aspects.items():
            if aspect.live != "absent":
                put(
                    members,
                    _FIELDS[path].member,
                    stored_form(value_of(path, aspect.live, variants), variants),
                )
        if members.get("SendNotificationMail") is None:
            members["SendNotificationMail"] = False
        extras = (
            {"Colour": "red", "SurveySettings": {"Tone": 1}} if variants.extra_members == "stored" else None
        )
        return {**stored_config(members), "Extras": extras}


def _name(number: int) -> str:
    return f"Config {number}"


# Its explicit false is the proof, for the plan, that this server shows them; and it is never changed.
_WITNESS = Drawn("id", {}, Policy.KEEP, visible=None)


def drawn(visible: Sequence[bool | None] = (None, True)) -> st.SearchStrategy[Drawn]:
    """Return any configuration that the files accept; `visible` is what they may say of its visibility."""
    return st.builds(
        Drawn,
        identity=st.sampled_from(["id", "name", "none"]),
        aspects=st.dictionaries(
            st.sampled_from(list(_VALUES)), st.sampled_from(_ASPECTS), min_size=1, max_size=12
        ),
        policy=st.sampled_from(Policy),
        visible=st.sampled_from(visible),
        kept_name=st.booleans(),
        renamed=st.booleans(),
        absent=st.sampled_from([False, False, False, False, True]),
    )


_DEFAULTS: Mapping[str, Any] = {
    "DateFormat": "yyyy-MM-dd",
    "FirstRow": 2,
    "EmailIsRequired": True,
    "SendNotificationMail": True,
    "FieldDelimiter": ";",
    "SurveySettings": {"InvitationDelayInDays": 2, "ExpirationTime": "22:30", "ConsiderCooldownPeriod": True},
    "UpdateTypeId": 2,
}


_ANSWERS: Mapping[str, tuple[Any, ...]] = {
    "listing": ("unpaged", "clamped", "ignores-skip"),
    "clamp_at": (2,),
    "row_order": ("newest-first",),
    "rows": ("thin",),
    "meta_counts": (False,),
    "survey_id_member": ("SurveyId",),
    "false_and_zero": ("omitted",),
    "times": ("seconds", "short"),
    "mappings_order": ("reversed",),
    "null_in_put": ("stored-null",),
    "extra_members": ("stored", "strict"),
    "server_extras": ("stable",),
    "delimiters": ("unescaped",),
    "unknown_id": ("refused",),
    "hidden": ("readable-by-id",),
    "delete_answer": ("object",),
    "error_body": ("string",),
    "read_cache_seconds": (4.0, 10.0),
    "appears_after_seconds": (4.0, 10.0),
    "retry_after": ("none",),
    "defaults": ("account", *({name: _DEFAULTS[name]} for name in _DEFAULTS), _DEFAULTS),
}
"""The answers to each open question beside the default one; caches and delays end within patience."""

# They change what is stored or what equals what, so they are drawn more often.
_DECISIVE = ("false_and_zero", "null_in_put", "rows", "delimiters")


def variants() -> st.SearchStrategy[Variants]:
    """Return any plausible server that can prove its list to be whole."""
    questions = (*_ANSWERS, *_DECISIVE * 3)
    answers = [(name, answer) for name in questions for answer in _ANSWERS[name]]
    chosen = st.lists(st.sampled_from(answers), max_size=10).map(lambda some: Variants(**dict(some)))
    # Without counts, a list that ignores `skip` proves nothing, and the client refuses it.
    return chosen.filter(lambda v: v.meta_counts or v.listing != "ignores-skip")


_ANY = drawn()


@st.composite
def situations(draw: st.DrawFn, configs: st.SearchStrategy[Drawn] = _ANY) -> Situation:
    """Return one to three configurations, and one that nothing changes, on any server."""
    server = draw(variants())
    several = {300: _WITNESS, **dict(enumerate(draw(st.lists(configs, min_size=1, max_size=3)), 301))}
    return Situation(
        server,
        stored={n: one.stored(n, server) for n, one in several.items() if one.identity != "none"},
        declared=tuple(one.declared(n, server) for n, one in several.items()),
    )


_NOT_DONE = (
    "status=500",
    "status=503",
    "status=429",
    "status=429,retry-after=2",
    "drop",
    "html",
    "status=401",
)
# A server that says 429 or 401 has not done what it was asked; one that falls over afterwards may have.
_DONE = ("status=500", "status=503,html", "drop", "html", "cut")


def fault_lists() -> st.SearchStrategy[list[Fault]]:
    """Return one to three faults, at single requests or from one on."""
    effects = [f"before:{effect}" for effect in _NOT_DONE] + [f"after:{effect}" for effect in _DONE]
    fault = st.builds(
        lambda method, nth, onwards, effect: Fault.parse(f"{method}:{nth}{onwards}:{effect}"),
        st.sampled_from(["PUT", "POST", "DELETE", "GET", "*"]),
        st.integers(1, 6),
        st.sampled_from(["", "+"]),
        st.sampled_from(effects),
    )
    return st.lists(fault, min_size=1, max_size=3)
