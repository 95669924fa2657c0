"""The journal in an SQL database. It knows no database in particular: that is the engine's part."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Self

from sqlalchemy import ColumnElement, Connection, Engine, Row, exists, func, insert, select

from reconciler.clock import Clock
from reconciler.journal.failures import damaged, translated
from reconciler.journal.ledger import Delivery, Shipment, Standing
from reconciler.journal.repeats import counting, held, refuse_repeats
from reconciler.journal.schema import batches, deliveries, meta, standings

READS_ONLY = "reads_only"
"""The execution option of a transaction that writes nothing. One without it may write."""


class SqlJournal:
    """A journal whose tables are there, in the version that this program knows.

    Every transaction of `engine` that may write has to be durable when it has been committed. `name` is what
    errors call it. Raises `Refused` if it cannot be read.
    """

    def __init__(self, engine: Engine, clock: Clock, name: str, *, is_new: bool) -> None:
        self._engine = engine
        self._clock = clock
        self._name = name
        self._is_new = is_new
        self._key = self._hash_key()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of every connection. Nothing is lost without it; closing twice is allowed."""
        self._engine.dispose()

    @property
    def is_new(self) -> bool:
        """Whether it was this opening that made the journal, so that it knows nothing of the past."""
        return self._is_new

    def hash(self, text: str) -> str:
        """Return the keyed hash under which personal text stands in this journal."""
        return hashlib.blake2b(text.encode(), digest_size=16, key=self._key).hexdigest()

    def knows_mailbox(self, account: str, mailbox: str) -> bool:
        """Tell whether any delivery to a (hashed) mailbox on the account was ever written down."""
        known = exists().where(deliveries.c.account == account, deliveries.c.mailbox == mailbox)
        with self._reading() as connection:
            return bool(connection.scalar(select(known)))

    def deliveries(self, account: str, seed: str) -> Sequence[Delivery]:
        """Return the delivery that counts for every customer in every round of a seed, oldest first."""
        with self._reading() as connection:
            return counting(_past(connection, account, seed))

    def intend(self, shipment: Shipment, *, again: Collection[int] = ()) -> int:
        """Write down that a request is about to be sent; return the number of its batch."""
        with self._writing() as connection:
            past = _past(connection, shipment.account, shipment.seed, shipment.round)
            refuse_repeats(shipment, past, again)
            return self._write(connection, shipment, Standing.INTENDED, past)

    def conclude(self, batch: int, standing: Standing, note: str = "") -> None:
        """Write down how a batch ended, for all of its deliveries."""
        self._conclude(deliveries.c.batch == batch, standing, note)

    def conclude_delivery(self, batch: int, customer: str, standing: Standing, note: str = "") -> None:
        """Write down how one delivery of a batch ended."""
        one = (deliveries.c.batch == batch) & (deliveries.c.customer == customer)
        self._conclude(one, standing, note)

    def record_found(self, account: str, seed: str, round: str, deliveries: Sequence[Delivery]) -> None:
        """Write down customers that were not sent because their address had customers already."""
        with self._writing() as connection:
            past = _past(connection, account, seed, round)
            holding = held(past)
            found = [d for d in deliveries if d.customer not in holding]
            if found:
                self._write(connection, Shipment(account, seed, round, found, {}), Standing.FOUND, past)

    def _write(
        self, connection: Connection, shipment: Shipment, standing: Standing, past: Sequence[Delivery]
    ) -> int:
        """Add a batch with its deliveries, all of them with one standing; return its number."""
        at = self._clock.now()
        number = _add_batch(connection, shipment, at)
        connection.execute(insert(deliveries), _rows(shipment, number, past))
        _add_standings(connection, deliveries.c.batch == number, standing, "", at)
        return number

    def _conclude(self, which: ColumnElement[bool], standing: Standing, note: str) -> None:
        with self._writing() as connection:
            _add_standings(connection, which, standing, note, self._clock.now())

    def _hash_key(self) -> bytes:
        with self._reading() as connection:
            key = connection.scalar(select(meta.c.value).where(meta.c.name == "hash_key"))
        if key is None:
            raise damaged(self._name)
        return bytes.fromhex(key)

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with translated(self._name), reading(self._engine).begin() as connection:
            yield connection

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        with translated(self._name), self._engine.begin() as connection:
            yield connection


def reading(engine: Engine) -> Engine:
    """Return the engine whose transactions write nothing."""
    return engine.execution_options(**{READS_ONLY: True})


def _past(connection: Connection, account: str, seed: str, round: str | None = None) -> Sequence[Delivery]:
    """Return every delivery of a seed, of one round or of all, with its latest standing; oldest first."""
    latest = (
        select(func.max(standings.c.number))
        .where(standings.c.delivery == deliveries.c.number)
        .scalar_subquery()
        .correlate(deliveries)
    )
    query = (
        select(deliveries, batches.c.at, standings.c.standing, standings.c.note)
        .join(batches, batches.c.number == deliveries.c.batch)
        .join(standings, standings.c.delivery == deliveries.c.number)
        .where(deliveries.c.account == account, deliveries.c.seed == seed, standings.c.number == latest)
        .order_by(deliveries.c.number)
    )
    if round is not None:
        query = query.where(deliveries.c.round == round)
    return [_delivery(row) for row in connection.execute(query)]


def _delivery(row: Row[Any]) -> Delivery:
    return Delivery(
        customer=row.customer,
        mailbox=row.mailbox,
        digest=row.digest,
        standing=Standing(row.standing),
        baseline=row.baseline,
        batch=row.batch,
        at=row.at,
        round=row.round,
        note=row.note,
    )


def _add_batch(connection: Connection, shipment: Shipment, at: float) -> int:
    added = connection.execute(
        insert(batches).values(
            account=shipment.account,
            seed=shipment.seed,
            round=shipment.round,
            resolved=dict(shipment.resolved),
            at=at,
        )
    )
    key: Any = added.inserted_primary_key
    return int(key[0])


def _rows(shipment: Shipment, batch: int, past: Sequence[Delivery]) -> list[dict[str, object]]:
    """Return the rows of a batch's deliveries. `past` is every delivery of the same seed and round."""
    attempts = Counter(d.customer for d in past)
    return [
        {
            "batch": batch,
            "account": shipment.account,
            "seed": shipment.seed,
            "round": shipment.round,
            "customer": delivery.customer,
            "attempt": attempts[delivery.customer] + 1,
            "mailbox": delivery.mailbox,
            "digest": delivery.digest,
            "baseline": delivery.baseline,
        }
        for delivery in shipment.deliveries
    ]


def _add_standings(
    connection: Connection, which: ColumnElement[bool], standing: Standing, note: str, at: float
) -> None:
    """Add one standing to each of the deliveries that fit; raises `LookupError` if none does."""
    found = connection.execute(select(deliveries.c.number, deliveries.c.account).where(which)).all()
    if not found:
        raise LookupError("the journal knows no such batch or delivery")
    rows = [
        {"delivery": number, "account": account, "standing": standing.value, "note": note, "at": at}
        for number, account in found
    ]
    connection.execute(insert(standings), rows)
