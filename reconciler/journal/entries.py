"""What a journal holds: its values, the entries of its log, and the strict check of everything that is read.

A journal is a log of entries: what happened (a fact), its place in the order of all (`n`, from 1, growing)
and when. Entries are added and never changed; only pruning removes those of whole runs. Each is held to the
models here when it is read and before it is written: so a journal that was changed from outside is refused
before anything believes it. The bodies of a write are kept beside its entries, and read only where needed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from math import isfinite
from typing import Annotated, Any, Protocol, TypeAlias, TypeVar

from msgspec import Meta, Struct, ValidationError, convert, field, to_builtins
from msgspec.structs import replace

from reconciler.errors import Refused, UsageError

Model = TypeVar("Model")

FORMAT = 5  # of a journal that this program reads and writes; those before were other files

ACCOUNT_SEPARATOR = "#"  # between the host of an account and what tells it from others there
ADOPT = "adopt"  # the action of an intent that says what was live as it is declared; nothing was sent
RESULTS = ("applied", "failed", "stale", "skipped", "in doubt")
MAY_BE_DONE, SURELY_NOT_DONE = ("applied", "in doubt"), ("failed", "stale", "skipped")
"""How a write ends that may have been carried out, as may one without an end; and how the others end."""

FOUND_BY_NAME = "found by its name"  # the reason of a create that a later run has found: `… in run 7`
DIED = "the run died before it could be told"  # of a write or a batch that has no end
RESOLVED = "resolved by a person"  # the note of deliveries that a person has judged; nothing was sent then

_LARGEST = 2**63 - 1  # what every database holds
_LAST = 253_402_128_000.0  # 30 December 9999, so that the time can be shown in every zone
_DEEPEST = 200
_MOST_VALUES = 500_000

Number = Annotated[int, Meta(ge=1, le=_LARGEST)]
Count = Annotated[int, Meta(ge=0, le=_LARGEST)]
Id = Annotated[int, Meta(ge=-_LARGEST - 1, le=_LARGEST)]
ExitCode = Annotated[int, Meta(ge=0, le=255)]
Time = Annotated[float, Meta(ge=0.0, le=_LAST)]  # seconds since 1970 UTC, by the clock of this program
ServerTime = Annotated[float, Meta(ge=-_LAST, le=_LAST)]  # the same by a server's clock, which may be wrong
Text = Annotated[str, Meta(max_length=1_000_000)]
Word = Annotated[str, Meta(pattern=r"^[a-z][a-z _-]{0,40}\Z")]
Hash = Annotated[str, Meta(pattern=r"^[0-9a-f]{32}\Z")]  # stands for personal text, keyed for each journal
Digest = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
Fingerprint = Annotated[str, Meta(pattern=r"^(?:[0-9a-f]{64})?\Z")]
Action = Annotated[str, Meta(pattern=r"^(?:create|update|delete|adopt)\Z")]
Result = Annotated[str, Meta(pattern=r"^(?:applied|failed|stale|skipped|in doubt)\Z")]
Json: TypeAlias = bool | int | float | str | list[Any] | dict[str, Any] | None
Body: TypeAlias = Mapping[str, Any]  # a whole object of an API, as JSON has it


class _Model(Struct, frozen=True, forbid_unknown_fields=True):
    """A value that is read strictly."""


class Process(_Model, frozen=True):
    """The process that a run lives in, told apart from every other one on any machine."""

    machine: Text  # the same for two processes only if each can see whether the other one lives
    host: Text
    pid: Count
    started: Text  # tells it from a later process with the same number; opaque


class RunStart(_Model, frozen=True, omit_defaults=True):
    """What is written down of a run before it does anything."""

    command: Text  # what was asked for: `apply`, `restore 12`, `seeds send KEY`
    target: Text
    accounts: tuple[Text, ...]  # every account that the run may write to; it holds all of them
    who: Text
    process: Process
    version: Text
    commit: Text = ""  # of the files, empty where they are in no repository
    ci_run: Text = ""  # where the run can be looked at, empty outside CI
    fingerprint: Fingerprint = ""
    """Of the plan that is executed, empty for none; `digests` are those of its changes and seeds."""
    digests: tuple[Digest, ...] = ()


class Run(_Model, frozen=True):
    """A run as it is written down. One without an end is at work, or died."""

    number: Number
    start: RunStart
    began: Time
    latest: Time  # when it last wrote anything down
    ended: Time | None = None
    exit: ExitCode | None = None  # `None` for one that is open, or was found dead
    counts: Mapping[Word, Count] = field(default_factory=dict)
    """How its changes ended: `applied`, `failed`, … → number; `sent` counts customers."""
    note: Text = ""  # why it ended, where it did not end by itself

    @property
    def is_open(self) -> bool:
        """Whether it still holds its accounts."""
        return self.ended is None


class Intent(_Model, frozen=True, omit_defaults=True):
    """One write that is about to be made, as it is written down before its first byte leaves."""

    account: Text
    key: Text
    action: Action
    id: Id | None
    digest: Digest  # of the planned change
    before: Body | None = None  # the whole live body that is overwritten; `None` for a create
    body: Body | None = None  # the whole body that is sent; `None` for a delete


class Ending(_Model, frozen=True, omit_defaults=True):
    """How one write ended."""

    result: Result
    reason: Text = ""
    id: Id | None = None  # the id of the resource, that of a created one too, as far as it is known
    after: Body | None = None  # the whole body as it was read back; `None` where it was not, or is gone


class Operation(_Model, frozen=True):
    """One write of a run. Without an `ending` the run died, or is at work."""

    number: Number
    run: Number
    intent: Intent
    at: Time
    ending: Ending | None = None

    @property
    def id(self) -> int | None:
        """The id that was written, that of what it has created too, as far as it is known."""
        return self.ending.id if self.ending and self.ending.id is not None else self.intent.id


class DeliveryState(StrEnum):
    """What is known of a delivery."""

    INTENDED = "intended"  # written down before the first byte left; without a later standing it is in doubt
    SENT = "sent"
    REFUSED = "refused"  # answered so, and no customer was counted right after it; late ones may appear
    NOT_SENT = "not sent"
    FOUND = "found"  # not sent: the address had more customers than this journal explains
    IN_DOUBT = "in doubt"

    @property
    def is_open(self) -> bool:
        """Whether the request may be under way, or may have been carried out unseen."""
        return self in (DeliveryState.INTENDED, DeliveryState.IN_DOUBT)

    @property
    def is_unsent(self) -> bool:
        """Whether this delivery mailed nothing, as far as was counted, so that it may be tried again."""
        return self in (DeliveryState.REFUSED, DeliveryState.NOT_SENT)


class Delivery(_Model, frozen=True, omit_defaults=True):
    """One customer in one batch. It holds no address and no value, only keyed hashes."""

    customer: Hash  # of the mailbox and its number among equal mailboxes of the seed
    mailbox: Hash
    digest: Hash  # of the declared content, the batch's members included
    standing: DeliveryState
    baseline: Count  # how many customers its address had right before
    batch: Count  # the number of the batch in the journal; 0 before it is written
    at: Time
    round: Text
    note: Text = ""
    contents: Mapping[Text, Hash] = field(default_factory=dict)
    """The hash of each declared value, by its path: what tells later which of them changed."""
    since: Time = 0.0  # when its standing was written down; 0 before it is
    server_at: ServerTime | None = None
    """What the server's own clock said right before it was written down; `None` if that is not known."""
    server_since: ServerTime | None = None  # what that clock said when its request was over, likewise
    ids: tuple[Hash, ...] | None = None
    """The hash of the id of each customer of `baseline`; `None` where the server did not give them."""
    seed: Text = ""


class BatchIntent(_Model, frozen=True, omit_defaults=True):
    """One request to be sent, as it is written down before its first byte leaves."""

    account: Text
    seed: Text
    round: Text
    deliveries: Annotated[Sequence[Delivery], Meta(min_length=1)]
    resolved: Mapping[Text, Text]  # moments of the batch, resolved: member → ISO 8601 with offset
    run: Number | None = None  # the run that sends it, and holds its account
    server_at: ServerTime | None = None  # what the server's own clock says now


class Mail(Struct, frozen=True):
    """What a run did with customers of one batch: it sent it, found them, or resolved what was open of it."""

    batch: int
    seed: str
    round: str
    customers: int
    standing: DeliveryState  # as the run left them
    note: str = ""
    was: DeliveryState | None = None  # how they stood before, where the run resolved it
    sender: int | None = None  # the run that sent what was resolved
    moments: Mapping[str, str] = field(default_factory=dict)  # of a batch, resolved: member → ISO 8601
    now: Mapping[str, int] = field(default_factory=dict)  # how many stand how now, where that is another way


class RunRecord(Struct, frozen=True):
    """All that one run has written down, whether it could count it at its end or not."""

    run: Run
    operations: Sequence[Operation]
    mail: Sequence[Mail] = ()
    resolved: Sequence[Operation] = ()  # writes in doubt of earlier runs, whose end it has found out
    learned: Mapping[str, Any] = field(default_factory=dict)  # path → default, in compared form


class JournalBegan(_Model, frozen=True, tag_field="what", tag="journal"):
    """The first entry of every journal, of later formats too."""

    format: Number
    hash_key: Digest  # the key of its hashes, in hexadecimal


class RunBegan(_Model, frozen=True, tag_field="what", tag="run"):
    """A run begins."""

    number: Number
    start: RunStart


class RunEnded(_Model, frozen=True, tag_field="what", tag="run end"):
    """A run ended, or was ended."""

    run: Number
    exit: ExitCode | None
    counts: Mapping[Word, Count]
    note: Text


class WriteBegan(_Model, frozen=True, tag_field="what", tag="operation"):
    """A write is about to be made; one that adopts has ended. The bodies are kept beside the entry."""

    number: Number
    run: Number
    intent: Intent


class WriteEnded(_Model, frozen=True, tag_field="what", tag="operation end"):
    """How a write ended. The body that was read back is kept beside the entry."""

    operation: Number
    ending: Ending


class DefaultsLearned(_Model, frozen=True, tag_field="what", tag="learned"):
    """What resets left behind."""

    run: Number
    account: Text
    values: Mapping[Text, Json]


class BatchBegan(_Model, frozen=True, tag_field="what", tag="batch"):
    """Deliveries that are written down together, all of them with one standing, whatever they say of it."""

    number: Number
    standing: DeliveryState
    batch: BatchIntent


class StandingChanged(_Model, frozen=True, tag_field="what", tag="standing"):
    """What became known of a batch, or of one customer in it."""

    batch: Number
    customer: Hash | None
    standing: DeliveryState
    note: Text
    server_at: ServerTime | None


class RunsPruned(_Model, frozen=True, tag_field="what", tag="pruned"):
    """Runs were removed. The highest numbers given before are kept, so that none is given again."""

    runs: tuple[Number, ...]
    operations: Count
    last_run: Count
    last_operation: Count


Fact: TypeAlias = (
    JournalBegan
    | RunBegan
    | RunEnded
    | WriteBegan
    | WriteEnded
    | DefaultsLearned
    | BatchBegan
    | StandingChanged
    | RunsPruned
)


class Entry(_Model, frozen=True):
    """A fact at its place in the log; `at` is in seconds since 1970 UTC."""

    n: Number
    at: Time
    fact: Fact


class Line(Struct, frozen=True):
    """An entry as a backend keeps it."""

    n: int
    run: int | None  # the run with which pruning removes it; `None` for what stays for ever
    text: str  # the entry as JSON, all of it ASCII
    bodies: str | None = None  # the list of the bodies that belong to it, likewise; not read with the entry
    subject: str = ""  # one line for people, without names, which need not be kept
    pruned: tuple[int, ...] = ()  # the runs whose lines go when this one comes


class Log(Protocol):
    """Where the entries of a journal are kept. It knows none of its rules.

    Every method raises `Refused` or `UsageError` where it cannot be reached, read or written, or is damaged.
    `name` is what messages call it, without a password; a reader goes by an answer for `freshness` seconds.
    """

    name: str
    freshness: float

    def read(self, after: int) -> Sequence[Line]:
        """Return the entries after a number, in order, without bodies; all of them if the first is 1."""

    def append(self, last: Line | None, lines: Sequence[Line]) -> bool:
        """Add lines, and remove those of the runs that they prune, if `last` is the last; tell if it was.

        It is safe on disk when this returns. Raises `Rejected` where these lines are refused by themselves.
        """

    def bodies(self, lines: Sequence[tuple[int, int]]) -> Mapping[int, str]:
        """Return what is kept beside entries, which are named by run and number: number → text."""

    def damaged(self, what: str) -> Refused:
        """Return the error about entries that cannot be right: what to look at, and what to put back."""

    def close(self) -> None:
        """Let go of it; closing twice is allowed."""


class Rejected(Refused):
    """These lines were refused for what they are, so that others may still be taken."""


class Unsound(ValueError):
    """An entry that breaks the rules of a journal. Its text shows no value of it."""


def shown_accounts(accounts: Sequence[str]) -> list[str]:
    """Return accounts as they may be shown: by their hosts, without what is made of a key."""
    return list(dict.fromkeys(account.partition(ACCOUNT_SEPARATOR)[0] for account in accounts))


def line_of(n: int, at: float, run: int | None, fact: Fact) -> Line:
    """Return the line of an entry, with the bodies of a write beside the rest.

    Errors: `TypeError`, `ValueError` or `RecursionError` for a value that JSON cannot hold.
    """
    bodies = None
    if isinstance(fact, WriteBegan):
        bodies = strict_json([fact.intent.before, fact.intent.body])
        fact = replace(fact, intent=replace(fact.intent, before=None, body=None))
    elif isinstance(fact, WriteEnded):
        bodies = strict_json([fact.ending.after])
        fact = replace(fact, ending=replace(fact.ending, after=None))
    text = strict_json({"n": n, "at": at, "fact": to_builtins(fact, enc_hook=dict)})
    return Line(n, run, text, bodies)


strict_json = json.JSONEncoder(default=dict, separators=(",", ":"), allow_nan=False).encode
"""Returns JSON as every reader takes it: ASCII, without infinite numbers."""


def read_entry(line: Line) -> Entry:
    """Return the entry of a line. Raises `Unsound` where it is no entry, or stands at another's place."""
    entry = read(Entry, line.text, f"entry {line.n}")
    if entry.n != line.n:
        raise Unsound(f"entry {line.n} is damaged: it says that it is entry {entry.n}")
    return entry


def read(model: type[Model], text: object, what: str) -> Model:
    """Return what JSON says, as its model. Raises `Unsound` about `what` if it does not fit."""
    try:
        return convert(document(text), model, strict=True)
    except (Unsound, ValidationError, RecursionError, UnicodeError, OverflowError) as error:
        raise Unsound(f"{what} is damaged: {_reason(error)}") from None  # its own text may hold a value


def document(text: object) -> Any:
    """Return what JSON says. Raises `Unsound` for what is not plain: cut, too deep, infinite, or double."""
    if not isinstance(text, str):
        raise Unsound("it is not text")
    try:
        if len(text) > _MOST_VALUES and sum(map(text.count, ",[{")) > _MOST_VALUES:
            raise Unsound("it holds more values than any entry")
        found: Any = json.loads(text, object_pairs_hook=_members, parse_float=_number, parse_constant=_number)
        if sum(map(text.count, "[{")) > _DEEPEST and _is_too_deep(found):
            raise Unsound("it is nested too deeply")
    except Unsound:
        raise
    except (ValueError, TypeError, RecursionError):
        raise Unsound("it is not JSON") from None
    return found


_SAID = {
    "Invalid enum value": "unknown word",
    "matching regex": "text of another form",
    "Invalid value": "unknown kind of entry",
    "unknown field": "a member that no entry has",
}
"""What msgspec says → what is said instead, without the value."""


def _reason(error: Exception) -> str:
    """Return where a model was not kept to and what it expects, without the value."""
    if isinstance(error, Unsound):
        return str(error)
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    if not isinstance(error, ValidationError):
        return "it holds what is no text, or no number"
    said, _, where = str(error).partition(" - at ")
    place = re.sub(r"^`(?:key` in `)?\$?\.?|\[\.\.\.\]|`$", "", where)
    said = next((ours for theirs, ours in _SAID.items() if theirs in said), said.replace("`", ""))
    return f"{place + ': ' if place else ''}{said[:1].lower()}{said[1:]}"


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise Unsound("a member stands in it twice")
    return members


def _number(text: str) -> float:
    number = float(text)
    if not isfinite(number):
        raise Unsound("it holds a number that is none, or is too large")
    return number


def _is_too_deep(value: object) -> bool:
    level = [value]
    for _ in range(_DEEPEST):
        inner = [part for one in level for part in (one.values() if isinstance(one, dict) else one)]  # type: ignore[attr-defined]
        level = [part for part in inner if isinstance(part, dict | list)]
        if not level:
            return False
    return True


def other_format(name: str, found: int) -> UsageError:
    """Return the error about the journal called `name` that another version of this program has written."""
    if found > FORMAT:
        return UsageError(
            f"journal {name} has format {found}, and this reconciler knows format {FORMAT}: a newer one has "
            f"written it. Upgrade reconciler; `reconciler --version` says which one this is"
        )
    return UsageError(
        f"journal {name} has format {found}, and this reconciler knows format {FORMAT}: an earlier one has "
        f"written it, and it is neither read nor changed. Keep it, and move it away or name another journal: "
        f"customers who were sent to before are then found by their number, and not sent to again"
    )
