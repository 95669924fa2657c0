"""An emulator of the survey platforms' APIs, which shares no code with the rest of `reconciler`."""

from .app import Server, create_app, serve
from .expoints import Tokens, approve, revoke_tokens
from .faults import Fault
from .state import Request, State, StateError, check_state, take_inventory
from .variants import Variants

__all__ = [
    "Fault",
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
