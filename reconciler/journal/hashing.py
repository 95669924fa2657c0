"""The hash under which personal text stands in every journal."""

from __future__ import annotations

import hashlib


def keyed_hash(key: bytes, text: str) -> str:
    """Return the hash of a text, any text, under a journal's key; 32 hexadecimal digits."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16, key=key).hexdigest()
