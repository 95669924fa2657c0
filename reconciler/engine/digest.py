"""Fingerprints of values: the same for the same content, whoever computes them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True)


CHECKSUM = "checksum"
"""The member of a document that says what all of its other members are."""


def checksum_of(document: Mapping[str, object]) -> str:
    """Return the checksum over all of a document but its checksum, whatever the order of its members.

    It finds what was cut, mixed or edited by hand. It is no signature: whoever writes the file anew can make
    it fit again. What binds is that apply plans again, and carries out only what has a digest in the file.
    """
    return digest_of({name: value for name, value in document.items() if name != CHECKSUM})


def digest_of(value: object) -> str:
    """Return the SHA-256 of the value's canonical JSON, in hexadecimal."""
    return hashlib.sha256(_CANONICAL.encode(value).encode()).hexdigest()
