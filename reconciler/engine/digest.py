"""Fingerprints of values: the same for the same content, whoever computes them."""

from __future__ import annotations

import hashlib
import json

_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def digest_of(value: object) -> str:
    """Return the SHA-256 of the value's canonical JSON, in hexadecimal."""
    return hashlib.sha256(_CANONICAL.encode(value).encode()).hexdigest()
