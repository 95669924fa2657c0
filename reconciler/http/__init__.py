"""The only way out of this process to an API, and the one door of httpx. `api` has the table of failures."""

from reconciler.clock import RequestBudget
from reconciler.http.api import USUAL_BOUNDS, Api, Bounds, Connection, Dialect
from reconciler.http.messages import (
    Answer,
    Attempt,
    MemoryBudget,
    QueryValue,
    Secret,
    Transport,
    WsgiTransport,
)
from reconciler.http.trust import CHECKMARKET_HOSTS, EXPOINTS_HOSTS, TOKEN_HOSTS, trusted

__all__ = [
    "CHECKMARKET_HOSTS",
    "EXPOINTS_HOSTS",
    "TOKEN_HOSTS",
    "USUAL_BOUNDS",
    "Answer",
    "Api",
    "Attempt",
    "Bounds",
    "Connection",
    "Dialect",
    "MemoryBudget",
    "QueryValue",
    "RequestBudget",
    "Secret",
    "Transport",
    "WsgiTransport",
    "trusted",
]
