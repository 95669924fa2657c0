"""An emulator of the survey platforms' APIs, which shares no code with the rest of `reconciler`.

The web framework is imported when an application is first asked for, so that naming variants costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .app import create_app as create_app
    from .expoints import Tokens as Tokens
    from .expoints import revoke_tokens as revoke_tokens
    from .expoints_batches import approve as approve
    from .faults import AnswerLostError as AnswerLostError
    from .faults import Fault as Fault
    from .server import Server as Server
    from .server import serve as serve
    from .state import Request as Request
    from .state import State as State
    from .state import StateError as StateError
    from .state import check_state as check_state
    from .state import take_inventory as take_inventory
    from .variants import Variants as Variants

_HOMES = {
    "app": ("create_app",),
    "expoints": ("Tokens", "revoke_tokens"),
    "expoints_batches": ("approve",),
    "faults": ("AnswerLostError", "Fault"),
    "server": ("Server", "serve"),
    "state": ("Request", "State", "StateError", "check_state", "take_inventory"),
    "variants": ("Variants",),
}


def __getattr__(name: str) -> Any:
    """Import a public name from its home the first time it is used."""
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f".{home}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
