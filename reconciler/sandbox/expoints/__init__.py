"""The Expoints part of the sandbox: the external API, version 3, as far as test batches need it."""

from .access import Tokens, revoke_tokens
from .mailing import approve
from .routes import expoints_part

__all__ = ["Tokens", "approve", "expoints_part", "revoke_tokens"]
