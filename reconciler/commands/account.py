"""Whether the keys open the account that is meant: looked at before the first write."""

from __future__ import annotations

from reconciler.commands.session import Session
from reconciler.config.settings import Account
from reconciler.engine.body import value_at
from reconciler.engine.kind import Body, Kind, Reader
from reconciler.errors import Refused


def check_account(session: Session) -> None:
    """Check that the account holds what `account_must_have` names. Errors: `Refused` if it does not."""
    wanted = session.checkmarket.account_must_have
    if wanted is None:
        return
    if not holds(session.client, session.kind, wanted):
        what = " ".join(str(part) for part in (wanted.id, wanted.name) if part is not None)
        raise Refused(
            f"the account behind target {session.target.name} does not have {what}, which account_must_have "
            "names: are these the keys of another account? Nothing was changed"
        )


def holds(client: Reader, kind: Kind, wanted: Account) -> bool:
    """Tell whether an account has what `wanted` names; reads only."""
    name_of = kind.by_path[kind.name_field].member
    bodies = _candidates(client, wanted)
    return any(wanted.name is None or value_at(body, name_of) == wanted.name for body in bodies)


def _candidates(client: Reader, wanted: Account) -> list[Body]:
    if wanted.id is None:
        return list(client.list())
    body = client.read(wanted.id)
    return [] if body is None else [body]
