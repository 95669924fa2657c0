"""What is live on a target beside what is declared, and what things are called there: for `adopt`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import Struct, field

from reconciler.checkmarket.model import SECTION
from reconciler.commands.console import Console
from reconciler.commands.memory import Memory
from reconciler.commands.plan import LiveState, read_live
from reconciler.commands.session import Session
from reconciler.config.adopting import Exporter, Name, is_one_line
from reconciler.config.sections import Named
from reconciler.engine.change import Change, Plan
from reconciler.engine.declared import Declared
from reconciler.engine.identity import Inventory, Listing
from reconciler.engine.kind import Namer
from reconciler.engine.plan import Consent
from reconciler.errors import BadAnswer, Declined, Forbidden, NotFound

_NO_NAMES = (Forbidden, NotFound, Declined, BadAnswer)
"""What a list of names can fail with while everything else works: its role, or a path that is inferred."""


class Scene(Struct, frozen=True):
    """Everything live on the target of a session, read once."""

    session: Session
    state: LiveState

    @classmethod
    def of(
        cls,
        session: Session,
        declared: Sequence[Declared],
        memory: Memory,
        listing: Listing,
        console: Console,
    ) -> Scene:
        """Read what is live, whole bodies as far as `declared` and `listing` ask for them."""
        return cls(session, read_live(session, declared, memory, listing, console))

    @property
    def inventory(self) -> Inventory:
        """What is live."""
        return self.state.inventory

    def plan(self, declared: Sequence[Declared]) -> Plan:
        """Return the plan for what is, or would be, declared; consented to, so that it shows everything."""
        return self.state.plan_of(declared, self.session.target.defaults, Consent(resets=None))

    def teller(self, console: Console) -> Exporter:
        """Return what says in the words of the files what is live."""
        names = _Names(self.session, self.session.client, console)
        return Exporter(SECTION, self.state.account, names.name_of, names.id_of)


class _Names(Struct):
    """Names of ids on one target, from its tables or through the API."""

    session: Session
    namer: Namer
    console: Console
    _silent: set[str] = field(default_factory=set)

    def name_of(self, named: Named, id: int) -> Name:
        """Return the name of an id, if no other has it."""
        if named.mapped:
            names = [name for name, one in self._table(named).items() if one == id]
            return Name(names[0]) if len(names) == 1 else Name()
        if named.what in self._silent:
            return Name()
        try:
            return self._through_api(named.what, id)
        except _NO_NAMES as error:
            self._silent.add(named.what)
            self.console.say(f"Names of {named.what}s cannot be read, so their ids are written: {error}")
            return Name()

    def _through_api(self, what: str, id: int) -> Name:
        name = self.namer.name(what, id)
        if name is None:
            return Name()
        if len(self.namer.find(what, name)) > 1:
            return Name(comment=f'"{name}", like another {what}')
        return Name(name) if is_one_line(name) else Name(comment=f'"{name}"')

    def id_of(self, named: Named, name: str) -> int | None:
        """Return the id of a name, `None` where it is not exactly one."""
        if named.mapped:
            return self._table(named).get(name)
        found = self.namer.find(named.what, name)
        return found[0] if len(found) == 1 else None

    def _table(self, named: Named) -> dict[str, int]:
        return dict(self.session.target.ids[named.mapped])


def every_change(plan: Plan) -> Iterator[Change]:
    """Yield every change of a plan to what is live, those that are blocked too."""
    blocked = (one.change for one in plan.blocked if one.change)
    yield from (change for change in (*plan.changes, *blocked) if change.live)
