"""Edits existing YAML in place: cuts only where a value is, and looks at the result before anybody uses it.

What is not cut stays byte for byte: comments, order, quotes, blank lines, line breaks, indentation, anchors.
What cannot be edited without guessing is refused with its place: a value behind an alias or a merge key, one
that counts elsewhere by its anchor, and any layout in which the cut text would not load as what was asked.
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Sequence

from reconciler.config.editing.cutting import Cutter
from reconciler.config.editing.layout import laid_out
from reconciler.config.editing.patch import Patch, Ranks, no_ranks, patched
from reconciler.config.editing.splices import Overlap, Splice, spliced
from reconciler.config.yaml import read
from reconciler.engine.kind import Json
from reconciler.errors import NotEdited
from reconciler.problems import Place, Problem


def edit(content: bytes, file: str, patch: Patch, ranks: Ranks = no_ranks) -> bytes:
    """Return the bytes of a file once it is patched; `ranks` say where new keys go.

    Promises: the result loads, and the loaded data differ in exactly the patched paths; lines that hold
    none of them are byte for byte as before. Errors: `NotEdited` with the place of everything that cannot
    be edited safely, and for a file that has problems as YAML.
    """
    document = read(content, file)
    if document.problems:
        raise NotEdited(document.problems)
    text = content.decode("utf-8-sig")
    cutter = Cutter(laid_out(text), file, ranks)
    cuts = list(cutter.cuts(document.top.node, patch))
    if cutter.problems:
        raise NotEdited(cutter.problems)
    if not cuts:
        return content
    mark = codecs.BOM_UTF8 if content.startswith(codecs.BOM_UTF8) else b""
    return mark + checked(text, cuts, file, patched(document.top.value, patch))


def checked(text: str, cuts: Sequence[Splice], file: str, wanted: Json) -> bytes:
    """Return the text with its cuts made, as bytes; `NotEdited` where it does not load as what is wanted."""
    try:
        edited = spliced(text, cuts).encode()
    except (Overlap, UnicodeEncodeError) as error:
        raise NotEdited([_unsafe(file)]) from error
    document = read(edited, file)
    if document.problems or not same(document.top.value, wanted):
        raise NotEdited([_unsafe(file)])
    return edited


def _unsafe(file: str) -> Problem:
    message = "the layout of this file leaves no safe place for the edit"
    return Problem("edit-layout", Place(file, 1, 1), "", message, "edit it by hand")


def same(one: Json, other: Json) -> bool:
    """Tell whether two plain values are the same, `1`, `1.0` and `true` being three."""
    return _canonical(one) == _canonical(other)


def _canonical(value: Json) -> str:
    return json.dumps(value, sort_keys=True)
