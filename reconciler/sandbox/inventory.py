"""What a sandbox holds, for people to look at."""

from __future__ import annotations

from typing import Any

from msgspec.structs import asdict

from .seeding import CONFIGS, MAILS, SURVEYS
from .state import State


def take_inventory(state: State, *, last_requests: int = 20) -> dict[str, Any]:
    """Return all that a sandbox holds, ready for JSON; reads only, and is not a request to the sandbox.

    `import_configs` has hidden ones too, each with `hidden`; members that hold null are left out.
    `requests` are the newest ones, oldest first.
    """
    with state.transaction() as documents:
        configs = [_config(key, stored["Config"]) for key, stored in documents.all(CONFIGS).items()]
        surveys = [{"Id": key, **survey} for key, survey in documents.all(SURVEYS).items()]
        mails = list(documents.all(MAILS).values())
    requests = [asdict(request) for request in state.requests(last_requests)]
    return {"import_configs": configs, "surveys": surveys, "requests": requests, "mails": mails}


def _config(identity: int | str, members: dict[str, Any]) -> dict[str, Any]:
    shown = {name: value for name, value in members.items() if value is not None}
    return {"ImportConfigId": identity, **shown, "hidden": not members.get("IsReusable")}
