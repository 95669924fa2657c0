"""One request of a seed: its members with every moment resolved, its customers with columns as ids."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import ClassVar
from zoneinfo import ZoneInfo

from msgspec import Struct

from reconciler.engine.kind import Json
from reconciler.expoints.columns import Columns, data_body
from reconciler.expoints.moments import resolve, spoken
from reconciler.expoints.seed import Moment, MomentKind, Seed, Value
from reconciler.expoints.standing import RecipientState
from reconciler.redacted import Redacted


class Batch(Redacted, frozen=True):
    """One request: its customers, its other members, and what its moments became (member → ISO 8601)."""

    shown: ClassVar = ("standees", "resolved")

    standees: tuple[RecipientState, ...]
    members: Mapping[str, Json]
    customers: tuple[Mapping[str, Json], ...]
    resolved: Mapping[str, str]

    @property
    def body(self) -> dict[str, Json]:
        """The whole body of the request (vendor page POST-api-v3-customer-add)."""
        return {**self.members, "Customers": [dict(customer) for customer in self.customers]}


class Composer(Struct, frozen=True):
    """Composes requests in which every relative moment counts from the start of the run."""

    now: datetime
    zone: ZoneInfo

    def compose(self, seed: Seed, standees: Sequence[RecipientState], columns: Columns) -> Batch:
        """Return the request for these customers of a seed, in their order."""
        moments = {name: value for name, value in seed.batch.items() if isinstance(value, Moment)}
        return Batch(
            standees=tuple(standees),
            members=self._plain(seed.batch),
            customers=tuple(self._customer(standee, columns) for standee in standees),
            resolved={name: self._iso(moment) for name, moment in moments.items()},
        )

    def spoken(self, value: Value) -> str:
        """Return a date as people read it, in local time and UTC; empty for none."""
        if not isinstance(value, Moment):
            return ""
        return str(spoken(resolve(value, self.now, self.zone).at, self.zone))

    def spoken_time(self, value: Value) -> str:
        """Return a time of day as people read it, in local time and UTC; empty for none."""
        if not isinstance(value, Moment):
            return ""
        at = resolve(value, self.now, self.zone).at
        return f"{at:%H:%M} {self.zone.key} ({at.astimezone(UTC):%H:%M} UTC)"

    def times_of(self, seed: Seed) -> Iterator[str]:
        """Yield what the moments of a seed mean now, each once, in local time and UTC."""
        everywhere = [*seed.batch.items(), *(item for c in seed.customers for item in c.members.items())]
        moments = dict.fromkeys((name, value) for name, value in everywhere if isinstance(value, Moment))
        for name, moment in moments:
            is_time = moment.kind is MomentKind.TIME_OF_DAY
            meant = self.spoken_time(moment) if is_time else self.spoken(moment)
            note = resolve(moment, self.now, self.zone).note
            yield f"{name} {moment}: {meant}{'; ' + note if note else ''}"

    def _customer(self, standee: RecipientState, columns: Columns) -> dict[str, Json]:
        customer = standee.addressee.customer
        return {
            "Email": customer.email,
            **self._plain(customer.members),
            "Data": data_body(customer, columns),
        }

    def _plain(self, members: Mapping[str, Value]) -> dict[str, Json]:
        return {
            name: self._iso(value) if isinstance(value, Moment) else value for name, value in members.items()
        }

    def _iso(self, moment: Moment) -> str:
        return resolve(moment, self.now, self.zone).at.isoformat()
