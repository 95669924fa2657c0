"""What the operator lets a run reach, and the variables that say so: in words, and what has no effect."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.access import ALLOWED_ENV, MOUNTED_SECRETS, SECRETS_DIR, TRUSTED_HOSTS, Access
from reconciler.commands.environment import Environment
from reconciler.http import CHECKMARKET_HOSTS, EXPOINTS_HOSTS, TOKEN_HOSTS
from reconciler.render.listing import Check, ok, problem


def check_access(environment: Environment) -> Iterator[Check]:
    """Yield what each variable of the operator's allows here, and a problem for whatever it says in vain."""
    access = environment.access
    mistakes = [problem(variable, text, mend) for variable, text, mend in access.mistakes()]
    wrong = {check.subject for check in mistakes}
    said = {
        "CI": _run(access),
        TRUSTED_HOSTS: _hosts(access),
        ALLOWED_ENV: _variables(access),
        SECRETS_DIR: _files(access),
    }
    yield from (ok(variable, text) for variable, text in said.items() if variable not in wrong)
    yield from mistakes


def _run(access: Access) -> str:
    if access.in_ci:
        return "is set: nobody watches, so this machine and files of secrets are trusted only as named below"
    return "is not set: a person runs this, and this machine is trusted, as for reconciler sandbox serve"


def _hosts(access: Access) -> str:
    """Return to whom credentials go: the hosts of each API, and those that the operator names."""
    own = (
        f"keys of CheckMarket go to {' and '.join(CHECKMARKET_HOSTS)}, a token of Expoints to "
        f"{', '.join(EXPOINTS_HOSTS)}, its client secret to {', '.join(TOKEN_HOSTS)} and the tenant"
    )
    if not access.trusted_hosts:
        return f"is not set: {own}, all at port 443"
    named = ", ".join(access.trusted_hosts)
    return f"adds {named}, at port 443 if none is named, for any API and a journal; otherwise {own}"


def _variables(access: Access) -> str:
    if not access.allowed_env:
        return "is not set: {env: …} may name every variable but those of other systems and RECONCILER_*"
    return f"{{env: …}} may name {', '.join(access.allowed_env)} only; a journal RECONCILER_JOURNAL too"


def _files(access: Access) -> str:
    if access.secrets_dir:
        return f"{{file: …}} may name what lies in {access.secrets_dir} or {MOUNTED_SECRETS} only"
    if access.in_ci:
        return f"is not set: in CI {{file: …}} may name what lies in {MOUNTED_SECRETS} only"
    return "is not set: {file: …} may name any plain file of one line that is no other program's"
