"""What would change, as values: the plan holds all that apply needs, and nothing for show."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from functools import cached_property

from msgspec import Struct, field
from msgspec.structs import replace

from reconciler.engine.body import lenient
from reconciler.engine.classify import AccountProfile, Drift, FieldClass, FieldView
from reconciler.engine.kind import Declared, Effect, Globs, Live, digest_of
from reconciler.errors import Exit

CHECKSUM = "checksum"  # the member of a document that says what all of its other members are


def checksum_of(document: Mapping[str, object]) -> str:
    """Return the checksum over all of a document but its checksum, whatever the order of its members.

    It finds what was cut, mixed or edited by hand, and is no signature: what binds is that apply plans again
    and carries out only what has a digest in the file.
    """
    return digest_of({name: value for name, value in document.items() if name != CHECKSUM})


SHARE_COUNTS_FROM = 10  # below so many live resources a share of them says nothing and is not applied


class Share(Struct, frozen=True):
    """A part of all live resources, in percent."""

    percent: int

    def of(self, live: int) -> int | None:
        """Return how many that is among `live`, rounded down; `None` where a share does not apply."""
        return live * self.percent // 100 if live >= SHARE_COUNTS_FROM else None

    def __str__(self) -> str:
        return f"{self.percent}%"


class Limits(Struct, frozen=True):
    """The guardrails of a target: fields reset by policy alone, deletions, updates. `None` is no limit."""

    resets: int | None = 0
    deletes: int | None = 0
    updates: int | Share | None = Share(30)
    refused_effects: frozenset[str] = frozenset()  # names of effects that need consent


class BlockCode(StrEnum):
    """Every reason why a plan leaves a resource alone, in the order in which `engine.plan` looks for them."""

    ID_NOT_FOUND = "id-not-found"  # its declared id is not live
    UNRESOLVED = "unresolved"  # it has neither an id nor a name
    AMBIGUOUS_NAME = "ambiguous-name"  # several live ones have its name
    CLAIMED = "claimed"  # another key declares the same live one
    KNOWN_ID = "known-id"  # the journal knows an id of it, but its name is gone
    LOOKALIKE = "lookalike-name"  # nothing live has its name, and something has one that looks the same
    IN_DOUBT = "create-in-doubt"  # an earlier run may have created it, and it cannot be seen
    UNKNOWN_REFERENCE = "unknown-reference"  # nothing there has the declared name
    AMBIGUOUS_REFERENCE = "ambiguous-reference"  # several have the declared name
    UNDECLARED = "undeclared"  # the policy refuses the reset of a field
    VISIBILITY_UNKNOWN = "visibility-unknown"  # the PUT might hide it
    CREATED_HIDDEN = "created-hidden"  # it would be hidden from the start
    WOULD_HIDE = "would-hide"  # no flag allows to hide it
    UNCONSENTED_RESETS = "unconsented-resets"  # policy alone would reset more fields than is allowed
    REFUSED_EFFECT = "refused-effect"  # it would do to people what the target refuses without consent
    TOO_MANY_UPDATES = "too-many-updates"
    TOO_MANY_DELETES = "too-many-deletes"
    UNREVIEWED = "unreviewed"  # it is not what was reviewed, as it is now


class Action(StrEnum):
    """What a change does to a resource."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"


class Scope(Struct, frozen=True):
    """Where a plan is true: the target, its account, the limits, and what of the files it is about.

    That is what is in all of the `parts`; everything, without any. `restores` is the run that it takes back,
    `None` for a plan of what the files declare. `at` is when it is made, in the workspace's time zone.
    """

    target: str
    account: str
    limits: Limits = field(default_factory=Limits)
    parts: tuple[Globs, ...] = ()
    restores: int | None = None
    at: datetime | None = None


class Block(Struct, frozen=True):
    """Why a change must not be carried out. `code` for machines; `message` says what to do about it."""

    code: str
    message: str
    paths: tuple[str, ...] = ()

    @property
    def exit(self) -> Exit:
        """What a run says that leaves something out for this reason."""
        exits: Mapping[str, Exit] = {BlockCode.UNREVIEWED: Exit.STALE, BlockCode.IN_DOUBT: Exit.IN_DOUBT}
        return exits.get(self.code, Exit.REFUSED)


class Change(Struct, frozen=True, dict=True):
    """One thing that apply would do. Its digest binds a review to exactly this.

    `declared` is `None` for what is pruned, `live` (what the plan saw) for a create. What is `adopted` was
    found by its name: nothing declares its id yet.
    """

    scope: Scope
    key: str
    action: Action
    fields: tuple[FieldView, ...]
    declared: Declared | None = None
    live: Live | None = None
    adopted: bool = False
    effects: tuple[Effect, ...] = ()  # what it does to people; in no digest, for the fields say it all

    @property
    def id(self) -> int | None:
        """The id of the live resource, `None` for a create."""
        return self.live.id if self.live else None

    @property
    def differing(self) -> tuple[FieldView, ...]:
        """The fields that the change does something to."""
        return tuple(view for view in self.fields if view.differs)

    @property
    def resets(self) -> tuple[FieldView, ...]:
        """The undeclared fields that would go back to the server's default."""
        return tuple(view for view in self.differing if view.cls is FieldClass.RESET)

    @property
    def urgent(self) -> tuple[Effect, ...]:
        """What no reviewer may miss of its effects: what comes sooner, and what consent is asked for."""
        refused = self.scope.limits.refused_effects
        return tuple(one for one in self.effects if one.is_sooner or one.name in refused)

    @property
    def is_changed_live(self) -> bool:
        """Whether any of its differences was brought about on the account since the last write."""
        return any(view.drift in (Drift.LIVE, Drift.BOTH) for view in self.fields)

    @cached_property
    def digest(self) -> str:
        """A fingerprint of what is done and what it overwrites; not of what is kept, carried or unchanged.

        Resets count by the value that they overwrite, not by what is expected after them. What is left out
        and at its default counts too: a proof between review and apply is no other change, a disproof is one.
        """
        return self._digest_over([view for view in self.fields if view.differs or view.is_at_default])

    @cached_property
    def lenient_digest(self) -> str:
        """The digest of the same change before the account showed an explicit false or 0: these were nothing.

        It is `digest` where nothing else is done.
        """
        bound = [view for view in self.fields if view.differs or view.is_at_default]
        views = [replace(view, before=lenient(view.before), after=lenient(view.after)) for view in bound]
        done = [view for view in views if view.before != view.after or view.is_at_default]
        return self._digest_over(done if any(view.before != view.after for view in done) else bound)

    def _digest_over(self, views: Sequence[FieldView]) -> str:
        fields = []
        for view in views:
            end = None if view.cls is FieldClass.RESET else view.after
            start = None if view.unknown else view.before  # the server may write another one at any time
            fields.append([view.path, view.cls, start, "default" if view.is_at_default else end])
        return digest_of([self.scope.target, self.scope.account, self.key, self.action, self.id, fields])


class Blocked(Struct, frozen=True):
    """A resource that apply would leave alone, with every reason, and the change it would be, if known."""

    key: str
    blocks: tuple[Block, ...]
    change: Change | None = None
    absent: bool = False

    @property
    def is_in_doubt(self) -> bool:
        """Whether an earlier run may have created it, and nothing shows whether it did."""
        return any(block.code == BlockCode.IN_DOUBT for block in self.blocks)

    @property
    def is_only_a_delete(self) -> bool:
        """Whether nothing but a delete is left undone."""
        return self.change.action is Action.DELETE if self.change else self.absent

    @property
    def why(self) -> str:
        """What keeps it back, in a word or two: nothing but a missing review, a doubt, or a rule."""
        if all(block.code == BlockCode.UNREVIEWED for block in self.blocks):
            return "unreviewed"
        return "in doubt" if self.is_in_doubt else "blocked"

    @property
    def exit(self) -> Exit:
        """What a run says that leaves it alone."""
        return Exit.gravest(block.exit for block in self.blocks)


class Unchanged(Struct, frozen=True):
    """A declared resource that is as it should be. `id` is `None` where there is nothing, as wanted."""

    key: str
    id: int | None = None
    adopted: bool = False
    hidden: bool = False
    fields: tuple[FieldView, ...] = ()

    @property
    def remarkable(self) -> tuple[FieldView, ...]:
        """The fields that a person should know of although nothing is done about them."""
        return tuple(view for view in self.fields if view.accepted or view.drift)


class Plan(Struct, frozen=True):
    """Everything that a run would do on one target, and everything that it would not, and why."""

    scope: Scope
    account: AccountProfile
    changes: tuple[Change, ...] = ()
    blocked: tuple[Blocked, ...] = ()
    unchanged: tuple[Unchanged, ...] = ()
    unmanaged: tuple[Live, ...] = ()
    recreate: frozenset[str] = frozenset()  # keys that may be created beside what looks like them
    may_reset: int | None = None  # how many fields policy alone may reset, by limit or consent; `None` is any
    remarks: tuple[str, ...] = ()  # what a person should know of it as a whole

    @property
    def digests(self) -> tuple[str, ...]:
        """The digest of every change that apply would carry out."""
        return tuple(change.digest for change in self.changes)

    @property
    def every_change(self) -> tuple[Change, ...]:
        """The changes that apply would carry out, and those that are blocked, as far as they are known."""
        return (*self.changes, *(one.change for one in self.blocked if one.change))

    def count(self, action: Action) -> int:
        """Return how many changes of that action apply would carry out."""
        return sum(change.action is action for change in self.changes)

    @property
    def resets(self) -> int:
        """How many fields the updates that apply would carry out put back to their default."""
        return sum(len(change.resets) for change in self.changes)

    @property
    def resets_by_policy(self) -> int:
        """How many of these no `reset:` names."""
        return sum(not view.consented for change in self.changes for view in change.resets)


def fingerprint_of(digests: Iterable[str]) -> str:
    """Return one value for all that apply would do, whatever its order: changes and seeds."""
    return digest_of(sorted(digests))
