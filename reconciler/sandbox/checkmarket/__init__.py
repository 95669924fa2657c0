"""The CheckMarket part of the sandbox: the Survey API, version 3, as far as import configurations need it."""

from .access import Keys
from .routes import checkmarket_part

__all__ = ["Keys", "checkmarket_part"]
