"""The ledger of deliveries: which customer of which seed was sent, refused, found, or is in doubt.

It holds no address and no value: a customer stands in it under a hash that is keyed for each journal.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from enum import StrEnum
from typing import Protocol

from msgspec import Struct, field

from reconciler.journal.forms import Count, Hash, ServerTime, Text, Time


class DeliveryState(StrEnum):
    """What is known of a delivery."""

    INTENDED = "intended"
    """Written down before the first byte left; without a later standing it is in doubt."""
    SENT = "sent"
    REFUSED = "refused"
    """Answered with a refusal, and no customer was counted right after it; late ones may still appear."""
    NOT_SENT = "not sent"
    FOUND = "found"
    """Not sent: the address had more customers than this journal explains."""
    IN_DOUBT = "in doubt"

    @property
    def is_open(self) -> bool:
        """Whether the request may be under way, or may have been carried out without anybody knowing."""
        return self in (DeliveryState.INTENDED, DeliveryState.IN_DOUBT)

    @property
    def is_unsent(self) -> bool:
        """Whether this delivery mailed nothing, as far as was counted, so that it may be tried again."""
        return self in (DeliveryState.REFUSED, DeliveryState.NOT_SENT)


class Delivery(Struct, frozen=True, forbid_unknown_fields=True):
    """One customer in one batch. `baseline` is how many customers its address had right before."""

    customer: Hash
    """The keyed hash of the mailbox and its number among equal mailboxes of the seed."""
    mailbox: Hash
    """The keyed hash of the mailbox alone."""
    digest: Hash
    """The keyed hash of the declared content, the batch's members included."""
    standing: DeliveryState
    baseline: Count
    batch: Count
    """The number of the batch in the journal; 0 before it is written."""
    at: Time
    """When it was written down, in seconds since 1970 UTC."""
    round: Text
    note: Text = ""
    contents: Mapping[Text, Hash] = field(default_factory=dict)
    """The keyed hash of each declared value, by its path: what tells later which of them changed."""
    since: Time = 0.0
    """When its standing was written down, in the same seconds as `at`; 0 before it is."""
    server_at: ServerTime | None = None
    """What the server's own clock said right before it was written down; None where that is not known."""
    server_since: ServerTime | None = None
    """What that clock said when its request was over; None where that is not known."""
    ids: tuple[Hash, ...] | None = None
    """The keyed hash of the id of each customer of `baseline`; None where the server did not give them."""
    seed: Text = ""
    """The key of its seed; empty before it is written."""


class BatchIntent(Struct, frozen=True):
    """One request to be sent: what is written down before its first byte leaves."""

    account: str
    seed: str
    round: str
    deliveries: Sequence[Delivery]
    resolved: Mapping[str, str]
    """The moments of the batch as they were resolved: member → ISO 8601 with offset."""
    run: int | None = None
    """The number of the run that sends it, and holds its account; `None` for none."""
    server_at: float | None = None
    """What the server's own clock says now, in seconds since 1970 UTC; None where it does not say."""


class Records(Protocol):
    """What planning asks of a journal: it only reads.

    Any number of processes and threads may use one journal at once. Every method raises `Refused` where the
    journal cannot be read.
    """

    def hash(self, text: str) -> str:
        """Return the keyed hash under which personal text stands in this journal; 32 hexadecimal digits.

        The same text has the same hash for as long as the journal lives, and another one in another journal.
        """

    def deliveries(self, account: str, seed: str) -> Sequence[Delivery]:
        """Return the delivery that counts for every customer in every round of a seed, oldest first.

        It is the latest one, but one that provably mailed nothing never hides an older one that may have.
        """

    def past(self, account: str, seed: str | None = None) -> Sequence[Delivery]:
        """Return every delivery in every round, also those that no longer count; oldest first.

        They are those of a seed, or of all seeds that were ever sent to the account where none is named.
        """


class Ledger(Records, Protocol):
    """What sending asks of a journal. Every write is safe on disk when it returns, or was not made at all.

    Every method raises `Refused` where the journal cannot be written: then nothing may be sent. One whose
    connection broke off at the last moment may have been written all the same.
    """

    def intend(self, shipment: BatchIntent, *, again: Collection[int] = ()) -> int:
        """Write down that a request is about to be sent; return the number of its batch.

        Of its deliveries, only what was known before counts: `customer`, `mailbox`, `digest`, `baseline`,
        `contents`, `ids`.

        `again` holds the numbers of the settled batches whose customers are sent to once more on purpose, as
        the caller has read them. So of two runs that want to repeat the same batch, only one can.

        Raises `Refused`, and writes nothing, if the delivery that counts for any of the customers in this
        round is open (always) or is sent or found (unless its batch is in `again`), or if the run no longer
        holds its account.
        """

    def conclude(
        self, batch: int, standing: DeliveryState, note: str = "", server_since: float | None = None
    ) -> None:
        """Write down how a batch ended, for all of its deliveries. A later conclusion counts more.

        `note` is kept as it is, so it must hold nothing personal. `server_since` is what the server's clock
        says now, as far as that is known. Raises `LookupError` for an unknown batch.
        """

    def conclude_delivery(self, batch: int, customer: str, standing: DeliveryState, note: str = "") -> None:
        """Write down how one delivery of a batch ended. A later conclusion counts more.

        `note` is kept as it is, so it must hold nothing personal. Raises `LookupError` for an unknown one.
        """

    def record_found(self, account: str, seed: str, round: str, deliveries: Sequence[Delivery]) -> None:
        """Write down customers that were not sent because their address had customers already.

        One that is open, sent or found in this round already stays as it is, so repeating this changes
        nothing. Of a delivery, `customer`, `mailbox`, `digest` and `baseline` are kept.
        """
