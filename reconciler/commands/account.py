"""Whether the keys open the account that is meant: looked at before the first write."""

from __future__ import annotations

from reconciler.commands.session import Session
from reconciler.config.settings import Account
from reconciler.engine.body import value_at
from reconciler.engine.kind import Body
from reconciler.errors import Refused


def check_account(session: Session) -> None:
    """Check that the account holds what `account_must_have` names. Errors: `Refused` if it does not."""
    wanted = session.checkmarket.account_must_have
    if wanted is None:
        return
    if not any(_is_wanted(session, wanted, body) for body in _candidates(session, wanted)):
        what = " ".join(str(part) for part in (wanted.id, wanted.name) if part is not None)
        raise Refused(
            f"the account behind target {session.target.name} does not have {what}, which account_must_have "
            "names: are these the keys of another account? Nothing was changed"
        )


def _candidates(session: Session, wanted: Account) -> list[Body]:
    if wanted.id is None:
        return list(session.client.list())
    body = session.client.read(wanted.id)
    return [] if body is None else [body]


def _is_wanted(session: Session, wanted: Account, body: Body) -> bool:
    name = value_at(body, session.kind.by_path[session.kind.name_field].member)
    return wanted.name is None or name == wanted.name
