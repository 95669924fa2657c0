"""What is live on a target beside what is declared, and what things are called there: for `adopt`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from reconciler.checkmarket.section import SECTION
from reconciler.commands.console import Console
from reconciler.commands.planning import account_of
from reconciler.commands.pool import Pool
from reconciler.commands.session import Session
from reconciler.config.adopting import Name, Teller, is_one_line
from reconciler.config.section import Named
from reconciler.engine.classify import Account
from reconciler.engine.declared import Declared
from reconciler.engine.inventory import Inventory, Listing, take_inventory
from reconciler.engine.plan import Change, Plan, Scope
from reconciler.engine.planning import Consent, make_plan
from reconciler.engine.ports import Namer
from reconciler.engine.resolve import resolve
from reconciler.errors import BadAnswer, Declined, Forbidden, NotFound

_NO_NAMES = (Forbidden, NotFound, Declined, BadAnswer)
"""What a list of names can fail with while everything else works: its role, or a path that is inferred."""


@dataclass(frozen=True)
class Scene:
    """Everything live on the target of a session, read once."""

    session: Session
    inventory: Inventory
    account: Account

    @classmethod
    def of(cls, session: Session, declared: Sequence[Declared], listing: Listing, console: Console) -> Scene:
        """Read what is live, whole bodies as far as `declared` and `listing` ask for them."""
        each = Pool(session.checkmarket.parallelism, console)
        inventory = take_inventory(session.client, session.kind, declared, listing=listing, each=each)
        return cls(session, inventory, account_of(session, inventory))

    def plan(self, declared: Sequence[Declared]) -> Plan:
        """Return the plan for what is, or would be, declared; consented to, so that it shows everything."""
        scope = Scope(self.session.target.name, self.session.account, self.session.target.guardrails.limits)
        resolved = resolve(declared, self.session.client)
        return make_plan(scope, self.account, resolved, self.inventory, Consent(resets=None))

    def teller(self, console: Console) -> Teller:
        """Return what says in the words of the files what is live."""
        names = _Names(self.session, self.session.client, console)
        return Teller(SECTION, self.account, names.name_of, names.id_of)


@dataclass
class _Names:
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
