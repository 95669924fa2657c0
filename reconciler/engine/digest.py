"""Fingerprints of values: the same for the same content, whoever computes them."""

from __future__ import annotations

import hashlib
import json


def digest_of(value: object) -> str:
    """Return the SHA-256 of the value's canonical JSON, in hexadecimal."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()
