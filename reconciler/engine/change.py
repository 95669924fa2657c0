"""What would change, as values: the plan holds all that apply needs, and nothing for show."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from functools import cached_property

from msgspec import Struct, field
from msgspec.structs import replace

from reconciler.engine.body import lenient
from reconciler.engine.classify import Account, FieldClass, FieldView
from reconciler.engine.kind import Declared, Globs, Live, digest_of
from reconciler.errors import Exit

CHECKSUM = "checksum"
"""The member of a document that says what all of its other members are."""


def checksum_of(document: Mapping[str, object]) -> str:
    """Return the checksum over all of a document but its checksum, whatever the order of its members.

    It finds what was cut, mixed or edited by hand. It is no signature: a file that is
    written anew can be made to fit again. What binds is that apply plans again, and carries out only what has
    a digest in the file.
    """
    return digest_of({name: value for name, value in document.items() if name != CHECKSUM})


SHARE_COUNTS_FROM = 10
"""Below so many live resources a share of them says nothing and is not applied."""


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


UNREVIEWED = "unreviewed"
"""The code of what was not reviewed as it is now."""
IN_DOUBT = "create-in-doubt"
"""The code of what an earlier run may have created and that cannot be seen."""


class Action(StrEnum):
    """What a change does to a resource."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"


class Scope(Struct, frozen=True):
    """Where a plan is true: the target, the account behind it, and the guardrails in force."""

    target: str
    account: str
    limits: Limits = field(default_factory=Limits)
    parts: tuple[Globs, ...] = ()
    """What of the files it is about: what is in all of them; everything, without any."""


class Block(Struct, frozen=True):
    """Why a change must not be carried out. `code` for machines; `message` says what to do about it."""

    code: str
    message: str
    paths: tuple[str, ...] = ()

    @property
    def exit(self) -> Exit:
        """What a run says that leaves something out for this reason."""
        return {UNREVIEWED: Exit.STALE, IN_DOUBT: Exit.IN_DOUBT}.get(self.code, Exit.REFUSED)


class Change(Struct, frozen=True, dict=True):
    """One thing that apply would do. Its digest binds a review to exactly this."""

    scope: Scope
    key: str
    action: Action
    fields: tuple[FieldView, ...]
    declared: Declared | None = None
    """`None` for a resource that nothing declares and that is pruned."""
    live: Live | None = None
    """What the plan saw; `None` for a create."""
    adopted: bool = False
    """Found by its name: nothing declares its id yet."""

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
    def unconsented(self) -> tuple[FieldView, ...]:
        """The resets that no review of the files named."""
        return tuple(view for view in self.resets if not view.consented)

    @cached_property
    def digest(self) -> str:
        """A fingerprint of what is done and what it overwrites; not of what is kept, carried or unchanged.

        Resets count by the value that they overwrite, not by what is expected after them. What is left out
        and stays at its default counts too, so that a proof that comes between review and apply is no other
        change, and a disproof is one.
        """
        return self._digest_over(self._bound)

    @property
    def _bound(self) -> tuple[FieldView, ...]:
        return tuple(view for view in self.fields if view.differs or view.is_at_default)

    @cached_property
    def lenient_digest(self) -> str:
        """The digest that it had while the account had shown no explicit false or 0, and they were nothing.

        It is `digest` where nothing else is done. The body that is sent is the same one.
        """
        views = [replace(v, before=lenient(v.before), after=lenient(v.after)) for v in self._bound]
        is_anything = any(view.before != view.after for view in views)
        done = [view for view in views if view.before != view.after or view.is_at_default]
        return self._digest_over(done if is_anything else self._bound)

    def _digest_over(self, views: Sequence[FieldView]) -> str:
        fields = []
        for view in views:
            end = None if view.cls is FieldClass.RESET else view.after
            fields.append([view.path, view.cls, view.before, "default" if view.is_at_default else end])
        return digest_of([self.scope.target, self.scope.account, self.key, self.action, self.id, fields])


class Blocked(Struct, frozen=True):
    """A resource that apply would leave alone, with every reason, and the change it would be, if known."""

    key: str
    blocks: tuple[Block, ...]
    change: Change | None = None
    absent: bool = False
    """Declared absent, so that nothing but a delete is left undone."""

    @property
    def is_in_doubt(self) -> bool:
        """Whether an earlier run may have created it, and nothing shows whether it did."""
        return any(block.code == IN_DOUBT for block in self.blocks)

    @property
    def is_only_a_delete(self) -> bool:
        """Whether nothing but a delete is left undone."""
        return self.change.action is Action.DELETE if self.change else self.absent

    @property
    def why(self) -> str:
        """What keeps it back, in a word or two: nothing but a missing review, a doubt, or a rule."""
        if all(block.code == UNREVIEWED for block in self.blocks):
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
    views: tuple[FieldView, ...] = ()

    @property
    def remarkable(self) -> tuple[FieldView, ...]:
        """The fields that a person should know of although nothing is done about them."""
        return tuple(view for view in self.views if view.accepted or view.drift)


class Plan(Struct, frozen=True):
    """Everything that a run would do on one target, and everything that it would not, and why."""

    scope: Scope
    account: Account
    changes: tuple[Change, ...] = ()
    blocked: tuple[Blocked, ...] = ()
    unchanged: tuple[Unchanged, ...] = ()
    unmanaged: tuple[Live, ...] = ()

    @property
    def digests(self) -> tuple[str, ...]:
        """The digest of every change that apply would carry out."""
        return tuple(change.digest for change in self.changes)

    def count(self, action: Action) -> int:
        """Return how many changes of that action apply would carry out."""
        return sum(change.action is action for change in self.changes)

    @property
    def resets(self) -> int:
        """How many fields the updates that apply would carry out put back to their default."""
        return sum(len(change.resets) for change in self.changes)


def fingerprint_of(digests: Iterable[str]) -> str:
    """Return one value for all that apply would do, whatever its order: changes and seeds."""
    return digest_of(sorted(digests))
