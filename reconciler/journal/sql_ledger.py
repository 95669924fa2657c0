"""The ledger of deliveries in an SQL database."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, func, insert, select

from reconciler.journal.database import Database
from reconciler.journal.forms import Unsound, checked
from reconciler.journal.ledger import BatchIntent, Delivery, DeliveryState
from reconciler.journal.repeats import counting, held, refuse_repeats
from reconciler.journal.schema import batches, deliveries, standings
from reconciler.journal.sql_runs import check_holds


class SqlLedger:
    """Keeps `reconciler.journal.ledger.Ledger`, but for its hashes."""

    _database: Database

    def deliveries(self, account: str, seed: str) -> Sequence[Delivery]:
        """Return the delivery that counts for every customer in every round of a seed, oldest first."""
        return counting(self.past(account, seed))

    def past(self, account: str, seed: str | None = None) -> Sequence[Delivery]:
        """Return every delivery of a seed, or of all, in every round, oldest first."""
        with self._database.reading() as connection:
            return _past(connection, account, seed)

    def intend(self, shipment: BatchIntent, *, again: Collection[int] = ()) -> int:
        """Write down that a request is about to be sent; return the number of its batch."""
        for delivery in shipment.deliveries:
            self._database.check_fits(delivery)
        with self._database.writing() as connection:
            if shipment.run is not None:
                check_holds(connection, shipment.run, shipment.account)
            past = _past(connection, shipment.account, shipment.seed, shipment.round)
            refuse_repeats(shipment, past, again)
            return self._write(connection, shipment, DeliveryState.INTENDED, past)

    def conclude(
        self, batch: int, standing: DeliveryState, note: str = "", server_since: float | None = None
    ) -> None:
        """Write down how a batch ended, for all of its deliveries."""
        self._conclude(deliveries.c.batch == batch, standing, note, server_since)

    def conclude_delivery(self, batch: int, customer: str, standing: DeliveryState, note: str = "") -> None:
        """Write down how one delivery of a batch ended."""
        one = (deliveries.c.batch == batch) & (deliveries.c.customer == customer)
        self._conclude(one, standing, note)

    def record_found(self, account: str, seed: str, round: str, deliveries: Sequence[Delivery]) -> None:
        """Write down customers that were not sent because their address had customers already."""
        with self._database.writing() as connection:
            past = _past(connection, account, seed, round)
            holding = held(past)
            found = [d for d in deliveries if d.customer not in holding]
            if found:
                self._write(
                    connection, BatchIntent(account, seed, round, found, {}), DeliveryState.FOUND, past
                )

    def _write(
        self, connection: Connection, shipment: BatchIntent, standing: DeliveryState, past: Sequence[Delivery]
    ) -> int:
        """Add a batch with its deliveries, all of them with one standing; return its number."""
        at = self._database.clock.now()
        number = _add_batch(connection, shipment, at)
        connection.execute(insert(deliveries), _rows(shipment, number, past))
        told = {"standing": standing.value, "note": "", "at": at, "server_at": None}
        _add_standings(connection, deliveries.c.batch == number, told)
        return number

    def _conclude(
        self,
        which: ColumnElement[bool],
        standing: DeliveryState,
        note: str,
        server_since: float | None = None,
    ) -> None:
        told = {"standing": standing.value, "note": note, "server_at": server_since}
        with self._database.writing() as connection:
            _add_standings(connection, which, {**told, "at": self._database.clock.now()})


def _past(
    connection: Connection, account: str, seed: str | None, round: str | None = None
) -> Sequence[Delivery]:
    """Return every delivery of one seed or of all, of one round or of all, with its latest standing."""
    latest = (
        select(func.max(standings.c.number))
        .where(standings.c.delivery == deliveries.c.number)
        .scalar_subquery()
        .correlate(deliveries)
    )
    query = (
        select(
            deliveries,
            batches.c.account.label("batch_account"),
            batches.c.seed.label("batch_seed"),
            batches.c.round.label("batch_round"),
            batches.c.at,
            batches.c.server_at,
            standings.c.standing,
            standings.c.note,
            standings.c.at.label("since"),
            standings.c.server_at.label("server_since"),
        )
        # One without its batch or without a standing is damaged, and must not be left out: it was sent.
        .join(batches, batches.c.number == deliveries.c.batch, isouter=True)
        .join(standings, standings.c.number == latest, isouter=True)
        .where(deliveries.c.account == account)
        .order_by(deliveries.c.number)
    )
    if seed is not None:
        query = query.where(deliveries.c.seed == seed)
    if round is not None:
        query = query.where(deliveries.c.round == round)
    return tuple(_delivery(row) for row in connection.execute(query))


def _delivery(row: Row[Any]) -> Delivery:
    names = (
        "customer",
        "mailbox",
        "digest",
        "standing",
        "baseline",
        "batch",
        "at",
        "round",
        "note",
        "seed",
        "ids",
    )
    times = ("since", "server_at", "server_since")
    told = {name: getattr(row, name) for name in (*names, *times)}
    what = f"delivery {row.number}"
    if (row.account, row.seed, row.round) != (row.batch_account, row.batch_seed, row.batch_round):
        raise Unsound(f"{what} is damaged: it is not like its batch")
    return checked(Delivery, {**told, "contents": {} if row.contents is None else row.contents}, what)


def _add_batch(connection: Connection, shipment: BatchIntent, at: float) -> int:
    added = connection.execute(
        insert(batches).values(
            account=shipment.account,
            seed=shipment.seed,
            round=shipment.round,
            resolved=dict(shipment.resolved),
            at=at,
            run=shipment.run,
            server_at=shipment.server_at,
        )
    )
    key: Any = added.inserted_primary_key
    return int(key[0])


def _rows(shipment: BatchIntent, batch: int, past: Sequence[Delivery]) -> list[dict[str, object]]:
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
            "contents": dict(delivery.contents) or None,
            "ids": None if delivery.ids is None else list(delivery.ids),
        }
        for delivery in shipment.deliveries
    ]


def _add_standings(connection: Connection, which: ColumnElement[bool], told: Mapping[str, object]) -> None:
    """Add one standing to each of the deliveries that fit; raises `LookupError` if none does."""
    found = connection.execute(select(deliveries.c.number, deliveries.c.account).where(which)).all()
    if not found:
        raise LookupError("the journal knows no such batch or delivery")
    rows = [{"delivery": number, "account": account, **told} for number, account in found]
    connection.execute(insert(standings), rows)
