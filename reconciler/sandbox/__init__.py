"""An emulator of the survey platforms' APIs, which shares no code with the rest of `reconciler`.

The web framework is imported when an application is first asked for, so that naming variants costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reconciler.sandbox.app import create_app
    from reconciler.sandbox.checkmarket import Keys
    from reconciler.sandbox.expoints import Tokens, revoke_tokens
    from reconciler.sandbox.expoints_batches import approve
    from reconciler.sandbox.faults import AnswerLostError, Fault
    from reconciler.sandbox.state import Request, State, StateError, check_state, take_inventory

    from .server import Server, serve
    from .variants import Variants

_HOMES = {
    "AnswerLostError": "faults",
    "Fault": "faults",
    "Keys": "checkmarket",
    "Request": "state",
    "Server": "server",
    "State": "state",
    "StateError": "state",
    "Tokens": "expoints",
    "Variants": "variants",
    "approve": "expoints_batches",
    "check_state": "state",
    "create_app": "app",
    "revoke_tokens": "expoints",
    "serve": "server",
    "take_inventory": "state",
}

__all__ = [
    "AnswerLostError",
    "Fault",
    "Keys",
    "Request",
    "Server",
    "State",
    "StateError",
    "Tokens",
    "Variants",
    "approve",
    "check_state",
    "create_app",
    "revoke_tokens",
    "serve",
    "take_inventory",
]


def __getattr__(name: str) -> Any:
    """Import a public name from its home the first time it is used."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOMES[name]}", __name__), name)
