"""An emulator of the survey platforms' APIs, which shares no code with the rest of `reconciler`."""

from .app import create_app
from .expoints import Tokens, approve, revoke_tokens
from .faults import Fault
from .server import Server, serve
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
