"""Accounts full of configurations that people made by hand, and a workspace over several of them."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import hypothesis

from reconciler.commands.adopt import Wanted, adopt, adopt_update
from reconciler.commands.environment import Environment
from reconciler.commands.plan import PlanOptions, plan
from reconciler.commands.validate import validate
from reconciler.commands.workspace import Selection
from reconciler.errors import Exit
from reconciler.sandbox import State, Variants, create_app
from reconciler.sandbox.seeding import CONFIGS, STARTING_POINT, SURVEYS, stored_config
from tests.clock import FakeClock
from tests.commands.world import Screen

Members = dict[str, Any]
HALF = hypothesis.settings(max_examples=hypothesis.settings().max_examples // 2)
"""Half as many examples: a whole account takes its time."""

NAMES = (
    *("Newsletter NL", "newsletter nl", "Newsletter/NL", "Newsletter: NL", "  padded  ", "🎉🎉", "🎉 Party"),
    *("...", ".hidden", "-dash", "con", "NUL", "aux.txt", "no", "on", "null", "2026", "1e3", "0x1F", "~"),
    *("Ünïcödé Straße", "Æøå Łódź", "Опрос клиентов", "مرحبا بالعالم", "\u200fשלום", "問卷調查", "a" * 50),
    *('say "hi"', "it's", "# no comment", "a: b", "[x]", "{y}", "*star", "&and", "!bang", "%", "@", "`", "|"),
    *("tab\there", "line\nbreak", "\x1besc", "\u202eevil", "\ufeffbom", "x\u2028y", "..", "/", "a/b/../c"),
    *("CON.yaml", "x.", "trailing dot.", "nul.", "COM1", "e\u0301", "é", "ﬁne", "👨\u200d👩\u200d👧"),
)
_TIMES = (None, "09:00:00.0000000", "22:30:00.0000000", "09:00:30.0000000", "09:00:30.5000000")
_FLAGS = (None, False, True)


def config(chance: random.Random, name: str) -> Members:
    """Return any configuration that a person could have made in the Tool, as the server stores it."""
    return {
        "Name": name,
        "ContactGroupId": chance.choice([None, None, None, 7]),
        "ContactListId": chance.choice([None, 12, 13, 14]),
        "SurveySettings": chance.choice([None, settings(chance), settings(chance), settings(chance)]),
        "ColumnMappings": chance.choice([None, [], [{"SourceColumnNumber": 1, "TargetColumnName": "Email"}]]),
        **{f"EmailMustBeUniqueWithin{place}": chance.choice(_FLAGS) for place in ("Account", "File")},
        "EmailIsRequired": chance.choice(_FLAGS),
        "DateFormat": chance.choice([None, "", "yyyy-MM-dd", "dd/MM/yyyy", "nonsense!"]),
        "FirstRow": chance.choice([None, 0, 1, 2]),
        "FieldDelimiter": chance.choice([None, ";", ",", "\t", "\\t", " ", "\x1f"]),
        "RowDelimiter": chance.choice([None, "\n", "\\n", "\r\n"]),
        "SendNotificationMail": chance.choice([False, True]),
        "IsReusable": True,
        "DefaultLanguageCode": chance.choice([None, "nl", "no", "fr"]),
        "UpdateTypeId": chance.choice([None, 1, 2, 3]),
    }


def settings(chance: random.Random) -> Members:
    days = ("InvitationDelayInDays", "ExpirationAfterDays", "SurveyCooldownAfterInvitation")
    return {
        "SurveyId": chance.choice((None, 4700, 4711, 4712, 4713, 4720, 4721, 9999)),
        **{name: chance.choice((None, 0, 1, 14, 400)) for name in days},
        "InvitationTime": chance.choice(_TIMES),
        "ExpirationTime": chance.choice(_TIMES),
        "ConsiderCooldownPeriod": chance.choice(_FLAGS),
    }


def configs(seed: int, number: int, first: int = 100, names: tuple[str, ...] = NAMES) -> dict[int, Members]:
    """Return so many random configurations by their ids."""
    chance = random.Random(seed)
    named = [*names, *(f"Campaign {n}" for n in range(number))][:number]
    chance.shuffle(named)
    return {first + n: config(chance, name) for n, name in enumerate(named)}


@dataclass
class Accounts:
    """A workspace in a folder of its own, with one sandbox behind each target."""

    folder: Path
    live: Mapping[str, Mapping[int, Members]]
    variants: Variants = field(default_factory=Variants)
    settings: str = ""
    on_target: str = ""
    states: dict[str, State] = field(default_factory=dict)
    clock: FakeClock = field(default_factory=FakeClock)

    def __post_init__(self) -> None:
        surveys = STARTING_POINT[SURVEYS]
        for target, live in self.live.items():
            stored: dict[int | str, Members] = {id: stored_config(members) for id, members in live.items()}
            self.states[target] = State(":memory:", {CONFIGS: stored, SURVEYS: surveys})
        lists = "contact_lists: {newsletter: 12, one: 13, two: 13}"
        usual = f'    checkmarket: {{url: "sandbox:"}}\n    {lists}\n    limits: {{updates: 100%}}\n'
        targets = "".join(f"  {target}:\n{usual}    {self.on_target}\n" for target in self.live)
        self.write("reconciler.yaml", f"version: 1\n{self.settings}\ntargets:\n{targets}")

    def write(self, name: str, text: str) -> None:
        path = self.folder / "configs" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())

    def read(self, name: str) -> str:
        return (self.folder / "configs" / name).read_bytes().decode()

    @property
    def environment(self) -> Environment:
        apps = {
            target: create_app(state, self.variants, (), clock=self.clock.now, sleep=self.clock.sleep)
            for target, state in self.states.items()
        }
        return Environment({}, self.clock, self.folder, apps)

    def change(self, target: str, id: int, **members: Any) -> None:
        """Edit a live configuration as a person would in the Tool."""
        with self.states[target].transaction() as documents:
            stored = documents.get(CONFIGS, id)
            assert stored is not None
            documents.put(CONFIGS, id, stored_config({**stored["Config"], **members}))

    def ran(self, verb: Callable[..., Exit], *arguments: Any, json: bool = False, **asked: Any) -> Screen:
        """Run a verb that ends well; return what it printed."""
        console = (screen := Screen()).console(self.clock, as_json=json)
        assert verb(*arguments, console, self.environment, **asked) is Exit.DONE
        return screen

    def adopt(self, target: str, diff: bool = False, **wanted: Any) -> Screen:
        chosen = Wanted(**(wanted or {"everything": True}))
        return self.ran(adopt, chosen, Selection(target=target), diff=diff)

    def update(self, target: str, diff: bool = False) -> Screen:
        return self.ran(adopt_update, Selection(target=target), diff=diff)

    def assert_nothing_to_do(self, target: str, unchanged: int) -> None:
        """Plan a target, and validate the files."""
        document = self.planned(target)
        assert document["changes"] == document["blocked"] == document["unmanaged"] == []
        assert document["summary"]["unchanged"] == unchanged
        assert {problem["severity"] for problem in self.problems()} <= {"warning"}

    def planned(self, target: str) -> Any:
        console = (screen := Screen()).console(self.clock, as_json=True)
        plan(Selection(target=target), PlanOptions(), console, self.environment)
        return screen.document

    def problems(self) -> Any:
        return self.ran(validate, Selection(), json=True).document["problems"]
